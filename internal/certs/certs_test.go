package certs_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/certs"

	"go.uber.org/goleak"
)

// certmagic keeps a rate limiter for as long as the process lives, and the keeper
// of a lock file sees only after five seconds that the lock was given back.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

var quiet = slog.New(slog.DiscardHandler)

// handshake connects a client that asks for host and trusts roots (nobody is
// trusted blindly), and returns the certificate it was shown.
func handshake(t *testing.T, source *certs.Source, host string, roots *x509.CertPool) (*x509.Certificate, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	server := tls.Server(ours, source.TLSConfig())
	served := make(chan error, 1)
	go func() { served <- server.Handshake() }()
	client := tls.Client(theirs, &tls.Config{ServerName: host, RootCAs: roots})
	err := client.Handshake()
	_ = theirs.Close()
	_ = ours.Close()
	<-served
	if err != nil {
		return nil, err
	}
	return client.ConnectionState().PeerCertificates[0], nil
}

// shown is the certificate a source shows to anybody.
func shown(t *testing.T, source *certs.Source) *x509.Certificate {
	t.Helper()
	certificate, err := source.TLSConfig().GetCertificate(&tls.ClientHelloInfo{ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Leaf
}

func trust(certificate *x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}

func selfSigned(t *testing.T, dir string, hosts ...string) *certs.Source {
	t.Helper()
	source, err := certs.SelfSigned(dir, hosts, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestSelfSignedServesThisMachine(t *testing.T) {
	source := selfSigned(t, t.TempDir(), "talk.example.org", "192.0.2.1", "0.0.0.0", "")
	leaf := shown(t, source)
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", name, "talk.example.org", "192.0.2.1"} {
		if _, err := handshake(t, source, host, trust(leaf)); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"evil.example", "0.0.0.0"} {
		if _, err := handshake(t, source, host, trust(leaf)); err == nil {
			t.Errorf("%s is covered too", host)
		}
	}
	if _, err := handshake(t, source, "localhost", x509.NewCertPool()); err == nil {
		t.Error("a client that trusts nobody connected")
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key is %T", leaf.PublicKey)
	}
}

func TestSelfSignedIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "certs")
	first := shown(t, selfSigned(t, dir))
	file := filepath.Join(dir, "self-signed.pem")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if again := shown(t, selfSigned(t, dir)); !again.Equal(first) {
		t.Error("a second start made another certificate")
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, want 0600", info.Mode().Perm())
	}
	if other := shown(t, selfSigned(t, dir, "new.example")); other.Equal(first) {
		t.Error("the certificate lacks a host that was added")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
	if err := os.WriteFile(file, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.SelfSigned(dir, nil, quiet); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a broken file gives %v, want an error that names it", err)
	}
}

func TestSelfSignedIsRenewed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		source := selfSigned(t, dir)
		first := shown(t, source)
		time.Sleep(334 * 24 * time.Hour) // virtual
		if !shown(t, source).Equal(first) {
			t.Error("renewed 31 days before its end")
		}
		time.Sleep(2 * 24 * time.Hour) // virtual
		second := shown(t, source)
		if second.Equal(first) {
			t.Fatal("not renewed 29 days before its end")
		}
		if _, err := handshake(t, source, "localhost", trust(second)); err != nil {
			t.Errorf("handshake with the new one: %v", err)
		}
		if !shown(t, selfSigned(t, dir)).Equal(second) {
			t.Error("the new one was not kept")
		}
		time.Sleep(340 * 24 * time.Hour) // virtual
		if shown(t, selfSigned(t, dir)).Equal(second) {
			t.Error("a start uses a certificate about to expire")
		}
	})
}

// pair writes a fresh certificate into two files of dir.
func pair(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	text, err := certs.SelfSign([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(text, []byte("-----BEGIN PRIVATE KEY"))
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, text[:at])
	write(t, keyFile, text[at:])
	return certFile, keyFile
}

// write replaces a file, with a time of change that differs from the one before.
func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		certFile, keyFile := pair(t, dir)
		source, err := certs.Files(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		first := shown(t, source)
		if _, err := handshake(t, source, "localhost", trust(first)); err != nil {
			t.Fatal(err)
		}

		time.Sleep(time.Minute) // virtual
		pair(t, dir)
		time.Sleep(time.Minute) // virtual
		second := shown(t, source)
		if second.Equal(first) {
			t.Fatal("new files were not read within a minute")
		}

		write(t, keyFile, []byte("half"))
		for range 5 {
			time.Sleep(time.Minute) // virtual
			if !shown(t, source).Equal(second) {
				t.Fatal("broken files changed the certificate")
			}
		}
		if got := strings.Count(log.String(), "level=ERROR"); got != 1 {
			t.Errorf("the broken files were logged %d times, want once:\n%s", got, log.String())
		}
		pair(t, dir)
		time.Sleep(time.Minute) // virtual
		if shown(t, source).Equal(second) {
			t.Error("mended files were not read")
		}
	})
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := pair(t, dir)
	otherCert, _ := pair(t, t.TempDir())
	for name, files := range map[string][2]string{
		"missing": {filepath.Join(dir, "none"), keyFile}, "swapped": {keyFile, certFile}, "of another key": {otherCert, keyFile},
	} {
		if _, err := certs.Files(files[0], files[1], quiet); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := selfSigned(t, t.TempDir()).Run(ctx); err != nil {
		t.Error(err)
	}
}
