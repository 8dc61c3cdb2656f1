package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/auth"
	"switchboard/internal/auth/ldaptest"
	"switchboard/internal/core"
	"switchboard/internal/store"
)

// TestASlowDirectoryHoldsUpNobody: while more people than the directory has
// connections wait for it, others log in and negotiate media.
func TestASlowDirectoryHoldsUpNobody(t *testing.T) {
	directory := ldaptest.Start(t, false)
	directory.Mute()
	w := newTown(t, func(o *auth.Options, _ *core.Options) {
		ldap, err := auth.NewLDAP(auth.LDAPOptions{URL: "ldap://" + directory.Address, UserDN: "uid=%s,dc=ops", Timeout: time.Minute, AtOnce: 4})
		if err != nil {
			t.Fatal(err)
		}
		o.LDAP = map[string]*auth.LDAP{"ops": ldap}
	})
	var waiting []*client
	for i := range 100 {
		c := w.connect(t)
		c.Login(core.Credentials{Realm: "ops", User: fmt.Sprintf("fay%d", i), Password: "not known yet"})
		waiting = append(waiting, c)
	}
	bob := w.as(t, "bob", "capcom") // whose password is kept here
	tr := bob.transport(t)
	if err := tr.Answer("offer"); err != nil {
		t.Fatal(err)
	}
	bob.await(t, func(f core.Fact) bool { _, ok := f.(core.AnswerMade); return ok })
	if !bob.Session().Directory() {
		t.Error("the realm has no directory")
	}
	ada := w.as(t, "ada", "")
	if err := ada.Session().Administration().ImportUsers(t.Context(), core.DirectoryQuery{Base: "dc=ops", User: "uid=root", Password: "x"}); err != nil {
		t.Error(err)
	}
	directory.Close()
	done := ada.await(t, func(f core.Fact) bool { _, ok := f.(core.UsersImported); return ok }).(core.UsersImported)
	if done.Err == nil || done.Err.Kind != core.Unavailable {
		t.Errorf("import without a directory gives %+v", done)
	}
	for _, c := range waiting {
		made := c.await(t, func(f core.Fact) bool { _, ok := f.(core.LoginMade); return ok }).(core.LoginMade)
		if made.Err == nil || made.Err.Kind != core.Unavailable {
			t.Fatalf("login without a directory gives %+v", made)
		}
	}
}

// await takes facts until one is as wanted.
func (c *client) await(t testing.TB, is func(core.Fact) bool) core.Fact {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		for _, f := range c.facts() {
			if is(f) {
				return f
			}
		}
		select {
		case <-c.woken:
		case <-deadline:
			t.Fatal("what was waited for does not come")
		}
	}
}

func TestADirectoryIsImported(t *testing.T) {
	directory := ldaptest.Start(t, false, ldaptest.Entry{DN: "uid=root,dc=ops", Password: "root's"},
		ldaptest.Entry{DN: "uid=gus,dc=ops", Attributes: map[string][]string{"objectClass": {"posixAccount"}, "uid": {"gus"}, "cn": {"Gus G."}}})
	w := newTown(t, func(o *auth.Options, _ *core.Options) {
		ldap, err := auth.NewLDAP(auth.LDAPOptions{URL: "ldap://" + directory.Address, UserDN: "uid=%s,dc=ops"})
		if err != nil {
			t.Fatal(err)
		}
		o.LDAP = map[string]*auth.LDAP{"ops": ldap}
	})
	ada := w.as(t, "ada", "")
	for password, want := range map[string]core.UsersImported{
		"root's": {Realm: "ops", Added: 1},
		"wrong":  {Realm: "ops", Err: &core.Error{Kind: core.Denied, Subject: core.AboutPermission, Text: "the directory does not let that name search"}},
	} {
		if err := ada.Session().Administration().ImportUsers(t.Context(), core.DirectoryQuery{Base: "dc=ops", User: "uid=root,dc=ops", Password: password}); err != nil {
			t.Fatal(err)
		}
		got := ada.await(t, func(f core.Fact) bool { _, ok := f.(core.UsersImported); return ok })
		if diff := cmp.Diff(core.Fact(want), got); diff != "" {
			t.Errorf("import (-want +got):\n%s", diff)
		}
	}
	for _, u := range w.section(t, realm).Users {
		if u.ID == "gus" && u.Name == "Gus G." && u.Elsewhere {
			return
		}
	}
	t.Error("gus is not there")
}

// failing is a store that can be told to fail before or after it has run what it
// is given.
type failing struct {
	core.Store
	before, after atomic.Bool
}

func (f *failing) View(ctx context.Context, run func(store.Records) error) error {
	if f.before.Load() {
		return fmt.Errorf("%w: the disk is full", store.ErrUnavailable)
	}
	return f.Store.View(ctx, run)
}

