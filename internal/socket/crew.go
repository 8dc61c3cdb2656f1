package socket

import (
	"sync"
	"sync/atomic"
	"time"
)

// mostResting is how many goroutines wait for the next turn to be done when
// there is none: as many as one message to a large room needs at once. A
// goroutine that is new would grow its stack at every turn.
const mostResting = 256

// restFor is how long a goroutine waits for another turn.
const restFor = 5 * time.Second

// crew are the goroutines that do turns. There are as many as turns that have
// begun, since a write may take long, and some that rest.
type crew struct {
	turns     chan *conn // to who rests
	dismissed chan struct{}
	resting   atomic.Int32
	members   sync.WaitGroup // added to while there are connections
	once      sync.Once      // of dismiss
}

func newCrew() crew { return crew{turns: make(chan *conn), dismissed: make(chan struct{})} }

// send has a goroutine attend to a connection. It never blocks.
func (w *crew) send(c *conn) {
	select {
	case w.turns <- c:
	default:
		w.members.Add(1)
		go w.work(c)
	}
}

func (w *crew) work(c *conn) {
	defer w.members.Done()
	enough := time.NewTimer(restFor)
	defer enough.Stop()
	for c != nil {
		c.attend()
		enough.Reset(restFor)
		c = w.rest(enough.C)
	}
}

// rest returns the next connection to attend to, nil if the goroutine is not
// needed any more.
func (w *crew) rest(enough <-chan time.Time) *conn {
	defer w.resting.Add(-1)
	if w.resting.Add(1) > mostResting {
		return nil
	}
	select {
	case c := <-w.turns:
		return c
	case <-enough:
		return nil
	case <-w.dismissed:
		return nil
	}
}

// dismiss ends who rests and waits for all. There are no connections any more. A
// second call only waits.
func (w *crew) dismiss() {
	w.once.Do(func() { close(w.dismissed) })
	w.members.Wait()
}
