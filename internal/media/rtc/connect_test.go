package rtc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

var candidateLine = regexp.MustCompile(`a=(candidate:[^\r\n]*|end-of-candidates)\r\n`)

// candidatesOf takes the candidates out of a description.
func candidatesOf(sdp string) (without string, candidates []string) {
	for _, m := range candidateLine.FindAllStringSubmatch(sdp, -1) {
		if m[1] != "end-of-candidates" {
			candidates = append(candidates, m[1])
		}
	}
	return candidateLine.ReplaceAllString(sdp, ""), candidates
}

// TestCandidates: either side may learn where the other is before, with or
// after the descriptions, and one of them is enough.
func TestCandidates(t *testing.T) {
	for name, row := range map[string]struct{ before, after, events bool }{
		"before the offer":  {before: true},
		"after the answer":  {after: true},
		"only ours, posted": {events: true},
	} {
		t.Run(name, func(t *testing.T) {
			e, sink := start(t, rtc.Options{})
			p := newPeer(t, peerOptions{})
			p.sends(opus, sends)
			tr := open(t, e, "t", media.TransportOptions{Receive: true})
			offer, candidates := candidatesOf(p.offer())
			give := func() {
				for _, c := range candidates {
					if err := tr.AddCandidate(media.Candidate{Candidate: c, Mid: "0"}); err != nil {
						t.Error(err)
					}
				}
				if err := tr.AddCandidate(media.Candidate{Line: -1}); err != nil {
					t.Errorf("end of candidates: %v", err)
				}
			}
			if row.before {
				give()
			}
			a, err := tr.Answer(context.Background(), offer)
			if err != nil {
				t.Fatal(err)
			}
			a.SDP, _ = candidatesOf(a.SDP)
			p.take(a)
			if row.after {
				give()
			}
			if row.events {
				for _, c := range of[media.CandidateFound](sink, "t") {
					if err := p.AddICECandidate(webrtc.ICECandidateInit{Candidate: c.Candidate.Candidate, SDPMid: &c.Candidate.Mid}); err != nil {
						t.Error(err)
					}
				}
			}
			await[media.Connected](t, sink, "t")
		})
	}
}

// TestBadCandidates: what is no candidate is refused, what is of no use is
// ignored, and there are not too many.
func TestBadCandidates(t *testing.T) {
	e, _ := start(t, rtc.Options{})
	tr := open(t, e, "t", media.TransportOptions{Receive: true})
	for _, c := range []string{"hello", "candidate:", "candidate:1 1 udp", "candidate:1 1 udp x 127.0.0.1 5 typ host", "candidate:1 1 udp 1 not.an.address 5 typ host", strings.Repeat("x", 10000)} {
		if err := tr.AddCandidate(media.Candidate{Candidate: c}); c != "candidate:" && !errors.Is(err, media.ErrCandidate) {
			t.Errorf("%.40q: %v", c, err)
		}
	}
	for _, c := range []string{
		"", "candidate:1 1 udp 2113937151 0e8f7c1e-2f3b-4bd2-9a58-a8c1bd9d6a3f.local 50000 typ host generation 0 ufrag abcd network-cost 999",
		"a=candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0",
	} {
		if err := tr.AddCandidate(media.Candidate{Candidate: c}); err != nil {
			t.Errorf("%.40q: %v", c, err)
		}
	}
	taken := 0
	for i := range 1000 {
		if tr.AddCandidate(media.Candidate{Candidate: fmt.Sprintf("candidate:%d 1 udp 1 192.0.2.1 %d typ host", i, i+1)}) == nil {
			taken++
		}
	}
	if taken != 64 {
		t.Errorf("%d candidates were taken, want 64", taken)
	}
}

// TestAddresses: the answer names the addresses clients can reach: what is
// bound, the public ones, or both; a wildcard's are the machine's.
func TestAddresses(t *testing.T) {
	public := []netip.Addr{netip.MustParseAddr("203.0.113.7")}
	for name, row := range map[string]struct {
		o    rtc.Options
		want []string
		not  string
	}{
		"bound":    {rtc.Options{}, []string{" udp 2130706431 127.0.0.1 "}, "tcp"},
		"with tcp": {rtc.Options{TCP: true}, []string{" udp 2130706431 127.0.0.1 ", "127.0.0.1 %d typ host tcptype passive"}, "0.0.0.0 %d"},
		"public":   {rtc.Options{PublicAddresses: public}, []string{" 203.0.113.7 %d typ host"}, "127.0.0.1 %d"},
		"both":     {rtc.Options{PublicAddresses: public, AppendPublic: true}, []string{" 203.0.113.7 %d ", " 127.0.0.1 %d "}, "tcp"},
		"wildcard": {rtc.Options{Address: netip.MustParseAddrPort("0.0.0.0:0")}, []string{" udp 2130706431 "}, " 0.0.0.0 %d"},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := start(t, row.o)
			p := newPeer(t, peerOptions{})
			p.receives(audio)
			a, err := open(t, e, "t", media.TransportOptions{Send: true}).Answer(context.Background(), p.offer())
			if err != nil {
				t.Fatal(err)
			}
			_, candidates := candidatesOf(a.SDP)
			all := strings.Join(candidates, "\n")
			fill := func(s string) string {
				return strings.ReplaceAll(s, "%d", fmt.Sprint(e.Address().Port()))
			}
			for _, want := range row.want {
				if !strings.Contains(all, fill(want)) {
					t.Errorf("no %q in\n%s", fill(want), all)
				}
			}
			if strings.Contains(all, fill(row.not)) {
				t.Errorf("%q in\n%s", fill(row.not), all)
			}
		})
	}
}

