package observe

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// HTTP is what Register needs to answer for the server's state.
type HTTP struct {
	Registry *prometheus.Registry
	Health   *Health
	Log      *slog.Logger
	// Token tells whether a bearer token lets its sender read the metrics from
	// another machine. Nil: no token does.
	Token func(given string) bool
}

// Register adds /metrics, /healthz and /readyz to mux.
//
// /healthz answers 200 as long as the process does. /readyz answers 200, or 503
// while a check fails or the server drains, and names the checks but not their
// errors, since anybody may read it. /metrics is for this machine or who has the
// token; others get 403.
func Register(mux *http.ServeMux, o HTTP) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", o.readyz)
	metrics := promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(o.Log.Handler(), slog.LevelError),
		MaxRequestsInFlight: 4,
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r) && !o.hasToken(r) {
			plain(w, http.StatusForbidden, "metrics are for this machine, or send the bearer token of metrics.token\n")
			return
		}
		metrics.ServeHTTP(w, r)
	})
}

func (o HTTP) readyz(w http.ResponseWriter, r *http.Request) {
	ready, draining, states := o.Health.Ready(r.Context())
	status, text := http.StatusOK, "ready\n"
	if !ready {
		status, text = http.StatusServiceUnavailable, "not ready\n"
	}
	var b strings.Builder
	b.WriteString(text)
	if draining {
		b.WriteString("draining\n")
	}
	for _, state := range states {
		word := "ok"
		if state.Err != nil {
			word = "failing"
		}
		fmt.Fprintf(&b, "%s %s\n", state.Name, word)
	}
	plain(w, status, b.String())
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a reader that is gone needs no answer
}

// isLocal tells whether a request was made on this machine. One that a proxy
// passed on was not, even if the proxy runs here.
func isLocal(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func (o HTTP) hasToken(r *http.Request) bool {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return found && o.Token != nil && strings.EqualFold(scheme, "Bearer") && o.Token(strings.TrimSpace(token))
}
