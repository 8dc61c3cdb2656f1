package core

import (
	"container/list"
	"maps"
	"slices"
	"sync"
	"time"

	"switchboard/internal/media"
)

// MediaPolicy says who carries a room's media.
type MediaPolicy uint8

// Who carries media.
const (
	MediaPeer   MediaPolicy = iota // the clients among themselves; the server carries none
	MediaServer                    // the server
)

// Circle says who, of all who may enter a room, may do something with it.
type Circle uint8

// The circles, each within the one before it.
const (
	Anybody  Circle = iota // whoever may enter it
	Insiders               // who takes part in it now
)

// Policy is what a room is like. Rooms are told apart by nothing else.
type Policy struct {
	Media MediaPolicy `json:"media"`
	// Members and Guests are what users of the realm, and guests, may do.
	Members Permission `json:"members"`
	Guests  Permission `json:"guests"`
	// Roles is what those may do who act in a role, if it is more than what
	// Members may. It is never changed in place.
	Roles map[string]Permission `json:"roles,omitempty"`
	// Listing is who may list the room in a directory and take it off the list,
	// Inviting who may invite others into it.
	Listing  Circle `json:"listing,omitempty"`
	Inviting Circle `json:"inviting,omitempty"`
	// Persistent rooms stay when the last participant leaves.
	Persistent bool `json:"persistent,omitempty"`
	// Hidden rooms are not listed by [Admin.Rooms]: they belong to somebody.
	Hidden bool `json:"hidden,omitempty"`
	// Linger keeps an empty room, with its data, for a while.
	Linger time.Duration `json:"linger,omitempty"`
	// Secret is what newcomers must show; empty: nothing.
	Secret string `json:"-"`
	// Participants bounds how many can be in the room; 0 is the server's limit.
	Participants int `json:"participants,omitempty"`
}

// Room is a place where sessions meet. Its lock guards everything in it;
// under it only memory is touched, so everybody sees one order of events.
type Room struct {
	id  RoomID
	hub *Hub

	mu           sync.Mutex
	policy       Policy                                  // guarded by mu
	participants []*Participant                          // in order of joining; guarded by mu
	lately       []*Participant                          // the same, who was shown last first; see speaker.go; guarded by mu
	names        map[string]*Participant                 // guarded by mu
	watchers     map[*Session]struct{}                   // see Session.WatchRoom; guarded by mu
	seats        map[*Session]int                        // places of each session; guarded by mu
	data         map[string][]byte                       // guarded by mu
	receivers    map[media.TransportID][]*subscription   // by receiving transport; guarded by mu
	hearers      map[media.TransportID][]*Participant    // who hears the mix, by transport; guarded by mu
	paired       map[media.TransportID]media.TransportID // both ways, see Participant.Pair; guarded by mu
	revision     uint64                                  // of routes; guarded by mu
	listings     []*listing                              // directories it is announced in, in order; guarded by mu
	openedBy     *Session                                // counts it among those it opened; nil: nobody; guarded by mu
	resting      *list.Element                           // in hub.resting while empty and lingering; guarded by hub.mu
	lingered     int                                     // how often; guarded by mu
	linger       *time.Timer                             // closes an empty room; guarded by mu
	stored       bool                                    // the store has it too; guarded by mu
	closed       bool                                    // guarded by mu
}

// room finds a room, or makes it with the policy given for a session, or for
// nobody. It may be closed by the time the caller locks it; then ask again, as
// after another room, the second result, was made to give way.
func (h *Hub) room(id RoomID, create *Policy, by *Session) (r, inTheWay *Room, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[id]; r != nil {
		return r, nil, nil
	}
	if create == nil {
		return nil, nil, failure(NotFound, AboutRoom, "room '%s' not found", id.Name())
	}
	if h.closed {
		return nil, nil, failure(Unavailable, AboutRequest, "the server is stopping")
	}
	if len(h.rooms) >= h.limits.Rooms && !create.Persistent { // those are made by administrators
		if oldest := h.resting.Front(); oldest != nil {
			return nil, oldest.Value.(*Room), nil
		}
		return nil, nil, h.beyondAbout("rooms", Unavailable, AboutRoom, "no more rooms can be made: at most %d", h.limits.Rooms)
	}
	if create.Hidden { // bounded by the places in them
		by = nil
	}
	if err := by.opening(); err != nil {
		return nil, nil, err
	}
	r = &Room{id: id, hub: h, policy: *create, names: map[string]*Participant{}, openedBy: by}
	h.rooms[id] = r
	return r, nil, nil
}

