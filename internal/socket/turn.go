package socket

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// bell remembers whether somebody has to look at a connection's inbox, mailbox
// and deadline, and who will. Its lock is a leaf.
type bell struct {
	mu       sync.Mutex
	inbox    []byte // a message that nobody has looked at; guarded by mu
	pending  bool   // a goroutine has been sent and has not yet got the turn; guarded by mu
	attended bool   // whoever has the turn will look again if more is set; guarded by mu
	more     bool   // rung since they began; guarded by mu
	over     bool   // nobody will look any more; guarded by mu
}

// put leaves a message in the inbox, if there is space for it: it holds one.
func (b *bell) put(msg []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inbox != nil {
		return false
	}
	b.inbox = msg
	return true
}

// take empties the inbox.
func (b *bell) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	msg := b.inbox
	b.inbox = nil
	return msg
}

// enter is called with the turn, by the goroutine that was sent or by another.
func (b *bell) enter(sent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if sent {
		b.pending = false
	}
	b.attended, b.more = true, false
}

// leave is called before the turn is given up. It tells whether it was rung
// meanwhile and a goroutine has to be sent, which then counts as pending.
func (b *bell) leave() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attended = false
	if !b.more || b.pending || b.over {
		return false
	}
	b.pending = true
	return true
}

// wake makes somebody look. It never blocks; the core calls it under locks.
func (c *conn) wake() {
	b := &c.bell
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.over, b.pending:
	case b.attended:
		b.more = true
	default:
		b.pending = true
		c.server.running.Add(1) // not yet over: the reader counts, so nobody has stopped waiting
		c.server.crew.send(c)
	}
}

// begin sends the first goroutine, which opens the conversation.
func (c *conn) begin() {
	c.bell.mu.Lock()
	c.bell.attended = false
	c.bell.mu.Unlock()
	c.wake()
}

// overflow ends a connection whose mailbox is full. Same conditions as wake.
func (c *conn) overflow() {
	c.endpoint.count.slow.Add(1)
	c.wire.hurry()
	c.wake()
}

// attend looks at the mailbox and the deadline until nothing is left to do.
func (c *conn) attend() {
	defer c.server.running.Done()
	for again := true; again; {
		c.turn.Lock()
		c.bell.enter(true)
		c.pass(nil)
		again = c.bell.leave()
		c.turn.Unlock()
	}
}

