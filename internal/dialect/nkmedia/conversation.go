package nkmedia

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// conversation translates for one connection; see [dialect.Conversation].
type conversation struct {
	o     *Options
	c     *core.Connection
	out   []dialect.Frame       // to be written when the present call returns
	clock clock                 // of what ends with the connection
	later []func(*conversation) // to be said after that
	over  bool                  // nothing is said any more

	login      *login // under way
	failures   int    // of logins
	generation Generation
	heard      time.Time // the client's last message
	tid        int       // of the server's latest request
	asked      map[int]*asked
	relayed    map[string]*relay // commands that other connections execute
	relays     int               // so often

	*held
}

// held is what a client finds again when it resumes its session on another
// connection.
type held struct {
	user       string // empty before the login
	admin      bool
	clock      clock // of what goes on without a connection
	followed   map[string]*subscription
	subscribed int            // so often
	inner      map[string]int // topics followed for links, and how often
	media      mediaSessions
	calls      calls
	rooms      map[core.RoomID]*watched
}

func newHeld() *held {
	return &held{followed: map[string]*subscription{}, inner: map[string]int{}, media: newMediaSessions(), calls: newCalls(),
		rooms: map[core.RoomID]*watched{}}
}

// open begins a conversation. Its URL may name the generation.
func open(o *Options, connection *core.Connection, query map[string][]string) *conversation {
	c := &conversation{o: o, c: connection, generation: o.Generation, heard: time.Now(), asked: map[int]*asked{},
		relayed: map[string]*relay{}, held: newHeld()}
	if g := query["generation"]; len(g) > 0 {
		c.speak(g[0])
	}
	c.clock.set(o.IdleLimit, (*conversation).idle)
	return c
}

// speak takes a generation that a client names.
func (c *conversation) speak(name string) {
	switch g := Generation(name); g {
	case G1, G2, G3, G4:
		c.generation = g
	}
}

// idle ends a connection that says nothing (dossier 1.1).
func (c *conversation) idle() {
	silent := time.Since(c.heard)
	if silent >= c.o.IdleLimit {
		c.end(1001, "nothing was heard for too long")
		return
	}
	c.clock.set(c.o.IdleLimit-silent, (*conversation).idle)
}

// Receive implements [dialect.Conversation].
func (c *conversation) Receive(_ context.Context, text []byte) []dialect.Frame {
	if c.over {
		return nil
	}
	c.heard = time.Now()
	k, q, a := read(text)
	switch k {
	case isNothing: // dossier 1.2
		c.end(1003, "neither a request, a reply nor an ack")
	case isBroken:
		c.fail(q, faultOf("syntax_error", "class"))
	case isRequest:
		c.take(q)
	case isReply:
		c.replied(a)
	case isAck:
		c.acknowledged(a)
	case isEvent:
		if c.user != "" {
			_ = c.clientEvent(q)
		}
	}
	return c.flush()
}

// Notify implements [dialect.Conversation].
func (c *conversation) Notify(_ context.Context, e *core.Event) []dialect.Frame {
	if c.over {
		return nil
	}
	switch f := e.Fact.(type) {
	case core.TopicTold:
		c.told(e, &f)
	case core.LoginMade:
		c.loginMade(f)
	case core.SessionMessageSent:
		c.messageFrom(f)
	case core.SessionEnded:
		c.sessionEnded(f.Reason)
	case core.RoomClosed, core.ParticipantJoined, core.ParticipantLeft, core.TrackPublished, core.TrackUnpublished, core.RoomDataChanged,
		core.ParticipantChanged:
		c.roomEvent(e.Fact)
	case core.CallInvited, core.CallRinging, core.CallAnswered, core.CallEnded:
		c.callEvent(e.Fact)
	default:
		c.mediaEvent(e.Fact)
	}
	return c.flush()
}

// Deadline implements [dialect.Conversation].
func (c *conversation) Deadline() time.Time {
	if c.over {
		return time.Time{}
	}
	return earlier(c.clock.next(), c.held.clock.next())
}

// Expire implements [dialect.Conversation].
func (c *conversation) Expire(_ context.Context, now time.Time) []dialect.Frame {
	for !c.over {
		a := c.clock.due(now)
		if a == nil {
			a = c.held.clock.due(now)
		}
		if a == nil {
			break
		}
		a.ring(c)
	}
	return c.flush()
}

// Closed implements [dialect.Conversation]. What the client started waits for it
// to come back, if the configuration says so.
func (c *conversation) Closed(how dialect.Closure) {
	if c.user == "" || c.o.Grace <= 0 || c.over || how.Clean {
		return // the session ends, and others are told by its entries' wills
	}
	c.keep()
	c.c.Detach(c.o.Grace)
}

// sessionEnded closes the connection of a session that was ended.
func (c *conversation) sessionEnded(why core.Reason) {
	switch why {
	case core.ReasonShutdown:
		c.end(1012, "the server is stopping")
	case core.ReasonReplaced:
		c.end(1000, "continued on another connection")
	default:
		c.end(1000, "the session was stopped")
	}
}

// end closes the connection after what was written.
func (c *conversation) end(code int, reason string) {
	if !c.over {
		c.out = append(c.out, dialect.End(code, reason))
		c.over = true
	}
}

