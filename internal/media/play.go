package media

import "time"

// PlayRequest says what to play.
type PlayRequest struct {
	// Name is a file in the folder that the engine plays from: Ogg with Opus,
	// WebM with Opus, VP8 or VP9, or WAV with PCM. It is a name, never a path.
	Name string
	// Loops is how often it is played; 0 is for ever.
	Loops int
	// Paused opens it without beginning to play.
	Paused bool
}

// Player plays a file. Its methods may be called from any goroutine and fail
// with ErrClosed after Close, Seek also with ErrState in a file that cannot be
// sought.
type Player interface {
	// Tracks are what the file has, the first of each kind.
	Tracks() []Track
	// Pause stops and continues.
	Pause(paused bool) error
	// Seek goes on from a position of the file.
	Seek(to time.Duration) error
	// Status tells where it is.
	Status() PlayStatus
	// Close ends the playing and its tracks. A second call does nothing.
	Close() error
}

// PlayStatus is where a player is.
type PlayStatus struct {
	Duration time.Duration // 0: unknown
	Position time.Duration
	Seekable bool
	Paused   bool
}

// PlayEnded reports that a file has been played as often as it was asked for,
// or that it broke off, with a reason safe to show. The owner still has to close
// the player.
type PlayEnded struct {
	Player TransportID
	Reason string // empty: the end was reached
}

// About implements [Event].
func (e PlayEnded) About() TransportID { return e.Player }
