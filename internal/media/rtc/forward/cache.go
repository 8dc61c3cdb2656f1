package forward

import "sync"

// How many packets a track remembers: a second of video at 8 Mbit/s, a second of
// voice. Both are powers of two.
const (
	videoSlots = 1024
	audioSlots = 64
	firstSlots = 32
)

// Limits of what a newcomer is replayed instead of waiting for a key frame, and
// for how long packets are kept at all, in nanoseconds.
const (
	replayPackets = 256
	replayAge     = 1_000_000_000
	keepAge       = 1_500_000_000
)

// cache is a track's memory of its packets, for retransmission and newcomers:
// a ring that grows as long as what is young enough to keep does not fit. The
// reader of the track puts, workers take references.
type cache struct {
	pool *pool
	size int // what slots grows to

	mu     sync.Mutex
	slots  []slot // length a power of two; guarded by mu
	newest int64  // highest index ever put, 0 if none; guarded by mu
	oldest int64  // nothing is kept below; guarded by mu
	floor  int64  // nothing is taken up to here; guarded by mu
	serial int64  // of the packet put last; guarded by mu
	key    int64  // where the newest key frame begins, 0 if none; guarded by mu
	closed bool   // guarded by mu
}

// slot remembers its index longer than the packet, so that no packet is taken
// twice: sent a second time under the same number, it might differ.
type slot struct {
	index  int64
	packet *packet
}

func (c *cache) slot(index int64) *slot { return &c.slots[index&int64(len(c.slots)-1)] }

// put keeps p, with a reference of its own, and returns false if a packet of
// that index was put before or the index is too old to tell.
func (c *cache) put(p *packet) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || p.index <= max(c.floor, c.newest-int64(len(c.slots))) {
		return false
	}
	c.grow(p.index)
	s := c.slot(p.index)
	if s.index == p.index {
		return false
	}
	if s.packet != nil {
		c.pool.release(s.packet, 1)
	}
	c.serial++
	p.serial = c.serial
	p.references.Add(1)
	*s = slot{p.index, p}
	c.newest = max(c.newest, p.index)
	c.oldest = max(min(c.oldest, p.index), c.newest-int64(len(c.slots))+1)
	if p.key {
		c.key = max(c.key, p.index)
	}
	return true
}

// grow makes room for index, so that what is still kept is not overwritten
// before the ring has its full size.
func (c *cache) grow(index int64) {
	if c.slots == nil {
		c.slots = make([]slot, min(firstSlots, c.size))
		c.oldest = index
		c.floor = index - int64(len(c.slots))
	}
	for len(c.slots) < c.size && index-c.oldest >= int64(len(c.slots)) {
		old := c.slots
		c.floor = max(c.floor, c.newest-int64(len(old))) // what the old ring has forgotten
		c.slots = make([]slot, 2*len(old))
		for _, s := range old {
			if s.index > 0 {
				*c.slot(s.index) = s
			}
		}
	}
}

// get returns the packet of an index with a reference for the caller, or nil.
func (c *cache) get(index int64) *packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.slots) == 0 {
		return nil
	}
	s := c.slot(index)
	if s.index != index || s.packet == nil {
		return nil
	}
	s.packet.references.Add(1)
	return s.packet
}

// replay appends to dst the packets from the newest key frame on, each with a
// reference for the caller, if that frame is recent enough for a newcomer, and
// returns the serial that the next packet exceeds.
func (c *cache) replay(dst []*packet, now int64) ([]*packet, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == 0 || c.newest-c.key >= replayPackets {
		return dst, c.serial
	}
	if s := c.slot(c.key); s.index != c.key || s.packet == nil || now-s.packet.at > replayAge {
		return dst, c.serial
	}
	for i := c.key; i <= c.newest; i++ {
		if s := c.slot(i); s.index == i && s.packet != nil {
			s.packet.references.Add(1)
			dst = append(dst, s.packet)
		}
	}
	return dst, c.serial
}

// expire lets go of packets that came before the given time.
func (c *cache) expire(before int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.slots) > 0 && c.oldest <= c.newest {
		s := c.slot(c.oldest)
		if s.index == c.oldest && s.packet != nil {
			if s.packet.at >= before {
				return
			}
			c.pool.release(s.packet, 1)
			s.packet = nil
		}
		c.oldest++
	}
}

// close lets go of everything, for ever.
func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.slots {
		if p := c.slots[i].packet; p != nil {
			c.pool.release(p, 1)
		}
	}
	c.slots, c.key, c.closed = nil, 0, true
}
