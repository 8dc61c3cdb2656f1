package nkmedia

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"switchboard/internal/dialect/talk"
)

// ask sends a command and returns the data of its reply.
func (a application) ask(sub, cmd string, data map[string]any) map[string]any {
	a.b.Helper()
	text, err := json.Marshal(map[string]any{"class": "media", "subclass": sub, "cmd": cmd, "data": data, "tid": "asked"})
	if err != nil {
		a.b.Fatal(err)
	}
	a.Send(text)
	for {
		for _, s := range a.Take() {
			var m struct {
				Result string         `json:"result"`
				TID    any            `json:"tid"`
				Data   map[string]any `json:"data"`
			}
			if err := json.Unmarshal(s.Text, &m); err != nil {
				a.b.Fatal(err)
			}
			if m.TID == "asked" {
				if m.Result != "ok" {
					a.b.Fatalf("%s: %s", cmd, s.Text)
				}
				return m.Data
			}
		}
		<-a.Arrived()
	}
}

// member returns a description's text and style.
func member(t *testing.T, data map[string]any, name string) (sdp, style string) {
	t.Helper()
	o, ok := data[name].(map[string]any)
	if !ok {
		t.Fatalf("no %s in %v", name, data)
	}
	sdp, _ = o["sdp"].(string)
	style, _ = o["sdp_type"].(string)
	return sdp, style
}

func wantPlain(t *testing.T, sdp, style string) {
	t.Helper()
	if style != "rtp" || !strings.Contains(sdp, "RTP/AVP ") {
		t.Errorf("style %q: %s", style, sdp)
	}
	for _, word := range []string{"ice-ufrag", "fingerprint", "candidate", "SAVP"} {
		if strings.Contains(sdp, word) {
			t.Errorf("%s stands in a description of plain RTP:\n%s", word, sdp)
		}
	}
}

// TestPlainLegs has a browser's side and a telephone's in one proxy, either way round.
func TestPlainLegs(t *testing.T) {
	app := logIn(t, build(t), "ana")
	telephone, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer telephone.Close()
	plain := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n",
		telephone.LocalAddr().(*net.UDPAddr).Port)
	browser := talk.Offer("sendrecv", "audio")

	toTelephone := app.ask("session", "start", map[string]any{"type": "proxy", "proxy_type": "rtp", "offer": map[string]any{"sdp": browser}})
	sdp, style := member(t, toTelephone, "offer")
	wantPlain(t, sdp, style)
	done := app.ask("session", "set_answer", map[string]any{"session_id": toTelephone["session_id"], "answer": map[string]any{"sdp": plain, "sdp_type": "rtp"}})
	if sdp, style := member(t, done, "answer"); style != "" || !strings.Contains(sdp, "fingerprint") {
		t.Errorf("the browser's answer is of style %q: %s", style, sdp)
	}

	toBrowser := app.ask("session", "start", map[string]any{"type": "proxy", "offer": map[string]any{"sdp": plain, "sdp_type": "rtp"}})
	offered, style := member(t, toBrowser, "offer")
	if style != "" || !strings.Contains(offered, "ice-ufrag") {
		t.Errorf("the offer to a browser is of style %q: %s", style, offered)
	}
	_, rest, _ := strings.Cut(offered, "RTP/SAVPF ")
	payload := strings.Fields(rest)[0] // Opus has another number there
	answer := strings.NewReplacer("setup:actpass", "setup:active", "SAVPF 111", "SAVPF "+payload, ":111 ", ":"+payload+" ").Replace(browser)
	done = app.ask("session", "set_answer", map[string]any{"session_id": toBrowser["session_id"], "answer": map[string]any{"sdp": answer}})
	sdp, style = member(t, done, "answer")
	wantPlain(t, sdp, style)
	for _, s := range []map[string]any{toTelephone, toBrowser} {
		app.ask("session", "stop", map[string]any{"session_id": s["session_id"]})
	}
}
