package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/dialect/talk"
)

// Each attack is met with the protocol's own error or close, the witnesses
// notice nothing of it, and in the end nothing is left.
func TestHostile(t *testing.T) {
	v := attacked(t, nil)
	ended := slowRequests(t, v)
	for _, attack := range []struct {
		name string
		do   func(*testing.T, *victim)
	}{
		{"messages", hostileMessaging},
		{"names", hostileNames},
		{"frames", hostileFrames},
		{"handshakes", hostileHandshakes},
		{"paths", hostilePaths},
		{"administration", hostileAdministration},
		{"cuts", hostileCuts},
		{"media port", hostileMediaPort},
		{"media connections", hostileMediaConnections},
		{"subscribers", hostileSubscribers},
		{"storm", hostileStorm},
		{"rates", hostileRates},
		{"reader", hostileReader},
	} {
		t.Run(attack.name, func(t *testing.T) {
			attack.do(t, v)
			v.unaffected(t)
		})
	}
	t.Run("slow requests", ended)
	v.restored(t)
}

// Whatever one client says, it gets the protocol's own error, and nobody else
// notices.
func hostileMessaging(t *testing.T, v *victim) {
	t.Run("messages", func(t *testing.T) {
		mallory := join(t, v.room, "mallory", "den")
		for _, row := range hostileMessages() {
			mallory.say(row.text)
			if row.code == silence {
				continue // the next answer has another id if this was answered
			}
			got := mallory.response(row.text)
			if got.code() != row.code || string(got.ID) != row.id {
				t.Errorf("%.80s: error %d to id %s, want %d to %s", row.text, got.code(), got.ID, row.code, row.id)
			}
		}
		mallory.ask("leaveRoom", nil) // it has shown that it can come back, and would be waited for
	})
	t.Run("methods before join", func(t *testing.T) {
		mallory := dial(t, v.room)
		for _, method := range []string{"publishVideo", "unpublishVideo", "receiveVideoFrom", "unsubscribeFromVideo", "onIceCandidate", "sendMessage", "customRequest"} {
			if got := mallory.ask(method, map[string]any{}); got.code() != 102 {
				t.Errorf("%s: error %d, want 102", method, got.code())
			}
		}
		if got := mallory.ask("leaveRoom", nil); got.code() != 0 {
			t.Errorf("leaveRoom: error %d, want none", got.code())
		}
	})
	t.Run("too long", func(t *testing.T) {
		mallory := dial(t, v.room)
		_ = mallory.WriteMessage(websocket.TextMessage, make([]byte, 10<<20)) // it may be cut off meanwhile
		if got := mallory.closed(); got != websocket.CloseMessageTooBig {
			t.Errorf("ten megabytes: closed with %d, want 1009", got)
		}
	})
	t.Run("binary", func(t *testing.T) {
		mallory := dial(t, v.room)
		_ = mallory.WriteMessage(websocket.BinaryMessage, []byte("{}"))
		if got := mallory.closed(); got != websocket.CloseUnsupportedData {
			t.Errorf("a binary message: closed with %d, want 1003", got)
		}
	})
	m := v.metrics(t)
	if m[`switchboard_limit_refusals_total{limit="message_bytes"}`] < 1 {
		t.Error("no metric tells of the message that was too long")
	}
}

// silence stands for a message that needs no answer.
const silence = 1

type hostile struct {
	text string
	code int    // of the error, 0 for success
	id   string // of the answer, empty when there is none
}

