package nkmedia

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"switchboard/internal/core"
)

// calls are those that the client made and those that it was invited to, by the
// id that clients know them by.
type calls struct {
	made    map[string]*call
	invited map[string]*invitation
	byID    map[core.CallID]string
	lost    []string // invitations that are over, so that a late answer is told so
	// byCommand: the client has answered an invitation by commands, as the first
	// servers wanted it.
	byCommand bool
}

func newCalls() calls {
	return calls{made: map[string]*call{}, invited: map[string]*invitation{}, byID: map[core.CallID]string{}}
}

// mostLost is how many calls are remembered that somebody else answered.
const mostLost = 64

// call is one that the client made.
type call struct {
	id       core.CallID
	wire     string
	kind     string // user or session
	modern   bool   // made by create
	session  *session
	callee   string
	answered core.SessionID // by whom; empty: not yet
	served   bool           // the server carries its media
	room     core.RoomID    // where it does
}

// longestRing is the most that a call may ring (dossier 4.2).
const longestRing = 180 * time.Second

func callCommands() map[string]command {
	start := command{run: (*conversation).startCall, fields: join(
		[]field{wordField("type", typeWords()...), descriptionField("offer"), intField("ring_time", 1, 0), objectField("events_body"),
			wordField("backend", callBackends()...), wordField("sdp_type", "webrtc", "rtp"),
			objectField("event_body"), objectField("meta"), {name: "caller", form: anyForm}, intField("trickle_ice_timeout", 100, 30000)},
		fieldsOf(textForm, "session_id", "user", "session", "url", "user_id", "dest", "callee", "callee_id", "call_id"),
		fieldsOf(boolForm, "subscribe", "no_offer_trickle_ice", "no_answer_trickle_ice"))}
	about := must(textField("call_id"))
	ringing := command{fields: join(about, []field{descriptionField("answer"), {name: "callee", form: anyForm}}), run: callCommand("ringing")}
	accepted := command{run: callCommand("accepted"), fields: join(about, []field{descriptionField("answer"), descriptionField("offer"),
		{name: "callee", form: anyForm}, objectField("events_body")}, fieldsOf(boolForm, "subscribe"))}
	ended := join(about, fieldsOf(textForm, "error", "reason"), []field{intField("code", -1<<31, 0)})
	candidate := command{fields: join(about, must(intField("sdpMLineIndex", 0, 1<<15), textField("candidate")), fieldsOf(textForm, "sdpMid")),
		run: (*conversation).callCandidate}
	noMore := command{fields: about, run: (*conversation).callCandidateEnd}
	info := command{fields: about, run: (*conversation).callInfo}
	list := command{run: (*conversation).listCalls}
	return map[string]command{
		"media/call/start":             start,
		"media/call/create":            start,
		"media/call/ringing":           ringing,
		"media/call/accepted":          accepted,
		"media/call/answered":          accepted,
		"media/call/answer":            accepted,
		"media/call/rejected":          {fields: ended, run: callCommand("rejected")},
		"media/call/hangup":            {fields: ended, run: callCommand("hangup")},
		"media/call/set_candidate":     candidate,
		"media/call/set_candidate_end": noMore,
		"media/call/info":              info,
		"media/call/get_info":          info,
		"media/call/list":              list,
		"media/call/get_list":          list,
	}
}

// invite is what a callee is told, in the order of the published sample.
type invite struct {
	CallID string          `json:"call_id"`
	Type   string          `json:"type"`
	User   string          `json:"user,omitempty"`
	Offer  json.RawMessage `json:"offer,omitempty"`
	Meta   json.RawMessage `json:"meta,omitempty"`
	Caller json.RawMessage `json:"caller,omitempty"`
	// SessionID is of the session that the server has made for who is invited.
	SessionID string `json:"session_id,omitempty"`
}

// target reads whom a call is for: each type has a field of its own, later ones
// have one for all (dossier 4.1).
func target(v values) (kind, who string, f *fault) {
	kind = v.text("type")
	callee := v.text("callee", "dest")
	names := map[string]string{"user": "user", "session": "session", "sip": "url", "verto": "user_id"}
	switch {
	case kind == "" && callee == "":
		return "", "", faultOf("missing_field", "type")
	case kind == "":
		return "", callee, nil
	case names[kind] == "":
		return "", "", faultOf("syntax_error", "type")
	}
	if who = v.text("callee", "dest", names[kind]); who == "" {
		return "", "", faultOf("missing_field", names[kind])
	}
	return kind, who, nil
}

