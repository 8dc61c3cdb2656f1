package mediatest

import (
	"fmt"
	"strconv"
	"strings"

	"switchboard/internal/media"
)

// mostLines is how many lines an offer can have here.
const mostLines = 128

// line is one media line of an offer.
type line struct {
	media     string // audio, video, application or anything else
	payload   string // the first payload type
	mid       string
	sends     bool // the peer sends on it
	receives  bool // the peer receives on it
	isData    bool
	mediaKind media.Kind
}

func candidate(text string) bool {
	return text == "" || strings.HasPrefix(text, "candidate:") || strings.HasPrefix(text, "a=candidate:")
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", media.ErrDescription, fmt.Sprintf(format, args...))
}

// parseOffer reads as much of a session description as a fake needs (RFC 8866).
func parseOffer(offer string) ([]line, error) {
	if !strings.HasPrefix(offer, "v=0") {
		return nil, refuse("it does not begin with v=0")
	}
	var lines []line
	for text := range strings.Lines(offer) {
		text = strings.TrimRight(text, "\r\n")
		switch {
		case strings.HasPrefix(text, "m="):
			if len(lines) == mostLines {
				return nil, refuse("more than %d media lines", mostLines)
			}
			l, err := parseLine(text[2:], len(lines))
			if err != nil {
				return nil, err
			}
			lines = append(lines, l)
		case len(lines) > 0:
			lines[len(lines)-1].attribute(text)
		}
	}
	if len(lines) == 0 {
		return nil, refuse("no media line")
	}
	return lines, nil
}

func parseLine(text string, index int) (line, error) {
	fields := strings.Fields(text)
	if len(fields) < 4 {
		return line{}, refuse("media line %d is too short", index)
	}
	l := line{media: fields[0], payload: fields[3], mid: strconv.Itoa(index), sends: true, receives: true}
	switch l.media {
	case "audio":
		l.mediaKind = media.Audio
	case "video":
		l.mediaKind = media.Video
	case "application":
		l.isData = true
	}
	return l, nil
}

// attribute takes one attribute of the line.
func (l *line) attribute(text string) {
	switch {
	case strings.HasPrefix(text, "a=mid:"):
		l.mid = text[len("a=mid:"):]
	case text == "a=sendonly":
		l.receives = false
	case text == "a=recvonly":
		l.sends = false
	case text == "a=inactive":
		l.sends, l.receives = false, false
	}
}

// answer makes the description for the peer. Callers hold t.mu.
func (t *Transport) answer(lines []line) media.Answer {
	var a media.Answer
	var mids []string
	var body strings.Builder
	sends := map[media.Kind]bool{}
	for _, l := range lines {
		mids = append(mids, l.mid)
		if l.mediaKind == 0 {
			accepted := l.isData && t.options.Data
			a.Data = a.Data || accepted
			fmt.Fprintf(&body, "m=%s %s UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:%s\r\n", l.media, port(accepted), l.mid)
			continue
		}
		in, out := l.sends && t.options.Receive, l.receives && t.options.Send
		if in {
			a.Tracks = append(a.Tracks, media.Track{ID: media.TrackID(t.Name() + "/" + l.mid), Kind: l.mediaKind, Mid: l.mid, Codec: codec(l.mediaKind)})
		}
		if out && !sends[l.mediaKind] {
			sends[l.mediaKind] = true
			a.Sends = append(a.Sends, l.mediaKind)
		}
		fmt.Fprintf(&body, "m=%s 9 UDP/TLS/RTP/SAVPF %s\r\na=mid:%s\r\na=%s\r\na=rtcp-mux\r\n", l.media, l.payload, l.mid, direction(in, out))
	}
	a.SDP = fmt.Sprintf("v=0\r\no=- %d %d IN IP4 127.0.0.1\r\ns=%s\r\nt=0 0\r\na=group:BUNDLE %s\r\n"+
		"a=ice-ufrag:fake%[1]d\r\na=ice-pwd:fakefakefakefakefake%[1]d\r\na=setup:passive\r\n%[5]s",
		t.number, len(t.offers), t.Name(), strings.Join(mids, " "), body.String())
	return a
}

func port(accepted bool) string {
	if accepted {
		return "9"
	}
	return "0"
}

func codec(k media.Kind) string {
	if k == media.Audio {
		return "audio/opus"
	}
	return "video/VP8"
}

func direction(in, out bool) string {
	switch {
	case in && out:
		return "sendrecv"
	case in:
		return "recvonly"
	case out:
		return "sendonly"
	}
	return "inactive"
}
