package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"hash"
)

// transform is the cipher of one protocol of one direction: one of the two is
// set. They share how a packet is named, by its SSRC and a 48-bit index, and
// little else, so callers branch on gcm != nil; an interface would cost a
// dynamic call and an escape per packet.
type transform struct {
	gcm *gcm
	cm  *counterMode
}

// clone returns a transform with the same keys and scratch space of its own.
func (t transform) clone() (transform, error) {
	if t.gcm != nil {
		return transform{gcm: &gcm{aead: t.gcm.aead, salt: t.gcm.salt}}, nil
	}
	mac, err := t.cm.mac.(hash.Cloner).Clone()
	if err != nil {
		return transform{}, err
	}
	return transform{cm: &counterMode{block: t.cm.block, mac: mac, salt: t.cm.salt}}, nil
}

// gcm is AES-GCM as RFC 7714 uses it. The AEAD keeps no state between packets
// and may be shared; the nonce may not. It lives here because what is passed
// through the interface cipher.AEAD would otherwise move to the heap with
// every packet.
type gcm struct {
	aead  cipher.AEAD
	salt  [12]byte
	nonce [12]byte // of the packet at hand
}

// prepare makes the nonce of a packet: two zero bytes, SSRC, index, all mixed
// with the salt (RFC 7714 section 8.1; section 9.1 for SRTCP, whose index
// leaves the upper 17 bits zero).
func (g *gcm) prepare(ssrc uint32, index uint64) []byte {
	salt := g.salt[:]
	binary.BigEndian.PutUint16(g.nonce[0:], binary.BigEndian.Uint16(salt))
	binary.BigEndian.PutUint32(g.nonce[2:], binary.BigEndian.Uint32(salt[2:])^ssrc)
	binary.BigEndian.PutUint16(g.nonce[6:], binary.BigEndian.Uint16(salt[6:])^uint16(index>>32))
	binary.BigEndian.PutUint32(g.nonce[8:], binary.BigEndian.Uint32(salt[8:])^uint32(index))
	return g.nonce[:]
}

// counterMode is AES in counter mode with HMAC-SHA1 (RFC 3711 sections 4.1.1
// and 4.2.1).
//
// cipher.NewCTR would encrypt 1100 bytes in a quarter of the time, but it copies
// the key schedule to the heap, 512 bytes for each packet, since a stream cannot
// be given a new counter. Counter mode is the fallback for peers without GCM; it
// is kept free of garbage rather than fast.
type counterMode struct {
	block cipher.Block
	mac   hash.Hash
	salt  [14]byte

	// Scratch of the packet at hand, here and not on the stack for the reason
	// given at gcm.
	counter [aes.BlockSize]byte
	stream  [8 * aes.BlockSize]byte
	trailer [4]byte
	sum     [sha1.Size]byte
}

// encrypt adds the key stream of a packet to data, which encrypts and decrypts.
func (c *counterMode) encrypt(data []byte, ssrc uint32, index uint64) {
	ctr := c.counter[:]
	copy(ctr, c.salt[:])
	binary.BigEndian.PutUint32(ctr[4:], binary.BigEndian.Uint32(ctr[4:])^ssrc)
	binary.BigEndian.PutUint16(ctr[8:], binary.BigEndian.Uint16(ctr[8:])^uint16(index>>32))
	binary.BigEndian.PutUint32(ctr[10:], binary.BigEndian.Uint32(ctr[10:])^uint32(index))
	for n := uint16(0); len(data) > 0; {
		stream := c.stream[:min(len(c.stream), len(data)+aes.BlockSize-1)&^(aes.BlockSize-1)]
		for b := 0; b < len(stream); b += aes.BlockSize {
			binary.BigEndian.PutUint16(ctr[14:], n)
			c.block.Encrypt(stream[b:], ctr)
			n++
		}
		data = data[subtle.XORBytes(data, data, stream):]
	}
}

// tag returns the tag of authenticated followed by the four bytes of trailer.
// It is valid until the next call.
func (c *counterMode) tag(authenticated []byte, trailer uint32) []byte {
	binary.BigEndian.PutUint32(c.trailer[:], trailer)
	c.mac.Reset()
	// A hash never fails to take what it is given (hash.Hash).
	_, _ = c.mac.Write(authenticated)
	_, _ = c.mac.Write(c.trailer[:])
	return c.mac.Sum(c.sum[:0])[:sha1TagLen]
}

// verify compares in constant time.
func (c *counterMode) verify(authenticated []byte, trailer uint32, tag []byte) bool {
	return hmac.Equal(c.tag(authenticated, trailer), tag)
}
