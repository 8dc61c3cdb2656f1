package calling

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"switchboard/internal/dialect"
)

// clock has what a client wants to be told and expects of itself when nothing
// is said for a while. Only the latest of each request counts.
type clock struct {
	pingAfter time.Duration // of silence either way; 0: never (dossier 1.4)
	goneAfter time.Duration // of the client's silence; 0: never (dossier 1.5)
	lastHeard time.Time
	lastSaid  time.Time
	pingDue   time.Time // when to look next; not moved with every message
	goneDue   time.Time
}

// What clients may ask for: less would flood them, more is of no use.
const (
	shortestTime = time.Second
	longestTime  = time.Hour
)

func (k *clock) running() bool { return k.pingAfter > 0 || k.goneAfter > 0 }

func (k *clock) heard() {
	if k.running() {
		k.lastHeard = time.Now()
	}
}

func (k *clock) said(what []dialect.Frame) {
	if len(what) > 0 && k.running() {
		k.lastSaid = time.Now()
	}
}

// timeOf reads a field of milliseconds.
func timeOf(v value) time.Duration {
	ms, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil || ms > float64(longestTime.Milliseconds()) { // too large for a float64 too
		return longestTime
	}
	return max(time.Duration(ms*float64(time.Millisecond)), shortestTime)
}

func (c *conversation) ping(*message) ([]byte, error) { return nil, nil }

func (c *conversation) remotePing(m *message) ([]byte, error) {
	k := &c.clock
	k.pingAfter = timeOf(m.get(fTime))
	k.lastHeard = time.Now()
	k.pingDue = k.lastHeard.Add(k.pingAfter)
	return nil, nil
}

func (c *conversation) remoteTimeout(m *message) ([]byte, error) {
	k := &c.clock
	k.goneAfter = timeOf(m.get(fTime))
	k.lastHeard = time.Now()
	k.goneDue = k.lastHeard.Add(k.goneAfter)
	return nil, nil
}

// Deadline implements [dialect.Conversation].
func (c *conversation) Deadline() time.Time {
	k := &c.clock
	switch {
	case c.over || !k.running():
		return time.Time{}
	case k.goneAfter == 0 || k.pingAfter > 0 && k.pingDue.Before(k.goneDue):
		return k.pingDue
	}
	return k.goneDue
}

// Expire implements [dialect.Conversation].
func (c *conversation) Expire(_ context.Context, now time.Time) []dialect.Frame {
	k := &c.clock
	if c.over {
		return nil
	}
	if k.goneAfter > 0 && !now.Before(k.goneDue) {
		if k.goneDue = k.lastHeard.Add(k.goneAfter); !now.Before(k.goneDue) {
			return c.end(1008, fmt.Sprintf("nothing was heard for %v", k.goneAfter))
		}
	}
	if k.pingAfter > 0 && !now.Before(k.pingDue) {
		last := k.lastHeard
		if k.lastSaid.After(last) {
			last = k.lastSaid
		}
		if k.pingDue = last.Add(k.pingAfter); !now.Before(k.pingDue) {
			k.lastSaid, k.pingDue = now, now.Add(k.pingAfter)
			return say(pingStanza)
		}
	}
	return nil
}
