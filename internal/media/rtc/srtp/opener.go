package srtp

import (
	"encoding/binary"
	"fmt"
)

// maxSources bounds what an authenticated peer can make an Opener remember.
const maxSources = 1024

// Opener unprotects the packets one transport receives. It belongs to one
// goroutine at a time.
type Opener struct {
	rtp, rtcp transform
	overhead  int
	reports   map[uint32]*window // SRTCP indices are counted for each SSRC
}

// NewOpener returns the opener of one direction. It fails on an unknown profile
// and on keys whose lengths are not the profile's. It keeps no reference to
// keys.
func NewOpener(p Profile, keys Keys) (*Opener, error) {
	rtp, rtcp, err := newTransforms(p, keys)
	if err != nil {
		return nil, fmt.Errorf("make srtp opener: %w", err)
	}
	return &Opener{rtp: rtp, rtcp: rtcp, overhead: p.Overhead(), reports: make(map[uint32]*window)}, nil
}

// OpenRTP authenticates and decrypts packet in place. The header is
// packet[:headerLen] with CSRCs and extension; payload is the part of packet
// behind it, with RTP padding, if the header announces any, still on it.
//
// s is the memory of the SSRC that packet carries in bytes 8 to 11 and changes
// only if the packet is accepted. The error is ErrMalformed, ErrReplay or
// ErrAuth; packet's contents are lost after ErrAuth. Nothing is allocated.
func (o *Opener) OpenRTP(packet []byte, s *Stream) (headerLength int, payload []byte, err error) {
	n, ok := headerLen(packet)
	if !ok || len(packet) < n+o.overhead {
		return 0, nil, ErrMalformed
	}
	index, ok := s.estimate(binary.BigEndian.Uint16(packet[2:]))
	if !ok || !s.seen.fresh(index) {
		return 0, nil, ErrReplay
	}
	ssrc := binary.BigEndian.Uint32(packet[8:])
	if g := o.rtp.gcm; g != nil {
		payload, err = g.aead.Open(packet[n:n], g.prepare(ssrc, index), packet[n:], packet[:n])
		if err != nil {
			return 0, nil, ErrAuth
		}
	} else if o.rtp.plain() {
		payload = packet[n:]
	} else {
		end := len(packet) - sha1TagLen
		if !o.rtp.cm.verify(packet[:end], uint32(index>>16), packet[end:]) {
			return 0, nil, ErrAuth
		}
		payload = packet[n:end]
		o.rtp.cm.encrypt(payload, ssrc, index)
	}
	s.started = true
	s.seen.accept(index)
	return n, payload, nil
}

// OpenRTCP authenticates and decrypts a compound RTCP packet in place and
// returns the part of packet that holds it. It remembers each SSRC's indices
// itself, for up to 1024 SSRCs. The error is ErrMalformed, ErrReplay, ErrAuth
// or ErrSources; packet's contents are lost after ErrAuth.
func (o *Opener) OpenRTCP(packet []byte) ([]byte, error) {
	if o.rtcp.plain() && len(packet) >= rtcpHeaderLen && packet[0]>>6 == 2 {
		return packet, nil
	}
	if len(packet) < rtcpHeaderLen+o.overhead+wordLen || packet[0]>>6 != 2 {
		return nil, ErrMalformed
	}
	ssrc := binary.BigEndian.Uint32(packet[4:])
	seen, known := o.reports[ssrc]
	if !known {
		seen = new(window)
	}
	plain, index, err := o.rtcp.openRTCP(packet, ssrc, seen)
	if err != nil {
		return nil, err
	}
	if !known {
		if len(o.reports) >= maxSources {
			return nil, ErrSources
		}
		o.reports[ssrc] = seen
	}
	seen.accept(index)
	return plain, nil
}
