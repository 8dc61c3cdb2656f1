package demo_test

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

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
	seeded, err := demo.Seed(t.Context(), s)
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
		if r.Guests != store.AccessTalk {
			t.Errorf("guests may not talk in %s", r.ID)
		}
		names = append(names, r.ID)
	}
	return names
}

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

func TestSeedByTwoAtOnce(t *testing.T) {
	s := open(t)
	var seeded atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if done, err := demo.Seed(t.Context(), s); err != nil {
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
