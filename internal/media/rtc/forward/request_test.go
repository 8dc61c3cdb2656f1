package forward

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"switchboard/internal/media"
)

// timed notes at which second of virtual time the publisher is asked for key
// frames, and answers none.
func timed(g *stage) func() []float64 {
	begin := time.Now()
	var all []float64
	pub := g.pubs[0]
	g.pubs[0].SetPath(Path{Write: func(b []byte) error {
		plain, err := pub.open.DecryptRTCP(nil, append([]byte(nil), b...), nil)
		if err != nil {
			return err
		}
		packets, _ := rtcp.Unmarshal(plain)
		for _, p := range packets {
			if pli, is := p.(*rtcp.PictureLossIndication); is && pli.MediaSSRC == g.videos[0].ssrc {
				all = append(all, time.Since(begin).Seconds())
			}
		}
		return nil
	}})
	return func() []float64 {
		synctest.Wait()
		return all
	}
}

// A hundred newcomers cost the publisher one request a second. They see nothing
// before the key frame, and all begin with it.
func TestStormOfNewcomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, 1)
		defer g.plane.Close()
		asked := timed(g)
		s := &g.videos[0]
		g.pubs[0].send(s.frame(true, 2)...)
		time.Sleep(1500 * time.Millisecond) // the frame is no longer recent
		var subs []*peer
		for i := range 100 {
			sub := newPeer(t, g.plane, TransportOptions{ID: media.TransportID(fmt.Sprint(i))}, receivesVideo()).connect(Path{})
			sub.SetReception("r", 1, []media.TrackID{"v0"}, false)
			subs = append(subs, sub)
			g.pubs[0].send(s.frame(false, 2)...)
			time.Sleep(25 * time.Millisecond)
		}
		if diff := cmp.Diff([]float64{1.5, 2.5, 3.5}, rounded(asked())); diff != "" {
			t.Errorf("asked at seconds (-want +got):\n%s", diff)
		}
		key := s.frame(true, 2)
		g.pubs[0].send(key...)
		for _, sub := range subs {
			samePayloads(t, key, sub.read(2))
		}
		time.Sleep(10 * time.Second)
		if n := len(asked()); n != 3 {
			t.Errorf("asked %d times in all, though the frame came", n)
		}
	})
}

// rounded takes off what a tick may cost.
func rounded(seconds []float64) []float64 {
	for i := range seconds {
		seconds[i] = float64(int(seconds[i]*10)) / 10
	}
	return seconds
}

// A newcomer is shown the last key frame and what followed, if it is recent,
// and nobody is asked for another.
func TestNewcomerIsReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, 1)
		defer g.plane.Close()
		asked := timed(g)
		s := &g.videos[0]
		g.pubs[0].send(s.frame(true, 3)...)
		g.pubs[0].send(s.frame(false, 3)...)
		var want []*rtp.Packet
		for i := range 60 {
			f := s.frame(i == 0, 1)
			want = append(want, f...)
			g.pubs[0].send(f...)
			time.Sleep(10 * time.Millisecond)
		}
		g.sub.SetReception("r", 1, []media.TrackID{"v0"}, false)
		samePayloads(t, want, g.sub.read(60))
		f := s.frame(false, 1)
		g.pubs[0].send(f...)
		samePayloads(t, f, g.sub.read(1))
		for i, p := range g.sub.media {
			if i > 0 && p.SequenceNumber != g.sub.media[i-1].SequenceNumber+1 {
				t.Errorf("packet %d is number %d", i, p.SequenceNumber)
			}
		}
		if n := asked(); n != nil {
			t.Errorf("asked at %v", n)
		}
	})
}

// Requests of subscribers and of the owner reach the publisher, each once a
// second at most, the last one too.
func TestRequestsAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, 1)
		defer g.plane.Close()
		asked := timed(g)
		g.sub.SetReception("r", 1, []media.TrackID{"a0", "v0"}, false)
		g.pubs[0].RequestKeyframe() // nothing came yet: the first will be one
		key := func() { g.pubs[0].send(g.videos[0].frame(true, 1)...) }
		key()
		settle(g.plane)
		for range 25 { // from 0 to 0.25 s
			g.sub.tell(&rtcp.PictureLossIndication{MediaSSRC: 2001})
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		key() // at 1.25 s, which answers what was put off until 1 s
		time.Sleep(2 * time.Second)
		g.sub.tell(&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 2001}, {SSRC: 1001}, {SSRC: 5}}})
		time.Sleep(100 * time.Millisecond)
		key()
		g.pubs[0].RequestKeyframe() // at 3.35 s, put off to 4.25 s
		time.Sleep(600 * time.Millisecond)
		key() // in between one comes by itself
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff([]float64{0, 1, 3.2}, rounded(asked())); diff != "" {
			t.Errorf("asked at seconds (-want +got):\n%s", diff)
		}
	})
}

