package nkmedia

import (
	"errors"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// stay is where a session is: a place in a room, and what it does there. What a
// session is can change, its media connection stays the same.
type stay struct {
	kind      string
	room      core.RoomID
	named     bool // the room is one that clients know
	me        *core.Participant
	other     *core.Participant // of the called party of a proxy
	published bool
	from      core.ParticipantID // whom a listener hears
	stream    string             // which of their publications
	reception core.SubscriptionID
	publisher string // as clients name them
	peer      string // the session bridged with
	player    *core.Player
	layout    string
	bitrate   int // of the room
}

// The names of what sessions publish.
const (
	ownStream  = "main"
	fileStream = "file"
)

// roomWish is what a client says about the room of a session.
type roomWish struct {
	name   string
	create bool
	data   roomData
}

func wishOf(v values) roomWish {
	return roomWish{v.text("room_id", "conf_id", "room"), v.flag("create_room", false), roomDataOf(v, "room_")}
}

// status is what participants of this dialect show of themselves to each other.
type status struct {
	Session string `json:"session_id"`
	Role    string `json:"role"` // publisher, listener, mcu
	Peer    string `json:"peer,omitempty"`
}

// privatePolicy is that of rooms in which one session is by itself.
func privatePolicy() *core.Policy {
	return &core.Policy{Media: core.MediaServer, Members: core.PermitTalk, Hidden: true}
}

func (c *conversation) realm() string { return c.session().Identity().Realm }

// privateRoom names a room that nobody else can know of.
func (c *conversation) privateRoom() core.RoomID {
	return core.NewRoomID(c.realm(), "private-"+newID())
}

// enter takes a place in a room for a session.
func (c *conversation) enter(s *session, room core.RoomID, create *core.Policy, mode core.Mode, st status) (*core.Participant, core.RoomInfo, *fault) {
	st.Session = s.id
	me, info, err := c.session().Join(core.JoinRequest{Room: room, Name: c.user, NameRule: core.NameUnique, Status: encode(st), Mode: mode, Create: create})
	if err != nil {
		return nil, info, coreFault(err)
	}
	if c.media.inRoom[room] == nil {
		c.media.inRoom[room] = map[*session]struct{}{}
	}
	c.media.inRoom[room][s] = struct{}{}
	return me, info, nil
}

// leave gives up where a session was.
func (c *conversation) leave(s *session, st stay) {
	if st.player != nil {
		delete(c.media.legs, st.player.ID())
		st.player.Close()
	}
	for _, p := range []*core.Participant{st.me, st.other} {
		if p != nil {
			c.roomLeft(s, &st, p)
			p.Leave()
		}
	}
	if st.room != "" && (s.place.room != st.room || s.place.me == st.me) {
		delete(c.media.inRoom[st.room], s)
		if len(c.media.inRoom[st.room]) == 0 {
			delete(c.media.inRoom, st.room)
		}
	}
}

// move takes a session whose media is negotiated to what it is to be. What
// it was before it stays if that fails.
func (c *conversation) move(s *session, to stay, wish roomWish) *fault {
	f := c.settle(s, &to, wish)
	if f != nil {
		c.leave(s, to)
		return f
	}
	old := s.place
	s.place, s.kind = to, to.kind
	c.leave(s, old)
	c.roomEntered(s)
	return nil
}

// settle does what the type of a session is about.
func (c *conversation) settle(s *session, to *stay, wish roomWish) (f *fault) {
	switch to.kind {
	case "echo":
		return c.settleEcho(s, to)
	case "publish":
		return c.settlePublish(s, to, wish)
	case "park":
		return c.settlePark(s, to)
	case "mcu":
		return c.settleMCU(s, to, wish)
	case "bridge":
		return c.settleBridge(s, to)
	case "play":
		return c.settlePlay(s, to)
	}
	return faultOf("invalid_operation")
}

func (c *conversation) settleEcho(s *session, to *stay) (f *fault) {
	to.room = c.privateRoom()
	if to.me, _, f = c.enter(s, to.room, privatePolicy(), core.ModeTalk, status{}); f != nil {
		return f
	}
	if f = c.publish(s, s.main, to.me, to); f != nil {
		return f
	}
	return c.receive(to.me, to.me.ID(), ownStream, s.main)
}

// publish offers what a leg sends in the room.
func (c *conversation) publish(s *session, l *leg, me *core.Participant, to *stay) *fault {
	if len(l.got.Tracks) == 0 {
		return nil
	}
	if _, err := me.Publish(core.PublishRequest{Name: ownStream, Transport: l.transport.ID(), Tracks: l.got.Tracks}); err != nil {
		return coreFault(err)
	}
	to.published = true
	for _, k := range []media.Kind{media.Audio, media.Video} {
		if !s.use.of(k) {
			_ = me.Mute(ownStream, k, true) // it was published a moment ago
		}
	}
	return nil
}

// receive makes a leg receive a stream; one that is not there is no fault.
func (c *conversation) receive(me *core.Participant, from core.ParticipantID, stream string, l *leg) *fault {
	_, err := me.Subscribe(core.SubscribeRequest{Participant: from, Publication: stream, Transport: l.transport.ID(), Loopback: true, Data: l.got.Data})
	var e *core.Error
	if err != nil && (!errors.As(err, &e) || e.Kind != core.NotFound && e.Kind != core.Conflict) {
		return coreFault(err)
	}
	return nil
}

func (c *conversation) settlePublish(s *session, to *stay, wish roomWish) (f *fault) {
	if len(s.main.got.Tracks) == 0 && !s.main.got.Data {
		return faultOf("invalid_sdp", "nothing is sent")
	}
	var create *core.Policy
	if wish.name == "" || wish.create {
		create = c.roomPolicy(0)
	}
	if f = c.enterNamed(s, to, wish, create, "publisher"); f != nil {
		return f
	}
	if s.bitrate == 0 { // as the room has it
		s.main.transport.SetVideoKbps(c.kbps(to.bitrate))
	}
	return c.publish(s, s.main, to.me, to)
}

// enterNamed enters a room that clients know, made with what was wished.
func (c *conversation) enterNamed(s *session, to *stay, wish roomWish, create *core.Policy, role string) (f *fault) {
	name := wish.name
	if name == "" {
		name = newID()
	}
	to.room, to.named = core.NewRoomID(c.realm(), name), true
	if create != nil && c.openRoom(to.room, *create, wish.data) == nil {
		c.announceRoom(name)
	}
	var info core.RoomInfo
	to.me, info, f = c.enter(s, to.room, create, core.ModeTalk, status{Role: role})
	to.bitrate = readRoomData(info).Bitrate
	return f
}

// settlePark leaves a session alone, with silence or music.
func (c *conversation) settlePark(s *session, to *stay) (f *fault) {
	to.room = c.privateRoom()
	if to.me, _, f = c.enter(s, to.room, privatePolicy(), core.ModeTalk, status{}); f != nil {
		return f
	}
	if c.o.ParkMusic != "" {
		if f := c.playFile(s, to, media.PlayRequest{Name: c.o.ParkMusic}); f != nil {
			c.o.Log.Warn("music for parked sessions cannot be played", "file", c.o.ParkMusic)
		} else {
			return c.receive(to.me, to.me.ID(), fileStream, s.main)
		}
	}
	return c.hearMix(s, to, false)
}

// hearMix makes a session hear everybody in its room, and see who speaks.
func (c *conversation) hearMix(s *session, to *stay, video bool) *fault {
	err := to.me.HearMix(core.MixRequest{Transport: s.main.transport.ID(), Volume: 100, Video: video})
	if err != nil {
		return coreFault(err)
	}
	return nil
}

func (c *conversation) settleMCU(s *session, to *stay, wish roomWish) (f *fault) {
	if f = c.enterNamed(s, to, wish, c.roomPolicy(0), "mcu"); f != nil {
		return f
	}
	if f = c.publish(s, s.main, to.me, to); f != nil {
		return f
	}
	return c.hearMix(s, to, true)
}

// settleBridge meets another session in a room of the two.
func (c *conversation) settleBridge(s *session, to *stay) (f *fault) {
	if to.room == "" {
		to.room = c.privateRoom()
	}
	var info core.RoomInfo
	if to.me, info, f = c.enter(s, to.room, privatePolicy(), core.ModeTalk, status{}); f != nil {
		return f
	}
	if f = c.publish(s, s.main, to.me, to); f != nil {
		return f
	}
	for _, p := range info.Participants {
		if f = c.receive(to.me, p.ID, ownStream, s.main); f != nil {
			return f
		}
	}
	return nil
}

func (c *conversation) settlePlay(s *session, to *stay) (f *fault) {
	to.room = c.privateRoom()
	if to.me, _, f = c.enter(s, to.room, privatePolicy(), core.ModeTalk, status{}); f != nil {
		return f
	}
	if f = c.playFile(s, to, media.PlayRequest{Name: s.uri, Loops: s.loops}); f != nil {
		return f
	}
	return c.receive(to.me, to.me.ID(), fileStream, s.main)
}

// playFile opens a file and publishes it in the room.
func (c *conversation) playFile(s *session, to *stay, r media.PlayRequest) *fault {
	p, err := c.session().OpenPlayer(r)
	if err != nil {
		return coreFault(err)
	}
	to.player = p
	c.media.legs[p.ID()] = s
	if _, err := to.me.Publish(core.PublishRequest{Name: fileStream, Transport: p.ID(), Tracks: p.Tracks()}); err != nil {
		return coreFault(err)
	}
	return nil
}

// settleProxy joins both legs of a proxy in a room of their own.
func (c *conversation) settleProxy(s *session) (f *fault) {
	to := &s.place
	to.kind, to.room = "proxy", c.privateRoom()
	if to.me, _, f = c.enter(s, to.room, privatePolicy(), core.ModeTalk, status{}); f != nil {
		return f
	}
	if to.other, _, f = c.enter(s, to.room, nil, core.ModeTalk, status{}); f != nil {
		return f
	}
	for _, side := range []struct {
		l  *leg
		me *core.Participant
	}{{s.main, to.me}, {s.far, to.other}} {
		if f = c.publish(s, side.l, side.me, to); f != nil {
			return f
		}
	}
	if f = c.receive(to.me, to.other.ID(), ownStream, s.main); f != nil {
		return f
	}
	return c.receive(to.other, to.me.ID(), ownStream, s.far)
}

// playEnded tells that a file has been played; the session is silent from now
// on.
func (c *conversation) playEnded(f core.PlayEnded) {
	s := c.media.legs[f.Player]
	if s == nil || s.place.player == nil || s.place.player.ID() != f.Player {
		return
	}
	s.place.player.Close()
	s.place.player = nil
	delete(c.media.legs, f.Player)
	c.happened(s, "info", object{"info": "player_stopped", "reason": f.Reason})
}

// roomPolicy is that of rooms that this dialect makes.
func (c *conversation) roomPolicy(timeout time.Duration) *core.Policy {
	if timeout == 0 {
		timeout = c.o.RoomTimeout
	}
	return &core.Policy{Media: core.MediaServer, Members: core.PermitTalk, Guests: c.o.Guests, Linger: timeout}
}
