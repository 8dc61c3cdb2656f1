package port_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"go.uber.org/goleak"

	"switchboard/internal/media/rtc/port"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock counts what a reader asks of it.
type clock struct{ kicks atomic.Int64 }

func (c *clock) Now() int64 { return 42 }
func (c *clock) Kick()      { c.kicks.Add(1) }

// media keeps what it receives.
type media chan []byte

func (m media) Receive(b []byte, _ int64) { m <- bytes.Clone(b) }

// discard is for whom media does not matter.
type discard struct{}

func (discard) Receive([]byte, int64) {}

func listen(t testing.TB, o port.Options) *port.Port {
	t.Helper()
	if !o.Address.IsValid() {
		o.Address = netip.MustParseAddrPort("127.0.0.1:0")
	}
	if o.Clock == nil {
		o.Clock = &clock{}
	}
	p, err := port.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func endpoint(t testing.TB, p *port.Port, name, password string) (*port.Endpoint, media) {
	t.Helper()
	m := make(media, 64)
	e, err := p.NewEndpoint(name, password, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e, m
}

// client is a socket of somebody outside.
type client struct {
	net.PacketConn
	t  testing.TB
	to net.Addr
}

func newClient(t testing.TB, p *port.Port) *client {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{c, t, net.UDPAddrFromAddrPort(p.LocalAddr())}
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.WriteTo(b, c.to); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) addr() netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// check is a connectivity check for an endpoint.
func check(name, password string) []byte {
	m := stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername(name+":peer"), stun.NewShortTermIntegrity(password), stun.Fingerprint)
	return m.Raw
}

// readSTUN reads the next message of an endpoint, or returns nil if there is none
// for a moment.
func readSTUN(t testing.TB, e *port.Endpoint, wait time.Duration) ([]byte, netip.AddrPort) {
	t.Helper()
	e.SetSTUNDeadline(false, time.Now().Add(wait))
	b := make([]byte, 2048)
	n, from, err := e.ReadSTUN(false, b)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, from
	case err != nil:
		t.Fatal(err)
	}
	return b[:n], from
}

var (
	rtpPacket  = append([]byte{0x80, 96, 0, 1}, make([]byte, 20)...)
	dtlsPacket = append([]byte{22, 254, 253}, make([]byte, 20)...)
)

const patience = 10 * time.Second

// arrives waits for a packet.
func arrives(t testing.TB, m media, want []byte) {
	t.Helper()
	select {
	case got := <-m:
		if !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
	case <-time.After(patience):
		t.Fatal("nothing arrived")
	}
}

// TestSignedCheckOpensTheWay: a signed check makes its sender known, and what
// follows from there goes to the endpoint, each kind its own way.
func TestSignedCheckOpensTheWay(t *testing.T) {
	k := &clock{}
	p := listen(t, port.Options{Clock: k, Sockets: 2})
	e, m := endpoint(t, p, "alice", "secret")
	c := newClient(t, p)
	c.send(check("alice", "secret"))
	if _, from := readSTUN(t, e, patience); from != c.addr() {
		t.Fatalf("check came from %v, want %v", from, c.addr())
	}
	c.send(rtpPacket)
	arrives(t, m, rtpPacket)
	for limit := time.Now().Add(patience); k.kicks.Load() == 0; runtime.Gosched() { // it comes behind the batch
		if time.Now().After(limit) {
			t.Fatal("media was received but not set going")
		}
	}
	c.send(dtlsPacket)
	e.SetDTLSDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	if n, _, err := e.ReadDTLS(b); err != nil || !bytes.Equal(b[:n], dtlsPacket) {
		t.Errorf("dtls: %x, %v", b[:n], err)
	}
	if s := p.Stats(); s.Received < 3 || s.Unsent != 0 {
		t.Errorf("counted %+v, want the three that arrived", s)
	}
}

// TestStrangers: nothing from an unknown address gets through or makes state:
// not media, not DTLS, not checks for nobody or with a wrong password, not what
// only looks like STUN.
func TestStrangers(t *testing.T) {
	p := listen(t, port.Options{})
	e, m := endpoint(t, p, "alice", "secret")
	c := newClient(t, p)
	broken := check("alice", "secret")
	binary.BigEndian.PutUint16(broken[2:], 4) // a length that is not its own
	for _, b := range [][]byte{
		rtpPacket, dtlsPacket, check("alice", "guess"), check("bob", "secret"), broken,
		check("alice", "secret")[:20], {0}, {0, 1}, {}, {255}, make([]byte, 4000),
		stun.MustBuild(stun.BindingRequest, stun.TransactionID).Raw,
		stun.MustBuild(stun.BindingSuccess, stun.TransactionID, stun.Fingerprint).Raw,
	} {
		c.send(b)
	}
	c.send(rtpPacket)
	if b, _ := readSTUN(t, e, 100*time.Millisecond); b != nil {
		t.Errorf("a stranger's message got through: %x", b)
	}
	if len(m) != 0 {
		t.Error("a stranger's media got through")
	}
	if s := p.Stats(); s.Strangers != 3 || s.Refused != 3 {
		t.Errorf("stats %+v, want 3 strangers and 3 refused", s)
	}
}

