package forward

import "testing"

// Once the caches are full, packets are forwarded without garbage.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, row := range []struct {
		name string
		l    func(*crowd) *tape
	}{
		{"pictures", func(c *crowd) *tape { return newTape(t, c.pub, 3000, c.vp8.frame(true, 4)...) }},
		{"sound", func(c *crowd) *tape { return newTape(t, c.pub, 960, c.voice.voice()) }},
	} {
		l := row.l(newCrowd(t, 20, 1))
		play := func() {
			l.play()
			l.wait()
		}
		for range videoSlots {
			play()
		}
		// What the clock does every now and then is spread over many packets.
		if n := testing.AllocsPerRun(500, play); n >= 1 {
			t.Errorf("%s: %v allocations a frame", row.name, n)
		}
	}
}
