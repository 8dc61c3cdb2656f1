package core_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func names(i core.RoomInfo) []string {
	var all []string
	for _, p := range i.Participants {
		all = append(all, p.Name)
	}
	return all
}

// kinds lists the types of facts, for tests about order.
func kinds(facts []core.Fact) []string {
	var all []string
	for _, f := range facts {
		switch f := f.(type) {
		case core.ParticipantJoined:
			all = append(all, "joined "+f.Participant.Name)
		case core.ParticipantLeft:
			all = append(all, "left "+f.Name+" "+string(f.Reason))
		case core.ParticipantChanged:
			all = append(all, "changed "+f.Participant.Name)
		case core.TrackPublished:
			all = append(all, "published "+f.Participant.Name+"/"+f.Publication.Name)
		case core.TrackUnpublished:
			all = append(all, "unpublished "+f.Participant.Name+"/"+f.Publication.Name)
		case core.MessageSent:
			all = append(all, "message "+f.FromName+" "+string(f.Body))
		case core.RoomDataChanged:
			all = append(all, "data "+f.Key+"="+string(f.Value))
		case core.RoomClosed:
			all = append(all, "closed "+string(f.Reason))
		case core.SessionEnded:
			all = append(all, "ended "+string(f.Reason))
		case core.TalkingChanged:
			all = append(all, "talking "+f.Name)
		case core.PushToTalkChanged:
			all = append(all, fmt.Sprintf("pressed %s %v", f.Participant.Name, f.On))
		case core.LoginMade:
			all = append(all, "login "+f.Identity.User)
		case core.Observed:
			all = append(all, "observed "+string(f.Directory)+" "+kinds([]core.Fact{f.What})[0])
		case core.RoomAnnounced:
			all = append(all, "listed "+f.Room.ID.Name())
		case core.RoomWithdrawn:
			all = append(all, "unlisted "+f.Room.Name())
		case core.SessionAnnounced:
			all = append(all, "announced "+string(f.Status))
		case core.SessionWithdrawn:
			all = append(all, "withdrawn")
		default:
			all = append(all, "other")
		}
	}
	return all
}

func expect(t *testing.T, c *client, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, kinds(c.facts())); diff != "" {
		t.Errorf("was told (-want +got):\n%s", diff)
	}
}

func wantKind(t *testing.T, err error, want core.ErrorKind, about core.Subject) {
	t.Helper()
	var e *core.Error
	if !errors.As(err, &e) || e.Kind != want || e.Subject != about {
		t.Errorf("error %v: want kind %v about %d", err, want, about)
	}
}

func TestJoinTellsTheOthersAndShowsWhoIsThere(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	_, info := ada.join(t, joinAs("ada"))
	if len(info.Participants) != 0 {
		t.Errorf("a fresh room has %v", names(info))
	}
	p, info := bob.join(t, joinAs("bob"))
	if diff := cmp.Diff([]string{"ada"}, names(info)); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	expect(t, ada, "joined bob")
	expect(t, bob)
	p.Leave()
	expect(t, ada, "left bob left")
	expect(t, bob)
}

func TestNamesAreUniqueInARoom(t *testing.T) {
	h := newHouse(t, nil)
	ada, other := h.connect(t), h.connect(t)
	ada.join(t, joinAs("ada"))
	_, _, err := other.Session().Join(joinAs("ada"))
	wantKind(t, err, core.Conflict, core.AboutName)
	unique := joinAs("ada")
	unique.NameRule = core.NameUnique
	second, _ := other.join(t, unique)
	third, _ := other.join(t, unique)
	if second.Name() != "ada-2" || third.Name() != "ada-3" {
		t.Errorf("names are %q and %q", second.Name(), third.Name())
	}
	elsewhere := joinAs("ada")
	elsewhere.Room = core.NewRoomID(core.DefaultRealm, "other")
	other.join(t, elsewhere)
}

