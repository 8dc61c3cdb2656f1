package auth

import (
	"fmt"
	"net/netip"
	"time"

	"switchboard/internal/core"
)

// Guesses slows down those who guess secrets that others than a [Gate] check,
// by the same rules as passwords. Methods may be called from any goroutine.
type Guesses struct{ throttle *throttle }

// NewGuesses makes a Guesses that knows of none.
func NewGuesses() *Guesses { return &Guesses{newThrottle(throttleEntries)} }

// Try calls try, unless there were too many wrong secrets for this name, which
// says what the secret is for, or from this address: then it fails with
// Unavailable, about the limit, and nothing is tried. What try fails with counts
// as wrong when it is of kind Denied or NotFound.
func (g *Guesses) Try(name string, from netip.Addr, try func() error) error {
	attempt, wait := g.throttle.attempt("", name, from)
	if wait > 0 {
		return &core.Error{Kind: core.Unavailable, Subject: core.AboutLimit,
			Text: fmt.Sprintf("too many wrong attempts, try again in %d s", (wait+time.Second-1)/time.Second)}
	}
	err := try()
	switch {
	case err == nil:
		attempt.succeeded()
	case core.KindOf(err) == core.Denied, core.KindOf(err) == core.NotFound:
		attempt.failed()
	default:
		attempt.undecided()
	}
	return err
}
