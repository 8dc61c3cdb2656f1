// Package srtp protects and unprotects RTP and RTCP packets: RFC 3711 with
// AES-128 counter mode and HMAC-SHA1-80, RFC 7714 with AES-GCM.
//
// It owns the arithmetic and nothing else. A [Sealer] protects what one
// transport sends, an [Opener] unprotects what it receives, a [Stream] is the
// receiver's memory of one SSRC. It knows no sockets, no sessions, no SSRC
// tables and no clocks; who sends which packet in which order is the caller's
// affair.
//
// The path of a packet takes no lock, looks nothing up and allocates nothing
// as long as the destination has room. That is why each value belongs to one
// goroutine at a time and why the caller keeps the rollover counters: it is
// the forwarder that numbers the packets. [Sealer.Clone] gives another
// goroutine a sealer of its own under the same keys.
package srtp

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// ExporterLabel is the label under which DTLS exports the keying material that
// [SplitKeys] takes apart (RFC 5764 section 4.2).
const ExporterLabel = "EXTRACTOR-dtls_srtp"

// Profile is a DTLS-SRTP protection profile, numbered as in the IANA registry
// (RFC 5764 section 4.1.2, RFC 7714 section 14.2). No other value than the
// constants below is usable.
type Profile uint16

// The profiles this package speaks. GCM is what one should offer first: it
// costs a fifth of counter mode with SHA-1 on voice, an eighth on video.
const (
	AES128CMHMACSHA1_80 Profile = 0x0001
	AEADAES128GCM       Profile = 0x0007
	AEADAES256GCM       Profile = 0x0008
)

// Sizes in bytes (RFC 3711 sections 4.2 and 8.2, RFC 7714 section 12).
const (
	sha1KeyLen = 20 // key of HMAC-SHA1
	sha1TagLen = 10 // HMAC-SHA1 cut to 80 bits
	gcmTagLen  = 16
	wordLen    = 4 // the E bit and index that end an SRTCP packet
)

// String names the profile as the registry does.
func (p Profile) String() string {
	switch p {
	case AES128CMHMACSHA1_80:
		return "SRTP_AES128_CM_HMAC_SHA1_80"
	case AEADAES128GCM:
		return "SRTP_AEAD_AES_128_GCM"
	case AEADAES256GCM:
		return "SRTP_AEAD_AES_256_GCM"
	}
	return fmt.Sprintf("srtp.Profile(%#04x)", uint16(p))
}

// Valid reports whether p is one of the profiles of this package.
func (p Profile) Valid() bool {
	return p == AES128CMHMACSHA1_80 || p == AEADAES128GCM || p == AEADAES256GCM
}

// KeyLen is the length of a master key in bytes.
func (p Profile) KeyLen() int {
	if p == AEADAES256GCM {
		return 32
	}
	return 16
}

// SaltLen is the length of a master salt in bytes.
func (p Profile) SaltLen() int {
	if p == AES128CMHMACSHA1_80 {
		return 14
	}
	return 12
}

// MaterialLen is how many bytes the DTLS exporter must yield for [SplitKeys].
func (p Profile) MaterialLen() int { return 2 * (p.KeyLen() + p.SaltLen()) }

// Overhead is how many bytes longer than the packet its SRTP form is.
func (p Profile) Overhead() int {
	if p == AES128CMHMACSHA1_80 {
		return sha1TagLen
	}
	return gcmTagLen
}

// OverheadRTCP is how many bytes longer than the compound packet its SRTCP
// form is.
func (p Profile) OverheadRTCP() int { return p.Overhead() + wordLen }

// Keys are the master key and salt of one direction of a transport. They print
// and log as a placeholder.
type Keys struct {
	Key  []byte // Profile.KeyLen bytes
	Salt []byte // Profile.SaltLen bytes
}

// Format keeps the keys out of every text fmt writes, whatever the verb.
func (Keys) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("srtp.Keys(hidden)")) }

// LogValue keeps the keys out of logs.
func (Keys) LogValue() slog.Value { return slog.StringValue("srtp.Keys(hidden)") }

// SplitKeys takes the material apart that a DTLS connection exported under
// [ExporterLabel] without context: client key, server key, client salt, server
// salt (RFC 5764 section 4.2). client says whether this side was the DTLS
// client; local then seals what we send and remote opens what we receive. The
// keys are copies, so the material may be wiped. It fails on an unknown profile
// and on material of another length than Profile.MaterialLen.
func SplitKeys(p Profile, material []byte, client bool) (local, remote Keys, err error) {
	if !p.Valid() {
		return Keys{}, Keys{}, fmt.Errorf("split srtp keys: unknown profile %v", p)
	}
	if len(material) != p.MaterialLen() {
		return Keys{}, Keys{}, fmt.Errorf("split srtp keys: %d bytes of material, want %d", len(material), p.MaterialLen())
	}
	cut := func(n int) []byte {
		part := slices.Clone(material[:n])
		material = material[n:]
		return part
	}
	clientKey, serverKey := cut(p.KeyLen()), cut(p.KeyLen())
	clientSalt, serverSalt := cut(p.SaltLen()), cut(p.SaltLen())
	local, remote = Keys{clientKey, clientSalt}, Keys{serverKey, serverSalt}
	if !client {
		local, remote = remote, local
	}
	return local, remote, nil
}

// What opening and sealing can fail with. The texts are constant and safe to
// count by; none of them says anything about keys or contents.
var (
	// ErrMalformed means the bytes are not a packet of the protocol, or too
	// short to be a protected one.
	ErrMalformed = errors.New("srtp: malformed packet")
	// ErrAuth means the tag does not fit: forged, damaged, or another key.
	ErrAuth = errors.New("srtp: authentication failed")
	// ErrReplay means the packet was received before, or is older than the
	// receiver remembers.
	ErrReplay = errors.New("srtp: packet replayed or too old")
	// ErrSources means the peer used more SSRCs in its SRTCP than an Opener
	// keeps track of.
	ErrSources = errors.New("srtp: too many sources")
	// ErrExhausted means 2^31 SRTCP packets were sealed under one key, after
	// which indices would repeat (RFC 3711 section 9.2).
	ErrExhausted = errors.New("srtp: key exhausted")
)
