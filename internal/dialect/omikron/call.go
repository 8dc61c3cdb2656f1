package omikron

import (
	"encoding/json"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media"
)

// signal is the media type of messages between members of a call group. The
// core and other dialects do not look into them.
const signal = "application/vnd.tensamin.call+json"

// caller is a member's side of a call group (dossier 5.2).
type caller struct {
	*line
	who   Resident
	call  string
	place *core.Participant
	state callState

	carried   bool                     // the server carries media in this room
	outsiders []*outsider              // for whom it then stands in, in order of coming
	published map[string][]media.Track // of the client's, by name
}

// callState is what a member's status in the room says.
type callState struct {
	Call      string `json:"call_state"`
	User      string `json:"user_state"`
	Streaming bool   `json:"streaming"`
}

func (s callState) status() []byte {
	b, _ := json.Marshal(s) // strings and a truth value always can be written
	return b
}

// stateIn reads a status; members by other dialects have none.
func stateIn(status []byte) callState {
	s := callState{Call: "active", User: "ONLINE"}
	if json.Unmarshal(status, &s) != nil || callStates[s.Call] == "" {
		return callState{Call: "active", User: "ONLINE"}
	}
	return s
}

func (c *caller) identify(m *message, challenged bool) (claim, []dialect.Frame) {
	if c.call = m.user("call_id"); c.call == "" {
		return claim{}, []dialect.Frame{reply(m, "error", "call_id is missing or no UUID", 2)}
	}
	return c.claim(m, challenged, &c.who)
}

func (c *caller) identified(m *message) ([]dialect.Frame, bool) {
	secret := fold(m.text("call_secret_sha"))
	c.state = callState{Call: "active", User: stateOf(c.o.Exchange.Presence(c.who.User))}
	if given := callStates[fold(m.text("call_state"))]; given != "" {
		c.state.Call, c.state.Streaming = given, given == "streaming"
	}
	carried := c.o.Media
	if secret != "" {
		carried = core.MediaPeer // what they say is encrypted
	}
	p, room, err := c.c.Session().Join(core.JoinRequest{Room: core.NewRoomID(c.o.Realm, c.call), Name: c.who.User, Display: c.who.Name,
		Status: c.state.status(), Mode: core.ModeTalk, Replace: true, Secret: secret,
		Create: &core.Policy{Media: carried, Members: core.PermitTalk, Guests: core.PermitTalk, Linger: c.o.Linger,
			Participants: c.o.MostMembers, Secret: secret}})
	if err != nil {
		if core.KindOf(err) == core.Denied && about(err) == core.AboutValue {
			return []dialect.Frame{c.refusal(m, err)}, false
		}
		return []dialect.Frame{reply(m, "error", err.Error(), 0)}, false
	}
	c.place, c.carried, c.published = p, room.Policy.Media == core.MediaServer, map[string][]media.Track{}
	if to := m.user("receiver_id"); to != "" {
		_ = c.inviteTo(c.who.User, to, c.call, m) // clients of 412d4b6 wait for no reply to that
	}
	told := []dialect.Frame{c.roster(m, room)} // before arrivals, who are noted in it
	return append(told, c.arrivals(&room)...), true
}

// roster lists the members, the newcomer with them but not those for whom the
// server stands in, in the three shapes that clients of different times read.
func (c *caller) roster(m *message, room core.RoomInfo) dialect.Frame {
	var short, long []member
	add := func(user string, s callState) {
		b, _ := json.Marshal(struct {
			State     string `json:"state"`
			Streaming bool   `json:"streaming"`
		}{s.Call, s.Streaming})
		short, long = set(short, user, quote(s.Call)), set(long, user, b)
	}
	for i := range room.Participants {
		p := &room.Participants[i]
		if p.Mode == core.ModeInvited {
			continue
		}
		if p.Via != Name {
			if c.meet(p); c.carried {
				continue // see arrivals
			}
		}
		add(memberID(p), stateIn(p.Status))
	}
	add(c.who.User, c.state)
	all := appendObject(nil, long)
	return reply(m, "identification_response", "Client identified", 0,
		member{"accepted", json.RawMessage("true")}, member{"acceppted", json.RawMessage("true")},
		member{"user_ids", appendObject(nil, short)}, member{"user_states", all}, member{"about", all})
}

func (c *caller) closed() { c.place.Leave() }

func (c *caller) receive(m *message) []dialect.Frame {
	switch m.kind {
	case "ping":
		return []dialect.Frame{reply(m, "pong", "Pong to Client", -1)}
	case "pong":
		return nil
	case "start_stream", "end_stream":
		m.data = set(m.data, "user_id", quote(c.who.User))
		c.state.Streaming = m.kind == "start_stream"
		switch {
		case c.state.Streaming:
			c.state.Call = "streaming"
		case c.state.Call == "streaming":
			c.state.Call = "active"
		}
		return append(c.tellAll(m), c.streamed()...)
	case "client_changed":
		return c.change(m)
	}
	return c.relay(m)
}

