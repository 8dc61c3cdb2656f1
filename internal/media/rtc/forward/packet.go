package forward

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// What a datagram may be at most. Media keeps to the path's MTU; what is longer
// came over TCP from somebody who does not.
const maxDatagram = 2048

// maxElements is how many header extension elements of a packet are passed on.
// Browsers send up to five that concern more than one hop.
const maxElements = 8

// packet is one RTP packet, opened. It is written by the reader that received
// it and immutable once it is in a cache or a queue; who holds a reference may
// read it.
type packet struct {
	references atomic.Int32
	class      uint8
	memory     []byte // as long as its class

	index     int64 // extended sequence number in its track, see track.extend
	serial    int64 // counts the packets of the track as they came
	at        int64 // arrival, Plane.Now
	epoch     uint32
	timestamp uint32
	rate      uint32 // of timestamp, Hz
	kind      uint8  // payload type; that of the original, if it came as RTX
	inner     uint8  // payload type of the primary block, if RED
	marker    bool
	key       bool   // a key frame begins here
	red       bool   // payload is RED, with blocks all of type inner
	sound     Sound  // for the tap; NoSound if it is not tapped
	leveled   bool   // level was sent
	level     uint8  // loudness (RFC 6464)
	payload   []byte // without padding
	primary   []byte // the primary block, if RED
	elements  [maxElements]element
	count     int // of elements
}

// element is a header extension element (RFC 8285) that is passed on.
type element struct {
	id   uint8
	data []byte
}

// classes are the sizes packets come in: voice, short ones, full ones.
var classes = [...]int{256, 768, 1296, maxDatagram}

// pool lends packets. They come back when the last reference is released.
type pool [len(classes)]sync.Pool

// packet returns one with room for n bytes, at most maxDatagram, and with one
// reference.
func (l *pool) packet(n int) *packet {
	class := 0
	for classes[class] < n {
		class++
	}
	p, _ := l[class].Get().(*packet)
	if p == nil {
		p = &packet{class: uint8(class), memory: make([]byte, classes[class])}
	}
	p.references.Store(1)
	p.marker, p.key, p.red, p.leveled, p.count = false, false, false, false, 0
	return p
}

// release gives up n references.
func (l *pool) release(p *packet, n int32) {
	if p.references.Add(-n) == 0 {
		l[p.class].Put(p)
	}
}

// header is what is read of an RTP header.
type header struct {
	kind      uint8 // payload type
	marker    bool
	sequence  uint16
	timestamp uint32
	ssrc      uint32
	extension []byte // behind its four bytes of profile and length
	twoByte   bool
	elements  bool // extension has elements after RFC 8285
}

// parseHeader reads the header of plain, which is n bytes long as the SRTP layer
// found, and returns the payload without its padding, or false if they do not
// fit together.
func parseHeader(plain []byte, n int) (h header, payload []byte, ok bool) {
	if n < 12 || len(plain) < n {
		return h, nil, false
	}
	h = header{
		kind: plain[1] & 0x7f, marker: plain[1]&0x80 != 0,
		sequence:  binary.BigEndian.Uint16(plain[2:]),
		timestamp: binary.BigEndian.Uint32(plain[4:]),
		ssrc:      binary.BigEndian.Uint32(plain[8:]),
	}
	if plain[0]&0x10 != 0 {
		at := 12 + 4*int(plain[0]&0x0f)
		if at+4 > n {
			return h, nil, false
		}
		profile := binary.BigEndian.Uint16(plain[at:])
		h.extension = plain[at+4 : n]
		h.twoByte = profile&0xfff0 == 0x1000
		h.elements = h.twoByte || profile == 0xbede
	}
	payload = plain[n:]
	if plain[0]&0x20 != 0 {
		if len(payload) == 0 {
			return h, nil, false
		}
		pad := int(payload[len(payload)-1])
		if pad == 0 || pad > len(payload) {
			return h, nil, false
		}
		payload = payload[:len(payload)-pad]
	}
	return h, payload, true
}

// next cuts the next element off the extension and returns false behind the
// last. What is malformed ends it (RFC 8285 section 4.2: 15 stops parsing).
func (h *header) next() (e element, ok bool) {
	if !h.elements {
		return e, false
	}
	b := h.extension
	for len(b) > 0 && b[0] == 0 { // padding
		b = b[1:]
	}
	var n, skip int
	switch {
	case h.twoByte && len(b) >= 2:
		e.id, n, skip = b[0], int(b[1]), 2
	case !h.twoByte && len(b) >= 1 && b[0]>>4 != 15:
		e.id, n, skip = b[0]>>4, int(b[0]&0x0f)+1, 1
	default:
		return e, false
	}
	if e.id == 0 || skip+n > len(b) {
		return element{}, false
	}
	e.data = b[skip : skip+n : skip+n]
	h.extension = b[skip+n:]
	return e, true
}

// redPrimary finds the primary block of a RED payload (RFC 2198 section 3). It
// returns false if the payload is malformed or mixes payload types, which then
// cannot be given other numbers.
func redPrimary(payload []byte) (kind uint8, primary []byte, ok bool) {
	rest, length := payload, 0
	same := true
	for first := true; ; first = false {
		if len(rest) == 0 {
			return 0, nil, false
		}
		k := rest[0] & 0x7f
		same = same && (first || k == kind)
		kind = k
		if rest[0]&0x80 == 0 {
			rest = rest[1:]
			break
		}
		if len(rest) < 4 {
			return 0, nil, false
		}
		length += int(binary.BigEndian.Uint16(rest[2:]) & 0x03ff)
		rest = rest[4:]
	}
	if !same || length > len(rest) {
		return 0, nil, false
	}
	return kind, rest[length:], true
}
