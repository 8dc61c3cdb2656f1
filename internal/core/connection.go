package core

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ConnectRequest describes a new connection.
type ConnectRequest struct {
	Via    string     // the protocol's name, for logs and for showing
	Remote netip.Addr // the peer's address, for limits and logs
	Access Access
	// Wake is called when there are events to take. It must not block and may be
	// called from any goroutine, also while locks are held.
	Wake func()
	// Overflow is called at most once, when the mailbox is full: the connection
	// must end, even if its loop is stuck in a write. Same conditions as Wake.
	Overflow func()
}

// Connection is a socket's end in the core: the mailbox, and the session that
// speaks through it. Its methods are for the connection's loop; only one
// goroutine may use them at a time.
type Connection struct {
	hub  *Hub
	via  string
	from netip.Addr
	box  *mailbox

	access  Access
	session *Session      // owned by the loop
	grace   time.Duration // owned by the loop; set by Detach

	overflowed atomic.Bool
	closeOnce  sync.Once
}

// Connect opens a connection with a new session that is a guest. It fails with
// kind Unavailable while the server stops, and Denied where nobody may enter.
func (h *Hub) Connect(r ConnectRequest) (*Connection, error) {
	if r.Access == AccessOff {
		return nil, failure(Denied, AboutPermission, "nobody may connect here")
	}
	c := &Connection{hub: h, via: r.Via, from: r.Remote, access: r.Access}
	c.box = &mailbox{limit: h.limits.MailboxBytes, wake: r.Wake, overflow: func() {
		c.overflowed.Store(true)
		h.overflows.Add(1)
		r.Overflow()
	}}
	s, err := h.newSession(c)
	if err != nil {
		return nil, err
	}
	c.session = s
	return c, nil
}

// Session returns the session that speaks through this connection.
func (c *Connection) Session() *Session { return c.session }

// Remote returns the peer's address.
func (c *Connection) Remote() netip.Addr { return c.from }

// Take appends to into the events posted since the last call, oldest first.
func (c *Connection) Take(into []*Event) []*Event { return c.box.drain(into) }

// Resume continues an earlier session on this connection; the session that the
// connection began with ends. If the earlier session still has a connection,
// that one is told SessionEnded with reason replaced and loses it. Events of
// the time in between are not repeated: ask for snapshots. It fails with kind
// NotFound for an unknown key, which is also the answer for a session that has
// ended.
func (c *Connection) Resume(key SessionKey) error {
	old := c.hub.sessionByKey(key)
	if old == nil {
		return failure(NotFound, AboutRequest, "no session to continue")
	}
	if old == c.session {
		return nil
	}
	if !old.attach(c) {
		return failure(NotFound, AboutRequest, "no session to continue")
	}
	fresh := c.session
	c.session = old
	fresh.box.Store(nil)
	fresh.End(ReasonReplaced)
	return nil
}

// ResumeOwn is Resume for who has logged in as the user whose session it is,
// instead of showing its key; only a session that waits for a connection can be
// continued so. It fails with kind NotFound.
func (c *Connection) ResumeOwn(id SessionID) error {
	old := c.hub.session(id)
	if old == nil || !old.Detached() || !old.sameUser(c.session) {
		return failure(NotFound, AboutRequest, "no session to continue")
	}
	return c.Resume(old.key)
}

// Detach lets the session wait, for at most grace, for a new connection that
// resumes it. It takes effect at Close. Zero ends the session at once.
func (c *Connection) Detach(grace time.Duration) {
	c.grace = min(grace, c.hub.limits.DetachedFor)
}

// Keep gives the session something to hold for whoever resumes it: what the
// dialect wants to find again then. It must not be changed afterwards, since
// the next connection's loop reads it. Nothing happens once the session has
// moved to another connection.
func (c *Connection) Keep(v any) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if c.session.on == c {
		c.session.kept = v
	}
}

// Kept returns what Keep was given last for this session, by whichever
// connection; nil without one.
func (c *Connection) Kept() any {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.kept
}

// Overflowed tells whether the connection ended because its reader did not
// read.
func (c *Connection) Overflowed() bool { return c.overflowed.Load() }

// Close says that the socket is gone. The session ends, or waits if Detach said
// so. A second call does nothing.
func (c *Connection) Close() {
	c.closeOnce.Do(func() {
		c.box.close()
		switch {
		case c.overflowed.Load():
			c.session.endIfOn(c, ReasonSlow)
		case c.grace > 0:
			c.session.detach(c, c.grace)
		default:
			c.session.endIfOn(c, ReasonDisconnected)
		}
	})
}
