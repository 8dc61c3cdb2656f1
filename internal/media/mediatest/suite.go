package mediatest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchboard/internal/media"
)

// Contract checks that an engine keeps what package media promises, as far as it
// can be seen without a peer. open starts an engine with the sink; the suite
// closes it. Each part gets an engine of its own.
func Contract(t *testing.T, open func(t *testing.T, sink media.Sink) media.Engine) {
	for _, part := range []struct {
		name  string
		check func(*testing.T, media.Engine, *posted)
	}{
		{"answers say what crosses", answersSayWhatCrosses},
		{"bad descriptions change nothing", badDescriptionsChangeNothing},
		{"candidates come at any time", candidatesComeAtAnyTime},
		{"tracks keep their names", tracksKeepTheirNames},
		{"offers are answered", offersAreAnswered},
		{"bad answers change nothing", badAnswersChangeNothing},
		{"routes to nobody are ignored", routesToNobodyAreIgnored},
		{"only files are played", onlyFilesArePlayed},
		{"closed is closed", closedIsClosed},
		{"everybody at once", everybodyAtOnce},
	} {
		t.Run(part.name, func(t *testing.T) {
			sink := &posted{}
			e := open(t, sink)
			part.check(t, e, sink)
			if err := e.Close(); err != nil {
				t.Errorf("close engine: %v", err)
			}
			sink.stop(t)
		})
	}
}

// posted is a sink that tells when something is posted too late.
type posted struct {
	mu      sync.Mutex
	events  []media.Event // guarded by mu
	stopped bool          // guarded by mu
	late    []media.Event // guarded by mu
}

// Post implements [media.Sink].
func (p *posted) Post(e media.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		p.late = append(p.late, e)
	} else {
		p.events = append(p.events, e)
	}
}

// stop says that the engine is closed: nothing may be posted any more.
func (p *posted) stop(t *testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.late) > 0 {
			t.Errorf("posted after close: %+v", p.late)
		}
	})
}

// OfferLine is a line of an offer made by [Offer].
type OfferLine struct {
	Kind      string // audio, video or application
	Direction string // sendrecv, sendonly, recvonly or inactive
}

// Offer makes a small but whole offer of a WebRTC peer: Opus, VP8, one bundled
// transport. Its lines have their index as mid. There is nobody behind it.
func Offer(lines ...OfferLine) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")
	for i := range lines {
		fmt.Fprintf(&b, " %d", i)
	}
	b.WriteString("\r\na=msid-semantic: WMS stream\r\n")
	for i, l := range lines {
		switch l.Kind {
		case "audio":
			b.WriteString("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n")
		case "video":
			b.WriteString("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n")
		default:
			b.WriteString("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=sctp-port:5000\r\n")
		}
		fmt.Fprintf(&b, "a=mid:%d\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=ice-options:trickle\r\na=setup:actpass\r\na=fingerprint:sha-256 %s\r\n",
			i, strings.TrimSuffix(strings.Repeat("0A:", 32), ":"))
		if l.Direction != "" {
			fmt.Fprintf(&b, "a=%s\r\n", l.Direction)
		}
	}
	return b.String()
}

