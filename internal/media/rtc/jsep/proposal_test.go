package jsep_test

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/sdp/v3"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/jsep"
)

// sendrecv is one line of sound both ways.
var sendrecv = []media.Line{{Kind: media.Audio, Send: true, Receive: true}}

// TestPropose: our offers are these texts.
func TestPropose(t *testing.T) {
	for name, lines := range map[string][]media.Line{
		"audio": sendrecv,
		"all": {
			{Kind: media.Audio, Receive: true}, {Kind: media.Video, Send: true},
			{Kind: media.Video, Send: true, Receive: true}, {Kind: media.Audio},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := jsep.Propose(local(limit), lines).SDP
			golden := "testdata/propose-" + name + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("offer (-want +got):\n%s", d)
			}
		})
	}
}

// answered is what a peer like us makes of an offer of ours.
func answered(t testing.TB, p *jsep.Proposal, change ...func(*jsep.Local)) string {
	t.Helper()
	return answer(t, p.SDP, local(change...)).SDP
}

// TestAccept: both sides of an offer of ours come to the same agreement.
func TestAccept(t *testing.T) {
	p := jsep.Propose(local(), []media.Line{
		{Kind: media.Audio, Send: true, Receive: true}, {Kind: media.Video, Receive: true}, {Kind: media.Video, Send: true},
	})
	o, err := jsep.ParseOffer(p.SDP)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := o.Answer(local(receive, send))
	if err != nil {
		t.Fatal(err)
	}
	who, ours, err := p.Accept(theirs.SDP)
	if err != nil {
		t.Fatal(err)
	}
	if !who.Active || who.Ufrag == "" || len(who.Fingerprints) != 1 { // it answers as passive
		t.Errorf("the peer is %+v", who)
	}
	if len(ours.Lines) != 3 {
		t.Fatalf("agreed on %d lines, want 3", len(ours.Lines))
	}
	for i := range ours.Lines {
		l, r := &ours.Lines[i], &theirs.Lines[i]
		if l.PeerSends != r.PeerReceives || l.PeerReceives != r.PeerSends || l.Mid != r.Mid || l.Kind != r.Kind {
			t.Errorf("line %d: %+v, the peer says %+v", i, l, r)
		}
		if l.PeerReceives && (l.Source.SSRC != r.SSRC || l.Source.RTX != r.RTX) {
			t.Errorf("line %d: we send %+v, the peer expects %d and %d", i, l.Source, r.SSRC, r.RTX)
		}
		if l.PeerSends && (r.Source.SSRC != l.SSRC || r.Source.RTX != l.RTX) {
			t.Errorf("line %d: the peer sends %+v, we expect %d and %d", i, r.Source, l.SSRC, l.RTX)
		}
		if d := cmp.Diff(r.Extensions, l.Extensions); d != "" {
			t.Errorf("line %d: extensions (-peer +us):\n%s", i, d)
		}
		for _, c := range l.Codecs {
			if !slices.ContainsFunc(r.Codecs, func(o jsep.Codec) bool { return o.Name == c.Name && o.PayloadType == c.PayloadType && o.RTX == c.RTX }) {
				t.Errorf("line %d: the peer knows nothing of %+v", i, c)
			}
		}
	}
	if c := ours.Lines[0].Codecs; len(c) != 1 || c[0].PayloadType != 100 || !strings.Contains(c[0].Fmtp, "useinbandfec=1") {
		t.Errorf("sound is %+v", c)
	}
}

// TestAcceptPart: a peer may take less than it is offered.
func TestAcceptPart(t *testing.T) {
	p := jsep.Propose(local(), []media.Line{{Kind: media.Audio, Send: true, Receive: true}, {Kind: media.Video, Send: true, Receive: true}})
	whole := answered(t, p, receive, send)
	lines := strings.SplitAfter(whole, "m=video ")
	noVideo := lines[0] + strings.Replace(strings.Replace(lines[1], "9 ", "0 ", 1), "a=sendrecv", "a=inactive", 1)
	for name, row := range map[string]struct {
		text string
		want []string
	}{
		"all":      {whole, []string{"audio both", "video both"}},
		"no video": {strings.Replace(noVideo, "BUNDLE 0 1", "BUNDLE 0", 1), []string{"audio both"}},
		"to send":  {answered(t, p, receive), []string{"audio out", "video out"}},
		"one codec": {strings.Replace(whole, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 98 99 45 46", "m=video 9 UDP/TLS/RTP/SAVPF 102", 1),
			[]string{"audio both", "video both"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, a, err := p.Accept(row.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range a.Lines {
				word := map[[2]bool]string{{true, true}: "both", {true, false}: "in", {false, true}: "out"}[[2]bool{l.PeerSends, l.PeerReceives}]
				got = append(got, l.Kind.String()+" "+word)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

// TestAnswerRefused: answers that do not fit the offer fail with ErrDescription
// and a text that says why, and the offer can still be answered.
func TestAnswerRefused(t *testing.T) {
	p := jsep.Propose(local(), sendrecv)
	good := answered(t, p, receive, send)
	for name, row := range map[string]struct{ text, says string }{
		"empty":          {"", "no media lines"},
		"garbage":        {"hello", "no session description"},
		"another line":   {good + good[strings.Index(good, "m=audio"):], "mid"},
		"more lines":     {good + strings.Replace(good[strings.Index(good, "m=audio"):], "a=mid:0", "a=mid:1", 1), "2 media lines"},
		"other kind":     {strings.Replace(good, "m=audio", "m=video", 1), "another than was offered"},
		"other mid":      {strings.ReplaceAll(strings.Replace(good, "a=mid:0", "a=mid:x", 1), "BUNDLE 0", "BUNDLE x"), "mid"},
		"nothing":        {strings.Replace(good, "m=audio 9", "m=audio 0", 1), "nothing"},
		"other codec":    {strings.Replace(good, "opus/48000/2", "PCMU/8000", 1), "nothing"},
		"other number":   {strings.ReplaceAll(strings.ReplaceAll(good, ":100 ", ":111 "), "SAVPF 100", "SAVPF 111"), "nothing"},
		"no mux":         {strings.Replace(good, "a=rtcp-mux\r\n", "", 1), "rtcp-mux"},
		"unencrypted":    {strings.Replace(good, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1), "SAVPF"},
		"no ice":         {strings.ReplaceAll(good, "a=ice-", "a=x-"), "ICE"},
		"no fingerprint": {strings.Replace(good, "a=fingerprint", "a=x", 1), "fingerprint"},
		"undecided":      {strings.Replace(good, "setup:passive", "setup:actpass", 1), "setup"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := p.Accept(row.text); !errors.Is(err, media.ErrDescription) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want a description error about %q", err, row.says)
			}
		})
	}
	if _, _, err := p.Accept(good); err != nil {
		t.Errorf("a good answer: %v", err)
	}
}

// TestBareAnswer: an answer without mids and groups, as clients make it that
// know nothing of bundling, will do for one line.
func TestBareAnswer(t *testing.T) {
	p := jsep.Propose(local(), sendrecv)
	bare := answered(t, p, receive, send)
	for _, drop := range []string{"a=mid:0\r\n", "a=group:BUNDLE 0\r\n", "a=msid-semantic: WMS *\r\n", "a=extmap-allow-mixed\r\n"} {
		bare = strings.Replace(bare, drop, "", 1)
	}
	if _, a, err := p.Accept(bare); err != nil || a.Lines[0].Mid != "0" || !a.Lines[0].PeerSends {
		t.Errorf("%+v, %v", a, err)
	}
}

// FuzzAccept: whatever an offer of ours is answered with, what is agreed on is
// part of the offer, or there is an error of the right kind, and no panic.
func FuzzAccept(f *testing.F) {
	p := jsep.Propose(local(), []media.Line{{Kind: media.Audio, Send: true, Receive: true}, {Kind: media.Video, Receive: true}, {Kind: media.Video, Send: true}})
	f.Add(answered(f, p, receive, send))
	f.Add(answered(f, p, receive))
	f.Add(answered(f, p, send))
	var offer sdp.SessionDescription
	if err := offer.UnmarshalString(p.SDP); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, a, err := p.Accept(text)
		if err != nil {
			if !errors.Is(err, media.ErrDescription) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if d.Ufrag == "" || d.Pwd == "" || len(a.Lines) == 0 {
			t.Fatalf("agreed on %+v with %+v", a, d)
		}
		for _, l := range a.Lines {
			m := offer.MediaDescriptions[l.Index]
			if m.MediaName.Media != l.Kind.String() || len(l.Codecs) == 0 {
				t.Fatalf("line %+v", l)
			}
			for _, c := range l.Codecs {
				if !slices.ContainsFunc(m.MediaName.Formats, func(s string) bool { return s == strconv.Itoa(int(c.PayloadType)) }) {
					t.Fatalf("codec %+v was not offered", c)
				}
			}
			if l.PeerSends && l.Index == 2 || l.PeerReceives && l.Index == 1 {
				t.Fatalf("line %d goes the wrong way", l.Index)
			}
		}
	})
}

// FuzzPlain: whatever a gateway offers or answers, there is an answer of one line
// of sound, or an error of the right kind, and no panic.
func FuzzPlain(f *testing.F) {
	own := jsep.PlainLocal{Session: 1, Version: 1, Address: netip.MustParseAddr("192.0.2.1"), Port: 4000, CNAME: "cname",
		Source: func(string, int) jsep.Source { return jsep.Source{SSRC: 1} }}
	p := jsep.ProposePlain(own, []media.Line{{Kind: media.Audio, Send: true, Receive: true}, {Kind: media.Video, Send: true}})
	f.Add(p.SDP)
	f.Add("v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0 8 96\r\na=rtpmap:96 opus/48000/2\r\na=rtcp:5001\r\na=rtcp-mux\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		offered, err := jsep.AnswerPlain(text, own, true, true)
		answered, refused := p.AcceptPlain(text)
		for peer, err := range map[*jsep.PlainPeer]error{offered: err, answered: refused} {
			switch {
			case err != nil:
				if !errors.Is(err, media.ErrDescription) {
					t.Fatalf("error %v", err)
				}
			case len(peer.Agreed.Lines) != 1 || peer.Agreed.Lines[0].Kind != media.Audio || len(peer.Agreed.Lines[0].Codecs) == 0:
				t.Fatalf("agreed on %+v", peer.Agreed)
			}
		}
		if err == nil {
			var d sdp.SessionDescription
			if err := d.UnmarshalString(offered.SDP); err != nil {
				t.Fatalf("%v in answer\n%s", err, offered.SDP)
			}
		}
	})
}
