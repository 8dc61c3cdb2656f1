package mediatest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"switchboard/internal/media"
)

// Player implements [media.Player] without a file: names that end in .wav or
// .ogg have sound, those in .webm sound and picture, both 10 s long; there are no
// others.
type Player struct {
	engine *Engine
	id     media.TransportID
	tracks []media.Track

	mu     sync.Mutex
	status media.PlayStatus // guarded by mu
	closed bool             // guarded by mu
}

// Play implements [media.Engine]. Players are numbered P1, P2, … in the order of
// opening, and their tracks are P1/audio and P1/video.
func (e *Engine) Play(id media.TransportID, r media.PlayRequest) (media.Player, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, media.ErrClosed
	}
	name := fmt.Sprintf("P%d", len(e.players)+1)
	p := &Player{engine: e, id: id, status: media.PlayStatus{Duration: 10 * time.Second, Seekable: true, Paused: r.Paused}}
	sound := media.Track{ID: media.TrackID(name + "/audio"), Kind: media.Audio, Codec: codec(media.Audio)}
	switch {
	case strings.ContainsAny(r.Name, "/\\:"):
		return nil, fmt.Errorf("%w: '%s' is no name of a file", media.ErrFile, r.Name)
	case strings.HasSuffix(r.Name, ".wav"), strings.HasSuffix(r.Name, ".ogg"):
		p.tracks = []media.Track{sound}
	case strings.HasSuffix(r.Name, ".webm"):
		p.tracks = []media.Track{sound, {ID: media.TrackID(name + "/video"), Kind: media.Video, Codec: codec(media.Video)}}
	default:
		return nil, fmt.Errorf("%w: there is no '%s'", media.ErrFile, r.Name)
	}
	e.players = append(e.players, p)
	return p, nil
}

// Player returns the player of a number, counted from 1, or nil.
func (e *Engine) Player(number int) *Player {
	e.mu.Lock()
	defer e.mu.Unlock()
	if number < 1 || number > len(e.players) {
		return nil
	}
	return e.players[number-1]
}

// Tracks implements [media.Player].
func (p *Player) Tracks() []media.Track { return slices.Clone(p.tracks) }

// Pause implements [media.Player].
func (p *Player) Pause(paused bool) error {
	return p.change(func(s *media.PlayStatus) { s.Paused = paused })
}

// Seek implements [media.Player].
func (p *Player) Seek(to time.Duration) error {
	return p.change(func(s *media.PlayStatus) { s.Position = min(max(to, 0), s.Duration) })
}

func (p *Player) change(f func(*media.PlayStatus)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return media.ErrClosed
	}
	f(&p.status)
	return nil
}

// Status implements [media.Player].
func (p *Player) Status() media.PlayStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Close implements [media.Player].
func (p *Player) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// Closed tells whether Close was called.
func (p *Player) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// End posts that the file has come to its end.
func (p *Player) End() { p.engine.post(media.PlayEnded{Player: p.id}) }
