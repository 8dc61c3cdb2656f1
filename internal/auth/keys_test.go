package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/internal/core"
)

// publisher publishes keys and signs tokens with them.
type publisher struct {
	t      *testing.T
	server *httptest.Server
	asked  atomic.Int64
	asking chan struct{} // holds one once somebody has asked

	mu   sync.Mutex
	body string // guarded by mu
	code int    // guarded by mu

	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{t: t, code: http.StatusOK, asking: make(chan struct{}, 1)}
	var err error
	if p.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if p.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, p.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.publish(p.rsaKey("r1", &p.rsa.PublicKey), p.ecKey("e1"), p.edKey("d1"))
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		select {
		case p.asking <- struct{}{}:
		default:
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		w.WriteHeader(p.code)
		_, _ = w.Write([]byte(p.body))
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *publisher) answer(code int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code, p.body = code, body
}

func (p *publisher) publish(keys ...map[string]string) {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		p.t.Fatal(err)
	}
	p.answer(http.StatusOK, string(body))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *publisher) rsaKey(id string, k *rsa.PublicKey) map[string]string {
	return map[string]string{"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
}

func (p *publisher) ecKey(id string) map[string]string {
	point, err := p.ec.PublicKey.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	return map[string]string{"kty": "EC", "crv": "P-256", "kid": id, "x": b64(point[1:33]), "y": b64(point[33:])}
}

func (p *publisher) edKey(id string) map[string]string {
	return map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": id, "x": b64(p.ed.Public().(ed25519.PublicKey))}
}

func (p *publisher) sign(m jwt.SigningMethod, id string, key any) string {
	p.t.Helper()
	token := jwt.NewWithClaims(m, jwt.MapClaims{"sub": "ada", "exp": time.Now().Add(time.Minute).Unix()})
	if id != "" {
		token.Header["kid"] = id
	}
	s, err := token.SignedString(key)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func TestTokensByPublishedKeys(t *testing.T) {
	p := newPublisher(t)
	tokens := newTokens(t, TokenOptions{KeysURL: p.server.URL})
	otherRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public := []byte(p.rsaKey("r1", &p.rsa.PublicKey)["n"])
	for name, c := range map[string]struct {
		token string
		want  core.ErrorKind // 0: believed
	}{
		"RS256":                         {p.sign(jwt.SigningMethodRS256, "r1", p.rsa), 0},
		"ES256":                         {p.sign(jwt.SigningMethodES256, "e1", p.ec), 0},
		"EdDSA":                         {p.sign(jwt.SigningMethodEdDSA, "d1", p.ed), 0},
		"without a key id":              {p.sign(jwt.SigningMethodES256, "", p.ec), 0},
		"other key":                     {p.sign(jwt.SigningMethodRS256, "r1", otherRSA), core.Denied},
		"key not published":             {p.sign(jwt.SigningMethodRS256, "r2", otherRSA), core.Denied},
		"id of another kind":            {p.sign(jwt.SigningMethodRS256, "e1", p.rsa), core.Denied},
		"RS512":                         {p.sign(jwt.SigningMethodRS512, "r1", p.rsa), core.Denied},
		"PS256":                         {p.sign(jwt.SigningMethodPS256, "r1", p.rsa), core.Denied},
		"public key taken for a secret": {p.sign(jwt.SigningMethodHS256, "r1", public), core.Denied},
		"no secret is believed":         {p.sign(jwt.SigningMethodHS256, "", []byte("")), core.Denied},
		"algorithm none":                {p.sign(jwt.SigningMethodNone, "r1", jwt.UnsafeAllowNoneSignatureType), core.Denied},
	} {
		id, err := tokens.Verify(t.Context(), c.token)
		wantKind(t, name, err, c.want)
		if (err == nil) != (id.User == "ada") {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	if _, err := tokens.Sign(core.Identity{User: "ada"}, time.Minute); err == nil {
		t.Error("a token was signed without a secret")
	}
	if got := p.asked.Load(); got > 2 {
		t.Errorf("the keys were fetched %d times", got)
	}
}

func TestSecretAndPublishedKeysTogether(t *testing.T) {
	p := newPublisher(t)
	tokens := newTokens(t, TokenOptions{KeysURL: p.server.URL, Secret: []byte(secret)})
	for name, token := range map[string]string{
		"secret": p.sign(jwt.SigningMethodHS256, "r1", []byte(secret)),
		"key":    p.sign(jwt.SigningMethodRS256, "r1", p.rsa),
	} {
		if _, err := tokens.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := tokens.Verify(t.Context(), p.sign(jwt.SigningMethodHS256, "", []byte{}))
	wantKind(t, "empty secret", err, core.Denied)
}

func TestKeysAreExchanged(t *testing.T) {
	p := newPublisher(t)
	tokens := newTokens(t, TokenOptions{KeysURL: p.server.URL})
	old := p.sign(jwt.SigningMethodRS256, "r1", p.rsa)
	if _, err := tokens.Verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	p.publish(p.ecKey("e2"))
	fresh := p.sign(jwt.SigningMethodES256, "e2", p.ec)

	// Right after a fetch an unknown key id is not worth another.
	for range 50 {
		_, err := tokens.Verify(t.Context(), fresh)
		wantKind(t, "new key at once", err, core.Denied)
	}
	if got := p.asked.Load(); got != 1 {
		t.Errorf("the keys were fetched %d times", got)
	}
	later(tokens, keysPause)
	if _, err := tokens.Verify(t.Context(), fresh); err != nil {
		t.Errorf("new key, later: %v", err)
	}
	_, err := tokens.Verify(t.Context(), old)
	wantKind(t, "withdrawn key", err, core.Denied)
}

// later makes what the key set remembers older.
func later(tokens *Tokens, by time.Duration) {
	s := tokens.keys
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched, s.tried = s.fetched.Add(-by), s.tried.Add(-by)
}

func TestPublisherGone(t *testing.T) {
	p := newPublisher(t)
	tokens := newTokens(t, TokenOptions{KeysURL: p.server.URL})
	token := p.sign(jwt.SigningMethodRS256, "r1", p.rsa)
	good := p.body
	p.answer(http.StatusInternalServerError, good)
	_, err := tokens.Verify(t.Context(), token)
	wantKind(t, "never fetched", err, core.Unavailable)
	_, err = tokens.Verify(t.Context(), token)
	wantKind(t, "never fetched, again", err, core.Unavailable)
	if got := p.asked.Load(); got != 1 {
		t.Errorf("the publisher was asked %d times at once", got)
	}

	p.answer(http.StatusOK, good)
	later(tokens, keysPause)
	if _, err := tokens.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "{", "[]", `{"keys":7}`, strings.Repeat(" ", maxKeysBytes+1), `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`} {
		p.answer(http.StatusOK, body)
		later(tokens, keysFresh)
		if _, err := tokens.Verify(t.Context(), token); err != nil {
			t.Errorf("the publisher answers %.20q: %v; the keys before should do", body, err)
		}
		_, err := tokens.Verify(t.Context(), p.sign(jwt.SigningMethodRS256, "r9", p.rsa))
		wantKind(t, "an unknown key meanwhile", err, core.Unavailable)
	}
	later(tokens, keysStale)
	_, err = tokens.Verify(t.Context(), token)
	wantKind(t, "after a day", err, core.Unavailable)
}

func TestKeysAreFetchedOnceForAll(t *testing.T) {
	p := newPublisher(t)
	p.mu.Lock() // the publisher is slow
	tokens := newTokens(t, TokenOptions{KeysURL: p.server.URL})
	token := p.sign(jwt.SigningMethodEdDSA, "d1", p.ed)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := tokens.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	<-p.asking
	if _, err := tokens.Verify(ctx, token); core.KindOf(err) != core.Unavailable {
		t.Errorf("who cannot wait is told %v", err)
	}
	p.mu.Unlock()
	wg.Wait()
	if got := p.asked.Load(); got != 1 {
		t.Errorf("the keys were fetched %d times", got)
	}
}

func TestKeysThatAreOfNoUse(t *testing.T) {
	p := newPublisher(t)
	small := &rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 1024), big.NewInt(1)), E: 65537}
	with := func(k map[string]string, name, value string) map[string]string {
		k[name] = value
		return k
	}
	for name, k := range map[string]map[string]string{
		"for encryption":       with(p.rsaKey("k", &p.rsa.PublicKey), "use", "enc"),
		"for another":          with(p.rsaKey("k", &p.rsa.PublicKey), "alg", "RS512"),
		"too short":            p.rsaKey("k", small),
		"exponent 1":           with(p.rsaKey("k", &p.rsa.PublicKey), "e", "AQ"),
		"exponent even":        with(p.rsaKey("k", &p.rsa.PublicKey), "e", "BA"),
		"exponent long":        with(p.rsaKey("k", &p.rsa.PublicKey), "e", b64([]byte{1, 0, 0, 0, 1})),
		"no number":            with(p.rsaKey("k", &p.rsa.PublicKey), "n", "!"),
		"not on the curve":     with(p.ecKey("k"), "y", p.ecKey("k")["x"]),
		"coordinate too short": with(p.ecKey("k"), "x", "AQ"),
		"other curve":          with(p.ecKey("k"), "crv", "P-521"),
		"short point":          with(p.edKey("k"), "x", "AQ"),
		"secret":               {"kty": "oct", "kid": "k", "k": b64([]byte(secret))},
		"nothing":              {},
	} {
		body, err := json.Marshal(map[string]any{"keys": []any{k, p.edKey("good"), 7}})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := parseKeys(body)
		if err != nil || len(keys) != 1 || keys[0].id != "good" {
			t.Errorf("%s: %d keys, %v; want only the good one", name, len(keys), err)
		}
	}
}

func TestKeysURL(t *testing.T) {
	for where, ok := range map[string]bool{
		"https://login.example.org/keys": true, "http://127.0.0.1:1/keys": true, "http://localhost/keys": true,
		"http://login.example.org/keys": false, "file:///etc/passwd": false, "login.example.org": false, "https://": false, "%": false,
	} {
		if _, err := NewTokens(TokenOptions{KeysURL: where}); (err == nil) != ok {
			t.Errorf("%s: %v, want it accepted: %v", where, err, ok)
		}
	}
	if _, err := NewTokens(TokenOptions{}); err == nil {
		t.Error("tokens without any key were accepted")
	}
}

// Keys must not come from wherever the publisher points to.
func TestKeysAreNotRedirected(t *testing.T) {
	p := newPublisher(t)
	redirect := httptest.NewServer(http.RedirectHandler(p.server.URL, http.StatusFound))
	defer redirect.Close()
	s, err := newKeySet(redirect.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.find(t.Context(), "r1", "RS256"); !errors.Is(err, errKeysUnavailable) || p.asked.Load() > 0 {
		t.Errorf("find: %v, %d fetches elsewhere", err, p.asked.Load())
	}
}

func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err != nil && keys != nil || len(keys) > maxKeys {
			t.Errorf("%d keys and %v", len(keys), err)
		}
		for _, k := range keys {
			if k.key == nil || k.algorithm == "" {
				t.Errorf("key %+v", k)
			}
		}
	})
}
