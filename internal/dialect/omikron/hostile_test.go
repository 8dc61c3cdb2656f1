package omikron_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/omikron"
	"switchboard/internal/dialect/talk"
)

// everyType is every type that peers of any time know (dossier 2.4), and one
// that none does.
const everyType = `error error_invalid_user_id error_not_found error_no_iota error_invalid_challenge error_invalid_secret
error_invalid_private_key success settings_save settings_load settings_list message message_response message_send message_live
message_other_iota message_get message_chunk messages_get change_confirm confirm_receive confirm_read get_chats get_states
add_community remove_community get_communities challenge challenge_response register register_response
identification_response ping pong add_chat send_chat shared_secret_set shared_secret_get shared_secret_return iota_connected
iota_closed client_changed client_connected client_disconnected client_closed public_key private_key webrtc_sdp webrtc_ice
start_stream end_stream watch_stream get_call new_call call_invite end_call function update dance`

const (
	stranger  = "7f000000-0000-4000-8000-00000000000f"
	groupCall = `,"call_id":"ca110000-0000-7000-8000-000000000007"`
)

// mangled is a type in every wrong form: from somebody else, to somebody unknown,
// with ids that are none, and with data that is none.
func mangled(kind string) []string {
	forged := `"sender":"` + stranger + `","sender_id":"` + stranger + `"`
	var all []string
	for _, data := range []string{
		`{"sender_id":"` + stranger + `","user_id":"` + stranger + `"}`,
		`{"receiver_id":"` + stranger + `","sender_id":"` + stranger + `","call_id":"` + stranger + `","payload":{}}`,
		`{"receiver_id":"` + faultBob + `","call_id":7,"user_id":{},"sender_id":null}`,
		`{"receiver_id":[1],"user_state":{"a":1},"call_state":9,"last_ping":"soon","user_ids":[[]]}`,
		`null`, `[]`, `"text"`, `7`,
	} {
		for _, id := range []string{``, `"id":7,`, `"id":{"a":[]},`, `"id":"none",`, `"id":"00000000-0000-7000-8000-0000000000aa",`} {
			all = append(all, `{`+id+`"type":"`+kind+`",`+forged+`,"receiver":"`+stranger+`","data":`+data+`}`)
		}
	}
	return append(all, `{"type":"`+kind+`"}`, `{"type":"`+kind+`","sender":7,"receiver":{},"log":[],"data":{"receiver_id":"x"}}`)
}

// TestEveryMessageTooEarly: before identification nothing is answered, whatever
// it is, and nothing is held against who sends it.
func TestEveryMessageTooEarly(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		connect(1, asIota(faultAda, faultBob)).Take()
		for side, identification := range []string{asUser(faultAda, ""), `{"type":"identification","data":{"iota_id":"` + house(stranger) + `","user_ids":""}}`, asUser(faultAda, groupCall)} {
			c := connect(side, `{"type":"ping"}`)
			for kind := range strings.FieldsSeq(everyType) {
				for _, m := range mangled(kind) {
					c.Send([]byte(m))
				}
			}
			synctest.Wait()
			if got := c.Take(); len(got) != 0 {
				t.Fatalf("side %d is told %s before it identified", side, got[0].Text)
			}
			c.Send([]byte(identification))
			synctest.Wait()
			if got := c.Take(); len(got) != 1 || !strings.Contains(string(got[0].Text), "identification_response") {
				t.Errorf("side %d is told %v when it identifies", side, got)
			}
		}
	})
}

