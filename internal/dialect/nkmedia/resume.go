package nkmedia

import "switchboard/internal/core"

// keep leaves everything for the connection by which the client comes back.
// What is under way cannot go on: its outcome would be told to nobody.
func (c *conversation) keep() {
	for _, s := range c.media.byID {
		if s.start != nil {
			c.scrap(s)
		}
		if s.answering != nil {
			s.answering.over = true // nobody is left to be replied to
		}
		for _, q := range s.wanting {
			q.over = true
		}
	}
	for _, k := range c.calls.made {
		if k.answered == "" {
			c.hangup(k, c.disconnected())
		}
	}
	for _, i := range c.calls.invited {
		if !i.accepted {
			c.decline(i, partner{})
		}
	}
	c.c.Keep(c.held)
}

// takeUp goes on with what an earlier connection left.
func (c *conversation) takeUp() {
	if left, ok := c.c.Kept().(*held); ok {
		c.held = left
	}
}

// catchUp looks at what has become of everything while nobody was told.
func (c *conversation) catchUp() {
	for _, s := range c.media.byID {
		if why := c.lostMeanwhile(s); why != nil {
			c.stop(s, why)
		}
	}
	for id := range c.media.linked {
		if _, err := c.session().FindClaim(entryOf(id)); err != nil {
			c.linkedStopped(id)
		}
	}
	for _, k := range c.calls.made {
		if !c.session().InCall(k.id) {
			c.callOver(k, faultOf("callee_stop"))
		}
	}
	for _, i := range c.calls.invited {
		if !c.session().InCall(i.id) {
			c.invitationOver(i, faultOf("user_hangup"))
		}
	}
	for id := range c.rooms { // what happened there is not repeated
		c.session().UnwatchRoom(id)
		delete(c.rooms, id)
		c.watch(id)
	}
}

// lostMeanwhile says why a session cannot go on, nil if it can.
func (c *conversation) lostMeanwhile(s *session) *fault {
	for _, l := range []*leg{s.main, s.far} {
		if l == nil {
			continue
		}
		if _, waiting := c.media.steps[l.transport.ID()]; waiting || l.transport.Stats().State == "failed" {
			return faultOf("session_failed")
		}
	}
	switch info, present := snapshot(s.place.me); {
	case s.place.me == nil:
		return nil
	case !present:
		return faultOf("room_destroyed")
	case s.place.from != "":
		if _, f := streamOf(info, s.place.from); f != nil {
			return faultOf("publisher_stopped")
		}
	}
	return nil
}

func snapshot(p *core.Participant) (core.RoomInfo, bool) {
	if p == nil {
		return core.RoomInfo{}, false
	}
	info, err := p.Snapshot()
	return info, err == nil
}
