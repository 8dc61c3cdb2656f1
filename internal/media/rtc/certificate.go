package rtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"switchboard/internal/media/rtc/jsep"
)

// certificate is what the engine shows in every DTLS handshake. Peers know it by
// its fingerprint only (RFC 8827 section 6.5), so one serves them all; it lives
// as long as the process.
type certificate struct {
	tls         tls.Certificate
	fingerprint jsep.Fingerprint
}

func newCertificate() (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.Add(-24 * time.Hour), // clocks differ
		NotAfter:     now.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	value, _ := hash("sha-256", der)
	return &certificate{
		tls:         tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: jsep.Fingerprint{Algorithm: "sha-256", Value: value},
	}, nil
}

// hash returns the fingerprint of a certificate (RFC 8122 section 5), or false
// for an algorithm that is not taken.
func hash(algorithm string, der []byte) (string, bool) {
	var sum []byte
	switch algorithm {
	case "sha-256":
		h := sha256.Sum256(der)
		sum = h[:]
	case "sha-384":
		h := sha512.Sum384(der)
		sum = h[:]
	case "sha-512":
		h := sha512.Sum512(der)
		sum = h[:]
	default:
		return "", false
	}
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"), true
}

var errFingerprint = errors.New("the peer's certificate is not the one in its description")

// verify checks that the peer's certificate is the one its description names.
func verify(fingerprints []jsep.Fingerprint, chain [][]byte) error {
	if len(chain) == 0 {
		return errFingerprint
	}
	for _, f := range fingerprints {
		value, ok := hash(f.Algorithm, chain[0])
		if ok && subtle.ConstantTimeCompare([]byte(value), []byte(f.Value)) == 1 {
			return nil
		}
	}
	return errFingerprint
}