// A request may get lost, so it is repeated, though not for ever.
func TestRequestIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, 1)
		defer g.plane.Close()
		asked := timed(g)
		g.pubs[0].send(g.videos[0].frame(false, 1)...)
		g.sub.SetReception("r", 1, []media.TrackID{"v0"}, false)
		time.Sleep(time.Minute)
		if n := len(asked()); n != keyframeTries {
			t.Errorf("asked %d times, want %d", n, keyframeTries)
		}
	})
}

func TestBeginsKeyframe(t *testing.T) {
	for _, row := range []struct {
		codec string
		in    []byte
		want  bool
	}{
		{"VP8", []byte{0x10, 0x00}, true},
		{"VP8", []byte{0x10, 0x01}, false},
		{"VP8", []byte{0x00, 0x00}, false},                               // not the start
		{"VP8", []byte{0x11, 0x00}, false},                               // second partition
		{"vp8", []byte{0x90, 0x80, 0x01, 0x00}, true},                    // picture ID of 7 bits
		{"VP8", []byte{0x90, 0x80, 0x81, 0x01, 0x00}, true},              // of 15
		{"VP8", []byte{0x90, 0xe0, 0x81, 0x01, 0x01, 0x20, 0x01}, false}, // with TL0PICIDX and TID
		{"VP8", []byte{0x90, 0xe0, 0x81, 0x01, 0x01, 0x20, 0x10}, true},
		{"VP8", []byte{0x90, 0xe0, 0x81, 0x01, 0x01, 0x20}, false}, // cut off
		{"VP8", []byte{0x90}, false},
		{"VP9", []byte{0x08}, true},
		{"VP9", []byte{0x48}, false},                   // predicted
		{"VP9", []byte{0x80}, false},                   // not the beginning
		{"VP9", []byte{0xa8, 0x80, 0x01, 0x00}, true},  // lowest layer
		{"VP9", []byte{0xa8, 0x80, 0x01, 0x02}, false}, // layer above it
		{"VP9", []byte{0xa8, 0x01}, false},             // cut off
		{"H264", []byte{0x67, 1}, true},                // SPS
		{"H264", []byte{0x65, 1}, true},                // IDR
		{"H264", []byte{0x41, 1}, false},
		{"H264", []byte{0x7c, 0x85}, true},                       // FU-A, start of IDR
		{"H264", []byte{0x7c, 0x05}, false},                      // its middle
		{"H264", []byte{0x7c, 0x81}, false},                      // start of another
		{"H264", []byte{0x78, 0, 1, 0x68, 0, 2, 0x67, 1}, true},  // STAP-A
		{"H264", []byte{0x78, 0, 1, 0x68, 0, 9, 0x67, 1}, false}, // of which the second is cut off
		{"H264", []byte{0x78, 0, 0, 0, 1, 0x67}, false},          // with an empty one
		{"AV1", []byte{0x18, 0x0a}, true},                        // N
		{"AV1", []byte{0x10, 0x0a}, false},                       //
		{"AV1", []byte{0x98, 0x0a}, false},                       // continued
		{"theora", []byte{1}, true},                              // unknown
		{"VP8", nil, false}, {"VP9", nil, false}, {"H264", nil, false}, {"AV1", nil, false},
	} {
		if got := keyframeTest(row.codec)(row.in); got != row.want {
			t.Errorf("%s % x: %t, want %t", row.codec, row.in, got, row.want)
		}
	}
}

// The parameter sets and the picture of one frame make one beginning.
func TestH264BeginsOnce(t *testing.T) {
	g := newStage(t, 1)
	line := sendsVideo("h")
	line.Codecs = []Codec{{Name: "H264", PayloadType: 102, ClockRate: 90000, Fmtp: "packetization-mode=1;profile-level-id=42e01f"}}
	pub := newPeer(t, g.plane, TransportOptions{ID: "h"}, line).connect(Path{})
	s := source{ssrc: 9, kind: 102}
	frame := []*rtp.Packet{s.packet([]byte{0x67, 1}, false), s.packet([]byte{0x68, 1}, false), s.packet([]byte{0x65, 1}, true)}
	pub.send(frame...)
	out := receivesVideo()
	out.Codecs = []Codec{
		vp8Out,
		{Name: "H264", PayloadType: 100, ClockRate: 90000, Fmtp: "profile-level-id=42e01f"},
		{Name: "H264", PayloadType: 101, ClockRate: 90000, Fmtp: "profile-level-id=640c1f; packetization-mode=1"},
		{Name: "H264", PayloadType: 103, ClockRate: 90000, Fmtp: "profile-level-id=42E034;packetization-mode=1"},
	}
	sub := newPeer(t, g.plane, TransportOptions{ID: "s"}, out).connect(Path{})
	sub.SetReception("r", 1, []media.TrackID{"h"}, false)
	got := sub.read(3)
	samePayloads(t, frame, got)
	if got[0].PayloadType != 103 {
		t.Errorf("sent as %d, want the nearest profile, 103", got[0].PayloadType)
	}
}
