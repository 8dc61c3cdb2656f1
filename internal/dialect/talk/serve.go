package talk

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/internal/media/mediatest"
	"switchboard/internal/socket"
)

// Serve puts the first dialect of the server on a socket of this machine, with
// its HTTP, and returns the URL of its WebSocket. When the test ends everything is
// closed, and nothing may be left in the server.
func Serve(t testing.TB, s Server, e *mediatest.Engine) string {
	t.Helper()
	sockets := socket.New(socket.Options{Hub: s.Hub, Log: slog.New(slog.DiscardHandler), Limits: socket.Limits{
		Connections: 1000, PerAddress: 1000, MessageBytes: 1 << 20, MessagesPerSecond: 1e5, MessageBurst: 1e5}})
	mux := http.NewServeMux()
	d := s.Dialects[0]
	socket.Mount(mux, d, sockets.Endpoint(d, socket.Terms{Access: s.Access}))
	if d.HTTP != nil {
		d.HTTP(mux)
	}
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
			LeftOver(t, s, e)
		}
	})
	return strings.Replace(web.URL, "http", "ws", 1) + d.Paths[0]
}
