package core_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
)

// callKinds lists what a client was told about calls and rooms, by type.
func callKinds(facts []core.Fact) []string {
	var all []string
	for _, f := range facts {
		switch f := f.(type) {
		case core.CallInvited:
			all = append(all, "invited")
		case core.CallRinging:
			all = append(all, "ringing")
		case core.CallAnswered:
			all = append(all, "answered")
		case core.CallEnded:
			all = append(all, "ended "+string(f.Reason))
		case core.ParticipantChanged:
			all = append(all, map[bool]string{true: "entered", false: "changed"}[f.Entered])
		default:
			all = append(all, kinds([]core.Fact{f})[0])
		}
	}
	return all
}

func expectCall(t *testing.T, who string, c *client, want ...string) {
	t.Helper()
	got := callKinds(c.facts())
	if len(got) != len(want) {
		t.Errorf("%s was told %q, want %q", who, got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s was told %q, want %q", who, got, want)
			return
		}
	}
}

func into(room core.RoomID, to ...*client) core.CallRequest {
	policy := talkers
	r := core.CallRequest{Room: room, Create: &policy, Body: []byte("come")}
	for _, c := range to {
		r.To = append(r.To, c.Session().ID())
	}
	return r
}

func ring(t *testing.T, from *client, r core.CallRequest) core.CallID {
	t.Helper()
	id, err := from.Session().Call(r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestInvitationIntoARoom(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob, eve := h.connect(t), h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	bobName := string(bob.Session().ID())
	id := ring(t, ada, into(a.Room(), bob))
	facts := bob.facts()
	invited, ok := facts[0].(core.CallInvited)
	if !ok || len(facts) != 1 || len(invited.Room.Participants) != 1 || string(invited.Body) != "come" {
		t.Fatalf("bob was told %v", facts)
	}
	expectCall(t, "ada", ada, "joined "+bobName)
	_, err := ada.Session().Call(into(a.Room(), bob))
	wantKind(t, err, core.Conflict, core.AboutParticipant)
	_, err = eve.Session().Accept(id, core.AnswerRequest{})
	wantKind(t, err, core.NotFound, core.AboutRequest) // somebody else's call gives no power

	if err := a.SetStatus([]byte("x")); err != nil {
		t.Fatal(err)
	}
	expectCall(t, "bob", bob, "changed") // the invited see the room
	place, err := bob.Session().Accept(id, core.AnswerRequest{Mode: core.ModeTalk, Status: []byte("here")})
	if err != nil || place.Name() != bobName {
		t.Fatalf("accept: %v", err)
	}
	expectCall(t, "ada", ada, "answered", "entered")
	wantKind(t, ada.Session().Hangup(id, nil), core.NotFound, core.AboutRequest)
	wantKind(t, bob.Session().Reject(id, nil), core.NotFound, core.AboutRequest)
	if err := place.Send(core.Message{Type: core.TextMessage}); err != nil {
		t.Errorf("a full participant now: %v", err)
	}
}

func TestTheInvitedMayNotActYet(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	ring(t, ada, into(a.Room(), bob))
	bob.facts()
	place := bob.Session().Participants()[0]
	wantKind(t, place.Send(core.Message{Type: core.TextMessage}), core.Denied, core.AboutParticipant)
	wantKind(t, place.SetRoomData(core.DataRequest{Key: "k"}), core.Denied, core.AboutParticipant)
	wantKind(t, a.Send(core.Message{To: place.ID(), Type: core.TextMessage}), core.Conflict, core.AboutParticipant)
	if err := a.Send(core.Message{Type: core.TextMessage}); err != nil {
		t.Fatal(err)
	}
	expectCall(t, "bob", bob)
}

func TestInvitationsThatFail(t *testing.T) {
	for _, row := range []struct {
		name     string
		act      func(*client, *client, core.CallID) error
		ada, bob []string
	}{
		{"rejected", func(_, bob *client, id core.CallID) error { return bob.Session().Reject(id, nil) },
			[]string{"ended rejected", "left"}, nil},
		{"cancelled", func(ada, _ *client, id core.CallID) error { return ada.Session().Hangup(id, nil) },
			[]string{"left"}, []string{"ended cancelled"}},
		{"callee gone", func(_, bob *client, _ core.CallID) error { bob.Close(); return nil },
			[]string{"ended disconnected", "left"}, nil},
		{"caller gone", func(ada, _ *client, _ core.CallID) error { ada.Close(); return nil },
			nil, []string{"ended cancelled", "left"}}, // the place goes last
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHouse(t, nil)
			ada, bob := h.connect(t), h.connect(t)
			a, _ := ada.join(t, joinAs("ada"))
			id := ring(t, ada, into(a.Room(), bob))
			ada.facts()
			bob.facts()
			if err := row.act(ada, bob, id); err != nil {
				t.Fatal(err)
			}
			for who, want := range map[*client][]string{ada: row.ada, bob: row.bob} {
				got := callKinds(who.facts())
				for i := range got {
					if len(got[i]) > 5 && got[i][:5] == "left " {
						got[i] = "left"
					}
				}
				count := map[string]int{}
				for _, k := range got {
					count[k]++
				}
				for _, k := range want {
					count[k]--
				}
				for k, n := range count {
					if n != 0 {
						t.Errorf("told %q, want %q (%s)", got, want, k)
					}
				}
			}
			ada.Close()
			bob.Close()
			if got := h.Counts(); got.Participants != 0 || got.Rooms != 0 {
				t.Errorf("left behind: %+v", got)
			}
		})
	}
}

