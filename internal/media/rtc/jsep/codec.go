package jsep

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// readCodecs reads the payload types of a line in its order, each with what is
// said of it elsewhere, and puts retransmission to the codec it repeats.
func readCodecs(m *sdp.MediaDescription) []Codec {
	codecs := make([]Codec, 0, min(len(m.MediaName.Formats), maxCodecs))
	place := map[uint8]int{}
	for _, f := range m.MediaName.Formats {
		kind, ok := payloadType(f)
		if _, twice := place[kind]; !ok || twice || len(codecs) == maxCodecs {
			continue
		}
		place[kind] = len(codecs)
		codecs = append(codecs, Codec{PayloadType: kind})
	}
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" && a.Key != "fmtp" && a.Key != "rtcp-fb" {
			continue
		}
		format, value, _ := strings.Cut(a.Value, " ")
		value = strings.TrimSpace(value)
		if a.Key == "rtcp-fb" && format == "*" {
			for i := range codecs {
				codecs[i].addFeedback(value)
			}
			continue
		}
		kind, ok := payloadType(format)
		i, known := place[kind]
		if !ok || !known {
			continue
		}
		switch a.Key {
		case "rtpmap":
			codecs[i].readMap(value)
		case "fmtp":
			codecs[i].Fmtp = value
		case "rtcp-fb":
			codecs[i].addFeedback(value)
		}
	}
	return joinRTX(codecs, place)
}

// joinRTX takes the retransmission formats out of the list.
func joinRTX(codecs []Codec, place map[uint8]int) []Codec {
	for _, c := range codecs {
		if !strings.EqualFold(c.Name, "rtx") {
			continue
		}
		if kind, ok := payloadType(parameter(c.Fmtp, "apt")); ok {
			if i, ok := place[kind]; ok && codecs[i].RTX == 0 {
				codecs[i].RTX = c.PayloadType
			}
		}
	}
	return slices.DeleteFunc(codecs, func(c Codec) bool { return c.Name == "" || strings.EqualFold(c.Name, "rtx") })
}

// readMap reads "opus/48000/2".
func (c *Codec) readMap(value string) {
	f := strings.Split(value, "/")
	c.Name = f[0]
	if len(f) > 1 {
		c.ClockRate = number32(f[1])
	}
	if len(f) > 2 {
		n, _ := strconv.ParseUint(f[2], 10, 16)
		c.Channels = uint16(n)
	}
}

func (c *Codec) addFeedback(value string) {
	if value != "" && len(c.Feedback) < 16 && !slices.Contains(c.Feedback, value) {
		c.Feedback = append(c.Feedback, value)
	}
}

func payloadType(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err == nil && n < 128
}

// parameter returns a format parameter, or "".
func parameter(fmtp, name string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		if k, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// chooseAudio takes Opus, which every browser has, and behind it RED with Opus
// inside, which a receiver must know for a publisher to use it (RFC 2198).
func chooseAudio(offered []Codec) []Codec {
	i := slices.IndexFunc(offered, func(c Codec) bool {
		return strings.EqualFold(c.Name, "opus") && c.ClockRate == 48000
	})
	if i < 0 {
		return nil
	}
	chosen := []Codec{offered[i]}
	opus := strconv.Itoa(int(offered[i].PayloadType))
	for _, c := range offered {
		if strings.EqualFold(c.Name, "red") && c.ClockRate == 48000 && strings.HasPrefix(c.Fmtp, opus+"/") {
			chosen = append(chosen, c)
			break
		}
	}
	return chosen
}

// chooseVideo takes the codecs we carry, in the order wanted. From somebody who
// only publishes it takes a single one, so that everybody in a room can be
// expected to decode it.
func chooseVideo(offered []Codec, wanted []string, one bool) []Codec {
	var chosen []Codec
	for _, name := range wanted {
		first := len(chosen)
		for _, c := range offered {
			if strings.EqualFold(c.Name, name) && c.ClockRate == 90000 && carried(c) {
				chosen = append(chosen, c)
			}
		}
		if !one || len(chosen) == first {
			continue
		}
		// Constrained baseline is the profile of H.264 that WebRTC requires.
		if i := slices.IndexFunc(chosen, constrainedBaseline); i > 0 {
			return chosen[i : i+1]
		}
		return chosen[:1]
	}
	return chosen
}

// carried tells whether the codec is used in a way that receivers share: whole
// H.264 pictures in fragments (RFC 6184 packetization mode 1), and eight bits
// without subsampling of more than 4:2:0 for VP9 and AV1.
func carried(c Codec) bool {
	switch strings.ToUpper(c.Name) {
	case "H264":
		return parameter(c.Fmtp, "packetization-mode") == "1"
	case "VP9":
		p := parameter(c.Fmtp, "profile-id")
		return p == "" || p == "0"
	case "AV1":
		p := parameter(c.Fmtp, "profile")
		return p == "" || p == "0"
	}
	return true
}

func constrainedBaseline(c Codec) bool {
	return strings.HasPrefix(strings.ToLower(parameter(c.Fmtp, "profile-level-id")), "42e0")
}

// Feedback that we give or understand. What steers the sender's bitrate is
// agreed on only where the peer sends.
var (
	repairFeedback = []string{"nack", "nack pli", "ccm fir"}
	rateFeedback   = []string{"goog-remb", "transport-cc"}
)

// known returns the entry of a list that equals s: what is kept for as long as a
// transport lives must not keep the offer, of which s is a part.
func known(s string, lists ...[]string) (string, bool) {
	for _, list := range lists {
		if i := slices.Index(list, s); i >= 0 {
			return list[i], true
		}
	}
	return "", false
}

// agreeFeedback is the part of what was offered that we take.
func agreeFeedback(offered []string, peerSends bool) []string {
	lists := [][]string{repairFeedback}
	if peerSends {
		lists = append(lists, rateFeedback)
	}
	var agreed []string
	for _, f := range offered {
		if f, ok := known(f, lists...); ok {
			agreed = append(agreed, f)
		}
	}
	return agreed
}

// Header extensions that we understand or pass on.
var (
	passedExtensions = []string{
		"urn:ietf:params:rtp-hdrext:ssrc-audio-level",
		"urn:ietf:params:rtp-hdrext:sdes:mid",
		"urn:3gpp:video-orientation",
		"http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
		"http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
		"http://www.webrtc.org/experiments/rtp-hdrext/color-space",
		"http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
		"https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
	}
	rateExtensions = []string{
		"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
		"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
	}
)

// agreeExtensions is the part of what was offered that we take. Numbers above
// 14 need the two-byte form, which the peer must allow to be mixed in (RFC 8285
// section 4.1.2).
func agreeExtensions(offered []Extension, peerSends, mixed bool) []Extension {
	lists := [][]string{passedExtensions}
	if peerSends {
		lists = append(lists, rateExtensions)
	}
	var agreed []Extension
	for _, e := range offered {
		if e.ID > 14 && !mixed {
			continue
		}
		if uri, ok := known(e.URI, lists...); ok {
			agreed = append(agreed, Extension{e.ID, uri})
		}
	}
	return agreed
}

// checkable tells whether we can compute such a fingerprint.
func (f Fingerprint) checkable() bool {
	return f.Algorithm == "sha-256" || f.Algorithm == "sha-384" || f.Algorithm == "sha-512"
}
