package core_test

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

	"switchboard/internal/auth"
	"switchboard/internal/core"
	"switchboard/internal/store"
	"switchboard/internal/store/sql"
)

// town is a house with a store in it: the realm "ops" with its project "dock",
// and people whose passwords are their names and " is who I am".
type town struct {
	*house
	store *sql.Store
	log   *bytes.Buffer // read only when nothing goes on
	path  string        // of the database
}

// newTown makes a town where
//   - ada administers the realm and acts as flight or guide,
//   - bob administers the project and acts as capcom,
//   - cyd, of the project, acts as flight, and eve as nobody;
//   - in "loop" flight may talk and capcom listen; in "pier", of the project,
//     capcom may talk; in "yard" guide may listen.
func newTown(t testing.TB, change ...func(*auth.Options, *core.Options)) *town {
	t.Helper()
	path := filepath.Join(t.TempDir(), "switchboard.db")
	s, err := sql.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	gate := auth.New(auth.Options{Store: s, Hasher: auth.NewHasher(auth.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 0)})
	h := newHouse(t, func(o *core.Options) {
		o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Store, o.Auth, o.Keys, o.Accounts = s, gate, gate, gate
		gate.Log = o.Log
		for _, f := range change {
			f(&gate.Options, o)
		}
	})
	t.Cleanup(func() {
		if err := errors.Join(h.Close(), s.Close()); err != nil { // the hub first
			t.Error(err)
		}
	})
	settle(t, s)
	for _, u := range []store.User{{ID: "ada", Name: "Ada L."}, {ID: "bob"}, {ID: "cyd", Project: "dock"}, {ID: "eve"}} {
		u.Realm = "ops"
		if err := auth.AddUser(t.Context(), s, gate.Hasher, core.Actor{}, u, password(u.ID)); err != nil {
			t.Fatal(err)
		}
	}
	people(t, s)
	if err := h.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &town{h, s, log, path}
}

func password(user string) string { return user + " is who I am" }

func settle(t testing.TB, s store.Store) {
	t.Helper()
	err := s.Within(t.Context(), func(tx store.Records) error {
		_, a := tx.CreateRealm(t.Context(), store.Realm{ID: "ops", Name: "Operations"})
		_, b := tx.CreateProject(t.Context(), store.Project{Realm: "ops", ID: "dock", Name: "Dock"})
		_, c := tx.CreateProject(t.Context(), store.Project{Realm: "ops", ID: "mill"})
		errs := []error{a, b, c}
		for _, r := range []store.Role{{ID: "flight", Name: "Flight Director", Data: `{"color":"red"}`}, {ID: "guide"}, {ID: "capcom", Project: "dock"}} {
			r.Realm = "ops"
			_, err := tx.CreateRole(t.Context(), r)
			errs = append(errs, err)
		}
		for _, r := range []store.Room{{ID: "loop", Name: "The loop", Data: "{}"}, {ID: "pier", Project: "dock"}, {ID: "yard"}} {
			r.Realm = "ops"
			_, err := tx.CreateRoom(t.Context(), r)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func people(t testing.TB, s store.Store) {
	t.Helper()
	err := s.Within(t.Context(), func(tx store.Records) error {
		var errs []error
		for _, m := range []string{"flight ada", "guide ada", "flight cyd", "capcom bob"} {
			role, user, _ := strings.Cut(m, " ")
			errs = append(errs, tx.AddMember(t.Context(), store.Member{Realm: "ops", Role: role, User: user}))
		}
		for _, p := range []store.Permission{{Role: "flight", Room: "loop", Access: "talk"}, {Role: "capcom", Room: "loop", Access: "listen"},
			{Role: "capcom", Room: "pier", Access: "talk"}, {Role: "guide", Room: "yard", Access: "listen"}} {
			p.Realm = "ops"
			errs = append(errs, tx.SetPermission(t.Context(), p))
		}
		return errors.Join(append(errs, tx.AddAdministrator(t.Context(), store.Administrator{Realm: "ops", User: "ada"}),
			tx.AddAdministrator(t.Context(), store.Administrator{Realm: "ops", Project: "dock", User: "bob"}))...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// prove logs the client in and returns what came of it.
func (c *client) prove(t testing.TB, cred core.Credentials) core.LoginMade {
	t.Helper()
	c.facts()
	c.Login(cred)
	deadline := time.After(time.Minute)
	for {
		for _, f := range c.facts() {
			if made, ok := f.(core.LoginMade); ok {
				return made
			}
		}
		select {
		case <-c.woken:
		case <-deadline:
			t.Fatal("the login does not end")
		}
	}
}

// as connects somebody who has logged in and acts in a role.
func (w *town) as(t testing.TB, user, role string) *client {
	t.Helper()
	c := w.connect(t)
	if made := c.prove(t, core.Credentials{User: user, Password: password(user)}); made.Err != nil {
		t.Fatal(made.Err)
	}
	if err := c.Session().Act(role); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *client) enter(t testing.TB, room string, mode core.Mode) *core.Participant {
	t.Helper()
	p, _ := c.join(t, core.JoinRequest{Room: core.NewRoomID("ops", room), Name: c.Session().Identity().User, NameRule: core.NameUnique, Mode: mode})
	return p
}

func TestLoginKeys(t *testing.T) {
	w := newTown(t)
	bob := w.connect(t)
	first := bob.prove(t, core.Credentials{User: "bob", Password: password("bob"), Client: "console 1"})
	if first.Err != nil || first.Key == "" {
		t.Fatalf("login gives %+v", first)
	}
	if diff := cmp.Diff(core.Identity{Realm: "ops", User: "bob", Roles: []string{"capcom"}, Stored: true}, bob.Session().Identity()); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	key := string(first.Key) // as a client would give it back, where it knows one field only
	second := w.connect(t).prove(t, core.Credentials{User: "bob", Password: key, Key: core.LoginKey(key), Client: "console 1"})
	if second.Err != nil || second.Key == "" || second.Key == first.Key {
		t.Errorf("login by key gives %+v", second)
	}
	for who, cred := range map[string]core.Credentials{
		"another client": {User: "bob", Key: first.Key, Client: "console 2"},
		"another user":   {User: "ada", Key: first.Key, Client: "console 1"},
		"no client":      {User: "bob", Key: first.Key},
		"no such key":    {User: "bob", Key: "00000000000000000000000000000000", Client: "console 1"},
	} {
		if made := w.connect(t).prove(t, cred); made.Err == nil || made.Err.Kind != core.Denied {
			t.Errorf("%s: login gives %+v", who, made)
		}
	}
	if made := w.connect(t).prove(t, core.Credentials{User: "bob", Key: first.Key, Client: "console 1"}); made.Err != nil {
		t.Errorf("the key before the last is void at once: %v", made.Err)
	}
	if err := bob.RenewLogin(t.Context(), "bob", "console 1", first.Key); core.KindOf(err) != core.Denied {
		t.Errorf("a key that was exchanged is renewed: %v", err)
	}
	third := w.connect(t).prove(t, core.Credentials{User: "bob", Key: second.Key, Client: "console 1"})
	if err := bob.RenewLogin(t.Context(), "bob", "console 1", third.Key); err != nil {
		t.Error(err)
	}
	place := bob.enter(t, "loop", core.ModeListen)
	if err := bob.Logout(t.Context(), "console 1"); err != nil {
		t.Fatal(err)
	}
	if place.Present() || !bob.Session().Identity().Guest {
		t.Error("still somebody after logging out")
	}
	for _, k := range []core.LoginKey{first.Key, second.Key, third.Key} {
		if made := w.connect(t).prove(t, core.Credentials{User: "bob", Key: k, Client: "console 1"}); made.Err == nil {
			t.Error("a key is good after logging out")
		}
	}
}

// onTheirWord believes whoever comes, and the store does not know them.
type onTheirWord struct{}

func (onTheirWord) Authenticate(_ context.Context, c core.Credentials, _ netip.Addr) (core.Identity, error) {
	return core.Identity{Realm: "ops", User: c.User, Roles: []string{"flight", "nobody"}}, nil
}

func TestAStrangerIsRememberedByWhatTheyShowed(t *testing.T) {
	w := newTown(t)
	keys := auth.New(auth.Options{Store: w.store, Log: slog.New(slog.DiscardHandler)})
	h := newHouse(t, func(o *core.Options) { o.Auth, o.Keys, o.Store = onTheirWord{}, keys, w.store })
	c := h.connect(t)
	if made := c.prove(t, core.Credentials{User: "zoe", Password: "a.b.c", Client: "tab"}); made.Err != nil || made.Key != "a.b.c" {
		t.Errorf("login gives %v, %q", made.Err, string(made.Key))
	}
	self, err := c.Session().Self(t.Context())
	if err != nil || self.ID != "zoe" || self.Section.Realm != "ops" {
		t.Errorf("they are %+v, %v", self, err)
	}
	roles, err := c.Session().Roles(t.Context())
	if err != nil || len(roles) != 1 || roles[0].ID != "flight" {
		t.Errorf("roles are %+v, %v", roles, err)
	}
	if list, err := c.Session().Administers(t.Context(), ""); err != nil || len(list) > 0 {
		t.Errorf("a stranger administers %v, %v", list, err)
	}
	wantKind(t, c.Session().PutDocument(t.Context(), "notes", "x"), core.NotFound, core.AboutRequest)
}

func TestRolesDecideWhatOneMay(t *testing.T) {
	w := newTown(t)
	for _, row := range []struct {
		user, role, room string
		enter, talk      bool
	}{
		{"ada", "flight", "loop", true, true},
		{"ada", "guide", "loop", false, false}, // only the role one acts in counts
		{"ada", "guide", "yard", true, false},
		{"ada", "", "loop", true, true}, // all of them, before one is chosen
		{"ada", "", "yard", true, false},
		{"ada", "", "pier", false, false}, // an administrator is nobody in particular
		{"bob", "capcom", "loop", true, false},
		{"bob", "capcom", "pier", true, true},
		{"eve", "", "loop", false, false},
	} {
		c := w.as(t, row.user, row.role)
		p, _, err := c.Session().Join(core.JoinRequest{Room: core.NewRoomID("ops", row.room), Name: row.user, Mode: core.ModeListen})
		if (err == nil) != row.enter {
			t.Errorf("%+v: join: %v", row, err)
		}
		if err != nil {
			continue
		}
		if err := p.SetMode(core.ModeTalk); (err == nil) != row.talk {
			t.Errorf("%+v: talk: %v", row, err)
		}
		tr := c.transport(t)
		if _, err := p.Publish(core.PublishRequest{Name: "mic", Transport: tr.ID(), Tracks: tracksOf(tr.ID())}); (err == nil) != row.talk {
			t.Errorf("%+v: publish: %v", row, err)
		}
		p.Leave()
	}
	wantKind(t, w.as(t, "bob", "").Session().Act("flight"), core.Denied, core.AboutPermission)
	stranger := w.connect(t)
	wantKind(t, stranger.Session().Act("flight"), core.Denied, core.AboutPermission)
	_, _, err := stranger.Session().Join(core.JoinRequest{Room: core.NewRoomID("ops", "loop"), Name: "x"})
	wantKind(t, err, core.Denied, core.AboutPermission)
	elsewhere := w.as(t, "ada", "flight")
	if err := w.Admin().OpenRoom(core.NewRoomID("other", "loop"), core.Policy{Persistent: true, Roles: map[string]core.Permission{"flight": core.PermitTalk}}); err != nil {
		t.Fatal(err)
	}
	_, _, err = elsewhere.Session().Join(core.JoinRequest{Room: core.NewRoomID("other", "loop"), Name: "x"})
	wantKind(t, err, core.Denied, core.AboutPermission)
}

func TestActingInAnotherRoleLosesPlaces(t *testing.T) {
	w := newTown(t)
	ada := w.as(t, "ada", "flight")
	place := ada.enter(t, "loop", core.ModeTalk)
	if err := ada.Session().Act("guide"); err != nil {
		t.Fatal(err)
	}
	if place.Present() {
		t.Error("ada is in a room that a guide may not enter")
	}
	expect(t, ada, "left ada evicted")
}

func TestPlaces(t *testing.T) {
	w := newTown(t)
	cyd, ada, wall := w.as(t, "cyd", "flight"), w.as(t, "ada", "flight"), w.as(t, "cyd", "flight")
	if _, err := w.as(t, "ada", "").Session().Places(t.Context()); core.KindOf(err) != core.Denied {
		t.Errorf("places without a role: %v", err)
	}
	ada.enter(t, "loop", core.ModeListen)
	wall.facts()
	left := core.Preference{Mode: core.ModeTalk, Volume: 0}
	if err := cyd.Session().Remember(t.Context(), "loop", left); err != nil {
		t.Fatal(err)
	}
	want := core.Place{Room: "ops/loop", Section: core.SectionID{Realm: "ops"}, Name: "The loop", Data: "{}", Permission: core.PermitTalk,
		Preference: left, Participants: 1}
	places, err := wall.Session().Places(t.Context())
	if diff := cmp.Diff([]core.Place{want}, places); err != nil || diff != "" {
		t.Errorf("places: %v (-want +got):\n%s", err, diff)
	}
	told := []core.Fact{core.PreferenceChanged{Session: cyd.Session().ID(), Role: "flight", Room: "ops/loop", Value: left}}
	if diff := cmp.Diff(told, wall.facts()); diff != "" {
		t.Errorf("the other console is told (-want +got):\n%s", diff)
	}
	want.Preference = core.Preference{Volume: core.DefaultVolume}
	places, err = ada.Session().Places(t.Context())
	if diff := cmp.Diff([]core.Place{want}, places); err != nil || diff != "" {
		t.Errorf("another user's places: %v (-want +got):\n%s", err, diff)
	}
	wantKind(t, cyd.Session().Remember(t.Context(), "loop", core.Preference{Volume: 101}), core.Invalid, core.AboutValue)
	wantKind(t, cyd.Session().Remember(t.Context(), "nowhere", left), core.NotFound, core.AboutRequest)
}

func TestOwnDocuments(t *testing.T) {
	w := newTown(t)
	ada, bob := w.as(t, "ada", ""), w.as(t, "bob", "")
	for _, body := range []string{"", "{}", `{"page":2}`} {
		if body != "" {
			if err := ada.Session().PutDocument(t.Context(), "data", body); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := w.as(t, "ada", "").Session().Document(t.Context(), "data"); err != nil || got != body {
			t.Errorf("the document is %q, %v, want %q", got, err, body)
		}
	}
	if got, err := bob.Session().Document(t.Context(), "data"); err != nil || got != "" {
		t.Errorf("somebody else's document is %q, %v", got, err)
	}
	wantKind(t, ada.Session().PutDocument(t.Context(), "data", strings.Repeat("x", 5<<20)), core.Invalid, core.AboutValue)
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = bob.Session().PutDocument(t.Context(), strings.Repeat("x", i+1), "x")
	}
	wantKind(t, err, core.Unavailable, core.AboutLimit)
	_, err = w.connect(t).Session().Document(t.Context(), "data")
	wantKind(t, err, core.Denied, core.AboutPermission)
}
