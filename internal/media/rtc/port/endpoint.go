package port

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"switchboard/internal/media/rtc/forward"
	"switchboard/internal/media/rtc/udp"
)

// Limits of an endpoint.
const (
	maxRemotes  = 16 // addresses the peer is known at
	maxStreams  = 4  // of these, TCP connections
	stunQueue   = 32 // datagrams
	secureQueue = 64 // datagrams; a handshake has ten
)

// Endpoint is one media connection's share of the port, named by its ICE
// username fragment.
type Endpoint struct {
	port           *Port
	name, password string // guarded by port.mu
	media          Media
	stun4, stun6   queue
	secured        queue
	checked        []transaction // guarded by port.checks.mu

	mu      sync.Mutex
	remotes []remote // of the peer, the latest last; guarded by mu
	chosen  remote   // where the peer is; guarded by mu
	settled *settled // nil while ICE has not chosen, or begins anew; guarded by mu
	closed  bool     // guarded by mu
}

// remote is where a peer is: an address and the socket or connection that
// leads there.
type remote struct {
	addr   netip.AddrPort
	socket *udp.Socket
	stream *stream
}

// ErrName says that an endpoint of this name exists.
var ErrName = errors.New("username fragment is in use")

// NewEndpoint adds an endpoint. Its name and password are our half of the ICE
// credentials. It fails with ErrName or net.ErrClosed.
func (p *Port) NewEndpoint(name, password string, m Media) (*Endpoint, error) {
	e := &Endpoint{port: p, name: name, password: password, media: m}
	overflow := func() { p.stats.overflows.Add(1) }
	e.stun4.prepare(stunQueue, overflow)
	e.stun6.prepare(stunQueue, overflow)
	e.secured.prepare(secureQueue, overflow)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, fmt.Errorf("add endpoint: %w", net.ErrClosed)
	case p.names[name] != nil:
		return nil, fmt.Errorf("add endpoint: %w", ErrName)
	}
	p.names[name] = e
	return e, nil
}

// Rename gives the endpoint other credentials: ICE starts again (RFC 8445
// section 9). What is known of the peer's addresses stays. It fails with ErrName
// or net.ErrClosed.
func (e *Endpoint) Rename(name, password string) error {
	p := e.port
	p.mu.Lock()
	defer p.mu.Unlock()
	switch other := p.names[name]; {
	case p.closed || p.names[e.name] != e:
		return fmt.Errorf("rename endpoint: %w", net.ErrClosed)
	case other != nil && other != e:
		return fmt.Errorf("rename endpoint: %w", ErrName)
	}
	delete(p.names, e.name)
	e.name, e.password = name, password
	p.names[name] = e
	e.mu.Lock()
	e.settled = nil
	e.mu.Unlock()
	return nil
}

// Close forgets the endpoint, closes its TCP connections and makes its reads
// fail. A second call does nothing.
func (e *Endpoint) Close() {
	p := e.port
	p.mu.Lock()
	if p.names[e.name] == e {
		delete(p.names, e.name)
	}
	p.mu.Unlock()
	e.mu.Lock()
	remotes := e.remotes
	e.remotes, e.chosen, e.settled, e.closed = nil, remote{}, nil, true
	e.mu.Unlock()
	for _, r := range remotes {
		e.drop(r)
	}
	p.checks.forget(e)
	e.stun4.close()
	e.stun6.close()
	e.secured.close()
}

// drop ends a remote.
func (e *Endpoint) drop(r remote) {
	if r.stream != nil {
		r.stream.close()
	} else {
		e.port.owners.release(r.addr, e)
	}
}

// knows tells whether the peer is known to be there.
func (e *Endpoint) knows(r remote) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.remotes, r)
}

// learn makes the peer known at r. It returns false if the endpoint is closed
// or has no room for another connection.
func (e *Endpoint) learn(r remote) bool {
	e.mu.Lock()
	if e.closed || r.stream != nil && e.streams() >= maxStreams {
		e.mu.Unlock()
		return false
	}
	var gone remote
	if len(e.remotes) >= maxRemotes {
		// The oldest makes room, but not the one in use, nor a connection.
		i := slices.IndexFunc(e.remotes, func(r remote) bool { return r != e.chosen && r.stream == nil })
		gone = e.remotes[i]
		e.remotes = slices.Delete(e.remotes, i, i+1)
	}
	e.remotes = append(e.remotes, r)
	e.mu.Unlock()
	if gone.addr.IsValid() {
		e.drop(gone)
	}
	if r.stream == nil {
		e.claim(r.addr, false)
	}
	return true
}

