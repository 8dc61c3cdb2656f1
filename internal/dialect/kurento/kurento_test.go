package kurento_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/kurento"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { talk.Play(t, "testdata/*.talk", build) }

// build makes the server for a transcript. Its settings are access (open or
// token), creators (an expression), admin (a token), openadmin, filter, voices
// (shown one by one), and
// limits: rooms, participants, transports, mailbox, queue.
func build(t testing.TB, settings map[string]string, e *mediatest.Engine) talk.Server {
	t.Helper()
	limits := core.DefaultLimits()
	for name, limit := range map[string]*int{"rooms": &limits.Rooms, "participants": &limits.ParticipantsPerRoom,
		"transports": &limits.TransportsPerSession, "mailbox": &limits.MailboxBytes, "candidates": &limits.CandidatesPerTransport,
		"subscriptions": &limits.SubscriptionsPerSession} {
		if text := settings[name]; text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("setting %s: %v", name, err)
			}
			*limit = n
		}
	}
	hub, err := core.NewHub(core.Options{Limits: limits, Log: slog.New(slog.DiscardHandler), Auth: badges{}, Media: e.Start})
	if err != nil {
		t.Fatal(err)
	}
	o := kurento.Options{Hub: hub, Access: core.AccessOpen, AdminToken: settings["admin"], OpenAdmin: settings["openadmin"] != "",
		FilterParam: settings["filter"], LoopbackRemote: settings["loopback"] != ""}
	if text := settings["voices"]; text != "" {
		if o.MostVoices, err = strconv.Atoi(text); err != nil {
			t.Fatalf("setting voices: %v", err)
		}
	}
	if settings["access"] == "token" {
		o.Access = core.AccessToken
	}
	if o.RoomCreators, err = kurento.Creators(settings["creators"]); err != nil {
		t.Fatal(err)
	}
	if settings["turn"] != "" {
		o.ICEServers = func(user string) []kurento.ICEServer {
			return []kurento.ICEServer{{URLs: []string{settings["turn"]}, Username: "until:" + user, Credential: "secret"}}
		}
	}
	return talk.Server{Hub: hub, Dialects: []dialect.Dialect{kurento.New(o)}, Access: o.Access}
}

// badges believes tokens of the form badge-NAME. The badge of a listener lets
// them into rooms without publishing.
type badges struct{}

func (badges) Authenticate(_ context.Context, c core.Credentials, _ netip.Addr) (core.Identity, error) {
	const badge = "badge-"
	if len(c.Token) <= len(badge) || c.Token[:len(badge)] != badge {
		return core.Identity{}, &core.Error{Kind: core.Denied, Text: "the token is not valid", Subject: core.AboutPermission}
	}
	id := core.Identity{Realm: core.DefaultRealm, User: c.Token[len(badge):]}
	if id.User == "listener" {
		id.Rooms = map[string]core.Permission{"kiosk": core.PermitListen}
	}
	return id, nil
}