// TestRelay: a client whose network allows only the relay is connected through
// it, over UDP and TCP, even to an address of which only the world knows; the
// relay serves nobody else and leads nowhere else.
func TestRelay(t *testing.T) {
	for name, o := range map[string]rtc.Options{
		"plain":          {},
		"public address": {PublicAddresses: []netip.Addr{netip.MustParseAddr("203.0.113.7")}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Relay = &rtc.RelayOptions{Address: loopback, PortMin: 42000, PortMax: 42999}
			e, sink := start(t, o)
			credentials, ok := e.RelayCredentials("somebody")
			if !ok {
				t.Fatal("no relay")
			}
			for i, url := range credentials.URLs {
				if len(o.PublicAddresses) > 0 { // of no use here: the way in is somebody else's
					url = strings.Replace(url, "203.0.113.7", "127.0.0.1", 1)
				}
				p := newPeer(t, peerOptions{relay: true, servers: []webrtc.ICEServer{{URLs: []string{url}, Username: credentials.Username, Credential: credentials.Password}}})
				speaks(t, p.sends(opus, sends))
				id := media.TransportID(fmt.Sprint("t", i))
				tr := open(t, e, id, media.TransportOptions{Receive: true})
				p.negotiate(tr)
				await[media.Connected](t, sink, id)
				until(t, "sound is received over "+url, func() bool { return tr.Stats().PacketsReceived > 10 })
			}
		})
	}
}

// TestWrongCertificate: a peer whose certificate is not the one its description
// names is not connected.
func TestWrongCertificate(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	p.sends(opus, sends)
	tr := open(t, e, "t", media.TransportOptions{Receive: true})
	offer := regexp.MustCompile(`a=fingerprint:sha-256 ..:..`).ReplaceAllString(p.offer(), "a=fingerprint:sha-256 00:00")
	a, err := tr.Answer(context.Background(), offer)
	if err != nil {
		t.Fatal(err)
	}
	p.take(a)
	failed := await[media.Failed](t, sink, "t")
	if !strings.Contains(failed.Reason, "certificate") || len(of[media.Connected](sink, "t")) != 0 {
		t.Errorf("failed because %q", failed.Reason)
	}
	if s := tr.Stats().State; s != "failed" {
		t.Errorf("state %s", s)
	}
	if _, err := tr.Answer(context.Background(), offer); !errors.Is(err, media.ErrState) {
		t.Errorf("answer after failure: %v", err)
	}
}

// TestPeerCloses: a peer that says goodbye is gone at once, and that is said
// once.
func TestPeerCloses(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	p.sends(opus, sends)
	tr := open(t, e, "t", media.TransportOptions{Receive: true})
	p.negotiate(tr)
	await[media.Connected](t, sink, "t")
	until(t, "the peer has noticed", func() bool { return p.ConnectionState() == webrtc.PeerConnectionStateConnected })
	if err := p.GracefulClose(); err != nil {
		t.Fatal(err)
	}
	await[media.Failed](t, sink, "t")
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(of[media.Failed](sink, "t")); n != 1 {
		t.Errorf("failed was posted %d times", n)
	}
}

// TestNobodyThere: a peer that never shows up fails after a while.
func TestNobodyThere(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the 20 seconds that ICE waits")
	}
	t.Parallel()
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	p.sends(opus, sends)
	offer, _ := candidatesOf(p.offer())
	if _, err := open(t, e, "t", media.TransportOptions{Receive: true}).Answer(context.Background(), offer); err != nil {
		t.Fatal(err)
	}
	if failed := await[media.Failed](t, sink, "t"); !strings.Contains(failed.Reason, "no way") {
		t.Errorf("failed because %q", failed.Reason)
	}
}

// TestNothingLeft: transports that come and go, at every stage of their life and
// many at once, leave no goroutine and no descriptor.
func TestNothingLeft(t *testing.T) {
	e, sink := start(t, rtc.Options{TCP: true})
	goroutines, descriptors := runtime.NumGoroutine(), openFiles(t)
	const n = 100
	var wg sync.WaitGroup
	limit := make(chan struct{}, 8)
	for i := range n {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			id := media.TransportID(fmt.Sprint("t", i))
			tr := open(t, e, id, media.TransportOptions{Receive: true, Send: true, Data: true})
			p := newPeer(t, peerOptions{})
			p.sends(opus, both)
			if i%5 > 0 {
				p.negotiate(tr)
			}
			if i%5 > 1 {
				await[media.Connected](t, sink, id)
			}
			if i%5 == 4 {
				if err := p.GracefulClose(); err != nil {
					t.Error(err)
				}
			}
			if err := errors.Join(tr.Close(), tr.Close(), p.GracefulClose()); err != nil {
				t.Error(err)
			}
			if _, err := tr.Answer(context.Background(), ""); !errors.Is(err, media.ErrClosed) {
				t.Errorf("answer after close: %v", err)
			}
			if err := tr.AddCandidate(media.Candidate{}); !errors.Is(err, media.ErrClosed) {
				t.Errorf("candidate after close: %v", err)
			}
		})
	}
	wg.Wait()
	until(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	until(t, "the descriptors are closed", func() bool { return openFiles(t) <= descriptors })
	if c := e.Counters(); c.Transports != 0 {
		t.Errorf("%d transports are left", c.Transports)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestPortInUse: an engine that cannot have its port says so and leaves
// nothing.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().(*net.TCPAddr).AddrPort()
	if e, err := rtc.New(rtc.Options{Address: address, TCP: true}, newEvents()); err == nil {
		t.Error("started on a port in use")
		_ = e.Close()
	}
}
