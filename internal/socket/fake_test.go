package socket

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// silence is an engine without media.
type silence struct{}

func (silence) Play(media.TransportID, media.PlayRequest) (media.Player, error) {
	return nil, media.ErrClosed
}
func (silence) Open(media.TransportID, media.TransportOptions) (media.Transport, error) {
	return nil, media.ErrClosed
}
func (silence) Apply(media.Routes) {}
func (silence) Close() error       { return nil }

// plain is a small dialect for tests. A message is a word and the rest: "join
// NAME ROOM", "say TEXT" (answered "said", then told to everybody), "echo TEXT",
// "wait DURATION" (says "expired" then), "panic", "close CODE REASON", "end"
// (ends the session).
type plain struct {
	link     *core.Connection
	me       *core.Participant
	deadline time.Time
	closed   chan<- dialect.Closure
	grace    time.Duration
}

func (p *plain) Receive(_ context.Context, msg []byte) []dialect.Frame {
	verb, rest, _ := strings.Cut(string(msg), " ")
	switch verb {
	case "join":
		name, room, _ := strings.Cut(rest, " ")
		me, _, err := p.link.Session().Join(core.JoinRequest{Name: name, Room: core.NewRoomID(core.DefaultRealm, room), Create: &core.Policy{Guests: core.PermitTalk}})
		if err != nil {
			return text("error " + err.Error())
		}
		p.me = me
		return text("joined")
	case "say":
		if err := p.me.Send(core.Message{Echo: true, Type: core.TextMessage, Body: []byte(rest)}); err != nil {
			return text("error " + err.Error())
		}
		return text("said")
	case "echo":
		return text(rest)
	case "many":
		var n int
		fmt.Sscan(rest, &n)
		var frames []dialect.Frame
		for i := range n {
			frames = append(frames, dialect.Text([]byte(fmt.Sprint(i))))
		}
		return frames
	case "wait":
		d, _ := time.ParseDuration(rest)
		p.deadline = time.Now().Add(d)
		return text("waiting")
	case "panic":
		panic("as asked")
	case "close":
		var code int
		fmt.Sscan(rest, &code)
		return append(text("closing"), dialect.End(code, "as asked"), dialect.Text([]byte("never")))
	case "end":
		p.link.Session().End(core.ReasonLeft)
		return text("ended")
	}
	return text("unknown " + verb)
}

func (p *plain) Notify(_ context.Context, e *core.Event) []dialect.Frame {
	switch f := e.Fact.(type) {
	case core.MessageSent:
		return []dialect.Frame{dialect.Text(e.Encoded("plain", func(core.Fact) []byte { return []byte("heard " + f.FromName + " " + string(f.Body)) }))}
	case core.ParticipantLeft:
		return text("left " + f.Name)
	case core.SessionEnded:
		return text("over " + string(f.Reason))
	}
	return nil
}

func (p *plain) Deadline() time.Time { return p.deadline }

func (p *plain) Expire(context.Context, time.Time) []dialect.Frame {
	p.deadline = time.Time{}
	return text("expired")
}

func (p *plain) Closed(how dialect.Closure) {
	p.link.Detach(p.grace)
	if p.closed != nil {
		p.closed <- how
	}
}

func (p *plain) Greet(context.Context) []dialect.Frame { return text("hello") }

func text(s string) []dialect.Frame { return []dialect.Frame{dialect.Text([]byte(s))} }

// rig is a server on loopback that speaks plain.
type rig struct {
	*Server
	hub    *core.Hub
	url    string
	mux    *http.ServeMux
	closed chan dialect.Closure
	log    *logged
}

type logged struct {
	mu  sync.Mutex
	out strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

var roomy = Limits{Connections: 10000, PerAddress: 10000, MessageBytes: 64 << 10, MessagesPerSecond: 1e6, MessageBurst: 1e6}

func newRig(t testing.TB, limits Limits, timing Timing, change ...func(*core.Limits, *dialect.Dialect, *Terms)) *rig {
	t.Helper()
	r := &rig{closed: make(chan dialect.Closure, 10000), log: &logged{}}
	terms := Terms{Access: core.AccessOpen}
	d := dialect.Dialect{Name: "plain", Paths: []string{"/plain/"}}
	cl := core.DefaultLimits()
	for _, f := range change {
		f(&cl, &d, &terms)
	}
	d.Open = func(c *core.Connection, query map[string][]string) dialect.Conversation {
		return &plain{link: c, closed: r.closed}
	}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	hub, err := core.NewHub(core.Options{Limits: cl, Log: log, Media: func(media.Sink) (media.Engine, error) { return silence{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	r.hub = hub
	r.Server = New(Options{Hub: hub, Log: log, Limits: limits, Timing: timing, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	mux := http.NewServeMux()
	Mount(mux, d, r.Endpoint(d, terms))
	r.mux = mux
	web := httptest.NewServer(mux)
	r.url = strings.Replace(web.URL, "http", "ws", 1) + "/plain"
	t.Cleanup(func() {
		r.hub.EndSessions(core.ReasonShutdown)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := hub.Close(); err != nil {
			t.Errorf("close hub: %v", err)
		}
		web.Close()
		if n := hub.Sessions(); n != 0 {
			t.Errorf("%d sessions left", n)
		}
	})
	return r
}

// client is a peer of the library's own making.
type client struct {
	t testing.TB
	*websocket.Conn
}

func (r *rig) dial(t testing.TB) *client {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.Dial(r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	c := &client{t, ws}
	t.Cleanup(func() { ws.Close() })
	c.want("hello")
	return c
}

func (c *client) say(s string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

const patience = 20 * time.Second

func (c *client) want(all ...string) {
	c.t.Helper()
	for _, want := range all {
		c.SetReadDeadline(time.Now().Add(patience))
		_, got, err := c.ReadMessage()
		if err != nil {
			c.t.Fatalf("got %v, want %q", err, want)
		}
		if string(got) != want {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// wantClose wants a close frame of this code to be next, and returns its reason.
func (c *client) wantClose(code int) string {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	_, got, err := c.ReadMessage()
	closed, ok := err.(*websocket.CloseError)
	if !ok || closed.Code != code {
		c.t.Fatalf("got %q, %v, want close %d", got, err, code)
	}
	return closed.Text
}

// wantClosure waits until the server's conversation has ended.
func (r *rig) wantClosure(t testing.TB, want dialect.Closure) {
	t.Helper()
	select {
	case got := <-r.closed:
		if got != want {
			t.Fatalf("closed as %+v, want %+v", got, want)
		}
	case <-time.After(patience):
		t.Fatal("the conversation did not end")
	}
}
