package mix

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"switchboard/internal/media/opus"
)

// TestClockDrift has three talkers whose clocks are 200 ppm fast, right, and 200
// ppm slow for an hour. Nobody's delay may grow, and nothing may be made up.
func TestClockDrift(t *testing.T) {
	length := time.Hour
	if testing.Short() {
		length = 5 * time.Minute
	}
	c := newTape()
	c.forget = true
	s := newStage(t, Options{Codec: c})
	s.keep = false
	packet := c.packet(toc20, sine(400, 0.1, 0, FrameSamples))
	s.listener("listener", "x")
	var talkers []*Talker
	for i, drift := range []float64{200e-6, 0, -200e-6} {
		talker := s.talker(string(rune('a'+i)), "x")
		s.speak(talker, speech{from: time.Duration(7*i) * time.Millisecond, to: length, drift: drift, level: 20,
			payload: func(int) []byte { return packet }})
		talkers = append(talkers, talker)
	}
	most := 0
	for at := second; at < length; at += second {
		s.at(at, func() {
			for _, x := range talkers {
				most = max(most, len(x.source.fifo)+x.source.waiting())
			}
		})
	}
	s.play(length - second)
	minutes := length.Minutes()
	k := s.Counters()
	t.Logf("%.0f minutes: at most %d ms waited, %d blocks concealed, %d packets dropped", minutes, most*1000/opus.Rate, k.Concealed, k.Dropped)
	if most > target {
		t.Errorf("%d samples waited", most)
	}
	if float64(k.Concealed) > 5+minutes/5 || k.Dropped > 0 {
		t.Errorf("%d blocks concealed and %d packets dropped in %.0f minutes", k.Concealed, k.Dropped, minutes)
	}
	wall := time.Duration(s.count) * frameTime
	if off := (wall - length).Abs(); off > length/1000+2*second {
		t.Errorf("frames for %v in %v", wall, length)
	}
}

func TestHalfAMinuteWithoutPackets(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada := s.talker("ada", "x")
	l := s.listener("bob", "x")
	s.speak(ada, speech{to: second, payload: c.sine(400, 0.2), level: 20})
	s.speak(ada, speech{from: 31 * second, to: 33 * second, payload: c.sine(400, 0.2), level: 20, first: 40000})
	s.play(30 * second)
	k := s.Counters()
	if k.Encoded > 70 || s.codecs.lent != 0 {
		t.Errorf("without packets %d frames were encoded, %d codecs are lent", k.Encoded, s.codecs.lent)
	}
	if ada.activity.talking {
		t.Error("still talking")
	}
	s.play(35 * second)
	if n := len(c.listen(s, l)) / FrameSamples; n < 48+98 {
		t.Errorf("%d frames were heard of 50 and 100", n)
	}
	// The last thing heard before the pause fades out.
	pcm := c.listen(s, l)
	if a := amplitude(pcm[30*FrameSamples:40*FrameSamples], 400); math.Abs(a-0.2) > 0.01 {
		t.Errorf("before the pause the level is %v", a)
	}
}

func TestGarbageDoesNoHarm(t *testing.T) {
	s := newStage(t, Options{})
	bad, good := s.talker("bad", "x"), s.talker("good", "x")
	l := s.listener("bob", "x")
	r := rand.New(rand.NewPCG(5, 6))
	garbage := func(int) []byte {
		p := make([]byte, r.IntN(1600))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		return p
	}
	tone := packets(t, sine(440, 0.3, 0, 3*opus.Rate), 960)
	s.speak(bad, speech{to: 3 * second, payload: garbage, level: 80})
	s.speak(good, speech{to: 3 * second, payload: func(i int) []byte { return tone[i] }, level: 20})
	s.play(4 * second)
	pcm := decoded(t, s, l)
	if len(pcm) < 145*FrameSamples {
		t.Fatalf("%d frames", len(pcm)/FrameSamples)
	}
	if a := amplitude(pcm[20*FrameSamples:120*FrameSamples], 440); a < 0.25 || a > 0.35 {
		t.Errorf("beside garbage that says it is silent the tone's amplitude is %.3f, want 0.3", a)
	}
	// Garbage that says it is loud may be heard, but never above full scale.
	s.speak(bad, speech{from: 4 * second, to: 7 * second, payload: garbage, level: 10})
	s.play(8 * second)
	for _, v := range decoded(t, s, l) {
		if v != v || v > 1.3 || v < -1.3 {
			t.Fatalf("a sample is %v", v)
		}
	}
}

