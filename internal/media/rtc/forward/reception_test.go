package forward

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/pion/rtp"
	"pgregory.net/rapid"

	"switchboard/internal/media"
)

// stage is a plane with one worker, publishers of a voice and a picture each,
// and one subscriber.
type stage struct {
	plane  *Plane
	pubs   []*peer
	voices []source
	videos []source
	sub    *peer
}

func newStage(t testing.TB, publishers int) *stage {
	g := &stage{plane: newPlane(t, Options{Workers: 2})}
	for i := range publishers {
		n := string(rune('0' + i))
		g.pubs = append(g.pubs, newPeer(t, g.plane, TransportOptions{ID: media.TransportID("pub" + n)},
			sendsAudio(media.TrackID("a"+n)), sendsVideo(media.TrackID("v"+n))).connect(Path{}))
		g.voices = append(g.voices, source{ssrc: 10 + uint32(i), kind: 111, sequence: uint16(7000 * i), timestamp: uint32(i) << 30})
		g.videos = append(g.videos, source{ssrc: 20 + uint32(i), kind: 96, sequence: uint16(9000 * i), timestamp: uint32(i) << 31})
	}
	g.sub = newPeer(t, g.plane, TransportOptions{ID: "sub"}, receivesAudio(), receivesVideo()).connect(Path{})
	return g
}

// speak sends a voice packet of each publisher and says whose the subscriber
// got, in order, as a string of digits.
func (g *stage) speak(t testing.TB) string {
	t.Helper()
	settle(g.plane)
	from := map[string]string{}
	for i := range g.pubs {
		p := g.voices[i].voice()
		p.Payload = append(p.Payload, byte(i))
		from[string(p.Payload)] = string(rune('0' + i))
		g.pubs[i].send(p)
		settle(g.plane)
	}
	heard := ""
	for _, p := range g.sub.read(0) {
		heard += from[string(p.Payload)]
	}
	return heard
}

// What counts is the newest that was said about each room, of all rooms
// together, in the order of the lines; also for tracks that appear later, or
// again.
func TestReception(t *testing.T) {
	g := newStage(t, 3)
	second := receivesAudio()
	second.Mid, second.SendSSRC = "b", 1002
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"nothing was said", func() {}, ""},
		{"one room", func() { g.sub.SetReception("r", 5, []media.TrackID{"v1", "a1"}, false) }, "1"},
		{"an older revision", func() { g.sub.SetReception("r", 4, []media.TrackID{"a0"}, false) }, "1"},
		{"the same revision", func() { g.sub.SetReception("r", 5, []media.TrackID{"a0"}, false) }, "1"},
		{"another room has no line left", func() { g.sub.SetReception("q", 1, []media.TrackID{"a0"}, false) }, "1"},
		{"another line", func() { g.sub.SetLines([]Line{receivesAudio(), receivesVideo(), second}) }, "01"},
		{"the same track from two rooms", func() { g.sub.SetReception("q", 2, []media.TrackID{"a1"}, false) }, "1"},
		{"a track nobody has", func() { g.sub.SetReception("q", 3, []media.TrackID{"x", "a2"}, false) }, "12"},
		{"it appears", func() { g.pubs[0].SetLines([]Line{sendsAudio("x")}) }, "01"},
		{"it is on another transport already", func() {
			g.pubs[1].SetLines([]Line{sendsAudio("a1"), {Kind: media.Audio, Track: "x", Codecs: []Codec{opus}}})
		}, "01"},
		{"it ends", func() { g.pubs[0].SetLines(nil) }, "12"},
		{"a transport ends", func() { g.pubs[0].Close() }, "12"},
		{"fewer lines", func() { g.sub.SetLines([]Line{receivesAudio()}) }, "1"},
		{"a room is empty", func() { g.sub.SetReception("r", 6, nil, false) }, "2"},
		{"no path", func() { g.sub.SetPath(Path{}) }, ""},
		{"a path again", func() {
			g.sub.SetPath(Path{Write: func(b []byte) error { g.sub.datagrams <- append([]byte(nil), b...); return nil }})
		}, "2"},
		{"the subscriber ends", func() { g.sub.Close() }, ""},
		{"after the end", func() {
			g.sub.SetReception("r", 9, []media.TrackID{"a1"}, false)
			g.sub.SetLines([]Line{receivesAudio()})
		}, ""},
	} {
		step.do()
		if got := g.speak(t); got != step.want {
			t.Errorf("%s: heard %q, want %q", step.name, got, step.want)
		}
	}
	if len(g.plane.wants) != 0 || g.sub.out.listed {
		t.Errorf("left behind: %v, in the wheel: %t", g.plane.wants, g.sub.out.listed)
	}
}

