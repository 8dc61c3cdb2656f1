package port

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// queue holds datagrams between a reader, which never waits, and one goroutine
// that takes them. It is bounded: what does not fit is dropped, as the network
// would; STUN, DTLS and SCTP repeat what was lost.
type queue struct {
	mu       sync.Mutex
	waiting  sync.Cond
	items    []queued // guarded by mu
	most     int      // set once
	closed   bool     // guarded by mu
	deadline time.Time
	timer    *time.Timer // wakes at deadline; guarded by mu
	overflow func()      // set once
}

type queued struct {
	data []byte
	from netip.AddrPort
}

func (q *queue) prepare(most int, overflow func()) {
	q.waiting.L, q.most, q.overflow = &q.mu, most, overflow
}

// push adds a copy of b.
func (q *queue) push(b []byte, from netip.AddrPort) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if len(q.items) >= q.most {
		q.overflow()
		return
	}
	q.items = append(q.items, queued{append([]byte(nil), b...), from})
	q.waiting.Signal()
}

// pop waits for a datagram. It fails with net.ErrClosed after close and with
// os.ErrDeadlineExceeded after the deadline.
func (q *queue) pop(b []byte) (int, netip.AddrPort, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case !q.deadline.IsZero() && !time.Now().Before(q.deadline):
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case len(q.items) > 0:
			item := q.items[0]
			if q.items = q.items[1:]; len(q.items) == 0 {
				q.items = nil // nothing is kept for an endpoint that is quiet
			}
			return copy(b, item.data), item.from, nil
		}
		q.waiting.Wait()
	}
}

// setDeadline makes pop fail from t on; the zero time means never.
func (q *queue) setDeadline(t time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deadline = t
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	if d := time.Until(t); !t.IsZero() && d > 0 && !q.closed {
		q.timer = time.AfterFunc(d, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.waiting.Broadcast()
		})
	}
	q.waiting.Broadcast()
}

// close drops what is left and makes pop fail.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.items = true, nil
	if q.timer != nil {
		q.timer.Stop()
	}
	q.waiting.Broadcast()
}
