package core

import (
	"cmp"
	"net/netip"
	"slices"
)

// userKey names a user of a realm.
type userKey struct{ realm, user string }

func (i *Identity) key() userKey { return userKey{i.Realm, i.User} }

// become gives the session another identity, under which others find it.
func (s *Session) become(id Identity) {
	s.change(func(i *Identity) bool {
		*i = id
		return true
	})
}

// change replaces the identity by one that f has altered, unless f tells that
// there is nothing to alter, and has what the session may do looked at again.
func (s *Session) change(f func(*Identity) bool) {
	h := s.hub
	h.mu.Lock()
	id := s.identity.Load().clone()
	if h.sessions[s.id] != s || !f(&id) { // it has ended, or is right already
		h.mu.Unlock()
		return
	}
	h.leaveUser(s)
	s.identity.Store(&id)
	if id.User != "" {
		h.users[id.key()] = append(h.users[id.key()], s)
	}
	h.mu.Unlock()
	for _, r := range s.rooms() {
		r.review(s)
	}
}

// leaveUser takes a session from those of its user. Callers hold h.mu.
func (h *Hub) leaveUser(s *Session) {
	key := s.identity.Load().key()
	rest := slices.DeleteFunc(slices.Clone(h.users[key]), func(o *Session) bool { return o == s })
	if len(rest) == 0 {
		delete(h.users, key)
	} else {
		h.users[key] = rest
	}
}

// sessionsOf returns the sessions of a user, in the order of their logins.
func (h *Hub) sessionsOf(key userKey) []*Session {
	if key.user == "" {
		return nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Clone(h.users[key])
}

// Reach is a session of a user, by which one reaches them.
type Reach struct {
	ID     SessionID  `json:"id"`
	User   string     `json:"user"`
	Via    string     `json:"via"`
	Remote netip.Addr `json:"remote"` // not valid while it has no connection
}

// Reaches lists by what the users of a realm can be reached, by user, each user's in the order of their logins.
func (a Admin) Reaches(realm string) []Reach {
	var all []*Session
	a.hub.mu.RLock()
	for key, sessions := range a.hub.users {
		if key.realm == realm {
			all = append(all, sessions...)
		}
	}
	a.hub.mu.RUnlock()
	devices := make([]Reach, 0, len(all))
	for _, s := range all {
		i := Reach{ID: s.id, User: s.identity.Load().User, Via: s.via}
		s.mu.Lock()
		if s.on != nil {
			i.Remote = s.on.from
		}
		s.mu.Unlock()
		devices = append(devices, i)
	}
	slices.SortStableFunc(devices, func(x, y Reach) int { return cmp.Compare(x.User, y.User) })
	return devices
}

// devices returns by which sessions a user of the session's realm can be called.
func (s *Session) devices(user, via string) (ids []SessionID) {
	for _, o := range s.hub.sessionsOf(userKey{s.identity.Load().Realm, user}) {
		if o.via == via {
			ids = append(ids, o.id)
		}
	}
	return ids[max(0, len(ids)-s.hub.limits.LegsPerCall):]
}

// UserMessage is an opaque message to a user, wherever they are.
type UserMessage struct {
	User string `json:"user"`           // of the sender's realm; empty: the sender's own user
	Echo bool   `json:"echo,omitempty"` // to the sending session too, if it is the user's
	Type string `json:"type"`           // media type of Body
	Body []byte `json:"body"`           // not changed afterwards
}

// UserMessageSent carries a [UserMessage].
type UserMessageSent struct {
	From     SessionID `json:"from"`
	FromUser string    `json:"from_user"`
	User     string    `json:"user"`
	Type     string    `json:"type"`
	Body     []byte    `json:"body"`
}

func (f UserMessageSent) weight() int {
	return len(f.FromUser) + len(f.User) + len(f.Type) + len(f.Body) + 32
}

// SendToUser delivers a message to every session of a user, whichever way they
// came in, or to none. Errors: Invalid (too long), Denied (guests may not),
// NotFound about the participant (no such user is here), Unavailable (a session
// is behind with reading).
func (s *Session) SendToUser(m UserMessage) error {
	from := s.identity.Load()
	if most := s.hub.limits.MessageBytes; len(m.Body) > most || len(m.Type) > s.hub.limits.NameBytes {
		return s.hub.beyond("message_bytes", Invalid, "a message can have at most %d bytes", most)
	}
	if from.User == "" {
		return failure(Denied, AboutPermission, "a login is needed")
	}
	if m.User == "" {
		m.User = from.User
	}
	to := s.hub.sessionsOf(userKey{from.Realm, m.User})
	if len(to) == 0 {
		return failure(NotFound, AboutParticipant, "user '%s' is not here", m.User)
	}
	e := newEvent(UserMessageSent{From: s.id, FromUser: from.User, User: m.User, Type: m.Type, Body: m.Body})
	for _, o := range to {
		if (o != s || m.Echo) && !o.takes(e) {
			return s.hub.beyond("mailbox_bytes", Unavailable, "user '%s' is behind with reading", m.User)
		}
	}
	for _, o := range to {
		if o != s || m.Echo {
			o.post(e)
		}
	}
	return nil
}

// SessionMessage is an opaque message to one session.
type SessionMessage struct {
	To   SessionID `json:"to"`
	Type string    `json:"type"` // media type of Body
	Body []byte    `json:"body"` // not changed afterwards
}

// SessionMessageSent carries a [SessionMessage].
type SessionMessageSent struct {
	From     SessionID `json:"from"`
	FromUser string    `json:"from_user"`
	Type     string    `json:"type"`
	Body     []byte    `json:"body"`
}

func (f SessionMessageSent) weight() int { return len(f.FromUser) + len(f.Type) + len(f.Body) + 32 }

// SendTo delivers a message to one session of the realm. Errors: Invalid (too
// long), Denied (guests may not), NotFound about the participant (no such
// session of a user is here), Unavailable (it is behind with reading, or has no
// connection now).
func (s *Session) SendTo(m SessionMessage) error {
	from := s.identity.Load()
	if most := s.hub.limits.MessageBytes; len(m.Body) > most || len(m.Type) > s.hub.limits.NameBytes {
		return s.hub.beyond("message_bytes", Invalid, "a message can have at most %d bytes", most)
	}
	if from.User == "" {
		return failure(Denied, AboutPermission, "a login is needed")
	}
	to := s.hub.session(m.To)
	if to == nil {
		return failure(NotFound, AboutParticipant, "no such session")
	}
	if id := to.identity.Load(); id.User == "" || id.Realm != from.Realm {
		return failure(NotFound, AboutParticipant, "no such session")
	}
	e := newEvent(SessionMessageSent{From: s.id, FromUser: from.User, Type: m.Type, Body: m.Body})
	switch {
	case to.Detached():
		return failure(Unavailable, AboutParticipant, "the session has no connection now")
	case !to.takes(e):
		return s.hub.beyond("mailbox_bytes", Unavailable, "the session is behind with reading")
	}
	to.post(e)
	return nil
}
