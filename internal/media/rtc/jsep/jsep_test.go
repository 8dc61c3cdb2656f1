package jsep_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/sdp/v3"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/jsep"
)

var update = flag.Bool("update", false, "write the golden answers anew")

// local is our side in tests: the same at every call.
func local(change ...func(*jsep.Local)) jsep.Local {
	l := jsep.Local{
		Session: 4611686018427387904, Version: 1,
		Ufrag: "ufragufragufrag0", Pwd: "passwordpasswordpasswordpassword",
		Fingerprint: jsep.Fingerprint{Algorithm: "sha-256", Value: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")},
		Candidates:  []string{"1 1 udp 2130706431 192.0.2.1 7881 typ host", "2 1 tcp 1520435199 192.0.2.1 7881 typ host tcptype passive"},
		VideoCodecs: []string{"VP8", "H264", "VP9", "AV1"},
		StreamName:  "stream", CNAME: "cname", MaxMessageSize: 262144,
		Source: func(_ string, index int) jsep.Source {
			return jsep.Source{SSRC: uint32(1000 + index), RTX: uint32(2000 + index)}
		},
	}
	for _, c := range change {
		c(&l)
	}
	return l
}

func receive(l *jsep.Local) { l.Receive = true }
func send(l *jsep.Local)    { l.Send = true }
func data(l *jsep.Local)    { l.Data = true }
func limit(l *jsep.Local)   { l.VideoKbps = 600 }

func answer(t testing.TB, offer string, l jsep.Local) *jsep.Answer {
	t.Helper()
	o, err := jsep.ParseOffer(offer)
	if err != nil {
		t.Fatal(err)
	}
	a, err := o.Answer(l)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestBrowsers: what Chromium 156 offered, in each of the ways its page was
// used, is answered with these texts. Chromium accepts such answers; the offer in
// Firefox's form was written by hand.
func TestBrowsers(t *testing.T) {
	for name, row := range map[string]struct {
		offer string
		local jsep.Local
	}{
		"publish":        {"chromium-publish", local(receive, data, limit)},
		"publish-nodata": {"chromium-publish", local(receive)},
		"subscribe":      {"chromium-subscribe", local(send)},
		"loopback":       {"chromium-loopback", local(receive, send)},
		"sendrecv-only":  {"chromium-loopback", local(receive)}, // as old clients publish
		"simulcast":      {"chromium-simulcast", local(receive)},
		"firefox":        {"firefox-like", local(receive, data, limit)},
	} {
		t.Run(name, func(t *testing.T) {
			offer, err := os.ReadFile(filepath.Join("testdata", row.offer+".offer"))
			if err != nil {
				t.Fatal(err)
			}
			got := answer(t, string(offer), row.local)
			golden := filepath.Join("testdata", name+".answer")
			text := strings.ReplaceAll(got.SDP, "\r\n", "\n")
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), text); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
			checkAnswer(t, string(offer), got)
		})
	}
}

// build makes an offer of one transport from lines, each beginning with its m=.
func build(session string, lines ...string) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n")
	b.WriteString("a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("00:", 32), ":") + "\r\na=setup:actpass\r\n")
	b.WriteString(session)
	for _, l := range lines {
		b.WriteString(l)
	}
	return b.String()
}

const bundled = "a=group:BUNDLE 0 1 2\r\n"

func audioLine(mid, more string) string {
	return "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:" + mid + "\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n" + more
}

func videoLine(mid, more string) string {
	return "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:" + mid + "\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" + more
}

