package openvocs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// serve puts a server for these settings on a socket and returns its engine and
// its URL.
func serve(t *testing.T, settings map[string]string) (*mediatest.Engine, string) {
	t.Helper()
	e := &mediatest.Engine{}
	return e, talk.Serve(t, build(t, settings, e), e)
}

// TestTranscriptsOverSockets plays the transcripts over WebSockets.
func TestTranscriptsOverSockets(t *testing.T) {
	talk.PlayOver(t, "testdata/*.talk", func(t *testing.T, settings map[string]string) (talk.Address, bool) {
		e, url := serve(t, settings)
		return talk.Address{Socket: url, Engine: e}, true
	})
}

// wire is a client's connection.
type wire struct {
	*websocket.Conn
	t *testing.T
}

func dial(t *testing.T, url string) wire {
	t.Helper()
	c, response, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Minute))
	return wire{c, t}
}

// ask sends a request and returns the code of its reply's error, 0 without one.
func (w wire) ask(event, parameter string) int {
	w.t.Helper()
	id := fmt.Sprint(time.Now().UnixNano())
	message := fmt.Sprintf(`{"event":%q,"uuid":%q,"client":"c1","type":"unicast","parameter":%s}`, event, id, parameter)
	if err := w.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		w.t.Fatal(err)
	}
	for {
		_, text, err := w.ReadMessage()
		if err != nil {
			w.t.Fatalf("%s: %v", event, err)
		}
		var m struct {
			UUID  string `json:"uuid"`
			Error struct {
				Code int `json:"code"`
			} `json:"error"`
		}
		if err := json.Unmarshal(text, &m); err != nil {
			w.t.Fatal(err)
		}
		if m.UUID == id {
			return m.Error.Code
		}
	}
}

// TestLargeMessages: what is too large to be kept is refused in a reply, and what
// is too large to be read ends the connection.
func TestLargeMessages(t *testing.T) {
	_, url := serve(t, nil)
	c := dial(t, url)
	large, layout := strings.Repeat("x", 2<<20), strings.Repeat("x", 5<<20)
	_ = c.WriteMessage(websocket.TextMessage, []byte(`{"event":"login","uuid":"1","client":"c","parameter":{"user":"ada","password":"`+large+`"}}`))
	if _, text, err := c.ReadMessage(); err != nil || !strings.Contains(string(text), `"code":1000`) {
		t.Errorf("2 MB before the login: got %s, %v", text, err)
	}
	for _, row := range []struct {
		event, parameter string
		want             int
	}{
		{"login", `{"user":"ada","password":"ada is who I am"}`, 0},
		{"set_keyset_layout", `{"domain":"default","name":"x","layout":{"a":"` + layout + `"}}`, 1000},
		{"set_user_data", `{"a":"` + large + `"}`, 1000},
		{"set_layout", `{"role":"flight","layout":{"a":"` + large + `"}}`, 1000},
		{"update", `{"type":"project","id":"orbiter","data":{"a":"` + large + `"}}`, 1000},
		{"create", `{"type":"loop","id":"` + large + `","scope":{"type":"domain","id":"default"}}`, 1000},
		{"media", `{"type":"offer","sdp":"` + large + `"}`, 1000},
		{"get_user_data", `{}`, 0},
	} {
		if got := c.ask(row.event, row.parameter); got != row.want {
			t.Errorf("%s with much of it: got %d, want %d", row.event, got, row.want)
		}
	}
	_ = c.WriteMessage(websocket.TextMessage, []byte(`{"event":"set_user_data","parameter":{"a":"`+layout+layout+`"}}`)) // it may be cut off
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("10 MB: got %v, want a close with 1009", err)
	}
}

// TestClientFragments: a message that comes in parts is one (dossier 1.2).
func TestClientFragments(t *testing.T) {
	_, url := serve(t, nil)
	c := dial(t, url)
	w, err := c.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`{"event":`, strings.Repeat(" ", 1<<15), `"is_ldap_enabled"}`} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, text, err := c.ReadMessage(); err != nil || !strings.Contains(string(text), `"response":false`) {
		t.Errorf("got %s, %v", text, err)
	}
}
