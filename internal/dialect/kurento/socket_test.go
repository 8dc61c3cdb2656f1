package kurento_test

import (
	"testing"

	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// TestTranscriptsOverSockets plays the transcripts over WebSockets.
func TestTranscriptsOverSockets(t *testing.T) {
	talk.PlayOver(t, "testdata/*.talk", func(t *testing.T, settings map[string]string) (talk.Address, bool) {
		e := &mediatest.Engine{}
		return talk.Address{Socket: talk.Serve(t, build(t, settings, e), e), Engine: e}, true
	})
}