// TestDirections: who sends follows from what the peer offers and what the
// transport is for.
func TestDirections(t *testing.T) {
	for _, row := range []struct {
		offered       string
		receive, send bool
		want          string
	}{
		{"sendonly", true, false, "recvonly"},
		{"sendonly", false, true, "inactive"},
		{"sendonly", true, true, "recvonly"},
		{"recvonly", false, true, "sendonly"},
		{"recvonly", true, false, "inactive"},
		{"recvonly", true, true, "sendonly"},
		{"sendrecv", true, true, "sendrecv"},
		{"sendrecv", true, false, "recvonly"},
		{"sendrecv", false, true, "sendonly"},
		{"inactive", true, true, "inactive"},
	} {
		t.Run(fmt.Sprintf("%s receive=%t send=%t", row.offered, row.receive, row.send), func(t *testing.T) {
			l := local()
			l.Receive, l.Send = row.receive, row.send
			a := answer(t, build(bundled, audioLine("0", "a="+row.offered+"\r\n"), videoLine("1", "a="+row.offered+"\r\n")), l)
			if got := strings.Count(a.SDP, "a="+row.want+"\r\n"); got != 2 {
				t.Errorf("%d lines are %s in\n%s", got, row.want, a.SDP)
			}
			sends := row.want == "sendonly" || row.want == "sendrecv"
			if got := strings.Contains(a.SDP, "a=msid:stream "); got != sends {
				t.Errorf("msid is there: %t, want %t", got, sends)
			}
		})
	}
}

// TestWithoutBundle: without BUNDLE there is one transport for one line; the
// others are rejected, not half answered.
func TestWithoutBundle(t *testing.T) {
	a := answer(t, build("", audioLine("0", ""), videoLine("1", "")), local(receive))
	if want := "m=video 0 "; !strings.Contains(a.SDP, want) || len(a.Lines) != 1 || a.Lines[0].Kind != media.Audio {
		t.Errorf("lines %v in\n%s", a.Lines, a.SDP)
	}
	a = answer(t, build("a=group:BUNDLE 1\r\n", audioLine("0", ""), videoLine("1", "")), local(receive))
	if want := "m=audio 0 "; !strings.Contains(a.SDP, want) || len(a.Lines) != 1 || a.Lines[0].Kind != media.Video {
		t.Errorf("lines %v in\n%s", a.Lines, a.SDP)
	}
}

// TestRejected: what cannot be carried is rejected in its place, the rest goes
// on.
func TestRejected(t *testing.T) {
	for name, line := range map[string]string{
		"no rtcp-mux":      strings.Replace(videoLine("1", ""), "a=rtcp-mux\r\n", "", 1),
		"no such codec":    strings.Replace(videoLine("1", ""), "VP8", "H263", 1),
		"unencrypted":      strings.Replace(videoLine("1", ""), "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1),
		"data not wanted":  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n",
		"text":             "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:98 t140/1000\r\n",
		"rejected by peer": strings.Replace(videoLine("1", ""), "m=video 9", "m=video 0", 1),
	} {
		t.Run(name, func(t *testing.T) {
			offer := build(bundled, audioLine("0", ""), line)
			a := answer(t, offer, local(receive))
			if len(a.Lines) != 1 || a.Lines[0].Kind != media.Audio {
				t.Errorf("accepted %v", a.Lines)
			}
			checkAnswer(t, offer, a)
		})
	}
}

// TestOldData: the form of data channel lines before RFC 8841 is answered in
// kind.
func TestOldData(t *testing.T) {
	offer := build("a=group:BUNDLE data\r\n", "m=application 9 DTLS/SCTP 5000\r\na=mid:data\r\na=sctpmap:5000 webrtc-datachannel 1024\r\n")
	a := answer(t, offer, local(data))
	if want := "m=application 9 DTLS/SCTP 5000\r\n"; a.Data == nil || a.Data.Port != 5000 || !strings.Contains(a.SDP, want) ||
		!strings.Contains(a.SDP, "a=sctpmap:5000 webrtc-datachannel") {
		t.Errorf("data %+v in\n%s", a.Data, a.SDP)
	}
}

// TestPublisherSendsOneCodec: somebody who only publishes is told one codec, so
// that everybody can be expected to decode it; somebody who receives is offered
// all.
func TestPublisherSendsOneCodec(t *testing.T) {
	publish, err := os.ReadFile("testdata/chromium-publish.offer")
	if err != nil {
		t.Fatal(err)
	}
	names := func(a *jsep.Answer) (list []string) {
		for _, l := range a.Lines {
			for _, c := range l.Codecs {
				list = append(list, c.Name)
			}
		}
		return list
	}
	for _, row := range []struct{ wanted, got []string }{
		{[]string{"VP8", "H264"}, []string{"opus", "red", "VP8"}},
		{[]string{"H264", "VP8"}, []string{"opus", "red", "H264"}},
		{[]string{"AV1"}, []string{"opus", "red", "AV1"}},
	} {
		l := local(receive)
		l.VideoCodecs = row.wanted
		a := answer(t, string(publish), l)
		if got := names(a); !slices.Equal(got, row.got) {
			t.Errorf("wanted %v: got %v, want %v", row.wanted, got, row.got)
		}
		if c := a.Lines[1].Codecs[0]; c.Name == "H264" && !strings.Contains(c.Fmtp, "42e01f") {
			t.Errorf("H.264 with %s, want constrained baseline", c.Fmtp)
		}
	}
	subscribe, err := os.ReadFile("testdata/chromium-subscribe.offer")
	if err != nil {
		t.Fatal(err)
	}
	got := names(answer(t, string(subscribe), local(send)))
	want := []string{"opus", "red", "VP8", "H264", "H264", "H264", "H264", "VP9", "AV1"}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("a receiver is not offered %s: %v", name, got)
		}
	}
}