// TestEveryMessageForged: nobody passes for somebody else, and what cannot be
// obeyed leaves the connection as it was.
func TestEveryMessageForged(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		iota := connect(1, asIota(faultAda, faultBob))
		ada, bob := connect(0, asUser(faultAda, "")), connect(0, asUser(faultBob, ""))
		inCall, other := connect(2, asUser(faultAda, groupCall)), connect(2, asUser(faultBob, groupCall))
		all := []*talk.Client{iota, ada, bob, inCall, other}
		for _, c := range all {
			c.Take()
		}
		check := func(from, kind string, c *talk.Client) {
			for _, s := range c.Take() {
				var m struct {
					Type, Sender string
					SenderID     string `json:"sender_id"`
					Data         map[string]any
				}
				if s.Close != nil || json.Unmarshal(s.Text, &m) != nil {
					t.Fatalf("%s sent %s: somebody was told %s, %v", from, kind, s.Text, s.Close)
				}
				text, _ := m.Data["sender_id"].(string)
				if from == "an Iota" { // which says to its own users what it likes about others
					text = ""
				}
				if m.Sender == stranger || m.SenderID == stranger || text == stranger {
					t.Errorf("%s sent %s: somebody was told %s", from, kind, s.Text)
				}
				if user, _ := m.Data["user_id"].(string); c == other && user == stranger {
					t.Errorf("%s sent %s: a member was told %s", from, kind, s.Text)
				}
			}
		}
		for kind := range strings.FieldsSeq(everyType) {
			for from, c := range map[string]*talk.Client{"a client": ada, "a member": inCall, "an Iota": iota} {
				for _, m := range mangled(kind) {
					c.Send([]byte(m))
				}
				c.Send([]byte(`{"id":"00000000-0000-7000-8000-0000000000bb","type":"ping","data":{}}`))
				synctest.Wait()
				sent := c.Take()
				if last := string(sent[len(sent)-1].Text); !strings.Contains(last, `0000000000bb","type":"pong"`) {
					t.Fatalf("after every form of %s %s pings and is told %s", kind, from, last)
				}
				for _, o := range all {
					if o != c {
						check(from, kind, o)
					}
				}
			}
		}
	})
}

// TestTooManyDevices: one more is refused in words, and the others stay.
func TestTooManyDevices(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		connect(1, asIota(faultAda))
		for n := range 17 {
			got := connect(0, asUser(faultAda, "")).Take()
			if refused := strings.Contains(string(got[0].Text), "too many connections of one user"); refused != (n == 16) {
				t.Errorf("device %d is told %s", n+1, got[0].Text)
			}
		}
	})
}

// TestPresenceIsEncodedOnce: a thousand who are interested in somebody are told
// with the same bytes.
func TestPresenceIsEncodedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		var users []string
		for n := range 1001 {
			users = append(users, fmt.Sprintf("1a000000-0000-4000-8000-%012d", n))
		}
		iota := connect(1, asIota(users...))
		var watchers []*talk.Client
		for n, u := range users {
			c := connect(0, asUser(u, ""))
			if n > 0 {
				c.Send(fmt.Appendf(nil, `{"id":"00000000-0000-7000-8000-%012d","type":"get_chats"}`, n))
				iota.Send(fmt.Appendf(nil, `{"id":"00000000-0000-7000-8000-%012d","type":"get_chats","receiver":"%s","data":{"user_ids":["%s"]}}`, n, u, users[0]))
			}
			watchers = append(watchers, c)
		}
		synctest.Wait()
		for _, c := range watchers {
			c.Take()
		}
		watchers[0].Send([]byte(`{"type":"client_changed","data":{"user_state":"DND"}}`))
		synctest.Wait()
		var first *byte
		for n, c := range watchers[1:] {
			got := c.Take()
			if len(got) != 1 || !strings.Contains(string(got[0].Text), `"user_state":"DND"`) {
				t.Fatalf("watcher %d is told %v", n, got)
			}
			if first == nil {
				first = &got[0].Text[0]
			}
			if &got[0].Text[0] != first {
				t.Fatalf("watcher %d is told with bytes of its own", n)
			}
		}
	})
}

