package openvocs

import (
	"bytes"
	"context"
	"encoding/json"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// member is somebody in a loop as others are told of them (dossier 2.2). What is
// beyond client, user and role is for clients that show more than how many there
// are.
type member struct {
	Client  string `json:"client"`
	User    string `json:"user"`
	Role    string `json:"role"`
	Name    string `json:"name,omitempty"`
	State   string `json:"state,omitempty"`
	Talking bool   `json:"talking,omitempty"`
}

// status is what a participant's status has for this protocol.
type status struct {
	Client string `json:"client"`
}

func encodeStatus(client string) []byte { return encode(status{client}) }

// memberOf says a participant in this protocol's words, wherever they came from:
// those of other protocols are their own client.
func memberOf(p core.ParticipantInfo) member {
	m := member{Client: string(p.ID), User: p.User, Role: p.Role, Name: p.Display, State: stateOf(p.Mode), Talking: talks(p)}
	if m.User == "" {
		m.User = p.Name
	}
	if p.Via == Name {
		var s status
		if json.Unmarshal(p.Status, &s) == nil && s.Client != "" {
			m.Client = s.Client
		}
	}
	return m
}

// talks tells whether somebody is shown as a talker: who uses push-to-talk while
// it is pressed; others, who know nothing of it, while they speak.
func talks(p core.ParticipantInfo) bool { return p.PushToTalk || p.Talking && p.Via != Name }

// self is the client itself, as others are told of it.
func (c *conversation) self(state string) member {
	id := c.session().Identity()
	return member{Client: c.client, User: id.User, Role: id.Role, Name: id.Display, State: state}
}

// mostListed is up to how many participants of a loop are listed with all that is
// said of them. The web client only counts; in larger lists just those who talk
// are spelled out, so that a crowd that comes and goes stays cheap.
const mostListed = 64

// members lists who is in a loop. The list is as long as there are people.
func (c *conversation) members(room core.RoomID) []any {
	present := c.o.Hub.Present(room)
	list := make([]any, 0, len(present))
	for _, p := range present {
		switch {
		case p.Mode == core.ModeInvited: // not come yet
		case len(present) <= mostListed || talks(p):
			list = append(list, memberOf(p))
		default:
			list = append(list, nothing{})
		}
	}
	return list
}

// stateParam is what broadcasts of switch_loop_state say.
type stateParam struct {
	Participants []any  `json:"participants"`
	Loop         string `json:"loop"`
	User         string `json:"user"`
	Role         string `json:"role"`
	State        string `json:"state"`
	Client       string `json:"client"`
	Name         string `json:"name,omitempty"`
}

func encodeStateChange(kind, loop string, present []any, who member) []byte {
	return encodePush("switch_loop_state", kind, stateParam{present, loop, who.User, who.Role, who.State, who.Client, who.Name})
}

// stateChanged is the broadcast of the client's own state in a loop.
func (c *conversation) stateChanged(kind string, l *loop) []byte {
	return encodeStateChange(kind, l.id, c.members(l.room), c.self(l.state()))
}

type talkingParam struct {
	Loop   string `json:"loop"`
	User   string `json:"user"`
	Role   string `json:"role"`
	State  bool   `json:"state"`
	Client string `json:"client"`
	Name   string `json:"name,omitempty"`
}

// vadParam says that somebody in a loop speaks (dossier 4.6): whether anybody
// does, and whose doing this is.
type vadParam struct {
	Loop   string `json:"loop"`
	On     bool   `json:"on"`
	Client string `json:"client"`
	User   string `json:"user"`
	Name   string `json:"name,omitempty"`
	Speaks bool   `json:"speaks"`
}

// userMessage is the type of messages to a user's tabs; their body is a whole
// message of this protocol.
const userMessage = "application/vnd.openvocs+json"

// tellTabs sends a user broadcast to every tab of the user, this one included
// (dossier 1.7), unless one of them is too far behind.
func (c *conversation) tellTabs(body []byte) {
	err := c.session().SendToUser(core.UserMessage{Echo: true, Type: userMessage, Body: body})
	c.drain()
	if err != nil {
		c.write(body)
	}
}

// drain tells what has happened so far.
func (c *conversation) drain() {
	for _, e := range c.c.Take(nil) {
		c.handle(e)
	}
}

// Notify implements [dialect.Conversation].
func (c *conversation) Notify(ctx context.Context, e *core.Event) []dialect.Frame {
	if c.over {
		return nil
	}
	if f, ok := e.Fact.(core.LoginMade); ok {
		c.loggedIn(ctx, f)
	} else {
		c.handle(e)
	}
	return c.flush()
}

func (c *conversation) handle(e *core.Event) {
	switch f := e.Fact.(type) {
	case core.OfferMade:
		c.offerMade(f)
	case core.AnswerMade:
		c.answerMade(f)
	case core.AnswerAccepted:
		c.answerAccepted(f)
	case core.CandidateFound:
		c.found(f)
	case core.TransportConnected:
		c.connected(f)
	case core.TransportFailed:
		c.failed(f)
	case core.UserMessageSent:
		if f.Type == userMessage {
			c.write(f.Body)
		}
	case core.PreferenceChanged: // in another tab: what it heard there it hears here
		if l := c.loopIn(f.Room); l != nil && f.Role == c.session().Identity().Role {
			l.left = f.Value.Mode
			c.setVolume(l, f.Value.Volume)
		}
	case core.SessionAnnounced:
		if f.Directory == c.system && f.Status != nil {
			c.write(f.Status)
		}
	case core.UsersImported:
		c.imported(f)
	case core.SessionEnded:
		c.end(closing(f.Reason))
	default:
		c.tell(e)
	}
}

// closing is how a session that the server ends is told, by the reason.
func closing(why core.Reason) (code int, reason string) {
	switch why {
	case core.ReasonShutdown:
		return 1001, "the server is stopping"
	case core.ReasonSlow:
		return 1008, "messages were not read in time"
	}
	return 1000, "the session has ended"
}

func (c *conversation) loopIn(room core.RoomID) *loop {
	if l := c.loops[room.Name()]; l != nil && l.room == room {
		return l
	}
	return nil
}

// tell passes on what happened in a loop.
func (c *conversation) tell(e *core.Event) {
	switch f := e.Fact.(type) {
	case core.ParticipantJoined:
		if l := c.loopIn(f.Room); l != nil && f.Participant.Mode != core.ModeInvited {
			c.share(e, &f.Participant, Name, c.encodeState)
		}
	case core.ParticipantChanged:
		c.changed(e, f)
	case core.ParticipantLeft:
		c.departed(e, f)
	case core.PushToTalkChanged:
		if c.loopIn(f.Room) != nil {
			c.share(e, &f.Participant, Name, encodeTalking)
		}
	case core.TalkingChanged:
		c.sounds(e, f)
	case core.RoomClosed:
		if l := c.loopIn(f.Room); l != nil {
			l.me, l.talks, l.pressed = nil, false, false
			c.write(encodeStateChange(loopBroadcast, l.id, []any{}, c.self("none")))
			delete(c.loops, l.id)
		}
	}
}

// share writes an event about somebody in its encoding of a name, which is made
// once for all who are told. Only a client that would take them for itself, since
// they have logged in under its id, is told in other words: it would follow them.
func (c *conversation) share(e *core.Event, who *core.ParticipantInfo, variant string, encode func(core.Fact) []byte) {
	if who.Via == Name && who.User != c.session().Identity().User && bytes.Equal(who.Status, encodeStatus(c.client)) {
		c.write(encode(nameless(e.Fact)))
		return
	}
	c.write(e.Encoded(variant, encode))
}

// nameless is a fact about somebody without the client id that they claim.
func nameless(fact core.Fact) core.Fact {
	switch f := fact.(type) {
	case core.ParticipantJoined:
		f.Participant.Status = nil
		return f
	case core.ParticipantChanged:
		f.Participant.Status = nil
		return f
	case core.PushToTalkChanged:
		f.Participant.Status = nil
		return f
	case core.TalkingChanged:
		f.Who.Status = nil
		return f
	case core.ParticipantLeft:
		f.Who.Status = nil
		return f
	}
	return fact
}

// changed tells of somebody's new state. If it is the client itself, a right was
// taken away.
func (c *conversation) changed(e *core.Event, f core.ParticipantChanged) {
	l := c.loopIn(f.Room)
	if l == nil || f.Participant.Mode == core.ModeInvited {
		return
	}
	if l.me != nil && l.me.ID() == f.Participant.ID {
		l.talks, l.pressed = f.Participant.Mode == core.ModeTalk, f.Participant.PushToTalk
	}
	c.share(e, &f.Participant, Name, c.encodeState)
}

// departed tells that somebody is gone, and that they do not talk any more
// (dossier 3.3). If it is the client itself, somebody else removed it.
func (c *conversation) departed(e *core.Event, f core.ParticipantLeft) {
	l := c.loopIn(f.Room)
	if l == nil || f.Who.Mode == core.ModeInvited {
		return
	}
	if l.me != nil && l.me.ID() == f.Participant {
		l.me, l.talks, l.pressed = nil, false, false
	}
	if f.Who.Talking {
		c.share(e, &f.Who, Name+" vad", c.encodeVAD)
	}
	if talks(f.Who) {
		c.share(e, &f.Who, Name+" talking", encodeTalking)
	}
	c.share(e, &f.Who, Name, c.encodeState)
}

// sounds tells that somebody began or stopped to speak. Whoever knows no
// push-to-talk is a talker by that.
func (c *conversation) sounds(e *core.Event, f core.TalkingChanged) {
	if c.loopIn(f.Room) == nil {
		return
	}
	c.share(e, &f.Who, Name+" vad", c.encodeVAD)
	if f.Who.Via != Name && !f.Who.PushToTalk {
		c.share(e, &f.Who, Name, encodeTalking)
	}
}

// encodeState says who is in a loop now and who has just come, changed or left.
// The list is of the moment of writing, which is never before the event, so the
// last one told is always right, however many events are on their way.
func (c *conversation) encodeState(fact core.Fact) []byte {
	var room core.RoomID
	var who member
	switch f := fact.(type) {
	case core.ParticipantJoined:
		room, who = f.Room, memberOf(f.Participant)
	case core.ParticipantChanged:
		room, who = f.Room, memberOf(f.Participant)
	case core.ParticipantLeft:
		room, who = f.Room, memberOf(f.Who)
		who.State = "none"
	}
	return encodeStateChange(loopBroadcast, room.Name(), c.members(room), who)
}

func encodeTalking(fact core.Fact) []byte {
	var room core.RoomID
	var who core.ParticipantInfo
	on := false
	switch f := fact.(type) {
	case core.PushToTalkChanged:
		room, who, on = f.Room, f.Participant, f.On
	case core.TalkingChanged:
		room, who, on = f.Room, f.Who, f.Talking
	case core.ParticipantLeft:
		room, who = f.Room, f.Who
	}
	m := memberOf(who)
	return encodePush("talking", loopBroadcast, talkingParam{room.Name(), m.User, m.Role, on, m.Client, m.Name})
}

// encodeVAD says that somebody began or stopped to speak, and whether anybody in
// the loop does.
func (c *conversation) encodeVAD(fact core.Fact) []byte {
	var room core.RoomID
	var who core.ParticipantInfo
	speaks := false
	switch f := fact.(type) {
	case core.TalkingChanged:
		room, who, speaks = f.Room, f.Who, f.Talking
	case core.ParticipantLeft:
		room, who = f.Room, f.Who
	}
	anybody := false
	for _, p := range c.o.Hub.Present(room) {
		anybody = anybody || p.Talking
	}
	m := memberOf(who)
	return encodePush("vad", loopBroadcast, vadParam{room.Name(), anybody, m.Client, m.User, m.Name, speaks})
}