// locked finds or makes an open room and returns it locked.
func (h *Hub) locked(id RoomID, create *Policy, by *Session) (*Room, error) {
	for {
		r, inTheWay, err := h.room(id, create, by)
		if err != nil {
			return nil, err
		}
		if inTheWay != nil { // rooms that nobody is in keep no other out
			inTheWay.expire(0)
			continue
		}
		r.mu.Lock()
		if !r.closed {
			return r, nil
		}
		r.mu.Unlock() // it closed meanwhile and is out of the hub: ask again
	}
}

// aftermath is what remains to be done after a room's lock is let go.
type aftermath struct {
	routes media.Routes
	freed  []DirectoryID  // directories that have to forget the room
	closed bool           // worth a line in the log
	gone   []*Participant // whose sessions have to forget their places
	unseen []*Session     // who watched the room
}

// after does it. Callers do not hold r.mu.
func (r *Room) after(a aftermath) {
	r.hub.apply(a.routes)
	for _, p := range a.gone {
		p.session.forget(p)
		if p.invitation != nil { // nobody writes it any more
			p.invitation.decline(p.session, ReasonClosed, nil)
		}
	}
	for _, s := range a.unseen {
		s.forgetRoom(r)
	}
	r.hub.withdraw(r, a.freed)
	if a.closed {
		r.hub.log.Info("room closed", "room", r.id)
	}
}

// tell posts a fact to every session in the room but one place, to those who watch it, and
// to those who watch it in a directory if it is of interest there. Callers hold
// r.mu.
func (r *Room) tell(f Fact, but *Participant) {
	e := newEvent(f)
	for _, p := range r.participants {
		if p != but && (r.seats[p.session] < 2 || r.foremost(p.session, but) == p) {
			p.session.post(e)
		}
	}
	for s := range r.watchers {
		if r.seats[s] == 0 {
			s.post(e)
		}
	}
	switch f.(type) {
	case ParticipantJoined, ParticipantChanged, ParticipantLeft, RoomDataChanged:
		r.observe(f)
	}
}

// foremost returns the first place of a session in the room but one, so that a
// session with several is told once. Callers hold r.mu.
func (r *Room) foremost(s *Session, but *Participant) *Participant {
	for _, p := range r.participants {
		if p.session == s && p != but {
			return p
		}
	}
	return nil
}

// info describes the room, without one participant. Callers hold r.mu.
func (r *Room) info(but *Participant) RoomInfo {
	i := RoomInfo{ID: r.id, Policy: r.policy, Participants: make([]ParticipantInfo, 0, len(r.participants)), Data: copyData(r.data)}
	for _, p := range r.participants {
		if p != but {
			i.Participants = append(i.Participants, p.info())
		}
	}
	return i
}

// remove takes a participant out with everything they had, tells the others,
// and closes the room if it was the last. told says whether the one concerned
// knows already.
func (r *Room) remove(p *Participant, why Reason, told bool) {
	r.mu.Lock()
	if r.names[p.name] != p {
		r.mu.Unlock()
		return
	}
	routes := r.vacate(p, why, told)
	a := r.settle(false)
	r.mu.Unlock()
	a.routes, a.gone = routes, []*Participant{p}
	r.after(a)
}

// vacate takes a participant out and tells the others. Callers hold r.mu.
func (r *Room) vacate(p *Participant, why Reason, told bool) media.Routes {
	i := slices.Index(r.participants, p)
	r.participants = slices.Delete(r.participants, i, i+1)
	r.lately = slices.DeleteFunc(r.lately, func(o *Participant) bool { return o == p })
	delete(r.names, p.name)
	routes := r.routesWithout(p)
	fact := ParticipantLeft{Room: r.id, Participant: p.id, Name: p.name, Reason: why, PushToTalk: p.gate == media.GateOpen, Who: p.info()}
	r.tell(fact, nil)
	if !told {
		p.session.post(newEvent(fact))
	}
	r.seat(p.session, -1)
	return routes
}

