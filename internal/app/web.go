package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"switchboard/internal/certs"
	"switchboard/internal/config"
	"switchboard/internal/observe"
	"switchboard/internal/socket"
	pages "switchboard/internal/web"
)

// web is one address that is served.
type web struct {
	config.Listen
	secure   bool
	listener net.Listener
	server   *http.Server
}

// openCerts makes the source of certificates.
func (s *server) openCerts(context.Context) error {
	t := s.Config.TLS
	var err error
	switch t.Mode {
	case config.TLSFiles:
		s.certs, err = certs.Files(t.CertFile, t.KeyFile, s.Log)
	case config.TLSSelfSigned:
		s.certs, err = certs.SelfSigned(filepath.Join(s.Config.Data, "certificates"), s.hosts(), s.Log)
	case config.TLSACME:
		s.certs, err = certs.ACME(certs.ACMEOptions{Domains: t.ACME.Domains, Email: t.ACME.Email, Directory: t.ACME.Directory,
			RootsFile: t.ACME.RootsFile, Dir: filepath.Join(s.Config.Data, "acme"), Port: s.securePort()}, s.Log)
	}
	return err
}

// hosts are the names and addresses that clients may know the server by.
func (s *server) hosts() []string {
	var all []string
	for _, l := range s.Config.Listen {
		if host, _, err := net.SplitHostPort(l.Address); err == nil {
			all = append(all, host)
		}
	}
	return append(all, s.Config.Media.PublicAddresses...)
}

// securePort is the first port that serves TLS.
func (s *server) securePort() int {
	for _, l := range s.Config.Listen {
		if s.Config.Secure(l) {
			if _, port, err := net.SplitHostPort(l.Address); err == nil {
				n, _ := strconv.Atoi(port)
				return n
			}
		}
	}
	return 0
}

func (s *server) openProfiles(context.Context) error {
	if s.Config.Pprof.Address == "" {
		return nil
	}
	p, err := observe.ListenPprof(s.Config.Pprof.Address, s.Log)
	if err != nil {
		return err
	}
	s.run("profiles", p.Run)
	return nil
}

// listen binds every address.
func (s *server) listen(ctx context.Context) error {
	shared, err := s.everything()
	if err != nil {
		return err
	}
	for _, l := range s.Config.Listen {
		w := &web{Listen: l, secure: s.Config.Secure(l)}
		handler := shared
		if l.Dialect != "" {
			if handler, err = s.only(l.Dialect); err != nil {
				return err
			}
		}
		var lc net.ListenConfig
		if w.listener, err = lc.Listen(ctx, "tcp", l.Address); err != nil {
			return err
		}
		s.opened("listening at "+l.Address, func() error {
			if err := w.listener.Close(); !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil // by the server, as it should be
		})
		w.server = newHTTP(s.noticeProxy(handler), s.Log)
		if w.secure {
			w.server.TLSConfig = s.certs.TLSConfig().Clone()
		}
		s.webs = append(s.webs, w)
	}
	return nil
}

func newHTTP(h http.Handler, log *slog.Logger) *http.Server {
	// The times are for requests; a WebSocket takes none of them over.
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)} // mostly what scanners of the net do
}

// noticeProxy says once in the log when a server that takes itself to be for this
// machine alone is reached through a proxy: guests and known passwords then are
// for whoever reaches the proxy.
func (s *server) noticeProxy(next http.Handler) http.Handler {
	if !private(s.Config) {
		return next
	}
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
			once.Do(func() {
				s.Log.Warn("clients come through a proxy that is not in trusted_proxies, so all count as sitting at this machine")
			})
		}
		next.ServeHTTP(w, r)
	})
}

// everything answers at an address without a dialect of its own.
func (s *server) everything() (http.Handler, error) {
	mux := http.NewServeMux()
	observe.Register(mux, observe.HTTP{Registry: s.registry, Health: s.health, Log: s.Log, Token: s.Config.Metrics.Token.Matches})
	for _, d := range s.spoken {
		socket.Mount(mux, d.dialect, s.sockets.Endpoint(d.dialect, d.terms))
		if d.dialect.HTTP != nil {
			d.dialect.HTTP(mux)
		}
	}
	ui, err := pages.Handler(pages.Files())
	if err != nil {
		return nil, err
	}
	mux.Handle("/", ui)
	return mux, nil
}

// speaking lists what is spoken of one dialect, which may differ by its paths.
func (s *server) speaking(name string) []spoken {
	var all []spoken
	for _, d := range s.spoken {
		if d.dialect.Name == name {
			all = append(all, d)
		}
	}
	return all
}

// only answers at an address that speaks one dialect, at any path, unless the
// dialect's own paths differ in what is spoken there.
func (s *server) only(name string) (http.Handler, error) {
	all := s.speaking(name)
	mux := http.NewServeMux()
	for _, d := range all {
		if d.dialect.HTTP != nil {
			d.dialect.HTTP(mux)
		}
		endpoint := s.sockets.Endpoint(d.dialect, d.terms)
		if len(all) > 1 {
			socket.Mount(mux, d.dialect, endpoint)
		} else {
			mux.Handle("/", endpoint)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("dialect %s is switched off", name)
	}
	return mux, nil
}

// serve begins to answer.
func (s *server) serve(context.Context) error {
	if s.certs != nil {
		s.run("certificates", s.certs.Run)
	}
	for _, w := range s.webs {
		s.run("serving "+w.Address, w.run)
	}
	return nil
}

// run answers until ctx ends, and lets requests in progress finish.
func (w *web) run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- w.answer() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), lastRequests)
	defer cancel()
	err := w.server.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = w.server.Close()
	}
	<-served
	return err
}

func (w *web) answer() error {
	if w.secure {
		return w.server.ServeTLS(w.listener, "", "")
	}
	return w.server.Serve(w.listener)
}
