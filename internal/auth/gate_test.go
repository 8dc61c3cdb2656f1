package auth

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"switchboard/internal/core"
	"switchboard/internal/store"
	"switchboard/internal/store/sql"
)

// gate is a Gate over a real store, with the user ada.
type gate struct {
	*Gate
	store store.Store  // the sound one
	log   bytes.Buffer // read only when nothing is being checked
}

func newGate(t *testing.T) *gate {
	t.Helper()
	s, err := sql.Open(t.Context(), filepath.Join(t.TempDir(), "switchboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	g := &gate{store: s}
	g.Gate = New(Options{
		Store: s, Hasher: NewHasher(cheap(), 0), Tokens: newTokens(t, TokenOptions{}),
		Log: slog.New(slog.NewTextHandler(&g.log, nil)),
	})
	if err := AddUser(t.Context(), s, g.Hasher, core.Actor{}, store.User{ID: "ada", Name: "Ada L."}, "correct horse"); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gate) login(t *testing.T, user, password string) (core.Identity, error) {
	t.Helper()
	return g.Authenticate(t.Context(), core.Credentials{User: user, Password: password}, home)
}

// logins returns the audit entries of logins, oldest first.
func (g *gate) logins(t *testing.T) []store.AuditEntry {
	t.Helper()
	entries, err := g.store.AuditEntries(t.Context(), store.AuditQuery{Action: "login"})
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
		entries[i], entries[j] = entries[j], entries[i]
	}
	return entries
}

func TestLogin(t *testing.T) {
	g := newGate(t)
	for _, role := range []string{"flight", "capcom", "unused"} {
		if _, err := g.store.CreateRole(t.Context(), store.Role{Realm: "default", ID: role}); err != nil {
			t.Fatal(err)
		}
		if role == "unused" {
			continue
		}
		if err := g.store.AddMember(t.Context(), store.Member{Realm: "default", Role: role, User: "ada"}); err != nil {
			t.Fatal(err)
		}
	}
	id, err := g.login(t, "ada", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(core.Identity{Stored: true, Realm: "default", User: "ada", Display: "Ada L.", Roles: []string{"capcom", "flight"}}, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	for name, c := range map[string]core.Credentials{
		"wrong password":  {User: "ada", Password: "wrong horse"},
		"no password":     {User: "ada"},
		"unknown user":    {User: "bob", Password: "correct horse"},
		"other case":      {User: "Ada", Password: "correct horse"},
		"unknown realm":   {Realm: "vox.example", User: "ada", Password: "correct horse"},
		"nobody":          {},
		"name of nothing": {User: "a\x00da\xff", Password: "\x00\xff"},
	} {
		id, err := g.Authenticate(t.Context(), c, other)
		wantKind(t, name, err, core.Denied)
		if err == nil || err.Error() != "wrong user or password" {
			t.Errorf("%s: %v says what was wrong", name, err)
		}
		if diff := cmp.Diff(core.Identity{}, id); diff != "" {
			t.Errorf("%s: identity all the same:\n%s", name, diff)
		}
	}
}

func TestLoginsAreNoted(t *testing.T) {
	g := newGate(t)
	g.login(t, "ada", "correct horse")
	g.login(t, "ada", "wrong horse")
	g.login(t, "x\x00\n"+strings.Repeat("ä", 300), "secret horse")
	long := "x\uFFFD\uFFFD" + strings.Repeat("ä", 122) + "…"
	want := []store.AuditEntry{
		{Realm: "default", Actor: "ada", Action: "login", Target: "ada", Outcome: store.OutcomeDone, Remote: "192.0.2.1"},
		{Realm: "default", Action: "login", Target: "ada", Outcome: store.OutcomeDenied, Remote: "192.0.2.1"},
		{Realm: "default", Action: "login", Target: long, Outcome: store.OutcomeDenied, Remote: "192.0.2.1"},
	}
	got := g.logins(t)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.AuditEntry{}, "ID", "At")); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	for _, e := range got {
		if d := time.Since(e.At); d < 0 || d > time.Minute {
			t.Errorf("the entry is of %v", e.At)
		}
	}
	if s := g.log.String(); strings.Contains(s, "horse") {
		t.Errorf("the log shows a password: %s", s)
	}
}

func TestDisabledUserIsRefused(t *testing.T) {
	g := newGate(t)
	if _, err := g.store.UpdateUser(t.Context(), store.User{Realm: "default", ID: "ada", Disabled: true}); err != nil {
		t.Fatal(err)
	}
	_, err := g.login(t, "ada", "correct horse")
	wantKind(t, "disabled user", err, core.Denied)
}

func TestUserWithoutPasswordIsRefused(t *testing.T) {
	g := newGate(t)
	if err := g.store.SetPassword(t.Context(), "default", "ada", ""); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"", "correct horse"} {
		_, err := g.login(t, "ada", p)
		wantKind(t, "user without a password", err, core.Denied)
	}
}

