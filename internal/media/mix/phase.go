package mix

import (
	"slices"
	"time"
)

const (
	// steady is how much the times of a talker's packets may differ for their
	// phase to mean something.
	steady = 4 * time.Millisecond
	// gain is by how much the longest wait must shrink for a shift to be worth it.
	gain = 3 * time.Millisecond
	// slide is by how much a mix comes later than the one before while it shifts.
	slide = 2 * time.Millisecond
	// settling is how long after a shift the time of the mix is not pulled back.
	settling = 3 * time.Second
)

// phase is how long the frames of a talker wait for the mix they are in.
type phase struct {
	ready    bool // the frame for the next mix is there
	at       time.Duration
	surplus  bool // in every mix so far, one more was there
	count    int
	min, max time.Duration
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
	wait := now - p.at
	if !p.ready {
		wait = 0
	}
	if p.count == 0 {
		p.min, p.max, p.surplus = wait, wait, true
	}
	p.min, p.max = min(p.min, wait), max(p.max, wait)
	p.count++
	p.ready, p.at = t.source.ready(FrameSamples), now
	p.surplus = p.surplus && p.ready
}

// align finds out whether all talkers would wait less if the mix came later, just
// behind the frames of one of them. Those whose next frame is then there as well
// have one too many, which is cut out.
//
// Packets come every 20 ms, those of each talker at another time. The longest
// wait is 20 ms less the longest gap between such times if the mix comes at its
// beginning.
func (s *island) align(now time.Duration) {
	if s.aligned++; s.aligned < steps {
		return
	}
	s.aligned = 0
	var waits []time.Duration
	usable := s.shift == 0 && now >= s.settled
	for _, t := range s.talkers {
		p := &t.phase
		usable = usable && p.count >= steps && !p.surplus && p.max-p.min <= steady && p.max < frameTime+steady
		waits = append(waits, min((p.min+p.max)/2, frameTime-1))
		p.count = 0
	}
	if !usable || len(waits) < 2 {
		return
	}
	longest := slices.Max(waits)
	best, at := longest, time.Duration(0)
	for _, w := range waits {
		worst := time.Duration(0)
		for _, o := range waits {
			worst = max(worst, (o-w+frameTime)%frameTime)
		}
		if worst < best {
			best, at = worst, w
		}
	}
	if longest-best < gain {
		return
	}
	s.shift = frameTime - at
	s.settled = now + settling
	for i, t := range s.talkers {
		if waits[i] >= at {
			t.source.spare = FrameSamples
		}
	}
}

// later takes the next step of a shift.
func (s *island) later() time.Duration {
	step := min(s.shift, slide)
	s.shift -= step
	return step
}
