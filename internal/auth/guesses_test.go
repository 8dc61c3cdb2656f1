package auth_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/auth"
	"switchboard/internal/core"
)

// TestGuesses: wrong secrets of one name from one address are soon not looked at
// any more, for a while; others are not slowed down, failures of ours do not
// count, and a right one clears the way.
func TestGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := auth.NewGuesses()
		here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		tried := 0
		try := func(name string, from netip.Addr, outcome error) core.ErrorKind {
			return core.KindOf(g.Try(name, from, func() error { tried++; return outcome }))
		}
		wrong := &core.Error{Kind: core.Denied}
		for range 10 {
			if got := core.KindOf(g.Try("bob", here, func() error { return &core.Error{Kind: core.Unavailable} })); got != core.Unavailable {
				t.Errorf("a directory that is away: %v", got)
			}
		}
		for range 4 {
			if got := try("ada", here, wrong); got != core.Denied {
				t.Errorf("a wrong secret: %v", got)
			}
		}
		before := tried
		if got := try("ada", here, nil); got != core.Unavailable || tried != before {
			t.Errorf("one more at once: %v, tried %v", got, tried != before)
		}
		if got := errors.Join(g.Try("ada", there, func() error { return nil }), g.Try("bob", here, func() error { return nil })); got != nil {
			t.Errorf("ada from elsewhere, and bob: %v", got)
		}
		time.Sleep(time.Second)
		if got := try("ada", here, nil); got != 0 {
			t.Errorf("the right one after the wait: %v", got)
		}
		if got := try("ada", here, wrong); got != core.Denied {
			t.Errorf("a wrong one after a right one: %v", got)
		}
	})
}
