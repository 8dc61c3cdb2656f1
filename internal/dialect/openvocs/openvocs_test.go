package openvocs_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"switchboard/internal/auth"
	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/openvocs"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
	"switchboard/internal/store"
	"switchboard/internal/store/sql"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { talk.Play(t, "testdata/*.talk", build) }

// build makes the server for a transcript, with the people and loops of found.
// Its settings are limits: transports, rooms, participants, candidates; directory,
// for one that keeps the passwords; and other, for a second domain.
func build(t testing.TB, settings map[string]string, e *mediatest.Engine) talk.Server {
	t.Helper()
	limits := core.DefaultLimits()
	for name, limit := range map[string]*int{"transports": &limits.TransportsPerSession, "rooms": &limits.RoomsPerSession,
		"participants": &limits.ParticipantsPerRoom, "candidates": &limits.CandidatesPerTransport} {
		if text := settings[name]; text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("setting %s: %v", name, err)
			}
			*limit = n
		}
	}
	ctx := context.Background()
	s, err := sql.Open(ctx, filepath.Join(folder(t), "switchboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.DiscardHandler)
	gate := auth.New(auth.Options{Store: s, Hasher: auth.NewHasher(auth.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 0), Log: log})
	var accounts core.Accounts = gate
	if settings["directory"] != "" {
		accounts = elsewhere{}
	}
	hub, err := core.NewHub(core.Options{Limits: limits, Log: log, Auth: gate, Keys: gate, Accounts: accounts, Store: s, Media: e.Start})
	if err != nil {
		t.Fatal(err)
	}
	if err := found(ctx, s, gate); err != nil {
		t.Fatal(err)
	}
	if settings["other"] != "" {
		if err := foundElsewhere(ctx, s, gate); err != nil {
			t.Fatal(err)
		}
	}
	if err := hub.Load(ctx); err != nil {
		t.Fatal(err)
	}
	return talk.Server{Hub: hub, Access: core.AccessOpen,
		Dialects: []dialect.Dialect{openvocs.New(openvocs.Options{Hub: hub, Log: log})}}
}

// elsewhere are accounts that a directory keeps. It has two users more.
type elsewhere struct{}

func (elsewhere) SetPassword(context.Context, core.Actor, string, string, string) error {
	return &core.Error{Kind: core.Conflict, Text: "the directory keeps it"}
}

func (elsewhere) Directory(string) bool { return true }

func (elsewhere) ImportUsers(_ context.Context, _ core.Actor, _ string, q core.DirectoryQuery) (int, error) {
	if q.Password != "right" {
		return 0, &core.Error{Kind: core.Denied, Text: "the directory does not let us in"}
	}
	return 2, nil
}

// folder is for a store that nobody needs later: in memory where there is such a
// place, since every commit waits for the disk.
func folder(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "switchboard")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// domain is the realm of all transcripts. They are played in the default one,
// so that the stage's own hand reaches its rooms.
const domain = core.DefaultRealm

// found makes the domain "default" with the project "orbiter". Ada administers
// the domain, bob the project. Everybody's password is their name and " is who I
// am". In fd-loop flight may talk and guide monitor, in ops both may talk, in
// quiet flight may monitor.
func found(ctx context.Context, s store.Store, gate *auth.Gate) error {
	err := s.Within(ctx, func(tx store.Records) error {
		_, none := tx.Realm(ctx, domain)
		if errors.Is(none, store.ErrNotFound) {
			if _, err := tx.CreateRealm(ctx, store.Realm{ID: domain}); err != nil {
				return err
			}
		}
		_, err := tx.CreateProject(ctx, store.Project{Realm: domain, ID: "orbiter", Name: "Orbiter Ops"})
		errs := []error{err}
		for _, r := range []store.Role{
			{ID: "flight", Name: "Flight Director", Data: `{"color":"#aa0000","layout":{"fd-loop":[{"page":1,"column":2,"row":1}]}}`},
			{ID: "guide", Name: "Guide"}} {
			r.Realm, r.Project = domain, "orbiter"
			_, err := tx.CreateRole(ctx, r)
			errs = append(errs, err)
		}
		for _, r := range []store.Room{
			{ID: "fd-loop", Project: "orbiter", Name: `FD\nLOOP`, Data: `{"multicast":{"host":"239.7.7.1","port":21000},"recorded":true,` +
				`"highlight_color":"#aa3311","sip":{"whitelist":[{"caller":"4711"}],"roles":{"flight":true}}}`},
			{ID: "ops", Project: "orbiter"}, {ID: "quiet"}} {
			r.Realm = domain
			_, err := tx.CreateRoom(ctx, r)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	for _, u := range []store.User{{ID: "ada", Name: "Ada L.", Data: `{"avatar":"a.png"}`}, {ID: "bob", Project: "orbiter", Name: "Bob"},
		{ID: "cyd", Project: "orbiter"}, {ID: "eve"}} {
		u.Realm = domain
		if err := auth.AddUser(ctx, s, gate.Hasher, core.Actor{}, u, u.ID+" is who I am"); err != nil {
			return err
		}
	}
	return s.Within(ctx, func(tx store.Records) error {
		var errs []error
		for _, m := range []string{"flight ada", "guide ada", "flight bob", "guide cyd"} {
			role, user, _ := strings.Cut(m, " ")
			errs = append(errs, tx.AddMember(ctx, store.Member{Realm: domain, Role: role, User: user}))
		}
		for _, p := range []store.Permission{{Role: "flight", Room: "fd-loop", Access: "talk"}, {Role: "guide", Room: "fd-loop", Access: "listen"},
			{Role: "flight", Room: "ops", Access: "talk"}, {Role: "guide", Room: "ops", Access: "talk"}, {Role: "flight", Room: "quiet", Access: "listen"}} {
			p.Realm = domain
			errs = append(errs, tx.SetPermission(ctx, p))
		}
		return errors.Join(append(errs, tx.AddAdministrator(ctx, store.Administrator{Realm: domain, User: "ada"}),
			tx.AddAdministrator(ctx, store.Administrator{Realm: domain, Project: "orbiter", User: "bob"}))...)
	})
}

// foundElsewhere makes another domain, in which mal is the administrator and acts
// in a role of a name that there is here too, in a loop of such a name.
func foundElsewhere(ctx context.Context, s store.Store, gate *auth.Gate) error {
	const other = "other.example"
	err := s.Within(ctx, func(tx store.Records) error {
		_, a := tx.CreateRealm(ctx, store.Realm{ID: other})
		_, b := tx.CreateRole(ctx, store.Role{Realm: other, ID: "flight"})
		_, c := tx.CreateRoom(ctx, store.Room{Realm: other, ID: "fd-loop"})
		d := tx.SetPermission(ctx, store.Permission{Realm: other, Role: "flight", Room: "fd-loop", Access: store.AccessTalk})
		return errors.Join(a, b, c, d)
	})
	if err == nil {
		err = auth.AddUser(ctx, s, gate.Hasher, core.Actor{}, store.User{Realm: other, ID: "mal"}, "mal is who I am")
	}
	if err != nil {
		return err
	}
	return s.Within(ctx, func(tx store.Records) error {
		return errors.Join(tx.AddMember(ctx, store.Member{Realm: other, Role: "flight", User: "mal"}),
			tx.AddAdministrator(ctx, store.Administrator{Realm: other, User: "mal"}))
	})
}