func (f *failing) Within(ctx context.Context, run func(store.Records) error) error {
	if f.before.Load() {
		return fmt.Errorf("%w: the database is locked", store.ErrUnavailable)
	}
	return f.Store.Within(ctx, func(tx store.Records) error {
		err := run(tx)
		if err == nil && f.after.Load() {
			return fmt.Errorf("%w: the disk is full", store.ErrUnavailable)
		}
		return err
	})
}

// TestNothingIsChangedWhileTheStoreFails: every verb says so, nothing is stored
// by halves, what lives stays as it is, and afterwards all works again.
func TestNothingIsChangedWhileTheStoreFails(t *testing.T) {
	f := &failing{}
	w := newTown(t, func(a *auth.Options, o *core.Options) {
		f.Store, o.Store = a.Store, f
	})
	ada, cyd := w.as(t, "ada", "flight"), w.as(t, "cyd", "flight")
	place := cyd.enter(t, "loop", core.ModeTalk)
	before, s := w.section(t, realm), ada.Session()
	verbs := map[string]func() error{
		"edit": func() error {
			return s.Administration().Edit(t.Context(), realm, func(s *core.Section) error {
				s.Name, s.Roles, s.Rooms[0].Roles = "x", s.Roles[1:], nil
				return nil
			})
		},
		"layout":   func() error { return s.Administration().SetLayout(t.Context(), "default", "{}") },
		"realm":    func() error { return s.Administration().DeleteRealm(t.Context()) },
		"remember": func() error { return s.Remember(t.Context(), "loop", core.Preference{Volume: 3}) },
		"document": func() error { return s.PutDocument(t.Context(), "data", "{}") },
	}
	reads := map[string]func() error{
		"section": func() error { _, err := s.Administration().Section(t.Context(), realm); return err },
		"places":  func() error { _, err := s.Places(t.Context()); return err },
		"roles":   func() error { _, err := s.Roles(t.Context()); return err },
		"self":    func() error { _, err := s.Self(t.Context()); return err },
		"reload":  func() error { return s.Administration().Reload(t.Context()) },
	}
	for name, verb := range verbs {
		f.after.Store(true)
		if err := verb(); core.KindOf(err) != core.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		f.after.Store(false)
	}
	f.before.Store(true)
	for _, list := range []map[string]func() error{verbs, reads} {
		for name, verb := range list {
			if err := verb(); core.KindOf(err) != core.Unavailable {
				t.Errorf("%s in a store that is gone: %v", name, err)
			}
		}
	}
	f.before.Store(false)
	if diff := cmp.Diff(before, w.section(t, realm)); diff != "" || !place.Present() {
		t.Errorf("something was changed (-want +got):\n%s", diff)
	}
	if places, err := s.Places(t.Context()); err != nil || places[0].Preference.Volume != core.DefaultVolume {
		t.Errorf("places are %+v, %v", places, err)
	}
	for name, verb := range reads {
		if err := verb(); err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
	if err := verbs["edit"](); err != nil {
		t.Errorf("edit afterwards: %v", err)
	}
	if place.Present() {
		t.Error("the edit is not followed")
	}
}

func TestRememberingTogether(t *testing.T) {
	w := newTown(t)
	ada := w.as(t, "ada", "flight").Session()
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			room, want := "loop", core.ErrorKind(0)
			if i%10 == 0 {
				room, want = "nowhere", core.NotFound
			}
			if err := ada.Remember(t.Context(), room, core.Preference{Mode: core.ModeListen, Volume: i % 101}); core.KindOf(err) != want || want == 0 && err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	if err := ada.Remember(t.Context(), "loop", core.Preference{Mode: core.ModeTalk, Volume: 77}); err != nil {
		t.Fatal(err)
	}
	places, err := w.as(t, "ada", "flight").Session().Places(t.Context())
	if want := (core.Preference{Mode: core.ModeTalk, Volume: 77}); err != nil || places[0].Preference != want {
		t.Errorf("places are %+v, %v", places, err)
	}
}

// TestNoSecretIsKept looks for what nobody may find in all that is written.
func TestNoSecretIsKept(t *testing.T) {
	w := newTown(t)
	secrets := []string{password("ada"), "a new one for ada", "a wrong one for ada"}
	ada := w.connect(t)
	for _, cred := range []core.Credentials{{Password: "a wrong one for ada"}, {Password: password("ada")}} {
		cred.User, cred.Client = "ada", "console"
		if made := ada.prove(t, cred); made.Key != "" {
			secrets = append(secrets, string(made.Key))
			if shown := fmt.Sprintf("%v %+v", made, made); strings.Contains(shown, string(made.Key)) {
				t.Error("the key is shown where the event is")
			}
		}
	}
	if err := ada.Session().Administration().SetPassword(t.Context(), "ada", "a new one for ada"); err != nil {
		t.Fatal(err)
	}
	if len(secrets) != 4 {
		t.Fatalf("there are %d secrets to look for", len(secrets))
	}
	files, err := filepath.Glob(w.path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s holds a secret", filepath.Base(file))
			}
		}
	}
	if err := errors.Join(w.Close()); err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(w.log.String(), secret) {
			t.Error("the log holds a secret")
		}
	}
}
