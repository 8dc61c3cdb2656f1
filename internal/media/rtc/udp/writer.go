package udp

import (
	"fmt"
	"time"
)

// Limits of one message. The kernel cuts a message into 64 datagrams at most
// (UDP_MAX_SEGMENTS; 128 since Linux 6.9), and the whole must still fit into an
// IP packet.
const (
	maxSegments = 64
	maxMessage  = 65000
)

const (
	// DefaultArena is the room of a Writer in bytes: small enough to stay in a
	// core's second-level cache between sealing and sending, large enough that
	// a system call is shared by two hundred packets.
	DefaultArena = 256 << 10
	minArena     = 64 << 10
	// maxMessages is how many messages a burst may have: what sendmmsg takes
	// in one call (UIO_MAXIOV). A small arena makes do with fewer, one for
	// messageShare bytes, since each costs 150 bytes of tables.
	maxMessages  = 1024
	messageShare = 256
)

// Writer collects datagrams for many destinations and sends them together:
//
//	for _, sub := range subscribers {
//		w.Begin(sub.addr)
//		for _, p := range frame {
//			buf := w.Space(len(p.header) + len(p.payload) + profile.Overhead())
//			buf = sub.sealer.SealRTP(buf, p.header, p.payload, roc)
//			w.Commit(len(buf))
//		}
//	}
//	w.Flush()
//
// Consecutive datagrams to one destination that are equally long, the last may
// be shorter, become one message which the kernel cuts up; so a video frame is
// best written subscriber by subscriber. Order is kept for each destination.
//
// A Writer belongs to one goroutine. Several may share a socket; they do not
// wait for each other.
type Writer struct {
	socket   *Socket
	arena    []byte
	used     int           // of arena, by messages
	room     int           // lent out by Space behind used
	dst      *Addr         // of Begin
	growing  bool          // the last message may take another datagram
	messages []message     // of this burst, in order; the capacity never changes
	tally    tally         // of this burst
	waited   time.Duration // for room in the kernel, since the last Flush
	err      error         // of a burst that Space had to send, for Flush to return
	sender                 // the system's part
}

// message is a run of datagrams to one destination that lie one behind the
// other in the arena.
type message struct {
	dst  *Addr
	data []byte
	size int // of every datagram but the last, which may be shorter
	n    int // how many datagrams
}

// tally counts the datagrams of a burst: queued is all, bytes is the length of
// those neither dropped nor refused.
type tally struct{ queued, bytes, dropped, refused, calls uint64 }

// lose counts a message as dropped or refused.
func (t *tally) lose(reason *uint64, m *message) {
	*reason += uint64(m.n)
	t.bytes -= uint64(len(m.data))
}

// NewWriter returns a writer on s with an arena of so many bytes, 64 KiB at
// least; 0 means DefaultArena. When the arena is full the writer flushes by
// itself.
func (s *Socket) NewWriter(arena int) *Writer {
	if arena == 0 {
		arena = DefaultArena
	}
	arena = max(arena, minArena)
	w := &Writer{socket: s, arena: make([]byte, arena), messages: make([]message, 0, min(arena/messageShare, maxMessages))}
	w.prepare()
	return w
}

// Begin says where the datagrams that follow go, until the next Begin.
func (w *Writer) Begin(dst *Addr) {
	if dst != w.dst {
		w.dst, w.growing = dst, false
	}
}

// Space lends out room for one datagram of up to n bytes, n at most 65000: an
// empty slice with capacity n to append to. If there is no room it sends what
// there is first. The slice is valid until the next call of Space or Flush.
func (w *Writer) Space(n int) []byte {
	if n > maxMessage {
		panic(fmt.Sprintf("udp: a datagram of %d bytes", n))
	}
	if w.used+n > len(w.arena) || len(w.messages) == cap(w.messages) {
		if err := w.send(); err != nil {
			w.err = err
		}
	}
	w.room = n
	return w.arena[w.used : w.used : w.used+n]
}

// Commit queues the first n bytes of the room lent out by Space as a datagram
// for the destination of Begin. Commit(0), like no Commit, queues nothing. It
// panics if n is more than was asked for, which is also what it looks like when
// append outgrew the room.
func (w *Writer) Commit(n int) {
	if n > w.room {
		panic(fmt.Sprintf("udp: %d bytes committed in room for %d", n, w.room))
	}
	if n == 0 {
		return
	}
	start := w.used
	w.used, w.room = start+n, 0
	w.tally.queued++
	w.tally.bytes += uint64(n)
	if w.growing {
		m := &w.messages[len(w.messages)-1]
		if n <= m.size && m.n < maxSegments && len(m.data)+n <= maxMessage {
			m.data = m.data[:len(m.data)+n]
			m.n++
			w.growing = n == m.size
			return
		}
	}
	w.messages = append(w.messages, message{dst: w.dst, data: w.arena[start:w.used], size: n, n: 1})
	w.growing = w.socket.segment.Load() && !w.dst.plain.Load()
}

// Flush sends what was committed since the last Flush.
//
// It never waits for long: if the kernel's send buffer is full, all that is sent
// up to one Flush gives it 2 ms to drain; after that what finds no room is
// dropped, since late media is worth less than the next. A destination that
// cannot be reached costs its own datagrams only. Both are counted, see Stats,
// and are no errors; the error is net.ErrClosed, wrapped, or a failure of the
// socket as such.
func (w *Writer) Flush() error {
	err := w.send()
	if err == nil {
		err = w.err
	}
	w.err, w.waited = nil, 0
	if err != nil {
		return fmt.Errorf("write datagrams: %w", err)
	}
	return nil
}

// send sends the burst and starts an empty one.
func (w *Writer) send() error {
	if len(w.messages) == 0 {
		return nil
	}
	err := w.deliver()
	t, c := &w.tally, &w.socket.counters
	if err != nil { // nothing was sent
		t.refused, t.dropped, t.bytes = t.queued, 0, 0
	}
	c.sent.Add(t.queued - t.dropped - t.refused)
	c.bytes.Add(t.bytes)
	c.calls.Add(t.calls)
	if t.dropped > 0 {
		c.dropped.Add(t.dropped)
	}
	if t.refused > 0 {
		c.refused.Add(t.refused)
	}
	w.used, w.growing, w.messages, w.tally = 0, false, w.messages[:0], tally{}
	return err
}