// TestResponsesFindTheirRequest: the answer to a check reaches the endpoint
// that made it, even from an address that was never heard of, and once only.
func TestResponsesFindTheirRequest(t *testing.T) {
	p := listen(t, port.Options{})
	e, _ := endpoint(t, p, "alice", "secret")
	c := newClient(t, p)
	request := stun.MustBuild(stun.BindingRequest, stun.TransactionID)
	if err := e.WriteSTUN(request.Raw, c.addr()); err != nil {
		t.Fatal(err)
	}
	response := stun.MustBuild(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess).Raw
	c.send(response)
	c.send(response)
	if b, _ := readSTUN(t, e, patience); !bytes.Equal(b, response) {
		t.Errorf("got %x", b)
	}
	if b, _ := readSTUN(t, e, 50*time.Millisecond); b != nil {
		t.Error("a response was taken twice")
	}
}

// TestAddressIsNotTakenOver: somebody who has a password of their own and
// claims to be at another's address does not get what comes from there, unless
// they prove to be there.
func TestAddressIsNotTakenOver(t *testing.T) {
	p := listen(t, port.Options{})
	alice, am := endpoint(t, p, "alice", "secret")
	mallory, mm := endpoint(t, p, "mallory", "other")
	c := newClient(t, p) // both send from here, as a forger could
	c.send(check("alice", "secret"))
	readSTUN(t, alice, patience)
	if _, ok := alice.Select(c.addr()); !ok {
		t.Fatal("no path")
	}
	c.send(check("mallory", "other"))
	readSTUN(t, mallory, patience)
	c.send(rtpPacket)
	arrives(t, am, rtpPacket)
	if len(mm) != 0 {
		t.Error("media went to the forger")
	}
	if _, ok := mallory.Select(c.addr()); !ok { // ICE says so: a check was answered
		t.Fatal("no path")
	}
	c.send(rtpPacket)
	arrives(t, mm, rtpPacket)
}

// TestManyAddresses: a peer that is seen at ever new addresses is known at the
// latest ones and at the one in use.
func TestManyAddresses(t *testing.T) {
	p := listen(t, port.Options{})
	e, m := endpoint(t, p, "alice", "secret")
	var clients []*client
	for i := range 40 {
		c := newClient(t, p)
		clients = append(clients, c)
		c.send(check("alice", "secret"))
		readSTUN(t, e, patience)
		if i == 0 {
			if _, ok := e.Select(c.addr()); !ok {
				t.Fatal("no path")
			}
		}
	}
	before := p.Stats().Strangers
	clients[1].send(rtpPacket)
	clients[0].send(rtpPacket)
	arrives(t, m, rtpPacket)
	clients[39].send(rtpPacket)
	arrives(t, m, rtpPacket)
	if got := p.Stats().Strangers - before; got != 1 {
		t.Errorf("%d strangers, want the one that was forgotten", got)
	}
}

// TestRename: after a restart of ICE the old name is nobody's, the addresses
// stay.
func TestRename(t *testing.T) {
	p := listen(t, port.Options{})
	e, m := endpoint(t, p, "old", "secret")
	c := newClient(t, p)
	c.send(check("old", "secret"))
	readSTUN(t, e, patience)
	if err := e.Rename("new", "secret2"); err != nil {
		t.Fatal(err)
	}
	c.send(check("old", "secret"))
	c.send(check("new", "secret2"))
	c.send(rtpPacket)
	arrives(t, m, rtpPacket)
	if b, _ := readSTUN(t, e, patience); b == nil || !bytes.Contains(b, []byte("new:peer")) {
		t.Errorf("got %x", b)
	}
	other, _ := endpoint(t, p, "other", "x")
	if err := other.Rename("new", "y"); !errors.Is(err, port.ErrName) {
		t.Errorf("two of a name: %v", err)
	}
	if _, err := p.NewEndpoint("new", "y", m); !errors.Is(err, port.ErrName) {
		t.Errorf("two of a name: %v", err)
	}
}

