package desk

import (
	"slices"
	"testing"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/mix"
)

// TestFeed: which rooms hear a talker as push-to-talk opens and closes in them,
// and when the one gate of the mixer is closed.
func TestFeed(t *testing.T) {
	const ms = time.Millisecond
	x := &talker{parts: map[media.RoomID]*part{}}
	now := time.Duration(0)
	gate := func(room media.RoomID, g media.Gate) { x.say(room, media.Voice{In: true, Gate: g}, now) }
	leave := func(room media.RoomID) { x.say(room, media.Voice{}, now) }
	for i, step := range []struct {
		at     time.Duration
		do     func()
		feeds  []media.RoomID
		closed bool
	}{
		{0, func() { gate("a", media.GateUnused) }, []media.RoomID{"a"}, false},
		{10 * ms, func() { gate("a", media.GateClosed) }, []media.RoomID{"a"}, true}, // what was said is still played
		{20 * ms, func() { gate("b", media.GateClosed) }, []media.RoomID{"a"}, true},
		{500 * ms, func() { gate("b", media.GateOpen) }, []media.RoomID{"b"}, false}, // and not in a
		{900 * ms, func() { gate("a", media.GateOpen) }, []media.RoomID{"a", "b"}, false},
		{950 * ms, func() { gate("b", media.GateClosed) }, []media.RoomID{"a", "b"}, false}, // its tail
		{1040 * ms, func() {}, []media.RoomID{"a", "b"}, false},
		{1051 * ms, func() {}, []media.RoomID{"a"}, false},
		{1100 * ms, func() { gate("a", media.GateClosed) }, []media.RoomID{"a"}, true},
		{1120 * ms, func() { gate("b", media.GateOpen) }, []media.RoomID{"a", "b"}, false}, // the tail of a
		{1300 * ms, func() { leave("a") }, []media.RoomID{"b"}, false},
		{1400 * ms, func() { leave("b") }, nil, true},
		{1500 * ms, func() { gate("a", media.GateClosed) }, []media.RoomID{"a"}, true}, // heard when it opens
	} {
		now = step.at
		step.do()
		feeds, closed := x.feed(now)
		var rooms []media.RoomID
		for _, f := range feeds {
			rooms = append(rooms, f.Room)
		}
		if !slices.Equal(rooms, step.feeds) || closed != step.closed {
			t.Errorf("step %d at %v: heard in %v, closed %t; want %v, %t", i, now, rooms, closed, step.feeds, step.closed)
		}
		if due := x.fades(); !closed && due != mix.Never && due <= now {
			t.Errorf("step %d: due again and again at %v", i, due)
		}
	}
}