// streams counts the TCP connections. The caller holds mu.
func (e *Endpoint) streams() int {
	n := 0
	for _, r := range e.remotes {
		if r.stream != nil {
			n++
		}
	}
	return n
}

// lose forgets a connection that has ended.
func (e *Endpoint) lose(s *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.remotes = slices.DeleteFunc(e.remotes, func(r remote) bool { return r.stream == s })
}

// uses tells whether the endpoint's media comes from and goes to an address.
func (e *Endpoint) uses(a netip.AddrPort) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.chosen.addr == a && e.chosen.stream == nil
}

// Select says that ICE has chosen the peer's address a, and returns the way
// there. It fails with false if the port cannot reach it.
func (e *Endpoint) Select(a netip.AddrPort) (forward.Path, bool) {
	r, ok := e.find(a)
	if !ok {
		return forward.Path{}, false
	}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return forward.Path{}, false
	}
	e.chosen, e.settled = r, nil
	e.mu.Unlock()
	if r.stream != nil {
		return forward.Path{Write: r.stream.write}, true
	}
	e.mu.Lock()
	if !slices.Contains(e.remotes, r) { // it answered a check before it made one
		e.remotes = append(e.remotes, r)
	}
	e.mu.Unlock()
	e.claim(r.addr, true)
	return forward.Path{Socket: r.socket, Addr: udp.NewAddr(r.addr)}, true
}

// claim takes an address for the endpoint, unless it is closed meanwhile.
func (e *Endpoint) claim(a netip.AddrPort, sure bool) {
	e.port.owners.claim(a, e, sure)
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		e.port.owners.release(a, e)
	}
}

// find returns the latest way to an address of the peer, or else a socket.
func (e *Endpoint) find(a netip.AddrPort) (remote, bool) {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	e.mu.Lock()
	for _, r := range slices.Backward(e.remotes) {
		if r.addr == a {
			e.mu.Unlock()
			return r, true
		}
	}
	e.mu.Unlock()
	s := e.port.socket(a.Addr())
	return remote{addr: a, socket: s}, s != nil
}

// send sends one datagram.
func (r remote) send(b []byte) error {
	if r.stream != nil {
		return r.stream.write(b)
	}
	return r.socket.WriteTo(b, r.addr)
}

// stun returns the queue of a family.
func (e *Endpoint) stun(v6 bool) *queue {
	if v6 {
		return &e.stun6
	}
	return &e.stun4
}

// ReadSTUN waits for a STUN message of the peer over IPv4 or IPv6. It fails with
// net.ErrClosed and, after the deadline, os.ErrDeadlineExceeded. One goroutine a
// family may call it.
func (e *Endpoint) ReadSTUN(v6 bool, b []byte) (int, netip.AddrPort, error) {
	return e.stun(v6).pop(b)
}

// SetSTUNDeadline makes ReadSTUN fail from t on; the zero time means never.
func (e *Endpoint) SetSTUNDeadline(v6 bool, t time.Time) { e.stun(v6).setDeadline(t) }

// WriteSTUN sends a STUN message to an address that the peer may have. It
// remembers requests, so that their responses are found.
func (e *Endpoint) WriteSTUN(b []byte, to netip.AddrPort) error {
	r, ok := e.find(to)
	if !ok {
		return fmt.Errorf("write stun: %w", errors.ErrUnsupported)
	}
	if kind, t, ok := readSTUN(b); ok && kind == bindingRequest {
		e.port.checks.add(t, e)
	}
	return r.send(b)
}

// ReadDTLS waits for a DTLS datagram of the peer. It fails with net.ErrClosed
// and, after the deadline, os.ErrDeadlineExceeded. One goroutine may call it.
func (e *Endpoint) ReadDTLS(b []byte) (int, netip.AddrPort, error) { return e.secured.pop(b) }

// SetDTLSDeadline makes ReadDTLS fail from t on.
func (e *Endpoint) SetDTLSDeadline(t time.Time) { e.secured.setDeadline(t) }

// WriteDTLS sends a DTLS datagram to where the peer was last selected to be. It
// fails with net.ErrClosed when there is no such place any more.
func (e *Endpoint) WriteDTLS(b []byte) error {
	e.mu.Lock()
	r := e.chosen
	e.mu.Unlock()
	if !r.addr.IsValid() {
		return fmt.Errorf("write dtls: %w", net.ErrClosed)
	}
	return r.send(b)
}

// CloseDTLS makes ReadDTLS fail with net.ErrClosed from now on.
func (e *Endpoint) CloseDTLS() { e.secured.close() }
