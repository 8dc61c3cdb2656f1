package mix

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/media"
)

const second = time.Second

// tones give every name a pitch; all fit whole periods into 100 ms.
var tones = map[string]float64{"ada": 400, "bob": 700, "cyd": 1100, "dan": 1700}

func TestWhoHearsWhom(t *testing.T) {
	type place struct {
		feeds []Feed
		hears []Hearing
		own   []media.TransportID
	}
	at := func(r media.RoomID, volume int) Hearing { return Hearing{r, Volume(volume)} }
	into := func(r media.RoomID) Feed { return Feed{Room: r} }
	for _, row := range []struct {
		name   string
		places map[string]place
		want   map[string]map[string]float64 // who hears whom, in dB
	}{
		{"everybody but themself", map[string]place{
			"ada": {feeds: []Feed{into("x")}, hears: []Hearing{at("x", 100)}},
			"bob": {feeds: []Feed{into("x")}, hears: []Hearing{at("x", 100)}},
			"cyd": {hears: []Hearing{at("x", 100)}},
		}, map[string]map[string]float64{"ada": {"bob": 0}, "bob": {"ada": 0}, "cyd": {"ada": 0, "bob": 0}}},
		{"other rooms are not heard", map[string]place{
			"ada": {feeds: []Feed{into("x")}},
			"bob": {feeds: []Feed{into("y")}, hears: []Hearing{at("x", 100)}},
			"cyd": {hears: []Hearing{at("y", 100)}},
		}, map[string]map[string]float64{"bob": {"ada": 0}, "cyd": {"bob": 0}}},
		{"by two rooms once, at the louder volume", map[string]place{
			"ada": {feeds: []Feed{into("x"), into("y"), into("z")}},
			"bob": {hears: []Hearing{at("x", 70), at("y", 90), at("z", 10)}},
		}, map[string]map[string]float64{"bob": {"ada": -3}}},
		{"each room at its volume", map[string]place{
			"ada": {feeds: []Feed{into("x")}},
			"bob": {feeds: []Feed{into("y")}},
			"cyd": {hears: []Hearing{at("x", 50), at("y", 80)}},
			"dan": {hears: []Hearing{at("x", 0), at("y", 100)}},
		}, map[string]map[string]float64{"cyd": {"ada": -15, "bob": -6}, "dan": {"bob": 0}}},
		{"a quieter feed", map[string]place{
			"ada": {feeds: []Feed{{"x", Volume(80)}}},
			"bob": {hears: []Hearing{at("x", 90)}},
		}, map[string]map[string]float64{"bob": {"ada": -9}}},
		{"further transports of one's own", map[string]place{
			"ada": {feeds: []Feed{into("x")}},
			"bob": {hears: []Hearing{at("x", 100)}, own: []media.TransportID{"zoe", "ada"}},
			"cyd": {hears: []Hearing{at("x", 100)}, own: []media.TransportID{"zoe"}},
		}, map[string]map[string]float64{"cyd": {"ada": 0}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newTape()
			s := newStage(t, Options{Codec: c})
			listeners := map[string]*Listener{}
			phase := 0 * time.Millisecond
			for name, p := range row.places {
				listeners[name] = s.AddListener(media.TransportID(name), 0)
				s.Hear(listeners[name], p.hears)
				s.SetOwn(listeners[name], p.own)
				if p.feeds != nil {
					talker := s.AddTalker(media.TrackID(name), media.TransportID(name))
					s.Feed(talker, p.feeds)
					phase += 3 * time.Millisecond
					s.speak(talker, speech{from: phase, to: second, payload: c.sine(tones[name], 0.1), level: 20})
				}
			}
			s.play(2 * second)
			got := map[string]map[string]float64{}
			for name, l := range listeners {
				pcm := c.listen(s, l)
				for who, hz := range tones {
					if len(pcm) < 30*FrameSamples {
						continue
					}
					a := amplitude(pcm[10*FrameSamples:30*FrameSamples], hz)
					if a < 1e-4 {
						continue
					}
					if got[name] == nil {
						got[name] = map[string]float64{}
					}
					got[name][who] = math.Round(20*math.Log10(a/0.1)*10) / 10
				}
			}
			if d := cmp.Diff(row.want, got); d != "" {
				t.Errorf("who hears whom, in dB (-want +got):\n%s", d)
			}
		})
	}
}

