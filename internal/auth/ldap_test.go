package auth

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"switchboard/internal/auth/ldaptest"
	"switchboard/internal/core"
	"switchboard/internal/store"
)

const peopleDN = "ou=people,dc=vox,dc=example"

func person(uid, cn, password string) ldaptest.Entry {
	return ldaptest.Entry{DN: "uid=" + ldap.EscapeDN(uid) + "," + peopleDN, Password: password, Attributes: map[string][]string{
		"objectClass": {"top", "posixAccount"}, "uid": {uid}, "cn": {cn},
	}}
}

func people() []ldaptest.Entry {
	return []ldaptest.Entry{
		{DN: peopleDN, Attributes: map[string][]string{"objectClass": {"organizationalUnit"}}},
		person("ada", "Ada Lovelace", "directory horse"),
		person("bob, the builder", "Bob", "builder horse"),
		person("", "No Uid", ""),
	}
}

func newLDAP(t *testing.T, s *ldaptest.Server, change func(*LDAPOptions)) *LDAP {
	t.Helper()
	o := LDAPOptions{URL: "ldap://" + s.Address, Roots: s.Roots, UserDN: "uid=%s," + peopleDN}
	if change != nil {
		change(&o)
	}
	d, err := NewLDAP(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLDAPCheck(t *testing.T) {
	for name, c := range map[string]struct {
		secure bool
		change func(*LDAPOptions)
	}{
		"plain":    {false, nil},
		"LDAPS":    {true, func(o *LDAPOptions) { o.URL = strings.Replace(o.URL, "ldap:", "ldaps:", 1) }},
		"StartTLS": {false, func(o *LDAPOptions) { o.StartTLS = true }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newLDAP(t, ldaptest.Start(t, c.secure, people()...), c.change)
			for _, c := range []struct {
				user, password string
				want           bool
			}{
				{"ada", "directory horse", true},
				{"bob, the builder", "builder horse", true}, // a comma must not become part of the DN's form
				{"ada", "wrong horse", false},
				{"eve", "directory horse", false},
				{"ada", "", false},
				{"", "directory horse", false},
				{"ada,ou=people", "directory horse", false},
				{"*", "directory horse", false},
				{"ada\x00", "directory horse", false},
				{strings.Repeat("x", 300), "directory horse", false},
				{"ada", strings.Repeat("x", MaxPasswordBytes+1), false},
			} {
				if got, err := d.Check(t.Context(), c.user, c.password); got != c.want || err != nil {
					t.Errorf("%.20q with %.20q: %v, %v; want %v", c.user, c.password, got, err, c.want)
				}
			}
		})
	}
}

// An empty password is an anonymous login, which succeeds; it must not even be
// tried.
func TestLDAPNeverAnonymous(t *testing.T) {
	s := ldaptest.Start(t, false, people()...)
	d := newLDAP(t, s, nil)
	if right, err := d.Check(t.Context(), "ada", ""); right || err != nil {
		t.Errorf("without a password: %v, %v", right, err)
	}
	if _, err := d.Search(t.Context(), "uid=ada,"+peopleDN, "", peopleDN); core.KindOf(err) != core.Denied {
		t.Errorf("search without a password: %v", err)
	}
	if got := s.Binds(); len(got) > 0 {
		t.Errorf("the directory was asked: %q", got)
	}
}

func TestLDAPOptions(t *testing.T) {
	dn := "uid=%s," + peopleDN
	for name, c := range map[string]struct {
		o  LDAPOptions
		ok bool
	}{
		"LDAPS":                       {LDAPOptions{URL: "ldaps://vox.example", UserDN: dn}, true},
		"StartTLS":                    {LDAPOptions{URL: "ldap://vox.example", StartTLS: true, UserDN: dn}, true},
		"plain on this machine":       {LDAPOptions{URL: "ldap://[::1]:3890", UserDN: dn}, true},
		"plain, permitted":            {LDAPOptions{URL: "ldap://vox.example", AllowPlain: true, UserDN: dn}, true},
		"plain":                       {LDAPOptions{URL: "ldap://vox.example", UserDN: dn}, false},
		"StartTLS in LDAPS":           {LDAPOptions{URL: "ldaps://vox.example", StartTLS: true, UserDN: dn}, false},
		"no URL":                      {LDAPOptions{UserDN: dn}, false},
		"other scheme":                {LDAPOptions{URL: "https://vox.example", UserDN: dn}, false},
		"password in the URL":         {LDAPOptions{URL: "ldaps://a:b@vox.example", UserDN: dn}, false},
		"name without the user":       {LDAPOptions{URL: "ldaps://vox.example", UserDN: peopleDN}, false},
		"name with the user twice":    {LDAPOptions{URL: "ldaps://vox.example", UserDN: "uid=%s,cn=%s"}, false},
		"name with another directive": {LDAPOptions{URL: "ldaps://vox.example", UserDN: "uid=%s,cn=%d"}, false},
		"name of bad form":            {LDAPOptions{URL: "ldaps://vox.example", UserDN: "%s"}, false},
	} {
		if _, err := NewLDAP(c.o); (err == nil) != c.ok {
			t.Errorf("%s: %v, want it accepted: %v", name, err, c.ok)
		}
	}
}

func TestLDAPFaults(t *testing.T) {
	wantUnavailable := func(t *testing.T, d *LDAP, ctx context.Context) {
		t.Helper()
		start := time.Now()
		right, err := d.Check(ctx, "ada", "directory horse")
		if right || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("check: %v, %v; want it unavailable", right, err)
		}
		if strings.Contains(errorText(err), "horse") {
			t.Errorf("the error shows the password: %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	}
	soon := func(o *LDAPOptions) { o.Timeout = 100 * time.Millisecond }

	t.Run("gone", func(t *testing.T) {
		s := ldaptest.Start(t, false)
		s.Close()
		wantUnavailable(t, newLDAP(t, s, nil), t.Context())
	})
	t.Run("never answers", func(t *testing.T) {
		s := ldaptest.Start(t, false, people()...)
		s.Mute()
		d := newLDAP(t, s, soon)
		wantUnavailable(t, d, t.Context())
		d = newLDAP(t, s, func(o *LDAPOptions) { o.StartTLS = true; o.Timeout = 100 * time.Millisecond })
		wantUnavailable(t, d, t.Context())
	})
	t.Run("asker gives up", func(t *testing.T) {
		s := ldaptest.Start(t, false, people()...)
		s.Mute()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		wantUnavailable(t, newLDAP(t, s, nil), ctx)
	})
	t.Run("never shakes hands", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		d, err := NewLDAP(LDAPOptions{URL: "ldaps://" + l.Addr().String(), UserDN: "uid=%s", Timeout: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		wantUnavailable(t, d, t.Context())
	})
	t.Run("certificate of somebody else", func(t *testing.T) {
		s, other := ldaptest.Start(t, true, people()...), ldaptest.Start(t, true)
		wantUnavailable(t, newLDAP(t, s, func(o *LDAPOptions) {
			o.URL, o.Roots = "ldaps://"+s.Address, other.Roots
		}), t.Context())
		s = ldaptest.Start(t, false, people()...)
		wantUnavailable(t, newLDAP(t, s, func(o *LDAPOptions) { o.StartTLS, o.Roots = true, other.Roots }), t.Context())
		if got := s.Binds(); len(got) > 0 {
			t.Errorf("a password was sent to a stranger as %q", got)
		}
	})
	t.Run("answers nonsense", func(t *testing.T) {
		s := ldaptest.Start(t, false, people()...)
		s.Answer(ldap.LDAPResultBusy)
		wantUnavailable(t, newLDAP(t, s, nil), t.Context())
	})
	t.Run("connections are bounded", func(t *testing.T) {
		s := ldaptest.Start(t, false, people()...)
		s.Mute()
		d := newLDAP(t, s, func(o *LDAPOptions) { o.Timeout, o.AtOnce = 100*time.Millisecond, 2 })
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { wantUnavailable(t, d, t.Context()) })
		}
		wg.Wait()
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLDAPSearch(t *testing.T) {
	entries := people()
	entries[1].Password = "directory horse"
	s := ldaptest.Start(t, false, entries...)
	d := newLDAP(t, s, nil)
	admin := "uid=ada," + peopleDN
	got, err := d.Search(t.Context(), admin, "directory horse", peopleDN)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]LDAPUser{{"ada", "Ada Lovelace"}, {"bob, the builder", "Bob"}}, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	_, err = d.Search(t.Context(), admin, "wrong horse", peopleDN)
	wantKind(t, "wrong password", err, core.Denied)
	_, err = d.Search(t.Context(), admin, "directory horse", "dc=elsewhere")
	wantKind(t, "wrong base", err, core.NotFound)
	s.Mute()
	d.options.Timeout = 100 * time.Millisecond
	if _, err = d.Search(t.Context(), admin, "directory horse", peopleDN); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("directory without an answer: %v", err)
	}
}

func withLDAP(t *testing.T) (*gate, *ldaptest.Server) {
	t.Helper()
	g := newGate(t)
	s := ldaptest.Start(t, false,
		person("ada", "Ada Lovelace", "directory horse"), person("bob", "Bob", "builder horse"), person("Joe", "Joe", "joe's horse"))
	g.LDAP = map[string]*LDAP{"default": newLDAP(t, s, func(o *LDAPOptions) { o.Timeout = 500 * time.Millisecond })}
	return g, s
}

func TestLoginByLDAP(t *testing.T) {
	g, s := withLDAP(t)
	id, err := g.login(t, "bob", "builder horse")
	if err != nil || id.User != "bob" {
		t.Fatalf("login: %+v, %v", id, err)
	}
	user, err := g.store.User(t.Context(), "default", "bob")
	if err != nil || user.Origin != store.OriginLDAP {
		t.Errorf("who logged in first is %+v, %v; want a user of the directory", user, err)
	}
	if _, err := g.login(t, "bob", "builder horse"); err != nil {
		t.Errorf("second login: %v", err)
	}
	_, err = g.login(t, "bob", "wrong horse")
	wantKind(t, "wrong password", err, core.Denied)
	_, err = g.login(t, "eve", "wrong horse")
	wantKind(t, "nobody", err, core.Denied)

	// Who has a password here is not asked for there, and the other way round.
	before := len(s.Binds())
	if _, err := g.login(t, "ada", "correct horse"); err != nil {
		t.Errorf("local user: %v", err)
	}
	_, err = g.login(t, "ada", "directory horse")
	wantKind(t, "local user with the password of the directory", err, core.Denied)
	if got := len(s.Binds()); got != before {
		t.Error("the directory was asked for a local user")
	}
	if err := g.store.SetPassword(t.Context(), "default", "bob", must(t, g.Hasher, "own horse")); err != nil {
		t.Fatal(err)
	}
	_, err = g.login(t, "bob", "own horse")
	wantKind(t, "user of the directory with a stray local password", err, core.Denied)
}

func must(t *testing.T, h *Hasher, password string) string {
	t.Helper()
	encoded, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// A directory takes "BOB" and "bob " for bob. Disabling bob must be enough.
func TestLDAPNamesOfOnePerson(t *testing.T) {
	g, s := withLDAP(t)
	if _, err := g.store.CreateUser(t.Context(), store.User{Realm: "default", ID: "Bob", Origin: store.OriginLDAP, Disabled: true}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Bob", "bob", "BOB", " bob", "bob ", "ｂob", "Joe"} {
		_, err := g.Authenticate(t.Context(), core.Credentials{User: name, Password: "builder horse"}, other)
		if core.KindOf(err) == core.Unavailable {
			t.Fatal(err)
		}
		wantKind(t, "login as "+name, err, core.Denied)
		g.throttle = newThrottle(10)
	}
	users, err := g.store.Users(t.Context(), store.Filter{Realm: "default"})
	if err != nil {
		t.Fatal(err)
	}
	if len(users) != 2 {
		t.Errorf("there are users %v", users)
	}
	if got := s.Binds(); !slices.Equal(got, []string{"uid=Bob," + peopleDN}) {
		t.Errorf("the directory was asked for %q", got)
	}
	if _, err := g.login(t, "joe", "joe's horse"); err != nil {
		t.Errorf("in the common form: %v", err)
	}
}

func TestLoginWhileLDAPIsGone(t *testing.T) {
	g, s := withLDAP(t)
	if _, err := g.login(t, "bob", "builder horse"); err != nil {
		t.Fatal(err)
	}
	s.Mute()
	start := time.Now()
	_, err := g.login(t, "bob", "builder horse")
	wantKind(t, "login", err, core.Unavailable)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the answer took %v", took)
	}
	if _, err := g.login(t, "ada", "correct horse"); err != nil {
		t.Errorf("a local user meanwhile: %v", err)
	}
	if !strings.Contains(g.log.String(), "ask directory") {
		t.Errorf("the log does not tell the cause: %s", &g.log)
	}
}

func TestImportUsers(t *testing.T) {
	g, _ := withLDAP(t)
	ctx := t.Context()
	if _, err := g.store.CreateUser(ctx, store.User{Realm: "default", ID: "bob", Name: "old name", Origin: store.OriginLDAP, Data: "kept"}); err != nil {
		t.Fatal(err)
	}
	found := []LDAPUser{{"ada", "Somebody Else"}, {"bob", "Bob"}, {"carol", "Carol"}, {"line\nbreak", "x"}, {"carol", "Carol"}}
	added, skipped, err := ImportUsers(ctx, g.store, core.Actor{User: "root"}, "default", found)
	if err != nil || added != 1 || skipped != 4 {
		t.Errorf("import: %d added, %d skipped, %v", added, skipped, err)
	}
	users, err := g.store.Users(ctx, store.Filter{Realm: "default"})
	if err != nil {
		t.Fatal(err)
	}
	want := []store.User{
		{Realm: "default", ID: "ada", Name: "Ada L.", Origin: store.OriginLocal, Version: 1},
		{Realm: "default", ID: "bob", Name: "Bob", Origin: store.OriginLDAP, Data: "kept", Version: 2},
		{Realm: "default", ID: "carol", Name: "Carol", Origin: store.OriginLDAP, Version: 1},
	}
	if diff := cmp.Diff(want, users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if _, _, err := ImportUsers(ctx, g.store, core.Actor{}, "nowhere", found); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("import into no realm: %v", err)
	}
}