// receive passes a message on. The reader does not handle it itself, so that
// its stack stays small through all the time that it waits; only when a client
// sends faster than its messages are handled, the reader lends a hand, and does
// not read meanwhile.
func (c *conn) receive(msg []byte) {
	if c.bell.put(msg) {
		c.wake()
		return
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	c.bell.enter(false)
	c.pass(msg)
	if c.bell.leave() {
		c.server.running.Add(1)
		c.server.crew.send(c)
	}
}

// batch is what a turn has to say. Batches are pooled: only connections that
// say something at this moment have one.
type batch struct {
	verb   string // what is being done, for the log
	events []*core.Event
	out    []byte
	bye    *dialect.Close // ends the connection after out
}

var batches = sync.Pool{New: func() any { return new(batch) }}

const (
	fullBatch = 32 << 10 // is written before more is added
	mostBatch = 64 << 10 // a larger buffer is not kept
)

func (b *batch) free() {
	b.verb, b.bye, b.out = "", nil, b.out[:0]
	if cap(b.out) > mostBatch {
		b.out = nil
	}
	if cap(b.events) > 256 {
		b.events = nil
	}
	batches.Put(b)
}

// pass is one turn: first the messages, which is what is in the inbox and then
// msg unless that is nil, then the events, then the deadline. What there is to
// say is written at once. Callers have the turn.
func (c *conn) pass(msg []byte) {
	if c.finished {
		return
	}
	b := batches.Get().(*batch)
	defer b.free()
	c.guarded(b, msg)
	c.flush(b)
	if b.bye != nil && !c.finished {
		c.part(dialect.Closure{Clean: true, Code: codeAbnormal})
	}
}

// guarded does the work of a turn; a panic in it ends this connection only.
func (c *conn) guarded(b *batch, msg []byte) {
	defer func() {
		if p := recover(); p != nil {
			c.panicked(b.verb, p)
			b.bye = &dialect.Close{Code: codeInternal, Reason: "internal error"}
		}
	}()
	if c.link.Overflowed() {
		b.bye = &dialect.Close{Code: codePolicy, Reason: "slow: events are not being read"}
		return
	}
	if c.talk == nil {
		c.open(b)
	}
	for _, m := range [2][]byte{c.bell.take(), msg} {
		if m != nil {
			// What was posted before the message leaves before the reply to it.
			c.drain(b)
			c.handle(b, m)
		}
	}
	c.drain(b)
	c.expire(b)
	c.schedule()
}

// open begins the conversation.
func (c *conn) open(b *batch) {
	b.verb = "open"
	c.debug("connected", "remote", c.link.Remote())
	c.talk = c.endpoint.dialect.Open(c.link, c.query)
	c.query = nil
	if g, ok := c.talk.(dialect.Greeter); ok {
		c.collect(b, g.Greet(c.server.ctx))
	}
}

// handle passes one message to the conversation.
func (c *conn) handle(b *batch, msg []byte) {
	if b.bye == nil {
		c.trace("received", msg)
		b.verb = "receive"
		c.collect(b, c.talk.Receive(c.server.ctx, msg))
	}
}

func (c *conn) panicked(verb string, p any) {
	c.endpoint.count.panics.Add(1)
	c.server.log.Error("panic", "dialect", c.endpoint.dialect.Name, "session", c.link.Session().ID(), "verb", verb,
		"error", fmt.Sprint(p), "stack", string(debug.Stack()))
}

// drain tells the conversation of the events that wait.
func (c *conn) drain(b *batch) {
	if b.bye != nil {
		return
	}
	b.verb = "notify"
	b.events = c.link.Take(b.events[:0])
	defer func() { clear(b.events) }() // they must not live as long as the pool
	for _, e := range b.events {
		c.collect(b, c.talk.Notify(c.server.ctx, e))
		if gone, ok := e.Fact.(core.SessionEnded); ok && b.bye == nil {
			b.bye = farewell(gone.Reason)
		}
		if b.bye != nil {
			return
		}
	}
}

// farewell is how a connection ends with its session, unless the conversation
// said it otherwise.
func farewell(why core.Reason) *dialect.Close {
	if why == core.ReasonShutdown {
		return &dialect.Close{Code: codeGoingAway, Reason: "the server is stopping"}
	}
	return &dialect.Close{Code: codeNormal, Reason: string(why)}
}

// expire tells the conversation that its deadline has passed.
func (c *conn) expire(b *batch) {
	due := c.talk.Deadline()
	if b.bye != nil || due.IsZero() {
		return
	}
	if now := time.Now(); !now.Before(due) {
		b.verb = "expire"
		c.collect(b, c.talk.Expire(c.server.ctx, now))
	}
}

const leastWait = time.Millisecond // even for a conversation that asks for the past again and again

// schedule has the bell rung at the conversation's deadline. There is a timer
// only while there is a deadline.
func (c *conn) schedule() {
	due := c.talk.Deadline()
	if due.Equal(c.deadline) {
		return
	}
	c.deadline = due
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if !due.IsZero() {
		c.timer = time.AfterFunc(max(time.Until(due), leastWait), c.wake)
	}
}

// collect adds what the conversation wants written.
func (c *conn) collect(b *batch, frames []dialect.Frame) {
	for _, f := range frames {
		if b.bye != nil {
			return
		}
		if f.Text != nil {
			if len(b.out) > fullBatch {
				c.flush(b)
			}
			c.trace("sent", f.Text)
			b.out = appendFrame(b.out, frameText, f.Text)
			c.endpoint.count.messagesOut.Add(1)
		}
		b.bye = f.Close
	}
}

// flush writes what was collected. If that fails the reader hears of it.
func (c *conn) flush(b *batch) {
	if b.bye != nil {
		b.out = appendClose(b.out, *b.bye)
	}
	if len(b.out) == 0 {
		return
	}
	if c.wire.send(b.out) != nil {
		c.wire.abort()
	}
	b.out = b.out[:0]
}

// part ends the conversation when a close frame has been written, and gives the
// peer a while to answer it. Callers have the turn.
func (c *conn) part(how dialect.Closure) {
	c.wire.part()
	c.finish(how)
}

// finish ends the conversation and gives the session back to the core. Callers
// have the turn. A second call does nothing.
func (c *conn) finish(how dialect.Closure) {
	if c.finished {
		return
	}
	c.finished = true
	c.bell.mu.Lock()
	c.bell.over = true
	c.bell.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.debug("disconnected", "clean", how.Clean, "code", how.Code)
	c.closed(how)
	c.link.Close()
}

// closed tells the conversation.
func (c *conn) closed(how dialect.Closure) {
	defer func() {
		if p := recover(); p != nil {
			c.panicked("closed", p)
		}
	}()
	if c.talk != nil {
		c.talk.Closed(how)
	}
}
