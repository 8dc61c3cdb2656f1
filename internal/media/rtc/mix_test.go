package rtc_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// TestMix: in a room everybody hears everybody but themself, at unity, in one
// stream without a break; a volume is heard; who leaves is no longer heard.
func TestMix(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b", "c")
	a, b, c := p[0], p[1], p[2]
	all := []float64{a.hz, b.hz, c.hz}
	s.apply("x", []media.Reception{a.hearing(100), b.hearing(100), c.hearing(100)},
		a.voice(0), b.voice(0), c.voice(0))
	a.hears(all, b.hz, c.hz)
	b.hears(all, a.hz, c.hz)
	c.hears(all, a.hz, b.hz)
	s.apply("x", []media.Reception{a.hearing(50)}, media.Voice{Track: c.track, From: c.id})
	a.hearsAt(-35, all, b.hz)
	b.hears(all, a.hz)
	s.apply("x", []media.Reception{a.hearing(0)})
	a.hears(all)
	if err := b.Transport.Close(); err != nil {
		t.Fatal(err)
	}
	c.hears(all, a.hz)
	for _, p := range p {
		if p.ear.breaks != nil {
			t.Errorf("%s: the stream breaks: %v", p.id, p.ear.breaks)
		}
	}
}

// TestMixOfRooms: who hears a voice by two rooms hears it once, at the louder
// level; revisions count for each pair, in any order.
func TestMixOfRooms(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b")
	a, b := p[0], p[1]
	all := []float64{a.hz, b.hz}
	s.apply("x", []media.Reception{b.hearing(70)}, a.voice(0))
	s.apply("y", []media.Reception{b.hearing(100)}, a.voice(0))
	b.hears(all, a.hz)
	s.apply("y", []media.Reception{b.hearing(0)})
	b.hearsAt(-29, all, a.hz)
	// What is old does not count, whichever of the pair it is about.
	s.Engine.Apply(media.Routes{Room: "y", Revision: 2, Receptions: []media.Reception{b.hearing(100)}, Voices: []media.Voice{{Track: a.track, From: a.id}}})
	s.Engine.Apply(media.Routes{Room: "x", Revision: 1, Voices: []media.Voice{{Track: a.track, From: a.id}}})
	b.hearsAt(-29, all, a.hz)
	s.apply("y", []media.Reception{b.hearing(100)})
	b.hears(all, a.hz)
}

// TestPushToTalk: a closed gate lets nothing through, not even at the beginning;
// one that opens lets the voice into its room only.
func TestPushToTalk(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b", "c")
	a, b, c := p[0], p[1], p[2]
	all := []float64{a.hz, b.hz, c.hz}
	s.apply("x", []media.Reception{b.hearing(100)}, a.voice(media.GateClosed))
	s.apply("y", []media.Reception{c.hearing(100)}, a.voice(media.GateClosed))
	b.hears(all)
	s.apply("x", nil, a.voice(media.GateOpen))
	b.hears(all, a.hz)
	c.hears(all)
	s.apply("y", nil, a.voice(media.GateOpen))
	s.apply("x", nil, a.voice(media.GateClosed))
	c.hears(all, a.hz)
	b.hears(all)
	s.apply("y", nil, a.voice(media.GateClosed))
	c.hears(all)
}

// TestMixOrForward: without TransportOptions.Mix the one line carries a mix while
// there is one, and what is forwarded otherwise, in one stream without a break.
func TestMixOrForward(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(media.TransportOptions{Receive: true, Send: true}, "a", "b", "c")
	a, b, c := p[0], p[1], p[2]
	all := []float64{a.hz, b.hz, c.hz}
	s.apply("x", []media.Reception{{To: a.id, Forward: []media.TrackID{b.track}}}, b.voice(0), c.voice(0))
	a.hears(all, b.hz)
	s.apply("x", []media.Reception{{To: a.id, Forward: []media.TrackID{b.track}, Mix: 100}})
	a.hears(all, b.hz, c.hz)
	s.apply("x", []media.Reception{{To: a.id, Forward: []media.TrackID{c.track}}})
	a.hears(all, c.hz)
	if a.ear.breaks != nil {
		t.Errorf("the stream breaks: %v", a.ear.breaks)
	}
}

