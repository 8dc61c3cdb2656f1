package sql

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"switchboard/internal/store"
)

// postgres returns a function that makes an empty schema, removed at the end of
// its test, and gives its URL. The server is the one that
// SWITCHBOARD_TEST_POSTGRES names; scripts/postgres.sh starts one and says its
// URL.
func postgres(t *testing.T) func(*testing.T) string {
	where := os.Getenv("SWITCHBOARD_TEST_POSTGRES")
	if where == "" {
		t.Skip("no PostgreSQL: run the tests by scripts/postgres.sh, or set SWITCHBOARD_TEST_POSTGRES to the URL of a server")
	}
	base, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	var made atomic.Int64
	return func(t *testing.T) string {
		t.Helper()
		db, err := sql.Open("pgx", where)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("test_%d_%d", os.Getpid(), made.Add(1))
		if _, err := db.ExecContext(t.Context(), `CREATE SCHEMA `+name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := db.Exec(`DROP SCHEMA ` + name + ` CASCADE`); err != nil {
				t.Errorf("drop schema: %v", err)
			}
			db.Close()
		})
		u := *base
		q := u.Query()
		q.Set("search_path", name)
		u.RawQuery = q.Encode()
		return u.String()
	}
}

// An administrator's setting must not make us lose what was acknowledged.
func TestPostgresCommitsAreDurable(t *testing.T) {
	where := postgres(t)(t)
	for setting, want := range map[string]string{"off": "on", "remote_write": "remote_write"} {
		s := openStore(t, where+"&synchronous_commit="+setting)
		var got string
		if err := s.engine.write.QueryRow(`SHOW synchronous_commit`).Scan(&got); err != nil || got != want {
			t.Errorf("set to %s, synchronous_commit is %s, %v; want %s", setting, got, err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The database restarts, or a firewall forgets the connections.
func TestPostgresConnectionsLost(t *testing.T) {
	where := postgres(t)(t)
	s := openStore(t, where+"&application_name=lost")
	defer s.Close()
	killer, err := sql.Open("pgx", where)
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close()
	cut := func() {
		t.Helper()
		if _, err := killer.Exec(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'lost'`); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CreateRealm(t.Context(), store.Realm{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	err = s.Within(t.Context(), func(tx store.Records) error {
		if _, err := tx.CreateRealm(t.Context(), store.Realm{ID: "two"}); err != nil {
			return err
		}
		cut()
		_, err := tx.CreateRealm(t.Context(), store.Realm{ID: "three"})
		return err
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("connection lost within a transaction: %v", err)
	}
	cut()
	if realms, err := s.Realms(t.Context()); len(realms) != 1 && !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the first call after: %v, %v", realms, err)
	}
	if realms, err := s.Realms(t.Context()); err != nil || len(realms) != 1 {
		t.Errorf("the second call after: %v, %v", realms, err)
	}
}

func TestPostgresManyOpenANewStoreAtOnce(t *testing.T) {
	manyOpenAtOnce(t, postgres(t)(t))
}

func TestPostgresNewerSchemaIsLeftAlone(t *testing.T) {
	newerSchemaIsLeftAlone(t, postgres(t)(t))
}
