package core

import (
	"maps"
	"slices"
	"strings"

	"switchboard/internal/media"
)

// Admin has the verbs of whoever runs the server. Whoever is given one may use
// it: the caller has checked that already.
type Admin struct{ hub *Hub }

// Admin returns the administrator's verbs.
func (h *Hub) Admin() Admin { return Admin{h} }

// Rooms describes all open rooms of a realm that are not hidden, sorted by id.
func (a Admin) Rooms(realm string) []RoomInfo {
	a.hub.mu.RLock()
	var rooms []*Room
	for id, r := range a.hub.rooms {
		if id.Realm() == realm {
			rooms = append(rooms, r)
		}
	}
	a.hub.mu.RUnlock()
	infos := make([]RoomInfo, 0, len(rooms))
	for _, r := range rooms {
		r.mu.Lock()
		if !r.closed && !r.policy.Hidden {
			infos = append(infos, r.info(nil))
		}
		r.mu.Unlock()
	}
	slices.SortFunc(infos, func(x, y RoomInfo) int { return compare(x.ID, y.ID) })
	return infos
}

// OpenRoom opens a room that stays, or gives an open one this policy.
func (a Admin) OpenRoom(id RoomID, p Policy) error {
	if id.Name() == "" || len(id.Name()) > a.hub.limits.NameBytes {
		return failure(Invalid, AboutRoom, "a room's name has 1 to %d bytes", a.hub.limits.NameBytes)
	}
	return a.hub.open(id, p, false)
}

// CloseRoom removes everybody from a room and closes it. A persistent room
// opens again, empty. It fails with NotFound.
func (a Admin) CloseRoom(id RoomID) error {
	r := a.hub.existing(id)
	if r == nil {
		return failure(NotFound, AboutRoom, "room '%s' not found", id.Name())
	}
	r.mu.Lock()
	stored := r.stored
	r.mu.Unlock()
	if policy := r.close(ReasonClosed); policy.Persistent {
		return a.hub.open(id, policy, stored)
	}
	return nil
}

// Evict removes a participant from a room. It fails with NotFound.
func (a Admin) Evict(id RoomID, name string) error {
	r := a.hub.existing(id)
	if r == nil {
		return failure(NotFound, AboutRoom, "room '%s' not found", id.Name())
	}
	r.mu.Lock()
	p := r.names[name]
	r.mu.Unlock()
	if p == nil {
		return failure(NotFound, AboutParticipant, "user '%s' not found in room '%s'", name, id.Name())
	}
	r.remove(p, ReasonEvicted, false)
	return nil
}

// SessionInfo describes a session.
type SessionInfo struct {
	ID       SessionID       `json:"id"`
	User     string          `json:"user"`
	Role     string          `json:"role,omitempty"`
	Via      string          `json:"via"`
	Status   []byte          `json:"status,omitempty"` // see [Session.SetStatus]
	Rooms    map[RoomID]Mode `json:"rooms"`
	Media    []media.Stats   `json:"media"` // of each transport
	Detached bool            `json:"detached,omitempty"`
}

// Sessions describes all sessions of a realm's users, sorted by id.
func (a Admin) Sessions(realm string) []SessionInfo {
	a.hub.mu.RLock()
	var all []*Session
	for key, list := range a.hub.users {
		if key.realm == realm {
			all = append(all, list...)
		}
	}
	a.hub.mu.RUnlock()
	infos := make([]SessionInfo, 0, len(all))
	for _, s := range all {
		infos = append(infos, s.info())
	}
	slices.SortFunc(infos, func(x, y SessionInfo) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return infos
}

func (s *Session) info() SessionInfo {
	id := s.identity.Load()
	i := SessionInfo{ID: s.id, User: id.User, Role: id.Role, Via: s.via, Rooms: map[RoomID]Mode{}, Media: []media.Stats{}, Detached: s.Detached()}
	for _, p := range s.Participants() {
		if p.here() == nil {
			i.Rooms[p.room.id] = p.mode
			p.room.mu.Unlock()
		}
	}
	s.mu.Lock()
	i.Status = s.status
	transports := slices.Collect(maps.Values(s.transports))
	s.mu.Unlock()
	for _, t := range transports {
		t.mu.Lock()
		m := t.media
		t.mu.Unlock()
		if m != nil { // not a player, and opened
			i.Media = append(i.Media, m.Stats())
		}
	}
	return i
}
