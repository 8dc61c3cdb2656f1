package calling_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// serve puts a server for these settings on a socket and returns it with its
// URL.
func serve(t *testing.T, settings map[string]string) (talk.Server, string) {
	t.Helper()
	e := &mediatest.Engine{}
	s := build(t, settings, e)
	return s, talk.Serve(t, s, e)
}

// TestTranscriptsOverSockets plays the transcripts over WebSockets.
func TestTranscriptsOverSockets(t *testing.T) {
	talk.PlayOver(t, "testdata/*.talk", func(t *testing.T, settings map[string]string) (talk.Address, bool) {
		_, url := serve(t, settings)
		return talk.Address{Socket: url}, true
	})
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, response, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return c
}

func read(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	kind, b, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if kind != websocket.TextMessage {
		t.Fatalf("a frame of kind %d", kind)
	}
	return string(b)
}

// TestBinaryFrames: JSON in binary frames is understood (dossier 1); answers are
// text.
func TestBinaryFrames(t *testing.T) {
	_, url := serve(t, nil)
	c := dial(t, url)
	read(t, c)
	if err := c.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping","tid":1}`)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); got != `{"type":"answer","tid":1}` {
		t.Errorf("got %s", got)
	}
}

// TestStatusOfFiveMegabytes: upstream takes it, here it is too big a message.
func TestStatusOfFiveMegabytes(t *testing.T) {
	s, url := serve(t, nil)
	c := dial(t, url)
	read(t, c)
	big := `{"type":"status","status":{"x":"` + strings.Repeat("x", 5<<20) + `"},"tid":1}`
	_ = c.WriteMessage(websocket.TextMessage, []byte(big)) // it may be cut off while it is written
	_, _, err := c.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("got %v, want a close with 1009", err)
	}
	// The largest that passes is refused as a status, and the connection stays.
	c = dial(t, url)
	read(t, c)
	large := `{"type":"status","status":{"x":"` + strings.Repeat("x", 1<<20-100) + `"},"tid":1}`
	if err := c.WriteMessage(websocket.TextMessage, []byte(large)); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, c), `{"type":"answer","tid":1,"error":"A status can have at most 65536 bytes"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping","tid":2}`))
	if got := read(t, c); got != `{"type":"answer","tid":2}` {
		t.Errorf("got %s", got)
	}
	if got := s.Hub.Counts().Sessions; got < 1 {
		t.Errorf("%d sessions", got)
	}
}

// TestClientCloses: the close frame comes back, and the others are told at once.
func TestClientCloses(t *testing.T) {
	_, url := serve(t, nil)
	ada, bob := dial(t, url), dial(t, url)
	read(t, ada)
	read(t, bob)
	for _, c := range []*websocket.Conn{ada, bob} {
		_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"room_join","room":"r","tid":1}`))
		read(t, c)
	}
	if got := read(t, ada); !strings.Contains(got, "room_peer_add") {
		t.Fatalf("got %s", got)
	}
	_ = bob.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4321, "bye"), time.Now().Add(time.Second))
	if _, _, err := bob.ReadMessage(); !websocket.IsCloseError(err, 4321) {
		t.Errorf("got %v, want the close echoed", err)
	}
	if got := read(t, ada); !strings.Contains(got, "room_peer_rm") {
		t.Errorf("got %s", got)
	}
}
