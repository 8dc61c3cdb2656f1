package rtc_test

import (
	"sync"
	"testing"
	"time"

	"switchboard/internal/media"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// events is a sink that tests ask what was posted.
type events struct {
	mu     sync.Mutex
	posted []media.Event // guarded by mu
	more   chan struct{} // closed and replaced when something is posted; guarded by mu
}

func newEvents() *events { return &events{more: make(chan struct{})} }

func (e *events) Post(event media.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.posted = append(e.posted, event)
	close(e.more)
	e.more = make(chan struct{})
}

// of returns the events of type E about a transport so far.
func of[E media.Event](e *events, id media.TransportID) []E {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []E
	for _, event := range e.posted {
		if event, ok := event.(E); ok && event.About() == id {
			found = append(found, event)
		}
	}
	return found
}

// await waits until an event of type E about a transport is posted.
func await[E media.Event](t testing.TB, e *events, id media.TransportID) E {
	t.Helper()
	end := time.After(patience)
	for {
		e.mu.Lock()
		more := e.more
		e.mu.Unlock()
		if found := of[E](e, id); len(found) > 0 {
			return found[0]
		}
		select {
		case <-more:
		case <-end:
			var none E
			t.Fatalf("no %T about %s; posted: %+v", none, id, e.posted)
		}
	}
}