// startCall rings whom the client names: seed "Start a call", dossier 4.2.
func (c *conversation) startCall(q *request, v values) {
	k, f := c.newCall(q, v)
	if f != nil {
		c.fail(q, f)
		return
	}
	offer := v.object("offer").raw(whole)
	if offer == nil && k.session != nil {
		offer = k.session.passedOn
	}
	body := invite{CallID: k.wire, Type: k.kind, Offer: offer, Meta: v.raw("meta"), Caller: v.raw("caller")}
	r := core.CallRequest{Via: Name, Timeout: c.o.RingTime}
	if n := v.number("ring_time"); n > 0 {
		r.Timeout = min(time.Duration(n)*time.Second, longestRing)
	}
	if k.kind == "session" {
		s, _ := c.connection(k.callee) // of this dialect, or none
		r.To = []core.SessionID{s.ID}
	} else {
		r.ToUser, body.User = k.callee, k.callee
	}
	place := func(served *servedCall) *fault {
		r.Body = encode(ring{body, served})
		return c.place(q, k, r, v)
	}
	if k.served {
		f = c.serveCall(q, k, v, place)
	} else {
		f = place(nil)
	}
	if f != nil {
		c.fail(q, f)
	}
}

// place makes the call, whose events the client is told from then on.
func (c *conversation) place(q *request, k *call, r core.CallRequest, v values) (f *fault) {
	if c.calls.made[k.wire] != nil { // since the caller's offer came
		return faultOf("duplicated_session_id")
	}
	if v.flag("subscribe", true) {
		f = c.subscribe(subscription{class: mediaClass, sub: "call", typ: anything, id: k.wire, body: v.raw("events_body", "event_body"), once: true})
	}
	if f == nil {
		f = c.ring(q, k, r)
	}
	if f != nil {
		c.unsubscribe(&subscription{class: mediaClass, sub: "call", typ: anything, id: k.wire})
	}
	return f
}

// newCall checks what a call is made of.
func (c *conversation) newCall(q *request, v values) (*call, *fault) {
	kind, who, f := target(v)
	if f != nil {
		return nil, f
	}
	k := &call{wire: v.text("call_id"), kind: kind, callee: who, modern: q.cmd == "create" && c.generation != G2}
	switch {
	case k.wire == "":
		k.wire = newID()
	case !usableID(k.wire):
		return nil, faultOf("invalid_parameters")
	case c.calls.made[k.wire] != nil || c.calls.invited[k.wire] != nil:
		return nil, faultOf("duplicated_session_id")
	}
	if id := v.text("session_id"); id != "" {
		if k.session = c.own(id); k.session == nil || k.session.start != nil {
			return nil, faultOf("session_not_found")
		}
		if k.session.call != nil || k.session.ready && k.session.kind != "p2p" {
			return nil, faultOf("incompatible_session")
		}
	}
	if k.modern {
		kind, who, k.served = choose(v, kind, who)
		k.kind, k.callee, k.served = kind, who, k.served && k.session == nil
	}
	switch kind {
	case "verto":
		return nil, faultOf("not_available", "Verto")
	case "sip":
		return nil, c.dial(who)
	case "": // whoever it may be
		k.kind = "user"
		if len(c.connections(who)) == 0 && named("s", who) != "s" {
			k.kind = "session"
		}
	}
	return k, nil
}

// dial asks the core for a telephone; there is no gateway yet.
func (c *conversation) dial(who string) *fault {
	if _, err := c.session().Dial(core.DialRequest{URI: who}); err != nil {
		return faultOf("not_available", "SIP: "+err.Error())
	}
	return faultOf("not_implemented")
}

