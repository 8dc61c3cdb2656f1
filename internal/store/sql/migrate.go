package sql

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"switchboard/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the schema up to the newest version that this program knows.
// Several processes may do so at once; one does, the others wait.
func migrate(ctx context.Context, e *engine) (err error) {
	unlock, err := e.lock(ctx)
	if err != nil {
		return fmt.Errorf("lock for migration: %w", err)
	}
	defer func() {
		if unlockErr := unlock(); unlockErr != nil {
			err = errors.Join(err, fmt.Errorf("unlock after migration: %w", unlockErr))
		}
	}()

	provider, err := migrations(e)
	if err != nil {
		return err
	}
	var have, know int64
	err = e.patiently(ctx, func() (err error) {
		have, know, err = provider.GetVersions(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > know {
		return fmt.Errorf("%w: its schema is version %d, this program knows up to %d", store.ErrNewerSchema, have, know)
	}
	err = e.patiently(ctx, func() error {
		_, err := provider.Up(ctx) // goes on where it stopped
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate schema from version %d to %d: %w", have, know, err)
	}
	return nil
}

// migrations returns what knows and runs the migrations. It is not to be closed:
// that would close the pool that is lent to it.
func migrations(e *engine) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(e.dialect, e.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}
