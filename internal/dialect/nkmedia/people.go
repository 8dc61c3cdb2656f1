package nkmedia

import (
	"switchboard/internal/core"
)

func peopleCommands() map[string]command {
	sendFields := join(fieldsOf(textForm, "type"), []field{objectField("body")})
	return map[string]command{
		"core/user/list":          {run: (*conversation).listUsers},
		"core/user/get":           {fields: must(textField("user")), run: (*conversation).getUser},
		"core/user/send_event":    {fields: join(must(textField("user")), sendFields), run: (*conversation).eventToUser},
		"core/session/send_event": {fields: join(must(textField("session_id")), sendFields), run: (*conversation).eventToSession},
		"core/session/stop":       {fields: must(textField("session_id")), run: (*conversation).stopConnection},
		"core/session/cmd": {fields: join(must(textField("session_id"), textField("class"), textField("cmd")),
			fieldsOf(textForm, "subclass"), []field{objectField("data")}), run: (*conversation).tunnel},
		"core/session/log": {fields: join(fieldsOf(textForm, "source", "message", "full_message"), []field{intField("level", 1, 7)},
			fieldsOf(anyForm, "meta")), run: (*conversation).log},
	}
}

// controls tells whether the client may control what a user started, and be
// told of it.
func (c *conversation) controls(user string) bool {
	return user == c.user || c.admin || c.o.Control == ControlAnybody
}

// connections lists the connections of this dialect, of one user or of all.
func (c *conversation) connections(user string) []core.Reach {
	var mine []core.Reach
	for _, s := range c.o.Hub.Admin().Reaches(c.session().Identity().Realm) {
		if s.Via == Name && (user == "" || s.User == user) {
			mine = append(mine, s)
		}
	}
	return mine
}

// connection finds one connection by its id on the wire.
func (c *conversation) connection(wire string) (core.Reach, *fault) {
	id := sessionIDOf(wire)
	for _, s := range c.connections("") {
		if s.ID == id {
			return s, nil
		}
	}
	return core.Reach{}, faultOf("session_not_found")
}

// listUsers tells who is logged in and by which connections: dossier 1.6. One
// who may not control others sees only themselves.
func (c *conversation) listUsers(q *request, _ values) {
	users := map[string][]string{}
	for _, s := range c.connections("") {
		if c.controls(s.User) {
			users[s.User] = append(users[s.User], shown(s.ID))
		}
	}
	c.reply(q, users)
}

func (c *conversation) getUser(q *request, v values) {
	user := v.text("user")
	sessions := object{}
	for _, s := range c.connections(user) {
		about := object{"user": s.User, "type": "ws"}
		if s.Remote.IsValid() {
			about["remote"] = s.Remote.String()
		}
		sessions[shown(s.ID)] = about
	}
	switch {
	case len(sessions) == 0:
		c.fail(q, faultOf("user_not_found"))
	case !c.controls(user):
		c.fail(q, faultOf("unauthorized"))
	default:
		c.reply(q, sessions)
	}
}

func (c *conversation) eventToUser(q *request, v values) {
	user := v.text("user")
	if len(c.connections(user)) == 0 || user == "" {
		c.fail(q, faultOf("user_not_found"))
		return
	}
	c.eventTo(q, user, event{Class: coreClass, Subclass: "user_event", Type: orAny(v.text("type")), ObjID: user, Body: v.raw("body")})
}

func (c *conversation) eventToSession(q *request, v values) {
	s, f := c.connection(v.text("session_id"))
	if f != nil {
		c.fail(q, f)
		return
	}
	c.eventTo(q, s.User, event{Class: coreClass, Subclass: "session_event", Type: orAny(v.text("type")), ObjID: shown(s.ID), Body: v.raw("body")})
}

func (c *conversation) eventTo(q *request, user string, e event) {
	if f := unmixed(e.Type); f != nil {
		c.fail(q, f)
		return
	}
	t := c.telling(user, e)
	t.State = false
	if _, err := c.session().Tell(*t); err != nil {
		c.fail(q, coreFault(err))
		return
	}
	c.reply(q, nil)
}

// stopConnection closes a connection, the client's own too.
func (c *conversation) stopConnection(q *request, v values) {
	s, f := c.connection(v.text("session_id"))
	switch {
	case f != nil:
	case !c.controls(s.User):
		f = faultOf("unauthorized")
	case s.ID != c.session().ID():
		if err := c.session().SendTo(core.SessionMessage{To: s.ID, Type: stopType}); err != nil {
			f = coreFault(err)
		}
	}
	if f != nil {
		c.fail(q, f)
		return
	}
	if c.generation == G4 {
		c.reply(q, nil)
	} else {
		c.reply(q, object{"user": s.User})
	}
	if s.ID == c.session().ID() {
		c.end(1000, "the session was stopped")
	}
}

// tunnel passes a request on to another client, whose reply comes back: dossier
// 1.6.
func (c *conversation) tunnel(q *request, v values) {
	s, f := c.connection(v.text("session_id"))
	switch {
	case f != nil:
		c.fail(q, f)
	case !c.controls(s.User):
		c.fail(q, faultOf("unauthorized"))
	default:
		c.ack(q)
		c.relay(q, s.ID, tunnelType, ackLimit, letter{Class: v.text("class"), Sub: v.text("subclass"), Cmd: v.text("cmd"), Data: v.raw("data")})
	}
}

// log takes what a client wants to have written down.
func (c *conversation) log(q *request, v values) {
	c.o.Log.Debug("client says", "via", Name, "session", c.session().ID(), "source", shorten(v.text("source")), "message", shorten(v.text("message")))
	c.reply(q, nil)
}

// toldOtherwise tells whether the client hears of an event about a call without
// a subscription, since it was invited to it.
func (c *conversation) toldOtherwise(about []string) bool {
	return about[1] == mediaClass && about[2] == "call" && c.calls.invited[about[4]] != nil && c.calls.made[about[4]] == nil
}

// objectTold looks at events about objects of this class: what ends here ends
// what is linked to it, and what was asked for about it.
func (c *conversation) objectTold(sub, typ, id string) {
	switch {
	case sub == "session" && (typ == "stop" || typ == "destroyed"):
		c.linkedStopped(id)
	case sub == "call" && typ == "hangup":
	case sub == "room" && typ == "created":
		c.roomCreated(id)
		return
	default:
		return
	}
	topic := c.scope(mediaClass) + joined(mediaClass, sub, anything, id)
	if s := c.followed[topic]; s != nil && s.once {
		c.unsubscribe(s)
	}
}
