package udp

import (
	"net/netip"
	"sync/atomic"
)

// Addr is a destination in the form the kernel wants, made once for a
// subscriber and not for each packet. Any number of Writers may use it.
type Addr struct {
	to    netip.AddrPort
	raw   rawAddr
	plain atomic.Bool // segmentation failed on the way there
}

// NewAddr prepares a destination. An IPv4 address in IPv6 form counts as IPv4.
// It can be reached through sockets of its own family.
func NewAddr(to netip.AddrPort) *Addr {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	return &Addr{to: to, raw: newRawAddr(to)}
}

// AddrPort returns the destination.
func (a *Addr) AddrPort() netip.AddrPort { return a.to }

// String returns the destination as text.
func (a *Addr) String() string { return a.to.String() }
