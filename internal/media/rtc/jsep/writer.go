package jsep

import (
	"fmt"
	"strconv"
	"strings"
)

// writer writes a description line by line.
type writer struct {
	local    *Local
	out      []byte
	mixed    bool
	setup    string // our role in the handshake (RFC 8842)
	accepted []int  // lines on the transport, in order
	wrote    bool   // the transport's candidates
}

func (w *writer) line(format string, arguments ...any) {
	w.out = fmt.Appendf(w.out, format, arguments...)
	w.out = append(w.out, '\r', '\n')
}

// session writes what stands above the first media line.
func (w *writer) session(lines []line) {
	w.out = make([]byte, 0, 1024+len(w.accepted)*1536)
	w.line("v=0")
	w.line("o=- %d %d IN IP4 127.0.0.1", w.local.Session, w.local.Version)
	w.line("s=-")
	w.line("t=0 0")
	var mids strings.Builder
	for _, i := range w.accepted {
		if mid := lines[i].mid; mid != "" {
			mids.WriteString(" " + mid)
		}
	}
	if mids.Len() > 0 {
		w.line("a=group:BUNDLE%s", mids.String())
	}
	if w.mixed {
		w.line("a=extmap-allow-mixed")
	}
	w.line("a=msid-semantic: WMS *")
}

// rejected writes a line that is not accepted (RFC 9429 section 5.3.1).
func (w *writer) rejected(l *line) {
	w.line("m=%s 0 %s %s", l.kind, strings.Join(l.protos, "/"), strings.Join(l.formats, " "))
	w.line("c=IN IP4 0.0.0.0")
	if l.mid != "" {
		w.line("a=mid:%s", l.mid)
	}
	w.line("a=inactive")
}

// media writes an accepted line of audio or video.
func (w *writer) media(l *line, a *Line) {
	w.out = fmt.Appendf(w.out, "m=%s 9 %s", l.kind, strings.Join(l.protos, "/"))
	for _, c := range a.Codecs {
		w.out = strconv.AppendUint(append(w.out, ' '), uint64(c.PayloadType), 10)
		if c.RTX != 0 {
			w.out = strconv.AppendUint(append(w.out, ' '), uint64(c.RTX), 10)
		}
	}
	w.line("")
	w.line("c=IN IP4 0.0.0.0")
	if a.PeerSends && l.kind == "video" && w.local.VideoKbps > 0 {
		w.line("b=AS:%d", w.local.VideoKbps)
		w.line("b=TIAS:%d", w.local.VideoKbps*1000)
	}
	w.line("a=rtcp:9 IN IP4 0.0.0.0")
	w.transport(l)
	for _, e := range a.Extensions {
		w.line("a=extmap:%d %s", e.ID, e.URI)
	}
	direction := Inactive
	if a.PeerSends {
		direction |= RecvOnly
	}
	if a.PeerReceives {
		direction |= SendOnly
	}
	w.line("a=%s", direction)
	if a.PeerReceives {
		w.line("a=msid:%s %s", w.local.StreamName, w.label(l))
	}
	w.line("a=rtcp-mux")
	if l.rsize {
		w.line("a=rtcp-rsize")
	}
	for _, c := range a.Codecs {
		w.codec(&c)
	}
	if a.PeerReceives {
		w.sources(l, a)
	}
}

// label is the msid track id of what we send on a line.
func (w *writer) label(l *line) string {
	if l.mid == "" {
		return l.kind
	}
	return l.kind + "-" + l.mid
}

func (w *writer) codec(c *Codec) {
	w.out = fmt.Appendf(w.out, "a=rtpmap:%d %s/%d", c.PayloadType, c.Name, c.ClockRate)
	if c.Channels != 0 {
		w.out = fmt.Appendf(w.out, "/%d", c.Channels)
	}
	w.line("")
	for _, f := range c.Feedback {
		w.line("a=rtcp-fb:%d %s", c.PayloadType, f)
	}
	if c.Fmtp != "" {
		w.line("a=fmtp:%d %s", c.PayloadType, c.Fmtp)
	}
	if c.RTX != 0 {
		w.line("a=rtpmap:%d rtx/%d", c.RTX, c.ClockRate)
		w.line("a=fmtp:%d apt=%d", c.RTX, c.PayloadType)
	}
}

// sources declares what we send with (RFC 5576).
func (w *writer) sources(l *line, a *Line) {
	if a.Source.RTX != 0 {
		w.line("a=ssrc-group:FID %d %d", a.Source.SSRC, a.Source.RTX)
	}
	for _, ssrc := range []uint32{a.Source.SSRC, a.Source.RTX} {
		if ssrc != 0 {
			w.line("a=ssrc:%d cname:%s", ssrc, w.local.CNAME)
			w.line("a=ssrc:%d msid:%s %s", ssrc, w.local.StreamName, w.label(l))
		}
	}
}

// data writes the line of the data channels, in the form that the peer uses.
func (w *writer) data(l *line) {
	w.line("m=application 9 %s %s", strings.Join(l.protos, "/"), l.formats[0])
	w.line("c=IN IP4 0.0.0.0")
	w.transport(l)
	if l.oldData {
		w.line("a=sctpmap:%d webrtc-datachannel 65535", l.data.Port)
	} else {
		w.line("a=sctp-port:5000")
	}
	w.line("a=max-message-size:%d", w.local.MaxMessageSize)
}

// transport writes how to connect. Every line says it, for peers that look
// only there; the candidates stand in the first, which speaks for the bundle.
func (w *writer) transport(l *line) {
	if !w.wrote {
		w.wrote = true
		for _, c := range w.local.Candidates {
			w.line("a=candidate:%s", c)
		}
		w.line("a=end-of-candidates")
	}
	w.line("a=ice-ufrag:%s", w.local.Ufrag)
	w.line("a=ice-pwd:%s", w.local.Pwd)
	w.line("a=ice-options:trickle")
	w.line("a=fingerprint:%s %s", w.local.Fingerprint.Algorithm, w.local.Fingerprint.Value)
	w.line("a=setup:%s", w.setup)
	if l.mid != "" {
		w.line("a=mid:%s", l.mid)
	}
}
