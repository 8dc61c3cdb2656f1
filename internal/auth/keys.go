package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// keysFresh is how long published keys are used before they are fetched
	// again; a key that has been withdrawn is believed for that long at most,
	// while the publisher can be reached.
	keysFresh = 10 * time.Minute
	// keysStale is how long they are used when the publisher cannot be reached.
	keysStale = 24 * time.Hour
	// keysPause is the least time between two attempts to fetch them, so that
	// tokens with invented key ids cannot make us a burden to the publisher.
	keysPause = 10 * time.Second
	// keysTime is how long fetching may take.
	keysTime     = 5 * time.Second
	maxKeysBytes = 1 << 20
	maxKeys      = 100
)

// publicAlgorithms are those of public keys that are believed (RFC 7518 section
// 3.1, RFC 8037).
func publicAlgorithms() []string { return []string{"RS256", "ES256", "EdDSA"} }

var (
	errKeysUnavailable = errors.New("published keys cannot be fetched")
	errNoKey           = errors.New("no such key is published")
)

// publicKey is one published key.
type publicKey struct {
	id        string
	algorithm string
	key       any // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// keySet is the keys that a signer publishes under a URL. They are fetched when
// they are needed; there is no goroutine.
type keySet struct {
	url    string
	client *http.Client

	mu      sync.Mutex
	keys    []publicKey // guarded by mu
	fetched time.Time   // successfully; guarded by mu
	tried   time.Time   // guarded by mu
	// fetching is closed when the fetch in progress is over, and nil when there
	// is none; guarded by mu.
	fetching chan struct{}
}

func newKeySet(where string) (*keySet, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, fmt.Errorf("URL of public keys: %w", err)
	}
	if u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, errors.New("URL of public keys is not https://…")
	}
	return &keySet{url: where, client: &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		// A redirection could lead from https to anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// find returns the key of that id for that algorithm. A token without a key id
// is checked with the only key for its algorithm.
func (s *keySet) find(ctx context.Context, id, algorithm string) (any, error) {
	for {
		s.mu.Lock()
		key, err := pick(s.keys, id, algorithm)
		age, failed := time.Since(s.fetched), s.tried.After(s.fetched)
		if err == nil && age < keysFresh {
			s.mu.Unlock()
			return key, nil
		}
		// Here the keys are old, or this one is not among them.
		if s.fetching == nil && time.Since(s.tried) < keysPause {
			s.mu.Unlock()
			if age >= keysStale || err != nil && failed {
				return nil, errKeysUnavailable
			}
			return key, err
		}
		wait := s.fetching
		if wait == nil {
			wait = make(chan struct{})
			s.fetching, s.tried = wait, time.Now()
			s.mu.Unlock()
			s.refresh(ctx, wait)
			continue
		}
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errKeysUnavailable, ctx.Err())
		}
	}
}

// refresh fetches the keys, on the goroutine of who needs them first, and lets
// those who wait look again.
func (s *keySet) refresh(ctx context.Context, done chan struct{}) {
	// Others wait for this too, so it does not end when the first one leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTime)
	defer cancel()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.keys, s.fetched = keys, time.Now()
	}
	s.fetching = nil
	close(done)
}

func pick(keys []publicKey, id, algorithm string) (any, error) {
	var found any
	for _, k := range keys {
		switch {
		case k.algorithm != algorithm:
		case id != "" && k.id == id:
			return k.key, nil
		case id == "" && found != nil:
			return nil, errNoKey // which one?
		case id == "":
			found = k.key
		}
	}
	if found == nil {
		return nil, errNoKey
	}
	return found, nil
}

func (s *keySet) fetch(ctx context.Context) ([]publicKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answer %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeysBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeysBytes {
		return nil, fmt.Errorf("answer has more than %d bytes", maxKeysBytes)
	}
	return parseKeys(body)
}

// webKey is a JSON Web Key (RFC 7517 section 4; RFC 7518 section 6; RFC 8037
// section 2), as far as public keys for signatures go.
type webKey struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	N         string `json:"n"`
	E         string `json:"e"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// parseKeys reads a JSON Web Key Set. Keys that are for something else, or of a
// kind that is not believed, are left out (RFC 7517 section 5).
func parseKeys(body []byte) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set has more than %d keys", maxKeys)
	}
	var keys []publicKey
	for _, raw := range set.Keys {
		var w webKey
		if json.Unmarshal(raw, &w) != nil || w.Use != "" && w.Use != "sig" {
			continue
		}
		algorithm, key := w.public()
		if key == nil || w.Algorithm != "" && w.Algorithm != algorithm {
			continue
		}
		keys = append(keys, publicKey{id: w.ID, algorithm: algorithm, key: key})
	}
	return keys, nil
}

// public returns the key and its algorithm, or nil when it is of no use.
func (w *webKey) public() (algorithm string, key any) {
	switch w.Type + w.Curve {
	case "RSA":
		n, e := number(w.N), number(w.E)
		if n == nil || e == nil || n.BitLen() < 2048 || n.BitLen() > 8192 || n.Bit(0) == 0 ||
			e.BitLen() > 31 || e.Int64() < 3 || e.Bit(0) == 0 {
			return "", nil
		}
		return jwt.SigningMethodRS256.Alg(), &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "ECP-256":
		x, errX := base64.RawURLEncoding.DecodeString(w.X)
		y, errY := base64.RawURLEncoding.DecodeString(w.Y)
		if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
			return "", nil
		}
		point := append(append([]byte{4}, x...), y...) // SEC 1 section 2.3.3
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil { // not on the curve
			return "", nil
		}
		return jwt.SigningMethodES256.Alg(), key
	case "OKPEd25519":
		x, err := base64.RawURLEncoding.DecodeString(w.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return "", nil
		}
		return jwt.SigningMethodEdDSA.Alg(), ed25519.PublicKey(x)
	}
	return "", nil
}

func number(s string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}
