package socket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// conn is one client's connection. Its reader goroutine begins and ends it.
type conn struct {
	server   *Server
	endpoint *endpoint
	place    netip.Addr // what counts as its address
	wire     wire
	bell     bell
	traced   bool // messages are logged; set once

	ws   *websocket.Conn // the reader's
	rate bucket          // the reader's

	turn     sync.Mutex           // whose turn it is; taken by who does something for the client
	link     *core.Connection     // guarded by turn
	talk     dialect.Conversation // guarded by turn; nil before it is open
	deadline time.Time            // what the conversation waits for; guarded by turn
	timer    *time.Timer          // rings at the deadline; guarded by turn
	query    url.Values           // of the request, until the conversation is open; guarded by turn
	finished bool                 // the conversation is over; guarded by turn
}

func newConn(e *endpoint, place netip.Addr) *conn {
	c := &conn{server: e.server, endpoint: e, place: place, traced: e.server.log.Enabled(e.server.ctx, slog.LevelDebug)}
	c.wire.conn = c
	c.bell.attended = true // until it may open
	return c
}

// run is the reader: it begins the conversation, passes on what arrives, and
// tidies up.
func (c *conn) run() {
	c.endpoint.count.opened.Add(1)
	defer c.server.release(c)
	defer c.endpoint.count.closed.Add(1)
	defer c.wire.close()

	c.begin()
	c.end(nil, c.read())
}

// read passes messages on until there are no more, and tells how it ended.
func (c *conn) read() dialect.Closure {
	c.wire.begin()
	for {
		kind, r, err := c.ws.NextReader()
		if err != nil {
			return c.ended(err)
		}
		if c.wire.closing.Load() {
			continue // we have said our last word; only the peer's is of interest
		}
		text := kind == websocket.TextMessage
		if !text && !c.endpoint.dialect.Binary {
			return c.fault(codeUnsupported, "only text messages are understood here")
		}
		msg, err := c.server.slurp(r, c.endpoint.limit)
		switch {
		case errors.Is(err, errBusy):
			return c.fault(codeTryLater, "too many long messages are arriving")
		case errors.Is(err, errTooBig):
			c.endpoint.count.tooBig.Add(1)
			return c.fault(codeTooBig, fmt.Sprintf("a message can have at most %d bytes", c.endpoint.limit))
		case err != nil:
			return c.ended(err)
		case !utf8.Valid(msg):
			return c.fault(codeNotUTF8, "messages are UTF-8")
		}
		c.endpoint.count.messagesIn.Add(1)
		c.pace()
		c.receive(msg)
	}
}

// ended says what the end of reading means, and answers what has to be
// answered.
func (c *conn) ended(err error) dialect.Closure {
	if c.wire.failed != nil {
		return dialect.Closure{Code: codeAbnormal}
	}
	var goodbye *websocket.CloseError
	if !errors.As(err, &goodbye) {
		return c.fault(codeProtocol, strings.TrimPrefix(err.Error(), "websocket: "))
	}
	how := dialect.Closure{Code: goodbye.Code}
	switch goodbye.Code {
	case codeNormal, codeGoingAway, codeNoStatus:
		how.Clean = true
	}
	c.end(appendClose(nil, dialect.Close{Code: goodbye.Code}), how)
	return how
}

// fault ends the connection because of what the peer did, and waits until the
// peer had time to read why: closing with bytes unread would reset the
// connection and lose our last words.
func (c *conn) fault(code int, reason string) dialect.Closure {
	how := dialect.Closure{Clean: true, Code: codeAbnormal}
	if c.wire.closing.Load() {
		return how
	}
	c.endpoint.count.faults.Add(1)
	c.end(appendClose(nil, dialect.Close{Code: code, Reason: reason}), how)
	c.wire.linger()
	return how
}

// end ends the conversation, if it goes on, after what was received has been
// handled, and writes a close frame if there is one.
func (c *conn) end(goodbye []byte, how dialect.Closure) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.bell.enter(false)
	c.pass(nil)
	switch {
	case c.finished:
	case goodbye == nil:
		c.finish(how)
	default:
		_ = c.wire.send(goodbye) // if it cannot be said, nothing changes
		c.part(how)
	}
}

// pinged answers a ping (RFC 6455 section 5.5.3). The reader calls it, by way
// of the library.
func (c *conn) pinged(data string) error {
	c.pace()
	return c.control(framePong, data)
}

func (c *conn) control(first byte, data string) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.finished {
		return nil
	}
	return c.wire.send(appendFrame(make([]byte, 0, 2+maxControl), first, []byte(data)))
}

// pace waits when the client sends faster than it may: the client's own
// sending then slows, because we do not read.
func (c *conn) pace() {
	limits := &c.server.limits
	wait := c.rate.take(time.Now(), limits.MessagesPerSecond, limits.MessageBurst)
	if wait <= 0 {
		return
	}
	c.endpoint.count.throttled.Add(1)
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.server.ctx.Done():
	}
}

var (
	errTooBig = errors.New("message is too big")
	errBusy   = errors.New("too much is arriving")
)

const (
	scratch = 8 << 10 // bytes; longer messages get memory of their own
	// mostArriving is how many bytes long messages may hold that have not arrived
	// whole, of all connections together: who begins many and finishes none must
	// not fill the memory.
	mostArriving = 256 << 20
)

var scratches = sync.Pool{New: func() any { b := make([]byte, 0, scratch); return &b }}

// slurp reads a message into memory of its own, which conversations may keep.
func (s *Server) slurp(r io.Reader, most int) ([]byte, error) {
	pooled := scratches.Get().(*[]byte)
	defer scratches.Put(pooled)
	b := (*pooled)[:0]
	for {
		if len(b) == cap(b) {
			return s.slurpLong(b, r, most)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > most:
			return nil, errTooBig
		case err == io.EOF:
			return bytes.Clone(b), nil
		case err != nil:
			return nil, err
		}
	}
}

// slurpLong reads the rest of a message that has outgrown the scratch.
func (s *Server) slurpLong(start []byte, r io.Reader, most int) ([]byte, error) {
	var held int64
	defer func() { s.arriving.Add(-held) }()
	b := start
	for {
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(2*cap(b), most+1))
			held += int64(cap(grown))
			if s.arriving.Add(int64(cap(grown))) > mostArriving {
				return nil, errBusy
			}
			copy(grown, b)
			b = grown
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > most:
			return nil, errTooBig
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		}
	}
}
