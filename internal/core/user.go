package core

import "slices"

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
