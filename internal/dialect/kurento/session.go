package kurento

import (
	"context"
	"maps"
	"slices"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// place is what a client finds again when it resumes its session on another
// connection.
type place struct {
	me           *core.Participant // nil outside rooms
	endpoints    []endpoint
	dataChannels bool // the client asked for data channels when it joined
	hat          bool // the filter that is not there is on
	fold         fold
	returns      bool          // the client has shown that it can resume
	interval     time.Duration // of pings; 0 before the first
}

// kept is a place as the core keeps it between connections. It is not changed
// once it was handed over.
type kept struct {
	place
	// The rest is set only when the connection is gone.
	missed  []*core.Event               // were in the mailbox and not told
	known   view                        // of the room, once that is told
	invited map[core.ParticipantID]bool // as the conversation's
}

// keep hands the place over to the session, as it is now.
func (c *conversation) keep() { c.c.Keep(&kept{place: c.place.copy()}) }

func (p place) copy() place {
	p.endpoints = slices.Clone(p.endpoints)
	return p
}

// open begins a conversation. A token in the URL is looked at before the first
// room request is executed.
func open(o *Options, connection *core.Connection, query map[string][]string) *conversation {
	c := &conversation{o: o, c: connection}
	if tokens := query["token"]; len(tokens) > 0 && tokens[0] != "" {
		connection.Login(core.Credentials{Token: tokens[0]})
		c.waiting = &task{}
	}
	return c
}

// Of the intervals that clients name: what is beyond is brought within.
const (
	shortestInterval = 500 * time.Millisecond
	longestInterval  = time.Hour
	usualInterval    = 20 * time.Second // when the first ping names none that makes sense
	missedPings      = 3
)

// ping answers, and arms the watchdog: dossier 1.3. Only the first ping's
// interval counts.
func (c *conversation) ping(r *request) {
	if c.interval == 0 {
		ms, f := r.params.number("interval", int(usualInterval/time.Millisecond))
		if f != nil {
			c.fail(r, f)
			return
		}
		c.interval = min(max(time.Duration(ms)*time.Millisecond, shortestInterval), longestInterval)
		if ms <= 0 {
			c.interval = usualInterval
		}
		c.keep()
	}
	c.watched = true
	c.watch()
	result := valueResult{Value: "pong"}
	if !absent(r.params["sessionId"]) {
		c.returns = true
		result.SessionID = c.key()
	}
	c.reply(r, result)
}

func (c *conversation) watch() {
	c.deadline = time.Now().Add(missedPings * c.interval)
}

// Deadline implements [dialect.Conversation].
func (c *conversation) Deadline() time.Time {
	if c.over || !c.watched {
		return time.Time{}
	}
	return c.deadline
}

// Expire implements [dialect.Conversation]: a client that stopped to ping is
// given up, in upstream's words (dossier 1.3).
func (c *conversation) Expire(_ context.Context, now time.Time) []dialect.Frame {
	if c.over || !c.watched || now.Before(c.deadline) {
		return nil
	}
	c.silent = true
	c.end(1000, "Close for not receive ping from client")
	return c.flush()
}

// connect returns the connection's session, or resumes the one that is named:
// dossier 1.3.
func (c *conversation) connect(r *request) {
	named, f := r.params.optional("sessionId", "")
	if f != nil {
		c.fail(r, f)
		return
	}
	c.returns = true
	if named == "" {
		c.used = true
		c.keep()
		c.reply(r, valueResult{Value: "OK", SessionID: c.key()})
		return
	}
	const resumed = "reconnection successful"
	gap, ok := c.resume(core.SessionKey(named))
	if !ok {
		c.fail(r, faultf(codeReconnection, "reconnection error"))
		return
	}
	now, present := c.snapshot()
	if present {
		c.reply(r, resumeResult{Value: resumed, Room: c.me.Room().Name(), User: c.me.Name(),
			Participants: c.membersShown(now), SessionID: c.key()})
	} else {
		c.reply(r, valueResult{Value: resumed, SessionID: c.key()})
	}
	c.catchUp(gap, now, present)
	c.next()
}

// adopt looks at the session that a room request names. A connection that has
// shown no session of its own takes the named one up, as upstream would; any
// other goes on with its own (dossier 10: no session can be hijacked).
func (c *conversation) adopt(r *request) {
	named, ok := scalarOf(r.params["sessionId"])
	if !ok || named == "" {
		return
	}
	if !c.returns {
		c.returns = true
		c.keep()
	}
	if c.used || core.SessionKey(named) == c.key() {
		return
	}
	if gap, resumed := c.resume(core.SessionKey(named)); resumed {
		now, present := c.snapshot()
		c.catchUp(gap, now, present)
	}
}

func scalarOf(raw []byte) (string, bool) {
	if absent(raw) {
		return "", false
	}
	return scalar(raw)
}

// resume takes another session up on this connection. What waited for an
// outcome on this one is answered, because the outcome goes with its session.
func (c *conversation) resume(key core.SessionKey) (*kept, bool) {
	if key == c.key() {
		return &kept{place: c.place}, true
	}
	if err := c.c.Resume(key); err != nil {
		return nil, false
	}
	if c.waiting != nil && c.waiting.endpoint == nil { // a token for a session that is no more
		t := c.settled()
		if t.request != nil {
			c.queue = slices.Insert(c.queue, 0, t.request)
			c.queueBytes += t.request.size
		}
	} else {
		c.abandon()
	}
	gap, _ := c.c.Kept().(*kept)
	if gap == nil {
		gap = &kept{}
	}
	armed := c.interval
	c.place = gap.place.copy()
	c.returns, c.used, c.early, c.refused = true, true, nil, nil
	if armed != 0 { // this connection's own pings have begun
		c.interval = armed
	}
	if c.interval != 0 { // the watchdog moves too
		c.watched = true
		c.watch()
	}
	c.keep()
	return gap, true
}

func (c *conversation) snapshot() (core.RoomInfo, bool) {
	if c.me == nil {
		return core.RoomInfo{}, false
	}
	now, err := c.me.Snapshot()
	return now, err == nil
}

// closeSession ends the session at once: dossier 1.3.
func (c *conversation) closeSession(r *request) {
	if c.me != nil {
		c.me.Leave()
		c.me = nil
	}
	c.reply(r, "bye")
	c.end(1000, "bye")
}

// poll is a left-over of the protocol's library: dossier 1.3.
func (c *conversation) poll(r *request) { c.reply(r, []string{}) }

// Closed implements [dialect.Conversation]. A session whose client can come
// back waits for it; others are gone after a goodbye, and soon after a broken
// connection (dossier 1.3).
func (c *conversation) Closed(how dialect.Closure) {
	if c.over && !c.silent {
		return
	}
	grace := time.Duration(0)
	switch {
	case c.returns:
		grace = c.o.Grace
	case !how.Clean && c.me != nil:
		grace = c.o.BrokenGrace
	}
	if grace <= 0 {
		return
	}
	if c.waiting != nil && c.waiting.endpoint != nil {
		c.waiting.endpoint.transport.Close() // nobody is left to be answered
	}
	c.keepGap()
	c.c.Detach(grace)
}

// keepGap keeps, beside the place, what the client was not told, so that it can
// be told when the session is resumed. The snapshot is taken between two looks
// into the mailbox: events of the second look may be in it already, and applying
// them once more changes nothing.
func (c *conversation) keepGap() {
	gap := &kept{place: c.place.copy(), invited: maps.Clone(c.invited), missed: c.c.Take(nil)}
	if now, present := c.snapshot(); present {
		more := c.c.Take(nil)
		gap.known = view(now.Participants).with(more)
		gap.missed = append(gap.missed, more...)
	}
	c.c.Keep(gap)
}
