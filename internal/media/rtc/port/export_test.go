package port

import (
	"net/netip"

	"switchboard/internal/media/rtc/udp"
)

// Dispatch takes a datagram as a reader does.
func Dispatch(p *Port, b []byte, from netip.AddrPort) {
	p.dispatch(p.sockets4[0], &udp.Datagram{Data: b, From: from}, 0)
}
