// Package together plays transcripts in which people who speak different dialects are in one room. It owns nothing but
// the transcripts; the dialects do not know each other, and this is the only place that knows two.
package together

import (
	"context"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/calling"
	"switchboard/internal/dialect/kurento"
	"switchboard/internal/dialect/nkmedia"
	"switchboard/internal/dialect/omikron"
	"switchboard/internal/dialect/openvocs"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) {
	talk.Play(t, "testdata/*.talk", func(t testing.TB, _ map[string]string, e *mediatest.Engine) talk.Server {
		o := core.Options{Limits: core.DefaultLimits(), Log: slog.New(slog.DiscardHandler), Media: e.Start}
		keepLoops(t, &o)
		hub, err := core.NewHub(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := hub.Load(context.Background()); err != nil {
			t.Fatal(err)
		}
		groups := omikron.New(omikron.Options{Hub: hub, Exchange: core.NewExchange(hub, core.DefaultExchangeLimits()), Directory: everybody{}, LegacyClients: true})
		return talk.Server{Hub: hub, Access: core.AccessOpen, Dialects: append([]dialect.Dialect{
			kurento.New(kurento.Options{Hub: hub, Access: core.AccessOpen}), calling.New(calling.Options{Hub: hub, Linger: -1}),
			openvocs.New(openvocs.Options{Hub: hub}), nkmedia.New(nkmedia.Options{Hub: hub, PingInterval: -1, Guests: core.PermitTalk})}, groups...)}
	})
}

// everybody is a directory in which all are who they say.
type everybody struct{}

func (everybody) Resident(_ context.Context, user string, _ omikron.Proof) (omikron.Resident, error) {
	return omikron.Resident{User: user, Name: "user " + user[:2]}, nil
}

func (everybody) Housed(_ context.Context, _ string, _ omikron.Proof, users []string) ([]string, error) {
	return users, nil
}

func (everybody) Salt(context.Context, string, string) (string, error) { return "", nil }