// TestProfileLimits: what is too much is refused with a reason and changes
// nothing.
func TestProfileLimits(t *testing.T) {
	d := embedded(t)
	dialects := omikron.New(omikron.Options{Directory: d, LegacyClients: true})
	mux := http.NewServeMux()
	dialects[0].HTTP(mux)
	ask := func(method, path, body string) string {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Body.String()
	}
	const profile = "/api/get/1a000000-0000-4000-8000-000000000001"
	plain := func(answer string) string { _, rest, _ := strings.Cut(answer, `"type"`); return rest }
	before := plain(ask("GET", profile, ""))
	key := `{"private_key_hash":"` + strings.Repeat("a", 64) + `",`
	for body, want := range map[string]string{
		key + `"avatar":"` + strings.Repeat("x", 48<<10+1) + `"}`: "avatar can have at most",
		key + `"avatar":"` + strings.Repeat("x", 1<<20) + `"}`:    "too long or was cut off",
		key + `"about":"` + strings.Repeat("ä", 269) + `"}`:       "about can have at most",
		key + `"status":"` + strings.Repeat("x", 16) + `"}`:       "status can have at most",
		key + `"display":7}`:                    "display must be a string",
		key + `"username":"two words"}`:         "username must have",
		key + `"username":""}`:                  "username must have",
		`{"status":"x"}`:                        "not this user's",
		`{"private_key_hash":[1],"status":"x"}`: "not this user's",
		``:                                      "no JSON object",
	} {
		if got := ask("POST", "/api/change/1a000000-0000-4000-8000-000000000001", body); !strings.Contains(got, `"type":"error"`) || !strings.Contains(got, want) {
			t.Errorf("%.60s… is answered with %s, want %q", body, got, want)
		}
	}
	for _, path := range []string{"/api/change/none", "/api/change/" + stranger, "/api/delete/none", "/api/change/keys/none"} {
		if got := ask("POST", path, key+`"reset_token":"sesame"}`); !strings.Contains(got, "there is no such user") {
			t.Errorf("%s is answered with %s", path, got)
		}
	}
	if after := plain(ask("GET", profile, "")); after != before {
		t.Errorf("the profile was %s and is %s", before, after)
	}
	if got := ask("POST", "/api/change/avatar/1a000000-0000-4000-8000-000000000001", key+`"avatar":"`+strings.Repeat("x", 48<<10)+`"}`); !strings.Contains(got, `"type":"success"`) {
		t.Errorf("the longest avatar is answered with %s", got)
	}
}

// stuck is a conversation that is stuck with the first message that it is to
// pass on, as if it were being written to a reader who does not read.
type stuck struct {
	dialect.Conversation
	free <-chan struct{}
}

func (s *stuck) Notify(ctx context.Context, e *core.Event) []dialect.Frame {
	if _, message := e.Fact.(core.Delivered); message {
		<-s.free
	}
	return s.Conversation.Notify(ctx, e)
}

// TestSlowReader: a device that reads nothing is closed, and the user's other
// device is told everything in order.
func TestSlowReader(t *testing.T) {
	var free chan struct{}
	inBubbleWith(t, func(s *talk.Server) {
		free = make(chan struct{})
		slow := s.Dialects[0]
		slow.Open = func(c *core.Connection, query map[string][]string) dialect.Conversation {
			return &stuck{s.Dialects[0].Open(c, query), free}
		}
		s.Dialects = append(s.Dialects, slow)
	}, func(t *testing.T, connect func(int, string) *talk.Client) {
		iota := connect(1, asIota(faultBob))
		lazy, quick := connect(3, asUser(faultBob, "")), connect(0, asUser(faultBob, ""))
		quick.Take()
		const many = 400
		for n := range many {
			iota.Send(fmt.Appendf(nil, `{"type":"message_live","receiver":"%s","data":{"n":%d,"message":"%s"}}`, faultBob, n, strings.Repeat("x", 10_000)))
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		got := quick.Take()
		if len(got) != many {
			t.Errorf("the device that reads was told %d of %d", len(got), many)
		}
		for n, s := range got {
			if !strings.Contains(string(s.Text), fmt.Sprintf(`"n":%d,`, n)) {
				t.Fatalf("message %d is %.200s", n, s.Text)
			}
		}
		close(free)
		synctest.Wait()
		last := lazy.Take()
		if end := last[len(last)-1]; end.Close == nil || end.Close.Code != 1013 {
			t.Errorf("the device that does not read was left with %.100s", end.Text)
		}
	})
}