// TestComfort: one that always gets a mix gets noise while it hears nobody, every
// now and then, and nothing is mixed for it.
func TestComfort(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b")
	a, b := p[0], p[1]
	b.mouth.say(nil)
	until(t, "noise comes", func() bool { return a.ear.since() > 3 && b.ear.since() > 3 })
	if c := s.Counters().Mix; c.Encoded+c.Decoded > 0 {
		t.Errorf("something was mixed: %+v", c)
	}
	s.apply("x", []media.Reception{a.hearing(100), b.hearing(100)}, a.voice(0), b.voice(0))
	b.hears([]float64{a.hz, b.hz}, a.hz)
	a.mouth.say(nil)
	b.hears([]float64{a.hz, b.hz})
	before, count := s.Counters().Mix, b.ear.since()
	until(t, "noise comes again", func() bool { return b.ear.since() > count+3 })
	if c := s.Counters().Mix; c.Encoded != before.Encoded || c.Decoded != before.Decoded {
		t.Errorf("silence was mixed: %+v, before %+v", c, before)
	}
}

// TestVoiceActivity: without levels, the mixer tells who talks, once each time,
// and only while somebody hears it.
func TestVoiceActivity(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b")
	a, b := p[0], p[1]
	b.mouth.say(nil)
	s.apply("x", nil, a.voice(0))
	until(t, "noise comes", func() bool { return b.ear.since() > 3 })
	if told := of[media.TalkingChanged](s.events, "a"); told != nil {
		t.Fatalf("told %v, though nobody hears", told)
	}
	s.apply("x", []media.Reception{b.hearing(100)})
	until(t, "talking is told", func() bool { return len(of[media.TalkingChanged](s.events, "a")) == 1 })
	a.mouth.say(nil)
	until(t, "its end is told", func() bool { return len(of[media.TalkingChanged](s.events, "a")) == 2 })
	told := of[media.TalkingChanged](s.events, "a")
	if !told[0].Talking || told[1].Talking || told[0].Track != a.track {
		t.Errorf("told %v", told)
	}
}

// TestOwnTransports: who speaks over another transport does not hear that either.
func TestOwnTransports(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b", "c")
	a, b, c := p[0], p[1], p[2]
	all := []float64{a.hz, b.hz, c.hz}
	own := func(from ...media.TransportID) media.Reception {
		return media.Reception{To: a.id, Mix: 100, Own: from}
	}
	s.apply("x", []media.Reception{own("b")}, a.voice(0), b.voice(0), c.voice(0))
	a.hears(all, c.hz)
	s.apply("x", []media.Reception{own("b", "c")})
	a.hears(all)
	s.apply("x", []media.Reception{own()})
	a.hears(all, b.hz, c.hz)
}

// TestVoicesBefore: voices and hearings count from when there is what they name,
// and a track that comes later is heard then.
func TestVoicesBefore(t *testing.T) {
	s := newStage(t, rtc.Options{})
	a := s.enter(mixed, "a")[0]
	s.apply("x", []media.Reception{a.hearing(100)}, media.Voice{Track: "none", From: "none", In: true})
	p := newPeer(t, ours)
	track := p.gives(voice)
	tr := open(t, s.Engine, "b", mixed)
	offer, err := tr.Offer(context.Background(), []media.Line{duplex})
	if err != nil {
		t.Fatal(err)
	}
	answer := p.answer(offer)
	next := nextTrack(t, a.track)
	s.apply("x", []media.Reception{{To: "b", Mix: 100}}, media.Voice{Track: next, From: "b", In: true}, a.voice(0))
	got, err := tr.Accept(context.Background(), answer)
	if err != nil || got.Tracks[0].ID != next {
		t.Fatalf("tracks %v, %v; want %s", got.Tracks, err, next)
	}
	sings(t, track, tone(t, 1000))
	p.hears([]float64{a.hz, 1000}, a.hz)
	a.hears([]float64{a.hz, 1000}, 1000)
}

