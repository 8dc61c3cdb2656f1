package core

import (
	"crypto/subtle"
	"slices"
	"strconv"
	"unicode/utf8"

	"switchboard/internal/media"
)

// Mode is what a participant does in a room.
type Mode uint8

// The modes of a participant.
const (
	ModeNone    Mode = iota // present only
	ModeListen              // receives
	ModeTalk                // receives and is received
	ModeInvited             // asked to come; sees the room but takes no part yet
)

// String returns the mode in lower case.
func (m Mode) String() string {
	switch m {
	case ModeListen:
		return "listen"
	case ModeTalk:
		return "talk"
	case ModeInvited:
		return "invited"
	}
	return "none"
}

// NameRule says what happens when a name is taken in the room.
type NameRule uint8

// What to do about a taken name.
const (
	NameExact  NameRule = iota // fail with kind Conflict, about the name
	NameUnique                 // take the next free one: ada, ada-2, ada-3
)

// JoinRequest asks for a place in a room.
type JoinRequest struct {
	Room     RoomID   `json:"room"`
	Name     string   `json:"name"`
	NameRule NameRule `json:"name_rule"`
	Display  string   `json:"display,omitempty"`
	Status   []byte   `json:"status,omitempty"`
	Mode     Mode     `json:"mode"`
	// Create is the policy of the room if it has to be made; nil does not make
	// one.
	Create *Policy `json:"create,omitempty"`
	// TakeOver removes a participant of the same name whose session has lost its
	// connection, instead of failing, unless it speaks for another user.
	TakeOver bool `json:"take_over,omitempty"`
	// Replace removes a participant of the same name who is the same user of the
	// realm, wherever they are connected, instead of failing.
	Replace bool `json:"replace,omitempty"`
	// Secret must be that of the room's policy.
	Secret string `json:"-"`

	by *Session // who asks, if not the session that joins

	// notify is called under the room's lock with the new place and the room as
	// it was before, so that what it posts comes before any later event.
	notify func(*Participant, RoomInfo)
}

// Participant is a session's place in a room. A session may have several, even
// in one room. Methods may be called from any goroutine; they fail with kind
// NotFound, about the participant, once the place is lost.
type Participant struct {
	id         ParticipantID
	room       *Room
	session    *Session
	name       string     // set once
	display    string     // set once
	permission Permission // guarded by room.mu
	entered    uint64     // counts what the session entered; set once
	secluded   bool       // the room was hidden; set once

	invitation    *call                               // while invited; guarded by room.mu
	mode          Mode                                // guarded by room.mu
	status        []byte                              // guarded by room.mu; never changed in place
	publications  []*publication                      // guarded by room.mu, in order
	subscriptions map[SubscriptionID]*subscription    // guarded by room.mu
	pairs         map[ParticipantID]media.TransportID // see Pair; guarded by room.mu
	mix           *mixSubscription                    // nil: hears no mix; guarded by room.mu
	gate          media.Gate                          // see PushToTalk; guarded by room.mu
	sounding      bool                                // as media says; guarded by room.mu
	talking       bool                                // sounding where others hear it; guarded by room.mu
}

// Join enters a room and returns the place and the room as it was just before:
// every later event about the room reaches the session after this snapshot and
// none before. Errors: Invalid (names), Denied, NotFound (no such room),
// Conflict (name taken, or the id of another session), Unavailable (limits).
func (s *Session) Join(r JoinRequest) (*Participant, RoomInfo, error) {
	if err := s.mayJoin(&r); err != nil {
		return nil, RoomInfo{}, err
	}
	if err := s.reserve(r.Create != nil && r.Create.Hidden); err != nil {
		return nil, RoomInfo{}, err
	}
	defer s.release()
	p, info, replaced, err := s.join(&r)
	if replaced != nil {
		replaced.session.End(ReasonReplaced)
	}
	return p, info, err
}

