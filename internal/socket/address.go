package socket

import (
	"net/http"
	"net/netip"
	"strings"
)

// Remote returns the address of the client of a request: of the peer or, where
// that is a trusted proxy, of the last address in X-Forwarded-For that no
// trusted proxy has. Earlier ones are the client's own words.
func (s *Server) Remote(r *http.Request) netip.Addr {
	peer := address(r.RemoteAddr)
	if !s.trusts(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := address(strings.TrimSpace(hops[i]))
		if !hop.IsValid() {
			break
		}
		peer = hop
		if !s.trusts(hop) {
			break
		}
	}
	return peer
}

func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// address reads an IP address with or without a port; not valid if it is none.
func address(text string) netip.Addr {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone("")
	}
	alone, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return alone.Unmap().WithZone("")
}

// placeOf returns what counts as one address: of IPv6 the network, since one
// machine has 2^64 of them.
func placeOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
