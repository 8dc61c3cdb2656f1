package nkmedia_test

import (
	"encoding/json"
	"testing"

	"switchboard/internal/dialect/talk"
)

// TestContract sends one of each request, in and out of order, whole and
// mutilated.
func TestContract(t *testing.T) { contract().Run(t) }

func contract() talk.Contract {
	media := func(sub, cmd, data string) string {
		return `{"class":"media","subclass":"` + sub + `","cmd":"` + cmd + `","data":` + data + `,"tid":$id}`
	}
	core := func(sub, cmd, data string) string {
		return `{"class":"core","subclass":"` + sub + `","cmd":"` + cmd + `","data":` + data + `,"tid":$id}`
	}
	return talk.Contract{
		Build: build,
		Requests: []string{
			core("user", "login", `{"user":"$who","pass":"secret"}`),
			media("session", "start", `{"type":"echo","offer":{"sdp":"$offer_both"},"session_id":"$who-echo"}`),
			core("user", "list", `{}`),
			core("user", "get", `{"user":"$who"}`),
			core("user", "send_event", `{"user":"$who"}`),
			core("session", "send_event", `{"session_id":"x"}`),
			core("session", "cmd", `{"session_id":"x","class":"app","cmd":"y"}`),
			core("session", "log", `{"message":"x"}`),
			core("event", "subscribe", `{"class":"media","body":{"a":1}}`),
			core("event", "get_subscriptions", `{}`),
			core("event", "send", `{"class":"app","body":{}}`),
			media("session", "start", `{"type":"proxy","offer":{"sdp":"$offer_both"},"session_id":"$who-proxy"}`),
			media("session", "set_answer", `{"session_id":"$who-proxy","answer":{"sdp":"$offer_both"}}`),
			media("session", "start", `{"type":"p2p","offer":{"sdp":"v=0"},"session_id":"$who-p2p","master_id":"$who-echo"}`),
			media("session", "start", `{"type":"publish","offer":{"sdp":"$offer_send"},"session_id":"$who-pub","room":"r","create_room":true}`),
			media("session", "start", `{"type":"listen","publisher":"$who-pub","session_id":"$who-ear"}`),
			media("session", "set_answer", `{"session_id":"$who-ear","answer":{"sdp":"$offer_recv"}}`),
			media("session", "update", `{"session_id":"$who-ear","type":"listen_switch","publisher":"$who-pub"}`),
			media("session", "create", `{"type":"park","offer":{"sdp":"$offer_both"},"session_id":"$who-park"}`),
			media("session", "set_type", `{"session_id":"$who-park","type":"mcu","room_id":"r"}`),
			media("session", "create", `{"type":"mcu","session_id":"$who-mcu"}`),
			media("session", "create", `{"type":"bridge","peer_id":"$who-park","offer":{"sdp":"$offer_both"},"session_id":"$who-bridge"}`),
			media("session", "create", `{"type":"play","uri":"x.webm","offer":{"sdp":"$offer_both"},"session_id":"$who-play"}`),
			media("session", "player_action", `{"session_id":"$who-play","action":"pause"}`),
			media("session", "recorder_action", `{"session_id":"$who-play","action":"start"}`),
			media("session", "update", `{"session_id":"$who-echo","type":"media","use_audio":false,"record":true}`),
			media("session", "set_candidate", `{"session_id":"$who-echo","sdpMLineIndex":0,"candidate":"candidate:1"}`),
			media("session", "set_candidate_end", `{"session_id":"$who-echo"}`),
			media("session", "get_info", `{"session_id":"$who-echo"}`),
			media("session", "list", `{}`),
			media("session", "get_stats", `{"session_id":"$who-proxy"}`),
			media("session", "add_timelog", `{"session_id":"$who-echo","msg":"x"}`),
			media("call", "start", `{"type":"user","user":"$who","call_id":"$who-call","session_id":"$who-p2p"}`),
			media("call", "ringing", `{"call_id":"$who-call"}`),
			media("call", "accepted", `{"call_id":"$who-call","answer":{"sdp":"v=0"}}`),
			`{"class":"core","cmd":"event","data":{"class":"media","subclass":"call","type":"rejected","obj_id":"$who-call"},"tid":$id}`,
			media("call", "set_candidate", `{"call_id":"$who-call","sdpMLineIndex":0,"candidate":"candidate:1"}`),
			media("call", "create", `{"callee":"$who","call_id":"$who-served","offer":{"sdp":"$offer_both"}}`),
			media("call", "accepted", `{"call_id":"$who-served","answer":{"sdp":"$offer_both"}}`),
			media("call", "get_list", `{}`),
			media("call", "hangup", `{"call_id":"$who-call","code":1,"error":"x"}`),
			media("room", "create", `{"class":"sfu","room_id":"$who"}`),
			media("room", "info", `{"room_id":"r"}`),
			media("room", "list", `{}`),
			media("room", "msglog_send", `{"room_id":"r","msg":{"a":1}}`),
			media("room", "msglog_get", `{"room_id":"r"}`),
			media("room", "destroy", `{"room_id":"$who"}`),
			media("session", "stop", `{"session_id":"$who-proxy","code":3,"reason":"x"}`),
			core("event", "unsubscribe", `{"class":"media"}`),
			media("session", "dance", `{}`),
		},
		Probe: `{"class":"core","cmd":"ping","tid":$id}`,
		Reply: func(message []byte) (string, bool) {
			var m struct {
				Result json.RawMessage `json:"result"`
				TID    json.RawMessage `json:"tid"`
			}
			if err := json.Unmarshal(message, &m); err != nil || m.Result == nil {
				return "", false
			}
			return string(m.TID), true
		},
	}
}

// FuzzReceive sends any lines as messages of a client that is logged in. The
// corpus is what the transcripts send.
func FuzzReceive(f *testing.F) {
	for _, messages := range talk.Corpus(f, "testdata/*.talk") {
		f.Add(messages)
	}
	c := contract()
	f.Fuzz(func(t *testing.T, text string) { c.Fuzz(t, text) })
}
