package srtp

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// maxRTCPIndex is the last SRTCP index; the index has 31 bits.
const maxRTCPIndex = 1<<31 - 1

// Sealer protects the packets one transport sends. The RTP methods belong to
// one goroutine at a time; SealRTCP may be called by any.
type Sealer struct {
	rtp  transform
	rtcp *rtcpSealer // shared by clones, since indices must not repeat
}

// rtcpSealer may lock: reports are few.
type rtcpSealer struct {
	mu        sync.Mutex
	transform transform // its scratch guarded by mu
	index     uint32    // of the next packet; guarded by mu
}

// NewSealer returns the sealer of one direction. It fails on an unknown profile
// and on keys whose lengths are not the profile's. It keeps no reference to
// keys.
func NewSealer(p Profile, keys Keys) (*Sealer, error) {
	rtp, rtcp, err := newTransforms(p, keys)
	if err != nil {
		return nil, fmt.Errorf("make srtp sealer: %w", err)
	}
	return &Sealer{rtp: rtp, rtcp: &rtcpSealer{transform: rtcp}}, nil
}

// Clone returns a sealer under the same keys for another goroutine, so that
// several publishers' packets can be sealed for one subscriber at once without
// a lock. With GCM the key schedule is shared and a clone costs about 100 bytes. Clones
// must not seal the same SSRC: under one key a pair of SSRC and sequence number
// may be used for one packet only (RFC 3711 section 9.1).
func (s *Sealer) Clone() (*Sealer, error) {
	rtp, err := s.rtp.clone()
	if err != nil {
		return nil, fmt.Errorf("clone srtp sealer: %w", err)
	}
	return &Sealer{rtp: rtp, rtcp: s.rtcp}, nil
}

// SealRTP appends the protected packet to dst and returns the extended slice:
// header, encrypted payload, tag. If dst has room for len(header) +
// len(payload) + Profile.Overhead more bytes, nothing is allocated.
//
// header is the complete RTP header with its CSRCs and extensions, at least 12
// bytes; it is authenticated, not encrypted. It may already stand at the end
// of dst, where it will be written: dst[len(dst):len(dst)+len(header)].
// payload is not changed and must not overlap the room in dst. roc is how
// often the sequence number of the header's SSRC has wrapped (RFC 3711 section
// 3.3.1). Sealing two different packets with the same SSRC, sequence number
// and roc gives the key away with GCM; a retransmission must be the identical
// packet, or go by RTX.
func (s *Sealer) SealRTP(dst, header, payload []byte, roc uint32) []byte {
	start := len(dst)
	dst = append(dst, header...)
	if g := s.rtp.gcm; g != nil {
		return g.aead.Seal(dst, g.prepare(identify(header, roc)), payload, dst[start:])
	}
	dst = append(dst, payload...)
	if s.rtp.plain() {
		return dst
	}
	return s.sealCounterMode(dst, start, len(header), roc)
}

// SealSplit is SealRTP for a payload in two parts: what differs for each
// subscriber, such as the original sequence number that RTX puts first (RFC
// 4588 section 4) or a rewritten payload descriptor, and what all share. prefix
// and rest are not changed and must not overlap the room in dst.
func (s *Sealer) SealSplit(dst, header, prefix, rest []byte, roc uint32) []byte {
	start := len(dst)
	body := start + len(header)
	dst = append(append(append(dst, header...), prefix...), rest...)
	if g := s.rtp.gcm; g != nil {
		return g.aead.Seal(dst[:body], g.prepare(identify(header, roc)), dst[body:], dst[start:body])
	}
	if s.rtp.plain() {
		return dst
	}
	return s.sealCounterMode(dst, start, len(header), roc)
}

// sealCounterMode encrypts the packet at dst[start:] in place, and appends its
// tag.
func (s *Sealer) sealCounterMode(dst []byte, start, headerLen int, roc uint32) []byte {
	packet := dst[start:]
	ssrc, index := identify(packet, roc)
	s.rtp.cm.encrypt(packet[headerLen:], ssrc, index)
	return append(dst, s.rtp.cm.tag(packet, roc)...)
}

// identify returns what a packet is known by: its SSRC and 48-bit index.
func identify(header []byte, roc uint32) (ssrc uint32, index uint64) {
	seq := binary.BigEndian.Uint16(header[2:])
	return binary.BigEndian.Uint32(header[8:]), uint64(roc)<<16 | uint64(seq)
}

// SealRTCP appends the protected form of a compound RTCP packet to dst and
// returns the extended slice (RFC 3711 section 3.4, RFC 7714 section 9). It
// counts the packets itself. It fails with ErrMalformed if packet has fewer
// than 8 bytes, and with ErrExhausted after 2^31 packets. Any goroutine may
// call it. packet must not overlap the room in dst.
func (s *Sealer) SealRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < rtcpHeaderLen {
		return dst, ErrMalformed
	}
	r := s.rtcp
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.index > maxRTCPIndex {
		return dst, ErrExhausted
	}
	dst = r.transform.sealRTCP(dst, packet, r.index)
	r.index++
	return dst, nil
}
