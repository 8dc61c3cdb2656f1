package core_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

// BenchmarkRemember is a shift change: everybody leaves rooms in another way, at
// once.
func BenchmarkRemember(b *testing.B) {
	w := newTown(b)
	ada := w.as(b, "ada", "flight").Session()
	for name, volumes := range map[string]int64{"changed": 100, "same": 1} {
		b.Run(name, func(b *testing.B) {
			var n atomic.Int64
			b.SetParallelism(50)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := ada.Remember(b.Context(), "loop", core.Preference{Volume: int(n.Add(1) % volumes)}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkPlaces is what each login asks, in a realm of ten thousand rooms of
// which the role sees twenty.
func BenchmarkPlaces(b *testing.B) {
	w := newTown(b)
	err := w.store.Within(b.Context(), func(tx store.Records) error {
		for i := range 10_000 {
			id := fmt.Sprint("room ", i)
			if _, err := tx.CreateRoom(b.Context(), store.Room{Realm: "ops", ID: id}); err != nil {
				return err
			}
			role := "capcom"
			if i < 20 {
				role = "flight"
			}
			if err := tx.SetPermission(b.Context(), store.Permission{Realm: "ops", Role: role, Room: id, Access: store.AccessTalk}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	ada := w.as(b, "ada", "flight").Session()
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if err := w.Load(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if places, err := ada.Places(b.Context()); err != nil || len(places) != 21 {
				b.Fatal(len(places), err)
			}
		}
	})
}
