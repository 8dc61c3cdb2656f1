package test

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/dialect/talk"
)

// conversation is what a client does from arriving to leaving; a cut can come
// after any step.
var conversation = []struct {
	name string
	do   func(*member)
}{
	{"connected", func(*member) {}},
	{"pinged", func(m *member) { m.fine(m.ask("ping", map[string]any{"interval": 3000})) }},
	{"half a frame", func(m *member) { _, _ = m.NetConn().Write([]byte{0x01, 0x85, 1, 2, 3, 4, 'h'}) }},
	{"join sent", func(m *member) { m.say(request("joinRoom", map[string]any{"user": userOf(m), "room": "cuts"})) }},
	{"joined", func(m *member) { m.fine(m.response("join")) }},
	{"publish sent", func(m *member) {
		m.say(request("publishVideo", map[string]any{"sdpOffer": talk.Offer("sendonly", "audio", "video"), "doLoopback": true}))
	}},
	{"published", func(m *member) { m.fine(m.response("publish")) }},
	{"candidate sent", func(m *member) {
		m.say(request("onIceCandidate", map[string]any{"endpointName": userOf(m), "candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host"}))
	}},
	{"candidate taken", func(m *member) { m.fine(m.response("candidate")) }},
	{"receive sent", func(m *member) {
		m.say(request("receiveVideoFrom", map[string]any{"sender": "peer_webcam", "sdpOffer": talk.Offer("recvonly", "audio", "video")}))
	}},
	{"received", func(m *member) { m.fine(m.response("receive")) }},
	{"unsubscribed", func(m *member) { m.fine(m.ask("unsubscribeFromVideo", map[string]any{"sender": "peer_webcam"})) }},
	{"unpublish sent", func(m *member) { m.say(request("unpublishVideo", nil)) }},
	{"unpublished", func(m *member) { m.fine(m.response("unpublish")) }},
	{"leave sent", func(m *member) { m.say(request("leaveRoom", nil)) }},
	{"left", func(m *member) { m.fine(m.response("leave")) }},
}

// userOf is a name that nobody else has.
func userOf(m *member) string { return m.LocalAddr().String() }

// fine wants a request to have succeeded.
func (m *member) fine(r reply) {
	m.t.Helper()
	if r.Error != nil {
		m.t.Errorf("error %d %s", r.Error.Code, r.Error.Message)
	}
}

// halfFrame is the step after which no other can follow.
const halfFrame = 2

// Whenever a socket is cut, and however, nothing of its client stays.
func hostileCuts(t *testing.T, v *victim) {
	t.Run("cuts", func(t *testing.T) {
		peer := join(t, v.room, "peer", "cuts")
		peer.publish()
		for how, cut := range map[string]func(*member){
			"reset": func(m *member) { m.cut(true) },
			"end":   func(m *member) { m.cut(false) },
			"goodbye": func(m *member) {
				_ = m.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1001, ""), time.Now().Add(time.Second))
				m.closed()
			},
		} {
			for last := range conversation {
				t.Run(fmt.Sprint(how, " when ", conversation[last].name), func(t *testing.T) {
					m := dial(t, v.room)
					for i, step := range conversation[:last+1] {
						if i != halfFrame || i == last {
							step.do(m)
						}
					}
					cut(m)
				})
			}
		}
		v.unaffected(t)
		peer.cut(true)
	})
}

