package jsep

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"switchboard/internal/media"
)

// PlainLocal is our side of a description of RTP without encryption and ICE (RTP
// profile, RFC 3551). There is one line of sound; others are refused.
type PlainLocal struct {
	Session, Version uint64
	Address          netip.Addr
	Port             uint16 // of RTP; RTCP has it too, or the next
	CNAME            string
	Source           func(mid string, index int) Source
}

// PlainPeer is what the peer says of itself.
type PlainPeer struct {
	Media   netip.AddrPort // where RTP goes to; not valid: nowhere, for now
	Reports netip.AddrPort // where RTCP goes to
	Mux     bool           // both come on one port
	SDP     string         // our answer, if it was an offer
	Agreed  *Answer
}

// plainAudio are the codecs of sound, the preferred first. G.711 has payload types
// of its own, which need not be mapped (RFC 3551 section 6).
var plainAudio = []Codec{
	{Name: "opus", PayloadType: 100, ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"},
	{Name: "PCMU", PayloadType: 0, ClockRate: 8000},
	{Name: "PCMA", PayloadType: 8, ClockRate: 8000},
}

// AnswerPlain reads an offer of plain RTP and answers it. Errors wrap
// media.ErrDescription.
func AnswerPlain(offer string, local PlainLocal, send, receive bool) (*PlainPeer, error) {
	p, lines, err := parsePlain(offer)
	if err != nil {
		return nil, err
	}
	first := slices.IndexFunc(lines, func(l plainLine) bool { return l.usable && len(l.choose(plainAudio)) > 0 })
	if first < 0 {
		return nil, refuse("it has no line of sound over RTP/AVP with Opus or G.711")
	}
	l := &lines[first]
	p.use(l)
	agreed := Line{
		Index: first, Mid: l.mid, Kind: media.Audio, Codecs: l.choose(plainAudio), SSRC: l.ssrc,
		PeerSends: l.direction.Sends() && receive, PeerReceives: l.direction.Receives() && send,
	}
	if agreed.PeerReceives {
		agreed.Source = local.Source(l.mid, first)
		agreed.Source.RTX = 0
	}
	p.Agreed = &Answer{Lines: []Line{agreed}}
	w := writer{}
	w.plainSession(&local)
	for i := range lines {
		if i == first {
			w.plainAudio(&local, &agreed, p.Mux)
		} else {
			w.line("m=%s 0 %s %s", lines[i].kind, strings.Join(lines[i].protos, "/"), strings.Join(lines[i].formats, " "))
		}
	}
	p.SDP = string(w.out)
	return p, nil
}

// ProposePlain writes an offer of plain RTP with lines as seen from us. The first
// of sound is meant, others are there for their places only.
func ProposePlain(local PlainLocal, lines []media.Line) *Proposal {
	p := &Proposal{plain: -1}
	w := writer{}
	w.plainSession(&local)
	for i, l := range lines {
		mid := strconv.Itoa(i)
		want := Line{Index: i, Mid: mid, Kind: l.Kind}
		if l.Kind == media.Audio && p.plain < 0 {
			p.plain = i
			want.Codecs, want.PeerSends, want.PeerReceives = plainAudio, l.Receive, l.Send
			if l.Send {
				want.Source = local.Source(mid, i)
				want.Source.RTX = 0
			}
			w.plainAudio(&local, &want, true)
		} else {
			w.line("m=%s 0 RTP/AVP 0", l.Kind)
		}
		p.lines = append(p.lines, line{kind: l.Kind.String(), mid: mid})
		p.want = append(p.want, want)
	}
	p.SDP = string(w.out)
	return p
}

// AcceptPlain is Accept for an offer by ProposePlain.
func (p *Proposal) AcceptPlain(text string) (*PlainPeer, error) {
	peer, lines, err := parsePlain(text)
	if err != nil {
		return nil, err
	}
	if len(lines) != len(p.lines) { // RFC 3264 section 6
		return nil, refuse("it has %d media lines, %d were offered", len(lines), len(p.lines))
	}
	for i := range lines {
		if lines[i].kind != p.lines[i].kind {
			return nil, refuse("media line %d is another than was offered", i)
		}
	}
	if p.plain < 0 || !lines[p.plain].usable {
		return nil, refuse("nothing that was offered is accepted")
	}
	l := &lines[p.plain]
	agreed := p.want[p.plain]
	agreed.Codecs = l.choose(plainAudio)
	for _, c := range agreed.Codecs {
		if !slices.ContainsFunc(plainAudio, func(o Codec) bool { return o.PayloadType == c.PayloadType }) {
			return nil, refuse("it renumbers what was offered")
		}
	}
	if len(agreed.Codecs) == 0 {
		return nil, refuse("nothing that was offered is accepted")
	}
	agreed.SSRC = l.ssrc
	agreed.PeerSends = agreed.PeerSends && l.direction.Sends()
	agreed.PeerReceives = agreed.PeerReceives && l.direction.Receives()
	peer.use(l)
	peer.Agreed = &Answer{Lines: []Line{agreed}}
	return peer, nil
}

// plainLine is a media line of a description of plain RTP.
type plainLine struct {
	line
	media, reports netip.AddrPort
}

// use makes a line's addresses the peer's.
func (p *PlainPeer) use(l *plainLine) {
	p.Media, p.Reports, p.Mux = l.media, l.reports, l.mux
}

// parsePlain reads a description.
func parsePlain(text string) (*PlainPeer, []plainLine, error) {
	if len(text) > MaxBytes {
		return nil, nil, refuse("it is %d bytes long, at most %d are read", len(text), MaxBytes)
	}
	if n := strings.Count(text, "\nm="); n > MaxLines {
		return nil, nil, refuse("it has %d media lines, at most %d are answered", n, MaxLines)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, nil, refuse("it is no session description")
	}
	if len(d.MediaDescriptions) == 0 {
		return nil, nil, refuse("it has no media lines")
	}
	var lines []plainLine
	for _, m := range d.MediaDescriptions {
		l := plainLine{line: readLine(&d, m)}
		if !token(l.mid) {
			return nil, nil, refuse("the mid of a media line is no token")
		}
		l.staticCodecs(m)
		l.usable = m.MediaName.Port.Value > 0 && m.MediaName.Port.Value < 1<<16 && l.kind == "audio" &&
			(slices.Equal(l.protos, []string{"RTP", "AVP"}) || slices.Equal(l.protos, []string{"RTP", "AVPF"}))
		c := m.ConnectionInformation
		if c == nil {
			c = d.ConnectionInformation
		}
		if l.usable {
			l.address(c, uint16(m.MediaName.Port.Value), m)
		}
		lines = append(lines, l)
	}
	return &PlainPeer{}, lines, nil
}

// staticCodecs names G.711 where it is not mapped.
func (l *plainLine) staticCodecs(m *sdp.MediaDescription) {
	for _, f := range m.MediaName.Formats {
		for _, c := range plainAudio {
			kind, ok := payloadType(f)
			if ok && c.ClockRate == 8000 && c.PayloadType == kind && !slices.ContainsFunc(l.codecs, func(o Codec) bool { return o.PayloadType == kind }) {
				l.codecs = append(l.codecs, c)
			}
		}
	}
}

// address reads where the peer wants to receive.
func (l *plainLine) address(c *sdp.ConnectionInformation, port uint16, m *sdp.MediaDescription) {
	if c == nil || c.Address == nil {
		return
	}
	a, err := netip.ParseAddr(c.Address.Address)
	if err != nil || a.IsUnspecified() || a.IsMulticast() { // on hold, RFC 3264 section 8.4
		return
	}
	l.media = netip.AddrPortFrom(a.Unmap(), port)
	l.reports = netip.AddrPortFrom(a.Unmap(), port+1)
	if l.mux {
		l.reports = l.media
	} else if v, ok := m.Attribute("rtcp"); ok { // RFC 3605
		if f := strings.Fields(v); len(f) > 0 {
			if n := number32(f[0]); n > 0 && n < 1<<16 {
				l.reports = netip.AddrPortFrom(a.Unmap(), uint16(n))
			}
		}
	}
}

// choose returns what we carry of the codecs of a line, in our order.
func (l *plainLine) choose(wanted []Codec) []Codec {
	var chosen []Codec
	for _, w := range wanted {
		for _, c := range l.codecs {
			if strings.EqualFold(c.Name, w.Name) && c.ClockRate == w.ClockRate {
				chosen = append(chosen, Codec{Name: w.Name, PayloadType: c.PayloadType, ClockRate: w.ClockRate, Channels: w.Channels, Fmtp: w.Fmtp})
				break
			}
		}
	}
	return chosen
}

func (w *writer) plainSession(local *PlainLocal) {
	family := "IP4"
	if local.Address.Is6() {
		family = "IP6"
	}
	w.line("v=0")
	w.line("o=- %d %d IN %s %s", local.Session, local.Version, family, local.Address)
	w.line("s=-")
	w.line("c=IN %s %s", family, local.Address)
	w.line("t=0 0")
}

func (w *writer) plainAudio(local *PlainLocal, a *Line, mux bool) {
	formats := make([]string, 0, len(a.Codecs))
	for _, c := range a.Codecs {
		formats = append(formats, strconv.Itoa(int(c.PayloadType)))
	}
	w.line("m=audio %d RTP/AVP %s", local.Port, strings.Join(formats, " "))
	if a.Mid != "" {
		w.line("a=mid:%s", a.Mid)
	}
	direction := Inactive
	if a.PeerSends {
		direction |= RecvOnly
	}
	if a.PeerReceives {
		direction |= SendOnly
	}
	w.line("a=%s", direction)
	if mux {
		w.line("a=rtcp-mux")
	}
	w.line("a=rtcp:%d", local.Port+1)
	for _, c := range a.Codecs {
		w.codec(&c)
	}
	w.line("a=ptime:20")
	if a.PeerReceives {
		w.line("a=ssrc:%d cname:%s", a.Source.SSRC, local.CNAME)
	}
}
