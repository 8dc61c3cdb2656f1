package mix

import (
	"math"
	"testing"
	"time"
)

// marked makes packets whose samples all say which packet they are of.
func (c *tape) marked(i int) []byte {
	pcm := make([]float32, FrameSamples)
	for j := range pcm {
		pcm[j] = float32(i) / 1000
	}
	return c.packet(toc20, pcm)
}

// whichHeard returns the numbers of the marked packets that a listener heard most
// of.
func (c *tape) whichHeard(s *stage, l *Listener) map[int]int {
	samples := map[int]int{}
	for _, v := range c.listen(s, l) {
		samples[int(math.Round(float64(v)*1000))]++
	}
	return samples
}

func TestGateOpensAtOnceWithPreRoll(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada := s.talker("ada", "x")
	l := s.listener("bob", "x")
	s.Gate(ada, false, 0)
	const from = 200 * time.Millisecond // behind the tail of the closing
	s.speak(ada, speech{from: from, to: 4 * second, payload: c.marked, level: 20})
	opened := from + second + 5*time.Millisecond
	s.at(opened, func() { s.Gate(ada, true, s.clock) })
	s.at(from+3*second, func() { s.Gate(ada, false, s.clock) })
	s.play(5 * second)

	got := c.whichHeard(s, l)
	first, last := 1000, 0
	for i, n := range got {
		if i > 0 && n > FrameSamples/2 {
			first, last = min(first, i), max(last, i)
		}
	}
	// Packet 50 came 5 ms before the gate opened, and 100 ms before was packet 46.
	if first != 46 {
		t.Errorf("the first packet heard is %d, want 46", first)
	}
	if last < 150 || last > 156 {
		t.Errorf("the last packet heard is %d; the gate closed at 150, and 100 ms later for what was under way", last)
	}
	for i := first; i <= last; i++ {
		if got[i] < FrameSamples/4 {
			t.Errorf("of packet %d only %d samples were heard", i, got[i])
		}
	}
	for _, f := range s.frames[l] {
		if string(f.payload) != string(s.comfort) && f.at >= second {
			if late := f.at - opened; late > 5*time.Millisecond {
				t.Errorf("the first packet went out %v after the gate opened", late)
			}
			break
		}
	}
}

func TestPreRollIsCaughtUp(t *testing.T) {
	// What was waiting at first must not delay all that follows.
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada := s.talker("ada", "x")
	l := s.listener("bob", "x")
	s.Gate(ada, false, 0)
	s.speak(ada, speech{to: 30 * second, payload: c.sine(400, 0.2), level: 20})
	s.at(second, func() { s.Gate(ada, true, s.clock) })
	s.play(29 * second)
	if wait := len(ada.source.fifo) + ada.source.waiting(); wait > target-FrameSamples {
		t.Errorf("%d samples wait after half a minute", wait)
	}
	_ = l
}

func TestGateUnusedIsOpen(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	l := s.listener("bob", "x")
	s.speak(s.talker("ada", "x"), speech{to: second, payload: c.marked, level: 20})
	s.play(second)
	if n := len(c.listen(s, l)); n < 45*FrameSamples {
		t.Errorf("heard %d samples", n)
	}
}

func TestClosedGateIsSilent(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada := s.talker("ada", "x")
	l := s.listener("bob", "x")
	s.Gate(ada, false, 0)
	s.speak(ada, speech{from: 200 * time.Millisecond, to: 3 * second, payload: c.marked, level: 20})
	s.play(4 * second)
	if n := len(c.listen(s, l)); n != 0 || len(s.told) != 0 || c.decoders != 0 {
		t.Errorf("behind a closed gate %d samples are heard, talking is told %v, %d decoders were made", n, s.told, c.decoders)
	}
}

func TestTalking(t *testing.T) {
	c := newTape()
	loud, soft := c.sine(400, 0.3), c.sine(400, 0.001)
	for _, row := range []struct {
		name   string
		plan   func(s *stage, ada *Talker)
		on     time.Duration
		off    time.Duration
		slack  time.Duration
		silent bool
	}{
		{"levels say so", func(s *stage, ada *Talker) {
			s.speak(ada, speech{to: second, payload: soft, level: 90})
			s.speak(ada, speech{from: second, to: 2 * second, payload: loud, level: 20, first: 50})
			s.speak(ada, speech{from: 2 * second, to: 4 * second, payload: soft, level: 90, first: 100})
		}, second + 40*time.Millisecond, 2*second + 480*time.Millisecond, 20 * time.Millisecond, false},
		{"measured", func(s *stage, ada *Talker) {
			s.speak(ada, speech{to: second, payload: soft})
			s.speak(ada, speech{from: second, to: 2 * second, payload: loud, first: 50})
			s.speak(ada, speech{from: 2 * second, to: 4 * second, payload: soft, first: 100})
		}, second + 40*time.Millisecond, 2*second + 480*time.Millisecond, 40 * time.Millisecond, false},
		{"packets stop", func(s *stage, ada *Talker) {
			s.speak(ada, speech{from: second, to: 2 * second, payload: loud, level: 20})
		}, second + 40*time.Millisecond, 2*second + 180*time.Millisecond, 20 * time.Millisecond, false},
		{"a click is not talking", func(s *stage, ada *Talker) {
			s.speak(ada, speech{from: second, to: second + 30*time.Millisecond, payload: loud, level: 20})
			s.speak(ada, speech{from: second + 40*time.Millisecond, to: 2 * second, payload: soft, level: 90, first: 2})
		}, 0, 0, 0, true},
		{"short pauses are talking", func(s *stage, ada *Talker) {
			s.speak(ada, speech{from: second, to: 2 * second, payload: loud, level: 20})
			s.speak(ada, speech{from: 2 * second, to: 2*second + 300*time.Millisecond, payload: soft, level: 90, first: 50})
			s.speak(ada, speech{from: 2*second + 300*time.Millisecond, to: 3 * second, payload: loud, level: 20, first: 65})
		}, second + 40*time.Millisecond, 3*second + 180*time.Millisecond, 20 * time.Millisecond, false},
	} {
		for _, audience := range []bool{true, false} {
			s := newStage(t, Options{Codec: c})
			ada := s.talker("ada", "x")
			if audience {
				s.listener("bob", "x")
			}
			row.plan(s, ada)
			s.play(6 * second)
			if row.silent {
				if len(s.told) != 0 {
					t.Errorf("%s: told %v", row.name, s.told)
				}
				continue
			}
			if len(s.told) != 2 || !s.told[0].on || s.told[1].on {
				t.Errorf("%s (heard: %t): told %v, want on and off", row.name, audience, s.told)
				continue
			}
			for i, want := range []time.Duration{row.on, row.off} {
				if off := s.told[i].at - want; off > row.slack || off < -row.slack {
					t.Errorf("%s (heard: %t): told at %v, want %v", row.name, audience, s.told[i].at, want)
				}
			}
		}
	}
}
