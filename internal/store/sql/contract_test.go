package sql

import (
	"path/filepath"
	"testing"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openStore(t, filepath.Join(t.TempDir(), "switchboard.db")) })
}

func TestPostgres(t *testing.T) {
	schemas := postgres(t)
	storetest.Run(t, func(t *testing.T) store.Store { return openStore(t, schemas(t)) })
}
