package port

import (
	"bufio"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Limits of TCP connections.
const (
	// maxStreamsInAll is how many connections may exist, and maxWaiting how many
	// of them may not yet have said whose they are.
	maxStreamsInAll, maxWaiting = 4096, 512
	// introduction is how long a connection has for its first signed check.
	introduction = 10 * time.Second
	// frameSize is the longest packet taken from a connection, with its header.
	frameSize = 4096
	// stall is how long a write may wait for a peer that does not read.
	stall = 2 * time.Second
)

// stream is a TCP connection that carries datagrams, each behind its length
// (RFC 4571).
type stream struct {
	conn net.Conn
	addr netip.AddrPort // of the peer

	mu    sync.Mutex
	frame []byte // room to write from; guarded by mu
}

// accept is the life of the listener.
func (p *Port) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			p.mu.RLock()
			closed := p.closed
			p.mu.RUnlock()
			if closed {
				return
			}
			p.log.Warn("media connection cannot be accepted", "error", err)
			<-time.After(50 * time.Millisecond) // out of descriptors, most likely
			continue
		}
		s := &stream{conn: conn}
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			ap := a.AddrPort()
			s.addr = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
		if !p.admit(s) {
			p.stats.refusals.Add(1)
			s.close()
		}
	}
}

// admit starts the connection's reader if there is room, or makes room.
func (p *Port) admit(s *stream) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.conns) >= maxStreamsInAll {
		return false
	}
	if len(p.waiting) >= maxWaiting {
		// The one that has been silent longest goes, so that connections which
		// never say anything do not keep out those that do at once.
		p.waiting[0].close()
		p.waiting = slices.Delete(p.waiting, 0, 1)
	}
	p.conns[s] = struct{}{}
	p.waiting = append(p.waiting, s)
	p.wg.Go(func() {
		p.serve(s)
		s.close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, s)
	})
	return true
}

// serve reads a connection to its end. The first packet must be a signed check:
// it says whose the connection is, for as long as it lives.
func (p *Port) serve(s *stream) {
	in := bufio.NewReaderSize(s.conn, frameSize)
	e := p.introduce(s, in)
	p.mu.Lock()
	if i := slices.Index(p.waiting, s); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if e == nil {
		p.stats.refusals.Add(1)
		return
	}
	defer e.lose(s)
	for {
		b, err := peekFrame(in)
		if err != nil {
			return
		}
		p.take(s, e, b, in.Buffered() <= len(b)+frameHeader)
		_, _ = in.Discard(frameHeader + len(b))
	}
}

// introduce waits for the first packet and returns whose connection it is, nil
// if nobody's. The packet stays in the reader.
func (p *Port) introduce(s *stream, in *bufio.Reader) *Endpoint {
	if s.conn.SetReadDeadline(time.Now().Add(introduction)) != nil {
		return nil
	}
	b, err := peekFrame(in)
	if err != nil {
		return nil
	}
	e := p.endpointOf(b)
	if e == nil || !e.learn(remote{addr: s.addr, stream: s}) {
		return nil
	}
	if s.conn.SetReadDeadline(time.Time{}) != nil {
		e.lose(s)
		return nil
	}
	return e
}

// take deals with a packet that came over a connection of e; last tells that no
// other is behind it yet.
func (p *Port) take(s *stream, e *Endpoint, b []byte, last bool) {
	if len(b) == 0 {
		return
	}
	switch k := b[0]; {
	case k >= 128 && k <= 191:
		e.media.Receive(b, p.clock.Now())
		if last {
			p.clock.Kick()
		}
	case k <= 3:
		p.takeSTUN(b, remote{addr: s.addr, stream: s})
	case k >= 20 && k <= 63:
		e.secured.push(b, s.addr)
	}
}

// frameHeader is the length in front of a packet.
const frameHeader = 2

// peekFrame waits for a whole packet and returns it where it lies in the
// reader.
func peekFrame(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(frameHeader)
	if err != nil {
		return nil, err
	}
	n := frameHeader + int(binary.BigEndian.Uint16(head))
	if n > in.Size() {
		return nil, bufio.ErrBufferFull
	}
	b, err := in.Peek(n)
	if err != nil {
		return nil, err
	}
	return b[frameHeader:], nil
}

// write sends one packet. A peer that does not read for long loses the
// connection.
func (s *stream) write(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frame = append(binary.BigEndian.AppendUint16(s.frame[:0], uint16(len(b))), b...)
	err := s.conn.SetWriteDeadline(time.Now().Add(stall))
	if err == nil {
		_, err = s.conn.Write(s.frame)
	}
	if err != nil {
		s.close()
	}
	return err
}

// close ends the connection; its reader and writers notice.
func (s *stream) close() { _ = s.conn.Close() }