// change sets what is given and leaves the rest (seed).
func (c *caller) change(m *message) []dialect.Frame {
	call, user := get(m.data, "call_state"), get(m.data, "user_state")
	state := c.state
	if call != nil {
		if state.Call = callStates[fold(text(call))]; state.Call == "" {
			return c.complain(m, "call_state is none of active, streaming, muted, deafed")
		}
		state.Streaming = state.Call == "streaming"
		m.data = set(m.data, "call_state", quote(state.Call))
	}
	if user != nil {
		if state.User = states[fold(text(user))]; state.User == "" {
			return c.complain(m, "user_state is none of ONLINE, IDLE, DND, WC")
		}
		m.data = set(m.data, "user_state", quote(state.User))
	}
	m.data = set(m.data, "user_id", quote(c.who.User))
	c.state = state
	return append(c.tellAll(m), c.streamed()...)
}

// tellAll passes a message on to all others and notes the member's state for
// those who come later.
func (c *caller) tellAll(m *message) []dialect.Frame {
	if err := c.place.SetStatus(c.state.status()); err != nil {
		return c.complain(m, err.Error())
	}
	return c.send(m, core.Message{Type: signal})
}

// relay passes a message on to the member that it names, its content untouched.
func (c *caller) relay(m *message) []dialect.Frame {
	to := firstOf(m.user("receiver_id"), m.receiver)
	if to == "" {
		return c.complain(m, "receiver_id is missing or no UUID")
	}
	if o := c.outsider(func(o *outsider) bool { return o.id == to }); o != nil {
		return c.intercept(m, o)
	}
	m.receiver = to
	if get(m.data, "user_id") != nil {
		m.data = set(m.data, "user_id", quote(c.who.User))
	}
	return c.send(m, core.Message{Type: signal, ToName: to})
}

func (c *caller) send(m *message, to core.Message) []dialect.Frame {
	m.sender = c.who.User
	m.data = set(m.data, "sender_id", quote(c.who.User))
	to.Body = m.encode()
	if err := c.place.Send(to); err != nil {
		return c.complain(m, err.Error())
	}
	return nil
}

// complain says what went wrong to those who wait for a reply.
func (c *caller) complain(m *message, why string) []dialect.Frame {
	if m.id == "" {
		return nil
	}
	return []dialect.Frame{wrong(m, "error", why)}
}

func (c *caller) notify(e *core.Event) []dialect.Frame {
	switch f := e.Fact.(type) {
	case core.MessageSent:
		if f.Type == signal {
			return []dialect.Frame{dialect.Text(f.Body)}
		}
	case core.ParticipantJoined:
		if f.Participant.Mode != core.ModeInvited {
			return c.joined(e, &f.Participant)
		}
	case core.ParticipantChanged:
		if f.Entered {
			return c.joined(e, &f.Participant)
		}
	case core.ParticipantLeft:
		return c.left(e, f)
	case core.TrackPublished:
		if o := c.placed(f.Participant.ID); o != nil {
			c.receiveAll(o, &f.Participant)
			return c.show(o, &f.Participant)
		}
	case core.TrackUnpublished:
		if o := c.placed(f.Participant.ID); o != nil {
			return c.show(o, &f.Participant)
		}
	case core.OfferMade:
		return c.offerMade(f)
	case core.AnswerAccepted:
		c.answerAccepted(f)
	case core.AnswerMade:
		return c.answerMade(f)
	case core.TransportFailed:
		if o, l := c.linkOf(f.Transport); l != nil {
			c.hangUp(o, l)
		}
	case core.RoomClosed:
		return c.end(1000, "the call was closed")
	}
	return nil
}

func (c *caller) joined(e *core.Event, p *core.ParticipantInfo) []dialect.Frame {
	told := []dialect.Frame{dialect.Text(e.Encoded(Name, encodeCall))}
	if p.Via == Name {
		return told
	}
	told = append(told, c.show(c.meet(p), p)...)
	return append(told, c.fetchScreen()...)
}

func (c *caller) left(e *core.Event, f core.ParticipantLeft) []dialect.Frame {
	if f.Participant == c.place.ID() {
		return c.end(1008, "removed from the call")
	}
	// Clients of two times know one each (dossier 5.2).
	if o := c.placed(f.Participant); o != nil {
		gone := member{"user_id", quote(o.id)}
		return append([]dialect.Frame{dialect.Text(event("client_closed", gone)), dialect.Text(event("client_disconnected", gone))}, c.depart(o)...)
	}
	if parseID(f.Name) == "" {
		return nil // was only invited, by another protocol
	}
	return []dialect.Frame{dialect.Text(e.Encoded("omikron: closed", encodeCall)), dialect.Text(e.Encoded("omikron: disconnected", encodeGone))}
}

func encodeCall(f core.Fact) []byte {
	switch f := f.(type) {
	case core.ParticipantJoined:
		return encodeJoined(&f.Participant)
	case core.ParticipantChanged:
		return encodeJoined(&f.Participant)
	case core.ParticipantLeft:
		return event("client_closed", member{"user_id", quote(f.Name)})
	}
	return nil
}

func encodeJoined(p *core.ParticipantInfo) []byte {
	s := stateIn(p.Status)
	return event("client_connected", member{"user_id", quote(memberID(p))}, member{"call_state", quote(s.Call)}, member{"user_state", quote(s.User)})
}

func encodeGone(f core.Fact) []byte {
	left, _ := f.(core.ParticipantLeft)
	return event("client_disconnected", member{"user_id", quote(left.Name)})
}