func TestBadJoinsChangeNothing(t *testing.T) {
	h := newHouse(t, func(o *core.Options) { o.Limits.NameBytes = 8; o.Limits.RoomsPerSession = 1 })
	long := joinAs("123456789")
	noName := joinAs("")
	noRoom := joinAs("ada")
	noRoom.Room = core.NewRoomID(core.DefaultRealm, "")
	missing := joinAs("ada")
	missing.Create = nil
	closedToGuests := joinAs("ada")
	closedToGuests.Create = &core.Policy{Members: core.PermitTalk}
	for _, row := range []struct {
		name    string
		request core.JoinRequest
		kind    core.ErrorKind
		about   core.Subject
	}{
		{"long name", long, core.Invalid, core.AboutLimit},
		{"no name", noName, core.Invalid, core.AboutName},
		{"no room name", noRoom, core.Invalid, core.AboutRoom},
		{"no such room", missing, core.NotFound, core.AboutRoom},
		{"guests stay out", closedToGuests, core.Denied, core.AboutPermission},
	} {
		c := h.connect(t)
		_, _, err := c.Session().Join(row.request)
		wantKind(t, err, row.kind, row.about)
		if got := h.Counts(); got.Rooms != 0 || got.Participants != 0 {
			t.Errorf("%s left %+v behind", row.name, got)
		}
	}
	c := h.connect(t)
	c.join(t, joinAs("ada"))
	_, _, err := c.Session().Join(joinAs("ada2"))
	wantKind(t, err, core.Unavailable, core.AboutLimit)
}