func hostileMessages() []hostile {
	all := []hostile{
		{`hello`, -32700, "null"},
		{``, -32700, "null"},
		{`{"id":3,"method":"ping"`, -32700, "null"},
		{`{"id":3,"method":"ping"}}`, -32700, "null"},
		{"\x00", -32700, "null"},
		{`{"id":1e,"method":"ping"}`, -32700, "null"},
		{strings.Repeat(`[`, 100000), -32700, "null"},
		{strings.Repeat(`{"a":`, 100000), -32700, "null"},
		{`[]`, -32600, "null"},
		{`[{"id":1,"method":"ping"}]`, -32600, "null"},
		{`null`, -32600, "null"},
		{`17`, -32600, "null"},
		{`{}`, silence, ""},
		{`{"result":{}}`, silence, ""},
		{`{"error":{"code":1},"id":null}`, silence, ""},
		{`{"id":5,"method":7}`, -32600, "5"},
		{`{"id":5,"method":null}`, -32600, "5"},
		{`{"id":5,"method":["ping"]}`, -32600, "5"},
		{`{"id":5,"method":"` + strings.Repeat("x", 500000) + `"}`, -32601, "5"},
		{`{"id":5,"method":"ping","params":"x"}`, -32602, "5"},
		{`{"id":5,"method":"ping","params":3}`, -32602, "5"},
		{`{"id":5,"method":"joinRoom","params":{"room":"den","user":"twice"}}`, 104, "5"},
	}
	for _, id := range []string{`1`, `-1`, `1.5`, `1e3`, `"a"`, `true`, `""`, `99999999999999999999999999`} {
		all = append(all, hostile{`{"id":` + id + `,"method":"ping"}`, 0, id})
	}
	for _, id := range []string{`{}`, `[]`, `[1]`, `{"a":1}`, `"` + strings.Repeat("x", 1000) + `"`} {
		all = append(all, hostile{`{"id":` + id + `,"method":"ping"}`, -32600, "null"})
	}
	all = append(all, hostile{`{"id":"12","method":"ping"}`, 0, "12"})
	// Each parameter of each method: missing, and of every wrong type.
	needs := map[string][]string{"joinRoom": nil, "publishVideo": {"sdpOffer"}, "receiveVideoFrom": {"sender", "sdpOffer"},
		"unsubscribeFromVideo": {"sender"}, "onIceCandidate": {"endpointName", "candidate"}, "sendMessage": {"message", "userMessage", "roomMessage"}}
	for method, names := range needs {
		for _, name := range names {
			for _, wrong := range []string{"", `{}`, `[]`, `["x"]`, `null`} {
				params := map[string]json.RawMessage{}
				for _, other := range names {
					params[other] = json.RawMessage(`"x"`)
				}
				delete(params, name)
				if wrong != "" {
					params[name] = json.RawMessage(wrong)
				}
				text, _ := json.Marshal(map[string]any{"id": 5, "method": method, "params": params})
				all = append(all, hostile{string(text), -32602, "5"})
			}
		}
	}
	return append(all, hostileMedia()...)
}

func hostileMedia() []hostile {
	offer := talk.Offer("sendonly", "audio", "video")
	var lines strings.Builder
	head, tail, _ := strings.Cut(offer, "m=audio")
	lines.WriteString(head)
	for range 500 {
		lines.WriteString("m=audio" + tail)
	}
	var all []hostile
	for _, sdp := range []string{"", "x", "v=0", "\x00\x01", offer[:len(offer)/3], strings.Repeat("v=0\r\n", 10000), strings.Repeat("a", 900000),
		lines.String(), strings.Replace(offer, "a=ice-ufrag:talk\r\n", "", 2), strings.ReplaceAll(offer, "a=fingerprint", "a=finger"),
		strings.ReplaceAll(offer, "a=mid:1", "a=mid:0"), strings.ReplaceAll(offer, "UDP/TLS/RTP/SAVPF", "RTP/AVP\xff")} {
		all = append(all, hostile{sdpRequest("publishVideo", sdp), 302, "5"})
	}
	return append(all,
		hostile{`{"id":5,"method":"receiveVideoFrom","params":{"sender":"nobody_webcam","sdpOffer":"x"}}`, 102, "5"},
		hostile{`{"id":5,"method":"receiveVideoFrom","params":{"sender":"` + strings.Repeat("_", 900000) + `","sdpOffer":"x"}}`, 102, "5"},
		hostile{`{"id":5,"method":"receiveVideoFrom","params":{"sender":"mallory","sdpOffer":"x"}}`, 105, "5"},
		hostile{`{"id":5,"method":"receiveVideoFrom","params":{"sender":"ada_webcam","sdpOffer":"x"}}`, 102, "5"}, // in another room
		hostile{`{"id":5,"method":"unsubscribeFromVideo","params":{"sender":"nobody"}}`, 102, "5"},
		hostile{`{"id":5,"method":"onIceCandidate","params":{"endpointName":"nobody","candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host"}}`, 0, "5"},
		hostile{`{"id":5,"method":"onIceCandidate","params":{"endpointName":"ada","candidate":"` + strings.Repeat("c", 5000) + `"}}`, -32602, "5"},
		hostile{`{"id":5,"method":"onIceCandidate","params":{"endpointName":"ada","candidate":"x","sdpMLineIndex":"many"}}`, -32602, "5"},
		hostile{`{"id":5,"method":"sendMessage","params":{"message":"x","userMessage":"ada","roomMessage":"den"}}`, 102, "5"},
		hostile{`{"id":5,"method":"sendMessage","params":{"message":"x","userMessage":"mallory","roomMessage":"witness"}}`, 202, "5"},
		hostile{`{"id":5,"method":"connect","params":{"sessionId":"00000000000000000000000000"}}`, 40007, "5"},
	)
}