// nextTrack guesses the id of the track that comes behind another.
func nextTrack(t testing.TB, id media.TrackID) media.TrackID {
	var n int
	if _, err := fmt.Sscanf(string(id), "track-%d", &n); err != nil {
		t.Fatal(err)
	}
	return media.TrackID(fmt.Sprintf("track-%d", n+1))
}

// TestGarbageInMix: one whose packets are no Opus, or come a thousand a second,
// disturbs nobody, and is heard when they are good again.
func TestGarbageInMix(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b", "c")
	a, b, c := p[0], p[1], p[2]
	all := []float64{a.hz, b.hz, c.hz}
	s.apply("x", []media.Reception{c.hearing(100)}, a.voice(0), b.voice(0))
	good := b.mouth.loop
	b.mouth.say([][]byte{{}, {0xff}, {3 << 3, 0xff, 0xff}, []byte("hello, this is text"), make([]byte, 1100), {0xff, 0xff, 0xff}})
	c.hears(all, a.hz)
	b.mouth.say(good)
	c.hears(all, a.hz, b.hz)
	short := [][]byte{{28 << 3, 1, 2, 3}} // 2.5 ms
	b.mouth.hurry(16, short)              // twice as fast as they last
	c.hears(all, a.hz)
	b.mouth.hurry(1, good)
	c.hears(all, a.hz, b.hz)
}

// TestMixChurn: everything changes all the time from many sides; nothing breaks,
// and in the end everybody hears whom they should.
func TestMixChurn(t *testing.T) {
	s := newStage(t, rtc.Options{})
	p := s.enter(mixed, "a", "b", "c")
	var all []float64
	for _, x := range p {
		all = append(all, x.hz)
	}
	rooms := []media.RoomID{"x", "y", "z"}
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for n := range 300 {
				x := p[r.IntN(len(p))]
				v := x.voice(media.Gate(r.IntN(3)))
				v.In = r.IntN(3) > 0
				s.Engine.Apply(media.Routes{Room: rooms[r.IntN(3)], Revision: uint64(n*3 + i), Receptions: []media.Reception{
					{To: x.id, Mix: r.IntN(11) * 10, Forward: []media.TrackID{p[r.IntN(3)].track}},
				}, Voices: []media.Voice{v}})
				if n%10 == 0 {
					id := media.TransportID(fmt.Sprint("short", i))
					tr := open(t, s.Engine, id, mixed)
					s.Engine.Apply(media.Routes{Room: "x", Revision: 1, Receptions: []media.Reception{{To: id, Mix: 100}}, Voices: []media.Voice{{Track: media.TrackID(id), From: id, In: true}}})
					if err := tr.Close(); err != nil {
						t.Error(err)
					}
				}
				<-tick.C
			}
		})
	}
	wg.Wait()
	s.revision = 10000
	for _, room := range rooms[1:] {
		var receptions []media.Reception
		var voices []media.Voice
		for _, x := range p {
			receptions = append(receptions, x.hearing(0))
			voices = append(voices, media.Voice{Track: x.track, From: x.id})
		}
		s.apply(room, receptions, voices...)
	}
	s.apply("x", []media.Reception{p[0].hearing(100), p[1].hearing(100), p[2].hearing(100)}, p[0].voice(0), p[1].voice(0), p[2].voice(0))
	for i, x := range p {
		x.hears(all, slices.Delete(slices.Clone(all), i, i+1)...)
		if x.ear.breaks != nil {
			t.Errorf("%s: the stream breaks: %v", x.id, x.ear.breaks)
		}
	}
}
