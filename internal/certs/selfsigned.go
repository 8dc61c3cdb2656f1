package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	selfSignedFile  = "self-signed.pem"
	selfSignedLife  = 365 * 24 * time.Hour
	selfSignedRenew = 30 * 24 * time.Hour
	clockSkew       = time.Hour // a client's clock may be this much behind
)

// SelfSigned makes a source of a certificate of our own, for localhost, this
// machine's name and the extra hosts (names or IP addresses). It is kept in dir,
// certificate and key in one file that only the owner may read, and made anew 30
// days before it expires or when it lacks a host.
func SelfSigned(dir string, hosts []string, log *slog.Logger) (*Source, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the self-signed certificate: %w", err)
	}
	own := &ownCertificate{file: filepath.Join(dir, selfSignedFile), hosts: allHosts(hosts), log: log}
	first, err := own.load()
	if err != nil {
		return nil, err
	}
	k := &kept{renew: own.renew, log: log, checked: time.Now()}
	k.certificate.Store(first)
	return newKeptSource(k), nil
}

func allHosts(extra []string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		hosts = append(hosts, name)
	}
	for _, host := range extra {
		if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// ownCertificate is the file of a self-signed certificate. The mutex of its kept
// guards it.
type ownCertificate struct {
	file   string
	hosts  []string
	log    *slog.Logger
	expiry time.Time // of the certificate in use
}

// renew makes a new certificate when the one in use is about to expire.
func (o *ownCertificate) renew() (*tls.Certificate, error) {
	if time.Until(o.expiry) > selfSignedRenew {
		return nil, nil
	}
	return o.create()
}

// load reads the kept certificate, or makes one if it cannot be used any more.
func (o *ownCertificate) load() (*tls.Certificate, error) {
	text, err := os.ReadFile(o.file)
	if errors.Is(err, fs.ErrNotExist) {
		return o.create()
	}
	if err != nil {
		return nil, fmt.Errorf("self-signed certificate: %w", err)
	}
	// It may have been copied from elsewhere with the permissions of anybody.
	if err := os.Chmod(o.file, 0o600); err != nil {
		return nil, fmt.Errorf("self-signed certificate: %w", err)
	}
	certificate, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("self-signed certificate %s (remove the file to have a new one made): %w", o.file, err)
	}
	if time.Until(certificate.Leaf.NotAfter) <= selfSignedRenew || !covers(certificate.Leaf, o.hosts) {
		return o.create()
	}
	o.expiry = certificate.Leaf.NotAfter
	return &certificate, nil
}

func covers(leaf *x509.Certificate, hosts []string) bool {
	for _, host := range hosts {
		if leaf.VerifyHostname(host) != nil {
			return false
		}
	}
	return true
}

func (o *ownCertificate) create() (*tls.Certificate, error) {
	text, err := selfSign(o.hosts)
	if err != nil {
		return nil, fmt.Errorf("make a self-signed certificate: %w", err)
	}
	certificate, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("make a self-signed certificate: %w", err)
	}
	if err := writePrivate(o.file, text); err != nil {
		return nil, fmt.Errorf("keep the self-signed certificate: %w", err)
	}
	o.expiry = certificate.Leaf.NotAfter
	o.log.Info("self-signed certificate made", "file", o.file, "hosts", o.hosts, "expires", o.expiry,
		"sha256", fmt.Sprintf("%X", sha256.Sum256(certificate.Leaf.Raw)))
	return &certificate, nil
}

// selfSign makes a certificate and its key as PEM. It is its own authority, so
// that it can be put among the trusted ones of a browser.
func selfSign(hosts []string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "switchboard", Organization: []string{"self-signed"}},
		NotBefore:             time.Now().Add(-clockSkew),
		NotAfter:              time.Now().Add(selfSignedLife),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}

// writePrivate replaces a file at once, so that a crash leaves the old one or the
// new one. Only the owner may read it.
func writePrivate(name string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
