package app

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"

	"switchboard/internal/config"
	"switchboard/internal/dialect/kurento"
	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// openMedia makes the media engine. The hub closes it.
func (s *server) openMedia(sink media.Sink) (media.Engine, error) {
	o, err := mediaOptions(s.Config.Media)
	if err != nil {
		return nil, err
	}
	o.Log = s.Log
	engine, err := rtc.New(o, sink)
	if err != nil {
		return nil, err
	}
	s.media = engine
	return engine, nil
}

func mediaOptions(c config.Media) (rtc.Options, error) {
	o := rtc.Options{TCP: c.TCP, Sockets: c.Sockets, VideoCodecs: c.VideoCodecs, Files: c.Files, AGC: c.AGC,
		PlainPortMin: uint16(c.PlainPortMin), PlainPortMax: uint16(c.PlainPortMax)}
	if o.Sockets == 0 {
		o.Sockets = runtime.GOMAXPROCS(0)
	}
	var err error
	if o.Address, err = addressAndPort(c.Address); err != nil {
		return o, err
	}
	for _, text := range c.PublicAddresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return o, fmt.Errorf("public address: %w", err)
		}
		o.PublicAddresses = append(o.PublicAddresses, a)
	}
	if c.TURN.Enabled {
		o.Relay = &rtc.RelayOptions{Secret: c.TURN.Secret.Reveal(), Realm: c.TURN.Realm, Lifetime: c.TURN.Lifetime,
			PortMin: uint16(c.TURN.RelayPortMin), PortMax: uint16(c.TURN.RelayPortMax)}
		if o.Relay.Address, err = addressAndPort(c.TURN.Address); err != nil {
			return o, err
		}
	}
	return o, nil
}

// addressAndPort reads an IP address with a port; without the address it is
// every IPv4 address of the machine.
func addressAndPort(text string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: %w", text, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port of %q: %w", text, err)
	}
	a := netip.IPv4Unspecified()
	if host != "" {
		if a, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, fmt.Errorf("address %q: %w", text, err)
		}
	}
	return netip.AddrPortFrom(a, uint16(n)), nil
}

// mediaAddress is where packets arrive, with the port that was free if any was
// asked for.
func (s *server) mediaAddress() string {
	if s.media == nil {
		return s.Config.Media.Address
	}
	return s.media.Address().String()
}

// relays are the servers that a client is told of for its media.
func (s *server) relays(user string) []kurento.ICEServer {
	if s.media == nil {
		return nil
	}
	c, ok := s.media.RelayCredentials(strings.ReplaceAll(user, ":", "_")) // a colon ends the time in front
	if !ok {
		return nil
	}
	return []kurento.ICEServer{{URLs: c.URLs, Username: c.Username, Credential: c.Password}}
}
