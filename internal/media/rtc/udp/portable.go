//go:build !linux

package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// rawAddr is empty: the net package converts addresses itself.
type rawAddr struct{}

func newRawAddr(netip.AddrPort) rawAddr { return rawAddr{} }

// receiver is empty: datagrams are read one by one.
type receiver struct{}

// sender is empty: datagrams are sent one by one.
type sender struct{}

func (b *Batch) prepare() {
	for i, buf := range b.buffers {
		b.buffers[i] = make([]byte, len(buf)+1) // one more, to see what is too long
	}
}

func (w *Writer) prepare() {}

// configure leaves the kernel's buffers as they are: there is no portable way
// to learn what was granted.
func (s *Socket) configure(_ syscall.RawConn, o Options) error {
	if o.ReusePort {
		return fmt.Errorf("share port: %w", errors.ErrUnsupported)
	}
	return nil
}

func (b *Batch) read(s *Socket) (n, truncated int, err error) {
	buf := b.buffers[0]
	size, from, err := s.conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		return 0, 0, err
	}
	b.datagrams[0] = Datagram{Data: buf[:size], From: netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}
	if size == len(buf) {
		b.datagrams[0].Data = nil
		truncated = 1
	}
	return 1, truncated, nil
}

// deliver sends the messages, which have one datagram each.
func (w *Writer) deliver() error {
	for i := range w.messages {
		m := &w.messages[i]
		w.tally.calls++
		if _, err := w.socket.conn.WriteToUDPAddrPort(m.data, m.dst.to); errors.Is(err, net.ErrClosed) {
			return err
		} else if err != nil {
			w.tally.lose(&w.tally.refused, m)
		}
	}
	return nil
}
