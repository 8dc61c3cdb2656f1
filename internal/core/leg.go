package core

import (
	"slices"
	"sync/atomic"
)

// legState is where one leg of a call stands.
type legState uint8

// The states of a leg, in the order in which it can go through them.
const (
	legInviting legState = iota // asked, nothing heard yet
	legRinging
	legAnswered
	legOver
)

// leg is one callee's side of a call.
type leg struct {
	session *Session
	place   atomic.Pointer[Participant] // in mode invited; nil without a room; set before the callee is told
	state   legState                    // guarded by the call's mu
}

// invite enters a callee everywhere and asks them.
func (c *call) invite(l *leg, r *CallRequest) error {
	if err := l.session.keepCall(c); err != nil {
		return err
	}
	if r.Room == "" {
		l.session.post(newEvent(CallInvited{Call: c.id, From: c.caller.id, Body: r.Body}))
		return nil
	}
	err := l.session.invited(r, c.caller, func(p *Participant, info RoomInfo) *Event {
		p.invitation = c
		l.place.Store(p)
		return newEvent(CallInvited{Call: c.id, From: c.caller.id, Room: &info, Place: p.id, Status: p.status, Body: r.Body})
	})
	if err != nil {
		l.session.forgetCall(c)
		return err
	}
	c.mu.Lock()
	abandoned := c.abandoned
	c.mu.Unlock()
	if abandoned { // perhaps before there was a place to lose
		c.drop(l, ReasonCancelled, nil).lose(ReasonCancelled)
		return errSessionEnded
	}
	return nil
}

// invited gives the session a place in a room in mode invited, and posts what
// tell makes of it before any later event of the room.
func (s *Session) invited(r *CallRequest, by *Session, tell func(*Participant, RoomInfo) *Event) error {
	s.mu.Lock()
	status := s.status
	s.mu.Unlock()
	join := &JoinRequest{Room: r.Room, Name: string(s.id), Status: status, Mode: ModeInvited, Create: r.Create, by: by}
	if err := s.mayJoin(join); err != nil {
		return err
	}
	if err := s.reserve(false); err != nil {
		return err
	}
	defer s.release()
	join.notify = func(p *Participant, info RoomInfo) { s.post(tell(p, info)) }
	_, _, _, err := s.join(join)
	return err
}

// find returns the leg of a session that still counts. Callers hold c.mu.
func (c *call) find(s *Session) *leg {
	for _, l := range c.legs {
		if l.session == s && l.state != legOver {
			return l
		}
	}
	return nil
}

// Ring tells the caller that the session's device rings. It fails with NotFound
// once the call is over for this session.
func (s *Session) Ring(id CallID, body []byte) error {
	c := s.call(id)
	if c == nil {
		return errNoCall
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.find(s)
	if l == nil || l.state > legRinging {
		return errNoCall
	}
	l.state = legRinging
	c.caller.post(newEvent(CallRinging{c.id, s.id, body}))
	return nil
}

// AnswerRequest accepts a call.
type AnswerRequest struct {
	// Mode and Status are what the callee is in the room from now on,
	// if the call is to a room.
	Mode   Mode   `json:"mode"`
	Status []byte `json:"status,omitempty"`
	Body   []byte `json:"body,omitempty"` // for the caller, opaque
}

// Accept answers a call. The caller is told, then everybody in the room; other
// callees' places are taken back. It returns the place in the room, or nil
// without one. It fails with NotFound once the call is over for this session.
func (s *Session) Accept(id CallID, r AnswerRequest) (*Participant, error) {
	c := s.call(id)
	if c == nil {
		return nil, errNoCall
	}
	if most := s.hub.limits.StatusBytes; len(r.Status) > most {
		return nil, s.hub.beyond("status_bytes", Invalid, "a status can have at most %d bytes", most)
	}
	c.mu.Lock()
	l := c.find(s)
	if l == nil || l.state >= legAnswered || c.over {
		c.mu.Unlock()
		return nil, errNoCall
	}
	l.state = legAnswered
	var losers []*leg
	if c.room != "" || len(c.legs) > 1 {
		for _, o := range c.legs {
			if o.state < legAnswered {
				o.state = legOver
				losers = append(losers, o)
			}
		}
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	c.over = c.room != ""
	c.caller.post(newEvent(CallAnswered{c.id, s.id, r.Body}))
	c.mu.Unlock()

	for _, o := range losers {
		c.drop(o, ReasonElsewhere, nil).lose(ReasonElsewhere)
	}
	if c.room == "" {
		return nil, nil
	}
	s.forgetCall(c)
	c.caller.forgetCall(c)
	place := l.place.Load()
	return place, place.enter(r)
}

// enter makes an invited participant a full one and tells the others.
func (p *Participant) enter(r AnswerRequest) error {
	if err := p.here(); err != nil {
		return err
	}
	defer p.room.mu.Unlock()
	if p.session.recharge(p.status, r.Status) != nil {
		r.Status = p.status // the answer has been given: it stays as it was
	}
	p.mode, p.status, p.invitation = r.Mode, r.Status, nil
	p.room.tell(ParticipantChanged{Room: p.room.id, Participant: p.info(), Entered: true}, p)
	return nil
}

// drop ends a leg for its callee, who is told, and returns the place that the
// callee has to lose.
func (c *call) drop(l *leg, why Reason, body []byte) *Participant {
	c.mu.Lock()
	l.state = legOver
	c.mu.Unlock()
	l.session.forgetCall(c)
	l.session.post(newEvent(CallEnded{Call: c.id, By: c.caller.id, Reason: why, Body: body}))
	return l.place.Load()
}

// lose takes a place away from somebody who knows; nil is no place.
func (p *Participant) lose(why Reason) {
	if p != nil {
		p.room.remove(p, why, true)
	}
}

// Reject declines a call. When nobody is left who could answer, the caller is
// told that it ended. It fails with NotFound once the call is over for this
// session.
func (s *Session) Reject(id CallID, body []byte) error {
	c := s.call(id)
	if c == nil {
		return errNoCall
	}
	place, ok := c.decline(s, ReasonRejected, body)
	if !ok {
		return errNoCall
	}
	place.lose(ReasonRejected)
	return nil
}

// decline ends a callee's leg from the callee's side and returns the place that
// the callee has to lose. It tells false if there is no leg that waits.
func (c *call) decline(s *Session, why Reason, body []byte) (*Participant, bool) {
	c.mu.Lock()
	l := c.find(s)
	if l == nil || l.state >= legAnswered || c.over {
		c.mu.Unlock()
		return nil, false
	}
	l.state = legOver
	last := !slices.ContainsFunc(c.legs, func(o *leg) bool { return o.state != legOver })
	if last {
		c.finish()
		c.caller.post(newEvent(CallEnded{Call: c.id, By: s.id, Reason: why, Body: body}))
	}
	c.mu.Unlock()
	s.forgetCall(c)
	if last {
		c.caller.forgetCall(c)
	}
	return l.place.Load(), true
}

// lost takes a callee whose session has ended out of the call; the place in a
// room goes with the session.
func (c *call) lost(s *Session, why Reason) {
	if _, declined := c.decline(s, why, nil); declined {
		return
	}
	c.mu.Lock()
	l := c.find(s)
	talking := l != nil && l.state == legAnswered
	c.mu.Unlock()
	if talking {
		c.end(s, why, nil)
	}
}
