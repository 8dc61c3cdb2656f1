package app

import (
	"context"
	"os"

	"switchboard/internal/auth"
	"switchboard/internal/config"
	"switchboard/internal/dialect/openvocs/archive"
	"switchboard/internal/store"
)

// ImportOpenvocs takes over the database directory of an openvocs server, for
// the command line: all of it or, with an error, nothing. A store that is new
// gets no demonstration.
func ImportOpenvocs(ctx context.Context, c *config.Config, dir string) (report archive.Report, err error) {
	db, err := archive.Read(os.DirFS(dir))
	if err != nil {
		return report, err
	}
	bare := *c
	bare.Demo = false
	err = withStore(ctx, &bare, func(st store.Store, _ *auth.Hasher) error {
		return st.Within(ctx, func(tx store.Records) (err error) {
			report, err = db.Import(ctx, tx)
			return err
		})
	})
	return report, err
}

// ExportOpenvocs writes realms, or all, as the database directory of an openvocs
// server, for the command line.
func ExportOpenvocs(ctx context.Context, c *config.Config, dir string, realms []string) (report archive.Report, err error) {
	var db *archive.Database
	err = withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		return st.View(ctx, func(tx store.Records) (err error) {
			db, report, err = archive.Export(ctx, tx, realms...)
			return err
		})
	})
	if err != nil {
		return report, err
	}
	return report, db.Write(dir)
}
