package omikron_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"switchboard/internal/dialect/omikron"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// answer is what a client makes of a challenge, written from README.md.
func answer(secret, salt, challenge string) string {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	key := mac([]byte(secret), salt)
	kept := sha256.Sum256(key)
	for i, b := range mac(kept[:], challenge) {
		key[i] ^= b
	}
	return hex.EncodeToString(key)
}

// TestChallenge: on every socket a secret is proven without being shown, and
// what proved it once proves nothing again. Where that is asked for, the secret
// itself is refused.
func TestChallenge(t *testing.T) {
	const ada = "1a000000-0000-4000-8000-000000000001"
	iota, key := house(ada), strings.Repeat("a", 64)
	synctest.Test(t, func(t *testing.T) {
		e := &mediatest.Engine{}
		s, directory := buildWith(t, map[string]string{"directory": "embedded", "legacy": "no"}, e)
		if err := directory.(*omikron.Embedded).SetIotaSecret(t.Context(), iota, "sesame"); err != nil {
			t.Fatal(err)
		}
		say := func(c *talk.Client, text string) (kind, id, salt, challenge string) {
			c.Send([]byte(text))
			synctest.Wait()
			var m struct {
				ID, Type string
				Data     struct{ Salt, Challenge string }
			}
			for _, sent := range c.Take() {
				if json.Unmarshal(sent.Text, &m) == nil && m.Type != "client_connected" {
					return m.Type, m.ID, m.Data.Salt, m.Data.Challenge
				}
			}
			return "", "", "", ""
		}
		respond := func(c *talk.Client, with string) string {
			kind, id, _, _ := say(c, `{"id":"10000000-0000-4000-8000-0000000000c2","type":"challenge_response","data":{"challenge":"`+with+`"}}`)
			if kind != "" && id != "10000000-0000-4000-8000-0000000000c2" {
				t.Errorf("%s has the id %s, want that of the answer to the challenge", kind, id)
			}
			return kind
		}
		asUser := `"user_id":"` + ada + `"`
		for _, socket := range []struct {
			name, data, secret, shown string
			side                      int
			plain                     string
		}{
			{"Iota", `"iota_id":"` + iota + `","user_ids":"` + ada + `"`, "sesame", "", 1, "error_invalid_secret"},
			{"client", asUser, key, `,"private_key_hash":"` + key + `"`, 0, "error_invalid_private_key"},
			{"call", asUser + `,"call_id":"ca110000-0000-7000-8000-000000000007"`, key, `,"private_key_hash":"` + key + `"`, 2, "error_invalid_private_key"},
		} {
			c, err := s.Connect(s.Dialects[socket.side], nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Hang(goodbye)
			ask := func() (salt, challenge string) {
				kind, _, salt, challenge := say(c, `{"id":"10000000-0000-4000-8000-0000000000c1","type":"identification","data":{`+socket.data+`,"challenge":true}}`)
				if kind != "challenge" || salt == "" || len(challenge) < 32 {
					t.Fatalf("%s: asking for a challenge is answered with %s", socket.name, kind)
				}
				return salt, challenge
			}
			if kind, _, _, _ := say(c, `{"type":"identification","data":{`+socket.data+socket.shown+`}}`); kind != socket.plain {
				t.Errorf("%s: the secret itself is answered with %q, want %s", socket.name, kind, socket.plain)
			}
			if kind := respond(c, strings.Repeat("0", 64)); kind != "" {
				t.Errorf("%s: an answer to nothing is answered with %s", socket.name, kind)
			}
			salt, challenge := ask()
			old := answer(socket.secret, salt, challenge)
			for name, wrong := range map[string]func(salt, challenge string) string{
				"no hex":    func(string, string) string { return "x" },
				"another's": func(salt, challenge string) string { return answer("other", salt, challenge) },
				"nothing":   func(string, string) string { return "" },
			} {
				if kind := respond(c, wrong(ask())); kind != "error_invalid_challenge" {
					t.Errorf("%s: an answer that is %s is answered with %s", socket.name, name, kind)
				}
			}
			_, _ = ask()
			if kind := respond(c, old); kind != "error_invalid_challenge" {
				t.Errorf("%s: the answer to an earlier challenge is answered with %s", socket.name, kind)
			}
			if kind := respond(c, old); kind != "" {
				t.Errorf("%s: a second answer is answered with %s", socket.name, kind)
			}
			salt, challenge = ask()
			if kind := respond(c, answer(socket.secret, salt, challenge)); kind != "identification_response" {
				t.Errorf("%s: the right answer is answered with %s", socket.name, kind)
			}
		}
	})
}