// TestTCP: packets over a connection go both ways, after a signed check and not
// before; the connection ends with the endpoint.
func TestTCP(t *testing.T) {
	p := listen(t, port.Options{TCP: true})
	e, m := endpoint(t, p, "alice", "secret")
	dial := func() net.Conn {
		c, err := net.Dial("tcp", p.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	frame := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	for name, first := range map[string][]byte{
		"media":          frame(rtpPacket),
		"wrong password": frame(check("alice", "guess")),
		"too long":       {255, 255, 0, 1},
	} {
		c := dial()
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: connection was kept: %d %v", name, n, err)
		}
	}
	c := dial()
	all := append(frame(check("alice", "secret")), frame(rtpPacket)...)
	for _, b := range [][]byte{all[:10], all[10:60], all[60:]} { // as the network cuts it
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	_, from := readSTUN(t, e, patience)
	arrives(t, m, rtpPacket)
	path, ok := e.Select(from)
	if !ok || path.Write == nil {
		t.Fatalf("path %+v", path)
	}
	if err := path.Write(rtpPacket); err != nil {
		t.Fatal(err)
	}
	if err := e.WriteDTLS(dtlsPacket); err != nil {
		t.Fatal(err)
	}
	want := append(frame(rtpPacket), frame(dtlsPacket)...)
	got := make([]byte, len(want))
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(got); err != nil {
		t.Fatal(err)
	}
	e.Close()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, err := c.Read(got); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection outlives its endpoint")
			}
			break
		}
	}
}

// TestSilentConnectionsKeepNobodyOut: however many connections say nothing, one
// that says whose it is gets through.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	p := listen(t, port.Options{TCP: true})
	_, m := endpoint(t, p, "alice", "secret")
	dial := func() net.Conn {
		c, err := net.Dial("tcp", p.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for range 700 {
		dial()
	}
	c := dial()
	for _, b := range [][]byte{check("alice", "secret"), rtpPacket} {
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
			t.Fatal(err)
		}
	}
	arrives(t, m, rtpPacket)
	if p.Stats().Refusals == 0 {
		t.Error("none of the silent connections was given up")
	}
}

// TestQueuesAreBounded: what nobody reads is dropped and counted.
func TestQueuesAreBounded(t *testing.T) {
	p := listen(t, port.Options{})
	e, _ := endpoint(t, p, "alice", "secret")
	c := newClient(t, p)
	c.send(check("alice", "secret"))
	readSTUN(t, e, patience)
	for range 200 {
		c.send(check("alice", "secret"))
		c.send(dtlsPacket)
	}
	end := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for p.Stats().Overflows < 300-64 {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("stats %+v", p.Stats())
		}
	}
}

// TestWildcard: the IPv6 wildcard listens on IPv4 as well.
func TestWildcard(t *testing.T) {
	p := listen(t, port.Options{Address: netip.MustParseAddrPort("[::]:0"), TCP: true})
	if !p.IPv4() {
		t.Error("no IPv4")
	}
	c, err := net.Dial("tcp4", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), p.LocalAddr().Port()).String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// TestClosed: after Close there are no endpoints any more, and reads end.
func TestClosed(t *testing.T) {
	p := listen(t, port.Options{})
	e, m := endpoint(t, p, "alice", "secret")
	done := make(chan error)
	go func() {
		_, _, err := e.ReadSTUN(false, make([]byte, 10))
		done <- err
	}()
	e.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.NewEndpoint("bob", "x", m); !errors.Is(err, net.ErrClosed) {
		t.Errorf("new endpoint: %v", err)
	}
}

// FuzzDatagram: whatever arrives does no harm.
func FuzzDatagram(f *testing.F) {
	f.Add(check("alice", "secret"))
	f.Add(rtpPacket)
	f.Add(dtlsPacket)
	p, err := port.Listen(port.Options{Address: netip.MustParseAddrPort("127.0.0.1:0"), Clock: &clock{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = p.Close() })
	if _, err := p.NewEndpoint("alice", "secret", discard{}); err != nil {
		f.Fatal(err)
	}
	bob, err := p.NewEndpoint("bob", "secret", discard{})
	if err != nil {
		f.Fatal(err)
	}
	from := netip.MustParseAddrPort("127.0.0.1:9") // bob's peer is there, and reads nothing
	bob.Select(from)
	bob.Settle(port.Peer{Name: "peer", Password: "hers"})
	before, _ := bob.Consent()
	f.Add(check("bob", "secret"))
	f.Add(check("bob", "guess"))
	f.Add(stun.MustBuild(stun.BindingSuccess, stun.TransactionID, stun.NewShortTermIntegrity("hers"), stun.Fingerprint).Raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		port.Dispatch(p, b, from)
		if after, _ := bob.Consent(); after != before {
			t.Error("taken for consent that nobody asked for")
		}
	})
}
