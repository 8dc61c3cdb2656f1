package nkmedia

import (
	"encoding/json"
	"maps"
	"strings"
	"time"
)

// infoOf describes a session in the words of all generations; only members that
// have a value are there (dossier 2.3).
func (c *conversation) infoOf(s *session) object {
	o := object{"session_id": s.id, "type": s.kind, "type_ext": c.extOf(s), "user_id": c.user, "user_session": c.self(),
		"wait_timeout": int(s.wait.Seconds()), "ready_timeout": int(s.readyFor.Seconds()), "bitrate": s.bitrate,
		"mute_audio": !s.use.audio, "mute_video": !s.use.video, "mute_data": !s.use.data, "stop_after_peer": s.stopAfterPeer}
	for key, value := range c.extOf(s) {
		o[key] = value
	}
	put := func(key, value string) {
		if value != "" {
			o[key] = value
		}
	}
	put("backend", s.backend)
	put("master_id", s.master)
	put("master_peer", s.master)
	put("slave_id", s.slave)
	put("slave_peer", s.slave)
	put("peer", s.place.peer)
	put("uri", s.uri)
	if s.uri != "" {
		o["loops"] = s.loops
	}
	if s.offer != "" {
		o["offer"] = described(s.offer, s.plain, nil)
	}
	if s.answer != "" {
		o["answer"] = described(s.answer, s.plain, nil)
	}
	if s.meta != nil {
		o["session_meta"] = s.meta
	}
	if c.generation == G4 {
		o["start_time"] = s.startedAt.Unix()
	}
	return o
}

// extOf is what a type has beside the others.
func (c *conversation) extOf(s *session) object {
	o := object{}
	if s.place.named {
		o["room_id"] = s.place.room.Name()
	}
	for key, value := range map[string]string{"publisher_id": s.place.publisher, "peer_id": s.place.peer, "layout": s.place.layout} {
		if value != "" {
			o[key] = value
		}
	}
	if s.kind == "mcu" {
		o["room_type"] = "video-mcu-stereo"
	}
	return o
}

func (c *conversation) sessionInfo(q *request, s *session, _ values) { c.reply(q, c.infoOf(s)) }

// listSessions names the sessions of the client's user, and those of others
// for who may control them.
func (c *conversation) listSessions(q *request, _ values) {
	user := c.user
	if c.admin || c.o.Control == ControlAnybody {
		user = ""
	}
	list := []object{}
	for _, e := range c.session().Claims(user) {
		if id, ok := strings.CutPrefix(e.Name, entryOf("")); ok && len(e.Details) > 0 {
			list = append(list, object{"session_id": id})
		}
	}
	c.reply(q, list)
}

func (c *conversation) sessionStatus(q *request, s *session, _ values) {
	o := maps.Clone(s.status)
	if s.main != nil {
		o["webrtc_ready"] = s.main.transport.Stats().State == "connected"
	}
	c.reply(q, o)
}

// sessionStats tells the counters of the session's media connections.
func (c *conversation) sessionStats(q *request, s *session, _ values) {
	o := object{}
	for name, l := range map[string]*leg{"caller": s.main, "callee": s.far} {
		if l == nil {
			continue
		}
		t := l.transport.Stats()
		o[name] = object{"packets_received": t.PacketsReceived, "packets_sent": t.PacketsSent, "bytes_received": t.BytesReceived,
			"bytes_sent": t.BytesSent, "packets_lost": t.PacketsLost, "round_trip_ms": t.RoundTrip.Milliseconds(), "state": t.State}
	}
	c.reply(q, o)
}

// getOffer tells the offer: the object itself is the data (dossier 2.3).
func (c *conversation) getOffer(q *request, s *session, _ values) {
	c.reply(q, described(s.offer, s.plain, s.offered))
}

func (c *conversation) getAnswer(q *request, s *session, _ values) {
	if s.answer == "" && len(s.wanting) < mostWanting {
		if s.wanting == nil {
			s.patience = c.held.clock.set(answerWait, func(c *conversation) { c.giveAnswer(s) })
		}
		s.wanting = append(s.wanting, q)
		return
	}
	c.answerTo(q, s)
}

// Of requests for an answer that is not there yet (dossier 2.3).
const (
	answerWait  = 5 * time.Second
	mostWanting = 16
)

// giveAnswer replies to who waits for the session's answer.
func (c *conversation) giveAnswer(s *session) {
	waiting := s.wanting
	s.wanting = nil
	c.held.clock.stop(s.patience)
	for _, q := range waiting {
		c.answerTo(q, s)
	}
}

func (c *conversation) answerTo(q *request, s *session) {
	if s.answer == "" {
		c.fail(q, faultOf("answer_not_set"))
		return
	}
	c.reply(q, described(s.answer, s.plain, nil))
}

// updateStatus tells what a client says about a session.
func (c *conversation) updateStatus(q *request, s *session, v values) {
	c.reply(q, nil)
	if !v.has("talking") {
		return
	}
	talks := v.flag("talking", false)
	s.status["talking"] = talks
	if !v.flag("no_events", false) {
		c.happened(s, "updated_status", object{"talking": talks})
	}
}

// addTimelog tells what a client notes about a session; it is not kept.
func (c *conversation) addTimelog(q *request, s *session, v values) {
	c.reply(q, nil)
	note := object{"msg": v.text("msg"), "time": time.Now().UnixMilli()}
	if body := v.raw("body"); body != nil {
		note["body"] = json.RawMessage(body)
	}
	c.happened(s, "info", object{"info": "timelog", "timelog": note})
}

// callInfo describes a call to who has a part in it.
func (c *conversation) callInfo(q *request, v values) {
	id := v.text("call_id")
	switch k, i := c.calls.made[id], c.calls.invited[id]; {
	case k != nil:
		o := object{"call_id": id, "type": k.kind, "callee": k.callee, "user_id": c.user, "answered": k.answered != ""}
		if k.session != nil {
			o["session_id"] = k.session.id
		}
		c.reply(q, o)
	case i != nil:
		o := object{"call_id": id, "type": i.said.Type, "answered": i.accepted}
		if i.session != nil {
			o["session_id"] = i.session.id
		}
		c.reply(q, o)
	default:
		c.fail(q, faultOf("call_not_found"))
	}
}

func (c *conversation) listCalls(q *request, _ values) {
	list := []object{}
	for id := range c.calls.made {
		list = append(list, object{"call_id": id})
	}
	for id := range c.calls.invited {
		if c.calls.made[id] == nil {
			list = append(list, object{"call_id": id})
		}
	}
	c.reply(q, list)
}
