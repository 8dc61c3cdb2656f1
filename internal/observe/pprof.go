package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Pprof serves profiles of the process on an address of its own.
type Pprof struct {
	listener net.Listener
	server   *http.Server
}

// ListenPprof binds address, which only this machine should reach. Call Run to
// serve.
func ListenPprof(address string, log *slog.Logger) (*Pprof, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for profiles: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return &Pprof{listener, &http.Server{
		Handler:           onlyByAddress(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}, nil
}

// Addr is the address that is bound.
func (p *Pprof) Addr() net.Addr { return p.listener.Addr() }

// Run serves until ctx ends. Then profiles in progress are cut off, and it
// returns nil when all its goroutines have ended.
func (p *Pprof) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- p.server.Serve(p.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve profiles: %w", err)
	case <-ctx.Done():
	}
	err := p.server.Close()
	<-served
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop serving profiles: %w", err)
	}
	return nil
}

// onlyByAddress refuses requests for a host name other than localhost: a web page
// whose name was made to point here must not read the profiles.
func onlyByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host != "localhost" && net.ParseIP(host) == nil {
			plain(w, http.StatusForbidden, "ask by address\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}