func mustOpen(t *testing.T, e media.Engine, id media.TransportID, o media.TransportOptions) media.Transport {
	t.Helper()
	tr, err := e.Open(id, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func mustAnswer(t *testing.T, tr media.Transport, offer string) media.Answer {
	t.Helper()
	a, err := tr.Answer(context.Background(), offer)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answersSayWhatCrosses: tracks for what the peer sends and the transport is to
// receive, kinds for what it can be sent, data where both want it.
func answersSayWhatCrosses(t *testing.T, e media.Engine, _ *posted) {
	type summary struct {
		Tracks []string
		Sends  []media.Kind
		Data   bool
	}
	av := func(direction string) []OfferLine { return []OfferLine{{"audio", direction}, {"video", direction}} }
	both := []media.Kind{media.Audio, media.Video}
	for i, row := range []struct {
		name  string
		o     media.TransportOptions
		lines []OfferLine
		want  summary
	}{
		{"publish", media.TransportOptions{Receive: true}, av("sendonly"), summary{Tracks: []string{"audio 0 audio/opus", "video 1 video/VP8"}}},
		{"publish, offered both ways", media.TransportOptions{Receive: true}, av("sendrecv"), summary{Tracks: []string{"audio 0 audio/opus", "video 1 video/VP8"}}},
		{"subscribe", media.TransportOptions{Send: true}, av("recvonly"), summary{Sends: both}},
		{"loopback", media.TransportOptions{Receive: true, Send: true}, av("sendrecv"), summary{Tracks: []string{"audio 0 audio/opus", "video 1 video/VP8"}, Sends: both}},
		{"nothing to do", media.TransportOptions{Send: true}, av("sendonly"), summary{}},
		{"picture only", media.TransportOptions{Receive: true}, []OfferLine{{"video", "sendonly"}}, summary{Tracks: []string{"video 0 video/VP8"}}},
		{"two receivers of a kind", media.TransportOptions{Send: true}, []OfferLine{{"video", "recvonly"}, {"video", "recvonly"}}, summary{Sends: []media.Kind{media.Video}}},
		{"data", media.TransportOptions{Receive: true, Data: true}, append(av("sendonly"), OfferLine{Kind: "application"}), summary{Tracks: []string{"audio 0 audio/opus", "video 1 video/VP8"}, Data: true}},
		{"data not wanted", media.TransportOptions{Receive: true}, append(av("sendonly"), OfferLine{Kind: "application"}), summary{Tracks: []string{"audio 0 audio/opus", "video 1 video/VP8"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := mustAnswer(t, mustOpen(t, e, media.TransportID(fmt.Sprint("t", i)), row.o), Offer(row.lines...))
			got := summary{Sends: a.Sends, Data: a.Data}
			for _, track := range a.Tracks {
				got.Tracks = append(got.Tracks, fmt.Sprintf("%s %s %s", track.Kind, track.Mid, track.Codec))
			}
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
			if n := strings.Count(a.SDP, "\nm="); n != len(row.lines) {
				t.Errorf("%d lines are answered with %d", len(row.lines), n)
			}
		})
	}
}

// badDescriptionsChangeNothing: they fail with ErrDescription, and the next good
// one is answered as if they had not been.
func badDescriptionsChangeNothing(t *testing.T, e media.Engine, _ *posted) {
	tr := mustOpen(t, e, "t", media.TransportOptions{Receive: true})
	many := make([]OfferLine, 500)
	for i := range many {
		many[i] = OfferLine{"audio", "sendonly"}
	}
	for name, offer := range map[string]string{
		"empty": "", "garbage": "\x00\xff hello", "json": `{"sdp":"v=0"}`, "no lines": Offer(), "500 lines": Offer(many...),
	} {
		if _, err := tr.Answer(context.Background(), offer); !errors.Is(err, media.ErrDescription) {
			t.Errorf("%s: %v, want a description error", name, err)
		}
	}
	if s := tr.Stats().State; s != "new" {
		t.Errorf("state %q, want new", s)
	}
	if a := mustAnswer(t, tr, Offer(OfferLine{"audio", "sendonly"})); len(a.Tracks) != 1 {
		t.Errorf("tracks %v, want one", a.Tracks)
	}
}

// candidatesComeAtAnyTime: before the offer, after it, and the end of them.
func candidatesComeAtAnyTime(t *testing.T, e media.Engine, _ *posted) {
	tr := mustOpen(t, e, "t", media.TransportOptions{Receive: true})
	give := func() {
		for _, c := range []media.Candidate{
			{Candidate: "candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host generation 0 ufrag abcd network-cost 999", Mid: "0"},
			{Candidate: "candidate:2 1 udp 2113937151 0e8f7c1e-2f3b-4bd2-9a58-a8c1bd9d6a3f.local 50000 typ host", Mid: "audio", Line: 0},
			{Candidate: "", Line: -1},
		} {
			if err := tr.AddCandidate(c); err != nil {
				t.Errorf("%q: %v", c.Candidate, err)
			}
		}
		if err := tr.AddCandidate(media.Candidate{Candidate: "hello"}); !errors.Is(err, media.ErrCandidate) {
			t.Errorf("no candidate: %v, want a candidate error", err)
		}
	}
	give()
	mustAnswer(t, tr, Offer(OfferLine{"audio", "sendonly"}))
	give()
}

// tracksKeepTheirNames: over renegotiations, and no other track has them.
func tracksKeepTheirNames(t *testing.T, e media.Engine, _ *posted) {
	var seen []media.TrackID
	for i := range 5 {
		tr := mustOpen(t, e, media.TransportID(fmt.Sprint("t", i)), media.TransportOptions{Receive: true})
		first := mustAnswer(t, tr, Offer(OfferLine{"audio", "sendonly"}))
		second := mustAnswer(t, tr, Offer(OfferLine{"audio", "sendonly"}, OfferLine{"video", "sendonly"}))
		if len(first.Tracks) != 1 || len(second.Tracks) != 2 || first.Tracks[0] != second.Tracks[0] {
			t.Fatalf("tracks %v, then %v", first.Tracks, second.Tracks)
		}
		for _, track := range second.Tracks {
			if slices.Contains(seen, track.ID) {
				t.Errorf("a second track %s", track.ID)
			}
			seen = append(seen, track.ID)
		}
	}
}

// routesToNobodyAreIgnored: unknown transports and tracks are no trouble, before
// and after there are any.
func routesToNobodyAreIgnored(t *testing.T, e media.Engine, _ *posted) {
	tr := mustOpen(t, e, "t", media.TransportOptions{Send: true, Data: true})
	routes := func(revision uint64) {
		e.Apply(media.Routes{Room: "room", Revision: revision, Receptions: []media.Reception{
			{To: "nobody", Forward: []media.TrackID{"none"}},
			{To: "t", Forward: []media.TrackID{"none", "none"}, Data: []media.TransportID{"nobody", "t"}},
			{},
		}})
	}
	routes(1)
	mustAnswer(t, tr, Offer(OfferLine{"audio", "recvonly"}))
	routes(2)
	routes(1)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	routes(3)
	tr.RequestKeyframe()
}

// closedIsClosed: after Close everything fails with ErrClosed, a second Close
// does nothing, and the engine closes what is left.
func closedIsClosed(t *testing.T, e media.Engine, _ *posted) {
	early, late := mustOpen(t, e, "early", media.TransportOptions{Receive: true}), mustOpen(t, e, "late", media.TransportOptions{Receive: true})
	offer := Offer(OfferLine{"audio", "sendonly"})
	mustAnswer(t, early, offer)
	check := func(tr media.Transport) {
		t.Helper()
		if err := tr.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if _, err := tr.Answer(context.Background(), offer); !errors.Is(err, media.ErrClosed) {
			t.Errorf("answer: %v, want closed", err)
		}
		if _, err := tr.Offer(context.Background(), []media.Line{{Kind: media.Audio, Send: true}}); !errors.Is(err, media.ErrClosed) {
			t.Errorf("offer: %v, want closed", err)
		}
		if _, err := tr.Accept(context.Background(), answerTo(OfferLine{"audio", "recvonly"})); !errors.Is(err, media.ErrClosed) {
			t.Errorf("accept: %v, want closed", err)
		}
		if err := tr.AddCandidate(media.Candidate{}); !errors.Is(err, media.ErrClosed) {
			t.Errorf("candidate: %v, want closed", err)
		}
		if s := tr.Stats().State; s != "closed" {
			t.Errorf("state %q, want closed", s)
		}
	}
	check(early)
	check(early)
	mustOpen(t, e, "early", media.TransportOptions{}) // the id is free again
	if err := e.Close(); err != nil {
		t.Errorf("close engine: %v", err)
	}
	check(late)
	if _, err := e.Open("after", media.TransportOptions{}); !errors.Is(err, media.ErrClosed) {
		t.Errorf("open: %v, want closed", err)
	}
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "late"}}})
}