// The same before there is a WebSocket: requests cut at every byte.
func hostileHandshakes(t *testing.T, v *victim) {
	whole := []byte("GET /room HTTP/1.1\r\nHost: " + v.host() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	for cut := 0; cut <= len(whole); cut += 7 {
		conn, err := net.Dial("tcp", v.host())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(whole[:cut]); err != nil {
			t.Fatal(err)
		}
		if tcp := conn.(*net.TCPConn); cut%2 == 0 {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	for name, row := range map[string]struct {
		change [2]string
		want   string
	}{
		"another version":     {[2]string{"Version: 13", "Version: 7"}, "HTTP/1.1 400"},
		"no key":              {[2]string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""}, "HTTP/1.1 400"},
		"a short key":         {[2]string{"dGhlIHNhbXBsZSBub25jZQ==", "eA=="}, "HTTP/1.1 400"},
		"posted":              {[2]string{"GET", "POST"}, "HTTP/1.1 405"},
		"not upgrading":       {[2]string{"Upgrade: websocket", "Upgrade: h2c"}, "HTTP/1.1 426"},
		"a stranger's page":   {[2]string{"Upgrade: websocket", "Origin: https://evil.example\r\nUpgrade: websocket"}, "HTTP/1.1 403"},
		"a similar origin":    {[2]string{"Upgrade: websocket", "Origin: http://localhost.evil.example\r\nUpgrade: websocket"}, "HTTP/1.1 403"},
		"no page at all":      {[2]string{"Upgrade: websocket", "Origin: null\r\nUpgrade: websocket"}, "HTTP/1.1 403"},
		"headers of 64 KiB":   {[2]string{"Upgrade: websocket", "X-Long: " + string(bytes.Repeat([]byte("x"), 64<<10)) + "\r\nUpgrade: websocket"}, "HTTP/1.1 431"},
		"two lengths":         {[2]string{"Upgrade: websocket", "Content-Length: 3\r\nContent-Length: 4\r\nUpgrade: websocket"}, "HTTP/1.1 400"},
		"a header's line end": {[2]string{"Upgrade: websocket", "Sec-WebSocket-Protocol: a\x01b\r\nUpgrade: websocket"}, "HTTP/1.1 400"},
		"another protocol":    {[2]string{"HTTP/1.1", "HTTP/9.9"}, "HTTP/1.1 505"},
		"compression":         {[2]string{"Upgrade: websocket", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: websocket"}, "HTTP/1.1 101"},
	} {
		t.Run(name, func(t *testing.T) {
			got := v.raw(t, bytes.Replace(whole, []byte(row.change[0]), []byte(row.change[1]), 1), 12)
			if string(got) != row.want {
				t.Errorf("answered %q, want %q", got, row.want)
			}
		})
	}
	m := v.metrics(t)
	for reason, least := range map[string]float64{"origin": 3, "handshake": 3} {
		if got := m[fmt.Sprintf(`switchboard_connections_refused_total{reason=%q}`, reason)]; got < least {
			t.Errorf("metrics show %v refusals because of %s, want at least %v", got, reason, least)
		}
	}
}

// raw sends bytes and returns the first of what comes back.
func (v *victim) raw(t *testing.T, send []byte, most int) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", v.host())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(send); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, most)
	for n := 0; n < len(b); {
		more, err := conn.Read(b[n:])
		n += more
		if err != nil {
			return b[:n]
		}
	}
	return b
}

// Frames that no client may send end the connection with the code for that.
func hostileFrames(t *testing.T, v *victim) {
	mask := []byte{0, 0, 0, 0} // changes nothing
	frame := func(first, length byte, payload string) []byte {
		return append(append([]byte{first, length | 0x80}, mask...), payload...)
	}
	for name, row := range map[string]struct {
		bytes []byte
		want  int
	}{
		"compressed, though nobody agreed": {frame(0xc1, 2, "{}"), websocket.CloseProtocolError},
		"not masked":                       {[]byte{0x81, 2, '{', '}'}, websocket.CloseProtocolError},
		"an unknown kind":                  {frame(0x83, 0, ""), websocket.CloseProtocolError},
		"an unknown kind of control":       {frame(0x8b, 0, ""), websocket.CloseProtocolError},
		"a continuation of nothing":        {frame(0x80, 0, ""), websocket.CloseProtocolError},
		"a ping in pieces":                 {frame(0x09, 0, ""), websocket.CloseProtocolError},
		"a long ping":                      {append([]byte{0x89, 0xfe, 0, 126}, make([]byte, 130)...), websocket.CloseProtocolError},
		"a message within a message":       {append(frame(0x01, 1, "{"), frame(0x81, 1, "}")...), websocket.CloseProtocolError},
		"a length beyond all":              {[]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, websocket.CloseProtocolError},
		"no UTF-8":                         {frame(0x81, 2, "\xff\xfe"), websocket.CloseInvalidFramePayloadData},
		"a close of one byte":              {frame(0x88, 1, "x"), websocket.CloseNoStatusReceived},
		"a close with a secret code":       {frame(0x88, 2, "\x03\xed"), websocket.CloseProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			m := dial(t, v.room)
			if _, err := m.NetConn().Write(row.bytes); err != nil {
				t.Fatal(err)
			}
			if got := m.closed(); got != row.want {
				t.Errorf("closed with %d, want %d", got, row.want)
			}
		})
	}
	t.Run("a message of endless pieces", func(t *testing.T) {
		m := dial(t, v.room)
		piece := append(frame(0x01, 0, ""), bytes.Repeat(frame(0x00, 0, ""), 100000)...)
		_ = m.NetConn().SetWriteDeadline(time.Now().Add(2 * time.Second))
		for _, err := m.NetConn().Write(piece); err == nil; _, err = m.NetConn().Write(piece[6:]) {
			continue
		}
		v.unaffected(t)
		m.cut(true)
	})
	if v.metrics(t)[`switchboard_connections_ended_total{dialect="kurento",reason="fault"}`] < 10 {
		t.Error("no metric tells of the faults")
	}
}