func TestTheFirstAnswerWins(t *testing.T) {
	h := newHouse(t, nil)
	ada, desk, mobile := h.connect(t), h.connect(t), h.connect(t)
	id := ring(t, ada, core.CallRequest{To: []core.SessionID{desk.Session().ID(), mobile.Session().ID()}})
	if err := desk.Session().Ring(id, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := mobile.Session().Accept(id, core.AnswerRequest{Body: []byte("sdp")}); err != nil {
		t.Fatal(err)
	}
	_, err := desk.Session().Accept(id, core.AnswerRequest{})
	wantKind(t, err, core.NotFound, core.AboutRequest)
	expectCall(t, "ada", ada, "ringing", "answered")
	expectCall(t, "desk", desk, "invited", "ended elsewhere")
	expectCall(t, "mobile", mobile, "invited")
	if err := mobile.Session().Hangup(id, nil); err != nil {
		t.Fatal(err)
	}
	expectCall(t, "ada", ada, "ended hangup")
	expectCall(t, "mobile", mobile)
	wantKind(t, ada.Session().Hangup(id, nil), core.NotFound, core.AboutRequest)
}

func TestNobodyAnswersInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada, bob := h.connect(t), h.connect(t)
		ring(t, ada, core.CallRequest{To: []core.SessionID{bob.Session().ID()}, Timeout: 30 * time.Second})
		time.Sleep(29 * time.Second) // virtual
		expectCall(t, "ada", ada)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		expectCall(t, "ada", ada, "ended timeout")
		expectCall(t, "bob", bob, "invited", "ended timeout")
	})
}

func TestClosingTheRoomEndsTheInvitation(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	id := ring(t, ada, into(core.NewRoomID(core.DefaultRealm, "ops"), bob)) // from outside
	if err := h.Admin().CloseRoom(core.NewRoomID(core.DefaultRealm, "ops")); err != nil {
		t.Fatal(err)
	}
	expectCall(t, "ada", ada, "ended closed")
	expectCall(t, "bob", bob, "invited", "closed closed")
	wantKind(t, bob.Session().Reject(id, nil), core.NotFound, core.AboutRequest)
}

// TestAcceptAgainstCancel lets both happen at once, many times: exactly one
// wins, and both sides see the same one.
func TestAcceptAgainstCancel(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	for i := range 1000 {
		id := ring(t, ada, into(a.Room(), bob))
		var accepted, cancelled error
		var both sync.WaitGroup
		accept := func() { _, accepted = bob.Session().Accept(id, core.AnswerRequest{Mode: core.ModeTalk}) }
		cancel := func() { cancelled = ada.Session().Hangup(id, nil) }
		first, second := accept, cancel
		if i%2 == 0 {
			first, second = cancel, accept
		}
		both.Go(first)
		both.Go(second)
		both.Wait()
		if (accepted == nil) == (cancelled == nil) {
			t.Fatalf("accept: %v, cancel: %v", accepted, cancelled)
		}
		places := bob.Session().Participants()
		if (accepted == nil) != (len(places) == 1) {
			t.Fatalf("accept: %v, but %d places", accepted, len(places))
		}
		for _, p := range places {
			p.Leave()
		}
		ada.facts()
		bob.facts()
	}
}

