package core_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// actor is a client that does random things and remembers what is needed to
// judge the outcome.
type actor struct {
	*client
	name      string
	places    map[string]*core.Participant
	up, down  *core.Transport
	published map[string]bool // by room
	muted     map[string]bool
	mode      map[string]core.Mode
	loopback  map[string]bool
	films     map[string]bool // what is published has a picture
	hears     map[string]bool // the mix
	soundOnly map[string]bool // without whoever films
	told      []core.Fact
}

// theRooms are where the actors meet: in the last one guests only listen.
var theRooms = []string{"red", "green", "quiet"}

func request(name, room string) core.JoinRequest {
	r := joinAs(name)
	r.Room = core.NewRoomID(core.DefaultRealm, room)
	if room == "quiet" {
		r.Create.Guests = core.PermitListen
	}
	return r
}

func newActor(t testing.TB, h *house, name string) *actor {
	a := &actor{client: h.connect(t), name: name, places: map[string]*core.Participant{}, published: map[string]bool{},
		muted: map[string]bool{}, mode: map[string]core.Mode{}, loopback: map[string]bool{}, films: map[string]bool{}, hears: map[string]bool{}, soundOnly: map[string]bool{}}
	a.up, a.down = a.transport(t), a.transport(t)
	return a
}

// step does one thing; which and where is drawn by pick, which returns a number
// below its argument.
func (a *actor) step(h *house, pick func(int) int) {
	room := theRooms[pick(len(theRooms))]
	p := a.places[room]
	if p == nil {
		if got, _, err := a.Session().Join(request(a.name, room)); err == nil {
			a.places[room], a.mode[room] = got, core.ModeTalk
		}
		return
	}
	switch pick(12) {
	case 0:
		p.Leave()
		delete(a.places, room)
		delete(a.published, room)
		delete(a.muted, room)
		delete(a.loopback, room)
		delete(a.hears, room)
	case 1:
		films := pick(2) == 0
		tracks := tracksOf(a.up.ID())
		if !films {
			tracks = tracks[:1]
		}
		if _, err := p.Publish(core.PublishRequest{Name: "cam", Transport: a.up.ID(), Tracks: tracks}); err == nil {
			a.published[room], a.muted[room], a.films[room] = true, false, films
		}
	case 2:
		if p.Unpublish("cam") == nil {
			delete(a.published, room)
			delete(a.loopback, room)
		}
	case 3, 4:
		info, err := p.Snapshot()
		if err != nil {
			return
		}
		from := info.Participants[pick(len(info.Participants))]
		own := from.ID == p.ID()
		_, err = p.Subscribe(core.SubscribeRequest{Participant: from.ID, Publication: "cam", Transport: a.down.ID(), Loopback: own})
		if err == nil && own {
			a.loopback[room] = true
		}
	case 5:
		mute := pick(2) == 0
		if p.Mute("cam", media.Video, mute) == nil {
			a.muted[room] = mute
		}
	case 6:
		m := core.Mode(pick(3))
		if p.SetMode(m) == nil {
			a.mode[room] = m
		}
	case 7:
		_ = p.Send(core.Message{Type: core.TextMessage, Body: []byte("hi")})
	case 9:
		soundOnly := pick(2) == 0
		if p.HearMix(core.MixRequest{Transport: a.down.ID(), Volume: 1 + pick(100), Video: pick(2) == 0, SoundOnly: soundOnly}) == nil {
			a.hears[room], a.soundOnly[room] = true, soundOnly
		}
	case 10:
		p.StopMix()
		delete(a.hears, room)
	case 11:
		_ = p.PushToTalk(pick(2) == 0)
		h.engine.sink.Post(media.TalkingChanged{Transport: a.up.ID(), Track: tracksOf(a.up.ID())[0].ID, Talking: pick(2) == 0})
	case 8:
		_ = p.SetRoomData(core.DataRequest{Key: "k", Value: []byte{byte(pick(4))}})
	}
	a.told = append(a.told, a.facts()...)
}

