package rtc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

var (
	duplex = media.Line{Kind: media.Audio, Send: true, Receive: true}
	from   = media.Line{Kind: media.Video, Receive: true}
	to     = media.Line{Kind: media.Video, Send: true}
)

// answers lets the peer answer an offer of ours with these lines, sending what
// it has to send.
func (p *peer) answers(tr media.Transport, lines ...media.Line) media.Answer {
	p.t.Helper()
	offer, err := tr.Offer(context.Background(), lines)
	if err != nil {
		p.t.Fatal(err)
	}
	a, err := tr.Accept(context.Background(), p.answer(offer))
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// answer takes an offer and returns the answer with all candidates in it.
func (p *peer) answer(offer string) string {
	p.t.Helper()
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		p.t.Fatalf("%v in offer\n%s", err, offer)
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	answer, err := p.CreateAnswer(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.SetLocalDescription(answer); err != nil {
		p.t.Fatal(err)
	}
	<-gathered
	return p.LocalDescription().SDP
}

// voice and picture are what peers send whom we offer.
var (
	voice = func() webrtc.RTPCodecParameters { c := opus; c.PayloadType = 100; return c }()
	ours  = peerOptions{codecs: []webrtc.RTPCodecParameters{voice, vp8, vp8rtx}}
)

// gives adds a track that the peer will send on a line it is offered.
func (p *peer) gives(c webrtc.RTPCodecParameters) *webrtc.TrackLocalStaticRTP {
	p.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(c.RTPCodecCapability, c.MimeType[:5], "stream")
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.AddTrack(track); err != nil {
		p.t.Fatal(err)
	}
	return track
}

// TestOffer: peers to whom we offer are connected, send and receive, among them
// those with ICE-lite and those that wait for our handshake; a peer that offers
// itself is in the same room.
func TestOffer(t *testing.T) {
	lite := ours
	lite.lite = true
	for name, o := range map[string]peerOptions{"plain": ours, "ice lite": lite} {
		t.Run(name, func(t *testing.T) {
			e, sink := start(t, rtc.Options{})
			one, two := newPeer(t, o), newPeer(t, peerOptions{})
			speaks(t, one.gives(voice), one.gives(vp8))
			first := open(t, e, "one", media.TransportOptions{})
			published := one.answers(first, duplex, from, to)
			if len(published.Tracks) != 2 || len(published.Sends) != 1 && len(published.Sends) != 2 {
				t.Fatalf("published %+v", published)
			}
			speaks(t, two.sends(opus, both))
			two.receives(video)
			other := two.negotiate(open(t, e, "two", media.TransportOptions{Receive: true, Send: true}))
			e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{
				{To: "one", Forward: ids(other.Tracks)}, {To: "two", Forward: ids(published.Tracks)},
			}})
			await[media.Connected](t, sink, "one")
			await[media.Connected](t, sink, "two")
			until(t, "each hears the other", func() bool {
				return one.received[audio].Load() > 10 && two.received[audio].Load() > 10
			})
			until(t, "the picture is seen", func() bool { return two.received[video].Load() > 10 })
			if s := first.Stats(); s.State != "connected" {
				t.Errorf("state %s", s.State)
			}
		})
	}
}

// TestTrickledOffer: the peer learns where we are from events only, and we where
// it is from single candidates, some of which come before its answer.
func TestTrickledOffer(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, ours)
	p.gives(voice)
	tr := open(t, e, "t", media.TransportOptions{})
	offer, err := tr.Offer(context.Background(), []media.Line{duplex})
	if err != nil {
		t.Fatal(err)
	}
	offer, _ = candidatesOf(offer)
	answer, candidates := candidatesOf(p.answer(offer))
	for _, c := range candidates {
		if err := tr.AddCandidate(media.Candidate{Candidate: c, Mid: "0"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tr.Accept(context.Background(), answer); err != nil {
		t.Fatal(err)
	}
	for _, c := range of[media.CandidateFound](sink, "t") {
		if err := p.AddICECandidate(webrtc.ICECandidateInit{Candidate: c.Candidate.Candidate, SDPMid: &c.Candidate.Mid}); err != nil {
			t.Error(err)
		}
	}
	await[media.Connected](t, sink, "t")
}

// TestOfferMore: a second offer of ours adds a picture; what was there goes on
// under its name, on the same connection.
func TestOfferMore(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, ours)
	speaks(t, p.gives(voice))
	tr := open(t, e, "t", media.TransportOptions{})
	first := p.answers(tr, duplex)
	await[media.Connected](t, sink, "t")
	speaks(t, p.gives(vp8))
	second := p.answers(tr, duplex, from)
	if len(first.Tracks) != 1 || len(second.Tracks) != 2 || first.Tracks[0] != second.Tracks[0] {
		t.Fatalf("tracks %v, then %v", first.Tracks, second.Tracks)
	}
	r := newPeer(t, peerOptions{})
	r.receives(audio, video)
	r.negotiate(open(t, e, "to", media.TransportOptions{Send: true}))
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "to", Forward: ids(second.Tracks)}}})
	until(t, "sound and picture are received", func() bool {
		return r.received[audio].Load() > 10 && r.received[video].Load() > 10
	})
	if third := p.answers(tr, duplex); len(third.Tracks) != 1 || third.Tracks[0] != first.Tracks[0] {
		t.Errorf("tracks %v when the picture is idle", third.Tracks)
	}
	if _, err := tr.Offer(context.Background(), []media.Line{from, duplex}); !errors.Is(err, media.ErrState) {
		t.Errorf("lines in another order: %v, want a state error", err)
	}
}

// TestBadAnswers: they change nothing; the good one is taken afterwards, and
// another peer's is not.
func TestBadAnswers(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p, other := newPeer(t, ours), newPeer(t, ours)
	p.gives(voice)
	other.gives(voice)
	tr := open(t, e, "t", media.TransportOptions{})
	offer, err := tr.Offer(context.Background(), []media.Line{duplex})
	if err != nil {
		t.Fatal(err)
	}
	good := p.answer(offer)
	for name, bad := range map[string]string{
		"garbage": "hello", "two lines": good + good[strings.Index(good, "m=audio"):], "no mux": strings.Replace(good, "a=rtcp-mux", "a=x", 1),
	} {
		if _, err := tr.Accept(context.Background(), bad); !errors.Is(err, media.ErrDescription) {
			t.Errorf("%s: %v, want a description error", name, err)
		}
	}
	if _, err := tr.Accept(context.Background(), good); err != nil {
		t.Fatal(err)
	}
	await[media.Connected](t, sink, "t")
	if _, err := tr.Accept(context.Background(), good); !errors.Is(err, media.ErrState) {
		t.Errorf("a second answer: %v, want a state error", err)
	}
	if offer, err = tr.Offer(context.Background(), []media.Line{duplex}); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Accept(context.Background(), other.answer(offer)); !errors.Is(err, media.ErrState) {
		t.Errorf("another peer's answer: %v, want a state error", err)
	}
	if s := tr.Stats(); s.State != "connected" {
		t.Errorf("state %s", s.State)
	}
}
