package calling

import (
	"context"
	"slices"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Notify implements [dialect.Conversation].
func (c *conversation) Notify(_ context.Context, e *core.Event) []dialect.Frame {
	if c.over {
		return nil
	}
	out := c.tell(e)
	c.clock.said(out)
	return out
}

// tell says an event in this protocol's words. What happens in a room or a
// namespace is of no interest to who has left it and been answered so.
func (c *conversation) tell(e *core.Event) []dialect.Frame {
	switch f := e.Fact.(type) {
	case core.MessageSent:
		return c.message(&f)
	case core.ParticipantJoined:
		return c.roomEvent(e, f.Room)
	case core.ParticipantChanged:
		if !worthTelling(&f) {
			return nil
		}
		if f.Entered { // dossier 2.12: two messages, in this order
			return append(c.roomEventAs(e, f.Room, "calling: entered", encodeEntered), c.roomEvent(e, f.Room)...)
		}
		return c.roomEvent(e, f.Room)
	case core.ParticipantLeft:
		return c.left(e, &f)
	case core.TrackPublished:
		c.trackPublished(f)
	case core.AnswerMade:
		return c.answerMade(f)
	case core.TransportFailed:
		c.transportFailed(f.Transport)
	case core.RoomDataChanged:
		return c.roomEvent(e, f.Room)
	case core.RoomClosed:
		return c.roomClosed(&f)
	case core.CallInvited:
		return c.invited(f)
	case core.CallAnswered:
		return c.answered(f.Call)
	case core.CallEnded:
		return c.ended(f.Call)
	case core.SessionAnnounced:
		if f.Changed {
			return c.twoNames(e, f.Directory)
		}
		return c.namespaceEvent(e, f.Directory)
	case core.SessionWithdrawn:
		return c.namespaceEvent(e, f.Directory)
	case core.RoomAnnounced:
		return c.namespaceEvent(e, f.Directory)
	case core.RoomWithdrawn:
		return c.namespaceEvent(e, f.Directory)
	case core.Observed:
		return c.observed(e, &f)
	case core.LoginMade:
		return c.loggedIn(f)
	case core.SessionEnded:
		return c.sessionEnded(f.Reason)
	}
	return nil // who is speaking, for example, is nothing that this protocol tells
}

// worthTelling is false for what clients of this protocol do not see: the modes
// of those who came in by another dialect.
func worthTelling(f *core.ParticipantChanged) bool { return f.Entered || f.Participant.Via == Name }

func (c *conversation) roomEvent(e *core.Event, room core.RoomID) []dialect.Frame {
	return c.roomEventAs(e, room, "calling", encode)
}

func (c *conversation) roomEventAs(e *core.Event, room core.RoomID, variant string, encode func(core.Fact) []byte) []dialect.Frame {
	if c.placeIn(room) == nil {
		return nil
	}
	return say(e.Encoded(variant, encode))
}

func (c *conversation) namespaceEvent(e *core.Event, in core.DirectoryID) []dialect.Frame {
	if !slices.Contains(c.watched, in) {
		return nil
	}
	return say(e.Encoded("calling", encode))
}

// message passes on what a peer sent. There is one receiver, or, of other
// dialects' texts, some, so it is not kept for others.
func (c *conversation) message(f *core.MessageSent) []dialect.Frame {
	p := c.placeIn(f.Room)
	switch {
	case p == nil || p.pending:
		return nil
	case f.Type == peerMessage:
		return say(f.Body)
	case f.Type == core.TextMessage:
		data := append(appendString([]byte(`{"text":`), string(f.Body)), '}')
		return say(encodeMessage(p.room, f.FromName, []byte(textEvent), data))
	}
	return nil
}

// left tells that somebody is gone. If it is the client, somebody else removed
// it; who was only invited hears that the invitation is taken back.
func (c *conversation) left(e *core.Event, f *core.ParticipantLeft) []dialect.Frame {
	p := c.placeIn(f.Room)
	if p == nil {
		return nil
	}
	if f.Name != c.self() {
		if l := p.line(f.Name); l != nil {
			p.hangUp(l)
		}
		return say(e.Encoded("calling", encode))
	}
	return append(c.lose(p), dialect.Text(e.Encoded("calling", encode)))
}

// lose forgets a place that was taken from the client.
func (c *conversation) lose(p *place) []dialect.Frame {
	c.drop(p)
	if v := c.invitedTo([]byte(p.room)); v != nil {
		out := say(encodeCancelled(v.handle))
		c.close(v)
		return out
	}
	return nil
}

// roomClosed tells the end of a room, for which this protocol has no word:
// everybody in it leaves.
func (c *conversation) roomClosed(f *core.RoomClosed) []dialect.Frame {
	p := c.placeIn(f.Room)
	if p == nil {
		return nil
	}
	out := c.lose(p)
	for _, name := range f.Names {
		if name != c.self() {
			out = append(out, dialect.Text(encodeLeft(p.room, name)))
		}
	}
	return out
}

// sessionEnded closes the connection; there is no message for it.
func (c *conversation) sessionEnded(why core.Reason) []dialect.Frame {
	if why == core.ReasonShutdown {
		return c.end(1001, "the server is stopping")
	}
	return c.end(1008, string(why))
}

// observed tells what happened in a room of a namespace: dossier 2.6.
func (c *conversation) observed(e *core.Event, f *core.Observed) []dialect.Frame {
	switch what := f.What.(type) {
	case core.ParticipantJoined, core.ParticipantLeft:
		return c.twoNames(e, f.Directory)
	case core.ParticipantChanged:
		if !worthTelling(&what) {
			return nil
		}
		out := c.twoNames(e, f.Directory)
		if what.Entered { // in this order here
			out = append(out, c.bothOf(e, f.Directory, "calling: client, entered", encodeClientEntered, "calling: seed, entered", encodeSeedEntered)...)
		}
		return out
	case core.RoomDataChanged:
		return c.namespaceEvent(e, f.Directory)
	}
	return nil
}

// twoNames says an event that has two names: one for clients in the field, one
// for those written after the seed (dossier 6). Each is encoded once.
func (c *conversation) twoNames(e *core.Event, in core.DirectoryID) []dialect.Frame {
	return c.bothOf(e, in, "calling: client", encodeClient, "calling: seed", encodeSeed)
}

func (c *conversation) bothOf(e *core.Event, in core.DirectoryID, client string, asClient func(core.Fact) []byte, seed string,
	asSeed func(core.Fact) []byte) []dialect.Frame {
	if !slices.Contains(c.watched, in) {
		return nil
	}
	var out []dialect.Frame
	if c.names != seedNames {
		out = append(out, dialect.Text(e.Encoded(client, asClient)))
	}
	if c.names != clientNames {
		out = append(out, dialect.Text(e.Encoded(seed, asSeed)))
	}
	return out
}
