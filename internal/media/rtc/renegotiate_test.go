package rtc_test

import (
	"context"
	"errors"
	"testing"

	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// TestAddLine: a second offer adds picture to sound; what was there goes on
// under its name.
func TestAddLine(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p, r := newPeer(t, peerOptions{}), newPeer(t, peerOptions{})
	speaks(t, p.sends(opus, sends))
	from := open(t, e, "from", media.TransportOptions{Receive: true})
	first := p.negotiate(from)
	r.receives(audio, video)
	r.negotiate(open(t, e, "to", media.TransportOptions{Send: true}))
	await[media.Connected](t, sink, "from")
	speaks(t, p.sends(vp8, sends))
	second := p.negotiate(from)
	if len(first.Tracks) != 1 || len(second.Tracks) != 2 || first.Tracks[0] != second.Tracks[0] {
		t.Fatalf("tracks %v, then %v", first.Tracks, second.Tracks)
	}
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "to", Forward: ids(second.Tracks)}}})
	until(t, "sound and picture are received", func() bool {
		return r.received[audio].Load() > 10 && r.received[video].Load() > 10
	})
	if n := len(of[media.Connected](sink, "from")); n != 1 {
		t.Errorf("connected was posted %d times", n)
	}
}

// TestStopSending: a track ends when its line stops; when the line begins
// again, it is another track.
func TestStopSending(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	speaks(t, p.sends(opus, sends))
	tr := open(t, e, "t", media.TransportOptions{Receive: true})
	first := p.negotiate(tr)
	await[media.Connected](t, sink, "t")
	line := p.GetTransceivers()[0]
	track := line.Sender().Track()
	if err := p.RemoveTrack(line.Sender()); err != nil {
		t.Fatal(err)
	}
	if stopped := p.negotiate(tr); len(stopped.Tracks) != 0 {
		t.Errorf("tracks %v, want none", stopped.Tracks)
	}
	if _, err := p.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	again := p.negotiate(tr)
	if len(again.Tracks) != 1 || again.Tracks[0].ID == first.Tracks[0].ID {
		t.Errorf("tracks %v, then %v", first.Tracks, again.Tracks)
	}
}

// TestRestart: a peer that changes its network starts ICE again; media goes on.
func TestRestart(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	speaks(t, p.sends(opus, sends))
	tr := open(t, e, "t", media.TransportOptions{Receive: true})
	p.negotiate(tr)
	await[media.Connected](t, sink, "t")
	for range 3 {
		gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
		offer, err := p.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SetLocalDescription(offer); err != nil {
			t.Fatal(err)
		}
		<-gathered
		a, err := tr.Answer(context.Background(), p.LocalDescription().SDP)
		if err != nil {
			t.Fatal(err)
		}
		p.take(a)
		until(t, "connected again", func() bool { return p.ICEConnectionState() == webrtc.ICEConnectionStateConnected })
		before := tr.Stats().PacketsReceived
		until(t, "sound goes on", func() bool { return tr.Stats().PacketsReceived > before+20 })
	}
	if n := len(of[media.Failed](sink, "t")); n != 0 {
		t.Error("failed")
	}
}

// TestOtherPeer: an offer that comes from somebody else is no renegotiation.
func TestOtherPeer(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p, other := newPeer(t, peerOptions{}), newPeer(t, peerOptions{})
	p.sends(opus, sends)
	other.sends(opus, sends)
	tr := open(t, e, "t", media.TransportOptions{Receive: true})
	p.negotiate(tr)
	await[media.Connected](t, sink, "t")
	if _, err := tr.Answer(context.Background(), other.offer()); !errors.Is(err, media.ErrState) {
		t.Errorf("got %v, want a state error", err)
	}
	if s := tr.Stats().State; s != "connected" {
		t.Errorf("state %s", s)
	}
}

// TestLoopback: a peer hears and sees itself if it is told so.
func TestLoopback(t *testing.T) {
	e, _ := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	speaks(t, p.sends(opus, both), p.sends(vp8, both))
	a := p.negotiate(open(t, e, "t", media.TransportOptions{Receive: true, Send: true}))
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "t", Forward: ids(a.Tracks)}}})
	until(t, "sound and picture come back", func() bool {
		return p.received[audio].Load() > 10 && p.received[video].Load() > 10
	})
}
