package kurento_test

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
			`{"jsonrpc":"2.0","method":"ping","params":{"interval":3600000},"id":$id}`,
			`{"jsonrpc":"2.0","method":"joinRoom","params":{"user":"$who","room":"kiosk"},"id":$id}`,
			`{"jsonrpc":"2.0","method":"onIceCandidate","params":{"endpointName":"$who","candidate":"candidate:1 1 udp 1 127.0.0.1 5 typ host","sdpMid":"0","sdpMLineIndex":0},"id":$id}`,
			`{"jsonrpc":"2.0","method":"publishVideo","params":{"sdpOffer":"$offer_both","doLoopback":true},"id":$id}`,
			`{"jsonrpc":"2.0","method":"publishVideo","params":{"sdpOffer":"$offer_send","stream":"screen"},"id":$id}`,
			`{"jsonrpc":"2.0","method":"receiveVideoFrom","params":{"sender":"${who}_webcam","sdpOffer":"$offer_recv"},"id":$id}`,
			`{"jsonrpc":"2.0","method":"receiveVideoFrom","params":{"sender":"ada_webcam","sdpOffer":"$offer_recv"},"id":$id}`,
			`{"jsonrpc":"2.0","method":"unsubscribeFromVideo","params":{"sender":"ada_webcam"},"id":$id}`,
			`{"jsonrpc":"2.0","method":"sendMessage","params":{"message":"x","userMessage":"$who","roomMessage":"kiosk"},"id":$id}`,
			`{"jsonrpc":"2.0","method":"customRequest","params":{"marker":1},"id":$id}`,
			`{"jsonrpc":"2.0","method":"customRequest","params":{"hat":true},"id":$id}`,
			`{"jsonrpc":"2.0","method":"unpublishVideo","id":$id}`,
			`{"jsonrpc":"2.0","method":"connect","params":{"sessionId":"nobody's"},"id":$id}`,
			`{"jsonrpc":"2.0","method":"connect","id":$id}`,
			`{"jsonrpc":"2.0","method":"poll","params":[],"id":$id}`,
			`{"jsonrpc":"2.0","method":"dance","id":$id}`,
			`{"jsonrpc":"2.0","method":"leaveRoom","id":$id}`,
			`{"jsonrpc":"2.0","method":"closeSession","id":$id}`,
		},
		Probe: `{"jsonrpc":"2.0","method":"poll","params":[],"id":$id}`,
		Reply: func(message []byte) (string, bool) {
			var m struct {
				ID     json.RawMessage
				Method string
			}
			if err := json.Unmarshal(message, &m); err != nil || m.Method != "" || string(m.ID) == "null" {
				return "", false
			}
			return string(m.ID), true
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
