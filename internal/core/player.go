package core

import (
	"errors"
	"io"
	"time"

	"switchboard/internal/media"
)

// Player is a file that plays, in the place of a transport: its tracks are
// published under its ID. Methods may be called from any goroutine.
type Player struct {
	transport *Transport
	media     media.Player
}

// OpenPlayer opens a file of the folder that the server plays from. It counts as
// one of the session's transports. It reads the file's beginning, so call it
// where waiting is allowed. Errors: NotFound about the value (no such file, or
// not to be played), Unavailable (limits).
func (s *Session) OpenPlayer(r media.PlayRequest) (*Player, error) {
	p := &Player{transport: &Transport{id: media.TransportID(newID("t")), session: s}}
	err := s.open(p.transport, func() (media.Transport, io.Closer, error) {
		var err error
		p.media, err = s.hub.engine.Play(p.transport.id, r)
		return nil, p.media, err
	})
	if errors.Is(err, media.ErrFile) {
		return nil, failure(NotFound, AboutValue, "%v", err)
	}
	if err != nil {
		return nil, s.hub.asError("open player", s, err)
	}
	return p, nil
}

// ID returns what to publish the tracks under.
func (p *Player) ID() media.TransportID { return p.transport.id }

// Tracks returns what the file has.
func (p *Player) Tracks() []media.Track { return p.media.Tracks() }

// Pause stops and continues. It fails with NotFound when the player is closed.
func (p *Player) Pause(paused bool) error { return p.fails(p.media.Pause(paused)) }

// Seek goes on from a position of the file. It fails with Conflict where that is
// not possible, NotFound when the player is closed.
func (p *Player) Seek(to time.Duration) error { return p.fails(p.media.Seek(to)) }

func (p *Player) fails(err error) error {
	if err == nil {
		return nil
	}
	return p.transport.session.hub.mediaError(p.transport, err)
}

// Status tells where the player is.
func (p *Player) Status() media.PlayStatus { return p.media.Status() }

// Close ends the playing. What was published is unpublished.
func (p *Player) Close() { p.transport.Close() }

// PlayEnded tells that a player has come to its end. It still has to be closed.
type PlayEnded struct {
	Player media.TransportID `json:"player"`
	Reason string            `json:"reason,omitempty"` // empty: the end was reached
}

func (f PlayEnded) weight() int { return len(f.Reason) + 32 }
