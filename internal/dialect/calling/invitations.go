package calling

import (
	"bytes"
	"slices"
	"strconv"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// invitation is one that is open, by the client or to it.
type invitation struct {
	handle   int64
	call     core.CallID
	incoming bool
	room     string // incoming: where to
}

// handle gives out the next handle: one counter for both directions, so that a
// handle is unique on its connection (dossier 2.12).
func (c *conversation) handle() int64 {
	c.handles++
	return c.handles - 1
}

// invitation finds an open invitation by the handle that a request names.
func (c *conversation) invitation(handle value, incoming bool) *invitation {
	n, err := strconv.ParseFloat(string(handle.raw), 64)
	if err != nil {
		return nil
	}
	for i := range c.invitations {
		if v := &c.invitations[i]; float64(v.handle) == n && v.incoming == incoming {
			return v
		}
	}
	return nil
}

// invitedTo finds the invitation to a room, or nil.
func (c *conversation) invitedTo(room []byte) *invitation {
	for i := range c.invitations {
		if v := &c.invitations[i]; v.incoming && v.room == string(room) {
			return v
		}
	}
	return nil
}

// of finds an invitation by the call that it is in the core.
func (c *conversation) of(call core.CallID, incoming bool) *invitation {
	for i := range c.invitations {
		if v := &c.invitations[i]; v.call == call && v.incoming == incoming {
			return v
		}
	}
	return nil
}

// close forgets an invitation; its handle is dead. v must not be used after.
func (c *conversation) close(v *invitation) {
	handle := v.handle
	c.invitations = slices.DeleteFunc(c.invitations, func(o invitation) bool { return o.handle == handle })
}

// invite asks somebody to a room: dossier 2.12.
func (c *conversation) invite(m *message) ([]byte, error) {
	call, err := c.c.Session().Call(core.CallRequest{To: []core.SessionID{core.SessionID(m.get(fUser).string())},
		Room: c.roomID(m.get(fRoom).string()), Create: c.o.policy(), Body: bytes.Clone(m.get(fData).raw)})
	if err != nil {
		return nil, inInvite.of(err)
	}
	v := invitation{handle: c.handle(), call: call}
	c.invitations = append(c.invitations, v)
	return append(strconv.AppendInt([]byte(`{"handle":`), v.handle, 10), '}'), nil
}

// cancel takes an invitation back.
func (c *conversation) cancel(m *message) ([]byte, error) {
	v := c.invitation(m.get(fHandle), false)
	if v == nil {
		return nil, errNoInvitation
	}
	if err := c.c.Session().Hangup(v.call, nil); err != nil {
		return nil, inInvitation.of(err) // its end is in the mailbox
	}
	c.close(v)
	return nil, nil
}

// accept comes to where the client was invited. The answer has no data: with it
// clients would fail (dossier 0).
func (c *conversation) accept(m *message) ([]byte, error) {
	v := c.invitation(m.get(fHandle), true)
	if v == nil {
		return nil, errNoInvitation
	}
	return nil, c.come(v, statusOf(m.get(fStatus)))
}

func (c *conversation) come(v *invitation, status []byte) error {
	merged := c.merged(status)
	me, err := c.c.Session().Accept(v.call, core.AnswerRequest{Mode: core.ModeTalk, Status: merged})
	if err != nil {
		return inInvitation.of(err)
	}
	if p := c.place([]byte(v.room)); p != nil {
		p.me, p.status, p.pending = me, status, false
	}
	c.close(v)
	return nil
}

// deny declines an invitation.
func (c *conversation) deny(m *message) ([]byte, error) {
	v := c.invitation(m.get(fHandle), true)
	if v == nil {
		return nil, errNoInvitation
	}
	if err := c.c.Session().Reject(v.call, nil); err != nil {
		return nil, inInvitation.of(err)
	}
	c.uninvite(v)
	return nil, nil
}

// uninvite forgets an invitation to the client, and the room it was to. v must
// not be used after.
func (c *conversation) uninvite(v *invitation) {
	if p := c.place([]byte(v.room)); p != nil {
		c.drop(p)
	}
	c.close(v)
}

// invited tells of an invitation to the client. Calls that lead to no room are
// nothing that this protocol could say: they are declined.
func (c *conversation) invited(f core.CallInvited) []dialect.Frame {
	if f.Room == nil {
		_ = c.c.Session().Reject(f.Call, nil) // over already is as good
		return nil
	}
	p := &place{room: roomName(f.Room.ID), id: f.Room.ID, me: c.c.Session().Participant(f.Place), pending: true}
	c.entries = append(c.entries, entry{place: p})
	if now := c.merged(nil); p.me != nil && !bytes.Equal(now, orEmpty(f.Status)) {
		_ = p.me.SetStatus(now) // it was changed while the invitation was on its way
	}
	v := invitation{handle: c.handle(), call: f.Call, incoming: true, room: p.room}
	c.invitations = append(c.invitations, v)
	p.media = f.Room.Policy.Media == core.MediaServer
	if !p.media {
		return say(encodeInvitation(v.handle, &f))
	}
	alone := *f.Room // the event is shared
	alone.Participants = nil
	people := arrivals(f.Room)
	f.Room = &alone
	return append(say(encodeInvitation(v.handle, &f)), people...)
}

// answered tells that somebody came.
func (c *conversation) answered(call core.CallID) []dialect.Frame {
	v := c.of(call, false)
	if v == nil {
		return nil
	}
	out := say(encodeResponse(v.handle, true))
	c.close(v)
	return out
}

// ended tells that an invitation is over: to who was invited that it was taken
// back, to who sent it that nobody comes.
func (c *conversation) ended(call core.CallID) []dialect.Frame {
	if v := c.of(call, false); v != nil {
		out := say(encodeResponse(v.handle, false))
		c.close(v)
		return out
	}
	if v := c.of(call, true); v != nil {
		out := say(encodeCancelled(v.handle))
		c.uninvite(v)
		return out
	}
	return nil
}
