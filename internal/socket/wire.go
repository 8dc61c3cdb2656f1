package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// wire is a connection's byte stream, between the WebSocket library and the
// network. The library only reads: it counts, watches for silence and pings.
// Writing is for who has the connection's turn; after the handshake the
// library's own frames are dropped, since all of ours leave by send.
type wire struct {
	net.Conn
	conn *conn

	shaken bool // the handshake is done; set once, before the reader starts

	heard  time.Time // when the peer last said anything; the reader's
	pinged bool      // since then; the reader's
	failed error     // why nothing more can be read; the reader's

	writeBy time.Time   // the deadline set last; guarded by the turn
	hurried atomic.Bool // the peer does not read: no patience with writes
	closing atomic.Bool // our close frame has been written
}

// begin starts to watch for silence. The reader calls it once.
func (w *wire) begin() {
	w.heard = time.Now()
	w.expect(w.conn.server.timing.PingAfter)
}

// expect bounds how long reading may wait from now on, unless we wait for the
// answer to our close frame.
func (w *wire) expect(d time.Duration) {
	_ = w.SetReadDeadline(time.Now().Add(d))
	if w.closing.Load() {
		w.waitForAnswer()
	}
}

func (w *wire) waitForAnswer() {
	_ = w.SetReadDeadline(time.Now().Add(w.conn.server.timing.CloseWithin))
}

// Read implements [io.Reader] for the WebSocket library. A silence is not told
// to it until it is too long.
func (w *wire) Read(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		if n > 0 {
			w.heard = time.Now()
			if w.pinged {
				w.pinged = false
				w.expect(w.conn.server.timing.PingAfter)
			}
			w.conn.endpoint.count.bytesIn.Add(int64(n))
			return n, nil // the error comes again
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && !w.closing.Load() {
			err = w.silent()
		}
		if err != nil {
			w.failed = err
			return 0, err
		}
	}
}

var errSilent = errors.New("the peer is silent")

// silent pings a peer that has said nothing for a while, and gives up one that
// has not answered in time. The deadline is moved only here and after an answer,
// not with every read.
func (w *wire) silent() error {
	timing := &w.conn.server.timing
	quiet := time.Since(w.heard)
	switch {
	case w.pinged:
		w.conn.endpoint.count.silent.Add(1)
		return errSilent
	case quiet < timing.PingAfter:
		w.expect(timing.PingAfter - quiet)
		return nil
	}
	w.pinged = true
	if err := w.conn.control(framePing, ""); err != nil {
		return err
	}
	w.expect(timing.DropAfter - timing.PingAfter)
	return nil
}

// Write implements [io.Writer] for the WebSocket library, which writes the
// answer to the handshake and, when the peer breaks the protocol, a close frame
// that we say better.
func (w *wire) Write(p []byte) (int, error) {
	if w.shaken {
		return len(p), nil
	}
	return w.Conn.Write(p)
}

// SetWriteDeadline implements [net.Conn] for the WebSocket library.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.shaken {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

// send writes frames. Callers have the turn. A peer that does not read makes it
// fail in time.
func (w *wire) send(frames []byte) error {
	within := w.conn.server.timing.WriteWithin
	if by := time.Now().Add(within); by.Sub(w.writeBy) > within/4 { // moving it every time costs
		w.writeBy = by
		_ = w.Conn.SetWriteDeadline(by)
	}
	if w.hurried.Load() {
		_ = w.Conn.SetWriteDeadline(time.Now().Add(w.conn.server.timing.CloseWithin))
	}
	n, err := w.Conn.Write(frames)
	w.conn.endpoint.count.bytesOut.Add(int64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) && !w.hurried.Load() {
		w.conn.endpoint.count.slow.Add(1)
	}
	return err
}

// hurry makes a write that is stuck fail now. It may be called from any
// goroutine and does not block.
func (w *wire) hurry() {
	w.hurried.Store(true)
	_ = w.Conn.SetWriteDeadline(time.Unix(1, 0))
}

// part says that our close frame has been written: the peer may answer it for a
// while.
func (w *wire) part() {
	w.closing.Store(true)
	w.waitForAnswer()
}

// linger reads and forgets what the peer still sends, until it ends or has had
// its time. The reader calls it after the close frame was written.
func (w *wire) linger() {
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, w.Conn, 64<<20)
}

// abort breaks the connection. It may be called from any goroutine and does not
// wait.
func (w *wire) abort() {
	bottom := w.Conn
	if t, ok := bottom.(interface{ NetConn() net.Conn }); ok {
		bottom = t.NetConn() // TLS would want to say goodbye
	}
	_ = bottom.Close()
}

// close ends the connection. The reader calls it last.
func (w *wire) close() { _ = w.Conn.Close() }