// judge checks the routes that the engine was given.
func judge(t interface{ Errorf(string, ...any) }, h *house, actors []*actor) {
	byTransport := map[media.TransportID]*actor{}
	for _, a := range actors {
		byTransport[a.up.ID()], byTransport[a.down.ID()] = a, a
	}
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	for key, rec := range h.engine.rooms {
		to, room := byTransport[key.to], core.RoomID(key.room).Name()
		if to == nil || to.places[room] == nil || to.mode[room] == core.ModeNone {
			t.Errorf("%s: a route to somebody who does not listen there", room)
			continue
		}
		if rec.Mix > 0 && !to.hears[room] {
			t.Errorf("%s: %s hears a mix without asking", room, to.name)
		}
		for _, from := range actors {
			out := from.places[room] != nil && from.published[room] && (from == to || to.soundOnly[room] && from.films[room])
			if got := slices.Contains(rec.Own, from.up.ID()); rec.Mix > 0 && got != out {
				t.Errorf("%s: is %s left out of what %s hears? %t, want %t", room, from.name, to.name, got, out)
			}
		}
		for _, track := range rec.Forward {
			from := byTransport[owner(track)]
			switch {
			case from.places[room] == nil || !from.published[room]:
				t.Errorf("%s: a route from %s, who does not publish there", room, from.name)
			case from == to && !to.loopback[room]:
				t.Errorf("%s: %s receives themself without asking", room, to.name)
			case from.mode[room] != core.ModeTalk:
				t.Errorf("%s: a route from %s, who does not talk", room, from.name)
			case room == "quiet":
				t.Errorf("%s: a route from %s, who may not talk", room, from.name)
			case from.muted[room] && track == tracksOf(from.up.ID())[1].ID:
				t.Errorf("%s: a route from %s, who is muted", room, from.name)
			}
		}
	}
	for key := range h.engine.voices {
		from, room := byTransport[owner(key.track)], core.RoomID(key.room).Name()
		if from.places[room] == nil || !from.published[room] || from.mode[room] != core.ModeTalk || room == "quiet" {
			t.Errorf("%s: %s is in the mix, who does not or may not talk there", room, from.name)
		}
	}
}

func TestRoutesAreRightAfterAnySequence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t, nil)
		var actors []*actor
		for i := range 4 {
			actors = append(actors, newActor(t, h, fmt.Sprint("actor", i)))
		}
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "pick") }
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			actors[pick(len(actors))].step(h, pick)
			judge(rt, h, actors)
		}
		for _, a := range actors {
			a.Close()
		}
		empty := core.Counts{}
		if diff := cmp.Diff(empty, h.Counts()); diff != "" || h.engine.routes() != 0 || h.engine.openTransports() != 0 {
			rt.Fatalf("something is left when all have left: %s, %d routes, %d transports", diff, h.engine.routes(), h.engine.openTransports())
		}
	})
}

// TestManyAtOnce lets actors run side by side, with connections that break, and
// checks at the end what must hold whatever happened.
func TestManyAtOnce(t *testing.T) {
	h := newHouse(t, nil)
	witness := h.connect(t) // sees everything, in all rooms
	second := h.connect(t)
	for _, room := range theRooms {
		witness.join(t, request("witness", room))
		second.join(t, request("second", room))
	}
	witness.facts()
	second.facts()
	actors := make([]*actor, 12)
	for i := range actors {
		actors[i] = newActor(t, h, fmt.Sprint("actor", i))
	}
	var running sync.WaitGroup
	for i, a := range actors {
		running.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 300 {
				a.step(h, random.IntN)
			}
			if i%2 == 0 { // half of them break off where they stand
				a.Close()
				a.places = map[string]*core.Participant{}
			}
		})
	}
	running.Wait()
	judge(t, h, actors)
	for _, a := range actors {
		a.Close()
	}
	one, other := witness.facts(), second.facts()
	if diff := cmp.Diff(perRoom(one), perRoom(other)); diff != "" {
		t.Errorf("two witnesses saw different orders:\n%s", diff)
	}
	checkLives(t, one)
	witness.Close()
	second.Close()
	if diff := cmp.Diff(core.Counts{}, h.Counts()); diff != "" || h.engine.routes() != 0 {
		t.Errorf("left behind: %s, %d routes", diff, h.engine.routes())
	}
}

