package forward

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"switchboard/internal/media"
)

// watched plays two publishers to a subscriber, one after the other, and returns
// the datagrams.
func watched(t *testing.T, g *stage, sub *peer) [][]byte {
	t.Helper()
	for i, id := range []media.TrackID{"v0", "v1"} {
		sub.SetReception("r", uint64(i+1), []media.TrackID{id}, false)
		settle(g.plane)
		for f := range 4 {
			g.pubs[i].send(g.videos[i].frame(f == 0, 3)...)
			settle(g.plane)
		}
	}
	all := sub.raw()
	if len(all) != 24 {
		t.Fatalf("got %d datagrams, want 24", len(all))
	}
	return all
}

func nackFor(datagrams [][]byte, ssrc uint32) *rtcp.TransportLayerNack {
	var numbers []uint16
	for _, d := range datagrams {
		numbers = append(numbers, binary.BigEndian.Uint16(d[2:]))
	}
	return &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)}
}

// A subscriber gets what it missed in a stream of its own, if it negotiated one,
// also across a change of what it receives.
func TestRetransmission(t *testing.T) {
	g := newStage(t, 2)
	all := watched(t, g, g.sub)
	var want []*rtp.Packet
	for _, d := range all {
		want = append(want, g.sub.opened(d))
	}
	g.sub.tell(nackFor(all, 2001))
	for i, p := range g.sub.read(24) {
		w := want[i]
		if p.SSRC != 2002 || p.PayloadType != 121 || p.Timestamp != w.Timestamp || p.Marker != w.Marker {
			t.Errorf("packet %d: %v", i, p)
		}
		if osn := binary.BigEndian.Uint16(p.Payload); osn != w.SequenceNumber || !bytes.Equal(p.Payload[2:], w.Payload) {
			t.Errorf("packet %d is about %d, want %d", i, osn, w.SequenceNumber)
		}
		if i > 0 && p.SequenceNumber != g.sub.media[i-1].SequenceNumber+1 {
			t.Errorf("packet %d is number %d", i, p.SequenceNumber)
		}
	}
	if st := g.sub.Stats(); st.Retransmitted != 24 {
		t.Errorf("counted %+v", st)
	}
}

// Without such a stream the datagram is sent again as it was. Anything else
// under the same number would give the GCM key away.
func TestPlainResend(t *testing.T) {
	g := newStage(t, 2)
	line := receivesVideo()
	line.SendRTXSSRC = 0
	sub := newPeer(t, g.plane, TransportOptions{ID: "plain"}, line).connect(Path{})
	want := watched(t, g, sub)
	line.Extensions = []Extension{{6, uriOrientation}} // what was agreed later does not matter
	sub.SetLines([]Line{line})
	sub.tell(nackFor(want, 2001))
	got := sub.raw()
	if len(got) != 12+24 { // the new agreement began the stream anew, from the cached key frame
		t.Fatalf("got %d datagrams, want 36", len(got))
	}
	for i, d := range got[12:] {
		if !bytes.Equal(d, want[i]) {
			t.Errorf("datagram %d differs", i)
		}
	}
}

// Who asks for more than was sent, or over and over, gets little.
func TestNackFlood(t *testing.T) {
	g := newStage(t, 2)
	all := watched(t, g, g.sub)
	for range 500 {
		for _, ssrc := range []uint32{2001, 1001, 2002, 77} {
			g.sub.tell(nackFor(all, ssrc), &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: 5, LostPackets: 0xffff}}})
		}
	}
	settle(g.plane)
	if n := g.sub.Stats().Retransmitted; n < 24 || n > 1000 {
		t.Errorf("%d retransmissions", n)
	}
}

// The publisher is asked for what is missing, soon, again when an answer is
// overdue, and not for ever. What comes after all reaches the subscribers in its
// place.
func TestMissingIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, 1)
		defer g.plane.Close()
		pub, s := g.pubs[0], &g.videos[0]
		g.sub.SetReception("r", 1, []media.TrackID{"v0"}, false)
		frame := s.frame(true, 8)
		pub.send(append(append([]*rtp.Packet(nil), frame[:3]...), frame[6:]...)...) // 3, 4 and 5 are missing
		pub.send(frame[5])                                                          // 5 was only overtaken
		asked := func() (all []uint16) {
			for _, n := range reported[*rtcp.TransportLayerNack](pub) {
				if n.MediaSSRC != s.ssrc {
					t.Errorf("about stream %d", n.MediaSSRC)
				}
				for _, p := range n.Nacks {
					all = append(all, p.PacketList()...)
				}
			}
			pub.reports = nil
			return all
		}
		time.Sleep(45 * time.Millisecond)
		if diff := cmp.Diff([]uint16{3, 4}, asked()); diff != "" {
			t.Errorf("asked at first (-want +got):\n%s", diff)
		}
		rtx := source{ssrc: 33, kind: 97, sequence: 500, timestamp: frame[4].Timestamp}
		recovered := rtx.packet(append([]byte{0, 4}, frame[4].Payload...), false)
		if err := recovered.SetExtension(4, []byte("1")); err != nil {
			t.Fatal(err)
		}
		probe := rtx.packet([]byte{0, 0}, false)
		pub.send(recovered, probe, recovered)
		time.Sleep(60 * time.Millisecond)
		if diff := cmp.Diff([]uint16{3}, asked()); diff != "" {
			t.Errorf("asked again (-want +got):\n%s", diff)
		}
		time.Sleep(2 * time.Second)
		if n := len(asked()); n < 3 || n > maxAsked {
			t.Errorf("asked %d times more", n)
		}
		time.Sleep(2 * time.Second)
		if n := asked(); n != nil {
			t.Errorf("still asks for %v", n)
		}
		if st := pub.Stats(); st.PacketsLost != 1 {
			t.Errorf("counted %+v", st)
		}
		order := map[uint16]int{}
		for _, p := range g.sub.read(7) {
			order[p.SequenceNumber-g.sub.media[0].SequenceNumber]++
		}
		if diff := cmp.Diff(map[uint16]int{0: 1, 1: 1, 2: 1, 4: 1, 5: 1, 6: 1, 7: 1}, order); diff != "" {
			t.Errorf("subscriber's numbers (-want +got):\n%s", diff)
		}
	})
}
