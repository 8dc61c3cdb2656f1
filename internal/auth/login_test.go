package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

// remembered logs ada in and returns the key of her client.
func (g *gate) remembered(t *testing.T, client string) core.LoginKey {
	t.Helper()
	id, err := g.login(t, "ada", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	key, err := g.Remember(t.Context(), id, client)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// age makes all logins in the store older.
func (g *gate) age(t *testing.T, by time.Duration) {
	t.Helper()
	logins, err := g.store.Logins(t.Context(), "default", "ada")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range logins {
		l.Expires = l.Expires.Add(-by)
		if err := g.store.UpdateLogin(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
}

func TestResume(t *testing.T) {
	g := newGate(t)
	if _, err := g.store.CreateRole(t.Context(), store.Role{Realm: "default", ID: "flight"}); err != nil {
		t.Fatal(err)
	}
	if err := g.store.AddMember(t.Context(), store.Member{Realm: "default", Role: "flight", User: "ada"}); err != nil {
		t.Fatal(err)
	}
	key := g.remembered(t, "c1")
	seen := map[core.LoginKey]bool{key: true}
	for range 5 {
		id, fresh, err := g.Resume(t.Context(), "", "ada", "c1", key, home)
		if err != nil {
			t.Fatal(err)
		}
		want := core.Identity{Stored: true, Realm: "default", User: "ada", Display: "Ada L.", Roles: []string{"flight"}}
		if diff := cmp.Diff(want, id); diff != "" {
			t.Errorf("identity (-want +got):\n%s", diff)
		}
		if seen[fresh] || len(fresh) != 32 {
			t.Errorf("the next key is not a new one: %d characters", len(fresh))
		}
		seen[fresh] = true
		key = fresh
	}
	logins := g.logins(t)
	last := logins[len(logins)-1]
	if last.Actor != "ada" || last.Detail != "by login key" || last.Remote != "192.0.2.1" {
		t.Errorf("noted in the audit log as %+v", last)
	}
}

func TestResumeIsRefused(t *testing.T) {
	g := newGate(t)
	key := g.remembered(t, "c1")
	if err := AddUser(t.Context(), g.store, g.Hasher, core.Actor{}, store.User{ID: "mallory"}, "mallory's horse"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		realm, user, client string
		key                 core.LoginKey
	}{
		"other key":      {"", "ada", "c1", newKey()},
		"no key":         {"", "ada", "c1", ""},
		"hash of key":    {"", "ada", "c1", core.LoginKey(hashed(key))},
		"part of key":    {"", "ada", "c1", key[:31]},
		"password":       {"", "ada", "c1", "correct horse"},
		"other client":   {"", "ada", "c2", key},
		"no client":      {"", "ada", "", key},
		"other user":     {"", "mallory", "c1", key},
		"unknown user":   {"", "eve", "c1", key},
		"other realm":    {"vox.example", "ada", "c1", key},
		"broken names":   {"\x00", "\xff", "c\x00", key},
		"upper-case key": {"", "ada", "c1", core.LoginKey(strings.ToUpper(string(key)) + " ")},
	} {
		id, fresh, err := g.Resume(t.Context(), c.realm, c.user, c.client, c.key, home)
		wantKind(t, name, err, core.Denied)
		if err == nil || err.Error() != "not logged in any more" || fresh != "" || id.User != "" {
			t.Errorf("%s: %v, %v", name, id, err)
		}
		wantKind(t, "renew with "+name, g.Renew(t.Context(), c.realm, c.user, c.client, c.key), core.Denied)
	}
	if _, _, err := g.Resume(t.Context(), "default", "ada", "c1", key, home); err != nil {
		t.Errorf("the key itself: %v", err)
	}
}

func TestSupersededKeyStaysGoodForAWhile(t *testing.T) {
	g := newGate(t)
	first := g.remembered(t, "c1")
	_, second, err := g.Resume(t.Context(), "", "ada", "c1", first, home)
	if err != nil {
		t.Fatal(err)
	}
	// The answer was lost, and another window had the same key.
	_, third, err := g.Resume(t.Context(), "", "ada", "c1", first, home)
	if err != nil {
		t.Fatalf("the key before, at once: %v", err)
	}
	wantKind(t, "renewing the key before", g.Renew(t.Context(), "", "ada", "c1", first), core.Denied)

	g.age(t, 6*time.Minute)
	_, _, err = g.Resume(t.Context(), "", "ada", "c1", first, home)
	wantKind(t, "the key before, after six minutes", err, core.Denied)
	for i, key := range []core.LoginKey{second, third} {
		if _, _, err := g.Resume(t.Context(), "", "ada", "c1", key, home); err != nil {
			t.Errorf("key %d: %v", i+2, err)
		}
	}
}

func TestKeyExpiresUnlessRenewed(t *testing.T) {
	g := newGate(t)
	key := g.remembered(t, "c1")
	for range 4 {
		g.age(t, 50*time.Minute)
		if err := g.Renew(t.Context(), "", "ada", "c1", key); err != nil {
			t.Fatal(err)
		}
	}
	g.age(t, 61*time.Minute)
	wantKind(t, "renewed too late", g.Renew(t.Context(), "", "ada", "c1", key), core.Denied)
	_, _, err := g.Resume(t.Context(), "", "ada", "c1", key, home)
	wantKind(t, "resumed too late", err, core.Denied)
}

func TestForget(t *testing.T) {
	g := newGate(t)
	key, other := g.remembered(t, "c1"), g.remembered(t, "c2")
	_, fresh, err := g.Resume(t.Context(), "", "ada", "c1", key, home)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{{"default", "ada", ""}, {"default", "", "c1"}, {"", "ada", "c1"}, {"default", "bob", "c1"}} {
		if err := g.Forget(t.Context(), core.Actor{User: c[1]}, c[0], c[2]); err != nil {
			t.Errorf("forget %v: %v", c, err)
		}
	}
	if err := g.Renew(t.Context(), "", "ada", "c1", fresh); err != nil {
		t.Errorf("forgotten by others: %v", err)
	}
	if err := g.Forget(t.Context(), core.Actor{User: "ada"}, "default", "c1"); err != nil {
		t.Fatal(err)
	}
	for _, k := range []core.LoginKey{key, fresh} {
		_, _, err := g.Resume(t.Context(), "", "ada", "c1", k, home)
		wantKind(t, "after logging out", err, core.Denied)
	}
	if _, _, err := g.Resume(t.Context(), "", "ada", "c2", other, home); err != nil {
		t.Errorf("another client: %v", err)
	}
}

func TestKeysEndWithTheirReason(t *testing.T) {
	for name, do := range map[string]func(*gate) error{
		"new password": func(g *gate) error {
			return SetPassword(t.Context(), g.store, g.Hasher, core.Actor{}, "", "ada", "battery staple")
		},
		"disabled": func(g *gate) error {
			_, err := g.store.UpdateUser(t.Context(), store.User{Realm: "default", ID: "ada", Disabled: true})
			return err
		},
		"removed": func(g *gate) error { return g.store.DeleteUser(t.Context(), "default", "ada") },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			key := g.remembered(t, "c1")
			if err := do(g); err != nil {
				t.Fatal(err)
			}
			wantKind(t, "renew", g.Renew(t.Context(), "", "ada", "c1", key), core.Denied)
			_, _, err := g.Resume(t.Context(), "", "ada", "c1", key, home)
			wantKind(t, "resume", err, core.Denied)
		})
	}
}

func TestKeysAreBounded(t *testing.T) {
	g := newGate(t)
	id, err := g.login(t, "ada", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	var last core.LoginKey
	for i := range loginsPerUser + 10 {
		if last, err = g.Remember(t.Context(), id, fmt.Sprint("c", i)); err != nil {
			t.Fatal(err)
		}
	}
	logins, err := g.store.Logins(t.Context(), "default", "ada")
	if err != nil || len(logins) != loginsPerUser {
		t.Errorf("%d logins are kept, %v; want %d", len(logins), err, loginsPerUser)
	}
	if err := g.Renew(t.Context(), "", "ada", fmt.Sprint("c", loginsPerUser+9), last); err != nil {
		t.Errorf("the newest: %v", err)
	}
	_, err = g.Remember(t.Context(), id, "")
	wantKind(t, "no client named", err, core.Invalid)
}

// The same key from many sides at once: all are let in, none breaks another.
func TestResumeAtOnce(t *testing.T) {
	g := newGate(t)
	key := g.remembered(t, "c1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, fresh, err := g.Resume(t.Context(), "", "ada", "c1", key, home)
			if err == nil {
				err = g.Renew(t.Context(), "", "ada", "c1", fresh)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// What is stored and what is logged does not let anybody in.
func TestKeysStaySecret(t *testing.T) {
	g := newGate(t)
	key := g.remembered(t, "c1")
	logins, err := g.store.Logins(t.Context(), "default", "ada")
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(logins); strings.Contains(s, string(key)) {
		t.Error("the store holds the key itself")
	}
	slog.New(slog.NewTextHandler(&g.log, nil)).Info("key", "key", key, "in", []any{key})
	for what, s := range map[string]string{
		"log": g.log.String(), "%v": fmt.Sprint(key), "%+v": fmt.Sprintf("%+v", struct{ K core.LoginKey }{key}), "%q": fmt.Sprintf("%q", key),
	} {
		if strings.Contains(s, string(key)) {
			t.Errorf("%s shows the key", what)
		}
	}
}

func TestResumeWhileTheStoreFails(t *testing.T) {
	g := newGate(t)
	key := g.remembered(t, "c1")
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, _, err := g.Resume(ctx, "", "ada", "c1", key, home)
	wantKind(t, "resume without time", err, core.Unavailable)
	if err := g.store.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err = g.Resume(t.Context(), "", "ada", "c1", key, home)
	wantKind(t, "resume from a closed store", err, core.Unavailable)
	wantKind(t, "forget in a closed store", g.Forget(t.Context(), core.Actor{User: "ada"}, "default", "c1"), core.Unavailable)
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := g.Renew(ctx, "", "ada", "c1", key); !errors.Is(err, context.Canceled) && core.KindOf(err) != core.Unavailable {
		t.Errorf("renew when nobody waits: %v", err)
	}
}

func TestSweep(t *testing.T) {
	g := newGate(t)
	old := g.remembered(t, "c1")
	g.age(t, 2*time.Hour)
	key := g.remembered(t, "c2")
	if _, err := g.store.AppendAudit(t.Context(), store.AuditEntry{At: time.Now().AddDate(0, 0, -40), Action: "old"}); err != nil {
		t.Fatal(err)
	}
	count := func() (logins, audit int) {
		l, err := g.store.Logins(t.Context(), "default", "ada")
		if err != nil {
			t.Fatal(err)
		}
		a, err := g.store.AuditEntries(t.Context(), store.AuditQuery{Action: "old"})
		if err != nil {
			t.Fatal(err)
		}
		return len(l), len(a)
	}
	sweep := func() { // Run sweeps first, then waits
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := g.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for logins, _ := count(); logins > 1; logins, _ = count() {
			if t.Context().Err() != nil {
				break
			}
		}
		cancel()
		wg.Wait()
	}
	sweep()
	if logins, audit := count(); logins != 1 || audit != 1 {
		t.Errorf("%d logins and %d old audit entries are left, want 1 and 1", logins, audit)
	}
	g.AuditLifetime = 30 * 24 * time.Hour
	g.sweep(t.Context())
	if logins, audit := count(); logins != 1 || audit != 0 {
		t.Errorf("%d logins and %d old audit entries are left, want 1 and 0", logins, audit)
	}
	if err := g.Renew(t.Context(), "", "ada", "c2", key); err != nil {
		t.Errorf("a key that has not expired: %v", err)
	}
	wantKind(t, "one that has", g.Renew(t.Context(), "", "ada", "c1", old), core.Denied)
}
