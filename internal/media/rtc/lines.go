package rtc

import (
	"crypto/rand"
	"encoding/binary"
	"slices"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/forward"
	"switchboard/internal/media/rtc/jsep"
)

// lineKey names a line over renegotiations: by its mid, or by its place where
// it has none.
type lineKey struct {
	mid   string
	index int // 0 if there is a mid
}

// agreedLine is what a line keeps over renegotiations.
type agreedLine struct {
	track  media.TrackID // of what the peer sends, "" while it sends nothing
	source jsep.Source   // of what we send, zero while we never did
}

func keyOf(mid string, index int) lineKey {
	if mid != "" {
		return lineKey{mid: mid}
	}
	return lineKey{index: index}
}

// agree makes the answer to an offer that follows before, if that is not nil.
// It changes nothing but what descriptions must keep.
func (t *Transport) agree(o *jsep.Description, before *identity) (*jsep.Answer, error) {
	name, password, session := t.name, t.password, t.session
	if restarts(o, before) {
		name, password = newCredentials()
	}
	if session == 0 {
		session = newSession()
	}
	a, err := o.Answer(t.local(name, password, session))
	if err != nil {
		return nil, err
	}
	t.session, t.version, t.name, t.password = session, t.version+1, name, password
	return a, nil
}

// local is our side of the next description.
func (t *Transport) local(name, password string, session uint64) jsep.Local {
	return jsep.Local{
		Session: session, Version: t.version + 1,
		Ufrag: name, Pwd: password,
		Fingerprint: t.engine.certificate.fingerprint,
		Candidates:  t.engine.hosts.candidates(),
		Receive:     t.options.Receive, Send: t.options.Send, Data: t.options.Data,
		VideoKbps: int(t.videoKbps.Load()), VideoCodecs: t.engine.codecs,
		MaxMessageSize: maxMessage,
		StreamName:     t.options.StreamName, CNAME: t.cname,
		Source: t.source,
	}
}

// source returns what we send a line with: new, or as before.
func (t *Transport) source(mid string, index int) jsep.Source {
	l := t.line(mid, index)
	if l.source.SSRC == 0 {
		l.source = jsep.Source{SSRC: t.newSSRC(), RTX: t.newSSRC()}
	}
	return l.source
}

func (t *Transport) line(mid string, index int) *agreedLine {
	key := keyOf(mid, index)
	l := t.lines[key]
	if l == nil {
		l = &agreedLine{}
		t.lines[key] = l
	}
	return l
}

// newSSRC draws a synchronization source that differs from the others of the
// transport as good as certainly (RFC 3550 section 8.1).
func (t *Transport) newSSRC() uint32 {
	for {
		if n := uint32(random64()); n != 0 {
			return n
		}
	}
}

// newSession draws what names a session (RFC 9429 section 5.2.1): 62 bits.
func newSession() uint64 { return random64() >> 2 }

func random64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

// planeLines tells the packet plane what was agreed on, and gives tracks to the
// lines on which the peer sends.
func (t *Transport) planeLines(a *jsep.Answer) []forward.Line {
	lines := make([]forward.Line, 0, len(a.Lines))
	seen := map[*agreedLine]bool{}
	for i := range a.Lines {
		from := &a.Lines[i]
		kept := t.line(from.Mid, from.Index)
		seen[kept] = true
		switch {
		case !from.PeerSends:
			kept.track = ""
		case kept.track == "":
			kept.track = t.engine.newTrack()
		}
		l := forward.Line{
			Index: from.Index, Mid: from.Mid, Kind: from.Kind,
			Track: kept.track, SSRC: from.SSRC, RTXSSRC: from.RTX,
			Sends: from.PeerReceives, SendSSRC: from.Source.SSRC, SendRTXSSRC: from.Source.RTX,
		}
		for _, c := range from.Codecs {
			l.Codecs = append(l.Codecs, planeCodec(&c))
		}
		for _, e := range from.Extensions {
			l.Extensions = append(l.Extensions, forward.Extension{ID: e.ID, URI: e.URI})
		}
		lines = append(lines, l)
	}
	for key, l := range t.lines {
		if !seen[l] { // the peer took the line back: what it sent is over
			delete(t.lines, key)
		}
	}
	return lines
}

func planeCodec(c *jsep.Codec) forward.Codec {
	return forward.Codec{
		Name: c.Name, PayloadType: c.PayloadType, ClockRate: c.ClockRate, Channels: c.Channels,
		Fmtp: c.Fmtp, RTX: c.RTX,
		NACK:        slices.Contains(c.Feedback, "nack"),
		PLI:         slices.Contains(c.Feedback, "nack pli"),
		REMB:        slices.Contains(c.Feedback, "goog-remb"),
		TransportCC: slices.Contains(c.Feedback, "transport-cc"),
	}
}

// result is what the caller of Answer or Accept gets.
func (t *Transport) result(a *jsep.Answer) media.Answer {
	r := media.Answer{SDP: a.SDP, Data: a.Data != nil}
	for i := range a.Lines {
		l := &a.Lines[i]
		if l.PeerSends {
			r.Tracks = append(r.Tracks, media.Track{
				ID: t.line(l.Mid, l.Index).track, Kind: l.Kind, Mid: l.Mid,
				Codec: l.Kind.String() + "/" + l.Codecs[0].Name,
			})
		}
		if l.PeerReceives && !slices.Contains(r.Sends, l.Kind) {
			r.Sends = append(r.Sends, l.Kind)
		}
	}
	return r
}
