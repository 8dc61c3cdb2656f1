package nkmedia

import (
	"encoding/json"
	"strings"

	"switchboard/internal/core"
)

// Events of rooms are made from what the core tells of them, so that people of
// other protocols are in them too. A client hears of the rooms it subscribed to;
// of new ones its conversation learns by an announcement among conversations.

// watched is a room whose events the client wants to hear.
type watched struct {
	members map[core.ParticipantID]member
}

// member is somebody in a room, as clients see them.
type member struct {
	session, role, user, peer string
}

// The roles of members.
const (
	rolePublisher = "publisher"
	roleListener  = "listener"
)

// memberOf reads who a participant is. People of other protocols are publishers
// while they publish; their id is that of their place in the room.
func memberOf(p core.ParticipantInfo) (member, bool) {
	m := member{session: shown(p.ID), role: rolePublisher, user: p.User}
	if m.user == "" {
		m.user = p.Name
	}
	if p.Via != Name {
		return m, len(p.Publications) > 0 && p.Mode != core.ModeInvited
	}
	var st status
	if json.Unmarshal(p.Status, &st) != nil || st.Role == "" {
		return m, false
	}
	m.session, m.peer = st.Session, st.Peer
	if st.Role == roleListener {
		m.role = roleListener
	}
	return m, true
}

// announcements is the topic by which conversations tell each other of new
// rooms.
func announcements() string {
	return realmWide + joined(mediaClass, "room", "created", "rooms of this dialect")
}

// announceRoom tells of a new room.
func (c *conversation) announceRoom(name string) {
	topic := realmWide + joined(mediaClass, "room", "created", name)
	_, _ = c.session().Tell(core.Telling{Topics: []string{topic, announcements()}, Type: eventType, Body: encode(event{Class: mediaClass}), State: true})
}

// ofRooms tells whether a subscription is for events of rooms.
func (s *subscription) ofRooms() bool {
	return (s.class == mediaClass || s.class == collabClass) && (s.sub == "room" || s.sub == anything)
}

// watchFor begins to watch the rooms that a subscription is about.
func (c *conversation) watchFor(s *subscription) {
	if !s.ofRooms() {
		return
	}
	if c.session().Follow(announcements()) != nil {
		return // beyond the limit; new rooms are not told
	}
	if s.id != anything {
		c.watch(c.roomID(s.id))
		return
	}
	for _, info := range c.o.Hub.Admin().Rooms(c.realm()) {
		c.watch(info.ID)
	}
}

// watch begins to watch a room that is there and may be listened in, and returns
// who is in it, unless it is watched already.
func (c *conversation) watch(id core.RoomID) (present []member) {
	if c.rooms[id] != nil {
		return nil
	}
	info, err := c.session().WatchRoom(id)
	if err != nil {
		return nil
	}
	w := &watched{members: map[core.ParticipantID]member{}}
	for _, p := range info.Participants {
		if m, ok := memberOf(p); ok {
			w.members[p.ID] = m
			present = append(present, m)
		}
	}
	c.rooms[id] = w
	return present
}

// unwatchFor ends the watching that no other subscription wants.
func (c *conversation) unwatchFor(gone *subscription) {
	if !gone.ofRooms() {
		return
	}
	any := false
	wanted := map[core.RoomID]bool{}
	for _, s := range c.followed {
		if s.ofRooms() {
			any = true
			wanted[c.roomID(s.id)] = true
		}
	}
	all := wanted[c.roomID(anything)]
	for id := range c.rooms {
		if !all && !wanted[id] {
			c.session().UnwatchRoom(id)
			delete(c.rooms, id)
		}
	}
	if !any {
		c.session().Unfollow(announcements())
	}
}

// roomCreated is an announcement of another conversation's, or of one's own.
// Whoever is in the room by then has come since.
func (c *conversation) roomCreated(name string) {
	present := c.watchIfWanted(name)
	if c.rooms[c.roomID(name)] == nil {
		return
	}
	info, d, f := c.look(name)
	if f != nil {
		return // gone already
	}
	typ, body := "started", object{"class": d.Class, "backend": d.Backend}
	if c.third() {
		typ, body = "created", describeRoom(info, d)
	}
	c.roomHappened(name, typ, body)
	for _, m := range present {
		c.memberHappened(c.roomID(name), m, "started")
	}
}

func (c *conversation) watchIfWanted(name string) (present []member) {
	for _, s := range c.followed {
		if s.ofRooms() && (s.id == anything || s.id == name) {
			return c.watch(c.roomID(name))
		}
	}
	return nil
}

// third tells whether the client speaks of members instead of publishers and
// listeners.
func (c *conversation) third() bool { return c.generation == G3 || c.generation == G4 }

// roomHappened tells the client what happened to a room, if it wants to hear
// it.
func (c *conversation) roomHappened(name, typ string, body any) {
	c.hear(event{Class: mediaClass, Subclass: "room", Type: typ, ObjID: name, Body: encode(body)})
}

