package calling_test

import (
	"encoding/json"
	"testing"

	"switchboard/internal/dialect/talk"
)

// TestContract sends one of each request, in and out of order, whole and
// mutilated.
func TestContract(t *testing.T) { contract().Run(t) }

func contract() talk.Contract {
	return talk.Contract{
		Build: build,
		Requests: []string{
			`{"type":"room_join","room":"r","status":{"name":"$who"},"tid":$id}`,
			`{"type":"ns_subscribe","namespace":"n","tid":$id}`,
			`{"type":"ping","tid":$id}`,
			`{"type":"remote_ping","time":3600000,"tid":$id}`,
			`{"type":"remote_timeout","time":3600000,"tid":$id}`,
			`{"type":"status","status":{"a":1,"b":[null,{"c":"d"}]},"tid":$id}`,
			`{"type":"ns_user_register","namespace":"n","tid":$id}`,
			`{"type":"ns_room_register","namespace":"n","room":"r","tid":$id}`,
			`{"type":"room_peer_status","room":"r","status":{"b":2},"tid":$id}`,
			`{"type":"room_peer_update","room":"r","status":{"b":3},"pending":false,"tid":$id}`,
			`{"type":"room_status","room":"r","key":"k","value":{"x":1e2},"check":true,"previous":null,"tid":$id}`,
			`{"type":"room_status","room":"r","key":"k","tid":$id}`,
			`{"type":"room_peer_to","room":"r","user":"$who","event":"message","data":{"text":"x"},"tid":$id}`,
			`{"type":"invite_send","room":"q","user":"$who","data":[],"tid":$id}`,
			`{"type":"invite_cancel","handle":0,"tid":$id}`,
			`{"type":"invite_accept","handle":0,"status":{},"tid":$id}`,
			`{"type":"invite_deny","handle":1,"tid":$id}`,
			`{"type":"ns_room_unregister","namespace":"n","room":"r","tid":$id}`,
			`{"type":"ns_user_unregister","namespace":"n","tid":$id}`,
			`{"type":"ns_unsubscribe","namespace":"n","tid":$id}`,
			`{"type":"dance","tid":$id}`,
			`{"type":"room_leave","room":"r","tid":$id}`,
		},
		Probe: `{"type":"ping","tid":$id}`,
		Reply: func(message []byte) (string, bool) {
			var m struct {
				Type string          `json:"type"`
				TID  json.RawMessage `json:"tid"`
			}
			if err := json.Unmarshal(message, &m); err != nil || m.Type != "answer" {
				return "", false
			}
			return string(m.TID), true
		},
	}
}

// FuzzReceive sends any lines as messages of a member of a room. The corpus is
// what the transcripts send.
func FuzzReceive(f *testing.F) {
	for _, messages := range talk.Corpus(f, "testdata/*.talk") {
		f.Add(messages)
	}
	c := contract()
	f.Fuzz(func(t *testing.T, text string) { c.Fuzz(t, text) })
}
