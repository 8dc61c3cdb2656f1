package rtc

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4"

	"switchboard/internal/media/rtc/port"
)

// checkEvery is how often pairs without an answer are checked again.
const checkEvery = 200 * time.Millisecond

// newAgent makes the ICE agent of a transport, a full one. It finds a way to the
// peer. From then on it only sleeps: whether the peer is still there is the
// endpoint's and the watch's affair.
//
// The agent has one local candidate a family, whatever the number of addresses
// and also for TCP: to it, everything arrives at one place, from addresses that
// differ. That is true, since there is one port, and it keeps Pion from holding
// a goroutine and a buffer for each address of each client. The candidates that
// clients see are written by hosts.
func newAgent(e *Engine, mux *agentMux, name, password string) (*ice.Agent, error) {
	types := make([]ice.NetworkType, 0, 2)
	if e.port.IPv4() {
		types = append(types, ice.NetworkTypeUDP4)
	}
	if e.port.IPv6() {
		types = append(types, ice.NetworkTypeUDP6)
	}
	agent, err := ice.NewAgentWithOptions(
		ice.WithLocalCredentials(name, password),
		ice.WithUDPMux(mux),
		ice.WithNet(noInterfaces{}),
		ice.WithNetworkTypes(types),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithMulticastDNSHostName("unused.local"),
		ice.WithDisableActiveTCP(),
		ice.WithIncludeLoopback(),
		ice.WithDisconnectedTimeout(0),
		ice.WithFailedTimeout(0),
		ice.WithKeepaliveInterval(0),
		ice.WithCheckInterval(checkEvery),
		ice.WithLoggerFactory(e.pion),
	)
	if err != nil {
		return nil, fmt.Errorf("make ice agent: %w", err)
	}
	return agent, nil
}

// newCredentials makes a username fragment and password (RFC 8839 section 5.4)
// of 96 and 192 random bits.
func newCredentials() (name, password string) {
	return randomText(16), randomText(32)
}

// randomText returns n characters of 6 random bits each that are fine in SDP,
// whatever the place.
func randomText(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = letters[b[i]&63]
	}
	return string(b)
}

// noInterfaces tells the agent of no interfaces: it need not look for them,
// which costs system calls for each agent. Nothing else of it is used with a
// mux, without mDNS and without servers.
type noInterfaces struct{ transport.Net }

func (noInterfaces) Interfaces() ([]*transport.Interface, error) { return nil, nil }

// agentMux is an endpoint of the port as the agent wants to see it: a mux with
// one connection a family. It implements ice.UDPMux.
type agentMux struct {
	endpoint *port.Endpoint
	listen   []net.Addr
}

func newAgentMux(e *Engine, endpoint *port.Endpoint) *agentMux {
	m := &agentMux{endpoint: endpoint}
	number := int(e.port.LocalAddr().Port())
	if e.port.IPv4() {
		m.listen = append(m.listen, &net.UDPAddr{IP: net.IPv4zero, Port: number})
	}
	if e.port.IPv6() {
		m.listen = append(m.listen, &net.UDPAddr{IP: net.IPv6zero, Port: number})
	}
	return m
}

func (m *agentMux) GetListenAddresses() []net.Addr { return m.listen }

func (m *agentMux) GetConn(_ string, address net.Addr) (net.PacketConn, error) {
	a, ok := address.(*net.UDPAddr)
	if !ok {
		return nil, net.UnknownNetworkError(address.Network())
	}
	c := &checkConn{endpoint: m.endpoint, local: a, v6: a.IP.To4() == nil}
	c.endpoint.SetSTUNDeadline(c.v6, time.Time{})
	return c, nil
}

func (m *agentMux) RemoveConnByUfrag(string) {}
func (m *agentMux) Close() error             { return nil }

// checkConn is the way of connectivity checks. The agent closes it when it
// starts again, and asks for another.
type checkConn struct {
	endpoint *port.Endpoint
	local    *net.UDPAddr
	v6       bool
	closed   atomic.Bool
}

var _ ice.AddrPortReaderWriter = (*checkConn)(nil)

func (c *checkConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if c.closed.Load() {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	n, from, err := c.endpoint.ReadSTUN(c.v6, b)
	if err != nil {
		return 0, from, net.ErrClosed
	}
	return n, from, nil
}

func (c *checkConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if err := c.endpoint.WriteSTUN(b, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *checkConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (c *checkConn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.UnknownNetworkError(to.Network())
	}
	return c.WriteToAddrPort(b, a.AddrPort())
}

// Close also wakes the agent's reader.
func (c *checkConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.endpoint.SetSTUNDeadline(c.v6, past)
	}
	return nil
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

func (c *checkConn) LocalAddr() net.Addr              { return c.local }
func (c *checkConn) SetWriteDeadline(time.Time) error { return nil }
func (c *checkConn) SetReadDeadline(t time.Time) error {
	c.endpoint.SetSTUNDeadline(c.v6, t)
	return nil
}
func (c *checkConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }
