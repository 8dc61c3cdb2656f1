package rtc_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// start runs an engine on loopback until the test ends.
func start(t testing.TB, o rtc.Options) (*rtc.Engine, *events) {
	t.Helper()
	if !o.Address.IsValid() {
		o.Address = loopback
	}
	sink := newEvents()
	e, err := rtc.New(o, sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close engine: %v", err)
		}
	})
	return e, sink
}

// peerOptions say how a peer differs from a plain one.
type peerOptions struct {
	profiles []dtls.SRTPProtectionProfile
	networks []webrtc.NetworkType
	servers  []webrtc.ICEServer
	relay    bool
	lite     bool
	waits    bool // for us to begin the handshake
	deaf     bool // never reads its data channels
	codecs   []webrtc.RTPCodecParameters
}

var (
	opus = webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	}, PayloadType: 111}
	vp8 = webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}},
	}, PayloadType: 96}
	vp8rtx = webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96",
	}, PayloadType: 97}
)

// peer is a client: a whole endpoint of pion/webrtc.
type peer struct {
	*webrtc.PeerConnection
	t        testing.TB
	waits    bool
	received map[webrtc.RTPCodecType]*atomic.Int64
	keys     atomic.Int64 // key frames asked of us
	ear      ear
}

// newPeer makes a peer that ends with the test.
func newPeer(t testing.TB, o peerOptions) *peer {
	t.Helper()
	logs := logging.NewDefaultLoggerFactory()
	logs.DefaultLogLevel = logging.LogLevelDisabled
	var settings webrtc.SettingEngine
	settings.LoggerFactory = logs
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetPrflxAcceptanceMinWait(0)
	settings.SetRelayAcceptanceMinWait(0)
	settings.SetLite(o.lite)
	if o.deaf {
		settings.DetachDataChannels()
	}
	if o.networks != nil {
		settings.SetNetworkTypes(o.networks)
	}
	if slices.Contains(o.networks, webrtc.NetworkTypeUDP6) { // pion looks for no candidate at ::1
		conn, err := net.ListenPacket("udp6", "[::1]:0")
		if err != nil {
			t.Skipf("no IPv6 here: %v", err)
		}
		mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: logs.NewLogger("mux")})
		t.Cleanup(func() { _ = mux.Close() })
		settings.SetICEUDPMux(mux)
	}
	if o.profiles != nil {
		settings.SetSRTPProtectionProfiles(o.profiles...)
	}
	var engine webrtc.MediaEngine
	codecs := o.codecs
	if codecs == nil {
		codecs = []webrtc.RTPCodecParameters{opus, vp8, vp8rtx}
	}
	for _, c := range codecs {
		kind := webrtc.RTPCodecTypeVideo
		if c.MimeType == webrtc.MimeTypeOpus {
			kind = webrtc.RTPCodecTypeAudio
		}
		if err := engine.RegisterCodec(c, kind); err != nil {
			t.Fatal(err)
		}
	}
	var chain interceptor.Registry
	if err := webrtc.RegisterDefaultInterceptors(&engine, &chain); err != nil {
		t.Fatal(err)
	}
	policy := webrtc.ICETransportPolicyAll
	if o.relay {
		policy = webrtc.ICETransportPolicyRelay
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(&chain)).
		NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle, ICEServers: o.servers, ICETransportPolicy: policy})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{PeerConnection: pc, t: t, waits: o.waits, received: map[webrtc.RTPCodecType]*atomic.Int64{
		webrtc.RTPCodecTypeAudio: {}, webrtc.RTPCodecTypeVideo: {},
	}}
	t.Cleanup(func() {
		if err := pc.GracefulClose(); err != nil {
			t.Errorf("close peer: %v", err)
		}
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if track.Kind() == webrtc.RTPCodecTypeAudio {
				p.ear.take(packet)
			}
			p.received[track.Kind()].Add(1)
		}
	})
	return p
}

// receives adds lines on which the peer receives.
func (p *peer) receives(kinds ...webrtc.RTPCodecType) {
	p.t.Helper()
	for _, k := range kinds {
		if _, err := p.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// sends adds a line on which the peer sends.
func (p *peer) sends(c webrtc.RTPCodecParameters, direction webrtc.RTPTransceiverDirection) *webrtc.TrackLocalStaticRTP {
	p.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(c.RTPCodecCapability, c.MimeType[:5], "stream")
	if err != nil {
		p.t.Fatal(err)
	}
	line, err := p.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		p.t.Fatal(err)
	}
	go func() { // ends with the peer
		for {
			packets, _, err := line.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, r := range packets {
				switch r.(type) {
				case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
					p.keys.Add(1)
				}
			}
		}
	}()
	return track
}

// offer makes an offer with all candidates in it.
func (p *peer) offer() string {
	p.t.Helper()
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	offer, err := p.CreateOffer(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.SetLocalDescription(offer); err != nil {
		p.t.Fatal(err)
	}
	<-gathered
	sdp := p.LocalDescription().SDP
	if p.waits { // pion goes by the answer
		sdp = strings.ReplaceAll(sdp, "a=setup:actpass", "a=setup:passive")
	}
	return sdp
}

// negotiate offers and takes the answer.
func (p *peer) negotiate(tr media.Transport) media.Answer {
	p.t.Helper()
	a, err := tr.Answer(context.Background(), p.offer())
	if err != nil {
		p.t.Fatal(err)
	}
	p.take(a)
	return a
}

func (p *peer) take(a media.Answer) {
	p.t.Helper()
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.SDP}); err != nil {
		p.t.Fatalf("%v in answer\n%s", err, a.SDP)
	}
}

// open opens a transport for the test.
func open(t testing.TB, e *rtc.Engine, id media.TransportID, o media.TransportOptions) media.Transport {
	t.Helper()
	tr, err := e.Open(id, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// speak sends packets on a track until the context ends: video in frames of
// four packets of VP8, each a key frame, audio one a frame.
func speak(ctx context.Context, track *webrtc.TrackLocalStaticRTP, every time.Duration) {
	video := track.Kind() == webrtc.RTPCodecTypeVideo
	tick := time.NewTicker(every)
	defer tick.Stop()
	p := &rtp.Packet{Header: rtp.Header{Version: 2}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n, step, size := 1, uint32(960), 100
		if video {
			n, step, size = 4, 3000, 1000
		}
		p.Timestamp += step
		for i := range n {
			p.SequenceNumber++
			p.Marker = video && i == n-1
			p.Payload = make([]byte, size)
			if video && i == 0 {
				p.Payload[0] = 0x10 // first partition begins; a key frame
			}
			if err := track.WriteRTP(p); err != nil && err != io.ErrClosedPipe {
				return
			}
		}
	}
}

// speaks starts speak and stops it with the test.
func speaks(t testing.TB, tracks ...*webrtc.TrackLocalStaticRTP) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{}, len(tracks))
	for _, track := range tracks {
		go func() {
			speak(ctx, track, 20*time.Millisecond)
			done <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		stop()
		for range tracks {
			<-done
		}
	})
}

// until waits for a condition that some counter must reach.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("still not: %s", what)
		}
	}
}

// ids returns the ids of tracks.
func ids(tracks []media.Track) []media.TrackID {
	var list []media.TrackID
	for _, t := range tracks {
		list = append(list, t.ID)
	}
	return list
}
