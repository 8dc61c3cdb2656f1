package core

import (
	"maps"
	"slices"

	"switchboard/internal/media"
)

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
	most := p.Members
	for _, role := range i.Roles {
		if i.Role == "" || i.Role == role {
			most = max(most, p.Roles[role])
		}
	}
	return most
}

// acts tells whether the identity acts in a role that it has.
func (i *Identity) acts() bool { return i.Role != "" && slices.Contains(i.Roles, i.Role) }

// within tells whether a session belongs to a circle of the room. Of a room with
// a secret only those inside are known to know it. Callers hold r.mu.
func (r *Room) within(c Circle, s *Session) bool {
	who := s.identity.Load()
	if who.Admin || c == Anybody && r.policy.Secret == "" && permission(who, r.id, &r.policy) != PermitNone {
		return true
	}
	return slices.ContainsFunc(r.participants, func(p *Participant) bool { return p.session == s && p.mode != ModeInvited })
}

func errOutside(r *Room) error {
	return failure(Denied, AboutParticipant, "only those who are in room '%s' may do that", r.id.Name())
}

// review looks again at what a session may do in the room: whoever may not be
// here any more is removed, whoever may not talk any more listens. They are told
// like everybody else.
func (r *Room) review(s *Session) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	permit := permission(s.identity.Load(), r.id, &r.policy)
	if permit < PermitListen {
		delete(r.watchers, s)
	}
	var gone []*Participant
	var routes []media.Routes
	for _, p := range r.participants {
		if p.session != s || p.permission == permit {
			continue
		}
		p.permission = permit
		switch {
		case permit == PermitNone:
			gone = append(gone, p)
		case permit < PermitTalk:
			routes = append(routes, r.hush(p)...)
		}
	}
	r.mu.Unlock()
	for _, change := range routes {
		r.hub.apply(change)
	}
	for _, p := range gone {
		r.remove(p, ReasonEvicted, false)
	}
}

// hush takes from a participant what needs the permission to talk. Callers hold
// r.mu.
func (r *Room) hush(p *Participant) (routes []media.Routes) {
	for _, pub := range slices.Clone(p.publications) {
		routes = append(routes, r.unpublish(pub))
	}
	if p.gate == media.GateOpen {
		p.gate = media.GateClosed
		r.tell(PushToTalkChanged{Room: r.id, Participant: p.info(), On: false}, nil)
	}
	if p.mode == ModeTalk {
		p.mode = ModeListen
		r.tell(ParticipantChanged{Room: r.id, Participant: p.info()}, nil)
		routes = append(routes, r.settleTalking(p, r.routesAround(p)))
	}
	return routes
}

// reviewAll reviews everybody, after the room's policy has changed. Callers do
// not hold r.mu.
func (r *Room) reviewAll() {
	r.mu.Lock()
	all := slices.Collect(maps.Keys(r.watchers))
	for _, p := range r.participants {
		all = append(all, p.session)
	}
	r.mu.Unlock()
	for _, s := range all {
		r.review(s)
	}
}

// rooms returns those that the session is in or watches.
func (s *Session) rooms() []*Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.watched))
	for _, p := range s.participants {
		all = append(all, p.room)
	}
	return all
}

// admitted tells whether the session may do anything at all yet.
func (s *Session) admitted() error {
	if s.access == AccessToken && s.identity.Load().Guest {
		return failure(Denied, AboutPermission, "a token or a login is needed")
	}
	return nil
}
