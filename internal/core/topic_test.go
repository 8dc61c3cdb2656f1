package core_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
)

// told lists the bodies of what a client was told about topics.
func (c *client) told() (bodies []string) {
	for _, f := range c.facts() {
		if f, ok := f.(core.TopicTold); ok {
			bodies = append(bodies, string(f.Body))
		}
	}
	return bodies
}

func TestTopicsAreToldOnceToEachFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) { o.Limits.TopicsPerSession = 3 })
		ada, bob, stranger, guest := h.connect(t), h.connect(t), h.connect(t), h.connect(t)
		ada.login(t, "ops", "ada")
		bob.login(t, "ops", "bob")
		stranger.login(t, "elsewhere", "eve")
		for _, c := range []*client{ada, bob, stranger} {
			for _, topic := range []string{"weather", "news", "weather"} {
				if err := c.Session().Follow(topic); err != nil {
					t.Fatal(err)
				}
			}
		}
		tell := func(body string, heard int, topics ...string) {
			t.Helper()
			n, err := ada.Session().Tell(core.Telling{Topics: topics, Body: []byte(body)})
			if err != nil || n != heard {
				t.Errorf("%s: heard by %d, want %d: %v", body, n, heard, err)
			}
		}
		tell("both", 2, "news", "weather", "sport")
		tell("nobody", 0, "sport")
		bob.Session().Unfollow("news")
		bob.Session().Unfollow("sport")
		tell("one", 1, "news")
		if got := ada.told(); fmt.Sprint(got) != "[both one]" {
			t.Errorf("ada was told %v", got)
		}
		if got := bob.told(); fmt.Sprint(got) != "[both]" {
			t.Errorf("bob was told %v", got)
		}
		if got := stranger.told(); got != nil {
			t.Errorf("another realm was told %v", got)
		}
		wantKind(t, guest.Session().Follow("news"), core.Denied, core.AboutPermission)
		_, err := guest.Session().Tell(core.Telling{Topics: []string{"news"}})
		wantKind(t, err, core.Denied, core.AboutPermission)
		wantKind(t, ada.Session().Follow(""), core.Invalid, core.AboutLimit)
		if err := ada.Session().Follow("third"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, ada.Session().Follow("fourth"), core.Unavailable, core.AboutLimit)
		bob.Session().End(core.ReasonLeft)
		tell("gone", 1, "weather")
		wantKind(t, bob.Session().Follow("weather"), core.Unavailable, core.AboutRequest)
	})
}

func TestAFollowerWhoIsBehindIsToldStateOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) { o.Limits.MailboxBytes = 4096 })
		ada, bob := h.connect(t), h.connect(t)
		ada.login(t, "ops", "ada")
		bob.login(t, "ops", "bob")
		if err := bob.Session().Follow("news"); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 1500)
		if _, err := ada.Session().Tell(core.Telling{Topics: []string{"news"}, Body: body}); err != nil {
			t.Fatal(err)
		}
		_, err := ada.Session().Tell(core.Telling{Topics: []string{"news"}, Body: body})
		wantKind(t, err, core.Unavailable, core.AboutLimit)
		if _, err := ada.Session().Tell(core.Telling{Topics: []string{"news"}, Body: body, State: true}); err != nil {
			t.Fatal(err)
		}
		if got := len(bob.told()); got != 2 {
			t.Errorf("bob was told %d, want 2", got)
		}
	})
}

