package nkmedia

import (
	"encoding/json"
	"slices"

	"switchboard/internal/core"
)

// Sessions are linked with others, of the same connection or of another that the
// client controls: a slave with its master, and two that are bridged (dossier
// 3.10). Each hears of the other's stop by the event of it.

// linkAtStart links a new session with its master. Before there were masters, a
// peer of a session that is not bridged was one.
func (c *conversation) linkAtStart(s *session, v values) *fault {
	master, copies := v.text("master_id"), v.flag("set_master_answer", false)
	if master == "" && s.kind != "bridge" {
		if master = v.text("peer_id", "peer"); master != "" {
			copies = true
		}
	}
	if master == "" {
		return nil
	}
	if f := c.linkWith(s, master, s.stopAfterPeer); f != nil {
		return f
	}
	s.master, s.copies = master, copies
	return c.command(master, "link", object{"session_id": master, "peer_id": s.id})
}

// linkWith notes a link, and whether the session stops with the other.
func (c *conversation) linkWith(s *session, id string, stops bool) *fault {
	if e, err := c.session().FindClaim(entryOf(id)); err != nil || id == s.id {
		return faultOf("unknown_linked_session")
	} else if !c.controls(e.User) {
		return faultOf("unauthorized")
	}
	if _, already := s.links[id]; !already {
		if f := c.followInside(id); f != nil {
			return f
		}
	}
	s.links[id] = stops
	if c.media.linked[id] == nil {
		c.media.linked[id] = map[*session]struct{}{}
	}
	c.media.linked[id][s] = struct{}{}
	return nil
}

func (c *conversation) unlink(s *session, id string) {
	if _, linked := s.links[id]; !linked {
		return
	}
	delete(s.links, id)
	if s.slave == id {
		s.slave = ""
	}
	delete(c.media.linked[id], s)
	if len(c.media.linked[id]) == 0 {
		delete(c.media.linked, id)
	}
	topic := c.stopTopic(id)
	if c.inner[topic]--; c.inner[topic] > 0 {
		return
	}
	delete(c.inner, topic)
	if c.followed[topic] == nil {
		c.session().Unfollow(topic)
	}
}

// stopTopic is what events of a session are told about.
func (c *conversation) stopTopic(id string) string {
	return c.scope(mediaClass) + joined(mediaClass, "session", anything, id)
}

// followInside hears of a session without the client being told.
func (c *conversation) followInside(id string) *fault {
	topic := c.stopTopic(id)
	if err := c.session().Follow(topic); err != nil {
		return coreFault(err)
	}
	c.inner[topic]++
	return nil
}

// linkedStopped ends what was linked with a session that is no more.
func (c *conversation) linkedStopped(id string) {
	for s := range c.media.linked[id] {
		stops := s.links[id]
		c.unlink(s, id)
		switch {
		case s.kind == "bridge" && s.place.peer == id && s.parkAfterBridge:
			if c.move(s, stay{kind: "park"}, roomWish{}) == nil {
				c.changed(s)
			}
		case stops:
			c.stop(s, faultOf("peer_stopped"))
		}
	}
}

// command executes a command on a session that may be another connection's;
// nobody waits for the outcome.
func (c *conversation) command(id, cmd string, data object) *fault {
	q := silently(cmd)
	q.data = encode(data)
	if c.own(id) != nil {
		q.origin = &origin{from: c.session().ID()}
		c.perform(q)
		return nil
	}
	e, err := c.session().FindClaim(entryOf(id))
	if err != nil {
		return faultOf("session_not_found")
	}
	c.relay(q, e.Owner, commandType, commandLimit, letter{Class: q.class, Sub: q.sub, Cmd: q.cmd, Data: q.data})
	return nil
}

// inside makes a command that only conversations send to each other.
func inside(run func(*conversation, *request, *session, values)) func(*conversation, *request, values) {
	return func(c *conversation, q *request, v values) {
		if q.origin == nil {
			c.fail(q, faultOf("unknown_command", q.cmd))
			return
		}
		onSession(run)(c, q, v)
	}
}

// linkCommand is what a slave's conversation tells its master's.
func (c *conversation) linkCommand(q *request, s *session, v values) {
	if f := c.linkWith(s, v.text("peer_id"), s.stopAfterPeer); f != nil {
		c.fail(q, f)
		return
	}
	s.slave = v.text("peer_id")
	c.reply(q, nil)
}

// answerMaster gives a slave's answer to its master.
func (c *conversation) answerMaster(s *session, answer object) {
	_ = c.command(s.master, "set_master_answer", object{"session_id": s.master, "answer": answer}) // who is gone needs none
}

// masterAnswer takes it.
func (c *conversation) masterAnswer(q *request, s *session, v values) {
	if f := c.answer(q, s, v.object("answer").text("sdp"), true); f != nil {
		c.fail(q, f)
	}
}

// wantPeer looks whether a session can be bridged with another.
func (c *conversation) wantPeer(s *session, to *stay, peer string) *fault {
	if peer == "" {
		return faultOf("missing_field", "peer_id")
	}
	e, err := c.session().FindClaim(entryOf(peer))
	switch {
	case err != nil || peer == s.id:
		return faultOf("unknown_peer")
	case !c.controls(e.User):
		return faultOf("unauthorized")
	case len(e.Details) == 0 || !bridgeable(e.Details):
		return faultOf("incompatible_session")
	}
	to.peer = peer
	return c.linkWith(s, peer, true)
}

// bridgeable tells whether a session of another's description can be bridged.
func bridgeable(raw []byte) bool {
	var d details
	return json.Unmarshal(raw, &d) == nil && slices.Contains([]string{"echo", "park", "mcu", "bridge", "play", "proxy"}, d.Type)
}

// met brings the peer of a session that has just become a bridge to it.
func (c *conversation) met(s *session) {
	if s.kind != "bridge" || s.place.peer == "" || s.place.me == nil {
		return
	}
	f := c.command(s.place.peer, "meet", object{"session_id": s.place.peer, "peer_id": s.id, "room_id": string(s.place.room)})
	if f != nil {
		c.stop(s, faultOf("unknown_peer"))
	}
}

// meet is what the conversation of the one bridged tells that of the other.
func (c *conversation) meet(q *request, s *session, v values) {
	to := stay{kind: "bridge", peer: v.text("peer_id"), room: core.RoomID(v.text("room_id"))}
	var f *fault
	if s.held == "" { // else it waits for just this
		f = c.changeable(s)
	}
	if f == nil {
		f = c.linkWith(s, to.peer, true)
	}
	if f == nil {
		f = c.move(s, to, roomWish{})
	}
	if f != nil {
		c.fail(q, f)
		c.unlink(s, to.peer)
		_ = c.command(to.peer, "part", object{"session_id": to.peer, "peer_id": s.id}) // who is gone knows
		return
	}
	if s.held != "" { // the first half of a proxy has its answer now
		answer := s.held
		s.held = ""
		c.becomeReady(s, answer)
		c.happened(s, "answer", object{"answer": described(answer, s.plain, nil)})
	}
	c.reply(q, nil)
	c.changed(s)
}