// ring makes the call. The reply comes at once; that nobody can be reached is
// told afterwards, as an event (dossier 4.2).
func (c *conversation) ring(q *request, k *call, r core.CallRequest) *fault {
	id, err := c.session().Call(r)
	var e *core.Error
	switch {
	case errors.As(err, &e) && e.Kind == core.NotFound && e.Subject == core.AboutParticipant:
		c.reply(q, object{"call_id": k.wire})
		c.callHappened(k, "hangup", ending(c.generation, faultOf("no_destination")))
		c.callStopsSession(k, faultOf("no_destination"))
		return nil
	case err != nil:
		return coreFault(err)
	}
	k.id = id
	c.calls.made[k.wire], c.calls.byID[id] = k, k.wire
	if k.session != nil {
		k.session.call = k
	}
	c.reply(q, object{"call_id": k.wire})
	return nil
}

// ending is the body of a hangup: with the text under the name of the published
// sample and under that of the servers (dossier 4.2).
func ending(g Generation, f *fault) object {
	return object{"code": f.number(g), "reason": f.text(g), "error": f.text(g)}
}

// callHappened tells what happened to a call of the client's.
func (c *conversation) callHappened(k *call, typ string, body any) {
	e := event{Class: mediaClass, Subclass: "call", Type: typ, ObjID: k.wire}
	if body != nil {
		e.Body = encode(body)
	}
	c.tell(e)
}

// partner is what two parties of a call pass to each other by the core.
type partner struct {
	Answer json.RawMessage `json:"answer,omitempty"`
	Callee json.RawMessage `json:"callee,omitempty"`
	Code   int             `json:"code,omitempty"`
	Text   string          `json:"text,omitempty"`
	Said   bool            `json:"said,omitempty"` // Code and Text are a client's
}

func readPartner(body []byte) (p partner) {
	if len(body) > 0 {
		_ = json.Unmarshal(body, &p) // nobody else makes these
	}
	return p
}

// reason is why a call ended: in the words of whoever ended it, if they had any.
func (p partner) reason(otherwise *fault) *fault {
	if p.Said {
		return said(p.Code, p.Text)
	}
	return otherwise
}

// callEvent is what the core tells of calls.
func (c *conversation) callEvent(f core.Fact) {
	switch f := f.(type) {
	case core.CallInvited:
		c.invitedBy(f)
	case core.CallRinging:
		if k := c.calls.made[c.calls.byID[f.Call]]; k != nil {
			p := readPartner(f.Body)
			if k.served {
				p.Answer = nil // of another session
			}
			c.callHappened(k, "ringing", partnerBody(p))
		}
	case core.CallAnswered:
		if k := c.calls.made[c.calls.byID[f.Call]]; k != nil {
			c.answeredBy(k, f)
		}
	case core.CallEnded:
		c.callEnded(f)
	}
}

func partnerBody(p partner) any {
	o := object{}
	if p.Answer != nil {
		o["answer"] = p.Answer
	}
	if p.Callee != nil {
		o["callee"] = p.Callee
	}
	if len(o) == 0 {
		return nil
	}
	return o
}

// answeredBy tells the caller who answered, in the words of the caller's
// generation (dossier 9.2), and gives the answer to the session that the call
// is coupled with.
func (c *conversation) answeredBy(k *call, f core.CallAnswered) {
	k.answered = f.By
	p := readPartner(f.Body)
	if k.served {
		var fault *fault
		if p.Answer, fault = c.callerMeets(k); fault != nil {
			c.hangup(k, fault)
			return
		}
	}
	switch {
	case k.modern:
		c.callHappened(k, "accepted", partnerBody(partner{Callee: p.Callee}))
		if p.Answer != nil {
			o := object{"answer": p.Answer}
			if k.session != nil {
				o["session_id"] = k.session.id
			}
			c.callHappened(k, "answer", o)
		}
	case c.generation == G1:
		c.callHappened(k, "accepted", partnerBody(p))
	default:
		c.callHappened(k, "answer", partnerBody(p))
	}
	if k.session == nil || k.served || p.Answer == nil {
		return
	}
	var answer struct {
		SDP string `json:"sdp"`
	}
	if json.Unmarshal(p.Answer, &answer) != nil || answer.SDP == "" {
		return // it may come by any other way (seed)
	}
	if f := c.answer(silently("set_answer"), k.session, answer.SDP, true); f != nil {
		c.hangup(k, f)
	}
}