func TestSamplesPassUnchanged(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada, bob := s.talker("ada", "x"), s.talker("bob", "x")
	l := s.listener("cyd", "x")
	s.speak(ada, speech{to: second, payload: c.sine(400, 0.25), level: 20})
	s.speak(bob, speech{from: 4 * time.Millisecond, to: second, payload: c.sine(700, 0.5), level: 20})
	s.play(2 * second)
	got := c.listen(s, l)
	if len(got) < 45*FrameSamples {
		t.Fatalf("%d samples", len(got))
	}
	// Behind the beginnings, every sample is the sum of two.
	for i := 5 * FrameSamples; i < 40*FrameSamples; i++ {
		a := sine(400, 0.25, i, 1)[0]
		frame := (i/FrameSamples)*FrameSamples + i%FrameSamples
		b := got[i] - a
		near := false
		for _, shift := range []int{0, -1} { // bob began a frame later
			near = near || math.Abs(float64(b-sine(700, 0.5, frame+shift*FrameSamples, 1)[0])) < 1e-6
		}
		if !near {
			t.Fatalf("sample %d is %v: ada gives %v, and the rest is not bob", i, got[i], a)
		}
	}
}

func TestDelayIsThatOfTheFrames(t *testing.T) {
	// One talker whose packets come evenly is mixed the moment they come.
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada := s.talker("ada", "x")
	l := s.listener("bob", "x")
	s.speak(ada, speech{from: 7 * time.Millisecond, to: second, payload: c.sine(400, 0.25), level: 20})
	s.play(second)
	for i, f := range s.frames[l] {
		if i > 0 && i < 50 && f.at != time.Duration(i-1)*frameTime+7*time.Millisecond {
			t.Fatalf("frame %d went out at %v", i, f.at)
		}
	}
	if n := len(s.frames[l]); n < 50 {
		t.Errorf("%d frames", n)
	}
}

func TestSilenceCostsNothing(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	for i := range 100 {
		name := fmt.Sprint("silent", i)
		ear := s.listener(name, "x")
		_ = ear
		mic := s.talker(name, "x")
		x := speech{to: 10 * second, payload: func(int) []byte { return []byte{toc20, 0xff, 0xfe} }}
		if i%2 == 0 {
			x.level = 127
		}
		s.speak(mic, x)
	}
	made := c.encoders
	s.play(10 * second)
	k := s.Counters()
	if k.Encoded != 0 || k.Decoded != 0 || c.decoders != 0 || c.encoders != made {
		t.Errorf("silence was encoded or decoded: %+v", k)
	}
	if want := uint64(100 * 25); k.Frames < want || k.Frames > want+100 {
		t.Errorf("%d frames of comfort noise in 10 s to 100 listeners, want one each 400 ms", k.Frames)
	}
}

func TestEncodedOncePerMix(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	for i := range 50 {
		s.listener(fmt.Sprint(i), "x", media.RoomID(fmt.Sprint("own", i)))
	}
	for i := range 3 {
		s.speak(s.talker(fmt.Sprint(i), "x"), speech{to: second, payload: c.sine(400, 0.1), level: 20})
	}
	s.play(second)
	k := s.Counters()
	if k.Decoded > 3*50 || k.Decoded < 3*48 {
		t.Errorf("decoded %d packets of 150", k.Decoded)
	}
	// One for 47 listeners, one for each talker, and some to begin with.
	if k.Encoded > 4*50+10 || k.Encoded < 4*48 {
		t.Errorf("encoded %d packets in 50 frames", k.Encoded)
	}
}

func TestCodecsAreGivenBack(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	for i := range 20 {
		name := fmt.Sprint(i)
		s.listener(name, "x")
		s.speak(s.talker(name, "x"), speech{to: second, payload: c.sine(400, 0.02), level: 30})
	}
	s.play(500 * time.Millisecond)
	if s.codecs.lent < 40 {
		t.Errorf("%d lent while all talk; the test proves nothing", s.codecs.lent)
	}
	s.play(3 * second)
	if s.codecs.lent != 0 || len(s.codecs.encoders) > spares || len(s.codecs.decoders) > spares {
		t.Errorf("in silence %d are lent, %d and %d kept", s.codecs.lent, len(s.codecs.encoders), len(s.codecs.decoders))
	}
}

func TestTimestampsGoOn(t *testing.T) {
	c := newTape()
	s := newStage(t, Options{Codec: c})
	ada := s.talker("ada", "x")
	l := s.listener("bob", "x")
	for _, from := range []time.Duration{second, 5 * second} {
		s.speak(ada, speech{from: from, to: from + second, payload: c.sine(400, 0.1), level: 20, first: uint16(from / frameTime)})
	}
	s.play(10 * second)
	markers := 0
	frames := s.frames[l]
	for i, f := range frames[1:] {
		elapsed := f.at - frames[i].at
		step := time.Duration(f.timestamp-frames[i].timestamp) * second / 48000
		if off := step - elapsed; off > 21*time.Millisecond || off < -21*time.Millisecond {
			t.Errorf("at %v: %v passed and the timestamp went on by %v", f.at, elapsed, step)
		}
		if f.marker {
			markers++
		}
	}
	if markers != 2 {
		t.Errorf("%d markers for two talk spurts", markers)
	}
	if off := time.Duration(frames[len(frames)-1].timestamp)*second/48000 - frames[len(frames)-1].at; off < -50*time.Millisecond || off > 50*time.Millisecond {
		t.Errorf("at the end media time is off by %v", off)
	}
}
