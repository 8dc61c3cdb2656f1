package forward

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"switchboard/internal/media"
)

// said collects what Notify hears.
type said struct {
	mu  sync.Mutex
	all []string // guarded by mu
}

func (s *said) Talking(transport media.TransportID, track media.TrackID, talking bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, string(transport)+" "+string(track)+map[bool]string{true: " talks", false: " is quiet"}[talking])
}

func (s *said) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.all...)
}

// speak sends packets of a level, in -dBov, as fast as they are spoken.
func (p *peer) speak(s *source, packets int, level uint8) {
	p.Helper()
	for range packets {
		voice := s.voice()
		if err := voice.SetExtension(1, []byte{0x80 | level}); err != nil {
			p.Fatal(err)
		}
		p.send(voice)
		time.Sleep(20 * time.Millisecond)
	}
}

// Who was silent for long is not looked after meanwhile, and is at once when they
// speak.
func TestLongSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard said
		plane := newPlane(t, Options{Notify: &heard})
		defer plane.Close()
		pub := newPeer(t, plane, TransportOptions{ID: "p"}, sendsAudio("a")).connect(Path{Write: func([]byte) error { return nil }})
		s := source{ssrc: 11, kind: 111}
		for range 3 {
			pub.speak(&s, 3, 10)
			if pub.rests.Load() != 0 {
				t.Error("rests while it is heard")
			}
			time.Sleep(400 * time.Millisecond) // until its end is noticed, in time
			if all := heard.heard(); len(all) == 0 || all[len(all)-1] != "p a is quiet" {
				t.Errorf("heard %v", all)
			}
			time.Sleep(10 * time.Second)
			if pub.rests.Load() < plane.Now() {
				t.Error("is looked after all the time")
			}
		}
		if n := len(heard.heard()); n != 6 {
			t.Errorf("%d changes, want three times two", n)
		}
	})
}

// Somebody talks after three loud packets, goes on over short pauses, and stops
// when it was quiet for 300 ms, also if nothing comes any more.
func TestTalking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard said
		plane := newPlane(t, Options{Notify: &heard})
		defer plane.Close()
		pub := newPeer(t, plane, TransportOptions{ID: "p"}, sendsAudio("a")).connect(Path{Write: func([]byte) error { return nil }})
		s := source{ssrc: 11, kind: 111}
		var want []string
		for _, step := range []struct {
			packets int
			level   uint8
			want    string
		}{
			{2, 20, ""}, {5, 127, ""}, {2, 20, ""}, {1, 60, ""},
			{3, 20, "p a talks"},
			{10, 127, ""}, {2, 45, ""}, {13, 60, ""},
			{3, 60, "p a is quiet"},
			{30, 45, ""}, // not loud enough to begin
			{10, 30, "p a talks"},
		} {
			pub.speak(&s, step.packets, step.level)
			if step.want != "" {
				want = append(want, step.want)
			}
			if diff := cmp.Diff(want, heard.heard()); diff != "" {
				t.Fatalf("after %d packets of -%d dBov (-want +got):\n%s", step.packets, step.level, diff)
			}
		}
		time.Sleep(400 * time.Millisecond)
		if diff := cmp.Diff(append(want, "p a is quiet"), heard.heard()); diff != "" {
			t.Errorf("after silence (-want +got):\n%s", diff)
		}
		pub.speak(&s, 3, 10)
		n := len(heard.heard())
		pub.Close()
		time.Sleep(time.Second)
		if got := heard.heard(); len(got) != n {
			t.Errorf("heard after the end: %v", got[n:])
		}
	})
}

