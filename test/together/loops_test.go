package together

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"switchboard/internal/auth"
	"switchboard/internal/core"
	"switchboard/internal/store"
	"switchboard/internal/store/sql"
)

// keepLoops gives a hub a store with the loop "ops", in which guests may talk and
// so may ada and bob as flight. Their passwords are their names and " is who I
// am".
func keepLoops(t testing.TB, o *core.Options) {
	t.Helper()
	ctx := context.Background()
	s, err := sql.Open(ctx, filepath.Join(t.TempDir(), "switchboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	gate := auth.New(auth.Options{Store: s, Hasher: auth.NewHasher(auth.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 0), Log: slog.New(slog.DiscardHandler)})
	o.Store, o.Auth, o.Keys, o.Accounts = s, gate, gate, gate
	err = s.Within(ctx, func(tx store.Records) error {
		_, a := tx.CreateRealm(ctx, store.Realm{ID: core.DefaultRealm})
		_, b := tx.CreateRole(ctx, store.Role{Realm: core.DefaultRealm, ID: "flight"})
		_, c := tx.CreateRoom(ctx, store.Room{Realm: core.DefaultRealm, ID: "ops", Guests: store.AccessTalk})
		d := tx.SetPermission(ctx, store.Permission{Realm: core.DefaultRealm, Role: "flight", Room: "ops", Access: store.AccessTalk})
		return errors.Join(a, b, c, d)
	})
	for _, user := range []string{"ada", "bob"} {
		err = errors.Join(err, auth.AddUser(ctx, s, gate.Hasher, core.Actor{}, store.User{Realm: core.DefaultRealm, ID: user}, user+" is who I am"))
		err = errors.Join(err, s.Within(ctx, func(tx store.Records) error {
			return tx.AddMember(ctx, store.Member{Realm: core.DefaultRealm, Role: "flight", User: user})
		}))
	}
	if err != nil {
		t.Fatal(err)
	}
}
