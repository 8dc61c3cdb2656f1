package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"switchboard/internal/store"
)

func testWithinKeepsAll(t *testing.T, s store.Store) {
	ctx := deadline(t)
	check(t, s.Within(ctx, func(tx store.Records) error {
		if _, err := tx.CreateRealm(ctx, store.Realm{ID: "one"}); err != nil {
			return err
		}
		if _, err := tx.CreateUser(ctx, store.User{Realm: "one", ID: "ada"}); err != nil {
			return err
		}
		if err := tx.SetPassword(ctx, "one", "ada", "$x"); err != nil {
			return err
		}
		if got, err := tx.Password(ctx, "one", "ada"); err != nil || got != "$x" {
			t.Errorf("the transaction reads %q, %v, not what it wrote", got, err)
		}
		_, err := s.User(ctx, "one", "ada")
		wantError(t, "read from outside before the commit", err, store.ErrNotFound)
		return nil
	}))
	same(t, "password", must(s.Password(ctx, "one", "ada"))(t), "$x")
}

func testWithinKeepsNothing(t *testing.T, s store.Store) {
	ctx := deadline(t)
	stop := errors.New("stop")
	err := s.Within(ctx, func(tx store.Records) error {
		if _, err := tx.CreateRealm(ctx, store.Realm{ID: "one"}); err != nil {
			return err
		}
		return stop
	})
	wantError(t, "within", err, stop)
	same(t, "realms", len(must(s.Realms(ctx))(t)), 0)

	// A refusal that the store finds without the database's help does not end
	// the transaction, so that a caller may decide.
	check(t, s.Within(ctx, func(tx store.Records) error {
		if _, err := tx.CreateRealm(ctx, store.Realm{ID: "one"}); err != nil {
			return err
		}
		_, err := tx.CreateRealm(ctx, store.Realm{ID: "one"})
		wantError(t, "create twice", err, store.ErrConflict)
		_, err = tx.UpdateRealm(ctx, store.Realm{ID: "one", Version: 9})
		wantError(t, "wrong version", err, store.ErrConflict)
		_, err = tx.User(ctx, "one", "ada")
		wantError(t, "nobody", err, store.ErrNotFound)
		_, err = tx.CreateRealm(ctx, store.Realm{})
		wantError(t, "invalid", err, store.ErrInvalid)
		return nil
	}))
	same(t, "realms", len(must(s.Realms(ctx))(t)), 1)
}

func testWithinAfterError(t *testing.T, s store.Store) {
	ctx := deadline(t)
	err := s.Within(ctx, func(tx store.Records) error {
		if _, err := tx.CreateRealm(ctx, store.Realm{ID: "one"}); err != nil {
			return err
		}
		_, err := tx.CreateUser(ctx, store.User{Realm: "nowhere", ID: "ada"})
		wantError(t, "user of no realm", err, store.ErrNotFound)
		_, _ = tx.CreateRealm(ctx, store.Realm{ID: "two"})
		return nil
	})
	wantError(t, "within", err, store.ErrNotFound)
	same(t, "realms", len(must(s.Realms(ctx))(t)), 0)
}

func testWithinPanics(t *testing.T, s store.Store) {
	ctx := deadline(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Within(ctx, func(tx store.Records) error {
			must(tx.CreateRealm(ctx, store.Realm{ID: "one"}))(t)
			panic("on purpose")
		})
	}()
	same(t, "realms", len(must(s.Realms(ctx))(t)), 0)
	realm(t, s, "one") // the store is usable
}

