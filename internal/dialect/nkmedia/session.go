package nkmedia

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// session is a media session (dossier 3): one or two media connections, and
// where they are.
type session struct {
	id, kind string
	modern   bool // speaks as the third generation: it was made by create
	backend  string
	place    stay
	main     *leg // of the client that started it; nil: p2p
	far      *leg // of the called party of a proxy
	use      use

	offer, answer   string          // as far as they are known
	offered         json.RawMessage // the client's offer, as it came; nil: the server made one
	plain           bool            // the main leg is RTP without encryption
	trickle         bool            // the client takes candidates one by one
	passedOn        json.RawMessage // the offer for whom the client calls
	held            string          // the answer of a proxy that waits for a bridge
	ready           bool            // offer and answer are there
	answering       *request        // a set_answer that is being worked on
	start           *request        // not yet replied to
	wait, readyFor  time.Duration
	alarm           *alarm
	links           map[string]bool // sessions linked with; whether this one stops with them
	master          string          // whose slave it is; empty: nobody's
	copies          bool            // the master gets this one's answer too
	slave           string          // the latest
	status          object          // what is known beside the state of the connection
	wanting         []*request      // that wait for the answer
	patience        *alarm          // of theirs
	stopAfterPeer   bool
	parkAfterBridge bool
	call            *call       // coupled with it
	invitation      *invitation // to the call that it was made for
	record          bool
	bitrate         int
	meta            json.RawMessage
	roomMade        roomWish
	loops           int
	uri             string
	startedAt       time.Time
}

// use says which kinds of media are not switched off.
type use struct{ audio, video, data bool }

func (u use) of(k media.Kind) bool {
	if k == media.Audio {
		return u.audio
	}
	return u.video
}

// mediaSessions are the client's.
type mediaSessions struct {
	byID   map[string]*session
	steps  map[media.TransportID]step
	legs   map[media.TransportID]*session // players too
	inRoom map[core.RoomID]map[*session]struct{}
	linked map[string]map[*session]struct{} // who is linked with an id
}

func newMediaSessions() mediaSessions {
	return mediaSessions{byID: map[string]*session{}, steps: map[media.TransportID]step{}, legs: map[media.TransportID]*session{},
		inRoom: map[core.RoomID]map[*session]struct{}{}, linked: map[string]map[*session]struct{}{}}
}

// entryOf is the name by which others find a session.
func entryOf(id string) string { return "media session " + id }

// details are what others find there.
type details struct {
	Type        string             `json:"type"`
	Room        core.RoomID        `json:"room,omitempty"`
	Participant core.ParticipantID `json:"participant,omitempty"`
}

// usableID tells whether a client's own id can be one: not too long, and of what
// is written.
func usableID(id string) bool {
	return len(id) <= 128 && !strings.ContainsFunc(id, unicode.IsControl)
}

// startSession makes a session: seed "Start a Session", dossier 2.2.
func (c *conversation) startSession(q *request, v values) {
	s, f := c.newSession(q, v)
	if f == nil {
		f = c.begin(s, v)
		if f != nil {
			c.scrap(s)
		}
	}
	if f != nil {
		c.fail(q, f)
	}
}

