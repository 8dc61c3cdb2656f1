package rtc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"switchboard/internal/media"
	"switchboard/internal/media/file/filetest"
	"switchboard/internal/media/g711"
	"switchboard/internal/media/rtc"
)

// phone is a peer that speaks plain RTP: it sends a tone and keeps what it hears.
type phone struct {
	t        testing.TB
	media    *net.UDPConn
	reports  *net.UDPConn
	to       atomic.Pointer[netip.AddrPort]
	ear      ear
	reported atomic.Int64
}

func newPhone(t testing.TB) *phone {
	p := &phone{t: t}
	for _, conn := range []**net.UDPConn{&p.media, &p.reports} {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
		if err != nil {
			t.Fatal(err)
		}
		*conn = c
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for {
			n, _, err := p.media.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			packet := &rtp.Packet{}
			if n > 1 && b[1] >= 192 && b[1] <= 223 { // reports, on the same port
				continue
			}
			if packet.Unmarshal(append([]byte(nil), b[:n]...)) == nil {
				p.ear.take(packet)
			}
		}
	}()
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		b := make([]byte, 2048)
		for {
			if _, _, err := p.reports.ReadFromUDPAddrPort(b); err != nil {
				return
			}
			p.reported.Add(1)
		}
	}()
	t.Cleanup(func() {
		_, _ = p.media.Close(), p.reports.Close()
		<-done
		<-reported
	})
	return p
}

func port(c *net.UDPConn) int { return c.LocalAddr().(*net.UDPAddr).Port }

// sdp is the phone's description.
func (p *phone) sdp(formats, more string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\na=rtcp:%d\r\n%s",
		port(p.media), formats, port(p.reports), more)
}

var opusMap = "a=rtpmap:96 opus/48000/2\r\n"

var (
	mediaLine = regexp.MustCompile(`m=audio (\d+) RTP/AVP ([\d ]+)`)
	anAddress = regexp.MustCompile(`c=IN IP4 (\S+)`)
)

// meets reads where to send.
func (p *phone) meets(sdp string) {
	p.t.Helper()
	m, a := mediaLine.FindStringSubmatch(sdp), anAddress.FindStringSubmatch(sdp)
	if m == nil || a == nil || strings.Contains(sdp, "ice-") || strings.Contains(sdp, "fingerprint") {
		p.t.Fatalf("no plain description:\n%s", sdp)
	}
	to, err := netip.ParseAddrPort(a[1] + ":" + m[1])
	if err != nil {
		p.t.Fatal(err)
	}
	p.to.Store(&to)
}

// sings sends payloads over a socket until the test ends.
func (p *phone) sings(from *net.UDPConn, kind uint8, step uint32, loop [][]byte) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		packet := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: kind, SSRC: 7}}
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			packet.SequenceNumber++
			packet.Timestamp += step
			packet.Payload = loop[i%len(loop)]
			b, err := packet.Marshal()
			if to := p.to.Load(); err == nil && to != nil {
				_, _ = from.WriteToUDPAddrPort(b, *to)
			}
		}
	}()
	p.t.Cleanup(func() { stop(); <-done })
}

// beeps is a tone as payloads of G.711.
func beeps(l g711.Law, hz float64) [][]byte {
	e := g711.NewEncoder(l)
	pcm := filetest.Tone(48000, hz, 1)
	var loop [][]byte
	for ; len(pcm) > 0; pcm = pcm[960:] {
		loop = append(loop, e.Encode(nil, pcm[:960]))
	}
	return loop
}

// hears waits until the phone hears a tone in its own encoding.
func (p *phone) hearsPhone(l g711.Law, hz float64) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("the phone hears %.0f Hz", hz), func() bool {
		p.ear.mu.Lock()
		defer p.ear.mu.Unlock()
		d := g711.NewDecoder(l)
		var pcm []float32
		for _, packet := range p.ear.packets {
			pcm = d.Decode(pcm, packet.Payload)
		}
		db := levelOf(pcm, hz)
		return len(p.ear.packets) > 20 && db > -24 && db < -16
	})
}

var plain = media.TransportOptions{Receive: true, Send: true, Plain: true, Mix: true}

