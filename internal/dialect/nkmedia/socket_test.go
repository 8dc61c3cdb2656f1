package nkmedia_test

import (
	"testing"

	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// TestTranscriptsOverSockets plays the transcripts over WebSockets.
func TestTranscriptsOverSockets(t *testing.T) {
	talk.PlayOver(t, "testdata/*.talk", func(t *testing.T, settings map[string]string) (talk.Address, bool) {
		if settings["grace"] != "" {
			return talk.Address{}, false // who comes back must not be faster than the server notices that they were gone
		}
		e := &mediatest.Engine{}
		return talk.Address{Socket: talk.Serve(t, build(t, settings, e), e), Engine: e}, true
	})
}
