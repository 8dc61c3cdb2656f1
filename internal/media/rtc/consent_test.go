package rtc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// TestConsentIsKept: who is connected is asked whether they still are, and who
// was not heard for long is lost, whoever made the offer.
func TestConsentIsKept(t *testing.T) {
	for name, connect := range map[string]func(*peer, media.Transport){
		"theirs": func(p *peer, tr media.Transport) { p.negotiate(tr) },
		"ours":   func(p *peer, tr media.Transport) { p.answers(tr, duplex) },
	} {
		t.Run(name, func(t *testing.T) {
			e, sink := start(t, rtc.Options{})
			p := newPeer(t, ours)
			p.sends(voice, both)
			tr := open(t, e, "t", media.TransportOptions{Receive: true, Send: true}).(*rtc.Transport)
			connect(p, tr)
			await[media.Connected](t, sink, "t")
			until(t, "the peer has noticed", func() bool { return p.ConnectionState() == webrtc.PeerConnectionStateConnected })
			for range 2 {
				asked := time.Now()
				if in := rtc.Attend(tr, asked); in <= 0 || in > 6*time.Second {
					t.Fatalf("asks again in %v", in)
				}
				until(t, "the peer has consented", func() bool {
					c, ok := rtc.ConsentOf(tr)
					return ok && c.RoundTrip > 0 && c.Given.After(asked)
				})
			}
			if in := rtc.Attend(tr, time.Now().Add(15*time.Second)); in <= 0 {
				t.Error("lost too early")
			}
			if in := rtc.Attend(tr, time.Now().Add(25*time.Second)); in != 0 {
				t.Errorf("asks again in %v", in)
			}
			if failed := await[media.Failed](t, sink, "t"); !strings.Contains(failed.Reason, "lost") {
				t.Errorf("failed because %q", failed.Reason)
			}
		})
	}
}
