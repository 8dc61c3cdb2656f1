package sql_test

import (
	stdsql "database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"switchboard/internal/store"
	"switchboard/internal/store/sql"
	"switchboard/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "switchboard.db")) })
}

func TestPostgres(t *testing.T) {
	schemas := postgres(t)
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, schemas(t)) })
}

func open(t *testing.T, where string) *sql.Store {
	t.Helper()
	s, err := sql.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

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
		db, err := stdsql.Open("pgx", where)
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