// settle closes a room that became empty, or lets it linger, unless nobody has
// ever been in it. Callers hold r.mu and do what is left after letting go of it.
func (r *Room) settle(unused bool) (a aftermath) {
	if len(r.participants) > 0 || r.policy.Persistent || r.closed || r.linger != nil {
		return a
	}
	a.freed = r.unlist()
	if r.policy.Linger <= 0 || unused {
		a.unseen = r.shut()
		a.closed = true
		return a
	}
	r.lingered++
	times := r.lingered
	r.linger = time.AfterFunc(r.policy.Linger, func() { r.expire(times) })
	r.hub.mu.Lock()
	r.resting = r.hub.resting.PushBack(r)
	r.hub.mu.Unlock()
	return a
}

// expire closes a room that lingers, if it has done so as many times as are
// given, or any (0).
func (r *Room) expire(times int) {
	r.mu.Lock()
	over := aftermath{closed: r.linger != nil && (times == 0 || r.lingered == times) && len(r.participants) == 0}
	if over.closed {
		over.freed = r.unlist() // somebody may have listed it while it was empty
		over.unseen = r.shut()
	}
	r.mu.Unlock()
	r.after(over)
}

// rouse ends the lingering, if any: somebody has come, or the room closes.
// Callers hold r.mu.
func (r *Room) rouse() {
	if r.linger == nil {
		return
	}
	r.linger.Stop()
	r.linger = nil
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.hub.resting.Remove(r.resting)
	r.resting = nil
}

// shut marks an empty room closed and takes it out of the hub. It tells those
// who watched it, and returns them. Callers hold r.mu. Taking the hub's lock here is safe because nobody waits for a room
// while holding that.
func (r *Room) shut() []*Session {
	r.closed = true
	r.rouse()
	r.hub.mu.Lock()
	delete(r.hub.rooms, r.id)
	r.hub.mu.Unlock()
	if r.openedBy != nil {
		r.openedBy.opened.Add(-1)
	}
	watched := slices.Collect(maps.Keys(r.watchers))
	if len(watched) > 0 {
		r.tell(RoomClosed{Room: r.id, Reason: ReasonClosed}, nil)
	}
	r.watchers = nil
	return watched
}

// opening counts a room that is made for the session, or for nobody (nil).
func (s *Session) opening() error {
	if s == nil {
		return nil
	}
	if most := s.hub.limits.RoomsOpenedPerSession; s.opened.Add(1) > int64(most) {
		s.opened.Add(-1)
		return s.hub.beyondAbout("rooms_opened_per_session", Unavailable, AboutRoom, "too many rooms opened: at most %d", most)
	}
	return nil
}

// close ends the room for everybody in it and returns the policy it had.
func (r *Room) close(why Reason) Policy {
	r.mu.Lock()
	policy := r.policy
	if r.closed {
		r.mu.Unlock()
		return policy
	}
	closed := RoomClosed{Room: r.id, Reason: why}
	for _, p := range r.participants {
		closed.Names = append(closed.Names, p.name)
	}
	r.tell(closed, nil)
	told := slices.Collect(maps.Keys(r.watchers))
	r.watchers = nil
	a := aftermath{gone: r.participants, closed: why != ReasonShutdown, routes: media.Routes{Room: r.id.media()}}
	r.participants, r.lately, r.names, r.seats = nil, nil, map[string]*Participant{}, nil
	for _, p := range a.gone {
		routes := r.routesWithout(p)
		a.routes.Revision = routes.Revision
		a.routes.Receptions = append(a.routes.Receptions, routes.Receptions...)
		a.routes.Voices = append(a.routes.Voices, routes.Voices...)
	}
	a.freed = r.unlist()
	r.shut()
	a.unseen = told
	r.mu.Unlock()
	r.after(a)
	return policy
}

func copyData(data map[string][]byte) map[string][]byte {
	if len(data) == 0 {
		return nil
	}
	c := make(map[string][]byte, len(data))
	for k, v := range data {
		c[k] = v // values are never changed in place
	}
	return c
}
