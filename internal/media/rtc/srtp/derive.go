package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"fmt"
)

// Labels of the key derivation (RFC 3711 section 4.3).
const (
	labelRTPKey   = 0
	labelRTPAuth  = 1
	labelRTPSalt  = 2
	labelRTCPKey  = 3
	labelRTCPAuth = 4
	labelRTCPSalt = 5
)

// derive is the pseudo-random function of RFC 3711 section 4.3 with a key
// derivation rate of zero: AES in counter mode over the master salt with the
// label mixed into its eighth byte. A salt of 12 bytes counts as one of 14 that
// ends in zeros (RFC 7714 section 11).
func derive(master cipher.Block, salt []byte, label byte, n int) []byte {
	var iv [aes.BlockSize]byte
	copy(iv[:], salt)
	iv[7] ^= label
	out := make([]byte, n)
	cipher.NewCTR(master, iv[:]).XORKeyStream(out, out)
	return out
}

// newTransforms derives the session keys of both protocols.
func newTransforms(p Profile, keys Keys) (rtp, rtcp transform, err error) {
	if !p.Valid() {
		return transform{}, transform{}, fmt.Errorf("unknown profile %v", p)
	}
	if len(keys.Key) != p.KeyLen() || len(keys.Salt) != p.SaltLen() {
		return transform{}, transform{}, fmt.Errorf("%v needs a key of %d and a salt of %d bytes, got %d and %d",
			p, p.KeyLen(), p.SaltLen(), len(keys.Key), len(keys.Salt))
	}
	master, err := aes.NewCipher(keys.Key)
	if err != nil {
		return transform{}, transform{}, err
	}
	session := func(key, auth, salt byte) (transform, error) {
		return newTransform(p,
			derive(master, keys.Salt, key, p.KeyLen()),
			derive(master, keys.Salt, auth, sha1KeyLen),
			derive(master, keys.Salt, salt, p.SaltLen()))
	}
	if rtp, err = session(labelRTPKey, labelRTPAuth, labelRTPSalt); err != nil {
		return transform{}, transform{}, err
	}
	rtcp, err = session(labelRTCPKey, labelRTCPAuth, labelRTCPSalt)
	return rtp, rtcp, err
}

// newTransform takes session keys. authKey is not used by GCM.
func newTransform(p Profile, key, authKey, salt []byte) (transform, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return transform{}, err
	}
	if p == AES128CMHMACSHA1_80 {
		cm := &counterMode{block: block, mac: hmac.New(sha1.New, authKey)}
		copy(cm.salt[:], salt)
		return transform{cm: cm}, nil
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return transform{}, err
	}
	g := &gcm{aead: aead}
	copy(g.salt[:], salt)
	return transform{gcm: g}, nil
}
