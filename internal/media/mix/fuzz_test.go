package mix

import (
	"testing"
	"time"
)

// FuzzPush cuts its input into packets, of any sequence, content and time, and
// pushes them beside somebody who talks. The mixer must come through it, and the
// other must still be heard.
func FuzzPush(f *testing.F) {
	f.Add([]byte{8, 1, 0, 0, toc20, 0xff, 0xfe, 1, 2, 3, 9, 2, 0, 20, 0, 1, 2, 3, 4, 5, 6})
	f.Add([]byte{3, 1, 200, 255, toc20, 9, 9, 5, 7, 100, 1, 3, 0x0b, 0x83, 1})
	f.Fuzz(func(t *testing.T, input []byte) {
		s := newStage(t, Options{})
		s.keep = false
		bad, good := s.talker("bad", "x"), s.talker("good", "x")
		s.listener("ear", "x")
		tone := packets(t, sine(440, 0.3, 0, 4*FrameSamples), 960)
		sequence := uint16(0)
		for i := 0; len(input) >= 5 && i < 200; i++ {
			length := min(int(input[0]), len(input)-4)
			sequence += uint16(input[1]) * uint16(input[2])
			s.Push(bad, Packet{Sequence: sequence, Payload: input[4 : 4+length], Level: input[3] & 127, HasLevel: input[3] > 127}, s.clock)
			s.Gate(bad, input[2]%3 != 0, s.clock)
			s.Push(good, Packet{Sequence: uint16(i), Payload: tone[i%4]}, s.clock)
			input = input[4+length:]
			s.play(s.clock + time.Duration(sequence%30)*time.Millisecond)
		}
		s.play(s.clock + 2*second)
		if s.codecs.lent != 0 || len(s.live) != 0 {
			t.Fatalf("two seconds later %d codecs are lent and %d live", s.codecs.lent, len(s.live))
		}
	})
}
