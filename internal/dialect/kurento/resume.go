package kurento

import (
	"maps"
	"slices"

	"switchboard/internal/core"
)

// view is who is in a room and what they publish, in order.
type view []core.ParticipantInfo

func (v view) find(id core.ParticipantID) int {
	return slices.IndexFunc(v, func(p core.ParticipantInfo) bool { return p.ID == id })
}

// with returns the view brought up to events. Each tells all there is to know
// about a participant, so events that the view shows already change nothing in
// the end.
func (v view) with(events []*core.Event) view {
	v = slices.Clone(v)
	set := func(p core.ParticipantInfo) {
		if i := v.find(p.ID); i >= 0 {
			v[i] = p
		} else {
			v = append(v, p)
		}
	}
	for _, e := range events {
		switch f := e.Fact.(type) {
		case core.ParticipantJoined:
			set(f.Participant)
		case core.ParticipantChanged:
			set(f.Participant)
		case core.TrackPublished:
			set(f.Participant)
		case core.TrackUnpublished:
			set(f.Participant)
		case core.ParticipantLeft:
			v = slices.DeleteFunc(v, func(p core.ParticipantInfo) bool { return p.ID == f.Participant })
		}
	}
	return v
}

// come returns those of the view who came; the others are only invited.
func (v view) come() view {
	return slices.DeleteFunc(slices.Clone(v), func(p core.ParticipantInfo) bool { return p.Mode == core.ModeInvited })
}

// membership tells whether views show what an event about others tells.
func (c *conversation) membership(e *core.Event) bool {
	switch f := e.Fact.(type) {
	case core.ParticipantJoined, core.ParticipantChanged, core.TrackPublished, core.TrackUnpublished:
		return true
	case core.ParticipantLeft:
		return f.Participant != c.me.ID()
	}
	return false
}

// catchUp tells a resumed client what it missed, as ordinary events: first what
// its former connection did not get to tell, then the difference between the
// room as it was then and as it is now. After a take-over from a connection
// that was still there nothing is missed, since that one told everything.
func (c *conversation) catchUp(gap *kept, now core.RoomInfo, present bool) {
	if c.me == nil {
		return
	}
	c.invited = maps.Clone(gap.invited)
	c.handleAll(gap.missed)
	switch {
	case c.over:
		return
	case !present: // removed meanwhile, by whichever means
		c.evicted()
		return
	case gap.known != nil:
		c.catchUpRoom(gap.known, now)
	default:
		c.hide(now.Participants)
	}
	for _, e := range slices.Clone(c.endpoints) {
		if !c.over && e.transport.Stats().State == "failed" {
			c.mediaFailed(e.transport.ID(), "it was lost while nobody was connected")
		}
	}
}

func (c *conversation) handleAll(events []*core.Event) {
	for _, e := range events {
		if c.over {
			return
		}
		c.handle(e)
	}
}

// catchUpRoom tells the difference between the room as the client knows it and
// the room now. Events that wait in the mailbox may be in the snapshot already;
// those about members are applied to it, so that nothing is told twice.
func (c *conversation) catchUpRoom(known view, now core.RoomInfo) {
	events := c.c.Take(nil)
	present := view(now.Participants).with(events)
	c.invited = nil
	c.hide(present)
	known, present = known.come().without(c.fold), present.come()
	c.look(present)
	present = present.without(c.fold)
	for _, p := range known {
		if present.find(p.ID) < 0 {
			c.write(left(p.Name))
			c.dropParticipant(p.ID)
		}
	}
	for _, p := range present {
		if p.ID == c.me.ID() {
			continue
		}
		before := core.ParticipantInfo{ID: p.ID}
		if i := known.find(p.ID); i >= 0 {
			before = known[i]
		} else {
			c.giveWay(p.Name)
			c.write(joined(p.Name))
		}
		c.catchUpStreams(before, p)
	}
	if c.fold.name == "" && c.crowded() {
		c.foldAll()
	}
	c.keep()
	c.handleAll(slices.DeleteFunc(events, c.membership))
}

// without leaves out who is not shown.
func (v view) without(f fold) view {
	return slices.DeleteFunc(slices.Clone(v), f.folds)
}

// catchUpStreams tells what changed in what a member publishes.
func (c *conversation) catchUpStreams(before, now core.ParticipantInfo) {
	ended := missing(before.Publications, now.Publications)
	for _, pub := range ended {
		c.dropPublication(pub.ID)
	}
	if len(ended) > 0 {
		c.write(unpublished(now))
	}
	if len(now.Publications) > 0 && (len(ended) > 0 || len(missing(now.Publications, before.Publications)) > 0) {
		c.write(published(now))
	}
}

// missing returns which publications of a are not in b.
func missing(a, b []core.PublicationInfo) []core.PublicationInfo {
	return slices.DeleteFunc(slices.Clone(a), func(pub core.PublicationInfo) bool {
		return slices.ContainsFunc(b, func(o core.PublicationInfo) bool { return o.ID == pub.ID })
	})
}
