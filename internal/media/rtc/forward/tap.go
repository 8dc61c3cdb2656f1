package forward

import (
	"strings"
	"sync"
	"sync/atomic"

	"switchboard/internal/media"
)

// Sound is how sound is encoded that goes through the hands of the engine.
type Sound uint8

// The encodings.
const (
	NoSound Sound = iota // another, or none
	Opus
	PCMU
	PCMA
)

// soundOf finds out what a codec is.
func soundOf(c *Codec) Sound {
	switch {
	case c == nil:
	case strings.EqualFold(c.Name, "opus"):
		return Opus
	case strings.EqualFold(c.Name, "PCMU"):
		return PCMU
	case strings.EqualFold(c.Name, "PCMA"):
		return PCMA
	}
	return NoSound
}

// Heard is a packet of a tapped track, in the order of arrival.
type Heard struct {
	Track    media.TrackID
	Sound    Sound
	Sequence uint16 // goes on when the publisher goes over to another SSRC
	At       int64  // arrival, Plane.Now
	Payload  []byte // without redundancy; valid during the call
	Level    uint8  // RFC 6464, if HasLevel
	HasLevel bool
}

// maxTapped is how many packets may wait to be taken from the tap.
const maxTapped = 4096

// tap is where packets of tapped tracks wait for the one who takes them. It is
// filled as the queues of workers are.
type tap struct {
	wake    chan struct{} // capacity 1
	pending atomic.Bool

	mu     sync.Mutex
	queue  queue // guarded by mu
	closed bool  // guarded by mu

	wanted map[media.TrackID]struct{} // guarded by Plane.mu
	taken  []item                     // belongs to the one who takes
}

// Tap begins or ends to keep the packets of a track for Hear, also of one that is
// not known yet. Who taps a track ends it, even if the track has ended.
func (p *Plane) Tap(id media.TrackID, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.tap.wanted[id] = struct{}{}
	} else {
		delete(p.tap.wanted, id)
	}
	if tr := p.tracks[id]; tr != nil {
		tr.tapped.Store(on)
	}
}

// Tapped receives when there is something for Hear.
func (p *Plane) Tapped() <-chan struct{} { return p.tap.wake }

// Hear hands out what came on tapped tracks. One goroutine calls it.
func (p *Plane) Hear(do func(Heard)) {
	t := &p.tap
	t.mu.Lock()
	t.taken = t.queue.move(t.taken[:0])
	t.mu.Unlock()
	for i := range t.taken {
		tr, pkt := t.taken[i].track, t.taken[i].packet
		h := Heard{Track: tr.id, Sound: pkt.sound, Sequence: uint16(pkt.index), At: pkt.at, Payload: pkt.payload, Level: pkt.level, HasLevel: pkt.leveled}
		if pkt.red {
			h.Payload = pkt.primary
		}
		do(h)
		p.pool.release(pkt, 1)
	}
	clear(t.taken)
}

// push queues a packet until the next Kick. It consumes the reference.
func (t *tap) push(i item, l *pool) {
	t.mu.Lock()
	full := t.closed || len(t.queue.items) >= maxTapped
	if !full {
		t.queue.items = append(t.queue.items, i)
	}
	t.mu.Unlock()
	if full {
		l.release(i.packet, 1)
		return
	}
	t.pending.Store(true)
}

// kick shows what was pushed.
func (t *tap) kick() {
	if !t.pending.Load() {
		return
	}
	t.mu.Lock()
	t.pending.Store(false)
	t.queue.visible = len(t.queue.items)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// close gives back what nobody took.
func (t *tap) close(l *pool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, i := range t.queue.items {
		l.release(i.packet, 1)
	}
	t.queue = queue{}
}

// soundOf finds out what the payload is, or what is in it if it is RED.
func (tr *track) soundOf(p *packet) Sound {
	kind := p.kind
	if p.red {
		kind = p.inner
	}
	return soundOf(tr.formats[kind].codec)
}
