package forward

import (
	"strings"

	"switchboard/internal/media"
)

// Codec is one payload type of a line, as negotiated.
type Codec struct {
	Name        string // encoding name, in any case: "opus", "VP8", "H264", "VP9", "AV1", "red", …
	PayloadType uint8  // 0 to 127
	ClockRate   uint32 // Hz
	Channels    uint16
	Fmtp        string // format parameters, "a=1;b=2"
	RTX         uint8  // payload type of its retransmissions (apt), 0 if not negotiated
	// What feedback the answer agreed on for this payload type.
	NACK, PLI, REMB, TransportCC bool
}

// Extension is one header extension of a line, as negotiated (RFC 8285). The
// lines of a transport are bundled and hence agree on what an ID means (RFC
// 8843 section 10).
type Extension struct {
	ID  uint8 // 1 to 14, or to 255 for two-byte headers
	URI string
}

// Line is an audio or video line of a description that both sides agreed on.
type Line struct {
	Index      int
	Mid        string
	Kind       media.Kind
	Codecs     []Codec     // preferred first; RTX is not a codec here
	Extensions []Extension // of both directions

	// Track is what the peer sends on this line; empty if it sends nothing. A
	// line keeps its track's ID over renegotiations; when an ID is no longer on
	// any line, its track ends. One that stands on two lines, or on a line of
	// another transport, counts only where it came first.
	Track media.TrackID
	// SSRC and RTXSSRC are what the peer declared by a=ssrc and a=ssrc-group:FID;
	// 0 if it did not. Then they are learnt from the MID extension, or from the
	// payload type where that is unique among the lines the peer sends on.
	SSRC, RTXSSRC uint32

	// Sends tells that the peer receives on this line. SendSSRC, and
	// SendRTXSSRC if a codec has RTX, are then ours, chosen by the engine, unique
	// in the transport and kept over renegotiations.
	Sends                 bool
	SendSSRC, SendRTXSSRC uint32
}

// What we do with a header extension element.
const (
	elementUnknown uint8 = iota // not negotiated
	elementMid
	elementTransportCC
	elementHop   // other elements that concern one hop only
	elementLevel // audio level; passed on as well
	elementPass
)

// Header extensions by what they mean here (IANA's registry of RTP compact
// header extensions, and those WebRTC calls by URL). What is not named is
// passed on to subscribers that negotiated it.
const (
	uriMid         = "urn:ietf:params:rtp-hdrext:sdes:mid"
	uriLevel       = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	uriTransportCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

// elementOf tells what an extension of this URI is to us. A transport-wide
// number and a sending time count for the hop they were made on. We send none
// of our own: nobody here would use the feedback they cause, and a packet sent
// again with another header under the same sequence number would break GCM.
func elementOf(uri string) uint8 {
	switch uri {
	case uriMid:
		return elementMid
	case uriLevel:
		return elementLevel
	case uriTransportCC:
		return elementTransportCC
	case "http://www.webrtc.org/experiments/rtp-hdrext/transport-wide-cc-02",
		"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
		"http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
		"urn:ietf:params:rtp-hdrext:toffset",
		"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
		"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id":
		return elementHop
	}
	return elementPass
}

// parameter returns the value of a format parameter, or absent.
func parameter(fmtp, name, absent string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		if k, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.ToLower(strings.TrimSpace(v))
		}
	}
	return absent
}

// affinity says how well a receiver's codec takes what a publisher's makes: 0
// not at all, more is better. Receivers of WebRTC decode every profile they can,
// so parameters choose among several and exclude none but another way of
// packing.
func affinity(from, to *Codec) int {
	if !strings.EqualFold(from.Name, to.Name) || from.ClockRate != to.ClockRate {
		return 0
	}
	same := func(name, absent string, letters int) int {
		a, b := parameter(from.Fmtp, name, absent), parameter(to.Fmtp, name, absent)
		if a == b {
			return 2
		}
		if letters > 0 && len(a) >= letters && len(b) >= letters && a[:letters] == b[:letters] {
			return 1
		}
		return 0
	}
	switch strings.ToLower(from.Name) {
	case "h264": // RFC 6184 section 8.1: a packetization mode is not crossed
		if same("packetization-mode", "0", 0) == 0 {
			return 0
		}
		return 1 + same("profile-level-id", "420010", 4)
	case "vp9":
		return 1 + same("profile-id", "0", 0)
	case "av1":
		return 1 + same("profile", "0", 0)
	}
	if from.Channels != to.Channels {
		return 1
	}
	return 2
}