// TestPlain: a telephone of either law, and one with Opus, is in a mix with a
// browser; it offers or is offered.
func TestPlain(t *testing.T) {
	for _, row := range []struct {
		name    string
		formats string
		more    string
		offers  bool
		law     g711.Law
		opus    bool
	}{
		{"PCMU offers", "0", "", true, g711.Mu, false},
		{"PCMA offers", "8 101", "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\n", true, g711.A, false},
		{"PCMU answers", "0", "", false, g711.Mu, false},
		{"Opus offers", "96 0", opusMap, true, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStage(t, rtc.Options{})
			a := s.enter(mixed, "a")[0]
			p := newPhone(t)
			tr := open(t, s.Engine, "phone", plain)
			var answer media.Answer
			var err error
			if row.offers {
				answer, err = tr.Answer(context.Background(), p.sdp(row.formats, row.more))
				p.meets(answer.SDP)
			} else {
				var offer string
				if offer, err = tr.Offer(context.Background(), []media.Line{duplex}); err == nil {
					p.meets(offer)
					answer, err = tr.Accept(context.Background(), p.sdp(row.formats, row.more))
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(answer.Tracks) != 1 || len(answer.Sends) != 1 {
				t.Fatalf("answer %+v", answer)
			}
			await[media.Connected](t, s.events, "phone")
			s.apply("x", []media.Reception{a.hearing(100), {To: "phone", Mix: 100}},
				a.voice(0), media.Voice{Track: answer.Tracks[0].ID, From: "phone", In: true})
			if row.opus {
				p.sings(p.media, 96, 960, tone(t, 1000))
			} else {
				p.sings(p.media, map[g711.Law]uint8{g711.Mu: 0, g711.A: 8}[row.law], 160, beeps(row.law, 1000))
			}
			a.hears([]float64{a.hz, 1000}, 1000)
			if row.opus {
				until(t, "the phone hears", func() bool { db := p.ear.level(t, a.hz); return db > -22 && db < -18 })
			} else {
				p.hearsPhone(row.law, a.hz)
			}
			if p.ear.breaks != nil {
				t.Errorf("the stream breaks: %v", p.ear.breaks)
			}
			if err := tr.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestPlainForward: Opus crosses untouched between a gateway and a browser; what
// comes from elsewhere than the description says is believed, and answered there.
func TestPlainForward(t *testing.T) {
	s := newStage(t, rtc.Options{PlainPortMin: 30000, PlainPortMax: 30999})
	a := s.enter(media.TransportOptions{Receive: true, Send: true}, "a")[0]
	p, nat := newPhone(t), newPhone(t)
	tr := open(t, s.Engine, "phone", media.TransportOptions{Receive: true, Send: true, Plain: true})
	answer, err := tr.Answer(context.Background(), p.sdp("96", opusMap))
	if err != nil {
		t.Fatal(err)
	}
	p.meets(answer.SDP)
	if n := p.to.Load().Port(); n < 30000 || n > 30999 || n%2 != 0 {
		t.Errorf("port %d", n)
	}
	s.apply("x", []media.Reception{{To: "a", Forward: ids(answer.Tracks)}, {To: "phone", Forward: []media.TrackID{a.track}}})
	until(t, "the phone hears, where its description says", func() bool { return p.ear.level(t, a.hz) > -22 })
	p.sings(nat.media, 96, 960, tone(t, 1000))
	a.hears([]float64{a.hz, 1000}, 1000)
	until(t, "it hears where its packets come from", func() bool { return nat.ear.level(t, a.hz) > -22 })
	// Nobody else can take the stream over while the phone speaks.
	thief := newPhone(t)
	p.sings(thief.media, 96, 960, tone(t, 3000))
	a.hears([]float64{a.hz, 1000, 3000}, 1000)
	if n := thief.ear.since(); n != 0 {
		t.Errorf("%d packets went to somebody else", n)
	}
	until(t, "reports come", func() bool { return p.reported.Load() > 0 })
}

// TestPlainRefused: what is no plain RTP changes nothing.
func TestPlainRefused(t *testing.T) {
	e, _ := start(t, rtc.Options{})
	p := newPhone(t)
	tr := open(t, e, "phone", plain)
	good := p.sdp("0", "")
	for name, offer := range map[string]string{
		"garbage": "hello", "encrypted": strings.Replace(good, "RTP/AVP", "UDP/TLS/RTP/SAVPF", 1), "video": strings.Replace(good, "m=audio", "m=video", 1),
		"codec": p.sdp("18", ""), "rejected": strings.Replace(good, fmt.Sprint("m=audio ", port(p.media)), "m=audio 0", 1), "odd rtcp": p.sdp("18", "a=rtcp:\r\n"),
	} {
		if _, err := tr.Answer(context.Background(), offer); !errors.Is(err, media.ErrDescription) {
			t.Errorf("%s: %v, want a description error", name, err)
		}
	}
	if s := tr.Stats().State; s != "new" {
		t.Errorf("state %s", s)
	}
	offer, err := tr.Offer(context.Background(), []media.Line{duplex, from})
	if err != nil || !strings.Contains(offer, "m=video 0 ") {
		t.Fatalf("%v\n%s", err, offer)
	}
	for name, answer := range map[string]string{"one line": good, "nothing": p.sdp("18", "m=video 0 RTP/AVP 0\r\n"), "renumbered": p.sdp("96", opusMap+"m=video 0 RTP/AVP 0\r\n")} {
		if _, err := tr.Accept(context.Background(), answer); !errors.Is(err, media.ErrDescription) {
			t.Errorf("%s: %v, want a description error", name, err)
		}
	}
	if _, err := tr.Accept(context.Background(), p.sdp("0", "m=video 0 RTP/AVP 0\r\n")); err != nil {
		t.Error(err)
	}
}
