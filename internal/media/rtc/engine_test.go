package rtc_test

import (
	"net/netip"
	"testing"

	"github.com/pion/dtls/v3"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"switchboard/internal/media"
	"switchboard/internal/media/mediatest"
	"switchboard/internal/media/rtc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	audio = webrtc.RTPCodecTypeAudio
	video = webrtc.RTPCodecTypeVideo
	sends = webrtc.RTPTransceiverDirectionSendonly
	both  = webrtc.RTPTransceiverDirectionSendrecv
)

// TestForward: what one publishes the other receives, sound and picture, in
// every way they may be connected.
func TestForward(t *testing.T) {
	gcm := []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM}
	gcm256 := []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_256_GCM}
	cm := []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	ipv6 := []webrtc.NetworkType{webrtc.NetworkTypeUDP6}
	tcp := []webrtc.NetworkType{webrtc.NetworkTypeTCP4}
	for name, row := range map[string]struct {
		engine              rtc.Options
		publisher, receiver peerOptions
	}{
		"plain":         {},
		"gcm to cm":     {publisher: peerOptions{profiles: gcm}, receiver: peerOptions{profiles: cm}},
		"cm to gcm 256": {publisher: peerOptions{profiles: cm}, receiver: peerOptions{profiles: gcm256}},
		"ipv6":          {engine: rtc.Options{Address: netip.MustParseAddrPort("[::1]:0"), TCP: true}, publisher: peerOptions{networks: ipv6}, receiver: peerOptions{networks: ipv6}},
		"wildcard":      {engine: rtc.Options{Address: netip.MustParseAddrPort("[::]:0"), TCP: true}},
		"four sockets":  {engine: rtc.Options{Sockets: 4}},
		"tcp only":      {engine: rtc.Options{TCP: true}, publisher: peerOptions{networks: tcp}, receiver: peerOptions{networks: tcp}},
		"udp to tcp":    {engine: rtc.Options{TCP: true}, receiver: peerOptions{networks: tcp}},
		"ice lite":      {publisher: peerOptions{lite: true}},
		"we begin":      {publisher: peerOptions{waits: true}, receiver: peerOptions{waits: true}},
	} {
		t.Run(name, func(t *testing.T) {
			e, sink := start(t, row.engine)
			p, r := newPeer(t, row.publisher), newPeer(t, row.receiver)
			speaks(t, p.sends(opus, sends), p.sends(vp8, sends))
			r.receives(audio, video)
			from := open(t, e, "from", media.TransportOptions{Receive: true})
			to := open(t, e, "to", media.TransportOptions{Send: true})
			published := p.negotiate(from)
			received := r.negotiate(to)
			if len(published.Tracks) != 2 || len(received.Sends) != 2 {
				t.Fatalf("published %v, to receive %v", published.Tracks, received.Sends)
			}
			e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "to", Forward: ids(published.Tracks)}}})
			await[media.Connected](t, sink, "from")
			await[media.Connected](t, sink, "to")
			until(t, "audio is received", func() bool { return r.received[audio].Load() > 20 })
			until(t, "video is received", func() bool { return r.received[video].Load() > 80 })
			if got := len(of[media.Connected](sink, "to")); got != 1 {
				t.Errorf("connected was posted %d times", got)
			}
			if s := to.Stats(); s.State != "connected" || s.PacketsSent == 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// TestContract: the engine keeps what package media promises.
func TestContract(t *testing.T) {
	mediatest.Contract(t, func(t *testing.T, sink media.Sink) media.Engine {
		e, err := rtc.New(rtc.Options{Address: loopback, TCP: true}, sink)
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}