// everybodyAtOnce: all methods from many goroutines, transports closed under
// way. The race detector and the suite's other checks judge.
func everybodyAtOnce(t *testing.T, e media.Engine, _ *posted) {
	const n = 8
	offer := Offer(OfferLine{"audio", "sendrecv"}, OfferLine{"video", "sendrecv"}, OfferLine{Kind: "application"})
	var wg sync.WaitGroup
	for i := range n {
		id := media.TransportID(fmt.Sprint("t", i))
		tr := mustOpen(t, e, id, media.TransportOptions{Receive: true, Send: true, Data: true})
		wg.Go(func() {
			for range 5 {
				_, err := tr.Answer(context.Background(), offer)
				if err != nil && !errors.Is(err, media.ErrClosed) && !errors.Is(err, media.ErrState) {
					t.Errorf("answer: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				_ = tr.AddCandidate(media.Candidate{Candidate: "candidate:1 1 udp 1 192.0.2.1 50000 typ host"})
				tr.RequestKeyframe()
				_ = tr.Stats()
			}
		})
		wg.Go(func() {
			for revision := range uint64(20) {
				e.Apply(media.Routes{Room: "room", Revision: revision, Receptions: []media.Reception{{To: id, Forward: []media.TrackID{"track"}, Data: []media.TransportID{"t0"}}}})
			}
		})
		wg.Go(func() {
			if i%2 == 0 {
				if err := tr.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
	wg.Wait()
}
