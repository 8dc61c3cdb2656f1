package core

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/internal/media"
)

// Session is somebody's presence. It outlives its connection by a grace that
// the dialect names, and what it holds, rooms and transports, stays meanwhile.
// Its methods may be called from any goroutine.
type Session struct {
	id     SessionID
	key    SessionKey
	hub    *Hub
	via    string
	access Access

	identity atomic.Pointer[Identity] // replaced whole
	box      atomic.Pointer[mailbox]  // nil while detached

	subscriptions atomic.Int64 // in all rooms
	opened        atomic.Int64 // rooms it made that are still there

	mu           sync.Mutex
	on           *Connection                      // guarded by mu; nil while detached
	timer        *time.Timer                      // ends a detached session; guarded by mu
	participants map[ParticipantID]*Participant   // guarded by mu
	secluded     int                              // of them, in hidden rooms; guarded by mu
	joining      int                              // places reserved; guarded by mu
	transports   map[media.TransportID]*Transport // guarded by mu
	watched      map[RoomID]*Room                 // guarded by mu
	directories  map[DirectoryID]*stay            // watched or announced in; guarded by mu
	calls        []*call                          // in order of beginning; guarded by mu
	entries      uint64                           // counts what the session entered; guarded by mu
	status       []byte                           // see SetStatus; guarded by mu
	statuses     int                              // bytes of its places' and announcements' statuses; guarded by mu
	kept         any                              // the dialect's, see Connection.Keep; guarded by mu
	ended        bool                             // guarded by mu
	done         chan struct{}                    // closed when everything is released
}

func (h *Hub) newSession(c *Connection) (*Session, error) {
	s := &Session{id: SessionID(newID("s")), key: SessionKey(newSecret()), hub: h, via: c.via, access: c.access,
		on: c, done: make(chan struct{})}
	s.identity.Store(guest())
	s.box.Store(c.box)
	if err := h.addSession(s); err != nil {
		return nil, err
	}
	return s, nil
}

// ID returns the session's id.
func (s *Session) ID() SessionID { return s.id }

// Key returns the secret with which the client can resume the session.
func (s *Session) Key() SessionKey { return s.key }

// Identity returns who the session speaks for.
func (s *Session) Identity() Identity { return s.identity.Load().clone() }

// Detached tells whether the session waits for a new connection.
func (s *Session) Detached() bool { return s.box.Load() == nil }

// post puts an event into the mailbox of the connection the session is on, if
// there is one. It never blocks.
func (s *Session) post(e *Event) {
	if box := s.box.Load(); box != nil {
		box.post(e)
	}
}

// takes tells whether the session has space for another client's message. A
// reader that has none because it does not read is ended, and then takes
// whatever it is given.
func (s *Session) takes(e *Event) bool {
	box := s.box.Load()
	if box == nil || box.takes(e.size) {
		return true
	}
	if !box.stuck() {
		return false
	}
	box.giveUp()
	return true
}

// attach puts the session on another connection. It tells false if the session
// has ended.
func (s *Session) attach(c *Connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.on != nil {
		s.on.box.post(newEvent(SessionEnded{ReasonReplaced}))
	}
	s.on = c
	s.box.Store(c.box)
	return true
}

// detach takes the session off a connection that is gone and ends it after the
// grace unless it is resumed.
func (s *Session) detach(c *Connection, grace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on != c || s.ended {
		return
	}
	s.on = nil
	s.box.Store(nil)
	s.timer = time.AfterFunc(grace, func() { s.endDetached() })
}

func (s *Session) endDetached() {
	s.mu.Lock()
	still := s.on == nil
	s.mu.Unlock()
	if still {
		s.End(ReasonDisconnected)
	}
}

// endIfOn ends the session unless it has moved to another connection.
func (s *Session) endIfOn(c *Connection, why Reason) {
	s.mu.Lock()
	here := s.on == c
	s.mu.Unlock()
	if here {
		s.End(why)
	}
}

// End gives up every call, leaves rooms and directories in the order in which
// they were entered, closes every transport, and tells the connection. Those
// whom the session had invited to rooms lose their places last. It returns when
// all of that is done; a second call waits for the first.
func (s *Session) End(why Reason) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		<-s.done
		return
	}
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
	transports, watched, calls, exits := s.transports, s.watched, s.calls, s.exits(why)
	s.participants, s.transports, s.watched, s.directories, s.calls = nil, nil, nil, nil, nil
	s.mu.Unlock()

	s.hub.removeSession(s)
	for _, r := range watched {
		r.unwatch(s)
	}
	invited := s.giveUp(calls, why)
	for _, e := range exits {
		e.leave()
	}
	for _, p := range invited {
		p.room.remove(p, ReasonCancelled, true)
	}
	for _, t := range transports {
		t.release()
	}
	s.hub.executeWills(s.hub.register.leave(s))
	s.hub.topics.leave(s)
	s.post(newEvent(SessionEnded{why}))
	close(s.done)
}

