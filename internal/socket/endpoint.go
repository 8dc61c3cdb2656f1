package socket

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strconv"

	"github.com/gorilla/websocket"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// readBuffer holds what a connection has read ahead. Longer payloads pass it by,
// for one more system call, which is cheap beside the memory of all those who
// say nothing.
const readBuffer = 256

// endpoint is where one dialect is spoken.
type endpoint struct {
	server  *Server
	dialect dialect.Dialect
	terms   Terms
	limit   int // bytes of a message
	count   counters
}

// refusal says why a connection was not let in.
type refusal uint8

const (
	admitted refusal = iota
	refusedOrigin
	refusedDenied
	refusedStopping
	refusedConnections
	refusedAddress
	refusedHandshake
	refusalKinds
)

// String returns the refusal as metrics name it.
func (r refusal) String() string {
	return [refusalKinds]string{"admitted", "origin", "denied", "stopping", "connections", "connections_per_address", "handshake"}[r]
}

// answer is what a client hears that is not let in: a status of HTTP and a
// sentence.
func (r refusal) answer() (status int, text string) {
	switch r {
	case refusedOrigin:
		return http.StatusForbidden, "pages of this origin may not connect here"
	case refusedDenied:
		return http.StatusForbidden, "nobody may connect here"
	case refusedAddress:
		return http.StatusTooManyRequests, "too many connections from your address"
	case refusedConnections:
		return http.StatusServiceUnavailable, "the server has no place for another connection"
	}
	return http.StatusServiceUnavailable, "the server is stopping"
}

// ServeHTTP lets one client in. The connection's goroutine is not this one: that
// ends, and net/http frees its buffers.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		http.Error(w, "this address speaks WebSocket", http.StatusUpgradeRequired)
		return
	}
	if e.terms.Origin != nil && !e.terms.Origin(r.Header.Get("Origin"), r.Host) {
		e.refuse(w, refusedOrigin)
		return
	}
	s := e.server
	remote := s.Remote(r)
	place := placeOf(remote)
	if why := s.admit(place); why != admitted {
		e.refuse(w, why)
		return
	}
	c := newConn(e, place)
	link, err := s.hub.Connect(core.ConnectRequest{Via: e.dialect.Name, Remote: remote, Access: e.terms.Access,
		Wake: c.wake, Overflow: c.overflow})
	if err != nil {
		s.release(c)
		if core.KindOf(err) == core.Denied {
			e.refuse(w, refusedDenied)
		} else {
			e.refuse(w, refusedStopping)
		}
		return
	}
	c.link = link
	if err := c.upgrade(w, r); err != nil {
		link.Close()
		s.release(c)
		s.refused.add(refusedHandshake)
		s.log.Debug("handshake failed", "dialect", e.dialect.Name, "remote", remote, "error", err)
		return
	}
	c.query = r.URL.Query()
	s.enter(c)
	go c.run()
}

func (e *endpoint) refuse(w http.ResponseWriter, why refusal) {
	e.server.refused.add(why)
	status, text := why.answer()
	if status != http.StatusForbidden {
		w.Header().Set("Retry-After", strconv.Itoa(5))
	}
	http.Error(w, text, status)
}

// upgrade answers the handshake (RFC 6455 section 4.2.2). Of the subprotocols
// that a client offers the first is chosen, since browsers drop a connection
// that chooses none.
func (c *conn) upgrade(w http.ResponseWriter, r *http.Request) error {
	header := http.Header{}
	if offered := websocket.Subprotocols(r); len(offered) > 0 {
		header.Set("Sec-WebSocket-Protocol", offered[0])
	}
	ws, err := c.server.upgrader.Upgrade(&hijacker{w, &c.wire}, r, header)
	if err != nil {
		return err
	}
	c.wire.shaken = true
	ws.SetPingHandler(c.pinged)
	ws.SetPongHandler(func(string) error { c.pace(); return nil })
	ws.SetCloseHandler(func(int, string) error { return nil }) // answered where the close is read
	c.ws = ws
	return nil
}

// hijacker puts a wire between the WebSocket library and the network.
type hijacker struct {
	http.ResponseWriter
	wire *wire
}

// Hijack implements [http.Hijacker].
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	below, ok := h.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("this connection cannot carry a WebSocket")
	}
	nc, buffers, err := below.Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire.Conn = nc
	return h.wire, buffers, nil
}
