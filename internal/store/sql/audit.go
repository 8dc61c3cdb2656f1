package sql

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"switchboard/internal/store"
)

const auditColumns = `id, at, realm, actor, action, target, outcome, remote, detail`

func scanAudit(s scanner) (e store.AuditEntry, err error) {
	var at int64
	err = s.Scan(&e.ID, &at, &e.Realm, &e.Actor, &e.Action, &e.Target, &e.Outcome, &e.Remote, &e.Detail)
	e.At = fromMillis(at)
	return e, err
}

// AppendAudit implements [store.Audit].
func (r *records) AppendAudit(ctx context.Context, e store.AuditEntry) (store.AuditEntry, error) {
	e, err := e.Valid()
	if err == nil {
		e.ID = r.sequence.next(time.Now())
		err = r.create(ctx, `INSERT INTO audit (`+auditColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			e.ID, millis(e.At), e.Realm, e.Actor, e.Action, e.Target, string(e.Outcome), e.Remote, e.Detail)
	}
	if err != nil {
		return store.AuditEntry{}, fmt.Errorf("append audit entry: %w", err)
	}
	return e, nil
}

// AuditEntries implements [store.Audit].
func (r *records) AuditEntries(ctx context.Context, q store.AuditQuery) ([]store.AuditEntry, error) {
	q, err := q.Valid()
	if err != nil {
		return nil, fmt.Errorf("list audit entries: %w", err)
	}
	condition, args := where("realm =", q.Realm, "actor =", q.Actor, "action =", q.Action, "target =", q.Target, "id <", q.Before)
	args = append(args, q.Limit)
	entries, err := list(ctx, r, scanAudit, fmt.Sprintf(`SELECT %s FROM audit%s ORDER BY id DESC LIMIT $%d`,
		auditColumns, condition, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("list audit entries: %w", err)
	}
	return entries, nil
}

// PruneAudit implements [store.Audit].
func (r *records) PruneAudit(ctx context.Context, before time.Time) (int, error) {
	n, err := r.exec(ctx, `DELETE FROM audit WHERE at < $1`, millis(before))
	if err != nil {
		return 0, fmt.Errorf("prune audit log: %w", err)
	}
	return int(n), nil
}

// sequence gives ids that sort by the order in which this process made them,
// and nearly so among several: 32 hexadecimal digits, of which the first 12 are
// the time in milliseconds, the next 4 a counter, the rest random. All
// collations agree on the order of such digits.
type sequence struct {
	mu   sync.Mutex
	last uint64 // guarded by mu; time << 16 | counter
}

func (s *sequence) next(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[8:]) // never fails (crypto/rand)

	s.mu.Lock()
	s.last = max(s.last+1, uint64(now.UnixMilli())<<16)
	binary.BigEndian.PutUint64(b[:8], s.last)
	s.mu.Unlock()
	return hex.EncodeToString(b[:])
}
