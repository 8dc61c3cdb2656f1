package srtp

import (
	"encoding/binary"
	"slices"
)

const (
	rtcpHeaderLen = 8       // what stays readable: first header and SSRC of the sender
	encrypted     = 1 << 31 // the E bit, in the word before the tag (GCM: after it)
)

// sealRTCP appends the SRTCP form of packet to dst.
func (t transform) sealRTCP(dst, packet []byte, index uint32) []byte {
	start, ssrc, word := len(dst), binary.BigEndian.Uint32(packet[4:]), encrypted|index
	dst = append(dst, packet[:rtcpHeaderLen]...)
	if g := t.gcm; g != nil {
		aad := binary.BigEndian.AppendUint32(slices.Clone(dst[start:]), word)
		dst = g.aead.Seal(dst, g.prepare(ssrc, uint64(index)), packet[rtcpHeaderLen:], aad)
		return binary.BigEndian.AppendUint32(dst, word)
	}
	dst = append(dst, packet[rtcpHeaderLen:]...)
	if t.plain() {
		return dst
	}
	t.cm.encrypt(dst[start+rtcpHeaderLen:], ssrc, uint64(index))
	tag := t.cm.tag(dst[start:], word)
	dst = binary.BigEndian.AppendUint32(dst, word)
	return append(dst, tag...)
}

// openRTCP authenticates and decrypts packet in place, once its index is
// fresh. The caller has checked its length.
func (t transform) openRTCP(packet []byte, ssrc uint32, seen *window) (plain []byte, index uint64, err error) {
	if t.gcm != nil {
		return t.gcm.openRTCP(packet, ssrc, seen)
	}
	body, tag := packet[:len(packet)-sha1TagLen], packet[len(packet)-sha1TagLen:]
	body, word := body[:len(body)-wordLen], binary.BigEndian.Uint32(body[len(body)-wordLen:])
	index = uint64(word &^ encrypted)
	if !seen.fresh(index) {
		return nil, 0, ErrReplay
	}
	if !t.cm.verify(body, word, tag) {
		return nil, 0, ErrAuth
	}
	if word&encrypted != 0 {
		t.cm.encrypt(body[rtcpHeaderLen:], ssrc, index)
	}
	return body, index, nil
}

// openRTCP is RFC 7714 section 9: the word with the index stands behind the tag
// and is authenticated with the header; an unencrypted packet is authenticated
// as a whole.
func (g *gcm) openRTCP(packet []byte, ssrc uint32, seen *window) (plain []byte, index uint64, err error) {
	body, word := packet[:len(packet)-wordLen], packet[len(packet)-wordLen:]
	bits := binary.BigEndian.Uint32(word)
	index = uint64(bits &^ encrypted)
	if !seen.fresh(index) {
		return nil, 0, ErrReplay
	}
	nonce := g.prepare(ssrc, index)
	readable := rtcpHeaderLen
	if bits&encrypted == 0 {
		readable = len(body) - gcmTagLen
	}
	aad := append(slices.Clone(body[:readable]), word...)
	rest, err := g.aead.Open(body[readable:readable], nonce, body[readable:], aad)
	if err != nil {
		return nil, 0, ErrAuth
	}
	return body[:readable+len(rest)], index, nil
}
