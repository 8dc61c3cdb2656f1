package mediatest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"switchboard/internal/media"
)

// answerTo makes an answer as [Offer] makes offers, to an offer of the engine's
// with these lines.
func answerTo(lines ...OfferLine) string {
	return strings.NewReplacer(
		"a=setup:actpass", "a=setup:active",
		"SAVPF 111", "SAVPF 100", ":111 ", ":100 ",
	).Replace(Offer(lines...))
}

func mustOffer(t *testing.T, tr media.Transport, lines ...media.Line) string {
	t.Helper()
	sdp, err := tr.Offer(context.Background(), lines)
	if err != nil {
		t.Fatal(err)
	}
	return sdp
}

// offersAreAnswered: offers have the lines asked for; what is agreed on is what
// both sides want; a second offer keeps the tracks of the first.
func offersAreAnswered(t *testing.T, e media.Engine, _ *posted) {
	type summary struct {
		Tracks []string
		Sends  []media.Kind
	}
	duplex := media.Line{Kind: media.Audio, Send: true, Receive: true}
	for i, row := range []struct {
		name  string
		lines []media.Line
		reply []OfferLine
		want  summary
	}{
		{"both ways", []media.Line{duplex}, []OfferLine{{"audio", "sendrecv"}}, summary{[]string{"audio 0 audio/opus"}, []media.Kind{media.Audio}}},
		{"listens only", []media.Line{duplex}, []OfferLine{{"audio", "recvonly"}}, summary{nil, []media.Kind{media.Audio}}},
		{"speaks only", []media.Line{duplex}, []OfferLine{{"audio", "sendonly"}}, summary{[]string{"audio 0 audio/opus"}, nil}},
		{"more than asked", []media.Line{{Kind: media.Video, Receive: true}}, []OfferLine{{"video", "sendrecv"}}, summary{[]string{"video 0 video/VP8"}, nil}},
		{"several", []media.Line{duplex, {Kind: media.Video, Receive: true}, {Kind: media.Video, Send: true}},
			[]OfferLine{{"audio", "sendrecv"}, {"video", "sendonly"}, {"video", "recvonly"}},
			summary{[]string{"audio 0 audio/opus", "video 1 video/VP8"}, []media.Kind{media.Audio, media.Video}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			tr := mustOpen(t, e, media.TransportID(fmt.Sprint("t", i)), media.TransportOptions{Receive: true, Send: true})
			sdp := mustOffer(t, tr, row.lines...)
			if n := strings.Count(sdp, "\nm="); n != len(row.lines) || !strings.Contains(sdp, "a=setup:actpass") {
				t.Errorf("an offer of %d lines:\n%s", len(row.lines), sdp)
			}
			a, err := tr.Accept(context.Background(), answerTo(row.reply...))
			if err != nil {
				t.Fatal(err)
			}
			got := summary{Sends: a.Sends}
			for _, track := range a.Tracks {
				got.Tracks = append(got.Tracks, fmt.Sprintf("%s %s %s", track.Kind, track.Mid, track.Codec))
			}
			if !reflect.DeepEqual(got, row.want) || a.SDP != "" {
				t.Errorf("got %+v, want %+v; description %q", got, row.want, a.SDP)
			}
			mustOffer(t, tr, append(row.lines, duplex)...)
			again, err := tr.Accept(context.Background(), answerTo(append(row.reply, OfferLine{"audio", "sendonly"})...))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(a.Tracks); len(again.Tracks) != n+1 || !reflect.DeepEqual(again.Tracks[:n:n], append([]media.Track{}, a.Tracks...)) {
				t.Errorf("tracks %v, then %v", a.Tracks, again.Tracks)
			}
		})
	}
}

// badAnswersChangeNothing: they fail with ErrDescription and the offer can still
// be answered; what answers no offer fails with ErrState.
func badAnswersChangeNothing(t *testing.T, e media.Engine, _ *posted) {
	tr := mustOpen(t, e, "t", media.TransportOptions{Receive: true, Send: true})
	good := answerTo(OfferLine{"audio", "sendrecv"})
	if _, err := tr.Accept(context.Background(), good); !errors.Is(err, media.ErrState) {
		t.Errorf("accept without an offer: %v, want a state error", err)
	}
	mustOffer(t, tr, media.Line{Kind: media.Audio, Send: true, Receive: true})
	for name, answer := range map[string]string{
		"empty": "", "garbage": "\x00\xff hello", "another kind": answerTo(OfferLine{"video", "sendrecv"}),
		"more lines": answerTo(OfferLine{"audio", "sendrecv"}, OfferLine{"audio", "sendrecv"}),
	} {
		if _, err := tr.Accept(context.Background(), answer); !errors.Is(err, media.ErrDescription) {
			t.Errorf("%s: %v, want a description error", name, err)
		}
	}
	if s := tr.Stats().State; s != "new" {
		t.Errorf("state %q, want new", s)
	}
	if a, err := tr.Accept(context.Background(), good); err != nil || len(a.Tracks) != 1 {
		t.Errorf("tracks %v, %v, want one", a.Tracks, err)
	}
	if _, err := tr.Accept(context.Background(), good); !errors.Is(err, media.ErrState) {
		t.Errorf("a second answer: %v, want a state error", err)
	}
}

// onlyFilesArePlayed: what is no name of a file in the folder cannot be played.
func onlyFilesArePlayed(t *testing.T, e media.Engine, _ *posted) {
	for _, name := range []string{"", ".", "..", "none", "../suite.ogg", "/etc/passwd", "a/b.wav", `a\b.wav`, "c:x.wav"} {
		if _, err := e.Play("p", media.PlayRequest{Name: name}); !errors.Is(err, media.ErrFile) {
			t.Errorf("%q: %v, want a file error", name, err)
		}
	}
}