func TestTokenAccessKeepsGuestsOut(t *testing.T) {
	h := newHouse(t, nil)
	c, err := h.Connect(core.ConnectRequest{Access: core.AccessToken, Wake: func() {}, Overflow: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _, err = c.Session().Join(joinAs("ada"))
	wantKind(t, err, core.Denied, core.AboutPermission)
	_, err = h.Connect(core.ConnectRequest{Access: core.AccessOff, Wake: func() {}, Overflow: func() {}})
	wantKind(t, err, core.Denied, core.AboutPermission)
}

func TestPublishSubscribeUnpublish(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	b, _ := bob.join(t, joinAs("bob"))
	ada.facts()
	up, down := ada.transport(t), bob.transport(t)
	if _, err := a.Publish(core.PublishRequest{Name: "cam", Transport: up.ID(), Tracks: tracksOf(up.ID())}); err != nil {
		t.Fatal(err)
	}
	expect(t, bob, "published ada/cam")
	expect(t, ada)
	sub, err := b.Subscribe(core.SubscribeRequest{Participant: a.ID(), Publication: "cam", Transport: down.ID()})
	if err != nil {
		t.Fatal(err)
	}
	all := []media.TrackID{tracksOf(up.ID())[0].ID, tracksOf(up.ID())[1].ID}
	if diff := cmp.Diff(all, h.engine.receives(down.ID())); diff != "" {
		t.Errorf("receives (-want +got):\n%s", diff)
	}
	if err := b.Select(sub, media.Video, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all[:1], h.engine.receives(down.ID())); diff != "" {
		t.Errorf("without video (-want +got):\n%s", diff)
	}
	if err := a.Mute("cam", media.Audio, true); err != nil {
		t.Fatal(err)
	}
	if got := h.engine.receives(down.ID()); len(got) != 0 {
		t.Errorf("muted, receives %v", got)
	}
	if err := a.Mute("cam", media.Audio, false); err != nil {
		t.Fatal(err)
	}
	if err := a.Unpublish("cam"); err != nil {
		t.Fatal(err)
	}
	expect(t, bob, "unpublished ada/cam")
	if h.engine.routes() != 0 || h.Counts().Subscriptions != 0 {
		t.Errorf("after unpublishing: %d routes, %+v", h.engine.routes(), h.Counts())
	}
	b.Unsubscribe(sub) // late: no harm
	wantKind(t, a.Unpublish("cam"), core.NotFound, core.AboutPublication)
}

func TestPublishingIsRefused(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	listen := joinAs("ada")
	listen.Create = &core.Policy{Media: core.MediaServer, Guests: core.PermitListen}
	a, _ := ada.join(t, listen)
	up := ada.transport(t)
	_, err := a.Publish(core.PublishRequest{Name: "cam", Transport: up.ID(), Tracks: tracksOf(up.ID())})
	wantKind(t, err, core.Denied, core.AboutPermission)
	wantKind(t, a.SetMode(core.ModeTalk), core.Denied, core.AboutPermission)

	peers := joinAs("bob")
	peers.Room = core.NewRoomID(core.DefaultRealm, "peers")
	peers.Create = &core.Policy{Media: core.MediaPeer, Guests: core.PermitTalk}
	b, _ := bob.join(t, peers)
	mine := bob.transport(t)
	_, err = b.Publish(core.PublishRequest{Name: "cam", Transport: mine.ID(), Tracks: tracksOf(mine.ID())})
	wantKind(t, err, core.Denied, core.AboutRoom)
	_, err = b.Publish(core.PublishRequest{Name: "cam", Transport: up.ID(), Tracks: tracksOf(up.ID())})
	wantKind(t, err, core.NotFound, core.AboutTransport) // somebody else's transport gives no power
}

func TestOneselfOnlyWhenAsked(t *testing.T) {
	h := newHouse(t, nil)
	ada := h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	up := ada.transport(t)
	if _, err := a.Publish(core.PublishRequest{Name: "cam", Transport: up.ID(), Tracks: tracksOf(up.ID())}); err != nil {
		t.Fatal(err)
	}
	r := core.SubscribeRequest{Participant: a.ID(), Publication: "cam", Transport: up.ID()}
	_, err := a.Subscribe(r)
	wantKind(t, err, core.Denied, core.AboutPublication)
	r.Loopback = true
	if _, err := a.Subscribe(r); err != nil {
		t.Fatal(err)
	}
	if got := h.engine.receives(up.ID()); len(got) != 2 {
		t.Errorf("loopback receives %v", got)
	}
	up.Close()
	if got := h.Counts(); got.Publications != 0 || got.Subscriptions != 0 || got.Transports != 0 {
		t.Errorf("closing the transport left %+v", got)
	}
}

func TestRoomsCloseWhenTheLastLeaves(t *testing.T) {
	h := newHouse(t, nil)
	ada := h.connect(t)
	p, _ := ada.join(t, joinAs("ada"))
	p.Leave()
	if got := h.Counts().Rooms; got != 0 {
		t.Errorf("%d rooms after the last left", got)
	}
	stays := talkers
	stays.Persistent = true
	room := core.NewRoomID(core.DefaultRealm, "ops")
	if err := h.Admin().OpenRoom(room, stays); err != nil {
		t.Fatal(err)
	}
	p, _ = ada.join(t, joinAs("ada"))
	p.Leave()
	if got := h.Counts().Rooms; got != 1 {
		t.Errorf("%d rooms, the persistent one is gone", got)
	}
}

func TestRoomLingersWithItsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada := h.connect(t)
		r := joinAs("ada")
		r.Create.Linger = time.Minute
		p, _ := ada.join(t, r)
		if err := p.SetRoomData(core.DataRequest{Key: "topic", Value: []byte("tea")}); err != nil {
			t.Fatal(err)
		}
		p.Leave()
		time.Sleep(59 * time.Second) // virtual
		p, info := ada.join(t, r)
		if got := string(info.Data["topic"]); got != "tea" {
			t.Errorf("topic %q did not linger", got)
		}
		time.Sleep(2 * time.Minute)
		p.Leave()
		time.Sleep(59 * time.Second) // a full minute counts again from here
		if h.Counts().Rooms != 1 {
			t.Error("the room closed early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if h.Counts().Rooms != 0 {
			t.Error("the room stayed for ever")
		}
	})
}

func TestCloseRoomAndEvict(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	b, _ := bob.join(t, joinAs("bob"))
	ada.facts()
	if err := h.Admin().Evict(a.Room(), "bob"); err != nil {
		t.Fatal(err)
	}
	expect(t, ada, "left bob evicted")
	expect(t, bob, "left bob evicted")
	if b.Present() {
		t.Error("bob is still there")
	}
	if err := h.Admin().CloseRoom(a.Room()); err != nil {
		t.Fatal(err)
	}
	expect(t, ada, "closed closed")
	wantKind(t, a.Send(core.Message{Type: core.TextMessage}), core.NotFound, core.AboutParticipant)
	wantKind(t, h.Admin().CloseRoom(a.Room()), core.NotFound, core.AboutRoom)
	ada.join(t, joinAs("ada")) // a fresh room of the same name
}

