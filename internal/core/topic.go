package core

import (
	"slices"
	"sync"
)

// Telling is an opaque message to whoever wants to hear about its topics.
type Telling struct {
	// Topics are what it is about. Who follows several hears it once.
	Topics []string `json:"topics"`
	Type   string   `json:"type"` // media type of Body
	Body   []byte   `json:"body"` // not changed afterwards
	// State has it told to those too who are behind with reading: for what one
	// has to know to go on, not for what others chose to say.
	State bool `json:"state,omitempty"`
}

// TopicTold carries a [Telling].
type TopicTold struct {
	From     SessionID `json:"from"`
	FromUser string    `json:"from_user,omitempty"`
	Topics   []string  `json:"topics"`
	Type     string    `json:"type"`
	Body     []byte    `json:"body"`
}

func (f TopicTold) weight() int {
	n := len(f.FromUser) + len(f.Type) + len(f.Body) + 32
	for _, t := range f.Topics {
		n += len(t)
	}
	return n
}

// topicKey names a topic of a realm.
type topicKey struct{ realm, topic string }

// topics say who follows what. Their lock has the rank of a room's: what is told
// about a topic reaches all its followers in one order.
type topics struct {
	mu        sync.Mutex
	followers map[topicKey][]*Session            // in the order of beginning; guarded by mu
	followed  map[*Session]map[topicKey]struct{} // guarded by mu
}

func newTopics() *topics {
	return &topics{followers: map[topicKey][]*Session{}, followed: map[*Session]map[topicKey]struct{}{}}
}

// Follow makes the session hear what is told about a topic in its realm, by
// anybody, itself included. Errors: Invalid (name), Denied (guests may not),
// Unavailable (limits).
func (s *Session) Follow(topic string) error {
	id, limits := s.identity.Load(), s.hub.limits
	switch {
	case id.User == "":
		return failure(Denied, AboutPermission, "a login is needed")
	case topic == "" || len(topic) > 4*limits.NameBytes:
		return s.hub.beyond("name_bytes", Invalid, "a topic has 1 to %d bytes", 4*limits.NameBytes)
	}
	if err := s.hub.topics.add(s, topicKey{id.Realm, topic}, limits.TopicsPerSession); err != nil {
		return s.hub.beyond("topics_per_session", Unavailable, "too many topics followed: at most %d", limits.TopicsPerSession)
	}
	if s.over() {
		s.hub.topics.leave(s)
		return errSessionEnded
	}
	return nil
}

func (t *topics) add(s *Session, key topicKey, most int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, already := t.followed[s][key]; already {
		return nil
	}
	if len(t.followed[s]) >= most {
		return errTooMany
	}
	if t.followed[s] == nil {
		t.followed[s] = map[topicKey]struct{}{}
	}
	t.followed[s][key] = struct{}{}
	t.followers[key] = append(t.followers[key], s)
	return nil
}

// Unfollow ends Follow. It is no error if the topic is not followed.
func (s *Session) Unfollow(topic string) {
	t := s.hub.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(s, topicKey{s.identity.Load().Realm, topic})
}

// drop takes a session from the followers of a topic. Callers hold t.mu.
func (t *topics) drop(s *Session, key topicKey) {
	if _, follows := t.followed[s][key]; !follows {
		return
	}
	delete(t.followed[s], key)
	if len(t.followed[s]) == 0 {
		delete(t.followed, s)
	}
	if rest := slices.DeleteFunc(t.followers[key], func(o *Session) bool { return o == s }); len(rest) > 0 {
		t.followers[key] = rest
	} else {
		delete(t.followers, key)
	}
}

// leave takes a session that has ended from everything it followed.
func (t *topics) leave(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.followed[s] {
		t.drop(s, key)
	}
}

// Tell tells everybody who follows one of the topics, and returns how many that
// are. It reaches all of them or none. Errors: Invalid (too long), Denied
// (guests may not), Unavailable (a follower is behind with reading).
func (s *Session) Tell(m Telling) (heard int, err error) {
	if most := s.hub.limits.MessageBytes; len(m.Body) > most {
		return 0, s.hub.beyond("message_bytes", Invalid, "a message can have at most %d bytes", most)
	}
	id := s.identity.Load()
	if id.User == "" {
		return 0, failure(Denied, AboutPermission, "a login is needed")
	}
	return s.hub.tell(s.id, id, m)
}

func (h *Hub) tell(from SessionID, id *Identity, m Telling) (heard int, err error) {
	e := newEvent(TopicTold{From: from, FromUser: id.User, Topics: m.Topics, Type: m.Type, Body: m.Body})
	e.message = !m.State
	t := h.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.following(id.Realm, m.Topics)
	if !m.State {
		for _, o := range all {
			if !o.takes(e) {
				return 0, h.beyond("mailbox_bytes", Unavailable, "somebody who follows it is behind with reading")
			}
		}
	}
	for _, o := range all {
		o.post(e)
	}
	return len(all), nil
}

// following returns who follows any of the topics, each once. Callers hold t.mu.
func (t *topics) following(realm string, names []string) []*Session {
	var all []*Session
	var seen map[*Session]struct{}
	for _, name := range names {
		more := t.followers[topicKey{realm, name}]
		switch {
		case len(more) == 0:
			continue
		case all == nil:
			all = more
			continue
		case seen == nil:
			seen = make(map[*Session]struct{}, len(all)+len(more))
			for _, s := range all {
				seen[s] = struct{}{}
			}
			all = slices.Clone(all)
		}
		for _, s := range more {
			if _, twice := seen[s]; !twice {
				seen[s] = struct{}{}
				all = append(all, s)
			}
		}
	}
	return all
}
