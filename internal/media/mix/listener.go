package mix

import (
	"slices"
	"time"

	"switchboard/internal/media"
)

// Hearing is a room that a listener hears.
type Hearing struct {
	Room  media.RoomID
	Level Level
}

// Listener is one transport that gets a mix. Its exported methods may be called
// while a frame for it is handed over.
type Listener struct {
	transport media.TransportID
	own       []media.TransportID // others of whoever listens
	hears     []*room
	terms     []term // what is audible now, in the order of Mixer.live
	blend     *blend // nil: hears nobody
	removed   bool

	timestamp uint32
	at        time.Duration // of the last frame
	silent    bool          // the last frame was comfort noise
	marker    bool
}

// Transport returns the transport that the listener was added for.
func (l *Listener) Transport() media.TransportID { return l.transport }

// Timestamp returns the media time at which the frame begins, in samples at 48
// kHz from 0 on; it wraps. While there was nothing to hear it went on.
func (l *Listener) Timestamp() uint32 { return l.timestamp }

// Marker tells whether the frame is the first of a talk spurt (RFC 3551 section
// 4.1).
func (l *Listener) Marker() bool { return l.marker }

// AddListener adds somebody who hears no room yet. The voices of the transport's
// own tracks are never in the mix.
func (m *Mixer) AddListener(transport media.TransportID, now time.Duration) *Listener {
	m.now = max(m.now, now)
	l := &Listener{transport: transport, silent: true, at: m.now - frameTime}
	m.listeners = append(m.listeners, l)
	m.dirty = true
	return l
}

// RemoveListener ends a listener's stream. A second call does nothing.
func (m *Mixer) RemoveListener(l *Listener) {
	if l.removed {
		return
	}
	m.Hear(l, nil)
	l.removed = true
	m.listeners = slices.DeleteFunc(m.listeners, func(other *Listener) bool { return other == l })
	m.quiet = slices.DeleteFunc(m.quiet, func(other *Listener) bool { return other == l })
	if l.blend != nil {
		l.blend.remove(l)
	}
}

// Hear says which rooms a listener hears from now on, all of them at once. A room
// named twice is heard at the louder level.
func (m *Mixer) Hear(l *Listener, hearings []Hearing) {
	if l.removed {
		return
	}
	for _, r := range l.hears {
		r.remove(l)
	}
	old := l.hears
	l.hears = nil
	for _, h := range hearings {
		if h.Level == Mute {
			continue
		}
		r := m.enter(h.Room)
		if i := slices.IndexFunc(r.listeners, func(e ear) bool { return e.listener == l }); i >= 0 {
			r.listeners[i].level = min(r.listeners[i].level, h.Level)
			continue
		}
		r.listeners = append(r.listeners, ear{l, h.Level})
		l.hears = append(l.hears, r)
	}
	for _, r := range old {
		m.abandon(r)
	}
	m.dirty = true
}

// SetOwn names further transports whose tracks are never in the listener's mix.
// The slice is kept.
func (m *Mixer) SetOwn(l *Listener, transports []media.TransportID) {
	if !slices.Equal(l.own, transports) {
		l.own, m.dirty = transports, true
	}
}

// owns tells whether a transport is the listener's own.
func (l *Listener) owns(t media.TransportID) bool {
	return t == l.transport || slices.Contains(l.own, t)
}

// step moves the listener's media time on to the next frame: by one frame within
// speech, and by as much as passed where one side is silence.
func (l *Listener) step(now time.Duration, silent bool) {
	frames := time.Duration(1)
	if silent || l.silent {
		frames = max(1, (now-l.at+frameTime/2)/frameTime)
	}
	l.timestamp += uint32(frames) * FrameSamples
	l.marker = l.silent && !silent
	l.silent, l.at = silent, now
}
