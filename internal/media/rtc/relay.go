package rtc

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/turn/v5"
)

// RelayOptions configure the built-in TURN server (RFC 8656), for clients whose
// network lets nothing through but what looks like this. It relays to this
// engine's port and nowhere else, so that it is of no use to strangers.
type RelayOptions struct {
	// Address to bind, for UDP and TCP; port 0 takes a free one.
	Address netip.AddrPort
	// Secret from which passwords are made; empty makes one, good until the
	// engine is closed.
	Secret string
	// Realm that the server names; empty means "switchboard".
	Realm string
	// Lifetime of a password; 0 means an hour.
	Lifetime time.Duration
	// PortMin and PortMax bound the UDP ports that relayed packets leave from,
	// toward this engine; 0 leaves the choice to the system.
	PortMin, PortMax uint16
}

// RelayCredentials are what a client needs to use the relay, in the form of
// RTCIceServer. They show the holder for Lifetime only and are not to be logged.
type RelayCredentials struct {
	URLs     []string
	Username string
	Password string
	Expires  time.Time
}

// relay is the running server.
type relay struct {
	options RelayOptions
	hosts   *hosts
	server  *turn.Server
	local   netip.AddrPort

	mu    sync.Mutex
	held  map[string]int // allocations by user; guarded by mu
	total int            // of held; guarded by mu
}

// Limits of allocations; each is a socket. A browser makes two or three for a
// connection.
const (
	maxAllocations     = 4096
	maxUserAllocations = 64
)

// grants tells whether a user may have another allocation.
func (r *relay) grants(user, _ string, _ net.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total < maxAllocations && r.held[user] < maxUserAllocations
}

// count keeps account of allocations.
func (r *relay) count(user string, change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += change
	if r.held[user] += change; r.held[user] <= 0 {
		delete(r.held, user)
	}
}

// newRelay starts the server.
func newRelay(o RelayOptions, h *hosts, log *pionLog) (*relay, error) {
	if o.Realm == "" {
		o.Realm = "switchboard"
	}
	if o.Lifetime == 0 {
		o.Lifetime = time.Hour
	}
	if o.Secret == "" {
		o.Secret = rand.Text()
	}
	r := &relay{options: o, hosts: h, held: map[string]int{}}
	packets, listener, err := listenBoth(o.Address)
	if err != nil {
		return nil, fmt.Errorf("start relay: %w", err)
	}
	r.local = packets.LocalAddr().(*net.UDPAddr).AddrPort()
	r.local = netip.AddrPortFrom(r.local.Addr().Unmap(), r.local.Port())
	r.server, err = turn.NewServer(turn.ServerConfig{
		Realm:         o.Realm,
		LoggerFactory: log,
		AuthHandler:   turn.LongTermTURNRESTAuthHandler(o.Secret, log.NewLogger("turn")),
		QuotaHandler:  r.grants,
		EventHandler: turn.EventHandler{
			OnAllocationCreated: func(_, _ net.Addr, _, user, _ string, _ net.Addr, _ int) { r.count(user, 1) },
			OnAllocationDeleted: func(_, _ net.Addr, _, user, _ string) { r.count(user, -1) },
		},
		PacketConnConfigs: []turn.PacketConnConfig{
			{PacketConn: packets, RelayAddressGenerator: r, PermissionHandler: r.permits},
		},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: listener, RelayAddressGenerator: r, PermissionHandler: r.permits},
		},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start relay: %w", err), packets.Close(), listener.Close())
	}
	return r, nil
}

// listenBoth opens UDP and TCP on one number.
func listenBoth(a netip.AddrPort) (net.PacketConn, net.Listener, error) {
	var failure error
	for range 16 {
		packets, err := net.ListenPacket("udp", a.String())
		if err != nil {
			return nil, nil, err
		}
		number := packets.LocalAddr().(*net.UDPAddr).Port
		listener, err := net.Listen("tcp", net.JoinHostPort(a.Addr().String(), strconv.Itoa(number)))
		if err == nil {
			return packets, listener, nil
		}
		failure = errors.Join(err, packets.Close())
		if a.Port() != 0 {
			break
		}
	}
	return nil, nil, failure
}

func (r *relay) close() error { return r.server.Close() }

// permits lets clients talk to this engine only.
func (r *relay) permits(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	if !ok {
		return false
	}
	_, ok = r.reach(netip.AddrPortFrom(a.Unmap(), r.hosts.port.LocalAddr().Port()))
	return ok
}