func TestTooManyWrongPasswords(t *testing.T) {
	g := newGate(t)
	for range 4 {
		_, err := g.login(t, "ada", "wrong horse")
		wantKind(t, "wrong password", err, core.Denied)
	}
	_, err := g.login(t, "ada", "correct horse")
	wantKind(t, "right password too soon", err, core.Unavailable)
	if err == nil || err.Error() != "too many wrong passwords, try again in 1 s" {
		t.Errorf("error is %v", err)
	}
	if _, err := g.Authenticate(t.Context(), core.Credentials{User: "ada", Password: "correct horse"}, other); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	if got := len(g.logins(t)); got != 5 {
		t.Errorf("%d logins are in the audit log; what was not checked must not fill it", got)
	}
}

func TestForeignHashIsRenewedAtLogin(t *testing.T) {
	g := newGate(t)
	old, err := Foreign{Scheme: SchemePBKDF2, Work: 1024, SaltEndsAtZero: true,
		Salt: unhex(t, "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"),
		Hash: unhex(t, "0c06283e2fc524a63a65bea6ea710fbf0adef9e5ff6cdca5c9fbdb8155c37282")}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.store.SetPassword(t.Context(), "default", "ada", old); err != nil {
		t.Fatal(err)
	}
	stored := func() string {
		encoded, err := g.store.Password(t.Context(), "default", "ada")
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	_, err = g.login(t, "ada", "wrong horse")
	wantKind(t, "wrong password", err, core.Denied)
	if stored() != old {
		t.Error("a wrong password changed the hash")
	}
	if _, err := g.login(t, "ada", "correct horse"); err != nil {
		t.Fatal(err)
	}
	if got := stored(); !strings.HasPrefix(got, argonPrefix) {
		t.Errorf("the hash is still %.20q…", got)
	}
	if _, err := g.login(t, "ada", "correct horse"); err != nil {
		t.Error(err)
	}
}

func TestLoginByToken(t *testing.T) {
	g := newGate(t)
	token, err := g.Tokens.Sign(core.Identity{User: "eve"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	// A token wins over a password, so that a bad password cannot be tried beside it.
	id, err := g.Authenticate(t.Context(), core.Credentials{Token: token, User: "ada", Password: "x"}, home)
	if err != nil || id.User != "eve" {
		t.Errorf("by token: %+v, %v", id, err)
	}
	_, err = g.Authenticate(t.Context(), core.Credentials{Token: "x", User: "ada", Password: "correct horse"}, home)
	wantKind(t, "bad token beside a right password", err, core.Denied)
	g.Tokens = nil
	_, err = g.Authenticate(t.Context(), core.Credentials{Token: token}, home)
	wantKind(t, "token where none is believed", err, core.Denied)
}

// TestTokensOfUsersWhoAreKnown: what the store says of them holds, and where a
// client has a place for a password only, the token goes there.
func TestTokensOfUsersWhoAreKnown(t *testing.T) {
	g := newGate(t)
	role := store.Role{Realm: "default", ID: "flight"}
	if _, err := g.store.CreateRole(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	if err := g.store.AddMember(t.Context(), store.Member{Realm: "default", Role: "flight", User: "ada"}); err != nil {
		t.Fatal(err)
	}
	sign := func(id core.Identity) string {
		token, err := g.Tokens.Sign(id, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	rooms := map[string]core.Permission{"lobby": core.PermitTalk}
	known := core.Identity{Realm: "default", User: "ada", Display: "Ada L.", Roles: []string{"flight"}, Rooms: rooms, Stored: true}
	told := core.Identity{Realm: "default", User: "ada", Display: "A.", Roles: []string{"guide"}}
	for name, row := range map[string]struct {
		token string
		want  core.Identity
	}{
		"roles of the store":     {sign(core.Identity{User: "ada", Rooms: rooms}), known},
		"roles of the token":     {sign(told), told},
		"not known to the store": {sign(core.Identity{User: "zoe"}), core.Identity{Realm: "default", User: "zoe"}},
	} {
		for _, c := range []core.Credentials{{Token: row.token}, {User: row.want.User, Password: row.token}} {
			id, err := g.Authenticate(t.Context(), c, home)
			if diff := cmp.Diff(row.want, id); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
			}
		}
	}
	_, err := g.Authenticate(t.Context(), core.Credentials{User: "ada", Password: sign(core.Identity{User: "zoe"})}, home)
	wantKind(t, "somebody else's token", err, core.Denied)
	ada, err := g.store.User(t.Context(), "default", "ada")
	if err != nil {
		t.Fatal(err)
	}
	ada.Disabled = true
	if _, err := g.store.UpdateUser(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	_, err = g.Authenticate(t.Context(), core.Credentials{Token: sign(told)}, home)
	wantKind(t, "token of a disabled user", err, core.Denied)
	entries, err := g.store.AuditEntries(t.Context(), store.AuditQuery{Action: "login", Actor: "zoe"})
	if err != nil || len(entries) != 2 || entries[0].Detail != "by token" {
		t.Errorf("noted are %+v, %v", entries, err)
	}
}

// failing is a store whose disk is gone, in parts.
type failing struct {
	store.Store
	user, audit error
}

func (f failing) User(ctx context.Context, realm, id string) (store.User, error) {
	if f.user != nil {
		return store.User{}, f.user
	}
	return f.Store.User(ctx, realm, id)
}

func (f failing) AppendAudit(ctx context.Context, e store.AuditEntry) (store.AuditEntry, error) {
	if f.audit != nil {
		return store.AuditEntry{}, f.audit
	}
	return f.Store.AppendAudit(ctx, e)
}

func (f failing) ReplacePassword(context.Context, string, string, string, string) error {
	return f.audit
}

func TestLoginWhileTheStoreFails(t *testing.T) {
	g := newGate(t)
	sound := g.Store
	broken := errors.New("disk is on fire")

	g.Gate.Store = failing{Store: sound, user: errors.Join(store.ErrUnavailable, broken)}
	for range 10 { // nobody is slowed down for it
		_, err := g.login(t, "ada", "correct horse")
		wantKind(t, "store unavailable", err, core.Unavailable)
		if strings.Contains(err.Error(), "fire") {
			t.Errorf("the client is told %v", err)
		}
	}
	if !strings.Contains(g.log.String(), "disk is on fire") {
		t.Errorf("the log does not tell the cause: %s", &g.log)
	}

	g.Gate.Store = failing{Store: sound, user: broken}
	_, err := g.login(t, "ada", "correct horse")
	wantKind(t, "store broken", err, 0)
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}

	// People can still talk when nothing can be written.
	g.Gate.Store = failing{Store: sound, audit: errors.Join(store.ErrUnavailable, broken)}
	g.Hasher = NewHasher(Cost{MemoryKiB: 16, Passes: 1, Lanes: 1}, 0) // so that the hash wants renewing
	if _, err := g.login(t, "ada", "correct horse"); err != nil {
		t.Errorf("login while nothing can be written: %v", err)
	}
}

func TestLoginEndsWithItsContext(t *testing.T) {
	g := newGate(t)
	g.Hasher = NewHasher(cheap(), 1)
	release, err := g.Hasher.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = g.Authenticate(ctx, core.Credentials{User: "ada", Password: "correct horse"}, home)
	wantKind(t, "no turn in time", err, core.Unavailable)
	release()
	if _, err := g.login(t, "ada", "correct horse"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAddUserAndSetPassword(t *testing.T) {
	g := newGate(t)
	ctx := t.Context()
	by := core.Actor{User: "root", Remote: netip.MustParseAddr("::ffff:192.0.2.9")}

	if err := AddUser(ctx, g.store, g.Hasher, by, store.User{ID: "ada"}, "other horse"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("adding a user twice: %v", err)
	}
	if _, err := g.login(t, "ada", "correct horse"); err != nil {
		t.Errorf("the refused addition changed the password: %v", err)
	}
	if err := AddUser(ctx, g.store, g.Hasher, by, store.User{Realm: "nowhere", ID: "bob"}, "correct horse"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("adding a user to no realm: %v", err)
	}
	if err := AddUser(ctx, g.store, g.Hasher, by, store.User{ID: ""}, "correct horse"); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("adding nobody: %v", err)
	}
	if err := SetPassword(ctx, g.store, g.Hasher, by, "", "bob", "correct horse"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("password of nobody: %v", err)
	}
	for _, bad := range []string{"", "short", "1234567", strings.Repeat("x", MaxPasswordBytes+1), "with\nline break", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "margaret"} {
		err := AddUser(ctx, g.store, g.Hasher, by, store.User{ID: "Margaret"}, bad)
		wantKind(t, "password "+bad[:min(len(bad), 20)], err, core.Invalid)
	}

	if err := SetPassword(ctx, g.store, g.Hasher, by, "", "ada", "battery staple"); err != nil {
		t.Fatal(err)
	}
	_, err := g.login(t, "ada", "correct horse")
	wantKind(t, "old password", err, core.Denied)
	if _, err := g.login(t, "ada", "battery staple"); err != nil {
		t.Errorf("new password: %v", err)
	}

	entries, err := g.store.AuditEntries(ctx, store.AuditQuery{Actor: "root"})
	if err != nil {
		t.Fatal(err)
	}
	want := []store.AuditEntry{{Realm: "default", Actor: "root", Action: "user.password", Target: "ada",
		Outcome: store.OutcomeDone, Remote: "192.0.2.9"}}
	if diff := cmp.Diff(want, entries, cmpopts.IgnoreFields(store.AuditEntry{}, "ID", "At")); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

// Clients of protocols that know no realms name only the user.
func TestRealmOfAUser(t *testing.T) {
	g := newGate(t)
	for _, realm := range []string{"vox.example", "moon.example"} {
		if _, err := g.store.CreateRealm(t.Context(), store.Realm{ID: realm}); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range []store.User{{Realm: "vox.example", ID: "bob"}, {Realm: "vox.example", ID: "eve"}, {Realm: "moon.example", ID: "eve"}, {Realm: "moon.example", ID: "ada"}} {
		if err := AddUser(t.Context(), g.store, g.Hasher, core.Actor{}, u, "horse of "+u.Realm); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		realm, user, password string
		want                  string // realm; empty: denied
	}{
		{"", "bob", "horse of vox.example", "vox.example"}, // there is only one
		{"", "ada", "correct horse", "default"},            // of two, the one of the default realm
		{"", "ada", "horse of moon.example", ""},
		{"", "eve", "horse of vox.example", ""}, // which one?
		{"vox.example", "eve", "horse of vox.example", "vox.example"},
		{"moon.example", "bob", "horse of vox.example", ""},
		{"", "", "x", ""},
	} {
		id, err := g.Authenticate(t.Context(), core.Credentials{Realm: c.realm, User: c.user, Password: c.password}, home)
		if id.Realm != c.want || (c.want == "") != (core.KindOf(err) == core.Denied) {
			t.Errorf("%s in %q: %+v, %v; want %q", c.user, c.realm, id, err, c.want)
		}
	}
}

func TestCounts(t *testing.T) {
	g := newGate(t)
	key := g.remembered(t, "c1")
	if _, _, err := g.Resume(t.Context(), "", "ada", "c1", key, home); err != nil {
		t.Fatal(err)
	}
	_, _, err := g.Resume(t.Context(), "", "ada", "c1", "a password that is tried as a key first", home)
	wantKind(t, "a password as a key", err, core.Denied) // and counts when it is tried as what it is
	for range 6 {
		_, _ = g.login(t, "bob", "wrong horse")
	}
	_, _ = g.Authenticate(t.Context(), core.Credentials{Token: "x"}, home)
	sound := g.Store
	g.Gate.Store = failing{Store: sound, user: store.ErrUnavailable}
	_, _ = g.login(t, "ada", "correct horse")
	g.Gate.Store = failing{Store: sound, user: errors.New("ours")}
	_, _ = g.login(t, "ada", "correct horse")
	want := Counts{Admitted: 2, Denied: 5, Throttled: 2, Unavailable: 1}
	if diff := cmp.Diff(want, g.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestPasswordsOfDirectoryUsersAreKeptThere(t *testing.T) {
	g := newGate(t)
	u := store.User{ID: "bob", Origin: store.OriginLDAP}
	wantKind(t, "add with a password", AddUser(t.Context(), g.store, g.Hasher, core.Actor{}, u, "correct horse"), core.Conflict)
	if err := AddUser(t.Context(), g.store, g.Hasher, core.Actor{}, u, ""); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "set a password", SetPassword(t.Context(), g.store, g.Hasher, core.Actor{}, "", "bob", "correct horse"), core.Conflict)
	// Where no directory is configured any more, nobody of it gets in.
	for _, p := range []string{"", "correct horse"} {
		_, err := g.login(t, "bob", p)
		wantKind(t, "login", err, core.Denied)
	}
}
