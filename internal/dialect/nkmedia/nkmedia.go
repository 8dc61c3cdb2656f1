// Package nkmedia speaks the external interface of NkMEDIA: commands and events
// over a WebSocket at /nkmedia, by which an application drives media sessions,
// calls and rooms.
//
// It owns what only this protocol has: transaction ids in both directions, the
// time within which a client replies, the checking of fields, names of events
// and numbers of errors by generation, the types of sessions and what may become
// of them. A conversation belongs to its connection's loop and has no lock,
// goroutine or timer. The package must not know sockets, media engines or other
// dialects.
//
// Comments name the sections they come from: "seed" is the published page of the
// interface, "dossier N" the notes on what its servers and clients really did.
// README.md has the mapping and the places where the two differ.
package nkmedia

import (
	"cmp"
	"log/slog"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Name is the dialect's name.
const Name = "nkmedia"

// Generation is what a client believes the server to be: which numbers errors
// have, and how events are framed (dossier 0, 5).
type Generation string

// The generations.
const (
	G1 Generation = "g1" // July 2016, the published page: errors are 1000 or 2000
	G2 Generation = "g2" // August: every error has a number
	G3 Generation = "g3" // October: numbers of six digits
	G4 Generation = "g4" // 2017: names instead of numbers, events are no requests
)

// Control says who may control sessions, calls and connections of another.
type Control string

// The ways of control.
const (
	ControlUser    Control = "user"    // whoever is the same user, and administrators
	ControlAnybody Control = "anybody" // whoever knows the id, as upstream
)

// Options are what the dialect needs. Zero values take the defaults named.
type Options struct {
	Hub *core.Hub
	Log *slog.Logger // of events that clients did not take; the default discards

	// Generation is that of clients that name none; g1.
	Generation Generation
	// Control is who may control what others started; user.
	Control Control
	// Guests is what guests of other dialects may do in rooms made here; nothing.
	Guests core.Permission

	// ReplyLimit is how long a client may take to reply to a request; 10 s.
	ReplyLimit time.Duration
	// Strict closes the connection of a client that exceeds it, whatever the
	// request was, as upstream does. Otherwise only a ping does so.
	Strict bool
	// PingInterval is the time between two pings; 60 s.
	PingInterval time.Duration
	// IdleLimit is how long a connection may say nothing; 180 s.
	IdleLimit time.Duration
	// WaitTimeout is how long a session waits for its answer unless it names a
	// time, ReadyTimeout how long it lasts then; 60 s and a day.
	WaitTimeout, ReadyTimeout time.Duration
	// RingTime is how long a call rings unless it names a time; 30 s.
	RingTime time.Duration
	// RoomTimeout is how long a room stays that nobody is in; 300 s.
	RoomTimeout time.Duration
	// Grace is how long a session waits for a client to come back; not at all.
	Grace time.Duration
	// VideoKbps bounds the video asked of clients that name no bitrate; 0 sets no
	// bound.
	VideoKbps int
	// BitrateUnit is what bitrates of clients are given in: "kbps", "bps", or
	// "guess", which takes values below 10000 as kbit/s; guess.
	BitrateUnit string
	// ParkMusic is a file that parked sessions hear; empty: silence.
	ParkMusic string

	commands map[string]command
}

func (o Options) withDefaults() *Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Generation = cmp.Or(o.Generation, G1)
	o.Control = cmp.Or(o.Control, ControlUser)
	o.ReplyLimit = cmp.Or(o.ReplyLimit, 10*time.Second)
	o.PingInterval = cmp.Or(o.PingInterval, time.Minute)
	o.IdleLimit = cmp.Or(o.IdleLimit, 3*time.Minute)
	o.WaitTimeout = cmp.Or(o.WaitTimeout, time.Minute)
	o.ReadyTimeout = cmp.Or(o.ReadyTimeout, 24*time.Hour)
	o.RingTime = cmp.Or(o.RingTime, 30*time.Second)
	o.RoomTimeout = cmp.Or(o.RoomTimeout, 5*time.Minute)
	o.BitrateUnit = cmp.Or(o.BitrateUnit, "guess")
	o.commands = commands()
	return &o
}

// New makes the dialect.
func New(o Options) dialect.Dialect {
	options := o.withDefaults()
	return dialect.Dialect{
		Name:  Name,
		Paths: []string{"/nkmedia", "/nkapi/ws"},
		Open: func(c *core.Connection, query map[string][]string) dialect.Conversation {
			return open(options, c, query)
		},
	}
}
