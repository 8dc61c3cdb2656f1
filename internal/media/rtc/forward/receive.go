package forward

import (
	"encoding/binary"
	"sync"

	"github.com/pion/interceptor/pkg/twcc"

	"switchboard/internal/media/rtc/srtp"
)

// maxStreams is how many SSRCs of a peer are remembered: two for each of some
// lines, and those of former descriptions.
const maxStreams = 32

// ingress is the receiving side of a transport. Readers of sockets and the
// plane's clock use it.
type ingress struct {
	mu      sync.Mutex
	opener  *srtp.Opener       // nil before Start and after Close; guarded by mu
	streams map[uint32]*stream // by SSRC; guarded by mu
	recent  *stream            // of the last packet; guarded by mu

	made    bool       // packets are put in by Put; guarded by mu
	tracks  []*track   // guarded by mu
	senders []*sender  // whom feedback may be about; guarded by mu
	agreed  *agreement // what was negotiated, nil if there are no tracks; guarded by mu

	transportCC *twcc.Recorder // nil if not negotiated; guarded by mu
	wall        clockOffset    // of the peer's reports; guarded by mu
	due         due            // guarded by mu
	heard       int64          // last media; guarded by mu
}

// agreement is what a description says about packets. It is not changed.
type agreement struct {
	roles [256]uint8             // what to do with elements, by ID
	mids  map[string]*track      // tracks by the line's MID
	ssrcs map[uint32]declaration // by declared SSRC
	types [128]*track            // whose payload type it is, if one track's only
}

// declaration is what a description says about an SSRC.
type declaration struct {
	track  *track
	repair bool
}

// stream is what is remembered of one SSRC of the peer.
type stream struct {
	ssrc   uint32
	crypto srtp.Stream
	at     int64  // last packet
	track  *track // nil: not known yet where it belongs
	repair bool   // carries retransmissions (RFC 4588) of track
}

// Receive takes one SRTP or SRTCP datagram of the peer, whatever its contents
// are; at is Plane.Now. It is decrypted in place and not kept. Several readers
// may call it, though they wait for each other; it never waits for anything
// else. Before Start and after Close it does nothing.
func (t *Transport) Receive(datagram []byte, at int64) {
	if len(datagram) < 12 || len(datagram) > maxDatagram {
		return
	}
	in := &t.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.opener == nil {
		return
	}
	t.received.packets.Add(1)
	t.received.bytes.Add(uint64(len(datagram)))
	if kind := datagram[1]; kind >= 192 && kind <= 223 { // RFC 5761 section 4
		if plain, err := in.opener.OpenRTCP(datagram); err == nil {
			t.readReports(plain, at)
		}
		return
	}
	s := in.stream(binary.BigEndian.Uint32(datagram[8:]))
	n, payload, err := in.opener.OpenRTP(datagram, &s.crypto)
	if err != nil {
		return
	}
	if t.remember(s, at) {
		in.heard = at
		if t.rests.Load() != 0 {
			t.rests.Store(0)
		}
		t.readMedia(s, datagram[:n+len(payload)], n, at)
	}
}

// stream returns the one of an SSRC, a new one if there is none; it is to be
// kept only when a packet of it was authentic.
func (in *ingress) stream(ssrc uint32) *stream {
	if s := in.recent; s != nil && s.ssrc == ssrc {
		return s
	}
	if s := in.streams[ssrc]; s != nil {
		return s
	}
	return &stream{ssrc: ssrc, at: -1}
}

// remember keeps a stream that had an authentic packet. If there are too many,
// the one silent longest makes room, unless it spoke lately.
func (t *Transport) remember(s *stream, at int64) bool {
	const idle = 5_000_000_000
	in := &t.in
	if s.at < 0 {
		if len(in.streams) >= maxStreams {
			var oldest *stream
			for _, o := range in.streams {
				if oldest == nil || o.at < oldest.at {
					oldest = o
				}
			}
			if at-oldest.at < idle {
				return false
			}
			delete(in.streams, oldest.ssrc)
		}
		if in.streams == nil {
			in.streams = make(map[uint32]*stream)
		}
		in.streams[s.ssrc] = s
	}
	s.at = at
	in.recent = s
	return true
}

