// Package sql keeps a [store.Store] in SQLite or PostgreSQL. It owns the SQL
// text, which is one for both, and the migrations; what differs between the two
// stands in engine.go.
//
// A Store may be used by any goroutine. This package knows records and nothing
// of what they are for: no password scheme, no protocol, no live state.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"switchboard/internal/store"
)

// Store keeps records in one database.
type Store struct {
	records
	engine *engine // set once in open
}

var _ store.Store = (*Store)(nil)

// attempts is how often a transaction is tried that others keep overtaking.
const attempts = 20

// Open opens the database that where names and brings its schema up to date:
// "postgres://…" or "postgresql://…" a PostgreSQL database, anything else the
// path of a SQLite file, with or without "sqlite:" before it. The file and its
// directory are made if missing, readable by this user only. The caller closes
// the Store.
//
// It fails with [store.ErrNewerSchema] when a newer version of the server has
// written the database, and with [store.ErrUnavailable] when it cannot be
// reached. No error shows the password of a URL.
func Open(ctx context.Context, where string) (*Store, error) {
	if strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://") {
		return open(ctx, where, openPostgres)
	}
	return open(ctx, strings.TrimPrefix(where, "sqlite:"), openSQLite)
}

func open(ctx context.Context, where string, connect func(context.Context, string) (*engine, error)) (*Store, error) {
	e, err := connect(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := migrate(ctx, e); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", e.explain(ctx, err)), e.close())
	}
	s := &Store{engine: e}
	s.records = records{engine: e, read: &poolRunner{e, e.read}, write: &poolRunner{e, e.write}, atomically: s.within, sequence: &sequence{}}
	return s, nil
}

// Within implements [store.Store].
func (s *Store) Within(ctx context.Context, f func(store.Records) error) error {
	return s.within(ctx, func(r *records) error { return f(r) })
}

func (s *Store) within(ctx context.Context, f func(*records) error) error {
	var err error
	for range attempts {
		err = s.transaction(ctx, s.engine.write, s.engine.within, f, false)
		if err == nil || !s.engine.overtaken(err) || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("%w: overtaken %d times: %w", store.ErrUnavailable, attempts, err)
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, f func(store.Records) error) error {
	return s.transaction(ctx, s.engine.read, s.engine.view, func(r *records) error { return f(r) }, true)
}

// transaction runs f in one transaction of db.
func (s *Store) transaction(ctx context.Context, db *sql.DB, o sql.TxOptions, f func(*records) error, readOnly bool) error {
	var tx *sql.Tx
	err := s.engine.patiently(ctx, func() (err error) {
		tx, err = db.BeginTx(ctx, &o)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin transaction: %w", s.engine.explain(ctx, err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit

	run := &transactionRunner{tx: tx}
	r := records{engine: s.engine, read: run, write: run, sequence: s.sequence}
	r.atomically = func(_ context.Context, f func(*records) error) error { return f(&r) }
	if readOnly {
		r.write = refusingRunner{}
	}
	if err := f(&r); err != nil {
		return err
	}
	if run.failed != nil {
		return fmt.Errorf("transaction went on after an error: %w", s.engine.explain(ctx, run.failed))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", s.engine.explain(ctx, err))
	}
	return nil
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error {
	for _, db := range s.engine.pools() {
		if err := db.PingContext(ctx); err != nil {
			return fmt.Errorf("reach store: %w", s.engine.explain(ctx, err))
		}
	}
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	if err := s.engine.close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}
