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

const (
	// maxTapped is how many packets may wait to be taken from the tap.
	maxTapped = 4096
	// maxLazy is how many of them may wait without anybody being woken.
	maxLazy = 256
	// lull is how long a track is quiet before its packets wake nobody;
	// nanoseconds.
	lull = 1_000_000_000
)

// tap is where packets of tapped tracks wait for the one who takes them.
type tap struct {
	quiet   func(Heard) bool
	wake    chan struct{} // capacity 1
	pending atomic.Bool   // somebody is to be woken

	mu     sync.Mutex
	items  []item // guarded by mu
	closed bool   // guarded by mu

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
	t.items, t.taken = t.taken[:0], t.items
	t.mu.Unlock()
	for _, i := range t.taken {
		do(i.heard())
		p.pool.release(i.packet, 1)
	}
	clear(t.taken)
}

// heard is what is handed out of a packet.
func (i item) heard() Heard {
	p := i.packet
	h := Heard{Track: i.track.id, Sound: p.sound, Sequence: uint16(p.index), At: p.at, Payload: p.payload, Level: p.level, HasLevel: p.leveled}
	if p.red {
		h.Payload = p.primary
	}
	return h
}

// listen keeps a packet, to be taken after the next Kick, or, if the track has been
// quiet for a while, when there is something else to take. The track's ingress.mu
// is held.
func (t *tap) listen(tr *track, p *packet) {
	i := item{tr, p}
	if t.quiet == nil || !t.quiet(i.heard()) {
		tr.loudAt = p.at
	}
	t.mu.Lock()
	waiting := len(t.items)
	full := t.closed || waiting >= maxTapped
	if !full {
		p.references.Add(1)
		t.items = append(t.items, i)
	}
	t.mu.Unlock()
	if !full && (p.at-tr.loudAt < lull || waiting > maxLazy) && !t.pending.Load() {
		t.pending.Store(true)
	}
}

// kick wakes whoever takes.
func (t *tap) kick() {
	if !t.pending.Load() {
		return
	}
	t.pending.Store(false) // before waking: what is pushed meanwhile is taken too
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
	for _, i := range t.items {
		l.release(i.packet, 1)
	}
	t.items = nil
}

// soundOf finds out what the payload is, or what is in it if it is RED.
func (tr *track) soundOf(p *packet) Sound {
	kind := p.kind
	if p.red {
		kind = p.inner
	}
	return soundOf(tr.formats[kind].codec)
}
