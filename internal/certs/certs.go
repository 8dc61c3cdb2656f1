// Package certs owns where TLS certificates come from: files that somebody else
// renews, a certificate authority by ACME, or one that the server signs itself.
//
// A Source is made before the listeners and its Run is called once; its TLS
// configuration is used by any number of handshakes at once. The package must
// not know who listens, nor for which dialect.
package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// checkEvery is how often a handshake looks whether the certificate changed.
const checkEvery = time.Minute

// Source gives certificates to TLS handshakes.
type Source struct {
	tls *tls.Config
	run func(ctx context.Context) error
}

// TLSConfig is the configuration for a listener or http.Server. It is shared:
// clone it before changing it.
func (s *Source) TLSConfig() *tls.Config { return s.tls }

// Run keeps the certificates current until ctx ends, and returns when its
// goroutines have ended. It is called once for every Source.
func (s *Source) Run(ctx context.Context) error { return s.run(ctx) }

func newConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// newKeptSource makes a source of the one certificate in k.
func newKeptSource(k *kept) *Source {
	config := newConfig()
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return k.current(), nil
	}
	return &Source{tls: config, run: func(ctx context.Context) error {
		<-ctx.Done() // handshakes do the work
		return nil
	}}
}

// kept is a certificate that is looked after by the handshakes that use it.
type kept struct {
	// renew gives a newer certificate, or nil if there is none yet. Only one
	// handshake at a time calls it.
	renew func() (*tls.Certificate, error)
	log   *slog.Logger

	certificate atomic.Pointer[tls.Certificate]
	checking    sync.Mutex // held by the handshake that looks for a change
	checked     time.Time  // guarded by checking
}

// current is the certificate to show. Once in checkEvery one handshake looks for
// a newer one; others do not wait for it. If that fails the old one stays.
func (k *kept) current() *tls.Certificate {
	if !k.checking.TryLock() {
		return k.certificate.Load()
	}
	defer k.checking.Unlock()
	if time.Since(k.checked) < checkEvery {
		return k.certificate.Load()
	}
	k.checked = time.Now()
	newer, err := k.renew()
	if err != nil {
		k.log.Error("keeping the old certificate", "error", err)
	} else if newer != nil {
		k.certificate.Store(newer)
	}
	return k.certificate.Load()
}
