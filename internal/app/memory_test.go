package app

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestMemory: what is kept is there as long as it is good, and there is never
// more than was allowed.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		m.Keep("a", "1", time.Second)
		m.Keep("a", "2", time.Minute)
		time.Sleep(2 * time.Second)
		if text, good := m.Recall("a"); text != "2" || !good {
			t.Errorf("recalled %q, %v", text, good)
		}
		for n := range 100 {
			m.Keep(strconv.Itoa(n), "x", time.Minute)
		}
		if _, good := m.Recall("99"); !good || len(m.kept) != 10 {
			t.Errorf("of %d kept the last is there: %v", len(m.kept), good)
		}
		time.Sleep(time.Minute)
		if _, good := m.Recall("99"); good {
			t.Error("what is over is still good")
		}
	})
}
