package forward

import (
	"encoding/binary"
	"strings"
)

// keyframeTest returns the function that tells whether a packet begins a key
// frame, for the codec of this name. A codec we cannot read begins anywhere.
func keyframeTest(name string) func(payload []byte) bool {
	switch strings.ToLower(name) {
	case "vp8":
		return vp8Key
	case "vp9":
		return vp9Key
	case "h264":
		return h264Key
	case "av1":
		return av1Key
	}
	return func([]byte) bool { return true }
}

// vp8Key reads the payload descriptor and the first bit of the frame (RFC 7741
// sections 4.2 and 4.3).
func vp8Key(b []byte) bool {
	if len(b) < 1 || b[0]&0x17 != 0x10 { // start of the first partition
		return false
	}
	n := 1
	if b[0]&0x80 != 0 {
		if len(b) < 2 {
			return false
		}
		x := b[1]
		n = 2
		if x&0x80 != 0 { // picture ID, one or two bytes
			if len(b) < 3 {
				return false
			}
			n += 1 + int(b[2]>>7)
		}
		if x&0x40 != 0 {
			n++
		}
		if x&0x30 != 0 {
			n++
		}
	}
	return len(b) > n && b[n]&0x01 == 0
}

// vp9Key reads the payload descriptor (RFC 9628 section 4.2): the beginning of
// a frame that is not inter-picture predicted, in the lowest spatial layer.
func vp9Key(b []byte) bool {
	const i, p, l, begin = 0x80, 0x40, 0x20, 0x08
	if len(b) < 1 || b[0]&(p|begin) != begin {
		return false
	}
	if b[0]&l == 0 {
		return true
	}
	n := 1
	if b[0]&i != 0 {
		if len(b) < 2 {
			return false
		}
		n += 1 + int(b[1]>>7)
	}
	return len(b) > n && b[n]&0x0e == 0
}

// h264Key looks for a sequence parameter set or the beginning of an IDR picture
// (RFC 6184 section 5).
func h264Key(b []byte) bool {
	const idr, sps, stapA, fuA, fuStart = 5, 7, 24, 28, 0x80
	if len(b) < 1 {
		return false
	}
	switch b[0] & 0x1f {
	case idr, sps:
		return true
	case fuA:
		return len(b) >= 2 && b[1]&fuStart != 0 && b[1]&0x1f == idr
	case stapA:
		for rest := b[1:]; len(rest) > 2; {
			n := int(binary.BigEndian.Uint16(rest))
			if n == 0 || 2+n > len(rest) {
				return false
			}
			if k := rest[2] & 0x1f; k == idr || k == sps {
				return true
			}
			rest = rest[2+n:]
		}
	}
	return false
}

// av1Key reads the aggregation header: a new coded video sequence begins here
// (AV1 RTP payload format, section 4.4).
func av1Key(b []byte) bool {
	const continued, newSequence = 0x80, 0x08
	return len(b) > 1 && b[0]&continued == 0 && b[0]&newSequence != 0
}