// A publisher learns what arrived: by receiver reports, by transport-wide
// feedback, and it is told our bound.
func TestReceiverFeedback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := newPlane(t, Options{})
		defer plane.Close()
		pub := newPeer(t, plane, TransportOptions{ID: "p", CNAME: "server"}, sendsAudio("a"), sendsVideo("v"), receivesAudio()).connect(Path{})
		pub.SetVideoKbps(700)
		s, voice := source{ssrc: 22, kind: 96, sequence: 65500}, source{ssrc: 11, kind: 111}
		for i := range 110 {
			f := s.frame(i == 0, 1)[0]
			if err := f.SetExtension(3, []byte{byte(i >> 8), byte(i)}); err != nil {
				t.Fatal(err)
			}
			if i%10 == 9 {
				continue // lost
			}
			pub.send(f, voice.voice())
			time.Sleep(10 * time.Millisecond)
		}
		pub.tell(&rtcp.SenderReport{SSRC: 22, NTPTime: 0x0123_4567_89ab_cdef, RTPTime: 5})
		time.Sleep(time.Second)
		blocks := map[uint32]rtcp.ReceptionReport{}
		for _, r := range reported[*rtcp.ReceiverReport](pub) {
			if r.SSRC != 1001 {
				t.Errorf("report comes from %d", r.SSRC)
			}
			for _, b := range r.Reports {
				blocks[b.SSRC] = b
			}
		}
		v := blocks[22]
		if v.TotalLost != 10 || v.LastSequenceNumber != 1<<16|(65500+108)&0xffff || v.LastSenderReport != 0x4567_89ab || v.Delay == 0 || v.Delay > 1<<16 {
			t.Errorf("video: %+v", v)
		}
		if a := blocks[11]; a.TotalLost != 0 || a.FractionLost != 0 || a.LastSequenceNumber != 98 {
			t.Errorf("audio: %+v", a)
		}
		arrived := 0
		for _, r := range reported[*rtcp.TransportLayerCC](pub) {
			arrived += len(r.RecvDeltas)
		}
		if arrived != 99 {
			t.Errorf("%d packets in transport-wide feedback, want 99", arrived)
		}
		for _, r := range reported[*rtcp.ReceiverEstimatedMaximumBitrate](pub) {
			if r.Bitrate != 700_000 || len(r.SSRCs) != 1 || r.SSRCs[0] != 22 {
				t.Errorf("bound: %v", r)
			}
		}
		if n := len(reported[*rtcp.ReceiverEstimatedMaximumBitrate](pub)); n == 0 {
			t.Error("no bound")
		}
		if n := len(reported[*rtcp.SourceDescription](pub)); n == 0 {
			t.Error("no name")
		}
		if st := pub.Stats(); st.PacketsLost != 10 {
			t.Errorf("counted %+v", st)
		}
	})
}

// What the publisher says belongs together, sound and picture at one moment of
// its clock, still does for the subscriber, by the reports it gets.
func TestSenderReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, 2)
		defer g.plane.Close()
		g.sub.SetReception("r", 1, []media.TrackID{"a0", "v0"}, false)
		settle(g.plane)
		g.pubs[0].send(append(g.videos[0].frame(true, 1), g.voices[0].voice())...)
		time.Sleep(5 * time.Second)
		g.sub.SetReception("r", 2, []media.TrackID{"a1", "v1"}, false) // what is sent now is shifted
		begin := time.Now()
		for i := range 120 {
			p := append(g.videos[1].frame(i == 0, 1), g.voices[1].voice())
			g.pubs[1].send(p...)
			if i%40 == 0 { // at this moment the voice has timestamp 48000 s, the picture 90000 s + 7
				seconds := time.Since(begin).Seconds()
				ntp := uint64((float64(begin.Unix()+2_208_988_800) + seconds - 1000) * (1 << 32))
				g.pubs[1].tell(
					&rtcp.SenderReport{SSRC: g.voices[1].ssrc, NTPTime: ntp, RTPTime: uint32(int64(seconds * 48000))},
					&rtcp.SenderReport{SSRC: g.videos[1].ssrc, NTPTime: ntp, RTPTime: uint32(int64(seconds*90000) + 7)})
			}
			time.Sleep(33 * time.Millisecond)
		}
		last := map[uint32]*rtcp.SenderReport{}
		for _, r := range reported[*rtcp.SenderReport](g.sub) {
			last[r.SSRC] = r
		}
		shift := map[uint32]uint32{}
		for _, s := range g.sub.out.senders {
			shift[s.ssrc] = s.shift
		}
		audio, video := last[1001], last[2001]
		if audio == nil || video == nil || audio.NTPTime != video.NTPTime {
			t.Fatalf("reports: %v", last)
		}
		// Both tell the same moment of the publisher.
		a := float64(int32(audio.RTPTime-shift[1001])) / 48000
		v := float64(int32(video.RTPTime-shift[2001]-7)) / 90000
		if math.Abs(a-v) > 0.001 || a < 0.5 || a > 5 {
			t.Errorf("voice at %.3f s, picture at %.3f s", a, v)
		}
		if audio.PacketCount < 20 || audio.OctetCount != audio.PacketCount*8 {
			t.Errorf("counted %+v", audio)
		}
		// The subscriber's answer tells how far away it is.
		time.Sleep(80 * time.Millisecond)
		g.sub.tell(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 1001, LastSenderReport: uint32(g.plane.stamp(g.plane.Now()-int64(300*time.Millisecond)) >> 16), Delay: 1 << 14}}})
		if rtt := g.sub.Stats().RoundTrip; rtt < 49*time.Millisecond || rtt > 51*time.Millisecond {
			t.Errorf("round trip %v, want 50ms", rtt)
		}
	})
}

