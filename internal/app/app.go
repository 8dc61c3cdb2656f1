// Package app puts the server together: it builds every part in one visible
// order, runs them, and stops them in the reverse order.
//
// Run and the functions of the command line may each be called by one goroutine
// at a time. This is the only package that knows all the others, and nobody but
// main imports it.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/auth"
	"switchboard/internal/certs"
	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
	"switchboard/internal/observe"
	"switchboard/internal/socket"
	"switchboard/internal/store"
)

const (
	// goodbye is how long connections have to hear that the server stops, after
	// draining.
	goodbye = 5 * time.Second
	// lastRequests is how long HTTP requests in progress may take at the end.
	lastRequests = 3 * time.Second
	// drainLook is how often draining looks whether media still flows.
	drainLook = 100 * time.Millisecond
)

// Options are what a server is run with.
type Options struct {
	Config  *config.Config // checked
	Log     *slog.Logger
	Out     io.Writer // is told the addresses, for people
	Version string
	// Hurry ends draining early when something arrives or it is closed. May be
	// nil.
	Hurry <-chan struct{}
	// Engine makes the media engine. Nil makes the one that carries media; tests
	// give another.
	Engine func(media.Sink) (media.Engine, error)
}

// Run builds the server, serves until ctx ends or a part fails, and stops it.
// It returns when nothing of the server is left.
func Run(ctx context.Context, o Options) (err error) {
	s := &server{Options: o, health: observe.NewHealth(o.Log), registry: observe.NewRegistry(o.Version), failed: make(chan error, 1)}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.build(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it had begun
		}
		return err
	}
	s.announce()
	select {
	case <-ctx.Done():
		o.Log.Info("stopping")
	case err = <-s.failed:
		o.Log.Error("stopping because a part failed", "error", err)
	}
	s.drain()
	if err = errors.Join(err, s.close()); err == nil {
		o.Log.Info("stopped")
	}
	return err
}

// server holds the parts while they run.
type server struct {
	Options
	health   *observe.Health
	registry *prometheus.Registry

	store   store.Store
	gate    *auth.Gate
	hub     *core.Hub
	media   *rtc.Engine // nil with an engine of Options
	sockets *socket.Server
	spoken  []spoken
	certs   *certs.Source // nil without TLS
	webs    []*web

	parts  []part     // what is to be closed, in the order of building
	failed chan error // a part that runs has ended by itself
}

// part is something built that has to be closed.
type part struct {
	name  string
	close func() error
}

// opened notes how a part is closed. Parts close in the reverse order.
func (s *server) opened(name string, close func() error) {
	s.parts = append(s.parts, part{name, close})
}

// build makes every part, top to bottom; what failed to be built has closed
// itself.
func (s *server) build(ctx context.Context) error {
	for _, step := range []struct {
		name string
		make func(context.Context) error
	}{
		{"make the data directory", s.makeData},
		{"open the store", s.openStore},     // people and places; closes last
		{"open the hub", s.openHub},         // with who may enter, and the media engine
		{"open rooms", s.openRooms},         // those that stay
		{"open the sockets", s.openSockets}, // a place for connections, for every dialect
		{"get certificates", s.openCerts},   // for what comes next
		{"serve profiles", s.openProfiles},  // on an address of their own
		{"listen", s.listen},                // all addresses, before any is served
		{"count", s.register},               // metrics of all the above
		{"serve", s.serve},                  // from now on there are clients
	} {
		if err := step.make(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// drain lets nobody in any more, waits for calls to end, and then tells
// everybody. HTTP is served all the while, for probes and metrics.
func (s *server) drain() {
	s.health.Drain()
	s.sockets.Refuse()
	s.hub.Drain()
	s.waitForMedia()
	s.hub.EndSessions(core.ReasonShutdown)
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if err := s.sockets.Close(ctx); err != nil {
		s.Log.Warn("connections did not close and were cut", "error", err)
	}
}

// waitForMedia waits until no media flows, as long as the configuration says.
func (s *server) waitForMedia() {
	limit := time.NewTimer(s.Config.Shutdown.Drain)
	defer limit.Stop()
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for s.hub.Counts().Transports > 0 {
		select {
		case <-look.C:
		case <-limit.C:
			return
		case <-s.Hurry:
			return
		}
	}
}

// close closes every part, the last first.
func (s *server) close() error {
	var all []error
	for i := len(s.parts) - 1; i >= 0; i-- {
		if err := s.parts[i].close(); err != nil {
			all = append(all, fmt.Errorf("close %s: %w", s.parts[i].name, err))
		}
	}
	s.parts = nil
	return errors.Join(all...)
}

// run runs part of the server on a goroutine of its own until the part is
// closed.
func (s *server) run(name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := f(ctx)
		if ctx.Err() == nil {
			select {
			case s.failed <- fmt.Errorf("%s ended: %w", name, err):
			default:
			}
		}
		ended <- err
	}()
	s.opened(name, func() error {
		cancel()
		return <-ended
	})
}

func (s *server) makeData(context.Context) error { return os.MkdirAll(s.Config.Data, 0o700) }
