package core_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
)

func newExchange(t *testing.T, l core.ExchangeLimits) (*house, *core.Exchange) {
	h := newHouse(t, nil)
	return h, core.NewExchange(h.Hub, l)
}

func openHome(t *testing.T, h *house, x *core.Exchange, id string, users ...string) (*client, *core.Home) {
	t.Helper()
	c := h.connect(t)
	home, err := x.OpenHome(c.Session(), id, users)
	if err != nil {
		t.Fatal(err)
	}
	return c, home
}

func enter(t *testing.T, h *house, x *core.Exchange, user, home string) (*client, *core.Device) {
	t.Helper()
	c := h.connect(t)
	d, err := x.Enter(c.Session(), user, home)
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

func hears(t *testing.T, c *client, who string, want ...core.Fact) {
	t.Helper()
	if diff := cmp.Diff(want, c.facts()); diff != "" {
		t.Errorf("%s was told (-want +got):\n%s", who, diff)
	}
}

func kindIs(t *testing.T, err error, want core.ErrorKind) {
	t.Helper()
	if got := core.KindOf(err); got != want {
		t.Errorf("error %v, of kind %v, want %v", err, got, want)
	}
}

// TestAnswerReachesTheAskerOnly: of a user's devices only the one that asked
// gets the answer; what a home says by itself reaches all.
func TestAnswerReachesTheAskerOnly(t *testing.T) {
	h, x := newExchange(t, core.DefaultExchangeLimits())
	home, served := openHome(t, h, x, "h1", "ada")
	laptop, d := enter(t, h, x, "ada", "h1")
	phone, _ := enter(t, h, x, "ada", "h1")
	home.facts()
	if err := d.Ask("1", "list", []byte("what?")); err != nil {
		t.Fatal(err)
	}
	hears(t, home, "home", core.Delivered{Body: []byte("what?")})
	if user, kind, ok := served.Asker("1"); user != "ada" || kind != "list" || !ok {
		t.Errorf("asker is %s %s %v", user, kind, ok)
	}
	if err := served.Answer("1", []byte("that")); err != nil {
		t.Fatal(err)
	}
	kindIs(t, served.Answer("1", []byte("again")), core.NotFound)
	if err := served.Tell("ada", []byte("news")); err != nil {
		t.Fatal(err)
	}
	hears(t, laptop, "laptop", core.Delivered{Body: []byte("that")}, core.Delivered{Body: []byte("news")})
	hears(t, phone, "phone", core.Delivered{Body: []byte("news")})
	kindIs(t, served.Tell("bob", []byte("x")), core.NotFound)
	kindIs(t, served.Pass("bob", []byte("x")), core.NotFound)
}

// TestAnswerTooLate: an answer whose asker has gone is for nobody, not for the
// user's other devices; and nobody can wait for the answer to another's request.
func TestAnswerTooLate(t *testing.T) {
	h, x := newExchange(t, core.DefaultExchangeLimits())
	_, served := openHome(t, h, x, "h1", "ada", "bob")
	_, laptop := enter(t, h, x, "ada", "h1")
	phone, again := enter(t, h, x, "ada", "h1")
	_, eve := enter(t, h, x, "bob", "h1")
	if err := laptop.Ask("1", "list", []byte("what?")); err != nil {
		t.Fatal(err)
	}
	kindIs(t, eve.Ask("1", "list", nil), core.Conflict)
	laptop.Leave()
	if user, _, asked := served.Asker("1"); user != "ada" || !asked {
		t.Errorf("asker is %q, %v", user, asked)
	}
	if err := served.Answer("1", []byte("that")); err != nil {
		t.Error(err)
	}
	hears(t, phone, "phone")
	if err := laptop.Ask("2", "list", nil); core.KindOf(err) != core.NotFound {
		t.Errorf("a device that has gone asks: %v", err)
	}
	if err := again.Ask("1", "list", nil); err != nil {
		t.Errorf("an id that was answered: %v", err)
	}
}

// TestHomeReplaced: a second home of the same id takes the users over, and what
// the old one does late changes nothing.
func TestHomeReplaced(t *testing.T) {
	h, x := newExchange(t, core.DefaultExchangeLimits())
	old, before := openHome(t, h, x, "h1", "ada", "bob")
	ada, d := enter(t, h, x, "ada", "h1")
	bob, _ := enter(t, h, x, "bob", "h1")
	if err := d.Ask("1", "list", []byte("what?")); err != nil {
		t.Fatal(err)
	}
	old.facts()
	fresh, after := openHome(t, h, x, "h1", "ada")
	hears(t, old, "old home", core.SessionEnded{Reason: core.ReasonReplaced})
	hears(t, ada, "ada", core.RequestLost{ID: "1", Kind: "list"})
	hears(t, bob, "bob", core.SessionEnded{Reason: core.ReasonReplaced})
	before.Close()
	if !after.Serves("ada") || after.Serves("bob") || x.Presence("bob").Served {
		t.Error("the late end of the old home changed what the new one serves")
	}
	if err := d.Ask("2", "list", []byte("again?")); err != nil {
		t.Fatal(err)
	}
	hears(t, fresh, "new home", core.Delivered{Body: []byte("again?")})
	after.Close()
	hears(t, ada, "ada", core.SessionEnded{Reason: core.ReasonHomeGone})
	kindIs(t, d.Ask("3", "list", nil), core.NotFound)
}

// TestPresence: who is interested is told every change, after a new connection
// too without asking again, and an unchanged state when it is said again.
func TestPresence(t *testing.T) {
	h, x := newExchange(t, core.DefaultExchangeLimits())
	_, homeA := openHome(t, h, x, "ha", "ada")
	ada, first := enter(t, h, x, "ada", "ha")
	homeA.Interest("ada", []string{"bob", "bob", "cy"})
	hears(t, ada, "ada", core.PresencesKnown{Presences: map[string]core.Presence{"bob": {}, "cy": {}}})
	_, homeB := openHome(t, h, x, "hb", "bob")
	bob, b1 := enter(t, h, x, "bob", "hb")
	_, b2 := enter(t, h, x, "bob", "hb")
	b1.SetPresence("busy")
	b1.SetPresence("")
	b1.Leave()
	b1.Leave()
	b2.Leave()
	homeB.Close()
	is := func(served, here bool, chosen string) core.Fact {
		return core.PresenceChanged{User: "bob", Presence: core.Presence{Served: served, Here: here, Chosen: chosen}}
	}
	hears(t, ada, "ada", is(true, false, ""), is(true, true, ""), is(true, true, "busy"), is(true, true, "busy"), is(true, false, "busy"), is(false, false, "busy"))
	hears(t, bob, "bob")
	first.Leave()
	again, _ := enter(t, h, x, "ada", "ha")
	hears(t, again, "ada again", core.PresencesKnown{Presences: map[string]core.Presence{"bob": {Chosen: "busy"}, "cy": {}}})
	homeA.Interest("ada", nil)
	openHome(t, h, x, "hb", "bob")
	hears(t, again, "ada, not interested any more", core.PresencesKnown{Presences: map[string]core.Presence{}})
}

// TestBeat: each side learns how far the other is, a user by the best device.
func TestBeat(t *testing.T) {
	h, x := newExchange(t, core.DefaultExchangeLimits())
	_, home := openHome(t, h, x, "h1", "ada", "bob")
	_, a := enter(t, h, x, "ada", "h1")
	_, b := enter(t, h, x, "ada", "h1")
	if got := a.Beat(7); got != -1 {
		t.Errorf("the home's latency is %d before it was known", got)
	}
	b.Beat(5)
	if diff := cmp.Diff(map[string]time.Duration{"ada": 5}, home.Beat(3)); diff != "" {
		t.Error(diff)
	}
	if got := b.Beat(5); got != 3 {
		t.Errorf("the home's latency is %d, want 3", got)
	}
}

// TestExchangeLimits: what is beyond a limit is refused or forgets the oldest.
func TestExchangeLimits(t *testing.T) {
	h, x := newExchange(t, core.ExchangeLimits{DevicesPerUser: 1, UsersPerHome: 1, Contacts: 1, RequestsPerHome: 2, Invitations: 1})
	_, err := x.OpenHome(h.connect(t).Session(), "h1", []string{"ada", "bob"})
	kindIs(t, err, core.Unavailable)
	_, home := openHome(t, h, x, "h1", "ada")
	_, d := enter(t, h, x, "ada", "h1")
	_, err = x.Enter(h.connect(t).Session(), "ada", "h1")
	kindIs(t, err, core.Unavailable)
	for i := range 300 {
		if err := d.Ask(fmt.Sprint(i), "list", nil); err != nil {
			t.Fatal(err)
		}
	}
	kindIs(t, home.Answer("297", nil), core.NotFound)
	if err := home.Answer("298", nil); err != nil {
		t.Error(err)
	}
}

// TestInvitations stand while the room is open.
func TestInvitations(t *testing.T) {
	h, x := newExchange(t, core.DefaultExchangeLimits())
	v := core.Invitation{By: "ada", Room: core.NewRoomID(core.DefaultRealm, "ops"), Secret: "for bob"}
	kindIs(t, x.Invite("bob", v, ""), core.Denied)
	r := joinAs("eve")
	r.Secret, r.Create.Secret = "s", "s"
	p, _ := h.connect(t).join(t, r)
	kindIs(t, x.Invite("bob", v, ""), core.Denied)
	kindIs(t, x.Invite("bob", v, "t"), core.Denied)
	kindIs(t, x.Invite("bob", v, "s"), core.NotFound)
	openHome(t, h, x, "hb", "bob")
	bob, _ := enter(t, h, x, "bob", "hb")
	for range 2 {
		if err := x.Invite("bob", v, "s"); err != nil {
			t.Fatal(err)
		}
	}
	hears(t, bob, "bob", core.InvitationMade{User: "bob", Invitation: v}, core.InvitationMade{User: "bob", Invitation: v})
	if got := x.Invitations("bob"); len(got) != 1 {
		t.Errorf("invitations %v, want one", got)
	}
	p.Leave()
	if got := x.Invitations("bob"); len(got) != 0 {
		t.Errorf("invitations to a room that has closed: %v", got)
	}
}

// TestSecretAndReplace: a room with a secret lets in who has it; a user who
// comes again takes the own place.
func TestSecretAndReplace(t *testing.T) {
	h := newHouse(t, nil)
	as := func(user string) *client {
		c := h.connect(t)
		c.Prove(func(context.Context) (core.Identity, error) {
			return core.Identity{Realm: core.DefaultRealm, User: user}, nil
		})
		<-c.woken
		c.facts()
		return c
	}
	r := joinAs("ada")
	r.Create.Secret, r.Replace = "s", true
	_, _, err := as("ada").Session().Join(r)
	kindIs(t, err, core.Denied)
	r.Secret = "s"
	first, other := as("ada"), as("bob")
	first.join(t, r)
	b := r
	b.Name = "bob"
	other.join(t, b)
	_, _, err = as("eve").Session().Join(r)
	kindIs(t, err, core.Conflict)
	first.facts()
	as("ada").join(t, r)
	left, joined := other.facts(), 0
	if _, ok := left[0].(core.ParticipantLeft); !ok || len(left) != 2 {
		t.Errorf("bob was told %v", left)
	}
	for _, f := range first.facts() {
		if e, ok := f.(core.SessionEnded); ok && e.Reason == core.ReasonReplaced {
			joined++
		}
	}
	if joined != 1 {
		t.Error("the first connection was not told that it was replaced")
	}
}
