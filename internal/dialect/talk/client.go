package talk

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Server is what a transcript is played on in memory.
type Server struct {
	Hub      *core.Hub
	Dialects []dialect.Dialect
	Access   core.Access
}

// Sent is one thing that a connection was sent: a message, or its end.
type Sent struct {
	Text  []byte
	Close *dialect.Close
}

// Client is one connection in memory, with a loop that calls the conversation
// just as a socket's does: Receive, then everything in the mailbox; Notify when
// woken; Expire at the deadline. Its methods are for the test's goroutine.
type Client struct {
	conn     *core.Connection
	conv     dialect.Conversation
	messages chan []byte
	hangs    chan dialect.Closure
	woken    chan struct{}
	over     chan struct{}
	arrived  chan struct{} // gets a value when something was sent
	done     chan struct{} // closed when the loop has ended

	mu   sync.Mutex
	sent []Sent // guarded by mu
}

// Connect opens a connection to a dialect of the server and starts its loop,
// which ends with Cut, Close or a close of the server's.
func (s Server) Connect(d dialect.Dialect, query map[string][]string) (*Client, error) {
	c := &Client{messages: make(chan []byte), hangs: make(chan dialect.Closure), woken: make(chan struct{}, 1),
		over: make(chan struct{}, 1), arrived: make(chan struct{}, 1), done: make(chan struct{})}
	conn, err := s.Hub.Connect(core.ConnectRequest{Via: d.Name, Remote: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Access: s.Access,
		Wake: func() { signal(c.woken) }, Overflow: func() { signal(c.over) }})
	if err != nil {
		return nil, err
	}
	c.conn = conn
	c.conv = d.Open(conn, query)
	go c.loop(context.Background())
	return c, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (c *Client) loop(ctx context.Context) {
	defer close(c.done)
	var ended bool
	if g, ok := c.conv.(dialect.Greeter); ok {
		ended = c.write(g.Greet(ctx))
	}
	for !ended {
		deadline := c.conv.Deadline()
		timer := time.NewTimer(time.Until(deadline))
		due := timer.C
		if deadline.IsZero() {
			timer.Stop()
			due = nil
		}
		select {
		case m := <-c.messages:
			ended = c.write(c.conv.Receive(ctx, m)) || c.drain(ctx)
		case <-c.woken:
			ended = c.drain(ctx)
		case <-due:
			ended = c.write(c.conv.Expire(ctx, time.Now())) || c.drain(ctx)
		case how := <-c.hangs:
			c.end(how)
			ended = true
		case <-c.over:
			c.put(Sent{Close: &dialect.Close{Code: 1013, Reason: "too slow"}})
			c.end(dialect.Closure{Clean: true, Code: 1013})
			ended = true
		}
		timer.Stop()
	}
}

// drain tells the conversation what is in the mailbox.
func (c *Client) drain(ctx context.Context) (ended bool) {
	for _, e := range c.conn.Take(nil) {
		if c.write(c.conv.Notify(ctx, e)) {
			return true
		}
	}
	return false
}

func (c *Client) write(frames []dialect.Frame) (ended bool) {
	for _, f := range frames {
		if f.Text != nil {
			c.put(Sent{Text: f.Text})
		}
		if f.Close != nil {
			c.put(Sent{Close: f.Close})
			c.end(dialect.Closure{Clean: true, Code: f.Close.Code})
			return true
		}
	}
	return false
}

func (c *Client) end(how dialect.Closure) {
	c.conv.Closed(how)
	c.conn.Close()
}

func (c *Client) put(s Sent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, s)
	signal(c.arrived)
}

// Send gives the conversation a message and returns when its loop has taken
// it; false when the connection has ended.
func (c *Client) Send(message []byte) bool {
	select {
	case c.messages <- message:
		return true
	case <-c.done:
		return false
	}
}

// Hang ends the connection from the peer's side. It does nothing on one that
// has ended.
func (c *Client) Hang(how dialect.Closure) {
	select {
	case c.hangs <- how:
	case <-c.done:
	}
	<-c.done
}

// Arrived gets a value when something was sent since the last value was taken.
func (c *Client) Arrived() <-chan struct{} { return c.arrived }

// Take returns what was sent since the last call.
func (c *Client) Take() []Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.sent
	c.sent = nil
	return all
}
