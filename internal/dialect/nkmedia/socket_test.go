package nkmedia_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
	"switchboard/internal/socket"
)

// TestTranscriptsOverSockets plays the transcripts over WebSockets. When one ends
// nothing may be left in its server.
func TestTranscriptsOverSockets(t *testing.T) {
	talk.PlayOver(t, "testdata/*.talk", func(t *testing.T, settings map[string]string) (talk.Address, bool) {
		if settings["grace"] != "" {
			return talk.Address{}, false // who comes back must not be faster than the server notices that they were gone
		}
		e := &mediatest.Engine{}
		s := build(t, settings, e)
		sockets := socket.New(socket.Options{Hub: s.Hub, Log: slog.New(slog.DiscardHandler), Limits: socket.Limits{
			Connections: 1000, PerAddress: 1000, MessageBytes: 1 << 20, MessagesPerSecond: 1e5, MessageBurst: 1e5}})
		mux := http.NewServeMux()
		d := s.Dialects[0]
		socket.Mount(mux, d, sockets.Endpoint(d, socket.Terms{Access: s.Access}))
		web := httptest.NewServer(mux)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			web.Close()
			if err := s.Hub.Close(); err != nil {
				t.Errorf("close the hub: %v", err)
			}
			if err := sockets.Close(ctx); err != nil {
				t.Errorf("close the sockets: %v", err)
			}
			if !t.Failed() {
				talk.LeftOver(t, s, e)
			}
		})
		return talk.Address{Socket: strings.Replace(web.URL, "http", "ws", 1) + d.Paths[0], Engine: e}, true
	})
}
