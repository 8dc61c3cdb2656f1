package nkmedia

import (
	"encoding/json"
	"time"

	"switchboard/internal/core"
)

// invitation is a call that the client is invited to.
type invitation struct {
	id       core.CallID
	from     core.SessionID
	said     invite
	served   *servedCall // nil: the server does not carry its media
	session  *session    // of it
	accepted bool
	retry    *alarm // when the client wants to be asked again
	body     json.RawMessage
}

// longestRetry bounds how long a client may put an invitation off.
const longestRetry = 180 // seconds

// invitedBy asks the client; it has to reply at once whether it can ring
// (seed "Start a call").
func (c *conversation) invitedBy(f core.CallInvited) {
	var r ring
	err := json.Unmarshal(f.Body, &r)
	i := &invitation{id: f.Call, from: f.From, said: r.invite}
	if f.Room == nil { // else it is not of this dialect, and its body is what a client wrote
		i.served = r.Served
	}
	if err != nil || i.said.CallID == "" || c.calls.invited[i.said.CallID] != nil || c.user == "" {
		_ = c.session().Reject(f.Call, nil) // the caller may have given up
		return
	}
	c.calls.invited[i.said.CallID], c.calls.byID[f.Call] = i, i.said.CallID
	if i.served == nil {
		c.invite(i)
	} else if c.serveInvited(i) != nil {
		c.decline(i, partner{})
	}
}

func (c *conversation) invite(i *invitation) {
	i.retry = nil
	c.ask(serverRequest{Class: mediaClass, Subclass: "call", Cmd: "invite", Data: i.said}, func(c *conversation, a *reply) { c.inviteReplied(i, a) })
}

// inviteReplied takes the client's reply: an error, or none in time, makes it
// one who cannot be reached; with retry it wants to be asked again (dossier 4.2).
func (c *conversation) inviteReplied(i *invitation, a *reply) {
	if c.calls.invited[i.said.CallID] != i || i.accepted {
		return
	}
	if a == nil || !a.ok() {
		c.decline(i, partner{})
		return
	}
	v, f := check([]field{intField("retry", -1<<31, 0), objectField("events_body"), {name: "subscribe", form: anyForm}}, orNothing(a.data))
	if f != nil {
		return // whatever else it says, it can ring
	}
	i.body = v.raw("events_body")
	if !v.has("retry") {
		return
	}
	n := v.number("retry")
	if n <= 0 {
		c.decline(i, partner{})
		return
	}
	i.retry = c.held.clock.set(time.Duration(min(n, longestRetry))*time.Second, func(c *conversation) { c.invite(i) })
}

func orNothing(data json.RawMessage) json.RawMessage {
	if absent(data) {
		return nil
	}
	return data
}

// decline takes the client out of a call.
func (c *conversation) decline(i *invitation, p partner) {
	var body []byte
	if p.Said {
		body = encode(p)
	}
	_ = c.session().Reject(i.id, body) // it may be over already
	c.forgetInvitation(i)
}

func (c *conversation) forgetInvitation(i *invitation) {
	if s := i.session; s != nil {
		i.session, s.invitation = nil, nil
		c.stop(s, faultOf("peer_stopped"))
	}
	id := i.said.CallID
	c.held.clock.stop(i.retry)
	delete(c.calls.invited, id)
	if c.calls.made[id] == nil {
		delete(c.calls.byID, i.id)
	}
	c.calls.lost = append(c.calls.lost, id)
	if len(c.calls.lost) > mostLost {
		c.calls.lost = c.calls.lost[1:]
	}
}

// invitationOver tells the client that a call is over for it, whether it wants
// to hear of it or not (dossier 4.2). Clients that answer by commands know no
// such event while they ring: they are asked to hang up.
func (c *conversation) invitationOver(i *invitation, why *fault) {
	c.forgetInvitation(i)
	body := ending(c.generation, why)
	c.tellCallee(i, "hangup", body)
	if c.generation == G1 && c.calls.byCommand && !i.accepted {
		body["call_id"] = i.said.CallID
		c.ask(serverRequest{Class: mediaClass, Subclass: "call", Cmd: "hangup", Data: body}, nil)
	}
}