// callEnded tells that a call is over, to its caller or to one who was invited.
func (c *conversation) callEnded(f core.CallEnded) {
	wire := c.calls.byID[f.Call]
	p := readPartner(f.Body)
	if k := c.calls.made[wire]; k != nil && f.Reason != core.ReasonElsewhere {
		why := faultOf("no_answer") // also when everybody rejected
		if k.answered != "" {
			why = faultOf("callee_stop")
		}
		if f.Reason == core.ReasonHangup {
			why = faultOf("user_hangup")
		}
		c.callOver(k, p.reason(why))
	}
	if i := c.calls.invited[wire]; i != nil {
		why := faultOf("originator_cancel")
		switch {
		case i.accepted && f.Reason == core.ReasonHangup:
			why = faultOf("user_hangup")
		case i.accepted:
			why = c.disconnected()
		}
		c.invitationOver(i, p.reason(why))
	}
}

// callOver forgets a call that has ended and tells who wants to hear of it. The
// session coupled with it stops for the same reason.
func (c *conversation) callOver(k *call, why *fault) {
	delete(c.calls.made, k.wire)
	if c.calls.invited[k.wire] == nil {
		delete(c.calls.byID, k.id)
	}
	c.callHappened(k, "hangup", ending(c.generation, why))
	c.callStopsSession(k, why)
}

func (c *conversation) callStopsSession(k *call, why *fault) {
	if s := k.session; s != nil {
		k.session, s.call = nil, nil
		c.stop(s, why)
	}
}

// hangup ends a call of the client's.
func (c *conversation) hangup(k *call, why *fault) {
	_ = c.session().Hangup(k.id, encode(partner{Code: why.number(c.generation), Text: why.text(c.generation), Said: true})) // it may be over already
	if i := c.calls.invited[k.wire]; i != nil {                                                                             // one can call oneself
		c.forgetInvitation(i)
	}
	c.callOver(k, why)
}

// callCommand makes a command of something that is said about a call; the
// published page says it by events instead, with the same effect (dossier 4.1).
func callCommand(what string) func(*conversation, *request, values) {
	return func(c *conversation, q *request, v values) {
		invited := c.calls.invited[v.text("call_id")] != nil
		if f := c.callSays(q, v.text("call_id"), what, v); f != nil {
			c.fail(q, f)
			return
		}
		if invited && what != "hangup" {
			c.calls.byCommand = true
		}
		if i := c.calls.invited[v.text("call_id")]; i != nil && v.has("events_body") {
			i.body = v.raw("events_body")
		}
		if !q.later {
			c.reply(q, nil)
		}
	}
}

// callSaid is an event of the client's about a call.
func (c *conversation) callSaid(q *request, id, what string, body json.RawMessage) *fault {
	words := map[string]string{"ringing": "ringing", "accepted": "accepted", "answered": "accepted", "answer": "accepted", "rejected": "rejected",
		"hangup": "hangup"}
	if words[what] == "" {
		return nil // acknowledged and ignored, as upstream
	}
	v, f := check([]field{descriptionField("answer"), {name: "callee", form: anyForm}, textField("error"), textField("reason"),
		intField("code", -1<<31, 0)}, body)
	if f != nil {
		return f
	}
	return c.callSays(q, id, words[what], v)
}

// callSays does what a party of a call says. The reply may have to come later.
func (c *conversation) callSays(q *request, id, what string, v values) *fault {
	k, i := c.calls.made[id], c.calls.invited[id]
	p := partner{Answer: v.object("answer").raw(whole), Callee: v.raw("callee")}
	if v.has("code", "error", "reason") {
		p.Code, p.Text, p.Said = v.number("code"), v.text("reason", "error"), true
		if p.Text == "" {
			p.Text = faultOf("user_hangup").text(c.generation)
		}
		if !v.has("code") {
			p.Code = faultOf("user_hangup").number(c.generation)
		}
	}
	switch {
	case what == "hangup" && k != nil:
		c.hangup(k, p.reason(faultOf("user_hangup")))
		return nil
	case what == "hangup" && i != nil && i.accepted:
		return c.calleeHangup(i, p)
	case i != nil:
		return c.calleeSays(q, i, what, p)
	case slices.Contains(c.calls.lost, id) && what == "rejected":
		return nil // too late, and no harm done
	case slices.Contains(c.calls.lost, id) && what != "hangup":
		return faultOf("already_answered")
	}
	return faultOf("call_not_found")
}
