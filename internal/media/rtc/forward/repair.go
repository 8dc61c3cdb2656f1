package forward

import "encoding/binary"

// Bounds on retransmission to one sender: packets a second, and at once. Ten
// per cent loss of 4 Mbit/s are 50 a second.
const (
	repairRate  = 300
	repairBurst = 150
)

// budget is a token bucket.
type budget struct {
	tokens float64
	at     int64 // of the last refill; 0 before the first
}

// spend takes one token, or returns false.
func (b *budget) spend(now int64) bool {
	if b.at == 0 {
		b.tokens = repairBurst
	} else {
		b.tokens = min(repairBurst, b.tokens+float64(now-b.at)*repairRate/1e9)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// repair sends packets of s again, as far as they are still in a cache.
func (w *worker) repair(s *sender, numbers []uint16) {
	e := &s.transport.out
	if !e.ready() || s.newest == 0 {
		return
	}
	if e.slow == nil {
		e.writer.Begin(e.addr)
	}
	for _, n := range numbers {
		number := s.newest + int64(int16(n-uint16(s.newest)))
		g := s.segment(number)
		if g == nil || g.track == nil || number > s.newest {
			continue
		}
		p := g.track.cache.get(number - g.offset)
		if p == nil {
			continue
		}
		if p.epoch == g.epoch && s.budget.spend(w.now) {
			w.resend(e, s, g, p, number)
		}
		w.plane.pool.release(p, 1)
	}
}

// resend sends one packet again: in a stream of its own (RFC 4588) if the
// subscriber knows one, else exactly as it was, which SRTP demands.
func (w *worker) resend(e *egress, s *sender, g *segment, p *packet, number int64) {
	kind, body := g.variant.body(p)
	if kind == none {
		return
	}
	var buf []byte
	if rtx := g.variant.rtx[kind]; rtx != none && s.repairSSRC != 0 {
		if s.repairs == 0 {
			s.repairs = w.plane.firstNumber()
		}
		w.header = g.variant.appendHeader(w.header[:0], p, rtx)
		complete(w.header, uint16(s.repairs), p.timestamp+g.shift, s.repairSSRC)
		binary.BigEndian.PutUint16(w.original[:], uint16(number))
		buf = e.space(len(w.header) + len(w.original) + len(body) + e.overhead)
		buf = e.sealer.SealSplit(buf, w.header, w.original[:], body, uint32(s.repairs>>16))
		s.repairs++
	} else {
		w.header = g.variant.appendHeader(w.header[:0], p, g.variant.kinds[kind])
		complete(w.header, uint16(number), p.timestamp+g.shift, s.ssrc)
		buf = e.sealer.SealRTP(e.space(len(w.header)+len(body)+e.overhead), w.header, body, uint32(number>>16))
	}
	if e.commit(buf) {
		w.unsent++
		s.transport.retransmitted.Add(1)
		s.transport.sent.add(1, len(buf))
	}
}
