// Package desk is the mixing desk of the engine: it feeds the mixer (package mix)
// with the packets that the packet plane (package forward) receives, and gives
// the plane what the mixer makes.
//
// It owns who is in which mix: the newest revision of every voice and of every
// hearing, push-to-talk over several rooms, and the mixer itself. It knows no
// SDP, keys or sockets, and decides nothing about who may hear whom.
//
// One goroutine does all of it. It sleeps until packets of tapped tracks, orders
// or the mixer's time wake it; while nobody speaks there is one frame of comfort
// noise every 400 ms for those who hear nothing, and without such listeners
// nothing at all. Only tracks are tapped that somebody else could hear. Methods
// may be called from any goroutine and only leave an order.
package desk

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/mix"
	"switchboard/internal/media/opus"
	"switchboard/internal/media/rtc/forward"
)

// Options of a desk. Plane is required.
type Options struct {
	Plane *forward.Plane
	// Notify hears who talks on tracks that do not say so themselves, as the
	// plane's does for those that do. nil discards it.
	Notify forward.Notify
	Mix    mix.Options
}

// codec is what encodes and decodes Opus.
func (o *Options) codec() opus.Codec {
	if o.Mix.Codec == nil {
		return opus.New()
	}
	return o.Mix.Codec
}

// Desk is the mixing desk.
type Desk struct {
	plane  *forward.Plane
	notify forward.Notify
	mixer  *mix.Mixer
	codec  opus.Codec
	wake   chan struct{} // capacity 1
	ended  chan struct{}

	mu     sync.Mutex
	orders []func() // guarded by mu
	closed bool     // guarded by mu

	counters atomic.Pointer[mix.Counters] // as of the last round

	// The rest belongs to the goroutine.
	transports map[media.TransportID]*transport
	talkers    map[media.TrackID]*talker
	rooms      map[media.RoomID]*room
	listeners  map[*mix.Listener]*transport
	voices     map[*mix.Talker]*talker
	fading     []*talker // with a room whose gate closed a moment ago
	now        time.Duration
	made       bool // frames since the last Kick
	to         []forward.MixedTo
	doing      []func()
	pcm        []float32 // what a phone says or hears
	bytes      []byte
}

// New starts a desk.
func New(o Options) (*Desk, error) {
	d := &Desk{
		plane: o.Plane, notify: o.Notify, codec: o.codec(),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
		transports: map[media.TransportID]*transport{},
		talkers:    map[media.TrackID]*talker{},
		rooms:      map[media.RoomID]*room{},
		listeners:  map[*mix.Listener]*transport{},
		voices:     map[*mix.Talker]*talker{},
	}
	var err error
	if d.mixer, err = mix.New(o.Mix, d); err != nil {
		return nil, fmt.Errorf("start mixing: %w", err)
	}
	d.counters.Store(new(mix.Counters))
	go d.run()
	return d, nil
}

// Close ends the desk and waits for its goroutine; Notify is not called any more.
// A second call does nothing.
func (d *Desk) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.rouse()
	<-d.ended
}

// Counters returns what the mixer has done.
func (d *Desk) Counters() mix.Counters { return *d.counters.Load() }

// Open adds a transport; out is where it is sent to, nil if it only speaks. One
// that always listens gets comfort noise while it hears no room.
func (d *Desk) Open(id media.TransportID, out *forward.Transport, always bool) {
	d.order(func() { d.open(id, out, always) })
}

// Forget takes a transport out, with its voices.
func (d *Desk) Forget(id media.TransportID) { d.order(func() { d.forget(id) }) }

// Apply takes what routes say of mixes, as [media.Engine] promises.
func (d *Desk) Apply(r media.Routes) {
	if len(r.Voices) == 0 && len(r.Receptions) == 0 {
		return
	}
	d.order(func() { d.apply(r) })
}

// order leaves work for the goroutine. Orders are done in order.
func (d *Desk) order(do func()) {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.orders = append(d.orders, do)
	d.mu.Unlock()
	d.rouse()
}

func (d *Desk) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run is the goroutine.
func (d *Desk) run() {
	defer close(d.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for d.round() {
		switch due := d.due(); {
		case due == mix.Never:
			timer.Stop()
		default:
			timer.Reset(max(0, due-time.Duration(d.plane.Now())))
		}
		select {
		case <-d.wake:
		case <-d.plane.Tapped():
		case <-timer.C:
		}
	}
}

// round does all there is to do now, and tells whether there will be more.
func (d *Desk) round() bool {
	d.mu.Lock()
	d.doing, d.orders = d.orders, d.doing[:0]
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return false
	}
	d.plane.Hear(d.hear) // before anything changes for what came
	d.now = time.Duration(d.plane.Now())
	for i, do := range d.doing {
		do()
		d.doing[i] = nil
	}
	d.plane.Hear(d.hear)
	d.now = max(d.now, time.Duration(d.plane.Now()))
	d.fade()
	if d.mixer.Due() <= d.now {
		d.mixer.Tick(d.now)
	}
	if d.made {
		d.made = false
		d.plane.Kick()
	}
	c := d.mixer.Counters()
	d.counters.Store(&c)
	return true
}

// due returns when there will be something to do if nothing happens.
func (d *Desk) due() time.Duration {
	due := d.mixer.Due()
	for _, t := range d.fading {
		due = min(due, t.fades())
	}
	return due
}

// Quiet is [forward.Options.Quiet] for a desk.
func Quiet(h forward.Heard) bool {
	return h.Sound == forward.Opus && packet(h).Silent()
}

// packet is how the mixer takes what is heard.
func packet(h forward.Heard) mix.Packet {
	return mix.Packet{Sequence: h.Sequence, Payload: h.Payload, Level: h.Level, HasLevel: h.HasLevel}
}

// hear takes a packet of a tapped track.
func (d *Desk) hear(h forward.Heard) {
	t := d.talkers[h.Track]
	if t == nil || t.voice == nil {
		return
	}
	if h.Sound != forward.Opus {
		d.hearPhone(t, h)
		return
	}
	d.mixer.Push(t.voice, packet(h), time.Duration(h.At))
}

// Frame implements [mix.Output].
func (d *Desk) Frame(f mix.Frame) {
	d.to = slices.Grow(d.to[:0], len(f.Listeners))
	for _, l := range f.Listeners {
		t := d.listeners[l]
		if t == nil {
			continue
		}
		switch sound := t.out.MixedSound(); sound {
		case forward.NoSound:
		case forward.PCMU, forward.PCMA:
			d.speakPhone(t, sound, f.Payload, l)
		default:
			d.to = append(d.to, forward.MixedTo{Transport: t.out, Timestamp: l.Timestamp(), Marker: l.Marker()})
		}
	}
	d.plane.SendMixed(forward.Mixed{Sound: forward.Opus, Payload: f.Payload, To: d.to})
	d.made = true
}

// Talking implements [mix.Output]. Tracks that send levels are spoken of by the
// plane.
func (d *Desk) Talking(v *mix.Talker, on bool) {
	t := d.voices[v]
	if t == nil || d.notify == nil || on && v.Told() || !on && !t.talking {
		return
	}
	t.talking = on
	d.notify.Talking(t.from.id, t.track, on)
}
