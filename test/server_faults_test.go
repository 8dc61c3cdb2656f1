package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/dialect/talk"
)

// metric reads one value of /metrics.
func metric(t *testing.T, page, name string) float64 {
	t.Helper()
	_, all := get(t, page+"/metrics")
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(all)
	if found == nil {
		t.Fatalf("no metric %s in\n%s", name, all)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// mischief is what hostile and broken clients do; none of it needs an answer.
func mischief() map[string]func(*member) {
	say := func(texts ...string) func(*member) {
		return func(m *member) {
			for _, text := range texts {
				if m.WriteMessage(websocket.TextMessage, []byte(text)) != nil {
					return // it was shown the door already
				}
			}
		}
	}
	request := func(method, params string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":%q,"params":%s}`, method, params)
	}
	publish := func(sdp string) func(*member) {
		return say(request("publishVideo", fmt.Sprintf(`{"sdpOffer":%q,"doLoopback":false}`, sdp)))
	}
	offer := talk.Offer("sendrecv", "audio", "video")
	lines := offer[:strings.Index(offer, "m=")] + strings.Repeat(offer[strings.Index(offer, "m="):], 250)
	return map[string]func(*member){
		"not JSON":           say("hello", "{", `{"id":`, "[]", "[[[[", `"x"`, "null", "\x00"),
		"ids of every type":  say(`{"id":1.5,"method":"ping"}`, `{"id":"x","method":"ping"}`, `{"id":null,"method":"ping"}`, `{"id":{},"method":"ping"}`, `{"id":[1],"method":"ping"}`, `{"id":true,"method":"ping"}`, `{"id":1e99,"method":"ping"}`),
		"wrong parameters":   say(request("joinRoom", `{"room":1,"user":[]}`), request("joinRoom", `[]`), request("joinRoom", `"x"`), request("publishVideo", `{}`), request("receiveVideoFrom", `{"sender":5}`)),
		"before joining":     say(request("leaveRoom", `{}`), request("publishVideo", `{"sdpOffer":"x"}`), request("sendMessage", `{"message":"x"}`)),
		"deep":               say(strings.Repeat(`{"a":`, 100_000)),
		"ten megabytes":      say(strings.Repeat("x", 10<<20)),
		"ten in fragments":   fragments,
		"garbage for SDP":    publish("v=0\r\nm=garbage\r\n"),
		"no SDP":             publish(strings.Repeat("\x00", 1000)),
		"huge SDP":           publish(offer + strings.Repeat("a=x\r\n", 100_000)),
		"500 lines of media": publish(lines),
		"SDP and gone":       func(m *member) { publish(offer)(m); m.NetConn().Close() },
		"candidates":         say(request("onIceCandidate", `{"endpointName":"nobody","candidate":"x","sdpMid":"0","sdpMLineIndex":99999999999}`)),
		"joins twice":        say(request("joinRoom", `{"room":"other","user":"x"}`), request("joinRoom", `{"room":"lab","user":"x"}`)),
		"ten thousand":       func(m *member) { say(strings.Split(strings.Repeat(request("ping", `{}`)+"\n", 10_000), "\n")...)(m) },
		"cut in a frame":     func(m *member) { _, _ = m.NetConn().Write([]byte{0x81, 0xfe, 0x10}); m.NetConn().Close() },
		"broken frames":      func(m *member) { _, _ = m.NetConn().Write([]byte("GET / HTTP/1.1\r\n\r\n")) },
		"half closed":        func(m *member) { _ = m.NetConn().(*net.TCPConn).CloseWrite() },
		"reset":              func(m *member) { _ = m.NetConn().(*net.TCPConn).SetLinger(0); m.NetConn().Close() },
		"publishes, goes":    func(m *member) { publish(offer)(m); say(request("leaveRoom", `{}`))(m) },
		"publishes for ever": func(m *member) {
			for range 50 {
				publish(offer)(m)
				say(request("unpublishVideo", `{}`))(m)
			}
		},
		"talks without pause": func(m *member) {
			for range 2000 {
				say(request("sendMessage", `{"message":"`+strings.Repeat("x", 200)+`","userMessage":"x","roomMessage":"lab"}`))(m)
			}
		},
	}
}

// fragments begins a message that never ends.
func fragments(m *member) {
	w, err := m.NextWriter(websocket.TextMessage)
	if err != nil {
		return
	}
	for range 10 << 10 {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil {
			return
		}
	}
}

// Whatever clients do, others go on, and nothing of it is left: no session, no
// transport, no goroutine, no descriptor.
func TestMischiefLeavesNothing(t *testing.T) {
	p := start(t, flags(t.TempDir(), "--set", "limits.messages_per_second=2000", "--set", "limits.message_burst=2000")...)
	round := func() {
		witness := join(t, p.room, "witness", "lab")
		go func() { // somebody has to read what the talkers say
			for {
				if _, _, err := witness.ReadMessage(); err != nil {
					return
				}
			}
		}()
		other := join(t, p.room, "other", "quiet")
		for name, do := range mischief() {
			m := join(t, p.room, name, "lab")
			do(m)
			other.say(`{"jsonrpc":"2.0","id":9,"method":"ping","params":{}}`)
			other.want("pong")
			m.NetConn().Close()
		}
		for _, m := range []*member{witness, other} {
			_ = m.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
			m.NetConn().Close()
		}
		waitFor(t, "every session has ended", func() bool { return metric(t, p.page, "switchboard_sessions") == 0 })
		if n := metric(t, p.page, "switchboard_transports"); n != 0 {
			t.Errorf("%v transports left", n)
		}
		if status, _ := get(t, p.page+"/readyz"); status != http.StatusOK {
			t.Errorf("ready: %d", status)
		}
	}
	round() // what is made once is there afterwards
	goroutines, files := metric(t, p.page, "go_goroutines"), metric(t, p.page, "process_open_fds")
	round()
	waitFor(t, "no goroutine is left", func() bool { return metric(t, p.page, "go_goroutines") <= goroutines })
	waitFor(t, "no descriptor is left", func() bool { return metric(t, p.page, "process_open_fds") <= files })
	p.stop(t)
	if strings.Contains(p.errors.String(), "panic") {
		t.Errorf("something panicked:\n%s", p.errors)
	}
}
