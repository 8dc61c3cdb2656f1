package core_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
)

func TestWatchersHearWhatTheRoomHears(t *testing.T) {
	h := newHouse(t, nil)
	ada, eve := h.connect(t), h.connect(t)
	room := joinAs("ada").Room
	if _, err := eve.Session().WatchRoom(room); core.KindOf(err) != core.NotFound {
		t.Errorf("no such room: %v, want NotFound", err)
	}
	place, _ := ada.join(t, joinAs("ada"))
	info, err := eve.Session().WatchRoom(room)
	if err != nil || len(info.Participants) != 1 {
		t.Fatalf("watch: %v, %v", info.Participants, err)
	}
	heard := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, kinds(eve.facts())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	if err := place.SetMode(core.ModeListen); err != nil {
		t.Fatal(err)
	}
	if err := place.PushToTalk(true); err != nil {
		t.Fatal(err)
	}
	heard("a change, and a press", "changed ada", "pressed ada true")
	if err := place.Send(core.Message{Type: core.TextMessage, Body: []byte("for those inside")}); err != nil {
		t.Fatal(err)
	}
	heard("a message")
	inside, _ := eve.join(t, joinAs("eve"))
	bob := h.connect(t)
	bob.join(t, joinAs("bob"))
	heard("in the room, told once", "joined bob")
	inside.Leave()
	heard("one's own leaving")
	bob.Close()
	heard("bob is gone", "left bob disconnected")
	eve.Session().UnwatchRoom(room)
	place.Leave()
	heard("not watching any more")
}

func TestWatchedRoomsClose(t *testing.T) {
	h := newHouse(t, func(o *core.Options) { o.Limits.RoomsWatchedPerSession = 1 })
	ada, eve := h.connect(t), h.connect(t)
	place, _ := ada.join(t, joinAs("ada"))
	other := joinAs("ada")
	other.Room = core.NewRoomID(core.DefaultRealm, "other")
	ada.join(t, other)
	for range 2 { // the same room counts once
		if _, err := eve.Session().WatchRoom(place.Room()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := eve.Session().WatchRoom(other.Room); core.KindOf(err) != core.Unavailable {
		t.Errorf("beyond the limit: %v, want Unavailable", err)
	}
	place.Leave()
	if diff := cmp.Diff([]string{"left ada left", "closed closed"}, kinds(eve.facts())); diff != "" {
		t.Errorf("the room closes (-want +got):\n%s", diff)
	}
	if _, err := eve.Session().WatchRoom(other.Room); err != nil {
		t.Errorf("the closed room still counts: %v", err)
	}
	eve.Close()
	if err := h.Admin().CloseRoom(other.Room); err != nil {
		t.Fatal(err)
	}
}

func TestWatchingNeedsPermission(t *testing.T) {
	h := newHouse(t, nil)
	r := joinAs("ada")
	if err := h.Admin().OpenRoom(r.Room, core.Policy{Persistent: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.connect(t).Session().WatchRoom(r.Room); core.KindOf(err) != core.Denied {
		t.Errorf("a guest where guests may not listen: %v, want Denied", err)
	}
}
