package mix

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"switchboard/internal/media/opus"
)

// delays measures how long what three talkers said was held, from its packet's
// coming to the mix, in many rooms with random phases.
func delays(t *testing.T, jitter time.Duration) []time.Duration {
	r := rand.New(rand.NewPCG(7, 8))
	var all []time.Duration
	for range 50 {
		c := newTape()
		c.forget = true
		s := newStage(t, Options{Codec: c})
		s.keep = false
		s.listener("ear", "x")
		packet := c.packet(toc20, sine(400, 0.1, 0, FrameSamples))
		for i := range 3 {
			talker := s.talker(string(rune('a'+i)), "x")
			came := map[int64]time.Duration{}
			from := time.Duration(r.Int64N(int64(frameTime)))
			s.speak(talker, speech{from: from, to: 9 * second, level: 20,
				payload: func(i int) []byte { came[firstIndex+int64(i)] = s.clock; return packet },
				delay:   func(int) time.Duration { return time.Duration(r.Float64() * float64(jitter)) }})
			for at := 5 * second; at < 8*second; at += 100 * time.Millisecond {
				s.at(at, func() {
					// The last sample mixed lies before what waits decoded. It was
					// mixed when the last mix was.
					x := &talker.source
					mixed := talker.island.lastRun()
					last := x.next - 1
					if when, ok := came[last]; ok {
						all = append(all, mixed-when+time.Duration(len(x.fifo))*second/opus.Rate)
					}
				})
			}
		}
		s.play(8 * second)
	}
	slices.Sort(all)
	return all
}

// lastRun is when the island was mixed last, within a sixteenth of lateness.
func (s *island) lastRun() time.Duration { return s.next - frameTime }

// TestNewcomerDelay: who breaks in every now and then while three others talk does
// not wait for a mix that has just gone, once it is known when their packets come.
func TestNewcomerDelay(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var all []time.Duration
	for range 30 {
		c := newTape()
		c.forget = true
		s := newStage(t, Options{Codec: c})
		s.keep = false
		s.listener("ear", "x")
		packet := c.packet(toc20, sine(400, 0.1, 0, FrameSamples))
		for i := range 3 {
			s.speak(s.talker(string(rune('a'+i)), "x"), speech{from: time.Duration(r.Int64N(int64(frameTime))), to: 20 * second, level: 20,
				payload: func(int) []byte { return packet }})
		}
		probe := s.talker("probe", "x")
		from := time.Duration(r.Int64N(int64(frameTime)))
		for i := range 1000 {
			came := from + time.Duration(i)*frameTime
			level := uint8(127)
			if i%50 < 3 { // 60 ms every second
				level = 20
			}
			s.at(came, func() {
				s.Push(probe, Packet{Sequence: uint16(i), Payload: packet, Level: level, HasLevel: true}, s.clock)
				if i%50 == 0 && i > 250 {
					s.at(s.clock+frameTime+frameTime/2, func() { all = append(all, probe.island.lastRun()-came) })
					slices.SortStableFunc(s.acts, func(a, b act) int { return int(a.at - b.at) })
				}
			})
		}
		s.play(20 * second)
	}
	for i := range all { // the last mix may be one later than the first with the packet
		all[i] = (all[i] + 10*frameTime) % frameTime
	}
	slices.Sort(all)
	median, p99 := all[len(all)/2], all[len(all)*99/100]
	t.Logf("%d times: median %v, p99 %v", len(all), median, p99)
	if len(all) < 300 || median > 7*time.Millisecond || p99 > 17*time.Millisecond {
		t.Errorf("waited for %v (median) and %v (p99), %d times", median, p99, len(all))
	}
}

func TestAddedDelay(t *testing.T) {
	for _, row := range []struct {
		name        string
		jitter      time.Duration
		median, p99 time.Duration
	}{
		{"even", 0, 5 * time.Millisecond, 17 * time.Millisecond},
		{"2 ms jitter", 2 * time.Millisecond, 6 * time.Millisecond, 21 * time.Millisecond},
		{"40 ms jitter", 40 * time.Millisecond, 45 * time.Millisecond, 70 * time.Millisecond},
	} {
		all := delays(t, row.jitter)
		if len(all) < 3000 {
			t.Fatalf("%s: only %d measurements", row.name, len(all))
		}
		median, p99 := all[len(all)/2], all[len(all)*99/100]
		t.Logf("%s: median %v, p99 %v", row.name, median, p99)
		if median > row.median || p99 > row.p99 {
			t.Errorf("%s: held for %v (median) and %v (p99), want at most %v and %v", row.name, median, p99, row.median, row.p99)
		}
	}
}