func (c *conversation) newSession(q *request, v values) (*session, *fault) {
	s := &session{id: v.text("session_id"), kind: v.text("type"), modern: q.cmd == "create" && c.generation != G2, start: q,
		backend: v.text("backend"), wait: c.o.WaitTimeout, readyFor: c.o.ReadyTimeout, links: map[string]bool{}, status: object{},
		stopAfterPeer: v.flag("stop_after_peer", true), parkAfterBridge: v.flag("park_after_bridge", false),
		record: v.flag("record", false), bitrate: v.number("bitrate"), meta: v.raw("session_meta"),
		uri: v.text("uri"), loops: v.number("loops")}
	switch {
	case s.id == "":
		s.id = newID()
	case !usableID(s.id):
		return nil, faultOf("invalid_parameters")
	}
	if f := backendOf(s); f != nil {
		return nil, f
	}
	if n := v.number("wait_timeout"); n > 0 {
		s.wait = time.Duration(n) * time.Second
	}
	if n := v.number("ready_timeout"); n > 0 {
		s.readyFor = time.Duration(n) * time.Second
	}
	offer := v.object("offer")
	s.offer, s.offered = offer.text("sdp"), offer.raw(whole)
	s.plain = offer.text("sdp_type") == "rtp" || s.offer == "" && v.text("sdp_type", "proxy_type") == "rtp" && s.kind != "proxy"
	s.trickle = offer.flag("trickle_ice", false) && !v.flag("no_answer_trickle_ice", false)
	s.use = use{usesOf("audio", v, offer), usesOf("video", v, offer), usesOf("data", v, offer)}
	s.roomMade = wishOf(v)
	var only []string // of its events
	if raw := v.raw("session_events"); raw != nil && json.Unmarshal(raw, &only) != nil {
		return nil, faultOf("syntax_error", "session_events")
	}
	if err := c.session().Claim(core.Claim{Name: entryOf(s.id)}); err != nil {
		return nil, coreFault(err)
	}
	c.media.byID[s.id] = s
	if v.flag("subscribe", true) {
		sub := subscription{class: mediaClass, sub: "session", typ: anything, id: s.id, body: v.raw("session_events_body", "events_body", "event_body"),
			only: only, once: true}
		if f := c.subscribe(sub); f != nil {
			c.scrap(s)
			return nil, f
		}
	}
	return s, nil
}

// usesOf reads whether a kind is wanted: from the command, in either spelling,
// else from the offer, else it is.
func usesOf(kind string, v, offer values) bool {
	switch {
	case v.has("mute_" + kind):
		return !v.flag("mute_"+kind, false)
	case v.has("use_" + kind):
		return v.flag("use_"+kind, true)
	}
	return offer.flag("use_"+kind, true)
}

// The types that are spoken here, and by which of upstream's plugins (dossier
// 3.2). The first is the one that is told.
var backends = map[string][]string{
	"p2p": {""}, "echo": {"nkmedia_janus", "nkmedia_fs", "nkmedia_kms"}, "proxy": {"nkmedia_janus"},
	"publish": {"nkmedia_janus", "nkmedia_kms"}, "listen": {"nkmedia_janus", "nkmedia_kms"},
	"park": {"nkmedia_fs", "nkmedia_kms"}, "mcu": {"nkmedia_fs"}, "bridge": {"nkmedia_fs", "nkmedia_kms", "nkmedia_janus"},
	"play": {"nkmedia_kms"},
}

// backendOf checks that the type is known, and to the plugin that is named. All
// of them are this server.
func backendOf(s *session) *fault {
	able := backends[s.kind]
	if able == nil {
		return unknownType(s)
	}
	if s.backend == "" {
		s.backend = able[0]
		return nil
	}
	for _, b := range able {
		if b == s.backend {
			return nil
		}
	}
	return unknownType(s)
}

func unknownType(s *session) *fault {
	if s.modern {
		return faultOf("not_implemented")
	}
	return faultOf("unknown_session_type")
}

// scrap undoes what a start that failed has done. Nobody is told.
func (c *conversation) scrap(s *session) {
	c.release(s)
	c.session().Unclaim(entryOf(s.id))
	c.unsubscribe(&subscription{class: mediaClass, sub: "session", typ: anything, id: s.id})
}

// started replies to the start of a session, which is there from now on.
func (c *conversation) started(s *session, data object) {
	q := s.start
	s.start, s.startedAt = nil, time.Now()
	data["session_id"] = s.id
	if s.place.named {
		data["room"], data["room_id"] = s.place.room.Name(), s.place.room.Name()
	}
	c.enrol(s)
	c.reply(q, data)
	if s.modern {
		c.happened(s, "created", c.infoOf(s))
	}
	c.rest(s)
	if s.record {
		c.keepRecord(s, true)
	}
}

// enrol lets others find the session, and be told if the client is gone.
func (c *conversation) enrol(s *session) {
	d := details{Type: s.kind, Room: s.place.room}
	if s.place.me != nil {
		d.Participant = s.place.me.ID()
	}
	c.session().AmendClaim(entryOf(s.id), encode(d), c.telling(c.user, c.stopEvent(s, c.disconnected())))
}

