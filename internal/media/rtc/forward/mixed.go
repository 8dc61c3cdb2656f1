package forward

import (
	"math"
	"slices"
	"sync"

	"switchboard/internal/media"
)

// Mixed is a packet of sound made here.
type Mixed struct {
	Sound   Sound
	Payload []byte // copied
	To      []MixedTo
}

// MixedTo is one who gets it. Timestamp counts samples, at 48 kHz if it is Opus and
// else at 8 kHz, and goes on from one packet to the next; where it begins does not
// matter.
type MixedTo struct {
	Transport *Transport
	Timestamp uint32
	Marker    bool
}

// mixing is the sender of a transport that carries what is made here. It is
// immutable.
type mixing struct {
	sender     *sender
	generation uint32
	kind       uint8 // payload type
	sound      Sound
	rate       uint32
}

// mixedBatch is a packet for those of its receivers that one worker serves.
type mixedBatch struct {
	packet *packet
	to     []mixedTo
}

type mixedTo struct {
	*mixing
	timestamp uint32
	marker    bool
}

// mixes is what SendMixed works with.
type mixes struct {
	spare sync.Pool // of *mixedBatch

	mu      sync.Mutex
	batches []*mixedBatch // by worker; guarded by mu
}

// SendMixed queues a packet for the transports whose first audio line carries
// such (see SetReception), until the next Kick. To others, and to those who take
// another encoding, it does not go.
func (p *Plane) SendMixed(m Mixed) {
	if len(m.Payload) > maxDatagram {
		return
	}
	pkt := p.pool.packet(len(m.Payload))
	pkt.payload = pkt.memory[:copy(pkt.memory, m.Payload)]
	pkt.at = p.Now()
	x := &p.mixes
	x.mu.Lock()
	defer x.mu.Unlock()
	x.batches = slices.Grow(x.batches[:0], len(p.workers))[:len(p.workers)]
	for _, to := range m.To {
		carrier := to.Transport.mixing.Load()
		if carrier == nil || carrier.sound != m.Sound {
			continue
		}
		n := to.Transport.worker.number
		if x.batches[n] == nil {
			x.batches[n], _ = x.spare.Get().(*mixedBatch)
			if x.batches[n] == nil {
				x.batches[n] = new(mixedBatch)
			}
			x.batches[n].packet = pkt
			pkt.references.Add(1)
		}
		x.batches[n].to = append(x.batches[n].to, mixedTo{carrier, to.Timestamp, to.Marker})
	}
	for n, b := range x.batches {
		if b != nil {
			p.workers[n].pushMixed(b)
		}
		x.batches[n] = nil
	}
	p.pool.release(pkt, 1)
}

// drop gives a batch back.
func (p *Plane) drop(b *mixedBatch) {
	p.pool.release(b.packet, 1)
	clear(b.to)
	b.packet, b.to = nil, b.to[:0]
	p.mixes.spare.Put(b)
}

// pushMixed is push for what was made here.
func (w *worker) pushMixed(b *mixedBatch) {
	w.mu.Lock()
	full := w.closed || len(w.mixed) >= maxQueued
	if !full {
		w.mixed = append(w.mixed, b)
	}
	w.mu.Unlock()
	if full {
		w.plane.late.Add(1)
		w.plane.drop(b)
		return
	}
	w.pending.Store(true)
}

// sendMixed sends what was made here.
func (w *worker) sendMixed() {
	for i, b := range w.made {
		if w.now-b.packet.at <= stale {
			for j := range b.to {
				w.unsent += w.sendOne(&b.to[j], b.packet)
			}
		} else {
			w.plane.late.Add(1)
		}
		w.plane.drop(b)
		w.made[i] = nil
	}
	w.made = w.made[:0]
}

// sendOne seals a packet made here for one transport, and returns how many
// datagrams that were.
func (w *worker) sendOne(to *mixedTo, p *packet) int {
	s := to.sender
	e := &s.transport.out
	if !e.ready() || to.generation != s.generation && !s.turn(to.generation) {
		return 0
	}
	number := s.newest + 1
	if s.newest == 0 {
		number = w.plane.firstNumber()
	}
	kind := to.kind
	if s.waiting {
		s.shift = 0
		if s.newest != 0 {
			s.shift = s.timestamp + s.pause(p.at, to.rate) - to.timestamp
		}
		s.waiting, s.from = false, math.MaxInt64
		s.pasts[s.past%pastSegments] = segment{first: number}
		s.past++
		kind |= 0x80
	} else if to.marker {
		kind |= 0x80
	}
	if e.slow == nil {
		e.writer.Begin(e.addr)
	}
	s.newest, s.timestamp, s.rate, s.at = number, to.timestamp+s.shift, to.rate, p.at
	buf := e.space(headerSize + len(p.payload) + e.overhead)
	header := buf[:headerSize]
	header[0], header[1] = 0x80, kind
	complete(header, uint16(number), s.timestamp, s.ssrc)
	buf = e.sealer.SealRTP(buf, header, p.payload, uint32(number>>16))
	if !e.commit(buf) {
		return 0
	}
	s.packets++
	s.octets += uint32(len(p.payload))
	s.transport.sent.add(1, len(buf))
	return 1
}

// headerSize is that of RTP without extensions.
const headerSize = 12

// MixedSound returns how the transport takes what is made here, NoSound if it
// takes none now.
func (t *Transport) MixedSound() Sound {
	if m := t.mixing.Load(); m != nil {
		return m.sound
	}
	return NoSound
}

// mixes tells whether the first audio line carries what is made here. plane.mu is
// held.
func (t *Transport) mixes() bool {
	return t.o.Mix || slices.ContainsFunc(t.receptions, func(r reception) bool { return r.mix })
}

// carry makes the sender one for what is made here, and tells whether it can be.
// plane.mu is held.
func (s *sender) carry() bool {
	t := s.transport
	i := slices.IndexFunc(s.line.Codecs, func(c Codec) bool { return soundOf(&c) != NoSound })
	if s.kind != media.Audio || i < 0 {
		return false
	}
	kind, rate, sound := s.line.Codecs[i].PayloadType, s.line.Codecs[i].ClockRate, soundOf(&s.line.Codecs[i])
	switch m := t.mixing.Load(); {
	case !t.started || !t.reachable || t.closed:
		s.follow(nil)
	case m == nil || m.sender != s || m.kind != kind || m.sound != sound:
		s.follow(nil)
		s.subscribed++
		t.mixing.Store(&mixing{s, s.subscribed, kind, sound, rate})
	}
	return true
}
