package forward

import (
	"encoding/binary"
)

// none says that a payload type has no counterpart.
const none = 0xff

// variant says how a track's packets look to some of its subscribers: those that
// negotiated the same numbers for the same things. It is immutable but for its
// users.
type variant struct {
	kinds  [128]uint8 // payload type sent for each that the publisher uses, or none
	rtx    [128]uint8 // of retransmissions of it, or none
	ids    [256]uint8 // element ID sent for each that the publisher uses, or 0
	format bool       // two-byte elements

	users int // guarded by Plane.mu
}

// newVariant compares what publisher and subscriber negotiated.
func newVariant(from, to *Line) variant {
	v := variant{}
	for i := range v.kinds {
		v.kinds[i], v.rtx[i] = none, none
	}
	for i := range from.Codecs {
		c := &from.Codecs[i]
		best := 0
		for j := range to.Codecs {
			d := &to.Codecs[j]
			if a := affinity(c, d); a > best && c.PayloadType < 128 && d.PayloadType < 128 {
				best = a
				v.kinds[c.PayloadType], v.rtx[c.PayloadType] = d.PayloadType, none
				if d.RTX > 0 && d.RTX < 128 && to.SendRTXSSRC != 0 {
					v.rtx[c.PayloadType] = d.RTX
				}
			}
		}
	}
	for _, e := range from.Extensions {
		if role := elementOf(e.URI); role != elementPass && role != elementLevel {
			continue
		}
		for _, f := range to.Extensions {
			if e.URI == f.URI && f.ID != 0 {
				v.ids[e.ID] = f.ID
				v.format = v.format || f.ID > 14
			}
		}
	}
	return v
}

// same tells whether two variants make the same packets.
func (v *variant) same(o *variant) bool {
	return v.kinds == o.kinds && v.rtx == o.rtx && v.ids == o.ids
}

// body returns what of p is sent, and under which payload type as the publisher
// numbers them; none if the subscriber has no codec for it. RED goes to those
// who have RED, with the same number for what is inside; the others get the
// primary block.
func (v *variant) body(p *packet) (kind uint8, payload []byte) {
	if p.red && (v.kinds[p.kind] == none || v.kinds[p.inner] != p.inner) {
		if v.kinds[p.inner] == none {
			return none, nil
		}
		return p.inner, p.primary
	}
	if v.kinds[p.kind] == none {
		return none, nil
	}
	return p.kind, p.payload
}

// appendHeader appends the RTP header of p with the given payload type. What
// differs between subscribers of the variant, sequence number, timestamp and
// SSRC, is left open. CSRCs are dropped: nobody was told of them.
func (v *variant) appendHeader(dst []byte, p *packet, kind uint8) []byte {
	start := len(dst)
	if p.marker {
		kind |= 0x80
	}
	dst = append(dst, 0x80, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	twoByte, any := v.format, false
	for i := range p.count {
		e := &p.elements[i]
		if v.ids[e.id] != 0 {
			any = true
			twoByte = twoByte || len(e.data) == 0 || len(e.data) > 16
		}
	}
	if !any {
		return dst
	}
	dst[start] |= 0x10
	at := len(dst)
	if twoByte {
		dst = append(dst, 0x10, 0x00, 0, 0)
	} else {
		dst = append(dst, 0xbe, 0xde, 0, 0)
	}
	for i := range p.count {
		e := &p.elements[i]
		switch id := v.ids[e.id]; {
		case id == 0:
			continue
		case twoByte:
			dst = append(dst, id, uint8(len(e.data)))
		default:
			dst = append(dst, id<<4|uint8(len(e.data)-1))
		}
		dst = append(dst, e.data...)
	}
	for (len(dst)-at)%4 != 0 {
		dst = append(dst, 0)
	}
	binary.BigEndian.PutUint16(dst[at+2:], uint16((len(dst)-at-4)/4))
	return dst
}

// complete fills in what appendHeader left open.
func complete(header []byte, sequence uint16, timestamp, ssrc uint32) {
	_ = header[11]
	binary.BigEndian.PutUint16(header[2:], sequence)
	binary.BigEndian.PutUint32(header[4:], timestamp)
	binary.BigEndian.PutUint32(header[8:], ssrc)
}