func TestClaimsAreFoundUntilTheirOwnerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) { o.Limits.ClaimsPerSession = 2 })
		ada, bob, guest := h.connect(t), h.connect(t), h.connect(t)
		ada.login(t, "ops", "ada")
		bob.login(t, "ops", "bob")
		will := &core.Telling{Topics: []string{"wills"}, Body: []byte("the boat sank"), State: true}
		if err := bob.Session().Follow("wills"); err != nil {
			t.Fatal(err)
		}
		if err := ada.Session().Claim(core.Claim{Name: "boat"}); err != nil {
			t.Fatal(err)
		}
		if err := ada.Session().Claim(core.Claim{Name: "house", Will: will}); err != nil {
			t.Fatal(err)
		}
		wantKind(t, ada.Session().Claim(core.Claim{Name: "car"}), core.Unavailable, core.AboutLimit)
		wantKind(t, bob.Session().Claim(core.Claim{Name: "boat"}), core.Conflict, core.AboutName)
		wantKind(t, guest.Session().Claim(core.Claim{Name: "car"}), core.Denied, core.AboutPermission)
		wantKind(t, ada.Session().Claim(core.Claim{}), core.Invalid, core.AboutLimit)
		bob.Session().AmendClaim("boat", []byte("blue"), nil) // not bob's
		ada.Session().AmendClaim("boat", []byte("red"), will)
		found, err := bob.Session().FindClaim("boat")
		if err != nil || found.Owner != ada.Session().ID() || found.User != "ada" || string(found.Details) != "red" {
			t.Errorf("found %+v, %v", found, err)
		}
		_, err = guest.Session().FindClaim("boat")
		wantKind(t, err, core.NotFound, core.AboutName)
		if bob.Session().Unclaim("boat") || !ada.Session().Unclaim("house") || ada.Session().Unclaim("house") {
			t.Error("a name is given back once, by its owner")
		}
		if got := bob.Session().Claims(""); len(got) != 1 || len(bob.Session().Claims("ada")) != 1 || bob.Session().Claims("bob") != nil {
			t.Errorf("claims: %+v", got)
		}
		ada.Session().End(core.ReasonDisconnected)
		if got := bob.told(); fmt.Sprint(got) != "[the boat sank]" {
			t.Errorf("told %v; the house was given back, so it has no will", got)
		}
		if _, err := bob.Session().FindClaim("boat"); core.KindOf(err) != core.NotFound {
			t.Errorf("the boat is still there: %v", err)
		}
		wantKind(t, ada.Session().Claim(core.Claim{Name: "late"}), core.Unavailable, core.AboutRequest)
	})
}

func TestRoomsAreOpenedWithoutEntering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada, bob := h.connect(t), h.connect(t)
		ada.login(t, core.DefaultRealm, "ada")
		bob.login(t, core.DefaultRealm, "bob")
		policy := talkers
		policy.Linger = time.Minute
		open := core.OpenRoomRequest{Room: core.NewRoomID(core.DefaultRealm, "ops"), Policy: policy, Data: map[string][]byte{"k": []byte("v")}}
		if err := ada.Session().OpenRoom(open); err != nil {
			t.Fatal(err)
		}
		wantKind(t, bob.Session().OpenRoom(open), core.Conflict, core.AboutRoom)
		wantKind(t, ada.Session().OpenRoom(open), core.Conflict, core.AboutRoom)
		hidden := open
		hidden.Room, hidden.Policy.Members = core.NewRoomID(core.DefaultRealm, "other"), core.PermitListen
		wantKind(t, ada.Session().OpenRoom(hidden), core.Denied, core.AboutPermission)
		info, err := bob.Session().WatchRoom(open.Room)
		if err != nil || string(info.Data["k"]) != "v" {
			t.Fatalf("room: %+v, %v", info, err)
		}
		if err := ada.Session().SetRoomData(open.Room, core.DataRequest{Key: "k", Value: []byte("w")}); err != nil {
			t.Fatal(err)
		}
		if got := bob.facts(); len(got) != 1 || string(got[0].(core.RoomDataChanged).Value) != "w" {
			t.Errorf("bob was told %v", got)
		}
		wantKind(t, ada.Session().SetRoomData("default/none", core.DataRequest{Key: "k"}), core.NotFound, core.AboutRoom)
		time.Sleep(2 * time.Minute)
		if got := bob.facts(); len(got) != 1 {
			t.Errorf("a room that nobody entered is over after its time; bob was told %v", got)
		}
		if err := bob.Session().OpenRoom(open); err != nil {
			t.Errorf("opening again: %v", err)
		}
	})
}

func TestWhoHasSeveralPlacesInARoomIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada, bob := h.connect(t), h.connect(t)
		one, _ := ada.join(t, joinAs("one"))
		two, _ := ada.join(t, joinAs("two"))
		ada.facts()
		p, _ := bob.join(t, joinAs("bob"))
		if err := p.SetStatus([]byte("here")); err != nil {
			t.Fatal(err)
		}
		if got := ada.facts(); len(got) != 2 {
			t.Errorf("ada was told %v, want joining and status once", got)
		}
		if err := one.SetStatus([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if got := ada.facts(); len(got) != 1 {
			t.Errorf("ada's other place was told %v, want the status of the first", got)
		}
		two.Leave()
		p.Leave()
		if got := ada.facts(); len(got) != 2 {
			t.Errorf("ada was told %v, want both leave", got)
		}
		at, who, err := bob.Session().Locate(one.ID())
		if err != nil || at != one.Room() || who.Name != "one" {
			t.Errorf("located %v %v %v", at, who, err)
		}
		_, _, err = bob.Session().Locate(two.ID())
		wantKind(t, err, core.NotFound, core.AboutParticipant)
		wantKind(t, one.Record(true), core.Unavailable, core.AboutRequest)
		wantKind(t, two.Record(true), core.NotFound, core.AboutParticipant)
		_, err = ada.Session().Dial(core.DialRequest{URI: "sip:bob@example.org"})
		wantKind(t, err, core.Unavailable, core.AboutRequest)
	})
}

func TestHiddenRoomsCountApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) {
			o.Limits.RoomsPerSession, o.Limits.RoomsOpenedPerSession, o.Limits.TransportsPerSession = 1, 1, 2
		})
		ada := h.connect(t)
		hide := func(name string) (*core.Participant, error) {
			policy := talkers
			policy.Hidden = true
			p, _, err := ada.Session().Join(core.JoinRequest{Room: core.NewRoomID(core.DefaultRealm, name), Name: "ada", Mode: core.ModeTalk, Create: &policy})
			return p, err
		}
		var all []*core.Participant
		for i := range 4 {
			p, err := hide(fmt.Sprint("hidden", i))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
		_, err := hide("one more")
		wantKind(t, err, core.Unavailable, core.AboutLimit)
		ada.join(t, joinAs("ada"))
		all[0].Leave()
		if _, err := hide("one more"); err != nil {
			t.Errorf("after one was left: %v", err)
		}
	})
}

func TestUsersAreCalledOnAllTheirDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada, one, two := h.connect(t), h.connect(t), h.connect(t)
		ada.login(t, "ops", "ada")
		one.login(t, "ops", "bob")
		two.login(t, "ops", "bob")
		_, err := ada.Session().Call(core.CallRequest{ToUser: "bob", Via: "another way"})
		wantKind(t, err, core.NotFound, core.AboutParticipant)
		id, err := ada.Session().Call(core.CallRequest{ToUser: "bob", Via: "test"})
		if err != nil || !ada.Session().InCall(id) {
			t.Fatal(err)
		}
		if len(one.facts()) != 1 || len(two.facts()) != 1 {
			t.Error("not every device rings")
		}
		if err := ada.Session().Hangup(id, []byte("sorry")); err != nil {
			t.Fatal(err)
		}
		if got := one.facts()[0].(core.CallEnded); string(got.Body) != "sorry" {
			t.Errorf("who was ringing was told %+v, want the caller's words", got)
		}
		if ada.Session().InCall(id) || one.Session().InCall(id) {
			t.Error("the call is still there")
		}
		wantKind(t, ada.Session().SendTo(core.SessionMessage{To: "nobody"}), core.NotFound, core.AboutParticipant)
		if err := ada.Session().SendTo(core.SessionMessage{To: one.Session().ID(), Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if got := one.facts(); len(got) != 1 || got[0].(core.SessionMessageSent).FromUser != "ada" {
			t.Errorf("told %v", got)
		}
	})
}

func TestUsersContinueTheirOwnSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada, other, eve := h.connect(t), h.connect(t), h.connect(t)
		for c, user := range map[*client]string{ada: "ada", other: "ada", eve: "eve"} {
			c.login(t, "ops", user)
		}
		old := ada.Session()
		wantKind(t, other.ResumeOwn(old.ID()), core.NotFound, core.AboutRequest) // is still there
		ada.Detach(time.Minute)
		ada.Close()
		wantKind(t, eve.Session().SendTo(core.SessionMessage{To: old.ID()}), core.Unavailable, core.AboutParticipant)
		wantKind(t, eve.ResumeOwn(old.ID()), core.NotFound, core.AboutRequest)
		if err := other.ResumeOwn(old.ID()); err != nil || other.Session() != old {
			t.Errorf("resume: %v", err)
		}
		infos := h.Admin().Reaches("ops")
		if len(infos) != 2 || infos[0].User != "ada" || !infos[0].Remote.IsValid() || infos[0].Via != "test" {
			t.Errorf("sessions: %+v", infos)
		}
	})
}
