package mediatest

import (
	"context"
	"fmt"
	"strings"

	"switchboard/internal/media"
)

// Offer implements [media.Transport]: a small description with the lines. It
// fails as answers do when told so.
func (t *Transport) Offer(ctx context.Context, lines []media.Line) (string, error) {
	if err := t.engine.before(ctx, t); err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return "", media.ErrClosed
	}
	t.offered = lines
	t.made++
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN IP4 127.0.0.1\r\ns=%s\r\nt=0 0\r\na=ice-ufrag:fake%[1]d\r\na=ice-pwd:fakefakefakefakefake%[1]d\r\na=setup:actpass\r\n",
		t.number, t.made, t.Name())
	for i, l := range lines {
		proto, payload := "UDP/TLS/RTP/SAVPF", "100"
		if l.Kind == media.Video {
			payload = "96"
		}
		if t.options.Plain {
			proto = "RTP/AVP"
		}
		fmt.Fprintf(&b, "m=%s 9 %s %s\r\na=mid:%d\r\na=%s\r\na=rtcp-mux\r\n", l.Kind, proto, payload, i, direction(l.Receive, l.Send))
	}
	return b.String(), nil
}

// Accept implements [media.Transport].
func (t *Transport) Accept(ctx context.Context, answer string) (media.Answer, error) {
	if err := t.engine.before(ctx, t); err != nil {
		return media.Answer{}, err
	}
	lines, err := parseOffer(answer)
	if err != nil {
		return media.Answer{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return media.Answer{}, media.ErrClosed
	case t.offered == nil:
		return media.Answer{}, fmt.Errorf("%w: there is no offer to be answered", media.ErrState)
	case len(lines) > len(t.offered):
		return media.Answer{}, refuse("it answers %d lines of %d", len(lines), len(t.offered))
	}
	var a media.Answer
	for i, l := range lines {
		if l.mediaKind != t.offered[i].Kind {
			return media.Answer{}, refuse("media line %d is another than was offered", i)
		}
		if t.offered[i].Receive && l.sends {
			a.Tracks = append(a.Tracks, media.Track{ID: media.TrackID(t.Name() + "/" + l.mid), Kind: l.mediaKind, Mid: l.mid, Codec: codec(l.mediaKind)})
		}
		if t.offered[i].Send && l.receives {
			a.Sends = append(a.Sends, l.mediaKind)
		}
	}
	t.tracks, t.offered = a.Tracks, nil
	return a, nil
}

// SetVideoKbps implements [media.Transport].
func (t *Transport) SetVideoKbps(kbps int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.options.VideoKbps = kbps
}