// One may hear oneself, if that is asked for.
func TestLoopback(t *testing.T) {
	plane := newPlane(t, Options{})
	out := receivesAudio()
	p := newPeer(t, plane, TransportOptions{ID: "p"}, sendsAudio("a"), out).connect(Path{})
	p.SetReception("r", 1, []media.TrackID{"a"}, false)
	settle(plane)
	s := source{ssrc: 11, kind: 111}
	v := s.voice()
	p.send(v)
	samePayloads(t, p.read(1), p.media)
}

func payloadsOf(packets []*rtp.Packet) map[int][]byte {
	all := map[int][]byte{}
	for i, p := range packets {
		all[i] = p.Payload
	}
	return all
}

// Whatever a subscriber receives one after the other, it looks like one stream:
// sequence numbers rise one by one, timestamps rise, and a picture begins with a
// key frame.
func TestSwitchingIsContinuous(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newStage(t, 3)
		defer g.plane.Close()
		revision := uint64(0)
		current := -1
		fresh := false // no key frame came since the switch
		var want [][]byte
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			if rapid.IntRange(0, 3).Draw(rt, "switch") == 0 {
				next := rapid.IntRange(-1, 2).Draw(rt, "to")
				var tracks []media.TrackID
				if next >= 0 {
					n := string(rune('0' + next))
					tracks = []media.TrackID{media.TrackID("a" + n), media.TrackID("v" + n)}
				}
				g.sub.read(0)
				revision++
				g.sub.SetReception("r", revision, tracks, false)
				settle(g.plane)
				if next != current && next >= 0 {
					fresh = true
					// What is still young is replayed.
					for _, p := range g.sub.read(0) {
						fresh = false
						want = append(want, p.Payload)
					}
				}
				current = next
			}
			i := rapid.IntRange(0, 2).Draw(rt, "publisher")
			key := rapid.IntRange(0, 2).Draw(rt, "key") == 0
			frame := g.videos[i].frame(key, rapid.IntRange(1, 3).Draw(rt, "packets"))
			voice := g.voices[i].voice()
			g.pubs[i].send(append(frame, voice)...)
			settle(g.plane)
			if i != current {
				continue
			}
			want = append(want, voice.Payload)
			if fresh = fresh && !key; !fresh {
				for _, p := range frame {
					want = append(want, p.Payload)
				}
			}
		}
		g.sub.read(0)
		if len(g.sub.media) != len(want) {
			rt.Fatalf("got %d packets, want %d", len(g.sub.media), len(want))
		}
		sort := func(a, b []byte) int { return bytes.Compare(a, b) } // sound overtakes pictures
		slices.SortFunc(want, sort)
		for i, p := range slices.SortedFunc(maps.Values(payloadsOf(g.sub.media)), sort) {
			if !bytes.Equal(p, want[i]) {
				rt.Fatalf("got a packet that was not sent")
			}
		}
		last := map[uint32][2]uint32{}
		for _, p := range g.sub.media {
			l, known := last[p.SSRC]
			if known && p.SequenceNumber != uint16(l[0])+1 {
				rt.Fatalf("stream %d: number %d behind %d", p.SSRC, p.SequenceNumber, l[0])
			}
			if known && int32(p.Timestamp-l[1]) < 0 {
				rt.Fatalf("stream %d: timestamp %d behind %d", p.SSRC, p.Timestamp, l[1])
			}
			if known && p.Timestamp-l[1] > 10*90000 {
				rt.Fatalf("stream %d: timestamp jumps by %d", p.SSRC, p.Timestamp-l[1])
			}
			last[p.SSRC] = [2]uint32{uint32(p.SequenceNumber), p.Timestamp}
		}
	})
}
