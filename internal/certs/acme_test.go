package certs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"switchboard/internal/certs"
)

// authority is a small certificate authority that speaks just enough of RFC 8555
// to one well-behaved client, and verifies the name by RFC 8737 at address.
type authority struct {
	*httptest.Server
	key     *ecdsa.PrivateKey
	root    *x509.Certificate
	address string

	mu         sync.Mutex
	thumbprint string // of the account's key; guarded by mu
	verified   error  // guarded by mu
	state      string // of the order and its only challenge; guarded by mu
	chain      []byte // guarded by mu
	issued     int    // guarded by mu
}

const challengeToken = "token-of-the-challenge"

func newAuthority(t *testing.T, address string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, address: address, state: "pending"}
	if a.root, err = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, &key.PublicKey); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/directory", func(w http.ResponseWriter, _ *http.Request) {
		a.reply(w, 200, map[string]any{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order",
			"revokeCert": a.URL + "/revoke", "keyChange": a.URL + "/key"})
	})
	mux.HandleFunc("/nonce", func(w http.ResponseWriter, _ *http.Request) { a.reply(w, 200, nil) })
	mux.HandleFunc("/account", a.account)
	mux.HandleFunc("/order", func(w http.ResponseWriter, _ *http.Request) { a.order(w, 201) })
	mux.HandleFunc("/order/1", func(w http.ResponseWriter, _ *http.Request) { a.order(w, 200) })
	mux.HandleFunc("/authorization", func(w http.ResponseWriter, _ *http.Request) { a.authorization(w) })
	mux.HandleFunc("/challenge", a.challenge)
	mux.HandleFunc("/finalize", a.finalize)
	mux.HandleFunc("/certificate", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Header().Set("Replay-Nonce", "n")
		a.mu.Lock()
		defer a.mu.Unlock()
		_, _ = w.Write(a.chain)
	})
	a.Server = httptest.NewTLSServer(mux)
	return a
}

func (a *authority) sign(template, parent *x509.Certificate, public any) (*x509.Certificate, error) {
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func (a *authority) reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Replay-Nonce", "n")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

// payload takes a signed request apart; the signature is not looked at.
func payload(r *http.Request, protected, body any) error {
	var signed struct{ Protected, Payload string }
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &signed); err != nil {
		return err
	}
	for encoded, target := range map[string]any{signed.Protected: protected, signed.Payload: body} {
		decoded, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			return err
		}
		if target != nil && len(decoded) > 0 {
			if err := json.Unmarshal(decoded, target); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *authority) account(w http.ResponseWriter, r *http.Request) {
	var protected struct {
		JWK struct{ Crv, Kty, X, Y string }
	}
	if err := payload(r, &protected, nil); err != nil {
		a.reply(w, 400, nil)
		return
	}
	k := protected.JWK
	// RFC 7638: the members in order, without space.
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Crv, k.Kty, k.X, k.Y))
	a.mu.Lock()
	a.thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
	a.mu.Unlock()
	w.Header().Set("Location", a.URL+"/account/1")
	a.reply(w, 201, map[string]any{"status": "valid"})
}

func (a *authority) order(w http.ResponseWriter, status int) {
	a.mu.Lock()
	order := map[string]any{
		"status": a.state, "authorizations": []string{a.URL + "/authorization"}, "finalize": a.URL + "/finalize",
		"identifiers": []any{map[string]string{"type": "dns", "value": "talk.example.org"}},
	}
	if a.state == "valid" {
		order["certificate"] = a.URL + "/certificate"
	}
	a.mu.Unlock()
	w.Header().Set("Location", a.URL+"/order/1")
	a.reply(w, status, order)
}

func (a *authority) authorization(w http.ResponseWriter) {
	a.mu.Lock()
	state := a.state
	a.mu.Unlock()
	if state == "ready" {
		state = "valid"
	}
	a.reply(w, 200, map[string]any{
		"status": state, "identifier": map[string]string{"type": "dns", "value": "talk.example.org"},
		"challenges": []any{map[string]string{"type": "tls-alpn-01", "url": a.URL + "/challenge", "token": challengeToken, "status": state}},
	})
}