// tellCallee says an event of a call to one who is in it without having made it.
func (c *conversation) tellCallee(i *invitation, typ string, body object) {
	if i.body != nil {
		c.writeMerged(encode(event{Class: mediaClass, Subclass: "call", Type: typ, ObjID: i.said.CallID, Body: encode(body)}), []json.RawMessage{i.body})
		return
	}
	c.sayEvent(event{Class: mediaClass, Subclass: "call", Type: typ, ObjID: i.said.CallID, Body: encode(body)})
}

// calleeSays does what one who is invited says.
func (c *conversation) calleeSays(q *request, i *invitation, what string, p partner) *fault {
	switch what {
	case "ringing":
		if c.session().Ring(i.id, encode(p)) != nil {
			return faultOf("already_answered")
		}
	case "accepted":
		if i.session != nil {
			return c.acceptServed(q, i, p)
		}
		return c.accept(i, p)
	default: // rejected, or a hangup before the answer
		if i.accepted {
			return faultOf("already_answered")
		}
		c.decline(i, p)
	}
	return nil
}

// accept wins a call, unless somebody was faster.
func (c *conversation) accept(i *invitation, p partner) *fault {
	if _, err := c.session().Accept(i.id, core.AnswerRequest{Body: encode(p)}); err != nil {
		return faultOf("already_answered")
	}
	i.accepted = true
	c.held.clock.stop(i.retry)
	return nil
}

// calleeHangup ends a call that the client has accepted.
func (c *conversation) calleeHangup(i *invitation, p partner) *fault {
	why := p.reason(faultOf("user_hangup"))
	var body []byte
	if p.Said {
		body = encode(p)
	}
	if c.session().Hangup(i.id, body) != nil {
		return faultOf("call_not_found")
	}
	c.forgetInvitation(i)
	c.later = append(c.later, func(c *conversation) { c.tellCallee(i, "hangup", ending(c.generation, why)) })
	return nil
}

// candidate is what the parties of a call tell each other of their media
// connections (dossier 4.1).
type candidate struct {
	CallID    string `json:"call_id"`
	End       bool   `json:"end,omitempty"`
	Mid       string `json:"mid,omitempty"`
	Line      int    `json:"line"`
	Candidate string `json:"candidate,omitempty"`
}

func (c *conversation) callCandidate(q *request, v values) {
	if s := c.servedIn(v.text("call_id")); s != nil {
		c.setCandidate(q, s, v)
		return
	}
	c.passCandidate(q, candidate{CallID: v.text("call_id"), Mid: v.text("sdpMid"), Line: v.number("sdpMLineIndex"), Candidate: v.text("candidate")})
}

func (c *conversation) callCandidateEnd(q *request, v values) {
	if s := c.servedIn(v.text("call_id")); s != nil {
		c.endCandidates(q, s, v)
		return
	}
	c.passCandidate(q, candidate{CallID: v.text("call_id"), End: true})
}

func (c *conversation) passCandidate(q *request, what candidate) {
	var to core.SessionID
	switch k, i := c.calls.made[what.CallID], c.calls.invited[what.CallID]; {
	case k != nil:
		to = k.answered
	case i != nil:
		to = i.from
	default:
		c.fail(q, faultOf("call_not_found"))
		return
	}
	if to == "" || c.session().SendTo(core.SessionMessage{To: to, Type: candidateType, Body: encode(what)}) != nil {
		c.fail(q, faultOf("invalid_state"))
		return
	}
	c.reply(q, nil)
}

// candidateFrom tells the client a candidate of the other party's.
func (c *conversation) candidateFrom(f core.SessionMessageSent) {
	var what candidate
	if json.Unmarshal(f.Body, &what) != nil {
		return
	}
	typ, body := "candidate", object{"sdpMid": what.Mid, "sdpMLineIndex": what.Line, "candidate": what.Candidate}
	if what.End {
		typ, body = "candidate_end", object{}
	}
	switch k, i := c.calls.made[what.CallID], c.calls.invited[what.CallID]; {
	case k != nil && k.answered == f.From:
		c.callHappened(k, typ, body)
	case i != nil && i.from == f.From:
		c.tellCallee(i, typ, body)
	}
}
