package nkmedia

import (
	"encoding/json"
	"strconv"
	"time"

	"switchboard/internal/core"
)

// Conversations of two connections speak with each other by messages between
// their sessions, one media type for each kind. Nobody but this dialect sends
// these.
const (
	commandType   = "application/x-nkmedia-command"   // execute this as if your client had sent it
	tunnelType    = "application/x-nkmedia-request"   // ask your client this
	replyType     = "application/x-nkmedia-reply"     // the outcome of either
	stopType      = "application/x-nkmedia-stop"      // close your connection
	candidateType = "application/x-nkmedia-candidate" // of the other party of a call
)

// letter is the body of a command or a request.
type letter struct {
	ID    string          `json:"id"`
	Class string          `json:"class"`
	Sub   string          `json:"sub,omitempty"`
	Cmd   string          `json:"cmd"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// relayedReply is the body of a reply.
type relayedReply struct {
	ID     string `json:"id"`
	OK     bool   `json:"ok"`
	Data   any    `json:"data,omitempty"`
	Name   string `json:"name,omitempty"`
	Detail string `json:"detail,omitempty"`
	Code   int    `json:"code,omitempty"`
	Own    bool   `json:"own,omitempty"`
}

// origin is where a request came from that another connection sent here.
type origin struct {
	from core.SessionID
	id   string
}

// relay is a request that another connection executes.
type relay struct {
	q     *request
	alarm *alarm
}

// commandLimit is how long a command on a session may take (dossier 1.3).
const commandLimit = 30 * time.Second

// relay passes a request on and waits for the outcome.
func (c *conversation) relay(q *request, to core.SessionID, kind string, limit time.Duration, l letter) {
	c.relays++
	l.ID = strconv.Itoa(c.relays)
	if err := c.session().SendTo(core.SessionMessage{To: to, Type: kind, Body: encode(l)}); err != nil {
		f := coreFault(err)
		if core.KindOf(err) == core.NotFound || core.KindOf(err) == core.Unavailable {
			f = faultOf("session_not_found")
		}
		c.fail(q, f)
		return
	}
	c.relayed[l.ID] = &relay{q, c.clock.set(limit, func(c *conversation) {
		delete(c.relayed, l.ID)
		c.fail(q, faultOf("timeout"))
	})}
}

// answerOrigin sends the outcome of a request back to where it came from.
func (c *conversation) answerOrigin(o *origin, a relayedReply) {
	a.ID = o.id
	_ = c.session().SendTo(core.SessionMessage{To: o.from, Type: replyType, Body: encode(a)}) // who is gone needs none
}

// messageFrom takes what another conversation of this dialect sends.
func (c *conversation) messageFrom(f core.SessionMessageSent) {
	switch f.Type {
	case stopType:
		c.end(1000, "the session was stopped")
	case replyType:
		c.outcome(f.Body)
	case candidateType:
		c.candidateFrom(f)
	case commandType, tunnelType:
		var l letter
		if json.Unmarshal(f.Body, &l) != nil {
			return
		}
		q := &request{class: l.Class, sub: orCore(l.Sub), cmd: l.Cmd, data: l.Data, origin: &origin{f.From, l.ID}}
		if f.Type == commandType {
			c.perform(q)
			return
		}
		c.askFor(q)
	}
}

func orCore(sub string) string {
	if sub == "" {
		return coreClass
	}
	return sub
}

// askFor asks the client on behalf of another.
func (c *conversation) askFor(q *request) {
	var data any
	if q.data != nil {
		data = q.data
	}
	c.ask(serverRequest{Class: q.class, Subclass: q.sub, Cmd: q.cmd, Data: data}, func(c *conversation, a *reply) {
		switch {
		case a == nil:
			c.fail(q, faultOf("timeout"))
		case a.ok() && absent(a.data):
			c.reply(q, nil)
		case a.ok():
			c.reply(q, a.data)
		default:
			c.fail(q, a.failure())
		}
	})
}

// outcome replies to the client what another connection found.
func (c *conversation) outcome(body []byte) {
	var a struct {
		relayedReply
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &a) != nil {
		return
	}
	r := c.relayed[a.ID]
	if r == nil {
		return // too late
	}
	delete(c.relayed, a.ID)
	c.clock.stop(r.alarm)
	switch {
	case !a.OK:
		c.fail(r.q, &fault{name: a.Name, detail: a.Detail, code: a.Code, own: a.Own})
	case absent(a.Data):
		c.reply(r.q, nil)
	default:
		c.reply(r.q, a.Data)
	}
}
