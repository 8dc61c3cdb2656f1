package rtc

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"switchboard/internal/media/rtc/port"
)

// hosts knows the addresses at which clients can reach the port.
type hosts struct {
	port   *port.Port
	public []netip.Addr
	also   bool

	mu       sync.Mutex
	machine  []netip.Addr // guarded by mu
	lookedAt time.Time    // when machine was read; guarded by mu
}

// interfacesKept is how long the machine's addresses are taken to stay; asking
// for them costs some system calls.
const interfacesKept = 10 * time.Second

func newHosts(p *port.Port, public []netip.Addr, also bool) *hosts {
	h := &hosts{port: p, also: also}
	for _, a := range public {
		h.public = append(h.public, a.Unmap())
	}
	return h
}

// own returns the addresses of this machine that the port is bound to.
func (h *hosts) own() []netip.Addr {
	if a := h.port.LocalAddr().Addr(); !a.IsUnspecified() {
		return []netip.Addr{a}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.machine == nil || time.Since(h.lookedAt) > interfacesKept {
		h.machine, h.lookedAt = machineAddresses(h.port.IPv4(), h.port.IPv6()), time.Now()
	}
	return h.machine
}

// checkable tells whether checks may be sent to an address that a peer says it
// has. It keeps a peer from making us send to where no peer can be, among it
// this machine's own services, unless we offer loopback ourselves. Somebody who
// does send from there is answered all the same.
func (h *hosts) checkable(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) &&
		(!a.IsLoopback() || slices.ContainsFunc(h.own(), netip.Addr.IsLoopback))
}

// addresses returns what clients are told, the preferred first.
func (h *hosts) addresses() []netip.Addr {
	if len(h.public) == 0 {
		return h.own()
	}
	if !h.also {
		return h.public
	}
	all := slices.Clone(h.public)
	for _, a := range h.own() {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// maxHosts is how many of a machine's addresses clients are told; each costs
// every client checks.
const maxHosts = 8

// machineAddresses lists the addresses of the interfaces that are up. Loopback
// counts only where there is nothing else.
func machineAddresses(v4, v6 bool) []netip.Addr {
	var found, loopback []netip.Addr
	interfaces, _ := net.InterfaceAddrs()
	for _, i := range interfaces {
		n, ok := i.(*net.IPNet)
		if !ok {
			continue
		}
		a, ok := netip.AddrFromSlice(n.IP)
		if a = a.Unmap(); !ok || a.Is4() && !v4 || a.Is6() && !v6 ||
			a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
			continue
		}
		if a.IsLoopback() {
			loopback = append(loopback, a)
		} else if len(found) < maxHosts {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return loopback
	}
	return found
}

// candidates writes our candidates (RFC 8839 section 5.1, RFC 6544 section
// 4.5), UDP before TCP. They are all of type host, as a client needs to know no
// more; the agent itself knows none of them, see agent.go.
func (h *hosts) candidates() []string {
	addresses, number := h.addresses(), h.port.LocalAddr().Port()
	list := make([]string, 0, 2*len(addresses))
	for i, a := range addresses {
		// RFC 8445 section 5.1.2.1: type, local preference, component.
		priority := uint32(126)<<24 | uint32(65535-i)<<8 | 255
		list = append(list, fmt.Sprintf("%d 1 udp %d %s %d typ host", 2*i+1, priority, a, number))
	}
	if !h.port.TCP() {
		return list
	}
	for i, a := range addresses {
		// RFC 6544 section 4.2: below all UDP; passive is direction 4.
		priority := uint32(90)<<24 | uint32(4<<13+8191-i)<<8 | 255
		list = append(list, fmt.Sprintf("%d 1 tcp %d %s %d typ host tcptype passive", 2*i+2, priority, a, number))
	}
	return list
}