func (c *conversation) session() *core.Session { return c.c.Session() }

// self is how the client's connection is named to clients.
func (c *conversation) self() string { return shown(c.session().ID()) }

func (c *conversation) write(text []byte) { c.out = append(c.out, dialect.Text(text)) }

func (c *conversation) flush() []dialect.Frame {
	for len(c.later) > 0 && !c.over {
		first := c.later[0]
		c.later = c.later[1:]
		first(c)
	}
	out := c.out
	c.out = nil
	return out
}

// reply says that a request succeeded; data may be nil.
func (c *conversation) reply(q *request, data any) {
	if q.over {
		return
	}
	q.over = true
	if q.origin != nil {
		c.answerOrigin(q.origin, relayedReply{OK: true, Data: data})
		return
	}
	if o, isObject := data.(object); isObject && len(o) == 0 {
		data = nil
	}
	c.write(encode(okReply{"ok", data, q.tid}))
	c.tellIgnored(q)
}

// fail says that a request did not succeed.
func (c *conversation) fail(q *request, f *fault) {
	if q.over {
		return
	}
	q.over = true
	if q.origin != nil {
		c.answerOrigin(q.origin, relayedReply{Name: f.name, Detail: f.detail, Code: f.code, Own: f.own})
		return
	}
	c.write(encode(errorReply{"error", f.wire(c.generation), q.tid}))
	c.tellIgnored(q)
}

// tellIgnored tells which members of a command were not understood, to clients
// whose servers did so (dossier 1.7).
func (c *conversation) tellIgnored(q *request) {
	if len(q.ignored) == 0 || c.generation == G1 {
		return
	}
	c.hear(event{Class: coreClass, Subclass: "session_event", Type: "unrecognized_fields", ObjID: c.self(),
		Body: encode(object{"class": q.class, "subclass": q.sub, "cmd": q.cmd, "fields": q.ignored})})
}

// ack tells that the reply to a request will take a while.
func (c *conversation) ack(q *request) {
	if c.generation != G4 && q.origin == nil {
		c.write(encode(ackMessage{q.tid}))
	}
}

// asked is a request of the server's that the client has not replied to.
type asked struct {
	alarm *alarm
	event bool
	// done is told the reply; nil when the client did not reply in time. It may
	// be nil itself.
	done func(*conversation, *reply)
}

// mostAsked is how many requests may wait for a client's reply.
const mostAsked = 1 << 14

// ask sends a request to the client (dossier 1.3).
func (c *conversation) ask(q serverRequest, done func(*conversation, *reply)) {
	c.tid++
	q.TID = c.tid
	if q.Subclass == coreClass {
		q.Subclass = ""
	}
	c.await(&asked{done: done})
	c.write(encode(q))
}

// await waits for the reply to the request sent last.
func (c *conversation) await(a *asked) {
	tid := c.tid
	if len(c.asked) >= mostAsked {
		c.end(1008, "too many requests were not replied to")
		return
	}
	a.alarm = c.clock.set(c.o.ReplyLimit, func(c *conversation) { c.unanswered(tid) })
	c.asked[tid] = a
}

// unanswered ends the wait for a reply: the request is as good as refused.
// Upstream closes the connection.
func (c *conversation) unanswered(tid int) {
	a := c.asked[tid]
	delete(c.asked, tid)
	if c.o.Strict {
		c.end(1008, "a request was not replied to in time")
		return
	}
	if a.event {
		c.o.Log.Warn("event not taken by the client", "via", Name, "session", c.session().ID())
		return
	}
	if a.done != nil {
		a.done(c, nil)
	}
}

func (c *conversation) replied(a *reply) {
	tid, ok := asInt(a.tid)
	q := c.asked[tid]
	if !ok || q == nil {
		return // dossier 1.2: ignored
	}
	delete(c.asked, tid)
	c.clock.stop(q.alarm)
	if q.done != nil {
		q.done(c, a)
	}
}

// ackLimit is how long a client that said it needs longer may take.
const ackLimit = 180 * time.Second

func (c *conversation) acknowledged(a *reply) {
	if tid, ok := asInt(a.tid); ok && c.asked[tid] != nil {
		c.clock.move(c.asked[tid].alarm, ackLimit)
	}
}

// failure reads what a client says in a negative reply.
func (a *reply) failure() *fault {
	var said struct {
		Code  json.RawMessage `json:"code"`
		Error json.RawMessage `json:"error"`
	}
	if a.result != "error" {
		return faultOf("invalid_reply")
	}
	_ = json.Unmarshal(a.data, &said) // what is missing is not said
	f := &fault{name: "Unknown error", own: true}
	if !absent(said.Error) {
		f.name, _ = asText(said.Error)
	}
	if !absent(said.Code) {
		f.code, _ = asInt(said.Code)
	}
	return f
}

// appendTID completes an event that is shared by many connections.
func appendTID(prefix []byte, tid int) []byte {
	b := make([]byte, 0, len(prefix)+12)
	b = append(b, prefix...)
	b = strconv.AppendInt(b, int64(tid), 10)
	return append(b, '}')
}
