package forward

import (
	"testing"

	"pgregory.net/rapid"
)

// The cache gives back what was put, until it is too old or the ring came
// round; takes nothing twice; and loses no packet to the pool that it still
// holds, nor holds one it let go.
func TestCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l pool
		c := cache{pool: &l, size: rapid.SampledFrom([]int{64, 256}).Draw(t, "size")}
		put := map[int64]*packet{} // everything that was ever taken
		now, newest := int64(0), int64(firstIndex)
		newestKey := int64(0)
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			now += rapid.Int64Range(0, 20e6).Draw(t, "later")
			index := newest + rapid.SampledFrom([]int64{1, 1, 1, 1, 2, 5, 100, -1, -3, -40, -70, 0}).Draw(t, "step")
			p := l.packet(100)
			p.index, p.at, p.key = index, now, rapid.IntRange(0, 20).Draw(t, "key") == 0
			taken := c.put(p)
			l.release(p, 1)
			if taken && put[index] != nil {
				t.Fatalf("%d was taken twice", index)
			}
			if !taken && put[index] == nil && index > newest-firstSlots && len(put) > 0 {
				t.Fatalf("%d was not taken, the newest is %d", index, newest)
			}
			if taken {
				put[index] = p
				newest = max(newest, index)
				if p.key {
					newestKey = max(newestKey, index)
				}
			}
			if rapid.IntRange(0, 10).Draw(t, "expire") == 0 {
				c.expire(now - keepAge)
			}
		}
		for index, p := range put {
			got := c.get(index)
			if got != nil && (got != p || got.index != index || got.references.Load() != 2) {
				t.Fatalf("%d: got %p with %d references, want %p", index, got, got.references.Load(), p)
			}
			if got == nil && index > newest-firstSlots && now-p.at < keepAge {
				t.Fatalf("%d is lost", index)
			}
			if got != nil {
				l.release(got, 1)
			}
		}
		replayed, serial := c.replay(nil, now)
		for i, p := range replayed {
			if i == 0 && (p.index != newestKey || now-p.at > replayAge) || i > 0 && p.index <= replayed[i-1].index || p.serial > serial {
				t.Fatalf("replay has %d at place %d", p.index, i)
			}
			l.release(p, 1)
		}
		if k := put[newestKey]; len(replayed) == 0 && k != nil && newest-newestKey < firstSlots && now-k.at <= replayAge {
			t.Fatalf("no replay of %d", newestKey)
		}
		c.close()
		if p := l.packet(100); c.put(p) || c.get(newest) != nil {
			t.Fatal("a closed cache takes and gives")
		}
	})
}

// A track of voice costs little, a picture as much as it needs.
func TestCacheGrowsAsNeeded(t *testing.T) {
	var l pool
	for _, row := range []struct {
		gap         int64 // nanoseconds between packets
		least, most int
	}{
		{200e6, firstSlots, firstSlots},
		{20e6, 64, 128},
		{2e6, videoSlots, videoSlots},
	} {
		c := cache{pool: &l, size: videoSlots}
		for i := range int64(5000) {
			p := l.packet(100)
			p.index, p.at = firstIndex+i, i*row.gap
			c.put(p)
			l.release(p, 1)
			if i%10 == 0 {
				c.expire(p.at - keepAge)
			}
		}
		if n := len(c.slots); n < row.least || n > row.most {
			t.Errorf("a packet every %d ms: %d slots, want %d to %d", row.gap/1e6, n, row.least, row.most)
		}
	}
}
