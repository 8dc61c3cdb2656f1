// Package port owns the one port number on which all WebRTC traffic arrives,
// UDP and, for clients whose network blocks that, TCP (RFC 4571, RFC 6544). It
// tells the kinds of datagrams apart by their first byte (RFC 7983) and finds
// out whose they are.
//
// Who belongs to whom is learnt from ICE only: a connectivity check that names
// an [Endpoint] and is signed with its password makes its sender known to that
// endpoint. Nothing else creates state, and what comes from unknown addresses
// is dropped, so that strangers can neither fill tables nor take over an
// address. The package knows no SDP, no keys and no tracks.
//
// Each socket has one reader goroutine, and each TCP connection. A media
// datagram costs one look-up of its sender's address and goes straight to the
// endpoint's [Media]; STUN and DTLS are queued for the endpoint's owner. All
// methods may be called from any goroutine.
package port

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/internal/media/rtc/udp"
)

// Media takes an endpoint's SRTP and SRTCP datagrams. Receive is called by
// readers; it must not wait and not keep the datagram, but may write into it.
type Media interface {
	Receive(datagram []byte, at int64)
}

// Clock is what the receiver of media needs around each batch of datagrams.
type Clock interface {
	// Now is asked once for each batch; it is the at of Media.Receive.
	Now() int64
	// Kick is called behind the last datagram of a batch that had media.
	Kick()
}

// Options of a port.
type Options struct {
	// Log takes what an operator may want to know; nil discards it.
	Log *slog.Logger
	// Address to bind. The IPv6 wildcard binds IPv4 as well; port 0 takes a
	// free one.
	Address netip.AddrPort
	// Sockets is how many sockets share the UDP port, each with its own reader;
	// less than 1 means 1. Where the system cannot share a port there is one.
	Sockets int
	// TCP accepts connections on the same number.
	TCP bool
	// Clock is required.
	Clock Clock
}

// Stats counts what passed through the port by UDP since it was opened, and what
// was dropped.
type Stats struct {
	Received, Sent, SentBytes uint64 // datagrams, and the payloads of those sent
	Unsent                    uint64 // datagrams for which the system had no room

	Strangers uint64 // datagrams from addresses that belong to nobody
	Refused   uint64 // connectivity checks for nobody or with a wrong password
	Overflows uint64 // STUN and DTLS that their owner was too slow to take
	Refusals  uint64 // TCP connections beyond the limit or without a valid check
}

// Port is the one port.
type Port struct {
	log      *slog.Logger
	clock    Clock
	sockets4 []*udp.Socket // set once in Listen, as are the next two
	sockets6 []*udp.Socket
	listener net.Listener
	owners   owners
	checks   checks

	mu      sync.RWMutex
	names   map[string]*Endpoint // by ICE username fragment; guarded by mu
	conns   map[*stream]struct{} // TCP connections; guarded by mu
	waiting []*stream            // connections of nobody yet, in order of arrival; guarded by mu
	closed  bool                 // guarded by mu

	wg    sync.WaitGroup // readers and connections
	stats struct{ strangers, refused, overflows, refusals atomic.Uint64 }
}

// Listen opens the port.
func Listen(o Options) (*Port, error) {
	p := &Port{log: o.Log, clock: o.Clock, names: map[string]*Endpoint{}, conns: map[*stream]struct{}{}}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.owners.prepare()
	p.checks.prepare()
	if err := p.open(o); err != nil {
		return nil, errors.Join(fmt.Errorf("open media port: %w", err), p.Close())
	}
	sockets := p.Sockets()
	if len(sockets) > 0 && sockets[0].Tight() {
		receive, send := sockets[0].Buffers()
		p.log.Info("the system keeps the buffers of the media port small, so bursts of packets may be lost", "receive", receive, "send", send)
	}
	for _, s := range sockets {
		p.wg.Go(func() { p.read(s) })
	}
	if p.listener != nil {
		p.wg.Go(p.accept)
	}
	return p, nil
}

// open opens the sockets. With port 0 a number is looked for that is free for
// everything that is wanted.
func (p *Port) open(o Options) error {
	var err error
	for range 16 {
		if err = p.openAt(o); err == nil || o.Address.Port() != 0 {
			return err
		}
		p.closeSockets()
	}
	return err
}

func (p *Port) openAt(o Options) error {
	address := netip.AddrPortFrom(o.Address.Addr().Unmap(), o.Address.Port())
	both := address.Addr() == netip.IPv6Unspecified()
	var err error
	if address.Addr().Is6() {
		if p.sockets6, err = listenGroup(address, o.Sockets); err != nil && !both {
			return err
		}
		if both {
			number := address.Port()
			if len(p.sockets6) > 0 {
				number = p.sockets6[0].LocalAddr().Port()
			} else {
				p.log.Info("media over IPv6 is not available", "error", err)
			}
			address = netip.AddrPortFrom(netip.IPv4Unspecified(), number)
		}
	}
	if address.Addr().Is4() {
		if p.sockets4, err = listenGroup(address, o.Sockets); err != nil {
			return err
		}
	}
	if !o.TCP {
		return nil
	}
	local := p.LocalAddr()
	network := "tcp4"
	switch {
	case both:
		network, local = "tcp", netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port())
		if len(p.sockets6) == 0 {
			network, local = "tcp4", p.LocalAddr()
		}
	case local.Addr().Is6():
		network = "tcp6"
	}
	p.listener, err = net.Listen(network, local.String())
	return err
}

