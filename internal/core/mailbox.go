package core

import (
	"sync"
	"time"
)

// stuckAfter is how long a reader with half a mailbox of messages may read
// nothing before it counts as one that does not read. It is shorter than what a
// write to a dead peer may take, so that nobody can silence a room by not
// reading.
const stuckAfter = 2 * time.Second

// mailbox holds the events that wait for one connection. Posting never blocks:
// a mailbox that would overflow closes itself and says so once. Its lock is a
// leaf: nothing else is taken under it.
type mailbox struct {
	limit    int    // bytes; set once
	wake     func() // set once; called outside the lock, never blocks
	overflow func() // set once; likewise

	mu       sync.Mutex
	queue    []*Event  // guarded by mu
	bytes    int       // guarded by mu
	messages int       // bytes of messages from other clients; guarded by mu
	closed   bool      // guarded by mu
	since    time.Time // when the oldest event came; guarded by mu
}

// post puts an event in. It does nothing when the mailbox is closed.
func (m *mailbox) post(e *Event) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	full := m.bytes+e.size > m.limit
	if full {
		m.closed, m.queue, m.bytes, m.messages = true, nil, 0, 0
	} else {
		if len(m.queue) == 0 {
			m.since = time.Now()
		}
		m.queue = append(m.queue, e)
		m.bytes += e.size
		if e.message {
			m.messages += e.size
		}
	}
	first := len(m.queue) == 1
	m.mu.Unlock()
	switch {
	case full:
		m.overflow()
	case first:
		m.wake()
	}
}

// takes tells whether another message of this size may be put in: messages
// fill at most half, so that there is always space for state.
func (m *mailbox) takes(size int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed || m.messages+size <= m.limit/2
}

// stuck tells whether nothing was taken out for so long that the reader does not
// read.
func (m *mailbox) stuck() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.closed && len(m.queue) > 0 && time.Since(m.since) > stuckAfter
}

// giveUp ends a reader that does not read.
func (m *mailbox) giveUp() {
	m.mu.Lock()
	was := m.closed
	m.closed, m.queue, m.bytes, m.messages = true, nil, 0, 0
	m.mu.Unlock()
	if !was {
		m.overflow()
	}
}

// drain takes everything out, appending to into.
func (m *mailbox) drain(into []*Event) []*Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	into = append(into, m.queue...)
	clear(m.queue)
	if cap(m.queue) > 64 { // a burst is over: let it go
		m.queue = nil
	}
	m.queue, m.bytes, m.messages = m.queue[:0], 0, 0
	return into
}

// close drops what waits and takes nothing more.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.queue, m.bytes, m.messages = true, nil, 0, 0
}
