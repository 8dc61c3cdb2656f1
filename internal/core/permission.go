package core

import "slices"

// permission decides what an identity may do in a room. It is the only place
// that does. The room's policy must not change while it is called.
func permission(i *Identity, room RoomID, p *Policy) Permission {
	if i.Admin {
		return PermitTalk
	}
	if i.Guest {
		return p.Guests
	}
	if i.Realm != room.Realm() {
		return PermitNone
	}
	if granted, ok := i.Rooms[room.Name()]; ok {
		return granted
	}
	return p.Members
}

// within tells whether a session belongs to a circle of the room. Callers hold
// r.mu.
func (r *Room) within(c Circle, s *Session) bool {
	if c == Anybody || s.identity.Load().Admin {
		return true
	}
	return slices.ContainsFunc(r.participants, func(p *Participant) bool { return p.session == s && p.mode != ModeInvited })
}

func errOutside(r *Room) error {
	return failure(Denied, AboutParticipant, "only those who are in room '%s' may do that", r.id.Name())
}

// admitted tells whether the session may do anything at all yet.
func (s *Session) admitted() error {
	if s.access == AccessToken && s.identity.Load().Guest {
		return failure(Denied, AboutPermission, "a token or a login is needed")
	}
	return nil
}