// Read, add one, write: many at once must not lose a count.
func testWithinCounts(t *testing.T, s store.Store) {
	ctx := deadline(t)
	must(s.CreateRealm(ctx, store.Realm{ID: "one", Data: "0"}))(t)
	const workers, each = 6, 8
	concurrently(t, workers, func(int) error {
		for range each {
			err := s.Within(ctx, func(tx store.Records) error {
				r, err := tx.Realm(ctx, "one")
				if err != nil {
					return err
				}
				n, err := strconv.Atoi(r.Data)
				if err != nil {
					return err
				}
				r.Data, r.Version = strconv.Itoa(n+1), 0
				_, err = tx.UpdateRealm(ctx, r)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	got := must(s.Realm(ctx, "one"))(t)
	same(t, "count", got, store.Realm{ID: "one", Data: strconv.Itoa(workers * each), Version: workers*each + 1})
}

// Without a transaction it is the version that keeps counts from being lost.
func testVersionsUnderContention(t *testing.T, s store.Store) {
	ctx := deadline(t)
	must(s.CreateRealm(ctx, store.Realm{ID: "one", Data: "0"}))(t)
	const workers, each = 6, 8
	concurrently(t, workers, func(int) error {
		for done := 0; done < each; {
			r, err := s.Realm(ctx, "one")
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(r.Data)
			if err != nil {
				return err
			}
			r.Data = strconv.Itoa(n + 1)
			switch _, err = s.UpdateRealm(ctx, r); {
			case err == nil:
				done++
			case !errors.Is(err, store.ErrConflict):
				return err
			}
		}
		return nil
	})
	got := must(s.Realm(ctx, "one"))(t)
	same(t, "count", got, store.Realm{ID: "one", Data: strconv.Itoa(workers * each), Version: workers*each + 1})
}

// concurrently runs f that many times at once and waits for all.
func concurrently(t *testing.T, workers int, f func(worker int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			if err := f(i); err != nil {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func testView(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	check(t, s.View(ctx, func(tx store.Records) error {
		same(t, "users at first", len(must(tx.Users(ctx, store.Filter{}))(t)), 0)
		must(s.CreateUser(ctx, store.User{Realm: "one", ID: "ada"}))(t)
		same(t, "users in the view after somebody else wrote", len(must(tx.Users(ctx, store.Filter{}))(t)), 0)
		_, err := tx.CreateUser(ctx, store.User{Realm: "one", ID: "bob"})
		wantError(t, "write in a view", err, store.ErrInvalid)
		return nil
	}))
	same(t, "users afterwards", len(must(s.Users(ctx, store.Filter{}))(t)), 1)
}

func testContextEnded(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(deadline(t))
	cancel()
	_, err := s.Realms(ctx)
	wantError(t, "read", err, context.Canceled)
	_, err = s.CreateRealm(ctx, store.Realm{ID: "one"})
	wantError(t, "write", err, context.Canceled)
	wantError(t, "within", s.Within(ctx, func(store.Records) error { return nil }), context.Canceled)
	wantError(t, "view", s.View(ctx, func(store.Records) error { return nil }), context.Canceled)

	// Ended while the transaction runs: nothing of it stays.
	ctx, cancel = context.WithCancel(deadline(t))
	err = s.Within(ctx, func(tx store.Records) error {
		if _, err := tx.CreateRealm(ctx, store.Realm{ID: "one"}); err != nil {
			return err
		}
		cancel()
		return nil
	})
	wantError(t, "commit", err, context.Canceled)
	same(t, "realms", len(must(s.Realms(deadline(t)))(t)), 0)

	// Ended while waiting for another writer: the wait ends with it.
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		once := sync.OnceFunc(func() { close(inside) })
		err := s.Within(deadline(t), func(tx store.Records) error {
			if _, err := tx.CreateRealm(t.Context(), store.Realm{ID: "two"}); err != nil {
				return err
			}
			once()
			<-release
			return nil
		})
		if err != nil {
			t.Errorf("the first writer: %v", err)
		}
	})
	<-inside
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.CreateRealm(ctx, store.Realm{ID: "two"})
	wantError(t, "waiting writer", err, context.DeadlineExceeded)
	close(release)
	wg.Wait()
	same(t, "realms", fmt.Sprint(must(s.Realms(deadline(t)))(t)), fmt.Sprint([]store.Realm{{ID: "two", Version: 1}}))
}

func testClosed(t *testing.T, s store.Store) {
	ctx := deadline(t)
	check(t, s.Ready(ctx))
	check(t, s.Close())
	wantError(t, "ready", s.Ready(ctx), store.ErrUnavailable)
	_, err := s.Realms(ctx)
	wantError(t, "read", err, store.ErrUnavailable)
	_, err = s.CreateRealm(ctx, store.Realm{ID: "one"})
	wantError(t, "write", err, store.ErrUnavailable)
	wantError(t, "within", s.Within(ctx, func(store.Records) error { return nil }), store.ErrUnavailable)
}
