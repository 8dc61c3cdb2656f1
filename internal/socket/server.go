// Package socket owns the WebSocket connections of clients: how they are let
// in, read, written, kept alive, slowed down and ended. It drives one
// conversation for each connection and knows nothing of what is said.
//
// A connection has one goroutine of its own, which reads. Whoever has something
// to do for it (the reader with a message, a short-lived goroutine with events
// or a deadline) takes the connection's turn, a mutex, so a conversation is
// called by one goroutine at a time, and everything a turn has to say leaves in
// one write. Server's methods may be called from any goroutine. The package
// must not know any dialect by name.
package socket

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Limits bound what connections can make the server spend. All must be set.
type Limits struct {
	Connections       int     // at one time; more get HTTP 503
	PerAddress        int     // at one time from one address (an IPv6 /64); more get HTTP 429
	MessageBytes      int     // of dialects that say nothing else; a longer message ends the connection with 1009
	MessagesPerSecond float64 // over time; a faster client is read no faster
	MessageBurst      int     // at once, above the rate
}

// Timing says how long a connection may take for what. Zero values take those
// of DefaultTiming.
type Timing struct {
	PingAfter   time.Duration // of silence of the peer
	DropAfter   time.Duration // of silence of the peer, in all; longer than PingAfter
	WriteWithin time.Duration // before a peer that does not read is given up
	CloseWithin time.Duration // for the peer to answer our close frame
}

// DefaultTiming suits browsers and the proxies in front of them, which often
// drop what was silent for a minute.
func DefaultTiming() Timing {
	return Timing{PingAfter: 30 * time.Second, DropAfter: 60 * time.Second, WriteWithin: 10 * time.Second, CloseWithin: 2 * time.Second}
}

// Options are what a Server needs. Timing and TrustedProxies may be left out.
type Options struct {
	Hub    *core.Hub
	Log    *slog.Logger
	Limits Limits
	Timing Timing
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
}

// Server lets connections in and knows them all.
type Server struct {
	hub      *core.Hub
	log      *slog.Logger
	limits   Limits
	timing   Timing
	proxies  []netip.Prefix
	upgrader websocket.Upgrader
	ctx      context.Context // of conversations; ends when connections are cut
	cancel   context.CancelFunc
	refused  refusals
	arriving atomic.Int64 // bytes held by long messages that are not yet whole

	running sync.WaitGroup // connections and their turns; added to under mu or by what runs
	crew    crew

	mu        sync.Mutex
	refusing  bool               // guarded by mu
	admitted  int                // guarded by mu
	addresses map[netip.Addr]int // admitted ones by where they come from; guarded by mu
	open      map[*conn]struct{} // guarded by mu
	endpoints []*endpoint        // guarded by mu
}

// New makes a server without connections. Its owner calls Close.
func New(o Options) *Server {
	t, usual := o.Timing, DefaultTiming()
	for _, d := range []struct{ set, usual *time.Duration }{{&t.PingAfter, &usual.PingAfter}, {&t.DropAfter, &usual.DropAfter},
		{&t.WriteWithin, &usual.WriteWithin}, {&t.CloseWithin, &usual.CloseWithin}} {
		if *d.set <= 0 {
			*d.set = *d.usual
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{hub: o.Hub, log: o.Log, limits: o.Limits, timing: t, proxies: o.TrustedProxies,
		// We write frames ourselves, so the library needs no write buffer; the pool
		// keeps it from making one.
		upgrader: websocket.Upgrader{ReadBufferSize: readBuffer, WriteBufferPool: &sync.Pool{}, HandshakeTimeout: t.WriteWithin,
			CheckOrigin: func(*http.Request) bool { return true }, // done by the endpoint
			Error: func(w http.ResponseWriter, _ *http.Request, status int, err error) {
				http.Error(w, err.Error(), status)
			}},
		ctx: ctx, cancel: cancel, crew: newCrew(), addresses: map[netip.Addr]int{}, open: map[*conn]struct{}{}}
}

// Terms say who may connect to an endpoint.
type Terms struct {
	Access core.Access
	// Origin tells whether a page from this Origin may connect to this Host; both
	// are the headers. Nil lets every page in.
	Origin func(origin, host string) bool
}

// Endpoint returns a handler that speaks d at any path. Other requests than
// those for a WebSocket get 426.
func (s *Server) Endpoint(d dialect.Dialect, t Terms) http.Handler {
	e := &endpoint{server: s, dialect: d, terms: t, limit: d.MessageBytes}
	if e.limit <= 0 {
		e.limit = s.limits.MessageBytes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = append(s.endpoints, e)
	return e
}

// Mount serves h at a dialect's own paths, each with and without a slash at its
// end.
func Mount(mux *http.ServeMux, d dialect.Dialect, h http.Handler) {
	for _, path := range d.Paths {
		path = strings.TrimSuffix(path, "/")
		if path != "" {
			mux.Handle(path, h)
		}
		mux.Handle(path+"/{$}", h)
	}
}

// Refuse lets nobody in from now on; connections that exist go on.
func (s *Server) Refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = true
}

// Close refuses new connections, waits for those that exist to end, until ctx
// does, cuts what is left and returns when no goroutine remains. It does not
// ask them to end: the hub does, by ending their sessions. Its error is that of
// ctx if connections had to be cut.
func (s *Server) Close(ctx context.Context) error {
	s.Refuse()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		s.crew.dismiss()
		close(ended)
	}()
	defer s.cancel()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	s.cut()
	<-ended
	return ctx.Err()
}

// cut breaks every connection.
func (s *Server) cut() {
	s.mu.Lock()
	all := make([]*conn, 0, len(s.open))
	for c := range s.open {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.wire.abort()
	}
}

// admit takes a place for a connection, or says why there is none.
func (s *Server) admit(from netip.Addr) refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.refusing:
		return refusedStopping
	case s.admitted >= s.limits.Connections:
		return refusedConnections
	case s.addresses[from] >= s.limits.PerAddress:
		return refusedAddress
	}
	s.admitted++
	s.addresses[from]++
	s.running.Add(1)
	return admitted
}

// enter lists a connection that was admitted, so that it can be cut.
func (s *Server) enter(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = struct{}{}
	if s.ctx.Err() != nil { // it was admitted before, and missed the cut
		c.wire.abort()
	}
}

// release gives a place back.
func (s *Server) release(c *conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.admitted--
	if s.addresses[c.place]--; s.addresses[c.place] <= 0 {
		delete(s.addresses, c.place)
	}
	s.mu.Unlock()
	s.running.Done()
}
