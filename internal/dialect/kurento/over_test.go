package kurento_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
	"switchboard/internal/socket"
)

func TestOver(t *testing.T) {
	talk.PlayOver(t, "testdata/*.talk", func(t *testing.T, settings map[string]string) (talk.Address, bool) {
		e := &mediatest.Engine{}
		srv := build(t, settings, e)
		s := socket.New(socket.Options{Hub: srv.Hub, Log: slog.New(slog.DiscardHandler), Limits: socket.Limits{Connections: 100, PerAddress: 100, MessageBytes: 1 << 20, MessagesPerSecond: 10000, MessageBurst: 10000}})
		mux := http.NewServeMux()
		d := srv.Dialects[0]
		socket.Mount(mux, d, s.Endpoint(d, socket.Terms{Access: srv.Access}))
		d.HTTP(mux)
		h := httptest.NewServer(mux)
		t.Cleanup(func() {
			h.Close()
			s.Close(context.Background())
			srv.Hub.Close()
		})
		return talk.Address{Socket: strings.Replace(h.URL, "http", "ws", 1) + "/room", Engine: e}, true
	})
}