func (a *authority) challenge(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	a.verified = a.verify(a.thumbprint)
	if a.state = "ready"; a.verified != nil {
		a.state = "invalid"
	}
	a.mu.Unlock()
	a.reply(w, 200, map[string]string{"type": "tls-alpn-01", "url": a.URL + "/challenge", "token": challengeToken, "status": "processing"})
}

// verify does the handshake of RFC 8737 section 3.
func (a *authority) verify(thumbprint string) error {
	conn, err := tls.Dial("tcp", a.address, &tls.Config{
		ServerName: "talk.example.org", NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true,
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer func() { _ = conn.Close() }()
	want := sha256.Sum256([]byte(challengeToken + "." + thumbprint))
	for _, extension := range conn.ConnectionState().PeerCertificates[0].Extensions {
		if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) {
			var got []byte
			if _, err := asn1.Unmarshal(extension.Value, &got); err != nil || string(got) != string(want[:]) {
				return fmt.Errorf("verify: got %x, want %x, %w", got, want, err)
			}
			return nil
		}
	}
	return fmt.Errorf("verify: no acmeIdentifier in the certificate")
}

func (a *authority) finalize(w http.ResponseWriter, r *http.Request) {
	if err := a.issue(r); err != nil {
		a.reply(w, 400, map[string]string{"type": "urn:ietf:params:acme:error:badCSR", "detail": err.Error()})
		return
	}
	a.order(w, 200)
}

func (a *authority) issue(r *http.Request) error {
	var body struct{ CSR string }
	if err := payload(r, nil, &body); err != nil {
		return err
	}
	der, err := base64.RawURLEncoding.DecodeString(body.CSR)
	if err != nil {
		return err
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	leaf, err := a.sign(&x509.Certificate{DNSNames: request.DNSNames, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, a.root, request.PublicKey)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
	a.state = "valid"
	a.issued++
	return nil
}

// readyLog tells on the channel that a certificate is ready.
type readyLog struct {
	slog.Handler
	ready chan<- struct{}
}

func (l readyLog) Enabled(context.Context, slog.Level) bool { return true }

func (l readyLog) Handle(_ context.Context, record slog.Record) error {
	if record.Message == "certificate ready" {
		l.ready <- struct{}{}
	}
	return nil
}

// greet connects as a client that trusts root only, and wants the server's name
// to be verified.
func greet(t *testing.T, address string, root *x509.Certificate) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "talk.example.org", RootCAs: trust(root)})
	if err != nil {
		t.Error(err)
		return
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// TestACME obtains a certificate from the small authority, the name verified by a
// handshake with our own listener, and finds it kept at the next start.
func TestACME(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ca := newAuthority(t, listener.Addr().String())
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	options := certs.ACMEOptions{
		Domains: []string{"talk.example.org"}, Directory: ca.URL + "/directory", RootsFile: roots,
		Dir: t.TempDir(), Port: listener.Addr().(*net.TCPAddr).Port,
	}
	serveACME(t, options, listener, ca.root)
	if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	serveACME(t, options, listener, ca.root)

	ca.Close()
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.verified != nil || ca.issued != 1 {
		t.Errorf("verification: %v; issued %d certificates, want 1", ca.verified, ca.issued)
	}
}

// serveACME runs a server until its certificate is ready and a client has seen it.
func serveACME(t *testing.T, options certs.ACMEOptions, listener net.Listener, root *x509.Certificate) {
	t.Helper()
	ready := make(chan struct{}, 1)
	source, err := certs.ACME(options, slog.New(readyLog{slog.DiscardHandler, ready}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := source.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	server := &http.Server{TLSConfig: source.TLSConfig(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	running.Go(func() { _ = server.ServeTLS(listener, "", "") })
	select {
	case <-ready:
		greet(t, listener.Addr().String(), root)
	case <-time.After(20 * time.Second):
		t.Error("no certificate after 20 seconds")
	}
	cancel()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	running.Wait()
}

func TestACMERootsThatCannotBeRead(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "roots.pem")
	write(t, empty, []byte("nothing"))
	for _, file := range []string{empty, empty + ".none"} {
		if _, err := certs.ACME(certs.ACMEOptions{Domains: []string{"a.example"}, RootsFile: file}, quiet); err == nil {
			t.Errorf("%s is accepted", file)
		}
	}
}
