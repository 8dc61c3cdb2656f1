package core_test

import (
	"sync/atomic"
	"testing"

	"switchboard/internal/core"
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
