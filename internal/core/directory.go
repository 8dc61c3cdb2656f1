package core

import (
	"slices"
	"sync"
)

// directory is a named list of sessions and rooms that one can watch. Its lock
// is taken before a room's.
type directory struct {
	id  DirectoryID
	hub *Hub

	mu       sync.Mutex
	watchers []*Session       // guarded by mu
	sessions []announcement   // in order; guarded by mu
	rooms    map[RoomID]*Room // guarded by mu
	closed   bool             // empty and out of the hub; guarded by mu
}

// stay is what a session has to do with a directory.
type stay struct {
	directory *directory
	announced uint64 // counts what the session entered; 0: not announced; guarded by the session's mu
}

// announcement is a session listed in a directory.
type announcement struct {
	session *Session
	status  []byte
}

// listing is a room's place in one directory: who has to be told about the
// room. It is guarded by the room's lock.
type listing struct {
	directory DirectoryID
	watchers  []*Session
}

// listing finds the room's place in a directory, or nil. Callers hold r.mu.
func (r *Room) listing(id DirectoryID) *listing {
	for _, l := range r.listings {
		if l.directory == id {
			return l
		}
	}
	return nil
}

// DirectoryInfo is what a directory holds at one moment.
type DirectoryInfo struct {
	ID       DirectoryID          `json:"id"`
	Sessions map[SessionID][]byte `json:"sessions"` // with their status
	Rooms    []RoomInfo           `json:"rooms"`
}

// directory finds a directory or makes it, locked. Callers unlock it by
// release.
func (h *Hub) directory(id DirectoryID, create bool) (*directory, error) {
	for {
		h.mu.Lock()
		d := h.directories[id]
		if d == nil {
			if !create {
				h.mu.Unlock()
				return nil, failure(NotFound, AboutRequest, "directory '%s' not found", id)
			}
			if len(h.directories) >= h.limits.Directories {
				h.mu.Unlock()
				return nil, h.beyond("directories", Unavailable, "no more directories can be made: at most %d", h.limits.Directories)
			}
			d = &directory{id: id, hub: h, rooms: map[RoomID]*Room{}}
			h.directories[id] = d
		}
		h.mu.Unlock()
		d.mu.Lock()
		if !d.closed {
			return d, nil
		}
		d.mu.Unlock()
	}
}

// release unlocks the directory, and forgets it when nothing is in it.
func (d *directory) release() {
	if len(d.watchers)+len(d.sessions)+len(d.rooms) == 0 && !d.closed {
		d.closed = true
		d.hub.mu.Lock()
		delete(d.hub.directories, d.id)
		d.hub.mu.Unlock()
	}
	d.mu.Unlock()
}

// tell posts a fact to everybody who watches. Callers hold d.mu.
func (d *directory) tell(f Fact) {
	e := newEvent(f)
	for _, s := range d.watchers {
		s.post(e)
	}
}

func (d *directory) find(s *Session) int {
	return slices.IndexFunc(d.sessions, func(a announcement) bool { return a.session == s })
}

