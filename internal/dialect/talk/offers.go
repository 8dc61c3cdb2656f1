package talk

import (
	"fmt"
	"strings"
)

// offers are the session descriptions that transcripts name instead of spelling
// out: $offer_send, $offer_recv, $offer_both (sound and picture), $offer_sound
// (sends sound only) and $offer_data (sends both and has a data channel). They
// are what a browser writes, so a real engine answers them too; nobody is
// behind them.
func offers() variables {
	return variables{
		"offer_send":  Offer("sendonly", "audio", "video"),
		"offer_recv":  Offer("recvonly", "audio", "video"),
		"offer_both":  Offer("sendrecv", "audio", "video"),
		"offer_sound": Offer("sendonly", "audio"),
		"offer_data":  Offer("sendonly", "audio", "video", "application"),
	}
}

// Offer writes a session description as a browser would, with one line for
// each of the kinds: audio, video or application.
func Offer(direction string, kinds ...string) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")
	for i := range kinds {
		fmt.Fprintf(&b, " %d", i)
	}
	b.WriteString("\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n")
	for i, kind := range kinds {
		b.WriteString(lines[kind])
		fmt.Fprintf(&b, "c=IN IP4 0.0.0.0\r\na=ice-ufrag:talk\r\na=ice-pwd:talktalktalktalktalktalk\r\na=ice-options:trickle\r\n"+
			"a=fingerprint:sha-256 %s\r\na=setup:actpass\r\na=mid:%d\r\n", strings.TrimSuffix(strings.Repeat("5A:", 32), ":"), i)
		if kind == "application" {
			b.WriteString("a=sctp-port:5000\r\na=max-message-size:262144\r\n")
			continue
		}
		fmt.Fprintf(&b, "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n%s", direction, codecs[kind])
	}
	return b.String()
}

var lines = map[string]string{
	"audio":       "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
	"video":       "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n",
	"application": "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
}

var codecs = map[string]string{
	"audio": "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n",
	"video": "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\n" +
		"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
}
