package demo_test

import (
	"encoding/json"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/store"
	"switchboard/internal/store/demo"
	"switchboard/internal/store/sql"
)

func open(t *testing.T) *sql.Store {
	t.Helper()
	s, err := sql.Open(t.Context(), filepath.Join(t.TempDir(), "switchboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func seed(t *testing.T, s store.Store) bool {
	t.Helper()
	seeded, err := demo.Seed(t.Context(), s, plain)
	if err != nil {
		t.Fatal(err)
	}
	return seeded
}

func rooms(t *testing.T, s store.Store) (names []string) {
	t.Helper()
	list, err := s.Rooms(t.Context(), store.Filter{Realm: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		names = append(names, r.ID)
	}
	return names
}

// plain is how these tests keep passwords.
func plain(password string) (string, error) { return "kept:" + password, nil }

func isPlain(encoded, password string) (bool, error) { return encoded == "kept:"+password, nil }

func TestSeedOnlyANewStore(t *testing.T) {
	s := open(t)
	if !seed(t, s) {
		t.Fatal("a new store was not seeded")
	}
	if got := rooms(t, s); len(got) < 2 {
		t.Errorf("rooms are %q", got)
	}
	if err := s.DeleteRoom(t.Context(), "default", "lobby"); err != nil {
		t.Fatal(err)
	}
	before := rooms(t, s)
	if seed(t, s) {
		t.Error("seeded twice")
	}
	if got := rooms(t, s); len(got) != len(before) {
		t.Errorf("rooms are %q; the removed one came back", got)
	}
}

func TestSeedNotWhereSomebodyHasBegun(t *testing.T) {
	s := open(t)
	if _, err := s.CreateRealm(t.Context(), store.Realm{ID: "vox.example"}); err != nil {
		t.Fatal(err)
	}
	if seed(t, s) {
		t.Error("seeded beside a realm of somebody's own")
	}
}

func TestSeedNotWhereEverythingWasRemoved(t *testing.T) {
	s := open(t)
	if _, err := s.AppendAudit(t.Context(), store.AuditEntry{At: time.Now(), Action: "realm.delete", Target: "default"}); err != nil {
		t.Fatal(err)
	}
	if seed(t, s) {
		t.Error("seeded where somebody has removed it")
	}
}

func TestSeedByTwoAtOnce(t *testing.T) {
	s := open(t)
	var seeded atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if done, err := demo.Seed(t.Context(), s, plain); err != nil {
				t.Error(err)
			} else if done {
				seeded.Add(1)
			}
		})
	}
	wg.Wait()
	if got := seeded.Load(); got != 1 {
		t.Errorf("%d of 4 say that they seeded", got)
	}
}

// TestAnOperationsRoom: everybody who can log in finds rooms, and those they may
// enter are on their grid.
func TestAnOperationsRoom(t *testing.T) {
	s := open(t)
	seed(t, s)
	guests := map[string]store.Access{}
	list, err := s.Rooms(t.Context(), store.Filter{Realm: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		guests[r.ID] = r.Guests
	}
	if guests["lobby"] != store.AccessTalk || guests["studio"] != store.AccessTalk || guests["public"] != store.AccessListen || guests["fd"] != store.AccessNone {
		t.Errorf("guests may do %v", guests)
	}
	for _, user := range demo.Operators() {
		if encoded, err := s.Password(t.Context(), "default", user); err != nil || encoded != "kept:"+demo.Password {
			t.Errorf("%s has the password %q, %v", user, encoded, err)
		}
		roles, err := s.Members(t.Context(), store.Member{Realm: "default", User: user})
		if err != nil || len(roles) == 0 {
			t.Errorf("%s acts in %v, %v", user, roles, err)
		}
	}
	grids, err := s.Roles(t.Context(), store.Filter{Realm: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range grids {
		var data struct {
			Layout map[string][]struct{ Page, Column, Row int }
		}
		if err := json.Unmarshal([]byte(r.Data), &data); err != nil {
			t.Fatal(err)
		}
		granted, err := s.Permissions(t.Context(), store.Permission{Realm: "default", Role: r.ID})
		if err != nil || len(granted) != len(data.Layout) {
			t.Errorf("%s may enter %d rooms and sees %d, %v", r.ID, len(granted), len(data.Layout), err)
		}
		for _, p := range granted {
			if len(data.Layout[p.Room]) != 1 {
				t.Errorf("%s does not see %s", r.ID, p.Room)
			}
		}
	}
	flight, err := s.Permissions(t.Context(), store.Permission{Realm: "default", Role: "flight"})
	if err != nil || len(flight) != 9 {
		t.Errorf("flight may enter %d rooms, %v; want eight loops and the lobby", len(flight), err)
	}
}

func TestTheKnownPasswordIsWithdrawn(t *testing.T) {
	s := open(t)
	seed(t, s)
	if err := s.SetPassword(t.Context(), "default", "capcom", "kept:a better one"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(t.Context(), "default", "fido"); err != nil {
		t.Fatal(err)
	}
	err := s.CreateLogin(t.Context(), store.Login{Hash: "h", Realm: "default", User: "flight", Client: "c", Expires: time.Now().Add(time.Hour)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	users, err := demo.Withdraw(t.Context(), s, isPlain)
	if err != nil || len(users) != len(demo.Operators())-2 {
		t.Errorf("withdrawn from %q, %v", users, err)
	}
	for user, want := range map[string]string{"flight": "", "admin": "", "capcom": "kept:a better one"} {
		if encoded, err := s.Password(t.Context(), "default", user); err != nil || encoded != want {
			t.Errorf("%s has %q, %v", user, encoded, err)
		}
	}
	if logins, err := s.Logins(t.Context(), "default", "flight"); err != nil || len(logins) > 0 {
		t.Errorf("still logged in: %v, %v", logins, err)
	}
}

func TestNobodyCanLogInWhereOthersReachTheServer(t *testing.T) {
	s := open(t)
	if seeded, err := demo.Seed(t.Context(), s, nil); err != nil || !seeded {
		t.Fatal(seeded, err)
	}
	for _, user := range demo.Operators() {
		if encoded, err := s.Password(t.Context(), "default", user); err != nil || encoded != "" {
			t.Errorf("%s has a password, %v", user, err)
		}
	}
}