// readMedia takes a packet as it was before protection: n bytes of header and a
// payload. Nothing in it is trusted. ingress.mu is held.
func (t *Transport) readMedia(s *stream, plain []byte, n int, at int64) {
	h, payload, ok := parseHeader(plain, n)
	if !ok || t.in.agreed == nil {
		return
	}
	p := t.plane.pool.packet(len(plain))
	// What is kept are slices of the packet's own memory.
	copy(p.memory, plain)
	kept := p.memory[:n+len(payload)]
	h.extension = kept[n-len(h.extension) : n : n]
	payload = kept[n:]
	mid, level := t.readElements(p, h, s, at)
	if s.track == nil && !t.in.bind(s, mid, h.kind) {
		t.plane.pool.release(p, 1)
		return
	}
	p.at, p.kind, p.marker, p.timestamp = at, h.kind, h.marker, h.timestamp
	t.accept(s, p, h.sequence, payload, level)
}

// readElements goes through the header extension, keeps in p what is passed on,
// and returns the MID and the audio level, nil if there is none.
func (t *Transport) readElements(p *packet, h header, s *stream, at int64) (mid, level []byte) {
	in := &t.in
	for e, ok := h.next(); ok; e, ok = h.next() {
		switch in.agreed.roles[e.id] {
		case elementMid:
			mid = e.data
		case elementTransportCC:
			if in.transportCC != nil && len(e.data) == 2 {
				in.transportCC.Record(s.ssrc, binary.BigEndian.Uint16(e.data), at/1000)
			}
		case elementLevel:
			level = e.data
			p.add(e)
		case elementPass:
			p.add(e)
		}
	}
	return mid, level
}

func (p *packet) add(e element) {
	if p.count < len(p.elements) {
		p.elements[p.count] = e
		p.count++
	}
}

// bind finds out what a stream is: by what the description declared, by the MID
// it says, or by a payload type that only one line has (RFC 8843 section 9.2).
func (in *ingress) bind(s *stream, mid []byte, kind uint8) bool {
	a := in.agreed
	if d, known := a.ssrcs[s.ssrc]; known {
		s.track, s.repair = d.track, d.repair
		return true
	}
	tr := a.mids[string(mid)]
	if tr == nil && mid == nil {
		tr = a.types[kind]
	}
	if tr == nil || tr.formats[kind].codec == nil {
		return false
	}
	s.track, s.repair = tr, tr.formats[kind].rtx
	return true
}

// accept takes a packet whose stream is bound, and consumes the reference.
func (t *Transport) accept(s *stream, p *packet, sequence uint16, payload, level []byte) {
	tr := s.track
	f := &tr.formats[p.kind]
	if f.codec == nil || f.rtx != s.repair {
		t.plane.pool.release(p, 1)
		return
	}
	if s.repair {
		// Padding sent to probe the network has no original.
		if tr.stream == nil || len(payload) <= 2 {
			t.plane.pool.release(p, 1)
			return
		}
		sequence, payload = binary.BigEndian.Uint16(payload), payload[2:]
		if tr.index(sequence) > tr.newest+maxGap { // not what we asked for
			t.plane.pool.release(p, 1)
			return
		}
		p.kind = f.codec.PayloadType
		f = &tr.formats[p.kind]
	} else if s != tr.stream && !tr.rebind(s, sequence, p.at) {
		t.plane.pool.release(p, 1)
		return
	}
	if len(level) > 0 && tr.level != 0 {
		p.level, p.leveled = level[0]&0x7f, true
		if talking, changed := tr.talking.hear(p.level, p.at); changed {
			t.plane.notify.Talking(t.o.ID, tr.id, talking)
		}
	}
	p.payload = payload
	tr.take(p, f, sequence, s.repair)
}
