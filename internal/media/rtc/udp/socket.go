// Package udp moves many datagrams with few system calls: it owns the UDP
// sockets, their kernel buffers, and how datagrams pass in and out of them.
//
// Reading is by batches: [Socket.ReadBatch] waits for the first datagram and
// takes along what else has arrived. Writing is by bursts: a [Writer] lends out
// room in its arena, the caller seals packets straight into it, and
// [Writer.Flush] sends everything to everyone in one system call, a run of
// packets to one destination as one message that the kernel cuts up (UDP
// generic segmentation offload). Nothing is allocated, converted or looked up
// on the way of a packet.
//
// A Socket may be used by any number of goroutines. A Batch and a Writer belong
// to one goroutine each. The package knows no protocol: not RTP, not ICE, not
// who listens. On other systems than Linux the same API sends and receives one
// datagram at a time.
package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// defaultBuffer is what is asked of the kernel for each direction: some 40 ms
// of a gigabit, or the key frame of a video for 50 subscribers.
const defaultBuffer = 4 << 20

// Options of a socket. The zero value is useful.
type Options struct {
	// ReusePort lets several sockets of this process share one address; the
	// kernel spreads the peers among them and keeps each peer with one socket
	// for as long as the set of sockets does not change. ListenGroup sets it.
	ReusePort bool
	// ReceiveBuffer and SendBuffer are the sizes in bytes to ask for; 0 means
	// 4 MiB. The kernel may grant less: see Socket.Buffers.
	ReceiveBuffer, SendBuffer int
}

// Socket is a UDP socket bound to one local address. All its methods may be
// called by any goroutine.
type Socket struct {
	conn          *net.UDPConn
	raw           syscall.RawConn
	local         netip.AddrPort
	receive, send int         // kernel buffers; set once in Listen
	asked         Options     // for the buffers; set once in Listen
	segment       atomic.Bool // the kernel cuts messages up
	counters      counters
}

// counters are added to once for each batch or burst, not for each datagram.
type counters struct {
	received, truncated                  atomic.Uint64
	sent, bytes, calls, dropped, refused atomic.Uint64
}

// Stats counts what passed through a socket since it was opened, except what
// [Socket.WriteTo] sent.
type Stats struct {
	Received  uint64 // datagrams read
	Truncated uint64 // of these, datagrams longer than the buffer, delivered empty
	Sent      uint64 // datagrams the kernel took
	SentBytes uint64 // their payloads
	SendCalls uint64 // system calls that took
	Dropped   uint64 // datagrams for which the send buffer had no room
	Failed    uint64 // datagrams refused for another reason, such as no route
}

// Listen opens a socket at addr. An IPv4 address, even the wildcard, makes an
// IPv4 socket; an IPv6 address makes one that speaks IPv6 only. Port 0 takes a
// free port.
func Listen(addr netip.AddrPort, o Options) (*Socket, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	if o.ReceiveBuffer == 0 {
		o.ReceiveBuffer = defaultBuffer
	}
	if o.SendBuffer == 0 {
		o.SendBuffer = defaultBuffer
	}
	s := &Socket{asked: o}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return s.configure(raw, o) }}
	conn, err := config.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.conn = conn.(*net.UDPConn)
	local := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), s.conn.Close())
	}
	return s, nil
}

// ListenGroup opens n sockets, n at least 1, that share one address and port:
// one for each core or reader, say. With port 0 the first takes a free port and
// the others join it. More than one is possible on Linux only. On failure none
// stays open.
func ListenGroup(addr netip.AddrPort, n int, o Options) ([]*Socket, error) {
	o.ReusePort = o.ReusePort || n > 1
	var group []*Socket
	for range n {
		s, err := Listen(addr, o)
		if err != nil {
			for _, s := range group {
				err = errors.Join(err, s.Close())
			}
			return nil, err
		}
		group = append(group, s)
		addr = s.LocalAddr()
	}
	return group, nil
}

// LocalAddr returns the address the socket is bound to, with the port it got.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Buffers returns the sizes of the kernel's buffers in bytes, as the kernel
// counts them: with its own overhead for each datagram. 0 means unknown.
func (s *Socket) Buffers() (receive, send int) { return s.receive, s.send }

// Tight tells whether the kernel granted less than was asked for.
func (s *Socket) Tight() bool {
	return s.receive > 0 && s.receive < s.asked.ReceiveBuffer || s.send > 0 && s.send < s.asked.SendBuffer
}

// Segmentation reports whether runs of equal datagrams are handed to the kernel
// in one piece. It starts as what the kernel says it can do and turns false for
// good if sending shows otherwise.
func (s *Socket) Segmentation() bool { return s.segment.Load() }

// Stats returns the counters. They are read one after the other, so a burst
// under way may be in one and not yet in another.
func (s *Socket) Stats() Stats {
	c := &s.counters
	return Stats{
		Received: c.received.Load(), Truncated: c.truncated.Load(),
		Sent: c.sent.Load(), SentBytes: c.bytes.Load(), SendCalls: c.calls.Load(),
		Dropped: c.dropped.Load(), Failed: c.refused.Load(),
	}
}

// WriteTo sends one datagram, such as a STUN or DTLS message, without a Writer.
// If the kernel's buffer is full it waits for room.
func (s *Socket) WriteTo(b []byte, to netip.AddrPort) error {
	if _, err := s.conn.WriteToUDPAddrPort(b, to); err != nil {
		return fmt.Errorf("write datagram: %w", err)
	}
	return nil
}

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on, also
// one that is waiting. The zero time means never.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

// Close closes the socket. Reads that wait return, they and everything after
// fail with net.ErrClosed.
func (s *Socket) Close() error { return s.conn.Close() }