// rest sets the clock of the state that the session is in (dossier 3.8).
func (c *conversation) rest(s *session) {
	limit := s.wait
	if s.ready {
		limit = s.readyFor
	}
	if s.alarm == nil {
		s.alarm = c.held.clock.set(limit, func(c *conversation) { c.stop(s, faultOf("session_timeout")) })
		return
	}
	c.held.clock.move(s.alarm, limit)
}

// becomeReady notes that offer and answer are there.
func (c *conversation) becomeReady(s *session, answer string) {
	s.ready, s.answer = true, answer
	c.giveAnswer(s)
	if s.start == nil {
		c.rest(s)
	}
}

// happened tells what happened to a session to whoever wants to hear it.
func (c *conversation) happened(s *session, typ string, body any) {
	e := event{Class: mediaClass, Subclass: "session", Type: typ, ObjID: s.id}
	if body != nil {
		e.Body = encode(body)
	}
	c.tell(e)
}

// disconnected is the reason for what ends with its connection.
func (c *conversation) disconnected() *fault {
	if c.generation == G1 {
		return faultOf("reg_monitor_stop")
	}
	return faultOf("registered_down")
}

func (c *conversation) stopEvent(s *session, why *fault) event {
	e := event{Class: mediaClass, Subclass: "session", Type: "stop", ObjID: s.id,
		Body: encode(object{"code": why.number(c.generation), "reason": why.text(c.generation)})}
	if s.modern {
		e.Type = "destroyed"
	}
	return e
}

// stop ends a session: exactly one event says so, unless its start has not been
// replied to, which then fails.
func (c *conversation) stop(s *session, why *fault) {
	if c.media.byID[s.id] != s {
		return
	}
	if q := s.start; q != nil {
		c.scrap(s)
		c.fail(q, why)
		return
	}
	if q := s.answering; q != nil {
		s.answering = nil
		c.fail(q, why)
	}
	c.giveAnswer(s)
	c.release(s)
	if c.session().Unclaim(entryOf(s.id)) {
		c.tell(c.stopEvent(s, why))
	}
	if k := s.call; k != nil {
		s.call = nil
		c.hangup(k, faultOf("session_stop"))
	}
	if i := s.invitation; i != nil {
		s.invitation = nil
		c.leftCall(i)
	}
}

// release closes everything of a session and forgets it.
func (c *conversation) release(s *session) {
	delete(c.media.byID, s.id)
	c.held.clock.stop(s.alarm)
	c.leave(s, s.place)
	s.place = stay{}
	for _, l := range []*leg{s.main, s.far} {
		c.closeLeg(l)
	}
	for id := range s.links {
		c.unlink(s, id)
	}
}

// own finds one of the client's sessions.
func (c *conversation) own(id string) *session { return c.media.byID[id] }

// onSession makes a command of a function that works on a session that is
// there. A session of another connection is controlled by way of that one, by
// who may.
func onSession(run func(*conversation, *request, *session, values)) func(*conversation, *request, values) {
	return func(c *conversation, q *request, v values) {
		id := v.text("session_id")
		if s := c.own(id); s != nil && s.start == nil {
			run(c, q, s, v)
			return
		}
		e, err := c.session().FindClaim(entryOf(id))
		switch {
		case err != nil || e.Owner == c.session().ID() || q.origin != nil:
			c.noSession(q)
		case !c.controls(e.User):
			c.fail(q, faultOf("unauthorized"))
		default:
			c.relay(q, e.Owner, commandType, commandLimit, letter{Class: q.class, Sub: q.sub, Cmd: q.cmd, Data: q.data})
		}
	}
}

// noSession answers a command on a session that is not there; to stop one is no
// error (dossier 2.3).
func (c *conversation) noSession(q *request) {
	switch q.cmd {
	case "stop", "destroy", "stop_session":
		c.reply(q, nil)
	default:
		c.fail(q, faultOf("session_not_found"))
	}
}

func (c *conversation) stopSession(q *request, s *session, v values) {
	why := faultOf("user_stop")
	if v.has("code", "reason") {
		reason := v.text("reason")
		if reason == "" {
			reason = why.text(c.generation)
		}
		why = said(v.number("code"), reason)
		if !v.has("code") {
			why.code = faultOf("user_stop").number(c.generation)
		}
	}
	c.reply(q, nil)
	c.stop(s, why)
}