// listenGroup opens n sockets, or one where sharing is not to be had.
func listenGroup(address netip.AddrPort, n int) ([]*udp.Socket, error) {
	group, err := udp.ListenGroup(address, max(n, 1), udp.Options{})
	if err != nil && n > 1 && errors.Is(err, errors.ErrUnsupported) {
		return udp.ListenGroup(address, 1, udp.Options{})
	}
	return group, err
}

// LocalAddr returns an address the port is bound to, with the number it got.
func (p *Port) LocalAddr() netip.AddrPort {
	if len(p.sockets4) > 0 {
		return p.sockets4[0].LocalAddr()
	}
	return p.sockets6[0].LocalAddr()
}

// IPv4 and IPv6 tell which families the port speaks.
func (p *Port) IPv4() bool { return len(p.sockets4) > 0 }

// IPv6 tells whether the port speaks IPv6.
func (p *Port) IPv6() bool { return len(p.sockets6) > 0 }

// TCP tells whether the port takes TCP connections.
func (p *Port) TCP() bool { return p.listener != nil }

// Sockets returns the UDP sockets, for their counters.
func (p *Port) Sockets() []*udp.Socket {
	return append(p.sockets4[:len(p.sockets4):len(p.sockets4)], p.sockets6...)
}

// Stats returns the counters.
func (p *Port) Stats() Stats {
	all := Stats{
		Strangers: p.stats.strangers.Load(), Refused: p.stats.refused.Load(),
		Overflows: p.stats.overflows.Load(), Refusals: p.stats.refusals.Load(),
	}
	for _, s := range p.Sockets() {
		n := s.Stats()
		all.Received += n.Received
		all.Sent += n.Sent
		all.SentBytes += n.SentBytes
		all.Unsent += n.Dropped
	}
	return all
}

// socket returns one to reach an address of this family, nil if there is none.
func (p *Port) socket(to netip.Addr) *udp.Socket {
	group := p.sockets6
	if to.Is4() {
		group = p.sockets4
	}
	if len(group) == 0 {
		return nil
	}
	return group[0]
}

// Close closes the sockets and connections and returns when their goroutines
// have ended. Endpoints are left to their owners: reads from them fail. A
// second call does nothing.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	err := p.closeSockets()
	for c := range conns {
		c.close()
	}
	p.wg.Wait()
	return err
}

func (p *Port) closeSockets() error {
	var err error
	for _, s := range p.Sockets() {
		err = errors.Join(err, s.Close())
	}
	if p.listener != nil {
		err = errors.Join(err, p.listener.Close())
	}
	return err
}

// batchSize is how many datagrams one system call takes in; a video frame at
// high rates has some fifty.
const batchSize = 64

// datagramSize is the longest datagram that is taken in.
const datagramSize = 2048

// read is the life of a socket's reader.
func (p *Port) read(s *udp.Socket) {
	batch := udp.NewBatch(batchSize, datagramSize)
	var failures int
	for {
		datagrams, err := s.ReadBatch(batch)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if failures++; failures > 1 && !p.pause(failures, err) {
				return
			}
			continue
		}
		failures = 0
		at, kick := p.clock.Now(), false
		for i := range datagrams {
			kick = p.dispatch(s, &datagrams[i], at) || kick
		}
		if kick {
			p.clock.Kick()
		}
	}
}

// pause keeps a socket that fails again and again from spinning. It gives a
// thousand failures in a row, ten seconds, for the trouble to pass.
func (p *Port) pause(failures int, err error) bool {
	if failures == 2 {
		p.log.Warn("media socket cannot be read", "error", err)
	}
	if failures > 1000 {
		p.log.Error("media socket given up", "error", err)
		return false
	}
	<-time.After(10 * time.Millisecond)
	return true
}

// dispatch gives a datagram to whom it belongs, and tells whether it was media.
func (p *Port) dispatch(s *udp.Socket, d *udp.Datagram, at int64) bool {
	if len(d.Data) == 0 {
		return false
	}
	switch b := d.Data[0]; {
	case b >= 128 && b <= 191:
		if e := p.owners.of(d.From); e != nil {
			e.media.Receive(d.Data, at)
			return true
		}
		p.stats.strangers.Add(1)
	case b <= 3:
		p.takeSTUN(d.Data, remote{addr: d.From, socket: s})
	case b >= 20 && b <= 63:
		if e := p.owners.of(d.From); e != nil {
			e.secured.push(d.Data, d.From)
		} else {
			p.stats.strangers.Add(1)
		}
	}
	return false
}
