package core_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
)

func TestDirectoryOfPeople(t *testing.T) {
	h := newHouse(t, nil)
	watcher, ada := h.connect(t), h.connect(t)
	if _, err := watcher.Session().Watch("lobby"); err != nil {
		t.Fatal(err)
	}
	_, err := watcher.Session().Watch("lobby")
	wantKind(t, err, core.Conflict, core.AboutRequest)
	if err := ada.Session().Announce("lobby", []byte("here")); err != nil {
		t.Fatal(err)
	}
	wantKind(t, ada.Session().Announce("lobby", nil), core.Conflict, core.AboutRequest)
	if err := ada.Session().SetAnnouncement("lobby", []byte("busy")); err != nil {
		t.Fatal(err)
	}
	info, err := ada.Session().Watch("lobby")
	if err != nil || string(info.Sessions[ada.Session().ID()]) != "busy" {
		t.Errorf("directory %v, %v", info, err)
	}
	if err := ada.Session().Withdraw("lobby"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, ada.Session().Withdraw("lobby"), core.Conflict, core.AboutRequest)
	expect(t, watcher, "announced here", "announced busy", "withdrawn")
	if err := watcher.Session().Unwatch("lobby"); err != nil {
		t.Fatal(err)
	}
	ada.Close()
	if got := h.Counts().Directories; got != 0 {
		t.Errorf("%d directories left", got)
	}
	wantKind(t, watcher.Session().Unwatch("lobby"), core.NotFound, core.AboutRequest)
}

