package core_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// TestWhoLeftIsTold: those who stay learn what the leaver was like, and who is
// still there.
func TestWhoLeftIsTold(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.member(t, "ada", core.ModeTalk), h.member(t, "bob", core.ModeListen)
	ada.publish(t)
	if err := ada.PushToTalk(true); err != nil {
		t.Fatal(err)
	}
	h.engine.talk(ada, true)
	names := func() (all []string) {
		for _, p := range h.Present(ada.Room()) {
			all = append(all, p.Name)
		}
		return all
	}
	if diff := cmp.Diff([]string{"ada", "bob"}, names()); diff != "" {
		t.Errorf("present (-want +got):\n%s", diff)
	}
	bob.facts()
	ada.Leave()
	var left core.ParticipantLeft
	for _, f := range bob.facts() {
		if l, ok := f.(core.ParticipantLeft); ok {
			left = l
		}
	}
	if w := left.Who; w.ID != ada.ID() || w.Mode != core.ModeTalk || !w.Talking || !w.PushToTalk || !left.PushToTalk {
		t.Errorf("who left was %+v", left)
	}
	if diff := cmp.Diff([]string{"bob"}, names()); diff != "" {
		t.Errorf("present afterwards (-want +got):\n%s", diff)
	}
	if got := h.Present("default/nowhere"); got != nil {
		t.Errorf("in a room that is not there: %v", got)
	}
}

// TestSessionsAreListed: an administrator sees who is logged in, in which rooms
// they are, and what their media does; guests and other realms are not theirs.
func TestSessionsAreListed(t *testing.T) {
	w := newTown(t)
	w.connect(t) // a guest
	cyd := w.as(t, "cyd", "flight")
	if err := cyd.Session().SetStatus([]byte("console 1")); err != nil {
		t.Fatal(err)
	}
	cyd.enter(t, "loop", core.ModeListen)
	cyd.transport(t)
	got := w.Admin().Sessions("ops")
	want := []core.SessionInfo{{ID: cyd.Session().ID(), User: "cyd", Role: "flight", Via: "test", Status: []byte("console 1"),
		Rooms: map[core.RoomID]core.Mode{"ops/loop": core.ModeListen}, Media: []media.Stats{{}}}}
	for i := range got {
		got[i].Via = "test"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	if got := w.Admin().Sessions("elsewhere"); len(got) != 0 {
		t.Errorf("of another realm: %v", got)
	}
}

// TestTryChangesNothing: it finds what Edit would, and leaves no trace.
func TestTryChangesNothing(t *testing.T) {
	w := newTown(t)
	ada := w.as(t, "ada", "").Session().Administration()
	before, noted := w.section(t, realm), w.audited(t)
	try := func(change func(*core.Section)) error {
		return ada.Try(t.Context(), realm, func(s *core.Section) error {
			change(s)
			return nil
		})
	}
	if err := try(func(s *core.Section) { s.Name, s.Rooms = "Other", s.Rooms[:1] }); err != nil {
		t.Errorf("what Edit would do: %v", err)
	}
	wantKind(t, try(func(s *core.Section) { s.Projects[0].Users = append(s.Projects[0].Users, core.User{ID: "ada"}) }), core.Conflict, core.AboutName)
	wantKind(t, try(func(s *core.Section) { s.Roles[0].Members = append(s.Roles[0].Members, "stranger") }), core.NotFound, core.AboutName)
	if diff := cmp.Diff(before, w.section(t, realm)); diff != "" {
		t.Errorf("section (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(noted, w.audited(t)); diff != "" {
		t.Errorf("audit log (-before +after):\n%s", diff)
	}
}

// TestNothingIsConnected: lines and recordings say so.
func TestNothingIsConnected(t *testing.T) {
	w := newTown(t)
	bob, guest := w.as(t, "bob", "capcom").Session(), w.connect(t).Session()
	if w.LinesReachable() {
		t.Error("there are lines")
	}
	if list, err := bob.Recordings(t.Context(), core.RecordingQuery{}); err != nil || len(list) != 0 {
		t.Errorf("recordings: %v, %v", list, err)
	}
	if list, err := bob.Recorded(); err != nil || len(list) != 0 {
		t.Errorf("recorded: %v, %v", list, err)
	}
	wantKind(t, bob.Record("ops/loop"), core.Unavailable, core.AboutRequest)
	wantKind(t, bob.StopRecord("ops/loop"), core.NotFound, core.AboutRoom)
	wantKind(t, guest.Record("ops/loop"), core.Denied, core.AboutPermission)
	wantKind(t, guest.StopRecord("ops/loop"), core.Denied, core.AboutPermission)
	_, err := guest.Recordings(t.Context(), core.RecordingQuery{})
	wantKind(t, err, core.Denied, core.AboutPermission)
	_, err = guest.Recorded()
	wantKind(t, err, core.Denied, core.AboutPermission)
}
