package calling_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/calling"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { talk.Play(t, "testdata/*.talk", build) }

// build makes the server for a transcript. Its settings are access (open or
// token), linger (a duration), insiders (only they list and invite), media
// (server), and limits: transports, rooms, opened, entered, participants, namespaces, listings, calls,
// status, statuses, data, message, mailbox.
func build(t testing.TB, settings map[string]string, e *mediatest.Engine) talk.Server {
	t.Helper()
	limits := core.DefaultLimits()
	for name, limit := range map[string]*int{"rooms": &limits.Rooms, "opened": &limits.RoomsOpenedPerSession,
		"entered": &limits.RoomsPerSession, "participants": &limits.ParticipantsPerRoom, "namespaces": &limits.DirectoriesPerSession,
		"listings": &limits.ListingsPerRoom, "calls": &limits.CallsPerSession, "status": &limits.StatusBytes,
		"statuses": &limits.StatusBytesPerSession, "data": &limits.RoomDataBytes, "message": &limits.MessageBytes,
		"mailbox": &limits.MailboxBytes, "transports": &limits.TransportsPerSession} {
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
	o := calling.Options{Hub: hub, Linger: -1}
	if text := settings["linger"]; text != "" {
		if o.Linger, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if settings["media"] == "server" {
		o.Media = core.MediaServer
	}
	if settings["insiders"] != "" {
		o.Listing, o.Inviting = core.Insiders, core.Insiders
	}
	access := core.AccessOpen
	if settings["access"] == "token" {
		access = core.AccessToken
	}
	return talk.Server{Hub: hub, Dialects: []dialect.Dialect{calling.New(o)}, Access: access}
}

// badges believes tokens of the form badge-NAME.
type badges struct{}

func (badges) Authenticate(_ context.Context, c core.Credentials, _ netip.Addr) (core.Identity, error) {
	const badge = "badge-"
	if len(c.Token) <= len(badge) || c.Token[:len(badge)] != badge {
		return core.Identity{}, &core.Error{Kind: core.Denied, Text: "the token is not valid", Subject: core.AboutPermission}
	}
	return core.Identity{Realm: core.DefaultRealm, User: c.Token[len(badge):]}, nil
}
