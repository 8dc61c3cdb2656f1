package app

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/socket"
)

// spoken is a dialect with who may speak it.
type spoken struct {
	dialect dialect.Dialect
	terms   socket.Terms
}

// dialects lists every dialect of the server that is not switched off.
func (s *server) dialects() ([]spoken, error) {
	return nil, nil
}

// terms makes of a dialect's options who may connect by it.
func (s *server) terms(access string, origins config.Origins) socket.Terms {
	if len(origins) == 0 {
		origins = s.Config.Origins
	}
	t := socket.Terms{Origin: origins.Allow}
	switch access {
	case config.AccessOpen:
		t.Access = core.AccessOpen
	case config.AccessToken:
		t.Access = core.AccessToken
	}
	return t
}

// openSockets makes the place for connections.
func (s *server) openSockets(context.Context) error {
	proxies, err := networks(s.Config.TrustedProxies)
	if err != nil {
		return err
	}
	l := s.Config.Limits
	s.sockets = socket.New(socket.Options{Hub: s.hub, Log: s.Log, TrustedProxies: proxies, Limits: socket.Limits{
		Connections: l.Connections, PerAddress: l.ConnectionsPerAddress, MessageBytes: int(l.MessageBytes),
		MessagesPerSecond: float64(l.MessagesPerSecond), MessageBurst: l.MessageBurst}})
	s.opened("the sockets", func() error {
		// Draining has closed them, unless building failed.
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		return s.sockets.Close(ctx)
	})
	s.spoken, err = s.dialects()
	return err
}

// networks reads addresses and networks.
func networks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		if !strings.Contains(text, "/") {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("trusted proxy: %w", err)
			}
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}
