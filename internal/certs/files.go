package certs

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Files makes a source from two PEM files, the certificate with its chain and the
// private key. When one of them changes both are read again within a minute; a
// pair that does not fit leaves the old certificate in use.
func Files(certFile, keyFile string, log *slog.Logger) (*Source, error) {
	pair := &filePair{certFile: certFile, keyFile: keyFile, log: log}
	first, err := pair.renew()
	if err != nil {
		return nil, err
	}
	k := &kept{renew: pair.renew, log: log, checked: time.Now()}
	k.certificate.Store(first)
	return newKeptSource(k), nil
}

// filePair remembers what the files looked like when they were last read. The
// mutex of its kept guards it.
type filePair struct {
	certFile, keyFile string
	log               *slog.Logger
	last              [2]stamp
}

type stamp struct {
	size    int64
	changed time.Time
}

func (p *filePair) renew() (*tls.Certificate, error) {
	var now [2]stamp
	for i, name := range []string{p.certFile, p.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("certificate file: %w", err)
		}
		now[i] = stamp{info.Size(), info.ModTime()}
	}
	if now == p.last {
		return nil, nil
	}
	// Also after a failure: the same broken files are not read and logged again.
	p.last = now
	certificate, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate files: %w", err)
	}
	p.log.Info("certificate read", "file", p.certFile, "names", certificate.Leaf.DNSNames, "expires", certificate.Leaf.NotAfter)
	return &certificate, nil
}
