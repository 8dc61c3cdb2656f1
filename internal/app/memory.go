package app

import (
	"sync"
	"time"
)

// memory keeps texts for a while. Its methods may be called by any goroutine.
type memory struct {
	most int // how many; set once

	mu   sync.Mutex
	kept map[string]remembered // guarded by mu
}

type remembered struct {
	text  string
	until time.Time
}

func newMemory(most int) *memory { return &memory{most: most, kept: map[string]remembered{}} }

// Recall implements [omikron.Memory].
func (m *memory) Recall(key string) (text string, good bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, known := m.kept[key]
	return r.text, known && time.Now().Before(r.until)
}

// Keep implements [omikron.Memory]. When it is full, whatever comes first gives
// way: it can be asked for again.
func (m *memory) Keep(key, text string, good time.Duration) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.kept[key]; !known && len(m.kept) >= m.most {
		looked := 0
		for other, r := range m.kept { // in random order
			if looked++; now.After(r.until) || looked == 8 {
				delete(m.kept, other)
				break
			}
		}
	}
	m.kept[key] = remembered{text, now.Add(good)}
}
