package app

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// openHub makes everything that lives, with the media engine in it.
func (s *server) openHub(context.Context) error {
	gate, err := s.gate()
	if err != nil {
		return err
	}
	engine := s.Engine
	if engine == nil {
		engine = s.engine
	}
	hub, err := core.NewHub(core.Options{Limits: limits(&s.Config.Limits), Log: s.Log, Auth: gate, Media: engine})
	if err != nil {
		return err
	}
	s.hub = hub
	s.opened("the hub", hub.Close)
	return nil
}

// limits puts the configured limits over the core's own.
func limits(c *config.Limits) core.Limits {
	l := core.DefaultLimits()
	l.Rooms = c.Rooms
	l.ParticipantsPerRoom = c.ParticipantsPerRoom
	l.RoomsPerSession = c.RoomsPerSession
	l.TransportsPerSession = c.TransportsPerSession
	l.PublicationsPerParticipant = c.PublicationsPerParticipant
	l.SubscriptionsPerSession = c.SubscriptionsPerSession
	l.DirectoriesPerSession = c.DirectoriesPerSession
	l.NameBytes = int(c.NameBytes)
	l.StatusBytes = int(c.StatusBytes)
	l.RoomDataBytes = int(c.RoomDataBytes)
	l.MailboxBytes = int(c.MailboxBytes)
	l.MessageBytes = min(l.MessageBytes, int(c.MessageBytes))
	return l
}

// engine makes the media engine.
func (s *server) engine(sink media.Sink) (media.Engine, error) {
	c := &s.Config.Media
	o := rtc.Options{Log: s.Log, TCP: c.TCP, Sockets: c.Sockets, VideoCodecs: c.VideoCodecs}
	if o.Sockets == 0 {
		o.Sockets = runtime.GOMAXPROCS(0)
	}
	var err error
	if o.Address, err = resolve(c.Address); err != nil {
		return nil, fmt.Errorf("media.address: %w", err)
	}
	for _, text := range c.PublicAddresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("media.public_addresses: %w", err)
		}
		o.PublicAddresses = append(o.PublicAddresses, a)
	}
	if t := &c.TURN; t.Enabled {
		o.Relay = &rtc.RelayOptions{Secret: t.Secret.Reveal(), Realm: t.Realm, Lifetime: t.Lifetime,
			PortMin: uint16(t.RelayPortMin), PortMax: uint16(t.RelayPortMax)} // checked by config
		if o.Relay.Address, err = resolve(t.Address); err != nil {
			return nil, fmt.Errorf("media.turn.address: %w", err)
		}
	}
	return rtc.New(o, sink)
}

// resolve turns a host and a port into an address to bind; without a host it is
// every address.
func resolve(address string) (netip.AddrPort, error) {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if a.IP == nil {
		a.IP = net.IPv4zero
	}
	at := a.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}