// TestSetup: we wait for the peer's handshake unless it insists on waiting.
func TestSetup(t *testing.T) {
	for offered, want := range map[string]string{"actpass": "passive", "active": "passive", "passive": "active"} {
		a := answer(t, strings.Replace(build(bundled, audioLine("0", "")), "actpass", offered, 1), local(receive))
		if !strings.Contains(a.SDP, "a=setup:"+want+"\r\n") {
			t.Errorf("%s is not answered with %s:\n%s", offered, want, a.SDP)
		}
	}
}

// TestRefused: offers of which nothing can be made fail with ErrDescription and
// a text that says why.
func TestRefused(t *testing.T) {
	good := build(bundled, audioLine("0", ""))
	many := build("")
	for i := range 500 {
		many += audioLine(fmt.Sprint(i), "")
	}
	for name, row := range map[string]struct{ offer, says string }{
		"empty":            {"", "no media lines"},
		"garbage":          {"\x00\x01\xff hello", "no session description"},
		"json":             {`{"type":"offer"}`, "no session description"},
		"no lines":         {build(""), "no media lines"},
		"500 lines":        {many, "at most 64"},
		"huge":             {good + strings.Repeat("a=x:y\r\n", jsep.MaxBytes/6), "long"},
		"no ice":           {strings.ReplaceAll(good, "a=ice-", "a=x-"), "ICE"},
		"long ice":         {strings.Replace(good, "a=ice-ufrag:abcd", "a=ice-ufrag:"+strings.Repeat("a", 300), 1), "too long"},
		"no fingerprint":   {strings.Replace(good, "a=fingerprint", "a=x", 1), "fingerprint"},
		"old fingerprint":  {strings.Replace(good, "a=fingerprint:sha-256", "a=fingerprint:sha-1", 1), "fingerprint"},
		"odd setup":        {strings.Replace(good, "actpass", "holdconn", 1), "setup"},
		"same mid":         {build(bundled, audioLine("0", ""), videoLine("0", "")), "same mid"},
		"mid of two words": {strings.Replace(good, "a=mid:0", "a=mid:0 1", 1), "token"},
		"no mux":           {strings.Replace(good, "a=rtcp-mux\r\n", "", 1), "rtcp-mux"},
		"unencrypted":      {strings.Replace(good, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1), "SAVPF"},
		"no codec":         {strings.Replace(good, "opus", "speex", 1), "codec"},
		"only data, no":    {build("", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n"), "neither audio nor video"},
		"everything is ok": {good, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := jsep.ParseOffer(row.offer)
			if err == nil {
				_, err = o.Answer(local(receive))
			}
			switch {
			case row.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case row.says != "" && (!errors.Is(err, media.ErrDescription) || !strings.Contains(err.Error(), row.says)):
				t.Errorf("got %v, want a description error about %q", err, row.says)
			}
		})
	}
}

// TestCandidates: candidates in the offer are found with their lines.
func TestCandidates(t *testing.T) {
	o, err := jsep.ParseOffer(build(bundled, audioLine("0", "a=candidate:1 1 udp 1 192.0.2.7 5 typ host\r\n"), videoLine("1", "a=candidate:2 1 udp 1 192.0.2.7 6 typ host\r\na=end-of-candidates\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := []jsep.Candidate{{"1 1 udp 1 192.0.2.7 5 typ host", "0", 0}, {"2 1 udp 1 192.0.2.7 6 typ host", "1", 1}}
	if d := cmp.Diff(want, o.Candidates); d != "" || !o.EndOfCandidates {
		t.Errorf("end %t, candidates (-want +got):\n%s", o.EndOfCandidates, d)
	}
}

// checkAnswer holds every answer to what an answer must be (RFC 9429 section
// 5.3.1): it parses, has the offer's lines in their order with their mids, and
// names every accepted line in one BUNDLE group.
func checkAnswer(t testing.TB, offer string, a *jsep.Answer) {
	t.Helper()
	var o, d sdp.SessionDescription
	if err := o.UnmarshalString(offer); err != nil {
		t.Fatal(err)
	}
	if err := d.UnmarshalString(a.SDP); err != nil {
		t.Fatalf("answer does not parse: %v\n%s", err, a.SDP)
	}
	if len(d.MediaDescriptions) != len(o.MediaDescriptions) {
		t.Fatalf("%d lines are answered with %d", len(o.MediaDescriptions), len(d.MediaDescriptions))
	}
	group, _ := d.Attribute("group")
	accepted := 0
	for i, m := range d.MediaDescriptions {
		was := o.MediaDescriptions[i]
		mid, _ := m.Attribute("mid")
		if wanted, _ := was.Attribute("mid"); mid != wanted || m.MediaName.Media != was.MediaName.Media {
			t.Errorf("line %d is %s %q, was %s %q", i, m.MediaName.Media, mid, was.MediaName.Media, wanted)
		}
		if m.MediaName.Port.Value == 0 {
			continue
		}
		accepted++
		if mid != "" && !slices.Contains(strings.Fields(group)[1:], mid) {
			t.Errorf("line %q is not in the group %q", mid, group)
		}
	}
	if want := len(a.Lines) + map[bool]int{true: 1}[a.Data != nil]; accepted != want {
		t.Errorf("%d lines have a port, %d were agreed on", accepted, want)
	}
}

// FuzzAnswer: whatever is offered, there is an answer that holds, or an error
// of the right kind, and no panic.
func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/*.offer")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), uint8(7))
	}
	f.Add(build(bundled, audioLine("0", ""), videoLine("1", "")), uint8(3))
	f.Add(build("", "m=application 9 DTLS/SCTP 5000\r\na=mid:data\r\na=sctpmap:5000 webrtc-datachannel 1024\r\n"), uint8(4))
	f.Fuzz(func(t *testing.T, offer string, what uint8) {
		o, err := jsep.ParseOffer(offer)
		if err == nil {
			l := local()
			l.Receive, l.Send, l.Data = what&1 != 0, what&2 != 0, what&4 != 0
			var a *jsep.Answer
			if a, err = o.Answer(l); err == nil {
				checkAnswer(t, offer, a)
				return
			}
		}
		if !errors.Is(err, media.ErrDescription) {
			t.Fatalf("error %v", err)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	offer, err := os.ReadFile("testdata/chromium-subscribe.offer")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		answer(b, string(offer), local(send))
	}
}
