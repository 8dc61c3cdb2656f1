package core

import (
	"slices"
	"sync"
	"time"
)

// CallID names a call.
type CallID string

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

var errNoCall = failure(NotFound, AboutRequest, "no such call")

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
