package rtc_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// films sends pictures until the test ends, a key frame first and then only when
// the peer is asked for one. The last byte of each packet says whose it is.
func (p *peer) films(track *webrtc.TrackLocalStaticRTP, mark byte) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		packet := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(mark) * 1000, Timestamp: uint32(mark) * 1e6}}
		given := int64(-1)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			packet.Timestamp += 1800
			packet.SequenceNumber++
			packet.Marker = true
			packet.Payload = []byte{0x10, 0x01, 0, mark}
			if asked := p.keys.Load(); asked != given {
				given = asked
				packet.Payload[1] = 0
			}
			if track.WriteRTP(packet) != nil {
				return
			}
		}
	}()
	p.t.Cleanup(func() { stop(); <-done })
}

// view is the picture that a peer is sent.
type view struct {
	mu     sync.Mutex
	last   *rtp.Packet // guarded by mu
	seen   byte        // whose; guarded by mu
	faults []string    // guarded by mu
}

// take looks whether the stream goes on, and begins each source with a key frame.
func (v *view) take(p *rtp.Packet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(p.Payload) != 4 {
		return
	}
	if last := v.last; last != nil && (p.SSRC != last.SSRC || p.SequenceNumber != last.SequenceNumber+1 || int32(p.Timestamp-last.Timestamp) <= 0 || int32(p.Timestamp-last.Timestamp) > 90000*30) {
		v.faults = append(v.faults, fmt.Sprintf("%v after %v", p.Header, last.Header))
	}
	if p.Payload[3] != v.seen && p.Payload[1] != 0 {
		v.faults = append(v.faults, fmt.Sprintf("picture %d begins without a key frame", p.Payload[3]))
	}
	v.last, v.seen = p.Clone(), p.Payload[3]
}

func (v *view) sees() byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen
}

// TestSwitchPicture: one line that shows now this source and now that switches at
// a key frame, for which the source is asked, in one stream without a break.
func TestSwitchPicture(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	var tracks []media.TrackID
	var peers []*peer
	for i := range 2 {
		p := newPeer(t, peerOptions{})
		track := p.sends(vp8, sends)
		id := media.TransportID(fmt.Sprint("from", i))
		tracks = append(tracks, ids(p.negotiate(open(t, e, id, media.TransportOptions{Receive: true})).Tracks)...)
		await[media.Connected](t, sink, id)
		p.films(track, byte(i+1))
		peers = append(peers, p)
	}
	r := newPeer(t, peerOptions{})
	v := &view{}
	r.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			v.take(p)
		}
	})
	r.receives(video)
	r.negotiate(open(t, e, "to", media.TransportOptions{Send: true}))
	await[media.Connected](t, sink, "to")
	for i := range 6 {
		who := i % 2
		asked := peers[who].keys.Load()
		e.Apply(media.Routes{Room: "room", Revision: uint64(i + 1), Receptions: []media.Reception{{To: "to", Forward: tracks[who : who+1]}}})
		until(t, fmt.Sprintf("picture %d is seen", who+1), func() bool { return v.sees() == byte(who+1) })
		if i > 1 && peers[who].keys.Load() == asked {
			t.Logf("round %d: shown from what was kept", i)
		}
	}
	e.Apply(media.Routes{Room: "room", Revision: 100, Receptions: []media.Reception{{To: "to"}}})
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.faults != nil {
		t.Errorf("the stream breaks: %v", v.faults)
	}
}
