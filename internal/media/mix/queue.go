package mix

import (
	"time"

	"switchboard/internal/media/opus"
)

// slots is how many packets a queue holds; a power of two.
const slots = 64

// queue brings the packets of one talker back into order. Packets are named by
// their index, which is the sequence number without its wrapping.
type queue struct {
	ring    [slots]slot
	next    int64 // the packet that is played next
	newest  int64
	began   bool
	samples int    // of the packet that came last; what a missing one is taken to hold
	played  uint64 // bit i: packet next-1-i was there when its turn came
}

// slot is a packet that waits.
type slot struct {
	index   int64 // 0: empty
	samples int
	at      time.Duration // when it came
	silent  bool          // it says so itself
	payload []byte
}

// firstIndex keeps indices positive.
const firstIndex = 1 << 20

// index finds the index of a sequence number, and begins anew when it is too far
// from the others to be of the same stream.
func (q *queue) index(sequence uint16) int64 {
	if q.began {
		index := q.newest + int64(int16(sequence-uint16(q.newest)))
		if index > q.next-slots && index < q.next+slots {
			return index
		}
	}
	index := firstIndex + int64(sequence)
	q.restart(index)
	return index
}

// restart empties the queue and makes index the next packet.
func (q *queue) restart(index int64) {
	for i := range q.ring {
		q.ring[i].index = 0
	}
	q.next, q.newest, q.began, q.played = index, index-1, true, 0
}

// at returns the packet with an index, or nil if it is not there.
func (q *queue) at(index int64) *slot {
	if s := &q.ring[index&(slots-1)]; s.index == index {
		return s
	}
	return nil
}

// put keeps a packet. It returns false for one that was there before, or whose
// turn is over.
func (q *queue) put(index int64, p Packet, now time.Duration) bool {
	if index < q.next || q.at(index) != nil {
		return false
	}
	s := &q.ring[index&(slots-1)]
	*s = slot{index: index, samples: opus.Samples(p.Payload), at: now, payload: append(s.payload[:0], p.Payload...)}
	s.silent = p.Silent()
	q.samples = s.samples
	q.newest = max(q.newest, index)
	return true
}

// pass goes on to the packet after next.
func (q *queue) pass() {
	s := q.at(q.next)
	q.played <<= 1
	if s != nil {
		q.played |= 1
		s.index = 0
	}
	q.next++
}

// had tells whether the packet was played.
func (q *queue) had(index int64) bool {
	age := q.next - 1 - index
	return age >= 0 && age < 64 && q.played>>age&1 == 1
}

// waiting returns how many samples there are to play, counting what is missing
// in between, because it is known to be.
func (q *queue) waiting() int {
	n := 0
	for i := q.next; i <= q.newest; i++ {
		if s := q.at(i); s != nil {
			n += s.samples
		} else {
			n += q.samples
		}
	}
	return n
}

// trim passes over packets that came before a time.
func (q *queue) trim(since time.Duration) {
	for q.next <= q.newest {
		if s := q.at(q.next); s != nil && s.at >= since {
			return
		}
		q.pass()
	}
}
