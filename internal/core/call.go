package core

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// CallID names a call.
type CallID string

// legState is where one leg of a call stands.
type legState uint8

// The states of a leg, in the order in which it can go through them.
const (
	legInviting legState = iota // asked, nothing heard yet
	legRinging
	legAnswered
	legOver
)

// CallRequest rings one or several sessions.
type CallRequest struct {
	To []SessionID `json:"to"`
	// ToUser, when given, is a user of the caller's realm: all their sessions that
	// came in by the protocol Via are rung instead of To, the latest if they are
	// more than the limit.
	ToUser string `json:"to_user,omitempty"`
	Via    string `json:"via,omitempty"`
	// Room, when given, is where the callees are called to: each is a participant
	// in mode invited at once, and the call is over with its answer, since being
	// in the room is what remains. Create is as in JoinRequest.
	Room   RoomID  `json:"room,omitempty"`
	Create *Policy `json:"create,omitempty"`
	// Body is passed to the callees, opaque.
	Body []byte `json:"body,omitempty"`
	// Timeout ends a call that nobody answers; 0 lets it ring until somebody
	// gives up.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Facts about calls, for the caller and the callees.
type (
	// CallInvited asks a callee. Room is the room as it was just before they
	// were invited to it, or nil.
	CallInvited struct {
		Call   CallID        `json:"call"`
		From   SessionID     `json:"from"`
		Room   *RoomInfo     `json:"room,omitempty"`
		Place  ParticipantID `json:"place,omitempty"`  // who the callee is in the room
		Status []byte        `json:"status,omitempty"` // of that place, see Session.SetStatus
		Body   []byte        `json:"body,omitempty"`
	}
	// CallRinging tells the caller that a callee's device rings.
	CallRinging struct {
		Call CallID    `json:"call"`
		By   SessionID `json:"by"`
		Body []byte    `json:"body,omitempty"`
	}
	// CallAnswered tells the caller who answered.
	CallAnswered struct {
		Call CallID    `json:"call"`
		By   SessionID `json:"by"`
		Body []byte    `json:"body,omitempty"`
	}
	// CallEnded tells the caller, a callee who lost the race, or the other side
	// that the call is over for them.
	CallEnded struct {
		Call   CallID    `json:"call"`
		By     SessionID `json:"by,omitempty"`
		Reason Reason    `json:"reason"`
		Body   []byte    `json:"body,omitempty"`
	}
)

// Why calls end, besides the reasons of sessions and rooms.
const (
	ReasonRejected  Reason = "rejected"  // every callee said no
	ReasonCancelled Reason = "cancelled" // the caller gave up
	ReasonElsewhere Reason = "elsewhere" // another callee answered
	ReasonTimeout   Reason = "timeout"   // nobody answered in time
	ReasonHangup    Reason = "hangup"    // somebody ended an answered call
)

func (f CallInvited) weight() int {
	n := len(f.Body) + len(f.Status) + 64
	if f.Room != nil {
		n += f.Room.weight()
	}
	return n
}
func (f CallRinging) weight() int  { return len(f.Body) + 64 }
func (f CallAnswered) weight() int { return len(f.Body) + 64 }
func (f CallEnded) weight() int    { return len(f.Body) + 64 }

// call is one ringing relation. Its lock has the rank of a room's, and the two
// are never held together.
type call struct {
	id     CallID
	hub    *Hub
	caller *Session
	room   RoomID // empty: none

	mu    sync.Mutex
	legs  []*leg      // guarded by mu
	timer *time.Timer // guarded by mu
	over  bool        // guarded by mu
	// abandoned says that the caller is gone, perhaps while still calling;
	// guarded by mu
	abandoned bool
}

// leg is one callee's side of a call.
type leg struct {
	session *Session
	place   atomic.Pointer[Participant] // in mode invited; nil without a room; set before the callee is told
	state   legState                    // guarded by the call's mu
}

// Call rings sessions. Nobody is waited for: ringing and answers come as
// events. With several callees the first answer wins. Errors: NotFound about
// the participant (no such session), Conflict about the participant (already in
// the room), Denied (about the participant: only those in the room may invite),
// Unavailable (limits).
func (s *Session) Call(r CallRequest) (CallID, error) {
	limits := s.hub.limits
	if err := s.admitted(); err != nil {
		return "", err
	}
	if r.ToUser != "" {
		if r.To = s.devices(r.ToUser, r.Via); len(r.To) == 0 {
			return "", failure(NotFound, AboutParticipant, "user '%s' is not here", r.ToUser)
		}
	}
	switch {
	case len(r.To) == 0 || len(r.To) > limits.LegsPerCall:
		return "", s.hub.beyond("legs_per_call", Invalid, "a call has 1 to %d callees", limits.LegsPerCall)
	case len(r.Body) > limits.MessageBytes:
		return "", s.hub.beyond("message_bytes", Invalid, "a message can have at most %d bytes", limits.MessageBytes)
	}
	c := &call{id: CallID(newID("k")), hub: s.hub, caller: s, room: r.Room}
	for _, id := range r.To {
		callee := s.hub.session(id)
		if callee == nil {
			return "", failure(NotFound, AboutParticipant, "nobody to call under '%s'", id)
		}
		c.legs = append(c.legs, &leg{session: callee})
	}
	if err := s.keepCall(c); err != nil {
		return "", err
	}
	for i, l := range c.legs {
		if err := c.invite(l, &r); err != nil {
			for _, asked := range c.legs[:i] {
				c.drop(asked, ReasonCancelled, nil).lose(ReasonCancelled)
			}
			s.forgetCall(c)
			return "", err
		}
	}
	c.ring(r.Timeout)
	return c.id, nil
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

// ring starts the clock, unless the call is over already.
func (c *call) ring(timeout time.Duration) {
	if timeout <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.timer = time.AfterFunc(timeout, func() { c.end(nil, ReasonTimeout, nil) })
	}
}

// finish marks the call over and returns the legs that were still waiting.
// Callers hold c.mu.
func (c *call) finish() []*leg {
	c.over = true
	if c.timer != nil {
		c.timer.Stop()
	}
	var waiting []*leg
	for _, l := range c.legs {
		if l.state < legAnswered {
			waiting = append(waiting, l)
		}
	}
	return waiting
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

var errNoCall = failure(NotFound, AboutRequest, "no such call")

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

// Hangup ends a call: the caller gives up ringing, or either side ends an
// answered one. It fails with NotFound once the call is over for this session.
func (s *Session) Hangup(id CallID, body []byte) error {
	c := s.call(id)
	if c == nil {
		return errNoCall
	}
	if s != c.caller {
		c.mu.Lock()
		l := c.find(s)
		waits := l != nil && l.state < legAnswered
		c.mu.Unlock()
		if l == nil {
			return errNoCall
		}
		if waits {
			return s.Reject(id, body)
		}
	}
	if !c.end(s, ReasonHangup, body) {
		return errNoCall
	}
	return nil
}

// end is the end of a whole call by one side, or by the clock (nil). It tells
// everybody but that side.
func (c *call) end(by *Session, why Reason, body []byte) bool {
	places, ok := c.stop(by, why, body)
	if why == ReasonHangup {
		why = ReasonCancelled // for those who never answered
	}
	for _, p := range places {
		p.lose(why)
	}
	return ok
}

// stop is end, but for the places in a room that callees have to lose.
func (c *call) stop(by *Session, why Reason, body []byte) (places []*Participant, ok bool) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return nil, false
	}
	waiting := c.finish()
	var answered *leg
	for _, l := range c.legs {
		if l.state == legAnswered {
			answered = l
		}
		l.state = legOver
	}
	var who SessionID
	if by != nil {
		who = by.id
	}
	if by != c.caller {
		c.caller.post(newEvent(CallEnded{Call: c.id, By: who, Reason: why, Body: body}))
	}
	if answered != nil && by != answered.session {
		answered.session.post(newEvent(CallEnded{Call: c.id, By: who, Reason: why, Body: body}))
	}
	c.mu.Unlock()
	if why == ReasonHangup {
		why = ReasonCancelled // for those who never answered
	}
	for _, l := range waiting {
		if p := c.drop(l, why, body); p != nil {
			places = append(places, p)
		}
	}
	if answered != nil {
		answered.session.forgetCall(c)
	}
	c.caller.forgetCall(c)
	return places, true
}

// abandon ends the call of a caller who is gone and returns the places in a
// room that callees have to lose.
func (c *call) abandon() []*Participant {
	c.mu.Lock()
	c.abandoned = true
	c.mu.Unlock()
	places, _ := c.stop(c.caller, ReasonCancelled, nil)
	return places
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

// InCall tells whether the session still has to do with a call.
func (s *Session) InCall(id CallID) bool { return s.call(id) != nil }

func (s *Session) call(id CallID) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.calls, func(c *call) bool { return c.id == id }); i >= 0 {
		return s.calls[i]
	}
	return nil
}

func (s *Session) keepCall(c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return errSessionEnded
	case slices.Contains(s.calls, c): // one can call oneself
		return nil
	case len(s.calls) >= s.hub.limits.CallsPerSession:
		return s.hub.beyond("calls_per_session", Unavailable, "too many calls at once: at most %d", s.hub.limits.CallsPerSession)
	}
	s.calls = append(s.calls, c)
	return nil
}

func (s *Session) forgetCall(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = slices.DeleteFunc(s.calls, func(o *call) bool { return o == c })
}
