package app

import (
	"context"

	"switchboard/internal/config"
	"switchboard/internal/core"
)

// openHub makes everything that lives, with the media engine in it.
func (s *server) openHub(context.Context) error {
	gate, err := s.openGate()
	if err != nil {
		return err
	}
	s.gate = gate
	s.run("removing what has expired", gate.Run)
	engine := s.Engine
	if engine == nil {
		engine = s.openMedia
	}
	hub, err := core.NewHub(core.Options{Limits: limits(&s.Config.Limits), Log: s.Log, Auth: gate, Keys: gate, Accounts: gate,
		Store: s.store, Media: engine})
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
	l.RoomsOpenedPerSession = c.RoomsOpenedPerSession
	l.RoomsWatchedPerSession = c.RoomsWatchedPerSession
	l.TransportsPerSession = c.TransportsPerSession
	l.PublicationsPerParticipant = c.PublicationsPerParticipant
	l.SubscriptionsPerSession = c.SubscriptionsPerSession
	l.DirectoriesPerSession = c.DirectoriesPerSession
	l.ListingsPerRoom = c.ListingsPerRoom
	l.CallsPerSession = c.CallsPerSession
	l.ClaimsPerSession = c.ClaimsPerSession
	l.TopicsPerSession = c.TopicsPerSession
	l.NameBytes = int(c.NameBytes)
	l.StatusBytes = int(c.StatusBytes)
	l.StatusBytesPerSession = int(c.StatusBytesPerSession)
	l.RoomDataBytes = int(c.RoomDataBytes)
	l.MailboxBytes = int(c.MailboxBytes)
	l.MessageBytes = int(c.MessageBytes) // whatever a client may send it may send to others
	return l
}