// reach returns where this machine finds the engine that clients know under an
// address, or false if it is not the engine's. A public address may be known
// to the world only and not lead back here.
func (r *relay) reach(to netip.AddrPort) (netip.AddrPort, bool) {
	if to.Port() != r.hosts.port.LocalAddr().Port() {
		return to, false
	}
	own := r.hosts.own()
	for _, a := range own {
		if a == to.Addr() {
			return to, true
		}
	}
	for _, public := range r.hosts.public {
		for _, a := range own {
			if public == to.Addr() && a.Is4() == public.Is4() {
				return netip.AddrPortFrom(a, to.Port()), true
			}
		}
	}
	return to, false
}

// Validate implements turn.RelayAddressGenerator.
func (r *relay) Validate() error { return nil }

var errOnlyUDP = errors.New("only udp is relayed")

// AllocatePacketConn implements turn.RelayAddressGenerator. What is relayed
// stays on this machine, so it leaves from one of its addresses.
func (r *relay) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	v6 := strings.HasSuffix(c.Network, "6")
	for _, a := range r.hosts.own() {
		if a.Is6() != v6 {
			continue
		}
		conn, err := r.listen(a)
		if err != nil {
			return nil, nil, err
		}
		return &relayConn{UDPConn: conn, relay: r, known: map[netip.AddrPort]netip.AddrPort{}}, conn.LocalAddr(), nil
	}
	return nil, nil, fmt.Errorf("allocate relay: %w", errors.ErrUnsupported)
}

// listen opens a socket in the range.
func (r *relay) listen(a netip.Addr) (*net.UDPConn, error) {
	if r.options.PortMin == 0 {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	}
	span := max(1, int(r.options.PortMax)-int(r.options.PortMin)+1)
	first := int(random64() % uint64(span))
	var err error
	for i := range min(span, 64) {
		number := r.options.PortMin + uint16((first+i)%span)
		var conn *net.UDPConn
		if conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, number))); err == nil {
			return conn, nil
		}
	}
	return nil, fmt.Errorf("allocate relay: %w", err)
}

// AllocateListener implements turn.RelayAddressGenerator.
func (r *relay) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errOnlyUDP
}

// AllocateConn implements turn.RelayAddressGenerator.
func (r *relay) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errOnlyUDP }

// relayConn is the engine's side of an allocation. It passes packets between
// the client and the engine's port and no others; permissions name an address
// only, not a port.
type relayConn struct {
	*net.UDPConn
	relay *relay

	mu    sync.Mutex
	known map[netip.AddrPort]netip.AddrPort // how the client calls the engine's addresses; guarded by mu
}

// WriteTo drops what is not for the engine.
func (c *relayConn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return len(b), nil
	}
	called := a.AddrPort()
	called = netip.AddrPortFrom(called.Addr().Unmap(), called.Port())
	real, ok := c.relay.reach(called)
	if !ok {
		return len(b), nil
	}
	c.mu.Lock()
	if c.known[real] != called {
		c.known[real] = called
	}
	c.mu.Unlock()
	return c.UDPConn.WriteToUDPAddrPort(b, real)
}

// ReadFrom drops what the client did not write to.
func (c *relayConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		c.mu.Lock()
		called, ok := c.known[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]
		c.mu.Unlock()
		if ok {
			return n, net.UDPAddrFromAddrPort(called), nil
		}
	}
}

// RelayCredentials makes credentials for a client; user appears in them as it
// is and must not contain a colon. It returns false if there is no relay.
//
// They follow the convention for time-limited TURN credentials
// (draft-uberti-behave-turn-rest): the name says when it ends, the password is
// its HMAC-SHA1 under the secret.
func (e *Engine) RelayCredentials(user string) (RelayCredentials, bool) {
	r := e.relay
	if r == nil {
		return RelayCredentials{}, false
	}
	name, password, err := turn.GenerateLongTermTURNRESTCredentials(r.options.Secret, user, r.options.Lifetime)
	if err != nil {
		return RelayCredentials{}, false
	}
	c := RelayCredentials{Username: name, Password: password, Expires: time.Now().Add(r.options.Lifetime)}
	addresses := []netip.Addr{r.local.Addr()}
	if len(r.hosts.public) > 0 || r.local.Addr().IsUnspecified() {
		addresses = r.hosts.addresses()
	}
	for _, kind := range []string{"udp", "tcp"} {
		for _, a := range addresses {
			c.URLs = append(c.URLs, fmt.Sprintf("turn:%s?transport=%s", netip.AddrPortFrom(a, r.local.Port()), kind))
		}
	}
	return c, true
}
