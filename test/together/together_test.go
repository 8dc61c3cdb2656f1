// Package together plays transcripts in which people who speak different dialects are in one room. It owns nothing but
// the transcripts; the dialects do not know each other, and this is the only place that knows two.
package together

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/calling"
	"switchboard/internal/dialect/kurento"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) {
	talk.Play(t, "testdata/*.talk", func(t testing.TB, _ map[string]string, e *mediatest.Engine) talk.Server {
		hub, err := core.NewHub(core.Options{Limits: core.DefaultLimits(), Log: slog.New(slog.DiscardHandler), Media: e.Start})
		if err != nil {
			t.Fatal(err)
		}
		return talk.Server{Hub: hub, Access: core.AccessOpen, Dialects: []dialect.Dialect{
			kurento.New(kurento.Options{Hub: hub, Access: core.AccessOpen}), calling.New(calling.Options{Hub: hub, Linger: -1})}}
	})
}