func TestTheInvitedBeginWithTheStatusOfTheirSession(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	if err := bob.Session().SetStatus([]byte("busy")); err != nil {
		t.Fatal(err)
	}
	ring(t, ada, into(a.Room(), bob))
	joined, ok := ada.facts()[0].(core.ParticipantJoined)
	if !ok || string(joined.Participant.Status) != "busy" || joined.Participant.Mode != core.ModeInvited {
		t.Errorf("ada was told %+v", joined)
	}
	invited, _ := bob.facts()[0].(core.CallInvited)
	place := bob.Session().Participant(invited.Place)
	if place == nil || string(invited.Status) != "busy" {
		t.Fatalf("bob was told %+v, place %v", invited, place)
	}
	if err := place.SetStatus([]byte("free")); err != nil {
		t.Fatal(err)
	}
	expectCall(t, "ada", ada, "changed")
	wantKind(t, bob.Session().SetStatus(make([]byte, 1<<20)), core.Invalid, core.AboutLimit)
	if bob.Session().Participant("p0") != nil {
		t.Error("a place that nobody has")
	}
}

// TestOrderOfLeaving lets somebody end who is in several places: calls first,
// then everything in the order of entering, then those they had invited.
func TestOrderOfLeaving(t *testing.T) {
	for range 10 { // an order by chance would show
		h := newHouse(t, nil)
		ada, bob, eve := h.connect(t), h.connect(t), h.connect(t)
		var rooms []core.RoomID
		place := func(c *client, name, room string) {
			r := joinAs(name)
			r.Room = core.NewRoomID(core.DefaultRealm, room)
			p, _ := c.join(t, r)
			rooms = append(rooms, p.Room())
		}
		if _, err := bob.Session().Watch("lobby"); err != nil {
			t.Fatal(err)
		}
		place(bob, "bob", "one")
		place(ada, "ada", "one")
		if err := ada.Session().Announce("lobby", nil); err != nil {
			t.Fatal(err)
		}
		place(bob, "bob", "two")
		place(ada, "ada", "two")
		place(bob, "bob", "three")
		place(ada, "ada", "three")
		ring(t, ada, into(rooms[0], eve))
		ring(t, bob, into(core.NewRoomID(core.DefaultRealm, "four"), ada))
		bob.facts()
		ada.Close()
		got := callKinds(bob.facts())
		want := []string{"ended disconnected", "left ada disconnected", "withdrawn", "left ada disconnected", "left ada disconnected",
			"left " + string(eve.Session().ID()) + " cancelled"}
		if !slices.Equal(got, want) {
			t.Fatalf("told %q, want %q", got, want)
		}
		expectCall(t, "eve", eve, "invited", "ended cancelled", "left ada disconnected")
	}
}

// TestCallingWhileEnding ends a session while it calls others into a room: no
// invitation outlives it.
func TestCallingWhileEnding(t *testing.T) {
	h := newHouse(t, nil)
	bob, eve := h.connect(t), h.connect(t)
	for range 300 {
		ada := h.connect(t)
		var both sync.WaitGroup
		both.Go(func() { _, _ = ada.Session().Call(into(core.NewRoomID(core.DefaultRealm, "ops"), bob, eve)) })
		both.Go(func() { ada.Session().End(core.ReasonEvicted) })
		both.Wait()
		for _, c := range []*client{bob, eve} {
			if left := c.Session().Participants(); len(left) != 0 {
				t.Fatalf("still invited: %v", callKinds(c.facts()))
			}
			c.facts()
		}
	}
	if got := h.Counts(); got.Rooms != 0 || got.Participants != 0 {
		t.Errorf("left behind: %+v", got)
	}
}

// TestEndingWhileBeingCalled is the same from the other side.
func TestEndingWhileBeingCalled(t *testing.T) {
	h := newHouse(t, nil)
	ada := h.connect(t)
	for range 300 {
		bob := h.connect(t)
		r := into(core.NewRoomID(core.DefaultRealm, "ops"), bob)
		var both sync.WaitGroup
		both.Go(func() { _, _ = ada.Session().Call(r) })
		both.Go(bob.Close)
		both.Wait()
	}
	if got := h.Counts(); got.Rooms != 0 || got.Participants != 0 {
		t.Errorf("left behind: %+v", got)
	}
	if id, err := ada.Session().Call(into(core.NewRoomID(core.DefaultRealm, "ops"), h.connect(t))); err != nil {
		t.Errorf("another call: %v %v", id, err)
	}
}
