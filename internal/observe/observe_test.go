package observe_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/observe"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogger(t *testing.T) {
	for _, row := range []struct {
		options observe.LogOptions
		want    string
	}{
		{observe.LogOptions{Level: "info", Format: "text"}, "level=INFO msg=told room=a\n"},
		{observe.LogOptions{Level: "warn", Format: "text"}, ""},
		{observe.LogOptions{Level: "debug", Format: "json"}, `"msg":"told","room":"a"}` + "\n"},
	} {
		var out bytes.Buffer
		log, err := observe.NewLogger(&out, row.options)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("told", "room", "a")
		if got := out.String(); !strings.HasSuffix(got, row.want) || (row.want == "") != (got == "") {
			t.Errorf("%+v: got %q, want it to end with %q", row.options, got, row.want)
		}
	}
	for _, o := range []observe.LogOptions{{Level: "loud", Format: "text"}, {Level: "info", Format: "xml"}} {
		if _, err := observe.NewLogger(io.Discard, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestMetricNames(t *testing.T) {
	if got, want := observe.Name("limit", "refusals", "total"), "switchboard_limit_refusals_total"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := observe.CheckNames(observe.NewRegistry("v1")); err != nil {
		t.Errorf("our own metrics: %v", err)
	}
	for name, metric := range map[string]prometheus.Collector{
		"no namespace":     prometheus.NewGauge(prometheus.GaugeOpts{Name: "rooms", Help: "h"}),
		"capitals":         prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_openRooms", Help: "h"}),
		"double line":      prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard__rooms", Help: "h"}),
		"counter no total": prometheus.NewCounter(prometheus.CounterOpts{Name: "switchboard_joins", Help: "h"}),
		"gauge with total": prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_rooms_total", Help: "h"}),
		"no help":          prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_rooms"}),
		"label": prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_rooms", Help: "h",
			ConstLabels: prometheus.Labels{"roomName": "x"}}),
	} {
		registry := observe.NewRegistry("v1")
		registry.MustRegister(metric)
		if err := observe.CheckNames(registry); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// server has one check, whose outcome the test sets, and a token "letmein".
func server(t *testing.T, outcome *error) (*http.ServeMux, *observe.Health) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	health := observe.NewHealth(log)
	health.Add("store", func(context.Context) error { return *outcome })
	mux := http.NewServeMux()
	observe.Register(mux, observe.HTTP{
		Registry: observe.NewRegistry("v1"), Health: health, Log: log,
		Token: func(given string) bool { return given == "letmein" },
	})
	return mux, health
}

type answer struct {
	Status int
	Body   string
}

func ask(mux http.Handler, path string) answer {
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return answer{w.Code, w.Body.String()}
}

func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outcome error
		mux, health := server(t, &outcome)
		for _, step := range []struct {
			name  string
			do    func()
			path  string
			want  answer
			after time.Duration
		}{
			{"at first", func() {}, "/readyz", answer{200, "ready\nstore ok\n"}, 0},
			{"a failure is not looked for at every request", func() { outcome = errors.New("disk /var full") }, "/readyz", answer{200, "ready\nstore ok\n"}, 0},
			{"a failure is seen within a second, without its text", func() {}, "/readyz", answer{503, "not ready\nstore failing\n"}, time.Second},
			{"the process lives on", func() {}, "/healthz", answer{200, "ok\n"}, 0},
			{"it passes again", func() { outcome = nil }, "/readyz", answer{200, "ready\nstore ok\n"}, time.Second},
			{"draining", health.Drain, "/readyz", answer{503, "not ready\ndraining\nstore ok\n"}, 0},
			{"alive while draining", func() {}, "/healthz", answer{200, "ok\n"}, 0},
		} {
			time.Sleep(step.after) // virtual
			step.do()
			if diff := cmp.Diff(step.want, ask(mux, step.path)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.name, diff)
			}
		}
	})
}

func TestSlowCheckFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		health := observe.NewHealth(slog.New(slog.DiscardHandler))
		health.Add("store", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		begin := time.Now()
		ready, _, _ := health.Ready(context.Background())
		if took := time.Since(begin); ready || took > 2*time.Second {
			t.Errorf("ready %t after %s, want false after 2s", ready, took)
		}
	})
}

// TestCheckOutlivesItsAsker proves that an asker who hung up makes nobody else
// see a failure.
func TestCheckOutlivesItsAsker(t *testing.T) {
	health := observe.NewHealth(slog.New(slog.DiscardHandler))
	health.Add("store", func(ctx context.Context) error { return ctx.Err() })
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if ready, _, states := health.Ready(gone); !ready {
		t.Errorf("not ready: %v", states)
	}
}

func TestChecksAreLoggedWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log, err := observe.NewLogger(&out, observe.LogOptions{Level: "info", Format: "text"})
		if err != nil {
			t.Fatal(err)
		}
		var outcome error
		health := observe.NewHealth(log)
		health.Add("store", func(context.Context) error { return outcome })
		for _, outcome = range []error{nil, errors.New("full"), errors.New("full"), nil, nil} {
			health.Ready(context.Background())
			time.Sleep(time.Second) // virtual
		}
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Errorf("got %d lines, want one for the failure and one for its end:\n%s", got, out.String())
		}
	})
}

func TestWhoMayReadMetrics(t *testing.T) {
	var outcome error
	mux, _ := server(t, &outcome)
	for name, row := range map[string]struct {
		from   string
		header http.Header
		want   int
	}{
		"this machine":        {"127.0.0.1:5", nil, 200},
		"this machine, IPv6":  {"[::1]:5", nil, 200},
		"another":             {"192.0.2.1:5", nil, 403},
		"another, token":      {"192.0.2.1:5", http.Header{"Authorization": {"Bearer letmein"}}, 200},
		"another, no scheme":  {"192.0.2.1:5", http.Header{"Authorization": {"letmein"}}, 403},
		"another, wrong":      {"192.0.2.1:5", http.Header{"Authorization": {"Bearer wrong"}}, 403},
		"through a proxy":     {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, 403},
		"proxy with token":    {"127.0.0.1:5", http.Header{"Forwarded": {"for=x"}, "Authorization": {"bearer letmein"}}, 200},
		"no address (a pipe)": {"@", nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.RemoteAddr = row.from
			if row.header != nil {
				r.Header = row.header
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if w.Code != row.want {
				t.Errorf("got %d, want %d", w.Code, row.want)
			}
			shown := strings.Contains(w.Body.String(), "switchboard_build_info") && strings.Contains(w.Body.String(), "go_goroutines")
			if shown != (row.want == 200) {
				t.Errorf("metrics shown: %t", shown)
			}
		})
	}
}

func TestPprof(t *testing.T) {
	p, err := observe.ListenPprof("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for host, want := range map[string]int{"": 200, "localhost:1": 200, "evil.example": 403} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Addr().String()+"/debug/pprof/goroutine?debug=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want {
			t.Errorf("host %q: got %d, want %d", host, answer.StatusCode, want)
		}
		_ = answer.Body.Close()
	}
	if _, err := observe.ListenPprof(p.Addr().String(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an address that is taken is bound again")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopped with %v", err)
	}
}
