package jsep

import (
	"slices"
	"strings"

	"switchboard/internal/media"
)

// Local is our side of a description.
type Local struct {
	// Session identifies the session and stays; Version grows with each
	// description (RFC 9429 section 5.2.1).
	Session, Version uint64
	// Ufrag and Pwd are our ICE credentials.
	Ufrag, Pwd string
	// Fingerprint is that of our certificate.
	Fingerprint Fingerprint
	// Candidates are ours, each without "a=" and "candidate:".
	Candidates []string
	// Receive, Send and Data are as in media.TransportOptions. Offers name what
	// they want line by line instead.
	Receive, Send, Data bool
	// VideoKbps bounds what the peer sends of video, in kbit/s; 0 sets none.
	VideoKbps int
	// MaxMessageSize is the longest data channel message we take, in bytes.
	MaxMessageSize uint32
	// VideoCodecs are the encoding names of what we carry, preferred first.
	VideoCodecs []string
	// StreamName is the msid stream of all that we send, CNAME the canonical
	// name of its sources (RFC 7022).
	StreamName, CNAME string
	// Source gives the sources for what we send on a line. It must give the same
	// ones for the same line in a renegotiation.
	Source func(mid string, index int) Source
}

// Source is what we send a line with.
type Source struct {
	SSRC, RTX uint32 // RTX is used where a codec has retransmission
}

// Answer is what was agreed on.
type Answer struct {
	// SDP is the text for the peer, if it is ours to answer.
	SDP string
	// Lines are the audio and video lines that were accepted, in the order of
	// the offer.
	Lines []Line
	// Data tells how data channels are spoken, nil if they are not.
	Data *Data
}

// Line is an accepted line of audio or video.
type Line struct {
	Index      int // in the description, from 0
	Mid        string
	Kind       media.Kind
	Codecs     []Codec // preferred first
	Extensions []Extension
	// PeerSends and PeerReceives say what crosses, already limited by what we
	// want: at least one is true unless the line is idle.
	PeerSends, PeerReceives bool
	// SSRC and RTX are what the peer declared for what it sends, or 0.
	SSRC, RTX uint32
	// Source is what we send with, if PeerReceives.
	Source Source
}

// Answer decides what of the offer is accepted and writes it down. It fails,
// wrapping media.ErrDescription, when nothing is.
func (o *Description) Answer(local Local) (*Answer, error) {
	a := &Answer{}
	w := writer{local: &local, mixed: o.allowMixed, setup: "passive"}
	if o.Active {
		w.setup = "active"
	}
	for i := range o.lines {
		l := &o.lines[i]
		switch {
		case l.acceptsData(&local) && a.Data == nil:
			a.Data = l.data
			w.accepted = append(w.accepted, i)
		case l.usable:
			if agreed, ok := o.agree(i, &local); ok {
				a.Lines = append(a.Lines, agreed)
				w.accepted = append(w.accepted, i)
			}
		}
	}
	if len(w.accepted) == 0 && slices.ContainsFunc(o.lines, func(l line) bool { return l.usable }) {
		return nil, refuse("nothing in it can be accepted: %s", o.why(&local))
	}
	w.session(o.lines)
	next := 0
	for i := range o.lines {
		l := &o.lines[i]
		switch {
		case !slices.Contains(w.accepted, i):
			w.rejected(l)
		case l.kind == "application":
			w.data(l)
		default:
			w.media(l, &a.Lines[next])
			next++
		}
	}
	a.SDP = string(w.out)
	return a, nil
}

func (l *line) acceptsData(local *Local) bool {
	return l.usable && l.kind == "application" && l.data != nil && local.Data
}

// agree decides about a line of audio or video. A line on which nothing will be
// sent either way is accepted all the same, so that the peer may use it later.
func (o *Description) agree(index int, local *Local) (Line, bool) {
	l := &o.lines[index]
	if !l.mux || !slices.Contains(l.protos, "SAVPF") {
		return Line{}, false
	}
	a := Line{
		Index: index, Mid: l.mid,
		PeerSends:    l.direction.Sends() && local.Receive,
		PeerReceives: l.direction.Receives() && local.Send,
		SSRC:         l.ssrc, RTX: l.rtx,
	}
	var codecs []Codec
	switch l.kind {
	case "audio":
		a.Kind, codecs = media.Audio, chooseAudio(l.codecs)
	case "video":
		a.Kind, codecs = media.Video, chooseVideo(l.codecs, local.VideoCodecs, a.PeerSends && !a.PeerReceives)
	}
	if len(codecs) == 0 {
		return Line{}, false
	}
	for _, c := range codecs {
		c.Name, c.Fmtp = strings.Clone(c.Name), strings.Clone(c.Fmtp)
		c.Feedback = agreeFeedback(c.Feedback, a.PeerSends)
		a.Codecs = append(a.Codecs, c)
	}
	a.Extensions = agreeExtensions(l.extensions, a.PeerSends, o.allowMixed)
	if !a.PeerSends {
		a.SSRC, a.RTX = 0, 0
	}
	if a.PeerReceives {
		a.Source = local.Source(l.mid, index)
		if !slices.ContainsFunc(a.Codecs, func(c Codec) bool { return c.RTX != 0 }) {
			a.Source.RTX = 0
		}
	}
	return a, true
}

// why says what is missing in an offer of which nothing was accepted.
func (o *Description) why(local *Local) string {
	mux, profile, codec := true, true, true
	for i := range o.lines {
		l := &o.lines[i]
		if !l.usable || l.kind != "audio" && l.kind != "video" {
			continue
		}
		switch {
		case !l.mux:
			mux = false
		case !slices.Contains(l.protos, "SAVPF"):
			profile = false
		default:
			codec = false
		}
	}
	switch {
	case !mux:
		return "RTCP must be multiplexed (rtcp-mux)"
	case !profile:
		return "the transport profile must be UDP/TLS/RTP/SAVPF"
	case !codec:
		return "there is no codec that is carried here"
	case !local.Data:
		return "there is neither audio nor video"
	}
	return "there is neither audio, video nor a data channel"
}
