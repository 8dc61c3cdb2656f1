package jsep

import (
	"slices"
	"strconv"
	"strings"

	"switchboard/internal/media"
)

// Proposal is an offer of ours. It stays as it is, whatever answers come.
type Proposal struct {
	// SDP is the text for the peer.
	SDP string

	lines []line
	plain int    // the line that is meant in plain RTP, -1: none
	want  []Line // what we would like to agree on, line by line
}

// Propose writes an offer with lines as seen from us. The mid of a line is its
// index.
func Propose(local Local, lines []media.Line) *Proposal {
	p := &Proposal{}
	w := writer{local: &local, mixed: true, setup: "actpass"}
	for i, l := range lines {
		mid := strconv.Itoa(i)
		p.lines = append(p.lines, line{
			kind: l.Kind.String(), mid: mid, protos: []string{"UDP", "TLS", "RTP", "SAVPF"}, rsize: true,
		})
		want := Line{Index: i, Mid: mid, Kind: l.Kind, PeerSends: l.Receive, PeerReceives: l.Send}
		want.Codecs, want.Extensions = offeredAudio, audioExtensions
		if l.Kind == media.Video {
			want.Codecs, want.Extensions = offeredVideo(local.VideoCodecs), videoExtensions
		}
		if l.Send {
			want.Source = local.Source(mid, i)
			if l.Kind == media.Audio {
				want.Source.RTX = 0
			}
		}
		p.want = append(p.want, want)
		w.accepted = append(w.accepted, i)
	}
	w.session(p.lines)
	for i := range p.lines {
		w.media(&p.lines[i], &p.want[i])
	}
	p.SDP = string(w.out)
	return p
}

// Kinds returns the kinds of the lines.
func (p *Proposal) Kinds() []media.Kind {
	kinds := make([]media.Kind, 0, len(p.want))
	for i := range p.want {
		kinds = append(kinds, p.want[i].Kind)
	}
	return kinds
}

// Accept reads the peer's answer and returns who it is and what was agreed on.
// Errors wrap media.ErrDescription.
func (p *Proposal) Accept(text string) (*Description, *Answer, error) {
	d, err := parse(text)
	switch {
	case err != nil:
		return nil, nil, err
	case d.setup == "actpass": // RFC 8842 section 5.2
		return nil, nil, refuse("its setup role must be active or passive")
	case len(d.lines) != len(p.lines): // RFC 3264 section 6
		return nil, nil, refuse("it has %d media lines, %d were offered", len(d.lines), len(p.lines))
	}
	a := &Answer{}
	for i := range d.lines {
		l := &d.lines[i]
		if l.kind != p.lines[i].kind {
			return nil, nil, refuse("media line %d is another than was offered", i)
		}
		if l.mid != "" && l.mid != p.lines[i].mid {
			return nil, nil, refuse("the mid of media line %d is another than was offered", i)
		}
		if !l.usable {
			continue
		}
		switch {
		case !l.mux:
			return nil, nil, refuse("RTCP must be multiplexed (rtcp-mux)")
		case !slices.Contains(l.protos, "SAVPF"):
			return nil, nil, refuse("the transport profile must be UDP/TLS/RTP/SAVPF")
		}
		if agreed := p.agree(i, l); len(agreed.Codecs) > 0 {
			a.Lines = append(a.Lines, agreed)
		}
	}
	if len(a.Lines) == 0 {
		return nil, nil, refuse("nothing that was offered is accepted")
	}
	return d, a, nil
}

// agree makes one of what we wanted of a line and what the peer takes.
func (p *Proposal) agree(index int, l *line) Line {
	want := &p.want[index]
	a := *want
	a.Codecs, a.Extensions = nil, nil
	a.PeerSends = want.PeerSends && l.direction.Sends()
	a.PeerReceives = want.PeerReceives && l.direction.Receives()
	if a.PeerSends {
		a.SSRC, a.RTX = l.ssrc, l.rtx
	}
	repairs := false
	for _, c := range l.codecs {
		i := slices.IndexFunc(want.Codecs, func(o Codec) bool {
			return o.PayloadType == c.PayloadType && strings.EqualFold(o.Name, c.Name) && o.ClockRate == c.ClockRate
		})
		if i < 0 {
			continue
		}
		agreed := want.Codecs[i]
		if c.Fmtp != "" {
			agreed.Fmtp = strings.Clone(c.Fmtp)
		}
		if c.RTX != agreed.RTX {
			agreed.RTX = 0
		}
		repairs = repairs || agreed.RTX != 0
		agreed.Feedback = agreeFeedback(c.Feedback, a.PeerSends)
		a.Codecs = append(a.Codecs, agreed)
	}
	for _, e := range l.extensions {
		if i := slices.Index(want.Extensions, e); i >= 0 {
			a.Extensions = append(a.Extensions, want.Extensions[i])
		}
	}
	if !a.PeerReceives {
		a.Source = Source{}
	} else if !repairs {
		a.Source.RTX = 0
	}
	return a
}

// What we offer. Payload types and numbers of extensions are ours to choose, and
// stay the same in all offers; those of video are Chromium's, Opus is 100 for
// clients that know it only by that.
var (
	offeredAudio = []Codec{{
		Name: "opus", PayloadType: 100, ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1",
	}}
	carriedVideo = []Codec{
		{Name: "VP8", PayloadType: 96, RTX: 97},
		{Name: "H264", PayloadType: 102, RTX: 103, Fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
		{Name: "VP9", PayloadType: 98, RTX: 99, Fmtp: "profile-id=0"},
		{Name: "AV1", PayloadType: 45, RTX: 46},
	}
	audioExtensions = []Extension{{1, passedExtensions[0]}, {4, passedExtensions[1]}}
	videoExtensions = []Extension{
		{2, rateExtensions[0]}, {3, rateExtensions[1]}, {4, passedExtensions[1]}, {5, passedExtensions[2]}, {6, passedExtensions[3]},
		{7, passedExtensions[4]}, {8, passedExtensions[5]}, {9, passedExtensions[6]}, {10, passedExtensions[7]},
	}
)

// offeredVideo returns the codecs that are carried, in the order wanted.
func offeredVideo(wanted []string) []Codec {
	var offered []Codec
	for _, name := range wanted {
		for _, c := range carriedVideo {
			if strings.EqualFold(c.Name, name) {
				c.ClockRate = 90000
				c.Feedback = slices.Concat(rateFeedback, repairFeedback)
				offered = append(offered, c)
			}
		}
	}
	return offered
}
