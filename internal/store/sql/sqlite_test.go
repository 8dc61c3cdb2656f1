package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/store"
)

func openStore(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func modes(t *testing.T, dir string) map[string]os.FileMode {
	t.Helper()
	got := make(map[string]os.FileMode)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = info.Mode().Perm()
	}
	return got
}

func TestOnlyTheOwnerReadsTheFile(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "new", "data")
	path := filepath.Join(dir, "switchboard.db")
	s := openStore(t, path)
	if _, err := s.CreateRealm(t.Context(), store.Realm{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	if got := modes(t, filepath.Join(parent, "new"))["data"]; got != 0o700 {
		t.Errorf("the directory has mode %o, want 700", got)
	}
	got := modes(t, dir)
	for _, name := range []string{"switchboard.db", "switchboard.db-wal", "switchboard.db-shm"} {
		if got[name] != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, got[name])
		}
	}
	if len(got) != 3 {
		t.Errorf("there are files beside the database: %v", got)
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openStore(t, path)
	if got := modes(t, dir)["switchboard.db"]; got != 0o600 {
		t.Errorf("a file that others could read is left at mode %o", got)
	}
}

// Two Stores of one process must not drop each other's locks.
func TestSecondStoreOfOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "switchboard.db")
	first, second := openStore(t, path), openStore(t, path)
	err := first.Within(t.Context(), func(tx store.Records) error {
		if _, err := tx.CreateRealm(t.Context(), store.Realm{ID: "one"}); err != nil {
			return err
		}
		if err := makePrivate(path); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := second.CreateRealm(ctx, store.Realm{ID: "two"}); err == nil {
			t.Error("the second store wrote during a transaction of the first")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryConnectionIsDurableAndStrict(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "switchboard.db"))
	for name, db := range map[string]*sql.DB{"write": s.engine.write, "read": s.engine.read} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "20",
		} {
			var got string
			if err := db.QueryRow(`PRAGMA ` + pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s: %s is %s, want %s", name, pragma, got, want)
			}
		}
	}
	if _, err := s.engine.read.Exec(`INSERT INTO realms VALUES ('x', '', '', 1)`); err == nil {
		t.Error("the connections for reading can write")
	}
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"with space.db", "50%.db", "a?b=c.db", "a#b.db", "ä声.db", "file:x.db", "a&_txlock=none.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := openStore(t, path)
		if _, err := s.CreateRealm(t.Context(), store.Realm{ID: "one"}); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q: %v, %v", name, info, err)
		}
		if got := len(modes(t, filepath.Dir(path))); got != 3 {
			t.Errorf("%q: %d files, want 3", name, got)
		}
	}
}

func TestOpenWhatIsNoStore(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(text, "below-a-file.db")
	for _, where := range []string{"", "sqlite:", text, file, dir, "postgres://%zz"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		s, err := Open(ctx, where)
		cancel()
		if err == nil {
			t.Errorf("%q was opened", where)
			s.Close()
		}
	}
	if got, _ := os.ReadFile(text); !strings.HasPrefix(string(got), "not a database") {
		t.Error("a file of somebody else was overwritten")
	}
}

func TestErrorsHideThePassword(t *testing.T) {
	for _, where := range []string{
		"postgres://ada:hunter2@127.0.0.1:1/none?connect_timeout=1",
		"postgres://ada:hunter2@127.0.0.1:1/none?sslmode=odd",
		"postgres://ada:hunter2@[::1/none",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := Open(ctx, where)
		cancel()
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error is %v", where, err)
		}
	}
	_, err := Open(t.Context(), "postgres://ada:hunter2@127.0.0.1:1/none?connect_timeout=1")
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a server that is not there: %v", err)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	newerSchemaIsLeftAlone(t, filepath.Join(t.TempDir(), "switchboard.db"))
}

func newerSchemaIsLeftAlone(t *testing.T, path string) {
	t.Helper()
	s := openStore(t, path)
	if _, err := s.engine.write.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, true)`); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(fmt.Sprint(err), "version 900") {
		t.Errorf("error is %v", err)
	}
}

func TestManyOpenANewStoreAtOnce(t *testing.T) {
	manyOpenAtOnce(t, filepath.Join(t.TempDir(), "switchboard.db"))
}

func manyOpenAtOnce(t *testing.T, path string) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s, err := Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.CreateRealm(t.Context(), store.Realm{ID: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	realms, err := openStore(t, path).Realms(t.Context())
	if err != nil || len(realms) != 6 {
		t.Errorf("realms are %v, %v", realms, err)
	}
}

// A migration that failed half-way leaves the version before it.
func TestMigrationsGoDownAndUp(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "switchboard.db"))
	provider, err := migrations(s.engine)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.engine.write.QueryRow(`SELECT COUNT(*) FROM sqlite_master WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d tables and indexes are left after going down, %v", left, err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateRealm(t.Context(), store.Realm{ID: "one"}); err != nil {
		t.Error(err)
	}
}

func TestDiskFull(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "switchboard.db"))
	ctx := t.Context()
	for _, id := range []string{"one", "two"} {
		if _, err := s.CreateRealm(ctx, store.Realm{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	var pages int
	if err := s.engine.write.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		if _, err := s.engine.write.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 2)
	large := strings.Repeat("x", 100_000)
	_, err := s.UpdateRealm(ctx, store.Realm{ID: "one", Data: large})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("write to a full disk: %v", err)
	}
	err = s.Within(ctx, func(tx store.Records) error {
		if _, err := tx.UpdateRealm(ctx, store.Realm{ID: "two", Name: "changed"}); err != nil {
			return err
		}
		_, err := tx.UpdateRealm(ctx, store.Realm{ID: "one", Data: large})
		return err
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("transaction on a full disk: %v", err)
	}
	for _, id := range []string{"one", "two"} {
		if got, err := s.Realm(ctx, id); err != nil || got != (store.Realm{ID: id, Version: 1}) {
			t.Errorf("realm is %+v, %v", got, err)
		}
	}
	limit(pages + 1000)
	if _, err := s.UpdateRealm(ctx, store.Realm{ID: "one", Data: large, Version: 1}); err != nil {
		t.Errorf("after there is space again: %v", err)
	}
}

// Another process, such as somebody's sqlite3, sits on the lock.
func TestDatabaseLocked(t *testing.T) {
	t.Parallel() // it waits for five seconds
	path := filepath.Join(t.TempDir(), "switchboard.db")
	s := openStore(t, path)
	if _, err := s.CreateRealm(t.Context(), store.Realm{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	other := openStore(t, path)
	tx, err := other.engine.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Realm(t.Context(), "one"); err != nil {
		t.Errorf("reading while another process writes: %v", err)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.CreateRealm(ctx, store.Realm{ID: "two"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline: %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("with a deadline of 100 ms: gave up after %v", took)
	}
	if _, err := s.CreateRealm(t.Context(), store.Realm{ID: "two"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a deadline: %v", err)
	}
	release := time.AfterFunc(200*time.Millisecond, func() { _ = tx.Rollback() })
	defer release.Stop()
	if _, err := s.UpdateRealm(t.Context(), store.Realm{ID: "one", Name: "changed"}); err != nil {
		t.Errorf("when the other goes meanwhile: %v", err)
	}
}
