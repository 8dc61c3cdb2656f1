package forward

import (
	"encoding/binary"

	"github.com/pion/rtcp"

	"switchboard/internal/media/rtc/srtp"
	"switchboard/internal/media/rtc/udp"
)

// egress is the sending side of a transport. It belongs to the transport's
// worker.
type egress struct {
	transport *Transport
	sealer    *srtp.Sealer // nil before Start and after Close
	overhead  int
	writer    *udp.Writer // the fast path, with addr
	addr      *udp.Addr
	slow      *slowPath // or the slow one
	senders   []*sender
	scratch   []byte
	listed    bool // in the worker's wheel
}

// ready tells whether there are keys and a way.
func (e *egress) ready() bool { return e.sealer != nil && (e.writer != nil || e.slow != nil) }

// space lends out room for a datagram.
func (e *egress) space(n int) []byte {
	if e.slow == nil {
		return e.writer.Space(n)
	}
	return e.slow.space(n)
}

// commit queues it, for the next flush of the worker or for the goroutine of the
// slow path, and tells whether there was room.
func (e *egress) commit(datagram []byte) bool {
	if e.slow == nil {
		e.writer.Commit(len(datagram))
		return true
	}
	if e.slow.commit(datagram) {
		return true
	}
	e.transport.dropped.Add(1)
	return false
}

// send seals the packets of b for one subscriber. This is where the server
// spends its time.
func (w *worker) send(sub *subscription, b *burst) int {
	s := sub.sender
	e := &s.transport.out
	if !e.ready() || sub.generation != s.generation && !s.turn(sub.generation) {
		return 0
	}
	looks := b.look(sub.variant)
	if e.slow == nil {
		e.writer.Begin(e.addr)
	}
	sent, octets, bytes := 0, 0, 0
	for i, p := range b.packets {
		if p.serial <= s.seen || (p.index < s.from || p.epoch != s.epoch) && !s.begin(p, sub, b.track) {
			continue
		}
		k := &looks.packets[i]
		if k.size == 0 {
			continue
		}
		number := p.index + s.offset
		buf := e.space(k.size + e.overhead)
		header := buf[:k.end-k.start]
		copy(header, looks.memory[k.start:k.end])
		complete(header, uint16(number), p.timestamp+s.shift, s.ssrc)
		buf = e.sealer.SealRTP(buf, header, k.body, uint32(number>>16))
		if number > s.newest {
			s.newest, s.timestamp, s.rate, s.at = number, p.timestamp+s.shift, p.rate, p.at
		}
		if !e.commit(buf) {
			continue
		}
		sent++
		octets += len(k.body)
		bytes += len(buf)
	}
	if sent > 0 {
		s.packets += uint32(sent)
		s.octets += uint32(octets)
		s.transport.sent.add(sent, bytes)
	}
	return sent
}

// sendReport seals and sends a compound RTCP packet.
func (e *egress) sendReport(w *worker, datagram []byte) {
	if !e.ready() {
		return
	}
	if e.slow == nil {
		e.writer.Begin(e.addr)
	}
	buf, err := e.sealer.SealRTCP(e.space(len(datagram)+e.overhead+4), datagram)
	if err != nil { // 2^31 reports: the key is used up
		return
	}
	if e.commit(buf) {
		w.unsent++
		e.transport.sent.add(1, len(buf))
	}
}

// reportAll sends the sender reports of a transport.
func (e *egress) reportAll(w *worker, now int64) {
	if !e.ready() {
		return
	}
	e.scratch = e.scratch[:0]
	var chunks []rtcp.SourceDescriptionChunk
	for _, s := range e.senders {
		if s.packets == 0 || len(chunks) >= 16 {
			continue
		}
		e.scratch = s.appendReport(e.scratch, now)
		chunks = append(chunks, rtcp.SourceDescriptionChunk{
			Source: s.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: e.transport.o.CNAME}},
		})
	}
	if len(chunks) == 0 {
		return
	}
	names, err := (&rtcp.SourceDescription{Chunks: chunks}).Marshal()
	if err != nil { // a name longer than RTCP can say
		names = nil
	}
	e.sendReport(w, append(e.scratch, names...))
}

// appendReport appends the sender report of s (RFC 3550 section 6.4.1). The
// timestamp is the one that belongs to now by the publisher's own reports, so
// that its sound and picture stay together; without any, by the newest packet.
func (s *sender) appendReport(dst []byte, now int64) []byte {
	at := mapping{s.at, s.timestamp}
	if g := s.segment(s.newest); g != nil && g.track != nil {
		if m := g.track.clock.Load(); m != nil && !s.waiting {
			at = mapping{m.at, m.timestamp + g.shift}
		}
	}
	dst = append(dst, 0x80, typeSenderReport, 0, 6)
	dst = binary.BigEndian.AppendUint32(dst, s.ssrc)
	dst = binary.BigEndian.AppendUint64(dst, s.transport.plane.stamp(now))
	dst = binary.BigEndian.AppendUint32(dst, at.timestampAt(now, s.rate))
	dst = binary.BigEndian.AppendUint32(dst, s.packets)
	return binary.BigEndian.AppendUint32(dst, s.octets)
}