// roomEvent is what the core tells of a room.
func (c *conversation) roomEvent(f core.Fact) {
	switch f := f.(type) {
	case core.ParticipantJoined:
		c.memberSeen(f.Room, f.Participant)
	case core.ParticipantChanged:
		c.memberSeen(f.Room, f.Participant)
	case core.TrackPublished:
		c.memberSeen(f.Room, f.Participant)
		c.streamAppeared(f)
	case core.TrackUnpublished:
		c.memberSeen(f.Room, f.Participant)
		c.streamGone(f.Room, f.Participant.ID, f.Publication.Name)
	case core.ParticipantLeft:
		c.memberGone(f.Room, f.Participant)
		c.participantLeft(f)
	case core.RoomClosed:
		c.roomClosed(f)
	case core.RoomDataChanged:
		if strings.HasPrefix(f.Key, messageKey) && f.Value != nil && c.rooms[f.Room] != nil {
			c.roomHappened(f.Room.Name(), "msglog_new_msg", json.RawMessage(f.Value))
		}
	}
}

// memberSeen brings what is known of a member up to date. The client's own
// sessions tell of themselves.
func (c *conversation) memberSeen(room core.RoomID, p core.ParticipantInfo) {
	w := c.rooms[room]
	if w == nil || c.places(room, p.ID) {
		return
	}
	m, now := memberOf(p)
	_, before := w.members[p.ID]
	switch {
	case now && !before:
		w.members[p.ID] = m
		c.memberHappened(room, m, "started")
	case before && !now:
		c.memberGone(room, p.ID)
	}
}

func (c *conversation) memberGone(room core.RoomID, id core.ParticipantID) {
	w := c.rooms[room]
	if w == nil {
		return
	}
	if m, there := w.members[id]; there {
		delete(w.members, id)
		c.memberHappened(room, m, "stopped")
	}
}

// memberHappened tells that a member came or went (dossier 3.12).
func (c *conversation) memberHappened(room core.RoomID, m member, what string) {
	if c.third() {
		body := object{"session_id": m.session, "role": m.role, "user_id": m.user}
		if m.peer != "" {
			body["peer_id"] = m.peer
		}
		c.roomHappened(room.Name(), what+"_member", body)
		return
	}
	body := object{"session_id": m.session, "user": m.user}
	if m.peer != "" && what == "started" {
		body["peer"] = m.peer
	}
	c.roomHappened(room.Name(), what+"_"+m.role, body)
}

// memberTalks tells that a member began or stopped speaking, to clients of the
// generations in which rooms had a status (dossier 3.12).
func (c *conversation) memberTalks(f core.TalkingChanged) {
	if m, ok := memberOf(f.Who); ok && c.rooms[f.Room] != nil && c.third() {
		c.roomHappened(f.Room.Name(), "status", object{"class": "talking", "session_id": m.session, "talking": f.Talking})
	}
}

// places tells whether a participant is one of the client's sessions.
func (c *conversation) places(room core.RoomID, id core.ParticipantID) bool {
	for s := range c.media.inRoom[room] {
		if s.place.me != nil && s.place.me.ID() == id {
			return true
		}
	}
	return false
}

// roomEntered tells of a session of the client's own, after the reply to what
// brought it there.
func (c *conversation) roomEntered(s *session) {
	room, me, m := s.place.room, s.place.me, member{session: s.id, role: rolePublisher, user: c.user, peer: s.place.publisher}
	if !s.place.named || me == nil {
		return
	}
	if s.place.publisher != "" {
		m.role = roleListener
	}
	c.later = append(c.later, func(c *conversation) {
		if w := c.rooms[room]; w != nil {
			if _, known := w.members[me.ID()]; !known {
				w.members[me.ID()] = m
				c.memberHappened(room, m, "started")
			}
		}
	})
}

func (c *conversation) roomLeft(_ *session, st *stay, p *core.Participant) {
	room, id := st.room, p.ID()
	c.later = append(c.later, func(c *conversation) { c.memberGone(room, id) })
}

// streamAppeared lets two who are bridged receive each other.
func (c *conversation) streamAppeared(f core.TrackPublished) {
	for s := range c.media.inRoom[f.Room] {
		if s.kind == "bridge" && s.place.me != nil && s.place.me.ID() != f.Participant.ID {
			if c.receive(s.place.me, f.Participant.ID, f.Publication.Name, s.main) != nil {
				c.stop(s, faultOf("session_failed"))
			}
		}
	}
}

// streamGone stops those who listened to a stream that is no more.
func (c *conversation) streamGone(room core.RoomID, from core.ParticipantID, stream string) {
	for s := range c.media.inRoom[room] {
		if s.place.from == from && (stream == "" || s.place.stream == stream) {
			c.stop(s, faultOf("publisher_stopped"))
		}
	}
}

// participantLeft stops who listened to somebody who left, and a session that
// was removed from its room.
func (c *conversation) participantLeft(f core.ParticipantLeft) {
	c.streamGone(f.Room, f.Participant, "")
	for s := range c.media.inRoom[f.Room] {
		if s.place.me != nil && s.place.me.ID() == f.Participant {
			c.stop(s, faultOf("session_stop"))
		}
	}
}

// roomClosed stops the sessions in a room that is no more.
func (c *conversation) roomClosed(f core.RoomClosed) {
	for s := range c.media.inRoom[f.Room] {
		c.stop(s, faultOf("room_destroyed"))
	}
	if c.rooms[f.Room] == nil {
		return
	}
	why := faultOf("room_destroyed")
	if len(f.Names) == 0 {
		why = faultOf("timeout")
	}
	c.roomHappened(f.Room.Name(), "destroyed", object{"code": why.number(c.generation), "reason": why.text(c.generation)})
	delete(c.rooms, f.Room)
}
