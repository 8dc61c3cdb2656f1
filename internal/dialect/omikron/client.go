package omikron

import (
	"context"
	"encoding/json"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// client is a user's side (dossier 4.3).
type client struct {
	*line
	who    Resident
	device *core.Device
}

func (c *client) identify(m *message, challenged bool) (claim, []dialect.Frame) {
	return c.claim(m, challenged, &c.who)
}

// claim reads which user somebody wants to be; into is set before it is told
// that they are.
func (l *line) claim(m *message, challenged bool, into *Resident) (claim, []dialect.Frame) {
	user, key := m.user("user_id"), ""
	if !challenged {
		key = hash(m)
	}
	refused := func(kind, why string) (claim, []dialect.Frame) {
		return claim{}, []dialect.Frame{reply(m, kind, why, 2)}
	}
	switch {
	case user == "":
		return refused("error_invalid_user_id", "user_id is missing or no UUID")
	case challenged:
	case key == "":
		return refused("error_invalid_private_key", "private_key_hash is missing or not 64 hex digits")
	case !l.o.LegacyClients:
		return refused("error_invalid_private_key", "this server does not take a private_key_hash; ask for a challenge")
	}
	return claim{name: "user " + user, user: user, proof: Proof{Secret: key}, prove: func(ctx context.Context, p Proof) (core.Identity, error) {
		who, err := l.o.Directory.Resident(ctx, user, p)
		if err != nil {
			return core.Identity{}, err
		}
		*into = who
		return core.Identity{Realm: l.o.Realm, User: who.User, Display: who.Name}, nil
	}}, nil
}

func (c *client) identified(m *message) ([]dialect.Frame, bool) {
	d, err := c.o.Exchange.Enter(c.c.Session(), c.who.User, c.who.Iota)
	switch {
	case core.KindOf(err) == core.NotFound:
		return []dialect.Frame{reply(m, "error_no_iota", "your Iota is not connected", 1)}, false
	case err != nil:
		return []dialect.Frame{reply(m, "error", err.Error(), 0)}, false
	}
	c.device = d
	state := stateOf(core.Presence{Served: true, Here: true, Chosen: c.o.Exchange.Presence(c.who.User).Chosen})
	return []dialect.Frame{reply(m, "identification_response", "Client identified", 0,
		member{"accepted", json.RawMessage("true")}, member{"acceppted", json.RawMessage("true")}, member{"user_status", quote(state)})}, true
}

func (c *client) closed() { c.device.Leave() }

func (c *client) receive(m *message) []dialect.Frame {
	switch m.kind {
	case "ping":
		ms := number(milliseconds(c.device.Beat(latency(m))))
		return []dialect.Frame{reply(m, "pong", "Pong to Client", -1, member{"last_ping", ms}, member{"ping_iota", ms})}
	case "pong":
		return nil
	case "client_changed":
		return []dialect.Frame{c.change(m)}
	case "call_invite":
		return []dialect.Frame{c.invite(m)}
	case "get_call":
		return []dialect.Frame{c.call(m)}
	}
	return c.relay(m)
}

// relay passes a message on to the user's Iota, whoever the client says it is
// from.
func (c *client) relay(m *message) []dialect.Frame {
	waits := m.id
	m.id = firstOf(m.id, newID())
	m.sender = c.who.User
	if get(m.data, "sender_id") != nil {
		m.data = set(m.data, "sender_id", quote(c.who.User))
	}
	err := c.device.Ask(waits, m.kind, m.encode())
	switch {
	case err == nil:
		return nil
	case core.KindOf(err) == core.NotFound:
		return []dialect.Frame{wrong(m, "error_no_iota", "your Iota is not connected")}
	}
	return []dialect.Frame{wrong(m, "error", err.Error())}
}

// change sets the user's presence; others are told also when it stays as it is,
// since clients say so after they have edited their profile (dossier 4.3).
func (c *client) change(m *message) dialect.Frame {
	chosen := ""
	if raw := get(m.data, "user_state"); raw != nil {
		if chosen = states[fold(text(raw))]; chosen == "" {
			return wrong(m, "error", "user_state is none of ONLINE, IDLE, DND, WC")
		}
	}
	c.device.SetPresence(chosen)
	return reply(m, "success", "", 0)
}

// invite asks somebody to a call group (dossier 5.3).
func (c *client) invite(m *message) dialect.Frame {
	to, call := m.user("receiver_id"), m.user("call_id")
	if to == "" || call == "" {
		return wrong(m, "error", "receiver_id and call_id must be UUIDs")
	}
	if err := c.inviteTo(c.who.User, to, call, m); err != nil {
		kind := "error"
		if core.KindOf(err) == core.NotFound {
			kind = "error_no_iota"
		}
		return wrong(m, kind, err.Error())
	}
	return reply(m, "call_invite", "", 0)
}

func (l *line) inviteTo(by, to, call string, m *message) error {
	return l.o.Exchange.Invite(to, core.Invitation{By: by, Room: core.NewRoomID(l.o.Realm, call), Secret: m.text("call_secret")},
		fold(m.text("call_secret_sha")))
}

// call tells whether there is a call group (dossier 5.3).
func (c *client) call(m *message) dialect.Frame {
	call := m.user("call_id")
	if call == "" {
		return wrong(m, "error", "call_id must be a UUID")
	}
	state := "DESTROYED"
	if c.c.Session().RoomExists(core.NewRoomID(c.o.Realm, call)) {
		state = "ACTIVE"
	}
	return reply(m, "get_call", "", 0, member{"call_id", quote(call)}, member{"call_state", quote(state)})
}

func (c *client) notify(e *core.Event) []dialect.Frame {
	switch f := e.Fact.(type) {
	case core.Delivered:
		return []dialect.Frame{dialect.Text(f.Body)}
	case core.PresenceChanged, core.PresencesKnown, core.InvitationMade:
		return []dialect.Frame{dialect.Text(e.Encoded(Name, encode))}
	case core.RequestLost:
		return []dialect.Frame{wrong(&message{id: f.ID}, "error_no_iota", "your Iota has gone before it answered")}
	}
	return nil
}

// encode writes an event that several devices are told.
func encode(f core.Fact) []byte {
	switch f := f.(type) {
	case core.PresenceChanged:
		return event("client_changed", member{"user_id", quote(f.User)}, member{"user_state", quote(stateOf(f.Presence))})
	case core.PresencesKnown:
		var all []member
		for _, user := range sorted(f.Presences) {
			all = append(all, member{user, quote(stateOf(f.Presences[user]))})
		}
		return event("get_states", member{"user_states", appendObject(nil, all)})
	case core.InvitationMade:
		return event("new_call", member{"sender_id", quote(f.Invitation.By)}, member{"receiver_id", quote(f.User)},
			member{"call_id", quote(f.Invitation.Room.Name())}, member{"call_secret", quote(f.Invitation.Secret)})
	}
	return nil
}

// stateOf says a presence as clients compare it (dossier 4.4).
func stateOf(p core.Presence) string {
	switch {
	case !p.Served:
		return "IOTA_OFFLINE"
	case !p.Here:
		return "USER_OFFLINE"
	}
	return firstOf(p.Chosen, "ONLINE")
}

// latency reads last_ping. Web clients put the time of day there (dossier 4.5),
// which says nothing.
func latency(m *message) time.Duration {
	const mostMillis = 100_000_000_000
	var ms float64
	raw := get(m.data, "last_ping")
	if isText(raw) {
		raw = json.RawMessage(text(raw))
	}
	if json.Unmarshal(raw, &ms) != nil || ms < 0 || ms > mostMillis {
		return -1
	}
	return time.Duration(ms * float64(time.Millisecond))
}

func milliseconds(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}
