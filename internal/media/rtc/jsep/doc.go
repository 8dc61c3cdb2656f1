// Package jsep reads session descriptions and writes the answers to them: SDP
// (RFC 8866) as WebRTC uses it (RFC 9429), with everything on one bundled
// transport (RFC 8843), RTCP on the same port (RFC 5761), ICE candidates inside
// (RFC 8839) and data channels (RFC 8841).
//
// It owns the text and what was agreed, and nothing that happens on the wire:
// no sockets, keys, tracks or rooms. All functions are pure; values may be read
// by any goroutine once made. Offers are hostile input: everything is bounded,
// and what is refused is refused with a sentence that is safe to show, wrapping
// [media.ErrDescription].
package jsep

import (
	"fmt"

	"switchboard/internal/media"
)

// Limits of a description. Chromium's largest, with every codec, is about 8 kB
// a line.
const (
	// MaxBytes is the longest description that is read.
	MaxBytes = 256 << 10
	// MaxLines is how many media lines a description may have.
	MaxLines = 64
	// MaxCandidates is how many candidates are taken from a description.
	MaxCandidates = 64
	// maxCodecs is how many payload types of a line are looked at; there are 128.
	maxCodecs = 128
)

// refuse makes the error of a description that cannot be used.
func refuse(format string, arguments ...any) error {
	return fmt.Errorf("%w: %s", media.ErrDescription, fmt.Sprintf(format, arguments...))
}

// Direction says who sends on a line, as seen by the one who wrote it.
type Direction uint8

// The directions of RFC 8866 section 6.7. They combine as bits.
const (
	Inactive Direction = 0
	SendOnly Direction = 1
	RecvOnly Direction = 2
	SendRecv Direction = SendOnly | RecvOnly
)

// String returns the direction as SDP writes it.
func (d Direction) String() string {
	return [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}[d&SendRecv]
}

// Sends reports whether the writer sends.
func (d Direction) Sends() bool { return d&SendOnly != 0 }

// Receives reports whether the writer receives.
func (d Direction) Receives() bool { return d&RecvOnly != 0 }

// Codec is one payload type of a line. Retransmission (RFC 4588) is a property
// of the codec it repeats, not a codec.
type Codec struct {
	Name        string // encoding name as written: "opus", "VP8", "H264", "red"
	PayloadType uint8  // 0 to 127
	ClockRate   uint32 // Hz
	Channels    uint16 // 0 where the description says none
	Fmtp        string // format parameters, "a=1;b=2"
	RTX         uint8  // payload type of its retransmissions, 0 if there is none
	// Feedback as in a=rtcp-fb: "nack", "nack pli", "ccm fir", "goog-remb",
	// "transport-cc".
	Feedback []string
}

// Extension is an RTP header extension (RFC 8285).
type Extension struct {
	ID  uint8
	URI string
}

// Fingerprint is the hash of a certificate (RFC 8122).
type Fingerprint struct {
	Algorithm string // lower case, for example "sha-256"
	Value     string // upper case hexadecimal with colons
}

// Candidate is an ICE candidate that stood in a description.
type Candidate struct {
	Text string // without "a=" and "candidate:"
	Mid  string
	Line int
}

// Data says how data channels are spoken (RFC 8841).
type Data struct {
	Port           uint16
	MaxMessageSize uint32 // bytes the peer takes in one message; 0 is no limit
}
