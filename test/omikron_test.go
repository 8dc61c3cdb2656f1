package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/test/iota"
)

// omikronUser makes the id of a user: the first digit is that of the Iota.
func omikronUser(home, n int) string {
	return fmt.Sprintf("%d%c000000-0000-4000-8000-%012d", home, 'a'+n, n+1)
}

func omikronHome(n int) string { return fmt.Sprintf("%d0da0000-0000-4000-8000-000000000000", n) }

func omikronKey(user string) string { return strings.Repeat(user[1:2], 64) }

// omikronFlags lets a server that stays on one address speak the protocol.
func omikronFlags(data, address string, more ...string) []string {
	flags := []string{"-d", data, "-l", address, "--set", "media.address=127.0.0.1:0", "--set", "shutdown.drain=0s"}
	for _, option := range append(more, "dialects.omikron.access=open") {
		flags = append(flags, "--set", option)
	}
	return flags
}

// omikronTown is a server with three Iotas, one of each manner, and two users at
// each, who all know each other.
type omikronTown struct {
	t      *testing.T
	data   string
	server *process
	socket string // ws://…/ws
	homes  []*iota.Iota
	users  []string
}

func omikronFound(t *testing.T) *omikronTown {
	t.Helper()
	v := &omikronTown{t: t, data: t.TempDir()}
	var lines []byte
	for home := 1; home <= 3; home++ {
		for n := range 2 {
			u := omikronUser(home, n)
			v.users = append(v.users, u)
			line, _ := json.Marshal(map[string]string{"user_id": u, "username": u[:2], "iota_id": omikronHome(home), "key_hash": omikronKey(u), "reset_token": "token " + u})
			lines = append(append(lines, line...), '\n')
		}
	}
	file := filepath.Join(v.data, "users.json")
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary(t), "omikron", "user", "import", "-d", v.data, file).CombinedOutput(); err != nil || !strings.Contains(string(out), "Made 6 of 6 users") {
		t.Fatalf("%v: %s", err, out)
	}
	v.server = start(t, omikronFlags(v.data, "127.0.0.1:0")...)
	v.socket = "ws" + strings.TrimPrefix(v.server.page, "http") + "/ws"
	for home := 1; home <= 3; home++ {
		o := iota.Options{URL: v.socket + "/iota/", ID: omikronHome(home), Manner: iota.Manner(home - 1), Contacts: map[string][]string{}}
		for n := range 2 {
			u := omikronUser(home, n)
			o.Users = append(o.Users, u)
			for _, other := range v.users {
				if other != u {
					o.Contacts[u] = append(o.Contacts[u], other)
				}
			}
		}
		i := iota.Start(o)
		t.Cleanup(i.Close)
		v.homes = append(v.homes, i)
	}
	for _, i := range v.homes {
		select {
		case <-i.Identified():
		case <-v.waits().Done():
			t.Fatal("an Iota was not identified")
		}
	}
	return v
}

func (v *omikronTown) waits() context.Context {
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	v.t.Cleanup(cancel)
	return ctx
}

// dial opens a socket and identifies on it.
func (v *omikronTown) dial(path, user string, more map[string]any) (*iota.Client, iota.Heard) {
	v.t.Helper()
	c, err := iota.Dial(v.waits(), v.socket+path)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(c.Close)
	data := map[string]any{"user_id": user, "private_key_hash": omikronKey(user)}
	for k, value := range more {
		data[k] = value
	}
	h, err := c.Ask(v.waits(), "identification", data)
	if err != nil {
		v.t.Fatal(err)
	}
	return c, h
}

func (v *omikronTown) login(user string) *iota.Client {
	v.t.Helper()
	c, h := v.dial("/client", user, nil)
	if h.Type != "identification_response" {
		v.t.Fatalf("logging in %s was answered with %s: %v", user, h.Type, h.Log)
	}
	return c
}

// eventually looks until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline, look := time.NewTimer(patience), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func (v *omikronTown) hear(c *iota.Client, what string, wanted func(*iota.Heard) bool) iota.Heard {
	v.t.Helper()
	h, err := c.Hear(v.waits(), wanted)
	if err != nil {
		v.t.Fatalf("waiting for %s: %v", what, err)
	}
	return h
}

func (v *omikronTown) ask(c *iota.Client, kind string, data map[string]any) iota.Heard {
	v.t.Helper()
	h, err := c.Ask(v.waits(), kind, data)
	if err != nil {
		v.t.Fatalf("%s: %v", kind, err)
	}
	return h
}

