package app

import (
	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/nkmedia"
	"switchboard/internal/socket"
)

// nkmedia makes the dialect by which applications drive media.
func (s *server) nkmedia(socket.Terms) ([]dialect.Dialect, error) {
	c := s.Config.Dialects.NkMEDIA
	guests := map[string]core.Permission{"listen": core.PermitListen, "talk": core.PermitTalk}
	return []dialect.Dialect{nkmedia.New(nkmedia.Options{Hub: s.hub, Log: s.Log, Generation: nkmedia.Generation(c.Generation),
		Control: nkmedia.Control(c.Control), Guests: guests[c.Guests], ReplyLimit: c.ReplyLimit, Strict: c.Strict,
		PingInterval: c.PingInterval, IdleLimit: c.IdleLimit, WaitTimeout: c.WaitTimeout, ReadyTimeout: c.ReadyTimeout, RingTime: c.RingTime,
		RoomTimeout: c.RoomTimeout, Grace: c.Grace, VideoKbps: c.VideoKbps, BitrateUnit: c.BitrateUnit, ParkMusic: c.ParkMusic})}, nil
}
