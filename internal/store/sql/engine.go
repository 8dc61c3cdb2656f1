package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"switchboard/internal/store"
)

// An engine is all that differs between SQLite and PostgreSQL. It never changes
// after it was opened.
type engine struct {
	dialect goose.Dialect
	// read serves single reads and views, write everything else. They are one
	// and the same pool on PostgreSQL. SQLite has one writer at a time anyway:
	// one connection for writing makes writers queue here, in order and with
	// their contexts, where SQLite would let them poll.
	read, write *sql.DB

	within, view sql.TxOptions

	// kind names the contract's error for an error of the driver, or is nil.
	kind func(error) error
	// overtaken tells whether a transaction should be tried again, because
	// another one was committed in between.
	overtaken func(error) bool
	// patiently runs something that may find the database locked and has then
	// done nothing, until it is not locked any more, ctx ends, or patience does.
	patiently func(ctx context.Context, f func() error) error
	// lock keeps other processes from migrating the same database meanwhile.
	lock func(context.Context) (unlock func() error, err error)
}

func (e *engine) pools() []*sql.DB {
	if e.read == e.write {
		return []*sql.DB{e.write}
	}
	return []*sql.DB{e.write, e.read}
}

func (e *engine) close() error {
	var errs []error
	for _, db := range e.pools() {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// explain wraps a driver's error with the contract's, if there is one. An error
// because the context ended says so, whatever the driver called it.
func (e *engine) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w (%v)", context.Cause(ctx), err)
	}
	if kind := e.kind(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// closed tells whether err says that the pool was closed. database/sql has no
// value for that.
func closed(err error) bool {
	return errors.Is(err, sql.ErrConnDone) || strings.Contains(err.Error(), "database is closed")
}

const (
	// patience is how long a statement waits for another process, such as the
	// command line adding a user, to finish its own.
	patience = 5 * time.Second
	// busyTimeout is how long SQLite waits before it asks whether there is still
	// somebody who wants the answer. It does not look at contexts while it waits.
	busyTimeout = 20 * time.Millisecond
	// readers is how many connections read one SQLite file. Each has a page
	// cache of up to 2 MB.
	readers = 4
	// postgresConnections is how many connections one server keeps at most.
	postgresConnections = 10
)

func openSQLite(ctx context.Context, path string) (*engine, error) {
	if path == "" {
		return nil, errors.New("no file named")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	e := &engine{
		dialect:   goose.DialectSQLite3,
		kind:      sqliteKind,
		overtaken: func(error) bool { return false }, // there is one writer
		view:      sql.TxOptions{ReadOnly: true},
		patiently: whileBusy,
		lock:      func(ctx context.Context) (func() error, error) { return lockDirectory(ctx, filepath.Dir(path)) },
	}
	if e.write, err = openFile(path, 1, url.Values{"_txlock": {"immediate"}}); err != nil {
		return nil, err
	}
	if e.read, err = openFile(path, readers, url.Values{"_query_only": {"1"}}); err != nil {
		return nil, errors.Join(err, e.write.Close())
	}
	// The first connection turns the file to WAL; a second one doing the same
	// at that moment would find it locked.
	if err := e.patiently(ctx, func() error { return e.write.PingContext(ctx) }); err != nil {
		return nil, errors.Join(e.explain(ctx, err), e.close())
	}
	return e, nil
}

// whileBusy tries f again for as long as somebody else has locked the database.
func whileBusy(ctx context.Context, f func() error) error {
	for start := time.Now(); ; {
		err := f()
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil || time.Since(start) > patience {
			return err
		}
	}
}

// makePrivate makes the file and its directory, or takes other users' rights to
// a file that exists. SQLite gives its helper files the rights of the main one.
// The file must not be opened when it exists: closing it again would drop the
// locks that SQLite holds for another Store of this process.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.Chmod(path, 0o600)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func openFile(path string, connections int, extra url.Values) (*sql.DB, error) {
	q := url.Values{
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"}, // a commit is on the disk when it returns
		"_foreign_keys": {"1"},
		"_dqs":          {"0"},
		"_defensive":    {"1"},
		"_error_rc":     {"1"},
	}
	for k, v := range extra {
		q[k] = v
	}
	connector, err := sqlite.NewConnector((&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func sqliteKind(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		if closed(err) {
			return store.ErrUnavailable
		}
		return nil
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return store.ErrConflict
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return store.ErrNotFound
	}
	switch e.Code() & 0xff { // the rest is told apart well enough by the primary code
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return store.ErrInvalid
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM:
		return store.ErrUnavailable
	}
	return nil
}

func openPostgres(ctx context.Context, where string) (*engine, error) {
	config, err := pgx.ParseConfig(where)
	if err != nil {
		return nil, err // pgx leaves the password out
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "switchboard"
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(durable))
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	e := &engine{
		dialect:   goose.DialectPostgres,
		read:      db,
		write:     db,
		within:    sql.TxOptions{Isolation: sql.LevelSerializable},
		view:      sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		kind:      postgresKind,
		overtaken: postgresOvertaken,
		patiently: func(_ context.Context, f func() error) error { return f() },
		lock:      func(ctx context.Context) (func() error, error) { return lockAdvisory(ctx, db) },
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(e.explain(ctx, err), e.close())
	}
	return e, nil
}

// durable makes commits of this connection wait for the disk even where the
// database was set up not to; a stronger setting stays.
func durable(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

func postgresKind(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return sqlStateKind(e.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || closed(err) || pgconn.SafeToRetry(err) {
		return store.ErrUnavailable
	}
	return nil
}

// sqlStateKind follows appendix A of the PostgreSQL manual.
func sqlStateKind(code string) error {
	switch code {
	case "23505": // unique_violation
		return store.ErrConflict
	case "23503": // foreign_key_violation
		return store.ErrNotFound
	case "25006": // read_only_sql_transaction: a standby
		return store.ErrUnavailable
	}
	switch code[:min(2, len(code))] {
	case "22", "23": // data exception, integrity constraint
		return store.ErrInvalid
	case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, state, operator, system
		return store.ErrUnavailable
	}
	return nil
}

func postgresOvertaken(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") // serialization failure, deadlock
}

// advisoryLock is the key under which servers that share a database take turns
// at migrating it. It means nothing.
const advisoryLock = 0x737769746368

func lockAdvisory(ctx context.Context, db *sql.DB) (func() error, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(advisoryLock)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() error {
		// Not the caller's context: the lock must go even when that has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, int64(advisoryLock))
		return errors.Join(err, conn.Close())
	}, nil
}