func sdpRequest(method, sdp string) string {
	return strings.Replace(request(method, map[string]any{"sdpOffer": sdp}), `"id":7`, `"id":5`, 1)
}

// Names that nobody can have.
func hostileNames(t *testing.T, v *victim) {
	t.Run("names", func(t *testing.T) {
		mallory := dial(t, v.room)
		for name, want := range map[string]int{"": 999, strings.Repeat("n", 100000): 999} {
			if got := mallory.ask("joinRoom", map[string]any{"user": name, "room": "den"}); got.code() != want {
				t.Errorf("user of %d bytes: error %d, want %d", len(name), got.code(), want)
			}
			if got := mallory.ask("joinRoom", map[string]any{"user": "mallory", "room": name}); got.code() != want {
				t.Errorf("room of %d bytes: error %d, want %d", len(name), got.code(), want)
			}
		}
		if got := mallory.ask("joinRoom", map[string]any{"user": "ada", "room": "witness"}); got.code() != 104 {
			t.Errorf("somebody else's name: error %d, want 104", got.code())
		}
	})
}

// Ten thousand messages a second from one client are read no faster than the
// limit says; a thousand candidates for nobody are not kept.
func hostileRates(t *testing.T, v *victim) {
	const received, throttled = `switchboard_messages_received_total{dialect="kurento"}`, `switchboard_limit_refusals_total{limit="messages_per_second"}`
	before := v.metrics(t)
	t.Run("floods", func(t *testing.T) {
		mallory, trudy, eve := join(t, v.room, "mallory", "den"), join(t, v.room, "trudy", "den"), join(t, v.room, "eve", "den")
		done := make(chan struct{})
		flood := func(m *member, send func() error) {
			_ = m.SetWriteDeadline(time.Now().Add(3 * time.Second))
			for send() == nil {
				select {
				case <-done:
					return
				default:
				}
			}
		}
		candidate := []byte(`{"method":"onIceCandidate","params":{"endpointName":"nobody","candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host"}}`)
		floods := []func(){
			func() { flood(mallory, func() error { return mallory.WriteMessage(websocket.TextMessage, candidate) }) },
			func() {
				flood(trudy, func() error { return trudy.WriteControl(websocket.PingMessage, nil, time.Time{}) })
			},
			func() {
				flood(eve, func() error { return eve.WriteControl(websocket.PongMessage, []byte("unasked"), time.Time{}) })
			},
		}
		ended := make(chan struct{}, len(floods))
		for _, f := range floods {
			go func() { f(); ended <- struct{}{} }()
		}
		for range 5 {
			v.unaffected(t)
		}
		close(done)
		for range floods {
			<-ended
		}
		for _, m := range []*member{mallory, trudy, eve} {
			m.cut(true)
		}
	})
	m := v.metrics(t)
	if m[throttled]-before[throttled] < 3 {
		t.Error("no metric tells that clients were slowed down")
	}
	if got := m[received] - before[received]; got > 5000 {
		t.Errorf("%v messages were read", got)
	}
}

