package openvocs_test

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
			`{"event":"login","uuid":"$id","client":"$who","type":"unicast","parameter":{"user":"ada","password":"ada is who I am"}}`,
			`{"event":"authorize","uuid":"$id","client":"$who","parameter":{"role":"flight"}}`,
			`{"event":"register","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"media","uuid":"$id","client":"$who","parameter":{"type":"request"}}`,
			`{"event":"media","uuid":"$id","client":"$who","parameter":{"type":"answer","sdp":"$offer_sound"}}`,
			`{"event":"candidate","uuid":"$id","client":"$who","parameter":{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host","sdpMid":"0","sdpMLineIndex":0,"ufrag":"u"}}`,
			`{"event":"end_of_candidates","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"role_loops","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"switch_loop_state","uuid":"$id","client":"$who","parameter":{"loop":"ops","state":"send"}}`,
			`{"event":"talking","uuid":"$id","client":"$who","parameter":{"loop":"ops","state":true}}`,
			`{"event":"switch_loop_volume","uuid":"$id","client":"$who","parameter":{"loop":"ops","volume":70}}`,
			`{"event":"switch_loop_state","uuid":"$id","client":"$who","parameter":{"loop":"fd-loop","state":"recv"}}`,
			`{"event":"media","uuid":"$id","client":"$who","parameter":{"type":"offer","sdp":"$offer_both"}}`,
			`{"event":"talking","uuid":"$id","client":"$who","parameter":{"loop":"ops","state":false}}`,
			`{"event":"switch_loop_state","uuid":"$id","client":"$who","parameter":{"loop":"ops","state":"none"}}`,
			`{"event":"get","uuid":"$id","client":"$who","parameter":{"type":"user","id":"ada"}}`,
			`{"event":"get","uuid":"$id","client":"$who","parameter":{"type":"domain","id":"default"}}`,
			`{"event":"user_roles","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"get_user_data","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"set_user_data","uuid":"$id","client":"$who","parameter":{"a":{"b":[1,null]}}}`,
			`{"event":"get_keyset_layout","uuid":"$id","client":"$who","parameter":{"domain":"default","layout":"x"}}`,
			`{"event":"set_keyset_layout","uuid":"$id","client":"$who","parameter":{"domain":"default","name":"x","layout":{"grid_rows":1}}}`,
			`{"event":"update","uuid":"$id","client":"$who","parameter":{"type":"project","id":"orbiter","data":{"name":"$who","roles":{"flight":{"users":{"ada":null}}}}}}`,
			`{"event":"verify","uuid":"$id","client":"$who","parameter":{"type":"loop","id":"ops","data":{"roles":{"flight":true}}}}`,
			`{"event":"create","uuid":"$id","client":"$who","parameter":{"type":"loop","id":"$who","scope":{"type":"project","id":"orbiter"}}}`,
			`{"event":"delete","uuid":"$id","client":"$who","parameter":{"type":"loop","id":"$who"}}`,
			`{"event":"get_key","uuid":"$id","client":"$who","parameter":{"type":"role","id":"flight","key":"users"}}`,
			`{"event":"state_connections","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"broadcast","uuid":"$id","client":"$who","parameter":{"type":"page_update"}}`,
			`{"event":"sip","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"get_recording","uuid":"$id","client":"$who","parameter":{}}`,
			`{"event":"dance","uuid":"$id","client":"$who","parameter":{}}`,
		},
		Probe: `{"event":"is_ldap_enabled","uuid":"$id"}`,
		Reply: func(message []byte) (string, bool) {
			var m struct {
				UUID     string          `json:"uuid"`
				Type     string          `json:"type"`
				Response json.RawMessage `json:"response"`
			}
			if err := json.Unmarshal(message, &m); err != nil || m.Type != "unicast" || m.Response == nil {
				return "", false
			}
			return m.UUID, true
		},
	}
}

// FuzzReceive sends any lines as messages of an administrator who acts in a role.
// The corpus is what the transcripts send. What is stored does not change; for
// that see FuzzMerge.
func FuzzReceive(f *testing.F) {
	for _, messages := range talk.Corpus(f, "testdata/*.talk") {
		f.Add(messages)
	}
	c := contract()
	c.Build = buildFrozen
	f.Fuzz(func(t *testing.T, text string) { c.Fuzz(t, text) })
}
