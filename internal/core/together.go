package core

import (
	"context"
	"errors"
	"sync"

	"switchboard/internal/store"
)

// together stores preferences that come at the same time in one transaction, of
// which each waits for the disk: at a shift change everybody leaves rooms in
// another way at once. Whoever comes while others are being written waits, and
// one of those writes for all of them next.
type together struct {
	store Store

	mu      sync.Mutex
	writing bool   // somebody is, or has been told to; guarded by mu
	next    *batch // nil: nobody waits; guarded by mu
}

// batch is what one transaction stores.
type batch struct {
	turn    chan struct{} // tells one of those waiting to write it
	written chan struct{} // closed when all is said in errs
	values  []store.Preference
	errs    []error // of each value; set before written is closed
}

// keep stores a preference. It returns when it is durable, or not stored.
func (g *together) keep(ctx context.Context, value store.Preference) error {
	g.mu.Lock()
	if g.next == nil {
		g.next = &batch{turn: make(chan struct{}, 1), written: make(chan struct{})}
	}
	b, mine := g.next, len(g.next.values)
	b.values = append(b.values, value)
	if !g.writing {
		g.writing = true
		b.turn <- struct{}{}
	}
	g.mu.Unlock()
	select {
	case <-b.written:
	case <-b.turn:
		g.write(context.WithoutCancel(ctx), b) // others rely on it
	}
	return b.errs[mine]
}

// write stores the batch that is next, and gives the turn to whoever has come
// meanwhile.
func (g *together) write(ctx context.Context, b *batch) {
	g.mu.Lock()
	g.next = nil // who comes from now on waits for the one after it
	g.mu.Unlock()

	b.errs = make([]error, len(b.values))
	if err := g.set(ctx, b.values); err != nil {
		for i, v := range b.values { // one that cannot be stored must not spoil the others
			b.errs[i] = err
			if len(b.values) > 1 && !errors.Is(err, store.ErrUnavailable) {
				b.errs[i] = g.set(ctx, []store.Preference{v})
			}
		}
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	close(b.written)
	if g.writing = g.next != nil; g.writing {
		g.next.turn <- struct{}{}
	}
}

func (g *together) set(ctx context.Context, values []store.Preference) error {
	return g.store.Within(ctx, func(tx store.Records) error { return tx.SetPreferences(ctx, values) })
}
