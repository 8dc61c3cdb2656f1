package mix

import (
	"slices"
	"time"
)

const (
	// steady is how much the times of nearly all of a talker's packets may differ
	// for their phase to mean something.
	steady = 12 * time.Millisecond
	// gain is by how much the longest wait must shrink for a shift to be worth it.
	gain = 3 * time.Millisecond
	// slide is by how much a mix comes later than the one before while it shifts.
	slide = 2 * time.Millisecond
	// remembered is how long the phase of somebody who fell silent counts.
	remembered = 10 * time.Second
	// settling is how long after a shift the time of the mix is not pulled back.
	settling = 3 * time.Second
)

// phase is how long the frames of a talker wait for the mix they are in.
type phase struct {
	ready   bool // the frame for the next mix is there
	at      time.Duration
	surplus bool // in every mix so far, one more was there
	count   int
	waits   [steps]time.Duration
}

// notice is called with each packet.
func (t *Talker) notice(now time.Duration) {
	if !t.phase.ready && t.source.ready(FrameSamples) {
		t.phase.ready, t.phase.at = true, now
	}
}

// waited is called with each mix the talker is in.
func (t *Talker) waited(now time.Duration) {
	p := &t.phase
	wait := min(now-p.at, frameTime-time.Microsecond)
	if !p.ready {
		wait = 0
	}
	if p.count == 0 {
		p.surplus = true
	}
	if p.count < steps {
		p.waits[p.count] = wait
		p.count++
	}
	p.ready, p.at = t.source.ready(FrameSamples), now
	p.surplus = p.surplus && p.ready
}

// spread returns between which times nearly all frames waited, and begins anew. Of
// who has just begun only the last is known.
func (p *phase) spread() (w span, ok bool) {
	n := p.count
	if p.count = 0; n < steps {
		last := p.waits[max(n, 1)-1]
		return span{last, last}, true
	}
	slices.Sort(p.waits[:])
	w.low, w.high = p.waits[steps/16], p.waits[steps-1-steps/16]
	return w, !p.surplus && w.high-w.low <= steady
}

// span is from when to when before the mix the frames of a talker come.
type span struct{ low, high time.Duration }

// align finds out whether all talkers would wait less if the mix came later, just
// behind the frames of one of them. Those whose next frame is then there as well
// have one too many, which is cut out.
//
// Packets come every 20 ms, those of each talker at another time. The longest
// wait is 20 ms less the longest gap between such times if the mix comes at its
// beginning.
//
// Who spoke lately counts as well, since they may go on at any moment, and then
// begin with the next mix.
func (m *Mixer) align(s *island) {
	now := m.now
	if s.aligned++; s.aligned < steps {
		return
	}
	s.aligned = 0
	var spans []span
	usable := s.shift == 0 && now >= s.settled
	longest := time.Duration(0)
	for _, t := range s.talkers {
		w, ok := t.phase.spread()
		usable = usable && ok
		longest = max(longest, w.high)
		spans = append(spans, w)
	}
	if !usable || len(spans) < 2 {
		return
	}
	for _, w := range m.lately(s) {
		longest = max(longest, w)
		spans = append(spans, span{w, w})
	}
	best, at := longest, time.Duration(0)
	for _, w := range spans {
		worst := time.Duration(0)
		for _, o := range spans {
			// One that comes partly before and partly behind counts in full.
			worst = max(worst, (o.low-w.low+frameTime)%frameTime+o.high-o.low)
		}
		if worst < best {
			best, at = worst, w.low
		}
	}
	if longest-best < gain {
		return
	}
	s.shift = frameTime - at
	s.settled = now + settling
	for i, t := range s.talkers {
		if spans[i].low >= at {
			t.source.spare = FrameSamples
		}
	}
}

// lately returns how long packets would have waited of those who spoke lately in
// the rooms of an island.
func (m *Mixer) lately(s *island) []time.Duration {
	m.recent = slices.DeleteFunc(m.recent, func(t *Talker) bool { return t.removed || t.island != nil || m.now-t.rested > remembered })
	var waits []time.Duration
	for _, t := range m.recent {
		if m.now-t.activity.at < 5*frameTime && t.source.samples == FrameSamples && s.meets(t) {
			waits = append(waits, (m.now-t.activity.at)%frameTime)
		}
	}
	return waits
}

// meets tells whether a talker feeds a room of the island.
func (s *island) meets(t *Talker) bool {
	return slices.ContainsFunc(s.talkers, func(o *Talker) bool {
		return slices.ContainsFunc(o.feeds, func(f feed) bool {
			return slices.ContainsFunc(t.feeds, func(g feed) bool { return f.room == g.room })
		})
	})
}

// later takes the next step of a shift.
func (s *island) later() time.Duration {
	step := min(s.shift, slide)
	s.shift -= step
	return step
}