// perRoom sorts facts by room, keeping their order in each.
func perRoom(facts []core.Fact) map[core.RoomID][]string {
	rooms := map[core.RoomID][]string{}
	for _, f := range facts {
		var room core.RoomID
		switch f := f.(type) {
		case core.ParticipantJoined:
			room = f.Room
		case core.ParticipantLeft:
			room = f.Room
		case core.ParticipantChanged:
			room = f.Room
		case core.TrackPublished:
			room = f.Room
		case core.TrackUnpublished:
			room = f.Room
		case core.MessageSent:
			room = f.Room
		case core.RoomDataChanged:
			room = f.Room
		case core.TalkingChanged:
			room = f.Room
		case core.PushToTalkChanged:
			room = f.Room
		}
		rooms[room] = append(rooms[room], kinds([]core.Fact{f})[0])
	}
	return rooms
}

// checkLives checks that every join has one leave, and that nobody does
// anything outside of their life in a room.
func checkLives(t *testing.T, facts []core.Fact) {
	t.Helper()
	alive := map[core.ParticipantID]bool{}
	for _, f := range facts {
		var who core.ParticipantID
		switch f := f.(type) {
		case core.ParticipantJoined:
			if alive[f.Participant.ID] {
				t.Errorf("%s joined twice", f.Participant.Name)
			}
			alive[f.Participant.ID] = true
			continue
		case core.ParticipantLeft:
			if !alive[f.Participant] {
				t.Errorf("%s left without being there", f.Name)
			}
			delete(alive, f.Participant)
			continue
		case core.ParticipantChanged:
			who = f.Participant.ID
		case core.TrackPublished:
			who = f.Participant.ID
		case core.TrackUnpublished:
			who = f.Participant.ID
		case core.MessageSent:
			who = f.From
		case core.RoomDataChanged:
			who = f.By
		case core.TalkingChanged:
			who = f.Participant
		case core.PushToTalkChanged:
			who = f.Participant.ID
		}
		if !alive[who] {
			t.Errorf("%v from somebody who is not there", kinds([]core.Fact{f}))
		}
	}
	if len(alive) > 0 {
		t.Errorf("%d never left", len(alive))
	}
}

// TestJoinSnapshotsMissNothing joins while others come, go and publish, and
// checks that the snapshot and the events after it add up to the truth.
func TestJoinSnapshotsMissNothing(t *testing.T) {
	h := newHouse(t, nil)
	keeper := h.connect(t)
	keeper.join(t, request("keeper", "red"))
	var running sync.WaitGroup
	stop := make(chan struct{})
	for i := range 6 {
		a := newActor(t, h, fmt.Sprint("actor", i))
		running.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(i)))
			for {
				select {
				case <-stop:
					return
				default:
					a.step(h, random.IntN)
				}
			}
		})
	}
	var views []*client
	var seen []map[string][]string
	for i := range 100 {
		c := h.connect(t)
		_, info := c.join(t, request(fmt.Sprint("viewer", i), "red"))
		view := map[string][]string{}
		for _, p := range info.Participants {
			view[p.Name] = streams(p)
		}
		views, seen = append(views, c), append(seen, view)
	}
	close(stop)
	running.Wait()
	truth := map[string][]string{}
	for _, info := range h.Admin().Rooms(core.DefaultRealm) {
		if info.ID.Name() != "red" {
			continue
		}
		for _, p := range info.Participants {
			truth[p.Name] = streams(p)
		}
	}
	for i, c := range views {
		for _, f := range c.facts() {
			switch f := f.(type) {
			case core.ParticipantJoined:
				seen[i][f.Participant.Name] = streams(f.Participant)
			case core.ParticipantLeft:
				delete(seen[i], f.Name)
			case core.TrackPublished:
				seen[i][f.Participant.Name] = streams(f.Participant)
			case core.TrackUnpublished:
				seen[i][f.Participant.Name] = streams(f.Participant)
			}
		}
		delete(seen[i], fmt.Sprint("viewer", i))
		want := map[string][]string{}
		for name, s := range truth {
			if name != fmt.Sprint("viewer", i) {
				want[name] = s
			}
		}
		if diff := cmp.Diff(want, seen[i]); diff != "" {
			t.Fatalf("viewer %d (-truth +view):\n%s", i, diff)
		}
	}
}

func streams(p core.ParticipantInfo) []string {
	all := []string{}
	for _, pub := range p.Publications {
		all = append(all, pub.Name)
	}
	slices.Sort(all)
	return all
}