func TestRoomDataComparesAndSets(t *testing.T) {
	h := newHouse(t, func(o *core.Options) { o.Limits.RoomDataBytes = 64 })
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	bob.join(t, joinAs("bob"))
	for _, row := range []struct {
		name string
		r    core.DataRequest
		ok   bool
	}{
		{"first wins", core.DataRequest{Key: "k", Value: []byte("1"), Check: true}, true},
		{"second loses", core.DataRequest{Key: "k", Value: []byte("2"), Check: true}, false},
		{"who knows the value wins", core.DataRequest{Key: "k", Value: []byte("2"), Check: true, Previous: []byte("1")}, true},
		{"unchecked wins", core.DataRequest{Key: "k", Value: []byte("3")}, true},
		{"removed", core.DataRequest{Key: "k"}, true},
		{"absent is what it was", core.DataRequest{Key: "k", Value: []byte("4"), Check: true}, true},
	} {
		if err := a.SetRoomData(row.r); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	expect(t, bob, "data k=1", "data k=2", "data k=3", "data k=", "data k=4")
	wantKind(t, a.SetRoomData(core.DataRequest{Key: "big", Value: make([]byte, 100)}), core.Invalid, core.AboutLimit)
}

func TestMessages(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob, eve := h.connect(t), h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	b, _ := bob.join(t, joinAs("bob"))
	eve.join(t, joinAs("eve"))
	ada.facts()
	bob.facts()
	say := func(m core.Message, text string) {
		t.Helper()
		m.Type, m.Body = core.TextMessage, []byte(text)
		if err := a.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	say(core.Message{Echo: true}, "all")
	say(core.Message{}, "others")
	say(core.Message{To: b.ID()}, "bob")
	say(core.Message{ToName: "bob"}, "by name")
	expect(t, ada, "message ada all")
	expect(t, bob, "message ada all", "message ada others", "message ada bob", "message ada by name")
	expect(t, eve, "message ada all", "message ada others")
	wantKind(t, a.Send(core.Message{To: "nobody"}), core.NotFound, core.AboutParticipant)
	wantKind(t, a.Send(core.Message{ToName: "nobody"}), core.NotFound, core.AboutParticipant)
}

func TestTalkingIsToldWhereItIsPublished(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	bob.join(t, joinAs("bob"))
	ada.facts()
	up := ada.transport(t)
	if _, err := a.Publish(core.PublishRequest{Name: "cam", Transport: up.ID(), Tracks: tracksOf(up.ID())}); err != nil {
		t.Fatal(err)
	}
	bob.facts()
	h.engine.sink.Post(media.TalkingChanged{Transport: up.ID(), Track: tracksOf(up.ID())[0].ID, Talking: true})
	expect(t, bob, "talking ada")
	h.engine.sink.Post(media.TalkingChanged{Transport: "unknown", Track: "x", Talking: true})
	expect(t, bob)
}

func TestSnapshotIncludesOneself(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	bob.join(t, joinAs("bob"))
	info, err := a.Snapshot()
	if err != nil || !slices.Equal(names(info), []string{"ada", "bob"}) {
		t.Errorf("snapshot %v, %v", names(info), err)
	}
}

func TestEmptyRoomsKeepNobodyOut(t *testing.T) {
	h := newHouse(t, func(o *core.Options) { o.Limits.Rooms = 3 })
	ada := h.connect(t)
	join := func(room string) (*core.Participant, error) {
		r := joinAs("ada")
		r.Room, r.Create.Linger = core.NewRoomID(core.DefaultRealm, room), time.Hour
		p, _, err := ada.Session().Join(r)
		return p, err
	}
	leave := func(room string) {
		t.Helper()
		p, err := join(room)
		if err != nil {
			t.Fatal(err)
		}
		p.Leave()
	}
	leave("one")
	leave("two")
	leave("three")
	leave("one") // it was used again: two is the one that has been empty longest
	leave("four")
	for room, want := range map[string]bool{"one": true, "two": false, "three": true, "four": true} {
		if got := ada.Session().RoomExists(core.NewRoomID(core.DefaultRealm, room)); got != want {
			t.Errorf("room %s is there: %t, want %t", room, got, want)
		}
	}
	for _, room := range []string{"five", "six", "seven"} {
		if _, err := join(room); err != nil {
			t.Fatal(err)
		}
	}
	_, err := join("eight")
	wantKind(t, err, core.Unavailable, core.AboutRoom)
	if got := h.Counts().Rooms; got != 3 {
		t.Errorf("%d rooms", got)
	}
}
