package core

import (
	"maps"
	"slices"
)

// WatchRoom makes the session hear what everybody in a room is told, messages
// excepted, without being in it, and returns the room as it was just before.
// Whoever is in a room is told once. Errors: NotFound (no such room), Denied
// (may not listen there), Unavailable (limits).
func (s *Session) WatchRoom(id RoomID) (RoomInfo, error) {
	r := s.hub.existing(id)
	if r == nil {
		return RoomInfo{}, failure(NotFound, AboutRoom, "room '%s' not found", id.Name())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return RoomInfo{}, failure(NotFound, AboutRoom, "room '%s' not found", id.Name())
	case permission(s.identity.Load(), id, &r.policy) < PermitListen:
		return RoomInfo{}, failure(Denied, AboutPermission, "you may not listen in room '%s'", id.Name())
	}
	if err := s.watch(r); err != nil {
		return RoomInfo{}, err
	}
	if r.watchers == nil {
		r.watchers = map[*Session]struct{}{}
	}
	r.watchers[s] = struct{}{}
	return r.info(nil), nil
}

// Locate finds the room that a participant is in, among those that the session
// may listen in. It fails with NotFound about the participant.
func (s *Session) Locate(id ParticipantID) (RoomID, ParticipantInfo, error) {
	s.hub.mu.RLock()
	rooms := slices.Collect(maps.Values(s.hub.rooms))
	s.hub.mu.RUnlock()
	for _, r := range rooms {
		r.mu.Lock()
		if p := r.byID(id); p != nil && permission(s.identity.Load(), r.id, &r.policy) >= PermitListen {
			info := p.info()
			r.mu.Unlock()
			return r.id, info, nil
		}
		r.mu.Unlock()
	}
	return "", ParticipantInfo{}, failure(NotFound, AboutParticipant, "no such participant")
}

// UnwatchRoom ends WatchRoom. It is no error if the room is not watched.
func (s *Session) UnwatchRoom(id RoomID) {
	s.mu.Lock()
	r := s.watched[id]
	delete(s.watched, id)
	s.mu.Unlock()
	if r != nil {
		r.unwatch(s)
	}
}

// watch notes in the session that it watches a room. Callers hold r.mu.
func (s *Session) watch(r *Room) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return errSessionEnded
	case s.watched[r.id] == nil && len(s.watched) >= s.hub.limits.RoomsWatchedPerSession:
		return s.hub.beyond("rooms_watched_per_session", Unavailable, "too many rooms watched: at most %d", s.hub.limits.RoomsWatchedPerSession)
	}
	if s.watched == nil {
		s.watched = map[RoomID]*Room{}
	}
	s.watched[r.id] = r
	return nil
}

func (r *Room) unwatch(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers, s)
}

// forgetRoom notes that a watched room is no more.
func (s *Session) forgetRoom(r *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watched[r.id] == r {
		delete(s.watched, r.id)
	}
}

// seat counts the places that a session has in the room. Callers hold r.mu.
func (r *Room) seat(s *Session, more int) {
	if r.seats == nil {
		r.seats = map[*Session]int{}
	}
	if r.seats[s] += more; r.seats[s] == 0 {
		delete(r.seats, s)
	}
}

// Present returns who is in a room, in the order of joining; nobody where there
// is no such room. Whoever calls it has made sure that those may know whom it is
// told.
func (h *Hub) Present(id RoomID) []ParticipantInfo {
	r := h.existing(id)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]ParticipantInfo, len(r.participants))
	for i, p := range r.participants {
		all[i] = p.info()
	}
	return all
}