// mayJoin checks what needs no room.
func (s *Session) mayJoin(r *JoinRequest) error {
	limits := s.hub.limits
	if err := s.admitted(); err != nil {
		return err
	}
	switch {
	case r.Room.Name() == "":
		return failure(Invalid, AboutRoom, "empty room name is not allowed")
	case r.Name == "":
		return failure(Invalid, AboutName, "empty user name is not allowed")
	case len(r.Room.Name()) > limits.NameBytes || len(r.Name) > limits.NameBytes || len(r.Display) > limits.NameBytes:
		return s.hub.beyond("name_bytes", Invalid, "names can have at most %d bytes", limits.NameBytes)
	case !utf8.ValidString(r.Name) || !utf8.ValidString(r.Room.Name()):
		return failure(Invalid, AboutName, "names must be valid UTF-8")
	case r.Name != string(s.id) && s.hub.session(SessionID(r.Name)) != nil: // by which others know it, in this room or in another
		return failure(Conflict, AboutName, "'%s' is somebody else", r.Name)
	case len(r.Status) > limits.StatusBytes:
		return s.hub.beyond("status_bytes", Invalid, "a status can have at most %d bytes", limits.StatusBytes)
	}
	return nil
}

// join does the part of Join that happens under the room's lock. replaced is a
// participant who lost the place to the newcomer; their session has to end.
func (s *Session) join(r *JoinRequest) (p *Participant, info RoomInfo, replaced *Participant, err error) {
	by := s
	if r.by != nil {
		by = r.by
	}
	room, err := s.hub.locked(r.Room, r.Create, by)
	if err != nil {
		return nil, RoomInfo{}, nil, err
	}
	fresh := len(room.participants) == 0 && room.linger == nil
	var routes media.Routes
	p, err = s.newParticipant(room, r)
	if err == nil {
		err = s.hold(p)
	}
	if err == nil {
		if taken := room.names[p.name]; taken != nil {
			replaced = taken
			routes = room.vacate(taken, ReasonReplaced, true)
		}
		info = room.info(nil)
		if r.notify != nil {
			r.notify(p, info)
		}
		room.seat(s, 1)
		room.tell(ParticipantJoined{Room: room.id, Participant: p.info()}, nil)
		room.participants = append(room.participants, p)
		room.lately = append(room.lately, p)
		room.names[p.name] = p
		room.rouse()
	}
	a := room.settle(fresh && err != nil) // a room made for a join that failed goes again
	room.mu.Unlock()
	a.routes = routes
	if fresh && err == nil {
		s.hub.log.Info("room opened", "room", room.id, "by", s.id, "via", s.via)
	}
	room.after(a)
	if err != nil {
		return nil, RoomInfo{}, nil, err
	}
	room.review(s) // the identity may have changed before the session held the place
	return p, info, replaced, nil
}

// newParticipant checks whether the room lets the newcomer in, and under which
// name. Callers hold room.mu.
func (s *Session) newParticipant(room *Room, r *JoinRequest) (*Participant, error) {
	if r.by != nil && !room.within(room.policy.Inviting, r.by) {
		return nil, errOutside(room)
	}
	permit := permission(s.identity.Load(), room.id, &room.policy)
	if permit == PermitNone {
		return nil, failure(Denied, AboutPermission, "you may not enter room '%s'", room.id.Name())
	}
	if subtle.ConstantTimeCompare([]byte(r.Secret), []byte(room.policy.Secret)) == 0 {
		return nil, failure(Denied, AboutValue, "this is not the secret of room '%s'", room.id.Name())
	}
	name, taken := r.Name, room.names[r.Name]
	if r.Mode == ModeInvited && slices.ContainsFunc(room.participants, func(p *Participant) bool { return p.session == s }) {
		return nil, failure(Conflict, AboutParticipant, "already in room '%s'", room.id.Name())
	}
	switch {
	case taken == nil:
	case r.NameRule == NameUnique:
		name, taken = room.freeName(name), nil
	case r.Replace && taken.session != s && taken.session.sameUser(s):
	case !r.TakeOver || taken.session == s || !taken.session.Detached() || !s.mayReplace(taken.session):
		return nil, failure(Conflict, AboutName, "user '%s' already exists in room '%s'", name, room.id.Name())
	}
	most := s.hub.limits.ParticipantsPerRoom
	if room.policy.Participants > 0 {
		most = min(most, room.policy.Participants)
	}
	if taken == nil && len(room.participants) >= most {
		return nil, s.hub.beyond("participants_per_room", Unavailable, "room '%s' is full", room.id.Name())
	}
	return &Participant{id: ParticipantID(newID("p")), room: room, session: s, name: name, display: r.Display,
		permission: permit, secluded: room.policy.Hidden, mode: r.Mode, status: r.Status}, nil
}

// mayReplace tells whether the session may take the place of another that has
// lost its connection: of a guest's, since nothing tells one guest from another,
// or of one that speaks for the same user.
func (s *Session) mayReplace(o *Session) bool { return o.identity.Load().Guest || s.sameUser(o) }

