package core_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

func TestADeadPeerIsGoneAtOnce(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	ada.join(t, joinAs("ada"))
	bob.join(t, joinAs("bob"))
	ada.facts()
	bob.Close()
	expect(t, ada, "left bob disconnected")
	bob.Close() // a second close does nothing
}

func TestADetachedSessionWaitsForItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada, bob := h.connect(t), h.connect(t)
		ada.join(t, joinAs("ada"))
		bob.join(t, joinAs("bob"))
		bob.transport(t)
		ada.facts()
		bob.Detach(10 * time.Second)
		bob.Close()
		time.Sleep(9 * time.Second) // virtual
		expect(t, ada)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		expect(t, ada, "left bob disconnected")
		if h.engine.openTransports() != 0 {
			t.Error("the transport is still open")
		}
	})
}

func TestResumeKeepsPlacesAndMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		ada, bob := h.connect(t), h.connect(t)
		ada.join(t, joinAs("ada"))
		place, _ := bob.join(t, joinAs("bob"))
		bob.transport(t)
		ada.facts()
		key := bob.Session().Key()
		bob.Detach(10 * time.Second)
		bob.Close()
		time.Sleep(9 * time.Second)
		again := h.connect(t)
		if err := again.Resume(key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if !place.Present() || h.engine.openTransports() != 1 {
			t.Error("the place or the transport is lost")
		}
		expect(t, ada)
		if err := place.SetStatus([]byte("back")); err != nil {
			t.Fatal(err)
		}
		expect(t, ada, "changed bob")
		again.Close()
		expect(t, ada, "left bob disconnected")
		wantKind(t, h.connect(t).Resume(key), core.NotFound, core.AboutRequest)
	})
}

func TestResumeTakesTheSessionFromAnOldConnection(t *testing.T) {
	h := newHouse(t, nil)
	old, fresh := h.connect(t), h.connect(t)
	place, _ := old.join(t, joinAs("ada"))
	if err := fresh.Resume(old.Session().Key()); err != nil {
		t.Fatal(err)
	}
	expect(t, old, "ended replaced")
	old.Detach(time.Minute)
	old.Close() // the session is not its own any more
	if !place.Present() || fresh.Session().Detached() {
		t.Error("the old connection took the session along")
	}
	wantKind(t, h.connect(t).Resume("guess"), core.NotFound, core.AboutRequest)
}

func TestTakeOverOfADetachedName(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob, twin := h.connect(t), h.connect(t), h.connect(t)
	ada.join(t, joinAs("ada"))
	bob.join(t, joinAs("bob"))
	ada.facts()
	again := joinAs("bob")
	again.TakeOver = true
	_, _, err := twin.Session().Join(again)
	wantKind(t, err, core.Conflict, core.AboutName) // still connected
	bob.Detach(time.Minute)
	bob.Close()
	twin.join(t, again)
	expect(t, ada, "left bob replaced", "joined bob")
	if got := h.Counts(); got.Detached != 0 || got.Participants != 2 {
		t.Errorf("after the take-over: %+v", got)
	}
}

// The place of somebody who logged in is theirs, also while their connection is
// broken.
func TestTakeOverOfAUsersName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) { o.Auth = onlyToken("good") })
		ada, guest, herself := h.connect(t), h.connect(t), h.connect(t)
		for _, c := range []*client{ada, herself} {
			c.Login(core.Credentials{Token: "good"})
		}
		synctest.Wait()
		r := joinAs("ada")
		r.TakeOver = true
		ada.join(t, r)
		ada.Detach(time.Minute)
		ada.Close()
		_, _, err := guest.Session().Join(r)
		wantKind(t, err, core.Conflict, core.AboutName)
		herself.join(t, r)
	})
}

func TestAFullMailboxEndsItsReaderOnly(t *testing.T) {
	h := newHouse(t, func(o *core.Options) { o.Limits.MailboxBytes = 8 << 10 })
	ada, stuck := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	stuck.join(t, joinAs("stuck"))
	for range 1000 {
		if err := a.SetStatus([]byte("again")); err != nil {
			t.Fatal(err)
		}
		ada.facts()
	}
	select {
	case <-stuck.overflow:
	default:
		t.Fatal("the mailbox never filled")
	}
	stuck.Close()
	expect(t, ada, "left stuck slow")
	if got := h.Counts().Overflows; got != 1 {
		t.Errorf("%d overflows counted", got)
	}
}

func TestMessagesFillAtMostHalfAMailbox(t *testing.T) {
	h := newHouse(t, func(o *core.Options) { o.Limits.MailboxBytes = 8 << 10 })
	ada, slow := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	s, _ := slow.join(t, joinAs("slow"))
	refused := 0
	for range 100 {
		if err := a.Send(core.Message{To: s.ID(), Type: core.TextMessage, Body: make([]byte, 100)}); err != nil {
			wantKind(t, err, core.Unavailable, core.AboutLimit)
			refused++
		}
	}
	if refused == 0 || refused == 100 {
		t.Errorf("%d of 100 refused", refused)
	}
	for range 10 { // there is space for state
		if err := a.SetStatus(nil); err != nil {
			t.Fatal(err)
		}
	}
	slow.facts()
	if err := a.Send(core.Message{To: s.ID(), Type: core.TextMessage}); err != nil {
		t.Errorf("after reading: %v", err)
	}
	select {
	case <-slow.overflow:
		t.Error("an honest reader was ended")
	default:
	}
}

func TestAnswersComeAsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) { o.Limits.OfferBytes = 100; o.Limits.CandidatesPerTransport = 2 })
		ada := h.connect(t)
		up := ada.transport(t)
		for range 2 {
			if err := up.Answer("offer"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		facts := ada.facts()
		if len(facts) != 2 || facts[0].(core.AnswerMade).Answer.SDP != "answer" {
			t.Errorf("was told %v", facts)
		}
		wantKind(t, up.Answer(string(make([]byte, 101))), core.Invalid, core.AboutLimit)
		for range 2 {
			if err := up.AddCandidate(media.Candidate{Candidate: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, up.AddCandidate(media.Candidate{Candidate: "x"}), core.Unavailable, core.AboutLimit)
		up.Close()
		wantKind(t, up.Answer("offer"), core.NotFound, core.AboutTransport)
	})
}

type onlyToken string

func (o onlyToken) Authenticate(_ context.Context, c core.Credentials, _ netip.Addr) (core.Identity, error) {
	if c.Token != string(o) {
		return core.Identity{}, &core.Error{Kind: core.Denied, Text: "the token is not valid", Subject: core.AboutPermission}
	}
	return core.Identity{Realm: core.DefaultRealm, User: "ada"}, nil
}

func TestLoginOpensTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) { o.Auth = onlyToken("good") })
		ada := h.connect(t)
		r := joinAs("ada")
		r.Create = &core.Policy{Members: core.PermitTalk}
		for _, row := range []struct {
			token string
			ok    bool
		}{{"bad", false}, {"good", true}} {
			ada.Login(core.Credentials{Token: row.token})
			synctest.Wait()
			made := ada.facts()[0].(core.LoginMade)
			if (made.Err == nil) != row.ok {
				t.Errorf("login with %q: %v", row.token, made.Err)
			}
			if _, _, err := ada.Session().Join(r); (err == nil) != row.ok {
				t.Errorf("join with %q: %v", row.token, err)
			}
		}
	})
}

func TestLimitsOfTransportsAndStreams(t *testing.T) {
	h := newHouse(t, func(o *core.Options) {
		o.Limits.TransportsPerSession = 2
		o.Limits.PublicationsPerParticipant = 1
		o.Limits.SubscriptionsPerSession = 1
	})
	ada := h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	one, two := ada.transport(t), ada.transport(t)
	_, err := ada.Session().OpenTransport(media.TransportOptions{})
	wantKind(t, err, core.Unavailable, core.AboutLimit)
	if _, err := a.Publish(core.PublishRequest{Name: "a", Transport: one.ID(), Tracks: tracksOf(one.ID())}); err != nil {
		t.Fatal(err)
	}
	_, err = a.Publish(core.PublishRequest{Name: "a", Transport: one.ID()})
	wantKind(t, err, core.Conflict, core.AboutPublication)
	_, err = a.Publish(core.PublishRequest{Name: "b", Transport: one.ID()})
	wantKind(t, err, core.Unavailable, core.AboutLimit)
	subscribe := core.SubscribeRequest{Participant: a.ID(), Publication: "a", Transport: two.ID(), Loopback: true}
	id, err := a.Subscribe(subscribe)
	if err != nil {
		t.Fatal(err)
	}
	subscribe.Transport = one.ID()
	_, err = a.Subscribe(subscribe)
	wantKind(t, err, core.Unavailable, core.AboutLimit)
	a.Unsubscribe(id)
	if _, err := a.Subscribe(subscribe); err != nil {
		t.Errorf("after unsubscribing: %v", err)
	}
	for _, limit := range []string{"transports_per_session", "publications_per_participant", "subscriptions_per_session"} {
		if got := h.Refusals()[limit]; got != 1 {
			t.Errorf("%d refusals counted for %s, want 1", got, limit)
		}
	}
}

func TestEventsAreEncodedOnce(t *testing.T) {
	h := newHouse(t, nil)
	var clients []*client
	for _, name := range []string{"a", "b", "c"} {
		c := h.connect(t)
		c.join(t, joinAs(name))
		clients = append(clients, c)
	}
	for _, c := range clients {
		c.facts()
	}
	last := h.connect(t)
	last.join(t, joinAs("d"))
	times := 0
	for _, c := range clients {
		for _, e := range c.Take(nil) {
			e.Encoded("x", func(core.Fact) []byte { times++; return []byte("joined") })
			e.Encoded("y", func(core.Fact) []byte { return []byte("other form") })
		}
	}
	if times != 1 {
		t.Errorf("encoded %d times for three receivers", times)
	}
}

func TestDrainRefusesNewSessions(t *testing.T) {
	h := newHouse(t, nil)
	ada := h.connect(t)
	p, _ := ada.join(t, joinAs("ada"))
	h.Drain()
	_, err := h.Connect(core.ConnectRequest{Access: core.AccessOpen, Wake: func() {}, Overflow: func() {}})
	wantKind(t, err, core.Unavailable, core.AboutRequest)
	if !p.Present() {
		t.Error("draining threw somebody out")
	}
	h.EndSessions(core.ReasonShutdown)
	expect(t, ada, "ended shutdown")
}

func TestWhoDoesNotReadSilencesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *core.Options) { o.Limits.MailboxBytes = 8 << 10 })
		ada, bob, stuck := h.connect(t), h.connect(t), h.connect(t)
		a, _ := ada.join(t, joinAs("ada"))
		bob.join(t, joinAs("bob"))
		stuck.join(t, joinAs("stuck"))
		say := func() error {
			bob.facts()
			return a.Send(core.Message{Type: core.TextMessage, Body: make([]byte, 100)})
		}
		for say() == nil {
		}
		wantKind(t, say(), core.Unavailable, core.AboutLimit) // perhaps it is only slow
		time.Sleep(3 * time.Second)                           // virtual
		if err := say(); err != nil {
			t.Errorf("after three seconds: %v", err)
		}
		expect(t, bob, "message ada "+string(make([]byte, 100)))
		select {
		case <-stuck.overflow:
		default:
			t.Error("who does not read is still there")
		}
	})
}
