package test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const (
	omikronAda  = "1a000000-0000-4000-8000-000000000001"
	omikronBob  = "1b000000-0000-4000-8000-000000000002"
	omikronIota = "10da0000-0000-4000-8000-000000000000"
)

// TestOmikron makes users from the command line, lets them meet through the
// binary, and kills it after a profile was changed: what was acknowledged is
// there afterwards.
func TestOmikron(t *testing.T) {
	data := t.TempDir()
	users := filepath.Join(data, "users.json")
	hash := strings.Repeat("a", 64)
	if err := os.WriteFile(users, []byte(`{"user_id":"`+omikronAda+`","username":"ada","iota_id":"`+omikronIota+`","key_hash":"`+hash+`","reset_token":"sesame"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*exec.Cmd{
		exec.Command(binary(t), "omikron", "user", "import", "-d", data, users),
		exec.Command(binary(t), "omikron", "user", "add", "-d", data, "--id", omikronBob, "--iota", omikronIota, "bob"),
	} {
		c.Stdin = strings.NewReader(hash + "\ntoken\n")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "Made 1 of 1 users") {
			t.Fatalf("%v: %s", err, out)
		}
	}
	flags := []string{"-d", data, "-l", "127.0.0.1:0", "--set", "dialects.omikron.access=open", "--set", "media.address=127.0.0.1:0"}
	p := start(t, flags...)

	iota := omikronDial(t, p.page, "/ws/iota")
	omikronSay(t, iota, `{"type":"Identification","data":{"IotaId":"`+omikronIota+`","UserIds":",`+omikronAda+`,`+omikronBob+`"}}`)
	omikronHear(t, iota, "identification_response")
	ada := omikronDial(t, p.page, "/ws/client/")
	omikronSay(t, ada, `{"type":"identification","data":{"user_id":"`+omikronAda+`","private_key_hash":"`+hash+`"}}`)
	omikronHear(t, ada, "identification_response")
	omikronHear(t, iota, "client_connected")
	omikronSay(t, ada, `{"id":"00000000-0000-7000-8000-000000000001","type":"get_chats","data":{}}`)
	omikronHear(t, iota, "get_chats")
	omikronSay(t, iota, `{"id":"00000000-0000-7000-8000-000000000001","type":"GetChats","receiver":"`+omikronAda+`","data":{"UserIds":[{"user_id":"`+omikronBob+`"}]}}`)
	omikronHear(t, ada, "get_chats")
	omikronHear(t, ada, "get_states")
	call := omikronDial(t, p.page, "/ws/call/")
	omikronSay(t, call, `{"type":"identification","data":{"call_id":"ca110000-0000-7000-8000-000000000007","user_id":"`+omikronAda+`","private_key_hash":"`+hash+`"}}`)
	omikronHear(t, call, "identification_response")

	if got := omikronAsk(t, p.page, "POST", "/api/change/"+omikronAda, `{"private_key_hash":"`+hash+`","status":"away"}`); got != "success" {
		t.Fatalf("changing the profile: %s", got)
	}
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p = start(t, flags...)
	if got := omikronAsk(t, p.page, "GET", "/api/get/"+omikronAda, ""); got != "success away" {
		t.Errorf("after it was killed the server says %q, want the status that it had acknowledged", got)
	}
}

func omikronDial(t *testing.T, page, path string) *websocket.Conn {
	t.Helper()
	c, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(page, "http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func omikronSay(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func omikronHear(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var m struct{ Type string }
	if err := c.ReadJSON(&m); err != nil || m.Type != want {
		t.Fatalf("heard %q (%v), want %s", m.Type, err, want)
	}
}

// omikronAsk asks the directory and returns the type of the answer, and the
// status of the user in it.
func omikronAsk(t *testing.T, page, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, page+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Type string
		Data struct{ Status string }
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return strings.TrimSpace(m.Type + " " + m.Data.Status)
}
