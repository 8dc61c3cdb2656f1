package mix

import "time"

// tail is how long a gate stays open after it was closed, for the packets that
// the signal overtook.
const tail = 100 * time.Millisecond

// gate is push-to-talk. Until it is used for the first time it is open.
type gate struct {
	used, open bool
	closes     time.Duration // if used and not open
}

// passes tells whether packets that come now are heard.
func (g *gate) passes(now time.Duration) bool {
	return !g.used || g.open || now < g.closes
}

// Gate opens or closes a talker's push-to-talk gate. It opens at once, and with
// the last 100 ms of what came before, since packets may overtake the signal; it
// closes 100 ms later, and what came until then is played to its end. Before the
// first packet it closes at once.
func (m *Mixer) Gate(t *Talker, open bool, now time.Duration) {
	m.now = max(m.now, now)
	if t.removed {
		return
	}
	was := t.gate.passes(m.now)
	switch {
	case open:
		t.gate = gate{used: true, open: true}
	case !t.gate.used || t.gate.open:
		t.gate = gate{used: true, closes: m.now}
		if t.source.began {
			t.gate.closes += tail
		}
	}
	if open && !was && !t.open {
		m.replay(t)
	}
	m.dirty = m.dirty || t.open
}

// replay opens a talker from the first packet of the pre-roll in which there is
// something to hear.
func (m *Mixer) replay(t *Talker) {
	t.source.trim(m.now - preroll)
	for i := t.source.next; i <= t.source.newest; i++ {
		if s := t.source.at(i); s != nil && !s.silent {
			m.openTalker(t, i)
			return
		}
	}
}