// TestOmikronChat lets everybody write to everybody, between Iotas of every two
// manners and within one: both of the receiver's devices hear it, only the
// device that wrote is told that it was sent, and both homes remember it.
func TestOmikronChat(t *testing.T) {
	v := omikronFound(t)
	devices := map[string][2]*iota.Client{}
	for _, u := range v.users {
		devices[u] = [2]*iota.Client{v.login(u), v.login(u)}
	}
	for _, from := range v.users {
		for _, to := range v.users {
			if from == to {
				continue
			}
			text := "from " + from[:2] + " to " + to[:2]
			kind, key := "message_send", "content"
			if from[1] == 'a' {
				kind, key = "message", "message_content"
			}
			if h := v.ask(devices[from][0], kind, map[string]any{"receiver_id": to, key: text}); h.Type != "message" {
				t.Fatalf("%s: the home answered %s", text, h.Type)
			}
			for _, d := range devices[to] {
				h := v.hear(d, text, func(h *iota.Heard) bool { return h.Type == "message_live" && h.Text("message") == text })
				if h.Text("sender_id") != from {
					t.Errorf("%s: came from %s", text, h.Text("sender_id"))
				}
			}
			kind, key = "messages_get", "messages"
			data := map[string]any{"user_id": from, "amount": 50, "offset": 0}
			if to[1] == 'a' {
				kind, key = "message_get", "message_chunk"
				data = map[string]any{"chat_partner_id": from, "loaded_messages": 0, "message_amount": 50}
			}
			if h := v.ask(devices[to][1], kind, data); !strings.Contains(fmt.Sprint(h.Data[key]), text) {
				t.Errorf("%s: the receiver's home remembers %v", text, h.Data)
			}
		}
	}
	for u, both := range devices {
		for n, d := range both {
			if rest := d.Rest(); len(rest) > 0 {
				t.Errorf("device %d of %s was told besides: %v", n, u, rest)
			}
		}
	}
	for n, i := range v.homes {
		if r := i.Refused(); len(r) > 0 {
			t.Errorf("home %d was told %q", n+1, r)
		}
	}
}

// TestOmikronComesBack breaks every part once: a device, a home, and the server,
// which is killed. Each comes back by itself, and presence is the truth again.
func TestOmikronComesBack(t *testing.T) {
	v := omikronFound(t)
	ada, cy := v.users[0], v.users[2]
	a, c := v.login(ada), v.login(cy)
	v.ask(a, "get_chats", map[string]any{})
	states := v.hear(a, "the states", func(h *iota.Heard) bool { return h.Type == "get_states" })
	if got, _ := states.Data["user_states"].(map[string]any); got[cy] != "ONLINE" || got[v.users[3]] != "USER_OFFLINE" {
		t.Errorf("ada is told %v", got)
	}
	becomes := func(user, state string) func(*iota.Heard) bool {
		return func(h *iota.Heard) bool {
			return h.Type == "client_changed" && h.Text("user_id") == user && h.Text("user_state") == state
		}
	}
	c.Close()
	v.hear(a, "cy to be away", becomes(cy, "USER_OFFLINE"))
	c = v.login(cy)
	v.hear(a, "cy to be back", becomes(cy, "ONLINE"))

	v.homes[1].Cut()
	if _, err := c.Hear(v.waits(), func(*iota.Heard) bool { return false }); err == nil || v.t.Context().Err() != nil {
		t.Errorf("cy's connection stays although the home is gone: %v", err)
	}
	v.hear(a, "cy's home to be away", becomes(cy, "IOTA_OFFLINE"))
	v.hear(a, "cy's home to be back", becomes(cy, "USER_OFFLINE"))
	v.login(cy)
	v.hear(a, "cy to be back", becomes(cy, "ONLINE"))

	if err := v.server.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-v.server.ended
	address := strings.TrimPrefix(v.server.page, "http://")
	before, again := v.homes[0].Times(), v.homes[1].Times()
	v.server = start(t, omikronFlags(v.data, address)...)
	eventually(t, "the homes to be back", func() bool { return v.homes[0].Times() > before && v.homes[1].Times() > again })
	a, c = v.login(ada), v.login(cy)
	if h := v.ask(a, "message_send", map[string]any{"receiver_id": cy, "content": "again"}); h.Type != "message" {
		t.Errorf("after the server was killed ada's home answers %s", h.Type)
	}
	v.hear(c, "again", func(h *iota.Heard) bool { return h.Text("message") == "again" })
}

