package iota

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

// Heard is a message as a client reads it.
type Heard struct {
	ID, Type string
	Log      *struct{ Message string }
	Data     map[string]any
}

// Text returns what a key of the data says, "" unless it is a string.
func (h *Heard) Text(key string) string {
	s, _ := h.Data[key].(string)
	return s
}

// Client is a connection of somebody to one of the server's sockets. A
// goroutine reads; Close ends it and waits for it.
type Client struct {
	conn  *websocket.Conn
	ended sync.WaitGroup

	writing sync.Mutex

	mu    sync.Mutex
	heard []Heard       // not asked for yet; guarded by mu
	over  error         // why nothing more comes; guarded by mu
	news  chan struct{} // closed and replaced at every change; guarded by mu
}

// Dial opens a connection to a socket, ws://….
func Dial(ctx context.Context, url string) (*Client, error) {
	conn, answer, err := websocket.DefaultDialer.DialContext(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close() // empty
	c := &Client{conn: conn, news: make(chan struct{})}
	c.ended.Go(c.read)
	return c, nil
}

func (c *Client) read() {
	for {
		_, b, err := c.conn.ReadMessage()
		var h Heard
		if err == nil {
			err = json.Unmarshal(b, &h)
		}
		if err == nil && (h.ID == "" || h.Log == nil || h.Data == nil) {
			err = fmt.Errorf("a message without id, log or data, which clients need: %s", b)
		}
		c.mu.Lock()
		if err != nil {
			c.over = err
		} else {
			c.heard = append(c.heard, h)
		}
		close(c.news)
		c.news = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Close ends the connection as a page does that is closed.
func (c *Client) Close() {
	c.writing.Lock()
	_ = c.conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, "")) // or it is over already
	c.writing.Unlock()
	_ = c.conn.Close() // likewise
	c.ended.Wait()
}

// Say sends a message and returns its id.
func (c *Client) Say(kind string, data map[string]any) string {
	id := NewID()
	c.write(map[string]any{"id": id, "type": kind, "data": data})
	return id
}

// Shout sends a message to which nobody awaits a reply: it has no id.
func (c *Client) Shout(kind string, data map[string]any) {
	c.write(map[string]any{"type": kind, "data": data})
}

func (c *Client) write(m map[string]any) {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.conn.WriteJSON(m) // what is wrong is noticed by who waits to hear
}

// Hear waits for a message that is as wanted and takes it; others stay for those
// who ask for them. It fails when ctx or the connection ends.
func (c *Client) Hear(ctx context.Context, wanted func(*Heard) bool) (Heard, error) {
	for {
		c.mu.Lock()
		for i := range c.heard {
			if h := c.heard[i]; wanted(&h) {
				c.heard = append(c.heard[:i:i], c.heard[i+1:]...)
				c.mu.Unlock()
				return h, nil
			}
		}
		over, news := c.over, c.news
		c.mu.Unlock()
		if over != nil {
			return Heard{}, over
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Heard{}, fmt.Errorf("%w; what was heard instead: %s", ctx.Err(), c.rest())
		}
	}
}

func (c *Client) rest() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, h := range c.heard {
		all = append(all, fmt.Sprint(h.Type, h.Data))
	}
	return strings.Join(all, ", ")
}

// Rest takes everything that has come and that nobody asked for.
func (c *Client) Rest() []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.heard
	c.heard = nil
	return all
}

// Ask sends a message and waits for its reply.
func (c *Client) Ask(ctx context.Context, kind string, data map[string]any) (Heard, error) {
	id := c.Say(kind, data)
	return c.Hear(ctx, func(h *Heard) bool { return h.ID == id })
}
