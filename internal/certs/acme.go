package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// acmeProtocol is what the authority asks for in the handshake by which it
// verifies a name, RFC 8737 section 6.2.
const acmeProtocol = "acme-tls/1"

// ACMEOptions says for which names to obtain certificates, and where.
type ACMEOptions struct {
	Domains   []string // at least one
	Email     string   // may be empty
	Directory string   // URL of the authority's directory; empty: Let's Encrypt
	RootsFile string   // PEM file of roots to trust toward it; empty: the system's
	Dir       string   // directory to keep account, keys and certificates in
	// Port that serves TLS with this source. The authority verifies a name by a
	// handshake on its port 443, which must arrive here.
	Port int
}

// ACME makes a source of certificates from an authority, RFC 8555. Run obtains
// and renews them; until the first has come, handshakes fail. Names are verified
// by the handshake itself (tls-alpn-01, RFC 8737), so no port 80 is needed.
func ACME(o ACMEOptions, log *slog.Logger) (*Source, error) {
	roots, err := readRoots(o.RootsFile)
	if err != nil {
		return nil, err
	}
	logger := zap.New(slogCore{log})
	a := &acme{domains: o.Domains, log: log}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil },
		Logger:           logger,
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage:           &certmagic.FileStorage{Path: o.Dir},
		DefaultServerName: o.Domains[0], // for clients that name no server
		Logger:            logger,
	})
	issuer := certmagic.ACMEIssuer{
		CA:                   o.Directory,
		Email:                o.Email,
		Agreed:               true,
		TrustedRoots:         roots,
		DisableHTTPChallenge: true,
		AltTLSALPNPort:       o.Port,
		Logger:               logger,
	}
	if issuer.CA == "" {
		issuer.CA = certmagic.LetsEncryptProductionCA
	}
	a.config.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(a.config, issuer)}

	config := newConfig()
	config.GetCertificate = a.config.GetCertificate
	config.NextProtos = append(slices.Clone(config.NextProtos), acmeProtocol)
	return &Source{tls: config, run: a.run}, nil
}

func readRoots(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("roots of the certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("roots of the certificate authority: no certificate in %s", name)
	}
	return pool, nil
}

type acme struct {
	domains []string
	log     *slog.Logger
	cache   *certmagic.Cache  // set once in ACME
	config  *certmagic.Config // set once in ACME
}

// run obtains what is missing, one goroutine a name, and leaves renewal to the
// cache until ctx ends.
func (a *acme) run(ctx context.Context) error {
	defer a.cache.Stop()
	var obtaining sync.WaitGroup
	for _, domain := range a.domains {
		obtaining.Go(func() {
			if err := a.obtain(ctx, domain); err != nil && ctx.Err() == nil {
				a.log.Error("no certificate", "name", domain, "error", err)
			}
		})
	}
	obtaining.Wait()
	// Kept ones may have expired while the server was off; the cache would see it
	// at its next look, ten minutes from now.
	if err := a.cache.RenewManagedCertificates(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("renewal of kept certificates", "error", err)
	}
	<-ctx.Done()
	return nil
}

// obtain loads the kept certificate of a name or gets one. It tries again, ever
// more slowly, for a month.
func (a *acme) obtain(ctx context.Context, domain string) error {
	certificate, err := a.config.CacheManagedCertificate(ctx, domain)
	if errors.Is(err, fs.ErrNotExist) {
		// "Async" means that nobody sits at a terminal to be asked; it blocks.
		if err := a.config.ObtainCertAsync(ctx, domain); err != nil {
			return err
		}
		certificate, err = a.config.CacheManagedCertificate(ctx, domain)
	}
	if err != nil {
		return err
	}
	a.log.Info("certificate ready", "name", domain, "expires", certificate.Leaf.NotAfter)
	return nil
}
