package nkmedia_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/nkmedia"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { talk.Play(t, "testdata/*.talk", build) }

// build makes the server for a transcript. Its settings are generation, control,
// unit (of bitrates), music (of parked sessions), strict, ping, idle, grace and
// rooms (times), and limits: transports, calls, claims, topics.
// Without ping nobody is pinged.
func build(t testing.TB, settings map[string]string, e *mediatest.Engine) talk.Server {
	t.Helper()
	limits := core.DefaultLimits()
	for name, limit := range map[string]*int{"transports": &limits.TransportsPerSession, "calls": &limits.CallsPerSession,
		"claims": &limits.ClaimsPerSession, "topics": &limits.TopicsPerSession} {
		if text := settings[name]; text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("setting %s: %v", name, err)
			}
			*limit = n
		}
	}
	hub, err := core.NewHub(core.Options{Limits: limits, Log: slog.New(slog.DiscardHandler), Auth: passwords{}, Media: e.Start})
	if err != nil {
		t.Fatal(err)
	}
	o := nkmedia.Options{Hub: hub, Generation: nkmedia.Generation(settings["generation"]), Control: nkmedia.Control(settings["control"]),
		Strict: settings["strict"] != "", PingInterval: -1, BitrateUnit: settings["unit"], ParkMusic: settings["music"], Guests: core.PermitTalk}
	for name, d := range map[string]*time.Duration{"ping": &o.PingInterval, "idle": &o.IdleLimit, "grace": &o.Grace, "rooms": &o.RoomTimeout} {
		if text := settings[name]; text != "" {
			if *d, err = time.ParseDuration(text); err != nil {
				t.Fatalf("setting %s: %v", name, err)
			}
		}
	}
	return talk.Server{Hub: hub, Dialects: []dialect.Dialect{nkmedia.New(o)}, Access: core.AccessOpen}
}

// passwords believes anybody who says the password secret; root is an
// administrator.
type passwords struct{}

func (passwords) Authenticate(_ context.Context, c core.Credentials, _ netip.Addr) (core.Identity, error) {
	if c.Password != "secret" {
		return core.Identity{}, &core.Error{Kind: core.Denied, Text: "wrong user or password", Subject: core.AboutPermission}
	}
	return core.Identity{Realm: core.DefaultRealm, User: strings.ToLower(c.User), Admin: c.User == "root"}, nil
}
