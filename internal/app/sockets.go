package app

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/calling"
	"switchboard/internal/dialect/kurento"
	"switchboard/internal/dialect/openvocs"
	"switchboard/internal/socket"
)

// spoken is a dialect with who may speak it.
type spoken struct {
	dialect dialect.Dialect
	terms   socket.Terms
}

// dialects lists every dialect of the server that is not switched off. A new
// one has its line here.
func (s *server) dialects() ([]spoken, error) {
	var all []spoken
	for _, d := range []struct {
		access  string
		origins config.Origins
		make    func(socket.Terms) ([]dialect.Dialect, error)
	}{
		{s.Config.Dialects.Kurento.Access, s.Config.Dialects.Kurento.Origins, s.kurento},
		{s.Config.Dialects.Calling.Access, s.Config.Dialects.Calling.Origins, s.calling},
		{s.Config.Dialects.NkMEDIA.Access, s.Config.Dialects.NkMEDIA.Origins, s.nkmedia},
		{s.Config.Dialects.Omikron.Access, s.Config.Dialects.Omikron.Origins, s.omikron},
		{s.Config.Dialects.Openvocs.Access, s.Config.Dialects.Openvocs.Origins, s.openvocs},
	} {
		if d.access == config.AccessOff {
			continue
		}
		terms := s.terms(d.access, d.origins)
		made, err := d.make(terms)
		if err != nil {
			return nil, err
		}
		for _, d := range made {
			all = append(all, spoken{d, terms})
		}
	}
	return all, nil
}

func (s *server) kurento(terms socket.Terms) ([]dialect.Dialect, error) {
	c := s.Config.Dialects.Kurento
	creators, err := kurento.Creators(c.RoomCreators)
	if err != nil {
		return nil, fmt.Errorf("room creators: %w", err)
	}
	return []dialect.Dialect{kurento.New(kurento.Options{Hub: s.hub, Log: s.Log, Access: terms.Access, AdminToken: c.AdminToken.Reveal(), OpenAdmin: private(s.Config),
		RoomCreators: creators, MaxVideoKbps: c.MaxVideoKbps, MostVoices: c.MostVoices, ICEServers: s.relays, SpeakerInterval: c.SpeakerInterval,
		SpeakerThreshold: c.SpeakerThreshold, FilterParam: c.FilterParam, LoopbackRemote: c.LoopbackRemote, LoopbackAndLocal: c.LoopbackAndLocal})}, nil
}

func (s *server) calling(socket.Terms) ([]dialect.Dialect, error) {
	c := s.Config.Dialects.Calling
	linger := c.Linger
	if linger == 0 {
		linger = -1 // not at all
	}
	return []dialect.Dialect{calling.New(calling.Options{Hub: s.hub, Server: "switchboard " + s.Version, Linger: linger,
		Listing: circle(c.Listing), Inviting: circle(c.Inviting), Media: carrier(c.Media)})}, nil
}

func carrier(name string) core.MediaPolicy {
	if name == config.MediaServer {
		return core.MediaServer
	}
	return core.MediaPeer
}

func (s *server) openvocs(socket.Terms) ([]dialect.Dialect, error) {
	c := s.Config.Dialects.Openvocs
	o := openvocs.Options{Hub: s.hub, Log: s.Log, Version: s.Version, Servers: c.Servers, PushToTalk: c.PushToTalk, MultiTalk: c.MultiTalk}
	if c.Static != "" {
		root, err := os.OpenRoot(c.Static) // nothing outside of it can be reached, by links neither
		if err != nil {
			return nil, fmt.Errorf("the web client's files: %w", err)
		}
		s.opened("the web client's files", root.Close)
		o.Static = root.FS()
	}
	return []dialect.Dialect{openvocs.New(o)}, nil
}

func circle(name string) core.Circle {
	if name == config.CircleInsiders {
		return core.Insiders
	}
	return core.Anybody
}

// private tells whether only this machine can reach the server, at any address.
// Where proxies are named, others reach it by way of them.
func private(c *config.Config) bool {
	if len(c.TrustedProxies) > 0 {
		return false
	}
	for _, l := range c.Listen {
		if !l.Loopback() {
			return false
		}
	}
	return true
}

// terms makes of a dialect's options who may connect by it.
func (s *server) terms(access string, origins config.Origins) socket.Terms {
	if len(origins) == 0 {
		origins = s.Config.Origins
	}
	t := socket.Terms{Origin: origins.Allow}
	if private(s.Config) {
		t.Origin = origins.AllowHere
	}
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
