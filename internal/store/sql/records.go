package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"switchboard/internal/store"
)

// records implements [store.Records], over the pools or within a transaction.
type records struct {
	engine *engine
	read   runner
	write  runner
	// atomically runs f in the transaction that this is, or else in a new one.
	atomically func(ctx context.Context, f func(*records) error) error
	sequence   *sequence
}

// A runner is a pool or a transaction.
type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// poolRunner runs each statement by itself.
type poolRunner struct {
	engine *engine
	db     *sql.DB
}

func (p *poolRunner) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = p.engine.patiently(ctx, func() error {
		rows, err = p.db.QueryContext(ctx, query, args...)
		return err
	})
	return rows, err
}

func (p *poolRunner) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = p.engine.patiently(ctx, func() error {
		result, err = p.db.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// transactionRunner remembers the first error of a statement. PostgreSQL ends
// the transaction there and SQLite does not; so that both behave alike, every
// later statement meets the same error, and nothing is committed.
type transactionRunner struct {
	tx     *sql.Tx
	failed error // used by the transaction's goroutine only
}

func (t *transactionRunner) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	rows, err := t.tx.QueryContext(ctx, query, args...)
	t.failed = err
	return rows, err
}

func (t *transactionRunner) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	result, err := t.tx.ExecContext(ctx, query, args...)
	t.failed = err
	return result, err
}

// refusingRunner is what writes meet in a view.
type refusingRunner struct{}

func (refusingRunner) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, fmt.Errorf("%w: a view cannot write", store.ErrInvalid)
}

func (refusingRunner) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, fmt.Errorf("%w: a view cannot write", store.ErrInvalid)
}

// scanner is the row that a scan function reads.
type scanner interface{ Scan(dest ...any) error }

// query runs a statement and reads all its rows. Reading to the end matters for
// writes too: only then has a statement with RETURNING been committed.
func query[T any](ctx context.Context, r *records, run runner, scan func(scanner) (T, error), text string, args ...any) (list []T, err error) {
	rows, err := run.QueryContext(ctx, text, args...)
	if err == nil {
		defer rows.Close()
		for rows.Next() {
			var one T
			if one, err = scan(rows); err != nil {
				break
			}
			list = append(list, one)
		}
		if err == nil {
			err = rows.Err()
		}
		if t, ok := run.(*transactionRunner); ok && err != nil {
			t.failed = err
		}
	}
	if err != nil {
		return nil, r.engine.explain(ctx, err)
	}
	return list, nil
}

// one reads the only row that a statement can give, or fails with ErrNotFound.
func one[T any](ctx context.Context, r *records, run runner, scan func(scanner) (T, error), text string, args ...any) (T, error) {
	var zero T
	if !storable(args) {
		return zero, store.ErrNotFound
	}
	list, err := query(ctx, r, run, scan, text, args...)
	if err != nil {
		return zero, err
	}
	if len(list) == 0 {
		return zero, store.ErrNotFound
	}
	return list[0], nil
}

// list reads any number of rows.
func list[T any](ctx context.Context, r *records, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	if !storable(args) {
		return nil, nil
	}
	return query(ctx, r, r.read, scan, text, args...)
}

// exec runs a statement that gives no rows and tells how many it changed.
func (r *records) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if !storable(args) {
		return 0, nil
	}
	result, err := r.write.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, r.engine.explain(ctx, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, r.engine.explain(ctx, err)
	}
	return n, nil
}

// create runs an INSERT … ON CONFLICT DO NOTHING; nothing done is ErrConflict.
// (Without ON CONFLICT the refusal would end a transaction.)
func (r *records) create(ctx context.Context, text string, args ...any) error {
	switch n, err := r.exec(ctx, text, args...); {
	case err != nil:
		return err
	case n == 0:
		return fmt.Errorf("%w: exists already", store.ErrConflict)
	}
	return nil
}

// mustChange runs a statement that must change a row.
func (r *records) mustChange(ctx context.Context, text string, args ...any) error {
	switch n, err := r.exec(ctx, text, args...); {
	case err != nil:
		return err
	case n == 0:
		return store.ErrNotFound
	}
	return nil
}

// update runs an UPDATE … RETURNING version with a condition on the version, and
// returns the new one. exists finds out, when no row was changed, whether that
// was for the version or because there is nothing to change.
func (r *records) update(ctx context.Context, exists func() error, text string, args ...any) (store.Version, error) {
	// Not by one: that cannot tell no row from a reference to nothing.
	versions, err := query(ctx, r, r.write, scanVersion, text, args...)
	if err != nil {
		return 0, err
	}
	if len(versions) > 0 {
		return versions[0], nil
	}
	if err := exists(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%w: changed meanwhile", store.ErrConflict)
}

func scanVersion(s scanner) (v store.Version, err error) {
	err = s.Scan(&v)
	return v, err
}

// storable tells whether every string can be in the database at all. What
// cannot (PostgreSQL knows neither NUL nor broken UTF-8) is not found there
// either; names to look up come from clients.
func storable(args []any) bool {
	for _, a := range args {
		if o, ok := a.(optional); ok {
			a = string(o)
		}
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.ContainsRune(s, 0)) {
			return false
		}
	}
	return true
}

// millis and fromMillis translate times. The zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// where builds a condition out of columns and values, in pairs, and leaves out
// those whose value is empty. Columns come from this package only, never from
// outside.
func where(pairs ...string) (text string, args []any) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		args = append(args, pairs[i+1])
		text += fmt.Sprintf(" AND %s $%d", pairs[i], len(args))
	}
	if text == "" {
		return "", nil
	}
	return " WHERE" + strings.TrimPrefix(text, " AND"), args
}

// key is what a list is ordered by.
type key [4]string

// byKey orders records by the strings that f gives for each, in byte order. The
// database does not do it, because its collation may be another.
func byKey[T any](list []T, f func(T) key) []T {
	slices.SortFunc(list, func(a, b T) int {
		ka, kb := f(a), f(b)
		return slices.Compare(ka[:], kb[:])
	})
	return list
}

// optional is a string whose empty value is NULL in the database, so that no
// foreign key looks for it.
type optional string

// Value implements [driver.Valuer].
func (o optional) Value() (driver.Value, error) {
	if o == "" {
		return nil, nil
	}
	return string(o), nil
}

// Scan implements [sql.Scanner].
func (o *optional) Scan(v any) error {
	var s sql.NullString
	err := s.Scan(v)
	*o = optional(s.String)
	return err
}
