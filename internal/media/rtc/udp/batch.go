package udp

import (
	"fmt"
	"net/netip"
)

// Datagram is what arrived from one peer. It is valid until the next ReadBatch
// into the same Batch.
type Datagram struct {
	// Data is the payload. It is empty if the datagram was, or if it was longer
	// than the buffer: what is cut off is of no use to anybody.
	Data []byte
	// From is the sender. An IPv4 address is never in its IPv6 form, so that
	// From can be compared and used as a key.
	From netip.AddrPort
}

// Batch is room for datagrams to be read into. It belongs to one goroutine.
type Batch struct {
	buffers   [][]byte
	datagrams []Datagram
	receiver  // the system's part
}

// NewBatch makes a batch for up to n datagrams of up to size bytes each.
func NewBatch(n, size int) *Batch {
	b := &Batch{buffers: make([][]byte, n), datagrams: make([]Datagram, n)}
	memory := make([]byte, n*size)
	for i := range b.buffers {
		b.buffers[i] = memory[i*size : (i+1)*size : (i+1)*size]
	}
	b.prepare()
	return b
}

// ReadBatch waits for a datagram and returns it with those that have arrived
// behind it, in order, as many as b has room for. It fails with net.ErrClosed
// after Close and with os.ErrDeadlineExceeded after the read deadline; other
// errors concern this read only. Several goroutines may read from one socket,
// each with a Batch of its own. It allocates nothing, except for the zone of a
// link-local IPv6 peer.
func (s *Socket) ReadBatch(b *Batch) ([]Datagram, error) {
	n, truncated, err := b.read(s)
	if err != nil {
		return nil, fmt.Errorf("read datagrams: %w", err)
	}
	s.counters.received.Add(uint64(n))
	if truncated > 0 {
		s.counters.truncated.Add(uint64(truncated))
	}
	return b.datagrams[:n], nil
}