func TestDirectoryOfRooms(t *testing.T) {
	h := newHouse(t, nil)
	watcher, ada, bob := h.connect(t), h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	if _, err := watcher.Session().Watch("lobby"); err != nil {
		t.Fatal(err)
	}
	if err := ada.Session().AnnounceRoom("lobby", a.Room()); err != nil {
		t.Fatal(err)
	}
	wantKind(t, bob.Session().AnnounceRoom("lobby", a.Room()), core.Conflict, core.AboutRoom)
	b, _ := bob.join(t, joinAs("bob"))
	if err := b.SetStatus([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := a.SetRoomData(core.DataRequest{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	b.Leave()
	a.Leave()
	expect(t, watcher, "listed ops", "observed lobby joined bob", "observed lobby changed bob", "observed lobby data k=v",
		"observed lobby left bob left", "observed lobby left ada left", "unlisted ops")
	late, err := bob.Session().Watch("lobby")
	if err != nil || len(late.Rooms) != 0 {
		t.Errorf("the empty room is still listed: %v, %v", late, err)
	}
	wantKind(t, ada.Session().WithdrawRoom("lobby", a.Room()), core.NotFound, core.AboutRoom)
	ada.join(t, joinAs("ada"))
	if err := bob.Session().AnnounceRoom("lobby", a.Room()); err != nil {
		t.Errorf("a new room of the name: %v", err)
	}
	if err := bob.Session().WithdrawRoom("lobby", a.Room()); err != nil {
		t.Errorf("withdraw: %v", err)
	}
	expect(t, watcher, "listed ops", "unlisted ops")
}

func TestWatcherWhoLeavesIsForgotten(t *testing.T) {
	h := newHouse(t, nil)
	watcher, ada := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	if err := ada.Session().AnnounceRoom("lobby", a.Room()); err != nil {
		t.Fatal(err)
	}
	if _, err := watcher.Session().Watch("lobby"); err != nil {
		t.Fatal(err)
	}
	watcher.Close()
	a.Leave()
	if got := h.Counts(); got.Directories != 0 || got.Rooms != 0 {
		t.Errorf("left behind: %+v", got)
	}
}

func TestEmptyRoomListedWhileItLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		watcher, ada := h.connect(t), h.connect(t)
		r := joinAs("ada")
		r.Create.Linger = time.Minute
		a, _ := ada.join(t, r)
		a.Leave()
		if _, err := watcher.Session().Watch("lobby"); err != nil {
			t.Fatal(err)
		}
		if err := watcher.Session().AnnounceRoom("lobby", a.Room()); err != nil {
			t.Fatal(err)
		}
		expect(t, watcher, "listed ops")
		time.Sleep(2 * time.Minute) // virtual
		synctest.Wait()
		expect(t, watcher, "unlisted ops")
		ada.join(t, joinAs("ada"))
		if err := watcher.Session().AnnounceRoom("lobby", a.Room()); err != nil {
			t.Errorf("a new room of the name: %v", err)
		}
	})
}

func TestRoomOfAFailedJoinDoesNotLinger(t *testing.T) {
	h := newHouse(t, nil)
	ada := h.connect(t)
	r := joinAs("ada")
	r.Create = &core.Policy{Linger: time.Hour}
	_, _, err := ada.Session().Join(r)
	wantKind(t, err, core.Denied, core.AboutPermission)
	if got := h.Counts().Rooms; got != 0 {
		t.Errorf("%d rooms left", got)
	}
}

func TestOnlyInsidersListARoom(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	r := joinAs("ada")
	r.Create.Listing, r.Create.Inviting = core.Insiders, core.Insiders
	a, _ := ada.join(t, r)
	wantKind(t, bob.Session().AnnounceRoom("lobby", a.Room()), core.Denied, core.AboutParticipant)
	if err := ada.Session().AnnounceRoom("lobby", a.Room()); err != nil {
		t.Fatal(err)
	}
	wantKind(t, bob.Session().WithdrawRoom("lobby", a.Room()), core.Denied, core.AboutParticipant)

	_, err := bob.Session().Call(into(a.Room(), bob)) // to look into it
	wantKind(t, err, core.Denied, core.AboutParticipant)
	id := ring(t, ada, into(a.Room(), bob))
	wantKind(t, bob.Session().WithdrawRoom("lobby", a.Room()), core.Denied, core.AboutParticipant)
	if _, err := bob.Session().Accept(id, core.AnswerRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := bob.Session().WithdrawRoom("lobby", a.Room()); err != nil {
		t.Errorf("from inside: %v", err)
	}
	elsewhere := into(core.NewRoomID(core.DefaultRealm, "new"), bob)
	elsewhere.Create.Inviting = core.Insiders
	_, err = ada.Session().Call(elsewhere)
	wantKind(t, err, core.Denied, core.AboutParticipant)
	if got := h.Counts().Rooms; got != 1 {
		t.Errorf("%d rooms", got)
	}
}

// Who may not enter a room is not told who is in it by way of a directory or of
// an invitation to somebody else.
func TestStrangersNeitherListARoomNorInvite(t *testing.T) {
	for name, shut := range map[string]func(*core.Policy){
		"no guests": func(p *core.Policy) { p.Guests = core.PermitNone },
		"a secret":  func(p *core.Policy) { p.Secret = "sesame" },
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, nil)
			ada, bob, eve := h.connect(t), h.connect(t), h.connect(t)
			ada.login(t, core.DefaultRealm, "ada")
			r := joinAs("ada")
			shut(r.Create)
			r.Secret = r.Create.Secret
			a, _ := ada.join(t, r)
			_, err := eve.Session().Call(into(a.Room(), bob))
			for what, err := range map[string]error{"listing": eve.Session().AnnounceRoom("lobby", a.Room()), "inviting": err} {
				if core.KindOf(err) != core.Denied {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
			if err := ada.Session().AnnounceRoom("lobby", a.Room()); err != nil {
				t.Errorf("%s, from inside: %v", name, err)
			}
			if err := eve.Session().WithdrawRoom("lobby", a.Room()); core.KindOf(err) != core.Denied {
				t.Errorf("%s, taking off the list: %v", name, err)
			}
		})
	}
}

func TestWithoutALoginNothingIsDone(t *testing.T) {
	h := newHouse(t, nil)
	conn, err := h.Connect(core.ConnectRequest{Via: "test", Access: core.AccessToken, Wake: func() {}, Overflow: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := conn.Session()
	_, watch := s.Watch("lobby")
	_, call := s.Call(core.CallRequest{To: []core.SessionID{s.ID()}})
	for _, err := range []error{watch, call, s.Announce("lobby", nil), s.AnnounceRoom("lobby", "default/ops")} {
		wantKind(t, err, core.Denied, core.AboutPermission)
	}
}

func TestLimitsOfOneSession(t *testing.T) {
	h := newHouse(t, func(o *core.Options) {
		o.Limits.RoomsOpenedPerSession, o.Limits.ListingsPerRoom, o.Limits.StatusBytesPerSession = 2, 2, 100
	})
	ada, bob := h.connect(t), h.connect(t)
	join := func(room string, status int) (*core.Participant, error) {
		r := joinAs("ada")
		r.Room, r.Create.Linger, r.Status = core.NewRoomID(core.DefaultRealm, room), time.Hour, make([]byte, status)
		p, _, err := ada.Session().Join(r)
		return p, err
	}
	a, err := join("one", 60)
	if err != nil {
		t.Fatal(err)
	}
	_, err = join("two", 60)
	wantKind(t, err, core.Unavailable, core.AboutLimit)
	wantKind(t, a.SetStatus(make([]byte, 101)), core.Unavailable, core.AboutLimit)
	if err := ada.Session().Announce("lobby", make([]byte, 40)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, ada.Session().Announce("other", make([]byte, 1)), core.Unavailable, core.AboutLimit)
	wantKind(t, ada.Session().SetAnnouncement("lobby", make([]byte, 41)), core.Unavailable, core.AboutLimit)
	if err := ada.Session().Withdraw("lobby"); err != nil {
		t.Fatal(err)
	}
	if err := a.SetStatus(make([]byte, 100)); err != nil {
		t.Errorf("after withdrawing: %v", err)
	}
	a.Leave()
	if _, err := join("two", 100); err != nil {
		t.Errorf("after leaving: %v", err)
	}
	_, err = join("three", 0)
	wantKind(t, err, core.Unavailable, core.AboutRoom) // the first still lingers
	_, err = ada.Session().Call(into(core.NewRoomID(core.DefaultRealm, "three"), bob))
	wantKind(t, err, core.Unavailable, core.AboutRoom)
	for i, want := range []core.ErrorKind{0, 0, core.Unavailable} {
		if err := ada.Session().AnnounceRoom(core.DirectoryID(rune('a'+i)), a.Room()); core.KindOf(err) != want {
			t.Errorf("listing %d: %v", i, err)
		}
	}
	for limit, want := range map[string]int64{"rooms_opened_per_session": 2, "listings_per_room": 1, "status_bytes_per_session": 4, "status_bytes": 0} {
		if got := h.Refusals()[limit]; got != want {
			t.Errorf("%d refusals counted for %s, want %d", got, limit, want)
		}
	}
}
