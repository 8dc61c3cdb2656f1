package core_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
)

// login makes a client somebody.
func (c *client) login(t testing.TB, realm, user string) {
	t.Helper()
	c.Prove(func(context.Context) (core.Identity, error) { return core.Identity{Realm: realm, User: user}, nil })
	synctest.Wait()
	if diff := cmp.Diff([]string{"login " + user}, kinds(c.facts())); diff != "" {
		t.Fatalf("login (-want +got):\n%s", diff)
	}
}

func TestMessagesToUsersReachEverySessionOfTheirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		one, two, bob, stranger, guest := h.connect(t), h.connect(t), h.connect(t), h.connect(t), h.connect(t)
		one.login(t, "ops", "ada")
		two.login(t, "ops", "ada")
		bob.login(t, "ops", "bob")
		stranger.login(t, "elsewhere", "ada")
		all := map[string]*client{"one": one, "two": two, "bob": bob, "stranger": stranger, "guest": guest}
		reached := func(what string, want ...string) {
			t.Helper()
			for name, c := range all {
				got, expected := len(c.facts()) > 0, false
				for _, w := range want {
					expected = expected || w == name
				}
				if got != expected {
					t.Errorf("%s: reached %s: %v, want %v", what, name, got, expected)
				}
			}
		}
		send := func(from *client, m core.UserMessage) error { return from.Session().SendToUser(m) }
		if err := send(one, core.UserMessage{Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		reached("to oneself", "two")
		if err := send(one, core.UserMessage{Body: []byte("x"), Echo: true}); err != nil {
			t.Fatal(err)
		}
		reached("to oneself, with echo", "one", "two")
		if err := send(bob, core.UserMessage{User: "ada", Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		reached("from bob", "one", "two")
		if err := send(guest, core.UserMessage{User: "ada"}); core.KindOf(err) != core.Denied {
			t.Errorf("from a guest: %v, want Denied", err)
		}
		if err := send(bob, core.UserMessage{User: "zoe"}); core.KindOf(err) != core.NotFound {
			t.Errorf("to nobody: %v, want NotFound", err)
		}
		two.login(t, "ops", "bob") // somebody else now
		if err := send(bob, core.UserMessage{User: "ada", Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		reached("after a second login", "one")
		one.Close()
		if err := send(bob, core.UserMessage{User: "ada", Body: []byte("x")}); core.KindOf(err) != core.NotFound {
			t.Errorf("to who is gone: %v, want NotFound", err)
		}
	})
}