// A client that stops reading while others chat is given up; the others lose
// nothing but, for as long as it is behind, the right to send it more.
func hostileReader(t *testing.T, v *victim) {
	t.Run("stops reading", func(t *testing.T) {
		sleepy := dial(t, v.room)
		if tcp, ok := sleepy.NetConn().(interface{ SetReadBuffer(int) error }); ok {
			if err := tcp.SetReadBuffer(4096); err != nil {
				t.Fatal(err)
			}
		}
		if got := sleepy.ask("joinRoom", map[string]any{"user": "sleepy", "room": "den"}); got.code() != 0 {
			t.Fatal("cannot join")
		}
		awake := join(t, v.room, "awake", "den")
		line := strings.Repeat("z", 60<<10)
		behind := 0
		begin, ended := time.Now(), v.metrics(t)[`switchboard_connections_ended_total{dialect="kurento",reason="slow"}`]
		waitFor(t, "the client that does not read is given up", func() bool {
			if got := awake.ask("sendMessage", map[string]any{"message": line, "userMessage": "awake", "roomMessage": "den"}); got.code() != 0 {
				behind++
			}
			return v.metrics(t)[`switchboard_connections_ended_total{dialect="kurento",reason="slow"}`] > ended
		})
		t.Logf("given up after %v; %d lines were refused meanwhile", time.Since(begin), behind)
		if got := awake.ask("sendMessage", map[string]any{"message": line, "userMessage": "awake", "roomMessage": "den"}); got.code() != 0 {
			t.Errorf("error %d after the slow one was gone", got.code())
		}
		v.unaffected(t)
	})
}

// Two hundred come and go at once. Somebody who watches sees each come and go
// once.
func hostileStorm(t *testing.T, v *victim) {
	const clients = 200
	t.Run("storm", func(t *testing.T) {
		watcher := join(t, v.room, "watcher", "storm")
		failed := make(chan error, clients)
		for i := range clients {
			go func() { failed <- gust(v.room, i) }()
		}
		come, gone := map[string]int{}, map[string]int{}
		left := 0
		watcher.SetReadDeadline(time.Now().Add(patience))
		for left < clients {
			_, text, err := watcher.ReadMessage()
			if err != nil {
				t.Fatalf("%v after %d had left", err, left)
			}
			var e struct {
				Method string
				Params struct{ ID, Name string }
			}
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
			switch e.Method {
			case "participantJoined":
				come[e.Params.ID]++
			case "participantLeft":
				gone[e.Params.Name]++
				left++
				if come[e.Params.Name] != gone[e.Params.Name] {
					t.Errorf("%s left %d times and came %d times", e.Params.Name, gone[e.Params.Name], come[e.Params.Name])
				}
			}
		}
		for range clients {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		if len(come) != clients {
			t.Errorf("%d came, want %d", len(come), clients)
		}
		watcher.cut(true)
	})
}

// gust is one client of a storm: it comes, speaks, and goes in one of several
// ways.
func gust(url string, i int) error {
	ws, response, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		return fmt.Errorf("dial %d: %w", i, err)
	}
	_ = response.Body.Close()
	defer ws.Close()
	user := fmt.Sprint("gust", i)
	for _, text := range []string{request("joinRoom", map[string]any{"user": user, "room": "storm"}), chat(user, "storm", "whoosh")} {
		if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			return fmt.Errorf("send %d: %w", i, err)
		}
	}
	switch i % 4 {
	case 0:
		return ws.WriteMessage(websocket.TextMessage, []byte(request("leaveRoom", nil)))
	case 1:
		return ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""))
	case 2:
		return ws.WriteMessage(websocket.TextMessage, []byte(request("closeSession", nil)))
	}
	// Wait for a word that shows that the join has happened, and break off.
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	for {
		_, text, err := ws.ReadMessage()
		if err != nil {
			return fmt.Errorf("read %d: %w", i, err)
		}
		if strings.Contains(string(text), `"sessionId"`) {
			return nil
		}
	}
}
