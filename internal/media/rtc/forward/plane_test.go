package forward

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"switchboard/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newPlane(t testing.TB, o Options) *Plane {
	p := New(o)
	t.Cleanup(p.Close)
	return p
}

// samePayloads fails unless got holds the payloads of want, in order.
func samePayloads(t testing.TB, want, got []*rtp.Packet) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d packets, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(want[i].Payload, got[i].Payload) {
			t.Fatalf("payload %d: got %.20x, want %.20x", i, got[i].Payload, want[i].Payload)
		}
	}
}

// Everybody who receives a track gets its packets, unchanged inside, numbered
// without a gap, under the numbers that were agreed with them.
func TestForward(t *testing.T) {
	plane := newPlane(t, Options{Workers: 3})
	pub := newPeer(t, plane, TransportOptions{ID: "pub"}, sendsAudio("a"), sendsVideo("v")).connect(Path{})
	var subs []*peer
	for range 10 {
		s := newPeer(t, plane, TransportOptions{ID: "sub"}, receivesAudio(), receivesVideo()).connect(Path{})
		s.SetReception("room", 1, []media.TrackID{"a", "v"}, false)
		subs = append(subs, s)
	}
	settle(plane)
	voice, picture := source{ssrc: 11, kind: 111, sequence: 65530}, source{ssrc: 22, kind: 96, sequence: 65534, timestamp: 1<<32 - 6000}
	var want []*rtp.Packet
	for i := range 20 {
		v := voice.voice()
		f := picture.frame(i == 0, 4)
		pub.send(append(f, v)...)
		want = append(append(want, v), f...)
		settle(plane)
	}
	for _, s := range subs {
		got := s.read(len(want))
		samePayloads(t, want, got)
		last := map[uint32]*rtp.Packet{}
		for i, p := range got {
			ssrc, kind := uint32(1001), uint8(109)
			if want[i].SSRC == 22 {
				ssrc, kind = 2001, 120
			}
			if p.SSRC != ssrc || p.PayloadType != kind || p.Marker != want[i].Marker || p.Timestamp != want[i].Timestamp {
				t.Fatalf("packet %d: %v", i, p)
			}
			if l := last[ssrc]; l != nil && p.SequenceNumber != l.SequenceNumber+1 {
				t.Fatalf("packet %d is number %d behind %d", i, p.SequenceNumber, l.SequenceNumber)
			}
			last[ssrc] = p
		}
		if st := s.Stats(); st.PacketsSent < uint64(len(want)) || st.SendDropped != 0 {
			t.Errorf("counted %+v", st)
		}
	}
	if st := pub.Stats(); st.PacketsReceived != 100 || st.PacketsLost != 0 {
		t.Errorf("counted %+v", st)
	}
}

// Only elements that both sides know and that mean something beyond one hop are
// passed on, under the subscriber's numbers.
func TestExtensions(t *testing.T) {
	plane := newPlane(t, Options{Workers: 1})
	pub := newPeer(t, plane, TransportOptions{ID: "pub"}, sendsAudio("a"), sendsVideo("v")).connect(Path{})
	sub := newPeer(t, plane, TransportOptions{ID: "sub"}, receivesAudio(), receivesVideo()).connect(Path{})
	sub.SetReception("room", 1, []media.TrackID{"v", "a"}, false)
	voice, picture := source{ssrc: 11, kind: 111}, source{ssrc: 22, kind: 96}
	v, f := voice.voice(), picture.frame(true, 1)[0]
	for _, e := range []struct {
		p    *rtp.Packet
		id   uint8
		data []byte
	}{{v, 4, []byte("0")}, {v, 1, []byte{0x85}}, {f, 3, []byte{0, 1}}, {f, 13, []byte{2}}, {f, 9, []byte("unknown")}} {
		if err := e.p.SetExtension(e.id, e.data); err != nil {
			t.Fatal(err)
		}
	}
	settle(plane)
	pub.send(v, f)
	for _, p := range sub.read(2) {
		want := map[uint8][]byte{7: {0x85}}
		if p.SSRC == 2001 {
			want = map[uint8][]byte{5: {2}}
		}
		got := map[uint8][]byte{}
		for _, id := range p.GetExtensionIDs() {
			got[id] = p.GetExtension(id)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stream %d (-want +got):\n%s", p.SSRC, diff)
		}
	}
}

// RED goes to those who have it, under their number; the others get what is
// inside.
func TestRED(t *testing.T) {
	plane := newPlane(t, Options{Workers: 1})
	line := sendsAudio("a")
	line.Codecs = []Codec{red, opus}
	pub := newPeer(t, plane, TransportOptions{ID: "pub"}, line).connect(Path{})
	block := []byte{0x80 | 111, 960 >> 6, (960 & 0x3f) << 2, 3, 111, 'o', 'l', 'd', 'n', 'e', 'w', '!'}
	for _, row := range []struct {
		name   string
		codecs []Codec
		kind   uint8
		want   []byte
	}{
		{"has RED", []Codec{{Name: "red", PayloadType: 70, ClockRate: 48000, Channels: 2}, opus}, 70, block},
		{"has no RED", []Codec{opusOut}, 109, []byte("new!")},
		{"numbers Opus differently", []Codec{red, opusOut}, 109, []byte("new!")},
	} {
		l := receivesAudio()
		l.Codecs = row.codecs
		sub := newPeer(t, plane, TransportOptions{ID: "sub"}, l).connect(Path{})
		sub.SetReception("room", 1, []media.TrackID{"a"}, false)
		settle(plane)
		s := source{ssrc: 11, kind: 63, sequence: uint16(len(row.name)) * 10}
		pub.send(s.packet(block, false))
		got := sub.read(1)
		if got[0].PayloadType != row.kind || !bytes.Equal(got[0].Payload, row.want) {
			t.Errorf("%s: %v", row.name, got)
		}
		sub.Close()
	}
}