// enter notes in the session that it has something in the directory, so that it
// is taken out at the end: that it watches (nil), or is announced with a
// status. Callers hold d.mu.
func (s *Session) enter(d *directory, status *[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.directories[d.id]
	switch {
	case s.ended:
		return errSessionEnded
	case in != nil:
	case len(s.directories) >= s.hub.limits.DirectoriesPerSession:
		return s.hub.beyond("directories_per_session", Unavailable, "too many directories: at most %d", s.hub.limits.DirectoriesPerSession)
	}
	if status != nil {
		if err := s.charge(len(*status)); err != nil {
			return err
		}
	}
	if s.directories == nil {
		s.directories = map[DirectoryID]*stay{}
	}
	if in == nil {
		in = &stay{directory: d}
		s.directories[d.id] = in
	}
	if status != nil {
		s.entries++
		in.announced = s.entries
	}
	return nil
}

// exit takes the note back when the session has nothing left there. Callers
// hold d.mu.
func (s *Session) exit(d *directory) {
	watches, announced := slices.Contains(d.watchers, s), d.find(s) >= 0
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.directories[d.id]
	switch {
	case in == nil:
	case !watches && !announced:
		delete(s.directories, d.id)
	case !announced:
		in.announced = 0
	}
}

// mayList checks what needs no directory.
func (s *Session) mayList(kind, name string) error {
	if err := s.admitted(); err != nil {
		return err
	}
	if most := s.hub.limits.NameBytes; len(name) > most {
		return s.hub.beyond("name_bytes", Invalid, "a %s can have at most %d bytes", kind, most)
	}
	return nil
}

// Watch begins to watch a directory and returns what it holds; every later
// change reaches the session after this snapshot. Errors: Conflict (watched
// already), Unavailable (limits).
func (s *Session) Watch(id DirectoryID) (DirectoryInfo, error) {
	if err := s.mayList("directory's name", string(id)); err != nil {
		return DirectoryInfo{}, err
	}
	d, err := s.hub.directory(id, true)
	if err != nil {
		return DirectoryInfo{}, err
	}
	defer d.release()
	if slices.Contains(d.watchers, s) {
		return DirectoryInfo{}, failure(Conflict, AboutRequest, "directory '%s' is watched already", id)
	}
	if err := s.enter(d, nil); err != nil {
		return DirectoryInfo{}, err
	}
	d.watchers = append(d.watchers, s)
	info := DirectoryInfo{ID: id, Sessions: make(map[SessionID][]byte, len(d.sessions)), Rooms: []RoomInfo{}}
	for _, a := range d.sessions {
		info.Sessions[a.session.id] = a.status
	}
	for _, r := range d.rooms {
		r.mu.Lock()
		if l := r.listing(id); l != nil {
			l.watchers = append(l.watchers, s)
			info.Rooms = append(info.Rooms, r.info(nil))
		}
		r.mu.Unlock()
	}
	slices.SortFunc(info.Rooms, func(a, b RoomInfo) int { return compare(a.ID, b.ID) })
	return info, nil
}

func compare(a, b RoomID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Unwatch stops watching. Errors: NotFound (no such directory), Conflict (not
// watched).
func (s *Session) Unwatch(id DirectoryID) error {
	d, err := s.hub.directory(id, false)
	if err != nil {
		return err
	}
	defer d.release()
	if !slices.Contains(d.watchers, s) {
		return failure(Conflict, AboutRequest, "directory '%s' is not watched", id)
	}
	d.unwatch(s)
	s.exit(d)
	return nil
}

// unwatch takes a watcher out. Callers hold d.mu.
func (d *directory) unwatch(s *Session) {
	same := func(o *Session) bool { return o == s }
	d.watchers = slices.DeleteFunc(d.watchers, same)
	for _, r := range d.rooms {
		r.mu.Lock()
		if l := r.listing(d.id); l != nil {
			l.watchers = slices.DeleteFunc(l.watchers, same)
		}
		r.mu.Unlock()
	}
}

// remove takes a session that has ended out of the directory.
func (d *directory) remove(s *Session) {
	d.mu.Lock()
	defer d.release()
	d.unwatch(s)
	if i := d.find(s); i >= 0 {
		d.sessions = slices.Delete(d.sessions, i, i+1)
		d.tell(SessionWithdrawn{d.id, s.id})
	}
}

// Announce lists the session in a directory with an opaque status, and tells
// who watches. Errors: Conflict (listed already), Invalid and Unavailable
// (limits).
func (s *Session) Announce(id DirectoryID, status []byte) error {
	if err := s.mayList("directory's name", string(id)); err != nil {
		return err
	}
	if most := s.hub.limits.StatusBytes; len(status) > most {
		return s.hub.beyond("status_bytes", Invalid, "a status can have at most %d bytes", most)
	}
	d, err := s.hub.directory(id, true)
	if err != nil {
		return err
	}
	defer d.release()
	if d.find(s) >= 0 {
		return failure(Conflict, AboutRequest, "listed in directory '%s' already", id)
	}
	if err := s.enter(d, &status); err != nil {
		return err
	}
	d.sessions = append(d.sessions, announcement{s, status})
	d.tell(SessionAnnounced{Directory: id, Session: s.id, Status: status})
	return nil
}

// SetAnnouncement replaces the status that the session is listed with. Errors:
// as Withdraw, and Invalid (too long).
func (s *Session) SetAnnouncement(id DirectoryID, status []byte) error {
	if most := s.hub.limits.StatusBytes; len(status) > most {
		return s.hub.beyond("status_bytes", Invalid, "a status can have at most %d bytes", most)
	}
	d, err := s.hub.directory(id, false)
	if err != nil {
		return err
	}
	defer d.release()
	i := d.find(s)
	if i < 0 {
		return failure(Conflict, AboutRequest, "not listed in directory '%s'", id)
	}
	if err := s.recharge(d.sessions[i].status, status); err != nil {
		return err
	}
	d.sessions[i].status = status
	d.tell(SessionAnnounced{Directory: id, Session: s.id, Status: status, Changed: true})
	return nil
}

// Withdraw takes the session off the list. Errors: NotFound (no such
// directory), Conflict (not listed).
func (s *Session) Withdraw(id DirectoryID) error {
	d, err := s.hub.directory(id, false)
	if err != nil {
		return err
	}
	defer d.release()
	i := d.find(s)
	if i < 0 {
		return failure(Conflict, AboutRequest, "not listed in directory '%s'", id)
	}
	_ = s.recharge(d.sessions[i].status, nil) // fewer never fails
	d.sessions = slices.Delete(d.sessions, i, i+1)
	s.exit(d)
	d.tell(SessionWithdrawn{id, s.id})
	return nil
}

// RoomExists tells whether a room is open, which it is also while it lingers.
func (s *Session) RoomExists(id RoomID) bool { return s.hub.existing(id) != nil }

// AnnounceRoom lists an open room in a directory until it empties or is
// withdrawn. Errors: NotFound (no such room), Conflict (listed already), Denied
// (only those in the room may do that), Unavailable (limits).
func (s *Session) AnnounceRoom(id DirectoryID, room RoomID) error {
	if err := s.mayList("directory's name", string(id)); err != nil {
		return err
	}
	r := s.hub.existing(room)
	if r == nil {
		return failure(NotFound, AboutRoom, "room '%s' not found", room.Name())
	}
	d, err := s.hub.directory(id, true)
	if err != nil {
		return err
	}
	defer d.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return failure(NotFound, AboutRoom, "room '%s' not found", room.Name())
	case r.listing(id) != nil:
		return failure(Conflict, AboutRoom, "room '%s' is listed already", room.Name())
	case !r.within(r.policy.Listing, s):
		return errOutside(r)
	case len(r.listings) >= s.hub.limits.ListingsPerRoom:
		return s.hub.beyond("listings_per_room", Unavailable, "room '%s' is listed too often: at most %d times", room.Name(), s.hub.limits.ListingsPerRoom)
	}
	r.listings = append(r.listings, &listing{directory: id, watchers: slices.Clone(d.watchers)})
	d.rooms[room] = r
	d.tell(RoomAnnounced{Directory: id, Room: r.info(nil)})
	return nil
}

// WithdrawRoom takes a room off the list. Errors: NotFound (about the request:
// no such directory; about the room: no such room), Conflict (not listed),
// Denied (only those in the room may do that).
func (s *Session) WithdrawRoom(id DirectoryID, room RoomID) error {
	d, err := s.hub.directory(id, false)
	if err != nil {
		return err
	}
	defer d.release()
	r := s.hub.existing(room)
	if r == nil {
		return failure(NotFound, AboutRoom, "room '%s' not found", room.Name())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.listing(id) == nil:
		return failure(Conflict, AboutRoom, "room '%s' is not listed", room.Name())
	case !r.within(r.policy.Listing, s):
		return errOutside(r)
	}
	r.listings = slices.DeleteFunc(r.listings, func(l *listing) bool { return l.directory == id })
	delete(d.rooms, room)
	d.tell(RoomWithdrawn{Directory: id, Room: room})
	return nil
}

func (h *Hub) existing(id RoomID) *Room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rooms[id]
}

// observe tells those who watch the room in directories. Callers hold r.mu.
func (r *Room) observe(f Fact) {
	for _, l := range r.listings {
		if len(l.watchers) == 0 {
			continue
		}
		e := newEvent(Observed{Directory: l.directory, What: f})
		for _, s := range l.watchers {
			s.post(e)
		}
	}
}

// unlist takes the room, which is empty, off every list and tells who watches.
// It returns the directories that have to forget it. Callers hold r.mu.
func (r *Room) unlist() []DirectoryID {
	var freed []DirectoryID
	for _, l := range r.listings {
		e := newEvent(RoomWithdrawn{Directory: l.directory, Room: r.id})
		for _, s := range l.watchers {
			s.post(e)
		}
		freed = append(freed, l.directory)
	}
	r.listings = nil
	return freed
}

// withdraw makes directories forget a room that unlisted itself, unless it, or
// another of its name, was listed again meanwhile. Callers hold no lock.
func (h *Hub) withdraw(r *Room, from []DirectoryID) {
	for _, id := range from {
		d, err := h.directory(id, false)
		if err != nil {
			continue
		}
		r.mu.Lock()
		listed := r.listing(id) != nil
		r.mu.Unlock()
		if d.rooms[r.id] == r && !listed {
			delete(d.rooms, r.id)
		}
		d.release()
	}
}