// TestTooManyPackets sends a thousand packets a second, each for 20 ms.
func TestTooManyPackets(t *testing.T) {
	c := newTape()
	c.forget = true
	s := newStage(t, Options{Codec: c})
	s.keep = false
	ada := s.talker("ada", "x")
	s.listener("bob", "x")
	packet := c.packet(toc20, sine(400, 0.1, 0, FrameSamples))
	s.speak(ada, speech{to: 5 * second, every: time.Millisecond, payload: func(int) []byte { return packet }, level: 20})
	s.play(5 * second)
	if k := s.Counters(); k.Decoded > 400 || s.count > 300 {
		t.Errorf("for 5 s of time %d packets were decoded and %d frames sent", k.Decoded, s.count)
	}
}

// TestShortFrames sends frames of every length, and of 2.5 ms each millisecond.
func TestShortFrames(t *testing.T) {
	for _, row := range []struct {
		name    string
		toc     byte
		samples int
		every   time.Duration
	}{
		{"2.5 ms", 28 << 3, 120, 2500 * time.Microsecond},
		{"5 ms", 29 << 3, 240, 5 * time.Millisecond},
		{"10 ms", 30 << 3, 480, 10 * time.Millisecond},
		{"20 ms", 31 << 3, 960, 20 * time.Millisecond},
		{"40 ms", 2 << 3, 1920, 40 * time.Millisecond},
		{"60 ms", 3 << 3, 2880, 60 * time.Millisecond},
		{"2.5 ms each millisecond", 28 << 3, 120, time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newTape()
			s := newStage(t, Options{Codec: c})
			ada := s.talker("ada", "x")
			l := s.listener("bob", "x")
			s.speak(ada, speech{to: 3 * second, every: row.every, level: 20, payload: func(i int) []byte {
				return c.packet(row.toc, sine(400, 0.2, i*row.samples, row.samples))
			}})
			s.play(4 * second)
			pcm := c.listen(s, l)
			if n := len(pcm) / FrameSamples; n < 145 || n > 165 {
				t.Fatalf("%d frames for 3 s", n)
			}
			if row.every < 2*time.Millisecond {
				return // what is left out cannot be a pure tone
			}
			if a := amplitude(pcm[20*FrameSamples:120*FrameSamples], 400); math.Abs(a-0.2) > 0.002 {
				t.Errorf("amplitude %.4f, want 0.2", a)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := newStage(t, Options{})
	s.keep = false
	measure := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := measure()
	const members = 1000
	var mics []*Talker // held by the caller
	for i := range members {
		name := string(rune(0x4e00 + i))
		s.listener(name, "x")
		mic := s.talker(name, "x")
		mics = append(mics, mic)
		for j := range 70 {
			s.Push(mic, Packet{Sequence: uint16(j), Payload: make([]byte, 80), Level: 127, HasLevel: true}, time.Duration(j)*frameTime)
		}
	}
	each := (measure() - before) / members
	t.Logf("a silent member holds %d bytes", each)
	if each > 16<<10 {
		t.Errorf("a silent member holds %d bytes", each)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(mics)
}

func TestDuplicatesAndDisorder(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada := s.talker("ada", "x")
	l := s.listener("bob", "x")
	tone := c.sine(400, 0.2)
	kept := map[int][]byte{}
	once := func(i int) []byte {
		if kept[i] == nil {
			kept[i] = tone(i)
		}
		return kept[i]
	}
	// Everything comes twice, and each second packet 25 ms late.
	swap := func(i int) time.Duration { return time.Duration(i%2) * 25 * time.Millisecond }
	s.speak(ada, speech{to: 6 * second, payload: once, level: 20, delay: swap, first: 65400})
	s.speak(ada, speech{from: 30 * time.Millisecond, to: 6 * second, payload: once, level: 20, delay: swap, first: 65400})
	s.play(7 * second)
	pcm := c.listen(s, l)
	if a := amplitude(pcm[100*FrameSamples:250*FrameSamples], 400); math.Abs(a-0.2) > 0.01 {
		t.Errorf("amplitude %.4f, want 0.2", a)
	}
	if n := len(pcm) / FrameSamples; n < 295 || n > 312 {
		t.Errorf("%d frames for 6 s", n)
	}
}
