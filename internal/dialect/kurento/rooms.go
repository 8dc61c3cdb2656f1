package kurento

import (
	"context"
	"errors"
	"strconv"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// newRooms is what a room is like that a client makes by joining it.
var newRooms = core.Policy{Media: core.MediaServer, Members: core.PermitTalk, Guests: core.PermitTalk}

// joinRoom enters a room: seed 1, dossier 2.1.
func (c *conversation) joinRoom(r *request) {
	room, f := r.params.text("room")
	if f != nil {
		c.fail(r, f)
		return
	}
	user, f := r.params.text("user")
	if f != nil {
		c.fail(r, f)
		return
	}
	token, f := r.params.optional("token", "")
	switch {
	case f != nil:
		c.fail(r, f)
	case c.me != nil:
		c.fail(r, alreadyThere(c.me.Name(), c.me.Room().Name()))
	case token != "" && c.c.Session().Identity().Guest:
		c.c.Login(core.Credentials{Token: token})
		c.waiting = &task{request: r}
	default:
		c.enter(r, user, room)
	}
}

// loggedIn goes on when a token was looked at. A token that is not believed
// matters only where guests may not come in: clients can add any parameter to
// every request, for servers of their own.
func (c *conversation) loggedIn(f core.LoginMade) {
	if c.waiting == nil || c.waiting.endpoint != nil {
		return
	}
	t := c.settled()
	c.refused = nil
	if c.o.Access != core.AccessOpen {
		c.refused = f.Err
	}
	if t.request != nil {
		room, _ := t.request.params.text("room")
		user, _ := t.request.params.text("user")
		c.enter(t.request, user, room)
	}
	c.next()
}

func (c *conversation) enter(r *request, user, room string) {
	channels, f := flag(r.params["dataChannels"], "dataChannels")
	switch {
	case f != nil:
		c.fail(r, f)
		return
	case c.refused != nil:
		c.fail(r, faultOf(c.refused))
		return
	case user == "":
		c.fail(r, faultf(codeGeneric, "Empty user name is not allowed"))
		return
	}
	mayCreate := c.o.RoomCreators == nil || c.o.RoomCreators.MatchString(user)
	join := core.JoinRequest{Room: core.NewRoomID(c.c.Session().Identity().Realm, room), Name: user, Mode: core.ModeTalk, TakeOver: true}
	if mayCreate {
		join.Create = &newRooms
	}
	me, info, err := c.c.Session().Join(join)
	if err != nil {
		c.fail(r, joinFault(err, user, room, mayCreate))
		return
	}
	c.me, c.dataChannels, c.hat, c.fold = me, channels, false, fold{}
	c.hide(info.Participants)
	if c.look(info.Participants); c.crowded() {
		c.fold.name = c.free()
	}
	c.keep()
	result := joinResult{Value: c.membersShown(info), SessionID: c.key()}
	if c.o.ICEServers != nil {
		result.ICEServers = c.o.ICEServers(user)
	}
	c.reply(r, result)
	if state, set := info.Data[markerKey]; set {
		c.write(markerNotification(state))
	}
}

// leaveRoom gives the place up and ends the connection, the reply first (dossier
// 0.10): seed 11, dossier 2.7. Without a room it does the same.
func (c *conversation) leaveRoom(r *request) {
	if c.me != nil {
		c.me.Leave()
		c.me = nil
	}
	c.done(r)
	c.end(1000, "left the room")
}

// sendMessage sends a line of chat to everybody, the sender included: seed 14,
// dossier 2.8.
func (c *conversation) sendMessage(r *request) {
	if c.me == nil {
		c.fail(r, notInRoom(c.key()))
		return
	}
	text, f1 := r.params.text("message")
	user, f2 := r.params.text("userMessage")
	room, f3 := r.params.text("roomMessage")
	for _, f := range []*fault{f1, f2, f3} {
		if f != nil {
			c.fail(r, f)
			return
		}
	}
	if user != c.me.Name() {
		c.fail(r, faultf(codeUserNotFound, "Provided username '%s' differs from the participant's name", shorten(user)))
		return
	}
	if room != c.me.Room().Name() {
		c.fail(r, faultf(codeRoomNotFound, "Provided room name '%s' differs from the participant's room", shorten(room)))
		return
	}
	if err := c.me.Send(core.Message{Echo: true, Type: core.TextMessage, Body: []byte(text)}); err != nil {
		c.fail(r, faultOf(err))
		return
	}
	c.done(r)
}

// customRequest takes what the demo application's filter button sends and
// filters nothing: seed 17, dossier 2.9.
func (c *conversation) customRequest(r *request) {
	switch {
	case c.me == nil:
		c.fail(r, notInRoom(c.key()))
	case !absent(r.params["hat"]):
		c.putHat(r)
	case !absent(r.params["marker"]):
		c.turnMarker(r)
	default:
		c.fail(r, faultf(codeUnknownMethod, "Unsupported method"))
	}
}

// putHat remembers whether the user wears the hat that nobody sees, so that the
// demo's errors are the same.
func (c *conversation) putHat(r *request) {
	on, f := flag(r.params["hat"], "hat")
	switch {
	case f != nil:
		c.fail(r, f)
	case on && c.hat:
		c.fail(r, faultf(-1, "HAT filter already on"))
	case !on && !c.hat:
		c.fail(r, faultf(-1, "This user has no HAT filter yet"))
	default:
		c.hat = on
		c.keep()
		c.done(r)
	}
}

// markerKey is the room data that holds the state of the marker filter: the
// number of an image, or nothing while it is off.
const markerKey = "kurento.marker"

const markerAttempts = 8

// turnMarker advances the room's marker filter, which has one image: on, off.
// Everybody is told, the asker after the reply.
func (c *conversation) turnMarker(r *request) {
	if _, f := r.params.number("marker", 0); f != nil {
		c.fail(r, f)
		return
	}
	for range markerAttempts {
		info, err := c.me.Snapshot()
		if err != nil {
			c.fail(r, notInRoom(c.key()))
			return
		}
		present := info.Data[markerKey]
		change := core.DataRequest{Key: markerKey, Check: true, Previous: present}
		if present == nil {
			change.Value = []byte("0")
		}
		if err = c.me.SetRoomData(change); err == nil {
			c.done(r)
			c.write(markerNotification(change.Value))
			return
		}
		if core.KindOf(err) != core.Conflict { // somebody else was quicker: look again
			c.fail(r, faultOf(err))
			return
		}
	}
	c.fail(r, faultf(codeRoom, "The marker is being changed by others"))
}

func markerNotification(value []byte) []byte {
	state, err := strconv.Atoi(string(value))
	if err != nil {
		state = -1
	}
	return notification("custonNotification", markerParams{state}) // the name is upstream's
}

// Notify implements [dialect.Conversation].
func (c *conversation) Notify(_ context.Context, e *core.Event) []dialect.Frame {
	if !c.over {
		c.handle(e)
	}
	return c.flush()
}

func (c *conversation) handle(e *core.Event) {
	switch f := e.Fact.(type) {
	case core.AnswerMade:
		c.answered(f)
	case core.LoginMade:
		c.loggedIn(f)
	case core.CandidateFound:
		c.candidateFound(f)
	case core.TransportFailed:
		if !f.Goodbye { // else the client has asked for it, or will: dossier 3.5
			c.mediaFailed(f.Transport, f.Reason)
		}
	case core.SessionEnded:
		c.sessionEnded(f.Reason)
	default:
		if c.me != nil {
			c.tell(e)
		}
	}
}

// tell passes on what happened in the room. Bytes are made once and shared by
// everybody who is told.
func (c *conversation) tell(e *core.Event) {
	if c.voice(e) {
		return
	}
	switch f := e.Fact.(type) {
	case core.ParticipantJoined: // seed 2
		if f.Participant.Mode == core.ModeInvited {
			c.hide([]core.ParticipantInfo{f.Participant})
			return
		}
		c.share(e, f.Room)
	case core.ParticipantChanged:
		if c.invited[f.Participant.ID] && f.Participant.Mode != core.ModeInvited {
			delete(c.invited, f.Participant.ID)
			c.share(e, f.Room)
		}
	case core.TrackPublished: // seed 4
		c.share(e, f.Room)
	case core.TrackUnpublished: // seed 6
		if c.share(e, f.Room) {
			c.dropPublication(f.Publication.ID)
		}
		// Old clients take an unpublished stream for the whole member. They find the
		// rest again when it is announced anew.
		if len(f.Participant.Publications) > 0 && f.Room == c.me.Room() {
			c.write(e.Encoded(Name+" rest", encodeRest))
		}
	case core.ParticipantLeft: // seed 12, 13
		switch {
		case f.Participant == c.me.ID():
			c.evicted()
		case c.invited[f.Participant]:
			delete(c.invited, f.Participant)
		case f.Reason == core.ReasonShutdown: // everybody is about to hear that the room closes
		case c.share(e, f.Room):
			c.dropParticipant(f.Participant)
		}
	case core.MessageSent: // seed 15
		if f.Type == core.TextMessage {
			c.share(e, f.Room)
		}
	case core.RoomDataChanged: // dossier 2.9
		if f.Key == markerKey {
			c.share(e, f.Room)
		}
	case core.RoomClosed: // dossier 2.10
		if c.share(e, f.Room) {
			c.me = nil
			c.end(1000, "the room was closed")
		}
	}
}

// hide notes who is only invited to the room. This protocol has no word for
// that, so they are told of when they come.
func (c *conversation) hide(all []core.ParticipantInfo) {
	for _, p := range all {
		if p.Mode == core.ModeInvited {
			if c.invited == nil {
				c.invited = map[core.ParticipantID]bool{}
			}
			c.invited[p.ID] = true
		}
	}
}

// share writes an event of the client's own room.
func (c *conversation) share(e *core.Event, room core.RoomID) bool {
	if room != c.me.Room() {
		return false
	}
	c.write(e.Encoded(Name, encodeFact))
	return true
}

// encodeFact is the message that tells a fact, the same for all receivers.
func encodeFact(fact core.Fact) []byte {
	switch f := fact.(type) {
	case core.ParticipantJoined:
		return joined(f.Participant.Name)
	case core.ParticipantChanged: // from invited to present
		return joined(f.Participant.Name)
	case core.TrackPublished:
		return published(f.Participant)
	case core.TrackUnpublished:
		return unpublished(f.Participant)
	case core.ParticipantLeft:
		return left(f.Name)
	case core.MessageSent:
		return notification("sendMessage", chatParams{Room: f.Room.Name(), User: f.FromName, Name: f.FromName, Message: string(f.Body)})
	case core.RoomDataChanged:
		return markerNotification(f.Value)
	case core.RoomClosed:
		return notification("roomClosed", roomParams{f.Room.Name()})
	}
	return nil
}

// encodeRest announces what somebody still sends after ending one stream.
func encodeRest(fact core.Fact) []byte {
	f, _ := fact.(core.TrackUnpublished)
	return published(f.Participant)
}

func joined(name string) []byte { return notification("participantJoined", joinedParams{name}) }

func left(name string) []byte { return notification("participantLeft", leftParams{name}) }

func published(p core.ParticipantInfo) []byte {
	return notification("participantPublished", publishedParams{p.Name, streamsOf(p)})
}

func unpublished(p core.ParticipantInfo) []byte {
	return notification("participantUnpublished", unpublishedParams{p.Name, p.Name, streamsOf(p)})
}

// evicted tells the client that it was removed, under both names that the seed
// has for it (seed 13), and ends the connection, since the stock demo notices
// nothing else (dossier 2.10).
func (c *conversation) evicted() {
	c.me = nil
	c.write(notification("participantEvicted", struct{}{}))
	c.write(notification("participantLeft", struct{}{}))
	c.end(1000, "evicted")
}

// closing is how a session that the server ends is told, by the reason.
func closing(why core.Reason) (code int, reason string) {
	switch why {
	case core.ReasonShutdown:
		return 1001, "the server is stopping"
	case core.ReasonSlow:
		return 1008, "messages were not read in time"
	case core.ReasonReplaced:
		return 1000, "the session goes on elsewhere"
	}
	return 1000, "the session has ended"
}

// sessionEnded tells the end of the session (dossier 2.10: roomClosed at
// shutdown).
func (c *conversation) sessionEnded(why core.Reason) {
	if why == core.ReasonShutdown && c.me != nil {
		c.write(notification("roomClosed", roomParams{c.me.Room().Name()}))
	}
	c.me = nil
	c.end(closing(why))
}

// gone tells whether an error says that the participant is no longer there.
func gone(err error) bool {
	var e *core.Error
	return errors.As(err, &e) && e.Kind == core.NotFound && e.Subject == core.AboutParticipant
}