// TestOmikronCall lets three come to a call, as clients of each time do, signal
// to each other and go. Who does not know the secret, or is not who they say,
// hears nothing of it and says nothing in it.
func TestOmikronCall(t *testing.T) {
	v := omikronFound(t)
	ada, bob, cy := v.users[0], v.users[1], v.users[2]
	a, b := v.login(ada), v.login(bob)
	call, secret := iota.NewID(), strings.Repeat("5", 64)
	with := map[string]any{"call_id": call, "call_secret_sha": secret}
	inA, roster := v.dial("/call", ada, with)
	if got := fmt.Sprint(roster.Data["user_ids"]); got != "map["+ada+":active]" {
		t.Errorf("the first member's roster is %s", got)
	}
	if h := v.ask(a, "call_invite", map[string]any{"receiver_id": bob, "call_id": call, "call_secret": "for bob", "call_secret_sha": secret}); h.Type != "call_invite" {
		t.Errorf("inviting was answered with %s", h.Type)
	}
	ring := v.hear(b, "the phone", func(h *iota.Heard) bool { return h.Type == "new_call" })
	if ring.Text("call_secret") != "for bob" || ring.Text("sender_id") != ada || ring.Text("call_id") != call {
		t.Errorf("bob's phone rings with %v", ring.Data)
	}
	if h := v.ask(a, "call_invite", map[string]any{"receiver_id": iota.NewID(), "call_id": call, "call_secret": "x"}); h.Type != "error" || h.Text("error_type") != "error_no_iota" {
		t.Errorf("inviting nobody was answered with %s %v", h.Type, h.Data)
	}

	// eve knows the call, and neither its secret nor bob's key.
	eve, no := v.dial("/call", cy, map[string]any{"call_id": call, "call_secret_sha": strings.Repeat("6", 64)})
	if no.Type != "error_invalid_secret" {
		t.Errorf("a wrong secret was answered with %s", no.Type)
	}
	_, no = v.dial("/call", bob, map[string]any{"call_id": call, "call_secret_sha": secret, "private_key_hash": strings.Repeat("0", 64)})
	if no.Type != "error_invalid_private_key" {
		t.Errorf("a wrong key was answered with %s", no.Type)
	}
	eve.Shout("client_changed", map[string]any{"call_state": "muted"})
	eve.Shout("webrtc_sdp", map[string]any{"receiver_id": ada, "payload": "from eve"})

	inB, _ := v.dial("/call", bob, with)
	v.hear(inA, "bob", func(h *iota.Heard) bool { return h.Type == "client_connected" && h.Text("user_id") == bob })
	inA.Shout("webrtc_sdp", map[string]any{"receiver_id": bob, "payload": "from ada", "sender_id": cy})
	if h := v.hear(inB, "the offer", func(h *iota.Heard) bool { return h.Type == "webrtc_sdp" }); h.Text("sender_id") != ada || h.Text("payload") != "from ada" {
		t.Errorf("bob is sent %v", h.Data)
	}
	inC, roster := v.dial("/call", cy, with)
	if got, _ := roster.Data["user_states"].(map[string]any); len(got) != 3 {
		t.Errorf("the third member's roster is %v", roster.Data)
	}
	for _, c := range []*iota.Client{inA, inB} {
		v.hear(c, "cy", func(h *iota.Heard) bool { return h.Type == "client_connected" && h.Text("user_id") == cy })
	}
	inC.Close()
	for _, c := range []*iota.Client{inA, inB} {
		v.hear(c, "that cy is gone, of era 0", func(h *iota.Heard) bool { return h.Type == "client_closed" && h.Text("user_id") == cy })
		v.hear(c, "that cy is gone, of era 1", func(h *iota.Heard) bool { return h.Type == "client_disconnected" && h.Text("user_id") == cy })
	}
	for _, c := range []*iota.Client{inA, inB, eve} {
		if rest := c.Rest(); len(rest) > 0 {
			t.Errorf("somebody was told besides: %v", rest)
		}
	}
}

// TestOmikronSecret gives an Iota a secret from the command line, while the
// server runs: from then on its id alone is nothing.
func TestOmikronSecret(t *testing.T) {
	v := omikronFound(t)
	out, err := exec.Command(binary(t), "omikron", "iota", "secret", "-d", v.data, omikronHome(1)).Output()
	secret := strings.TrimSpace(string(out))
	if err != nil || len(secret) < 20 {
		t.Fatalf("the command said %q, %v", secret, err)
	}
	for _, shown := range []struct{ secret, want string }{{"", "error_invalid_secret"}, {"x", "error_invalid_secret"}, {secret, "identification_response"}} {
		c, err := iota.Dial(v.waits(), v.socket+"/iota/")
		if err != nil {
			t.Fatal(err)
		}
		h := v.ask(c, "identification", map[string]any{"iota_id": omikronHome(1), "iota_secret": shown.secret, "user_ids": v.users[0]})
		if h.Type != shown.want {
			t.Errorf("secret %q is answered with %s, want %s", shown.secret, h.Type, shown.want)
		}
		c.Close()
	}
}