// sameUser tells whether both speak for one user; guests are nobody's.
func (s *Session) sameUser(o *Session) bool {
	a, b := s.identity.Load(), o.identity.Load()
	return a.User != "" && a.User == b.User && a.Realm == b.Realm
}

// freeName returns the first of name-2, name-3, … that nobody has. Callers hold
// r.mu.
func (r *Room) freeName(name string) string {
	for i := 2; ; i++ {
		if try := name + "-" + strconv.Itoa(i); r.names[try] == nil {
			return try
		}
	}
}

// info describes the participant. Callers hold the room's lock.
func (p *Participant) info() ParticipantInfo {
	who := p.session.identity.Load()
	i := ParticipantInfo{ID: p.id, Name: p.name, Display: p.display, User: who.User, Role: who.Role, Via: p.session.via,
		Mode: p.mode, Talking: p.talking, PushToTalk: p.gate == media.GateOpen, Status: p.status}
	for _, pub := range p.publications {
		i.Publications = append(i.Publications, pub.info())
	}
	return i
}

// here locks the room and checks that the participant is still in it; the
// caller unlocks.
func (p *Participant) here() error {
	p.room.mu.Lock()
	if p.room.names[p.name] != p {
		p.room.mu.Unlock()
		return errGone
	}
	return nil
}

var errGone = failure(NotFound, AboutParticipant, "not in the room any more")

func errOnlyInvited(p *Participant) error {
	return failure(Denied, AboutParticipant, "you are only invited to room '%s'", p.room.id.Name())
}

// ID returns the participant's id.
func (p *Participant) ID() ParticipantID { return p.id }

// Name returns the participant's name, unique in the room.
func (p *Participant) Name() string { return p.name }

// Room returns the id of the room.
func (p *Participant) Room() RoomID { return p.room.id }

// Present tells whether the participant is still in the room.
func (p *Participant) Present() bool {
	if p.here() != nil {
		return false
	}
	p.room.mu.Unlock()
	return true
}

// Snapshot describes the room as it is now, the participant included. Events
// that were posted before may arrive after it: they tell what it shows already.
func (p *Participant) Snapshot() (RoomInfo, error) {
	if err := p.here(); err != nil {
		return RoomInfo{}, err
	}
	defer p.room.mu.Unlock()
	return p.room.info(nil), nil
}

// Lookup finds somebody in the room by name. It fails with kind NotFound, about
// the participant.
func (p *Participant) Lookup(name string) (ParticipantInfo, error) {
	if err := p.here(); err != nil {
		return ParticipantInfo{}, err
	}
	defer p.room.mu.Unlock()
	other := p.room.names[name]
	if other == nil {
		return ParticipantInfo{}, failure(NotFound, AboutParticipant, "user '%s' not found in room '%s'", name, p.room.id.Name())
	}
	return other.info(), nil
}

// Leave gives the place up. The others are told; the leaver is not.
func (p *Participant) Leave() {
	p.room.remove(p, ReasonLeft, true)
}

// SetStatus replaces the participant's opaque status and tells the others.
func (p *Participant) SetStatus(status []byte) error {
	if len(status) > p.room.hub.limits.StatusBytes {
		return p.room.hub.beyond("status_bytes", Invalid, "a status can have at most %d bytes", p.room.hub.limits.StatusBytes)
	}
	if err := p.here(); err != nil {
		return err
	}
	defer p.room.mu.Unlock()
	if err := p.session.recharge(p.status, status); err != nil {
		return err
	}
	p.status = status
	p.room.tell(ParticipantChanged{Room: p.room.id, Participant: p.info()}, p)
	return nil
}

// SetMode changes what the participant does and tells the others. Talking needs
// the permission to talk.
func (p *Participant) SetMode(m Mode) error {
	if err := p.here(); err != nil {
		return err
	}
	if m == ModeTalk && p.permission < PermitTalk {
		p.room.mu.Unlock()
		return failure(Denied, AboutPermission, "you may not talk in room '%s'", p.room.id.Name())
	}
	if p.mode == m {
		p.room.mu.Unlock()
		return nil
	}
	p.mode = m
	p.room.tell(ParticipantChanged{Room: p.room.id, Participant: p.info()}, p)
	routes := p.room.settleTalking(p, p.room.routesAround(p))
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
	return nil
}
