package mix

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchboard/internal/media"
)

// TestRoutesAreKept plays random sequences of everything one can do, and compares
// who hears whom with what the rooms say.
func TestRoutesAreKept(t *testing.T) {
	heard := 0
	rapid.Check(t, func(r *rapid.T) {
		c := newTape()
		c.forget = true
		world := &world{T: r, tape: c, stage: newStage(t, Options{Codec: c})}
		world.keep = false
		world.loud = c.packet(toc20, sine(400, 0.01, 0, FrameSamples))
		r.Repeat(map[string]func(*rapid.T){
			"add":    world.add,
			"remove": world.remove,
			"feed":   world.feed,
			"hear":   world.hear,
			"gate":   world.gate,
			"talk":   world.talk,
			"":       func(*rapid.T) { world.check() },
		})
		heard += int(world.Counters().Encoded)
		for _, p := range world.people {
			world.RemoveTalker(p.talker)
			world.RemoveListener(p.listener)
		}
		world.pass(second)
		if len(world.rooms) != 0 || world.codecs.lent != 0 || len(world.live) != 0 || world.Due() != Never {
			r.Fatalf("when all have left, %d rooms, %d codecs and %d live talkers are left, due %v", len(world.rooms), world.codecs.lent, len(world.live), world.Due())
		}
	})
	if heard < 30 {
		t.Errorf("in all sequences %d frames were mixed; they prove little", heard)
	}
}

// person is a listener and a talker of one transport, or of two.
type person struct {
	talker   *Talker
	listener *Listener
	sequence uint16
	feeds    []Feed
	hears    []Hearing
}

type world struct {
	*rapid.T
	*stage
	tape   *tape
	people []*person
	loud   []byte
	names  int
}

func (w *world) someone(t *rapid.T) *person {
	if len(w.people) == 0 {
		t.Skip("nobody")
	}
	return rapid.SampledFrom(w.people).Draw(t, "person")
}

func (w *world) add(t *rapid.T) {
	if len(w.people) >= 8 {
		t.Skip("full")
	}
	w.names++
	name := media.TransportID(fmt.Sprint(w.names))
	other := name
	if rapid.IntRange(0, 3).Draw(t, "apart") == 0 {
		other = media.TransportID(fmt.Sprint(w.names, "mic"))
	}
	w.people = append(w.people, &person{
		talker: w.AddTalker(media.TrackID(name), other), listener: w.AddListener(name, w.clock), sequence: uint16(w.names * 1000),
	})
}

func (w *world) remove(t *rapid.T) {
	p := w.someone(t)
	w.RemoveTalker(p.talker)
	w.RemoveListener(p.listener)
	w.RemoveListener(p.listener)
	w.people = slices.DeleteFunc(w.people, func(o *person) bool { return o == p })
}

var roomIDs = rapid.SliceOfN(rapid.SampledFrom([]media.RoomID{"x", "y", "z"}), 0, 3)

func (w *world) feed(t *rapid.T) {
	p := w.someone(t)
	p.feeds = nil
	for _, id := range roomIDs.Draw(t, "rooms") {
		p.feeds = append(p.feeds, Feed{id, Volume(rapid.IntRange(0, 10).Draw(t, "level") * 10)})
	}
	w.Feed(p.talker, p.feeds)
}

func (w *world) hear(t *rapid.T) {
	p := w.someone(t)
	p.hears = nil
	for _, id := range roomIDs.Draw(t, "rooms") {
		p.hears = append(p.hears, Hearing{id, Volume(rapid.IntRange(0, 10).Draw(t, "level") * 10)})
	}
	w.Hear(p.listener, p.hears)
}

func (w *world) gate(t *rapid.T) {
	w.Gate(w.someone(t).talker, rapid.Bool().Draw(t, "open"), w.clock)
}

// talk has some talk for some time, not evenly and with loss.
func (w *world) talk(t *rapid.T) {
	speakers := rapid.SliceOfDistinct(rapid.IntRange(0, 7), rapid.ID[int]).Draw(t, "speakers")
	for range rapid.IntRange(1, 40).Draw(t, "packets") {
		for _, i := range speakers {
			if i >= len(w.people) {
				continue
			}
			p := w.people[i]
			if p.sequence++; p.sequence%11 != 0 {
				w.Push(p.talker, Packet{Sequence: p.sequence, Payload: w.loud, Level: 20, HasLevel: i%3 != 0}, w.clock)
			}
		}
		w.pass(frameTime)
	}
}

func (w *world) pass(d time.Duration) { w.play(w.clock + d) }

// check compares who hears whom with the rooms, and the mixer with itself.
func (w *world) check() {
	w.pass(time.Millisecond)
	encoders, decoders := 0, 0
	for _, p := range w.people {
		want := map[media.TrackID]Level{}
		for _, other := range w.people {
			if l := w.expected(p, other); l != Mute {
				want[other.talker.track] = l
			}
		}
		got := map[media.TrackID]Level{}
		for _, x := range p.listener.terms {
			if _, twice := got[x.talker.track]; twice {
				w.T.Fatalf("%s hears %s twice", p.listener.transport, x.talker.track)
			}
			got[x.talker.track] = x.level
		}
		if d := cmp.Diff(want, got); d != "" {
			w.T.Fatalf("%s hears (-want +got):\n%s", p.listener.transport, d)
		}
		if quiet := slices.Contains(w.quiet, p.listener); quiet != (len(want) == 0) || quiet != (p.listener.blend == nil) {
			w.T.Fatalf("%s hears %d and is among the quiet: %t", p.listener.transport, len(want), quiet)
		}
		if p.talker.source.decoder != nil {
			decoders++
		}
	}
	names := map[string]bool{}
	for _, b := range w.blends {
		if names[b.name] {
			w.T.Fatal("two blends are the same")
		}
		names[b.name] = true
		if b.encoder != nil {
			encoders++
		}
		for _, x := range b.terms {
			if x.talker.island != b.island {
				w.T.Fatal("a blend has a talker of another island")
			}
		}
	}
	if w.codecs.lent != encoders+decoders {
		w.T.Fatalf("%d codecs are lent and %d in use", w.codecs.lent, encoders+decoders)
	}
}

// expected is how loud one hears another, worked out as slowly as can be.
func (w *world) expected(p, other *person) Level {
	if !other.talker.open || p.listener.transport == other.talker.transport {
		return Mute
	}
	level := Mute
	for _, f := range other.feeds {
		for _, h := range p.hears {
			if f.Room == h.Room {
				level = min(level, f.Level.and(h.Level))
			}
		}
	}
	return level
}
