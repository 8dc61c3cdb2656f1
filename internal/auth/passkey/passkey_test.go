package passkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"switchboard/internal/auth/passkey"
)

const (
	user   = "1a000000-0000-4000-8000-000000000001"
	origin = "https://app.example.org"
)

var encode = base64.RawURLEncoding.EncodeToString

// device is an authenticator with one key, and the browser around it.
type device struct {
	t     *testing.T
	id    []byte
	key   *ecdsa.PrivateKey
	count uint32
}

func newDevice(t *testing.T) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, id: make([]byte, 32), key: key}
	_, _ = rand.Read(d.id) // never fails
	return d
}

// browser says what a page's browser says about a question.
func (d *device) browser(kind, options, page string) (challenge, clientData []byte) {
	var o struct{ Challenge string }
	if err := json.Unmarshal([]byte(options), &o); err != nil || o.Challenge == "" {
		d.t.Fatalf("options %s: %v", options, err)
	}
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": o.Challenge, "origin": page, "crossOrigin": false})
	return []byte(o.Challenge), b
}

// state is what the authenticator says about itself (section 6.1).
func (d *device) state(domain string, flags byte, more []byte) []byte {
	sum := sha256.Sum256([]byte(domain))
	d.count++
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), d.count), more...)
}

const (
	present  = 0x01
	verified = 0x04
	attested = 0x40
)

// make answers an offer, with an attestation of none (section 8.7) in CBOR.
func (d *device) make(options, page, domain string) []byte {
	_, clientData := d.browser("webauthn.create", options, page)
	x, y := make([]byte, 32), make([]byte, 32)
	d.key.X.FillBytes(x)
	d.key.Y.FillBytes(y)
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32}, x...)
	cose = append(append(cose, 0x22, 0x58, 32), y...)
	credential := append(make([]byte, 16), 0, byte(len(d.id)))
	state := d.state(domain, present|verified|attested, append(append(credential, d.id...), cose...))
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(object, 0x67), "attStmt"...)
	object = append(append(object, 0xa0, 0x68), "authData"...)
	object = append(append(object, 0x58, byte(len(state))), state...)
	return d.answer(map[string]any{"clientDataJSON": encode(clientData), "attestationObject": encode(object)})
}

// sign answers a question.
func (d *device) sign(options, page, domain string) []byte {
	_, clientData := d.browser("webauthn.get", options, page)
	state := d.state(domain, present|verified, nil)
	hash := sha256.Sum256(clientData)
	sum := sha256.Sum256(append(append([]byte{}, state...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, sum[:])
	if err != nil {
		d.t.Fatal(err)
	}
	return d.answer(map[string]any{"clientDataJSON": encode(clientData), "authenticatorData": encode(state), "signature": encode(signature),
		"userHandle": encode([]byte(user))})
}

func (d *device) answer(response map[string]any) []byte {
	b, _ := json.Marshal(map[string]any{"id": encode(d.id), "rawId": encode(d.id), "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{}})
	return b
}

func only(page string) func(string) bool { return func(o string) bool { return o == page } }

// TestPasskey makes a passkey and signs in with it, and refuses whatever is not
// an answer to the question, by that key, on a page of the site that is let in.
func TestPasskey(t *testing.T) {
	s, err := passkey.New("example.org", "Example")
	if err != nil {
		t.Fatal(err)
	}
	d, other := newDevice(t), newDevice(t)
	options, pending, err := s.Offer(user, "ada", nil)
	if err != nil {
		t.Fatal(err)
	}
	another, _, _ := s.Offer(user, "ada", nil)
	for name, refused := range map[string]struct {
		answer  []byte
		allowed func(string) bool
	}{
		"nothing":                {nil, only(origin)},
		"another question":       {d.make(another, origin, "example.org"), only(origin)},
		"a page not let in":      {d.make(options, "https://evil.example", "example.org"), only(origin)},
		"a key of another site":  {d.make(options, origin, "example.net"), only(origin)},
		"an answer of a sign-in": {d.sign(options, origin, "example.org"), only(origin)},
	} {
		if _, _, err := s.Accept(user, "ada", pending, refused.answer, refused.allowed); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("making a passkey with %s: %v", name, err)
		}
	}
	id, kept, err := s.Accept(user, "ada", pending, d.make(options, origin, "example.org"), only(origin))
	if err != nil || id != encode(d.id) {
		t.Fatalf("%q, %v", id, err)
	}
	if options, _, err := s.Offer(user, "ada", []string{kept}); err != nil || !strings.Contains(options, id) {
		t.Errorf("a second offer does not exclude the first passkey: %v", err)
	}

	options, pending, err = s.Ask(user, kept)
	if err != nil || !strings.Contains(options, id) {
		t.Fatalf("%s, %v", options, err)
	}
	another, _, _ = s.Ask(user, kept)
	for name, refused := range map[string][]byte{
		"nothing":               []byte("{}"),
		"another question":      d.sign(another, origin, "example.org"),
		"a page not let in":     d.sign(options, "https://evil.example", "example.org"),
		"a key of another site": d.sign(options, origin, "example.net"),
		"another's key":         (&device{t: t, id: d.id, key: other.key}).sign(options, origin, "example.org"),
	} {
		if _, err := s.Check(user, kept, pending, refused, only(origin)); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("signing in with %s: %v", name, err)
		}
	}
	if _, err := s.Check("somebody else", kept, pending, d.sign(options, origin, "example.org"), only(origin)); !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("signing in as somebody else: %v", err)
	}
	fresh, err := s.Check(user, kept, pending, d.sign(options, origin, "example.org"), only(origin))
	if err != nil {
		t.Fatal(err)
	}
	copied := *d
	copied.count = 1
	options, pending, _ = s.Ask(user, fresh)
	if _, err := s.Check(user, fresh, pending, copied.sign(options, origin, "example.org"), only(origin)); !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("signing in with a copy whose counter is behind: %v", err)
	}
	if _, err := passkey.New("https://example.org", ""); err == nil {
		t.Error("a URL is taken for a domain")
	}
}