// Where a stream belongs is known from what was declared, from the MID, or from
// a payload type that only one line has. A stream that cannot be placed is not
// forwarded.
func TestBinding(t *testing.T) {
	declared := sendsAudio("a")
	declared.SSRC = 11
	other := sendsAudio("b")
	other.Mid = "2"
	distinct := other
	distinct.Codecs = []Codec{{Name: "opus", PayloadType: 112, ClockRate: 48000, Channels: 2}}
	for _, row := range []struct {
		name  string
		lines []Line
		ssrc  uint32
		kind  uint8
		mid   string
		want  string // payload's first byte tells the line
	}{
		{"declared", []Line{other, declared}, 11, 111, "", "a"},
		{"declared, though another MID is said", []Line{other, declared}, 11, 111, "2", "a"},
		{"by MID", []Line{sendsAudio("a"), other}, 5, 111, "2", "b"},
		{"by a MID that nobody has", []Line{sendsAudio("a")}, 5, 111, "9", ""},
		{"by payload type", []Line{sendsAudio("a"), distinct}, 5, 112, "", "b"},
		{"payload type of two lines", []Line{sendsAudio("a"), other}, 5, 111, "", ""},
		{"payload type of nobody", []Line{sendsAudio("a")}, 5, 99, "", ""},
		{"payload type of nobody by MID", []Line{sendsAudio("a")}, 5, 99, "0", ""},
		{"payload type of nobody on a declared stream", []Line{declared}, 11, 99, "", ""},
	} {
		plane := New(Options{Workers: 1})
		pub := newPeer(t, plane, TransportOptions{ID: "p"}, row.lines...).connect(Path{})
		got := ""
		for _, id := range []media.TrackID{"a", "b"} {
			sub := newPeer(t, plane, TransportOptions{ID: "s"}, receivesAudio()).connect(Path{})
			sub.SetReception("r", 1, []media.TrackID{id}, false)
			settle(plane)
			s := source{ssrc: row.ssrc, kind: row.kind, sequence: uint16(id[0])}
			p := s.voice()
			if row.mid != "" {
				if err := p.SetExtension(4, []byte(row.mid)); err != nil {
					t.Fatal(err)
				}
			}
			pub.send(p)
			if len(sub.read(0)) > 0 {
				got += string(id)
			}
		}
		plane.Close()
		if got != row.want {
			t.Errorf("%s: went to %q, want %q", row.name, got, row.want)
		}
	}
}

// A peer can make only so many streams, and only one at a time on a line.
func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, 1)
		defer g.plane.Close()
		g.sub.SetReception("r", 1, []media.TrackID{"a0"}, false)
		settle(g.plane)
		first := g.voices[0].voice()
		g.pubs[0].send(first)
		for i := range uint32(1000) {
			s := source{ssrc: 1000 + i, kind: 111}
			g.pubs[0].send(s.voice())
		}
		if n := len(g.pubs[0].in.streams); n != maxStreams {
			t.Errorf("%d streams are remembered", n)
		}
		samePayloads(t, []*rtp.Packet{first}, g.sub.read(1))
		// When it is silent, another takes its place without a break.
		time.Sleep(6 * time.Second)
		next := source{ssrc: 5, kind: 111, sequence: 40000, timestamp: 1 << 31}
		second := next.voice()
		g.pubs[0].send(second)
		samePayloads(t, []*rtp.Packet{second}, g.sub.read(1))
		a, b := g.sub.media[0], g.sub.media[1]
		if b.SequenceNumber != a.SequenceNumber+1 || b.Timestamp-a.Timestamp < 5*48000 || b.Timestamp-a.Timestamp > 7*48000 {
			t.Errorf("continued as number %d, %d ticks later", b.SequenceNumber-a.SequenceNumber, b.Timestamp-a.Timestamp)
		}
	})
}