// exit is one thing that an ending session leaves.
type exit struct {
	entered uint64
	leave   func()
}

// exits lists what the session is in, in the order of entering; what it only
// watches comes first, since nobody is told of that. Callers hold s.mu.
func (s *Session) exits(why Reason) []exit {
	all := make([]exit, 0, len(s.participants)+len(s.directories))
	for _, p := range s.participants {
		all = append(all, exit{p.entered, func() { p.room.remove(p, why, true) }})
	}
	for _, in := range s.directories {
		all = append(all, exit{in.announced, func() { in.directory.remove(s) }})
	}
	slices.SortFunc(all, func(a, b exit) int { return cmp.Compare(a.entered, b.entered) })
	return all
}

// giveUp ends what the session has to do with calls: those it made, then those
// made to it. It returns the places of those it had invited to rooms.
func (s *Session) giveUp(calls []*call, why Reason) (invited []*Participant) {
	for _, c := range calls {
		if c.caller == s {
			invited = append(invited, c.abandon()...)
		}
	}
	for _, c := range calls {
		c.lost(s, why)
	}
	return invited
}

// Participant returns one of the session's places, or nil.
func (s *Session) Participant(id ParticipantID) *Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.participants[id]
}

// SetStatus replaces the opaque status with which places begin that the session
// is given by being invited. Places that it has already are not changed. It
// fails with kind Invalid when it is too long.
func (s *Session) SetStatus(status []byte) error {
	if most := s.hub.limits.StatusBytes; len(status) > most {
		return s.hub.beyond("status_bytes", Invalid, "a status can have at most %d bytes", most)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
	return nil
}

// Participants returns the session's places in rooms, in no order.
func (s *Session) Participants() []*Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Participant, 0, len(s.participants))
	for _, p := range s.participants {
		all = append(all, p)
	}
	return all
}

var errSessionEnded = failure(Unavailable, AboutRequest, "the session has ended")

// over tells whether the session has ended, or is ending.
func (s *Session) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// reserve holds a place in a room while a join is under way. Places in hidden
// rooms count apart: there are as many as media connections can be.
func (s *Session) reserve(hidden bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errSessionEnded
	}
	taken, most := len(s.participants)-s.secluded, s.hub.limits.RoomsPerSession
	if hidden {
		taken, most = s.secluded, 2*s.hub.limits.TransportsPerSession
	}
	if taken+s.joining >= most {
		return s.hub.beyond("rooms_per_session", Unavailable, "too many rooms entered: at most %d", most)
	}
	s.joining++
	return nil
}

// release gives a reservation back.
func (s *Session) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joining--
}

// hold notes a place that is being taken, before anybody hears of it. It fails
// if the session ended meanwhile. Callers hold the room's lock, so the place
// cannot be left before it is taken.
func (s *Session) hold(p *Participant) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errSessionEnded
	}
	if err := s.charge(len(p.status)); err != nil {
		return err
	}
	if s.participants == nil {
		s.participants = map[ParticipantID]*Participant{}
	}
	s.entries++
	p.entered = s.entries
	s.participants[p.id] = p
	if p.secluded {
		s.secluded++
	}
	return nil
}

func (s *Session) forget(p *Participant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.secluded && s.participants[p.id] != nil {
		s.secluded--
	}
	delete(s.participants, p.id)
	s.statuses -= len(p.status) // nobody writes it any more
}

// charge counts more bytes of statuses, or fewer. Callers hold s.mu.
func (s *Session) charge(bytes int) error {
	if most := s.hub.limits.StatusBytesPerSession; bytes > 0 && s.statuses+bytes > most {
		return s.hub.beyond("status_bytes_per_session", Unavailable, "too much status: at most %d bytes in all places", most)
	}
	s.statuses += bytes
	return nil
}

// recharge counts a status that is replaced by another.
func (s *Session) recharge(before, after []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.charge(len(after) - len(before))
}

// asError makes what a slow verb failed with presentable: a caller's error as
// it is, anything else logged and hidden.
func (h *Hub) asError(verb string, s *Session, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Kind == Unavailable && err != error(e) { // somebody has to be told why
			h.log.Warn("verb failed", "verb", verb, "session", s.id, "via", s.via, "error", err)
		}
		return e
	}
	h.log.Error("verb failed", "verb", verb, "session", s.id, "via", s.via, "error", err)
	return failure(Unavailable, AboutRequest, "internal error")
}
