package mix

import (
	"time"

	"switchboard/internal/media/opus"
)

const (
	// patience is how long after its time a mix waits for frames at most.
	patience = frameTime
	// lagging is how far the time of a mix may be past before it begins anew.
	lagging = 5 * frameTime
	// steps is over how many mixes it is judged whether they could be earlier.
	steps = 50
)

// island is what must be mixed together: blends and the talkers in them, which
// are in no other island. It has a time of its own that follows the talkers: a mix
// is due 20 ms after the one before, when all frames for it are there. A frame
// that is late delays it, up to patience; later it goes without.
type island struct {
	talkers []*Talker
	blends  []*blend
	next    time.Duration
	ready   bool
	readyAt time.Duration // if ready
	early   earliness
	aligned int           // mixes since the phases were looked at
	shift   time.Duration // by how much the mixes are yet to come later
	settled time.Duration // when the last shift has shown what it is good for
}

// join merges two islands into s.
func (s *island) join(other *island, of map[*Talker]*island) *island {
	for _, t := range other.talkers {
		of[t] = s
	}
	s.talkers = append(s.talkers, other.talkers...)
	s.blends = append(s.blends, other.blends...)
	other.talkers, other.blends = nil, nil
	return s
}

// noticeReady looks whether the frames of all talkers are there. A talker who has
// not begun is not waited for, unless nobody has.
func (s *island) noticeReady(now time.Duration) {
	if s.ready {
		return
	}
	begun, any := false, false
	for _, t := range s.talkers {
		ready := t.source.ready(FrameSamples)
		if t.started && !ready {
			return
		}
		begun = begun || t.started
		any = any || ready
	}
	if begun || any {
		s.ready, s.readyAt = true, now
	}
}

// due returns when the island's next mix is to be.
func (s *island) due() time.Duration {
	if s.ready {
		return s.next
	}
	for _, t := range s.talkers {
		if t.started {
			return s.next + patience
		}
	}
	return Never
}

// run makes one frame of every blend of an island.
func (m *Mixer) run(s *island) {
	for _, t := range s.talkers {
		m.play(t)
		if t.started {
			t.waited(m.now)
		}
	}
	m.align(s)
	for _, b := range s.blends {
		m.mix(b)
	}
	s.advance(m.now)
	for _, t := range s.talkers {
		m.settle(t)
	}
}

// play makes the talker's block for this mix.
func (m *Mixer) play(t *Talker) {
	if !t.started && !t.source.ready(FrameSamples) || t.source.decoder == nil {
		t.block = nil
		return
	}
	if t.block == nil {
		t.block = make([]float32, FrameSamples)
	}
	first := !t.started
	t.started = true
	if !t.source.play(t.block, m) {
		clear(t.block)
	}
	if first {
		begin(t.block)
	}
	if t.activity.told && !m.options.AGC {
		return
	}
	level := loudness(t.block)
	if !t.activity.told && t.source.dry == 0 {
		t.activity.hear(level, m.now)
	}
	if m.options.AGC {
		t.agc.apply(t.block, level)
	}
}

// begin fades the first samples of a talker in, 2.5 ms.
func begin(block []float32) {
	for i := range opus.Quantum {
		block[i] *= float32(i) / opus.Quantum
	}
}

// advance sets the time of the next mix. It follows frames that come ever later,
// since the talkers' clocks are not ours, and goes back when all could be earlier.
func (s *island) advance(now time.Duration) {
	late := max(0, now-s.next)
	if !s.ready {
		s.readyAt = now
	}
	if s.shift > 0 || now < s.settled {
		s.early = earliness{}
	}
	s.early.note(s.next - s.readyAt)
	s.next += frameTime + late/16 + s.later() - s.early.correction()
	if now-s.next > lagging {
		s.next = now
	}
	s.ready = false
	s.noticeReady(now)
}

// earliness is by how much all frames came before their time, over some mixes.
type earliness struct {
	least time.Duration
	count int
}

func (e *earliness) note(early time.Duration) {
	if e.count == 0 || early < e.least {
		e.least = early
	}
	e.count++
}

// correction returns by how much the mixes may come earlier from now on.
func (e *earliness) correction() time.Duration {
	if e.count < steps {
		return 0
	}
	c := min(max(e.least, 0), 5*time.Millisecond)
	*e = earliness{}
	return c
}

// inherit goes on with what another island knew.
func (e *earliness) inherit(other earliness) {
	if e.count == 0 {
		*e = other
	}
}
