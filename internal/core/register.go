package core

import (
	"cmp"
	"slices"
	"sync"
)

// Claim is a thing of a session's that has a name in the realm, by which others
// find whose it is.
type Claim struct {
	Name    string    `json:"name"`
	Owner   SessionID `json:"owner"`
	User    string    `json:"user"`    // the owner's
	Details []byte    `json:"details"` // opaque; not changed afterwards
	// Will is told if the owner ends and has not unclaimed it.
	Will *Telling `json:"will,omitempty"`
}

// register holds the claims of all sessions. Its lock is a leaf.
type register struct {
	mu     sync.Mutex
	claims map[topicKey]*claim   // by realm and name; guarded by mu
	owned  map[*Session][]*claim // in the order of claiming; guarded by mu
}

type claim struct {
	Claim           // Details and Will are guarded by the register's mu
	key   topicKey  // set once
	by    *Session  // set once
	id    *Identity // of the owner when it claimed; set once
}

func newRegister() *register {
	return &register{claims: map[topicKey]*claim{}, owned: map[*Session][]*claim{}}
}

// Claim gives a thing of the session's a name. Owner and User are
// filled in. Errors: Invalid (name or details too long), Denied (guests may
// not), Conflict about the name (taken), Unavailable (limits).
func (s *Session) Claim(e Claim) error {
	id, limits := s.identity.Load(), s.hub.limits
	switch {
	case id.User == "":
		return failure(Denied, AboutPermission, "a login is needed")
	case e.Name == "" || len(e.Name) > limits.NameBytes:
		return s.hub.beyond("name_bytes", Invalid, "names can have at most %d bytes", limits.NameBytes)
	case len(e.Details) > limits.StatusBytes:
		return s.hub.beyond("status_bytes", Invalid, "a status can have at most %d bytes", limits.StatusBytes)
	}
	e.Owner, e.User = s.id, id.User
	if err := s.hub.register.add(&claim{e, topicKey{id.Realm, e.Name}, s, id}, limits.ClaimsPerSession); err != nil {
		if err == errTooMany {
			return s.hub.beyond("claims_per_session", Unavailable, "too many names claimed: at most %d", limits.ClaimsPerSession)
		}
		return err
	}
	if s.over() {
		s.hub.register.leave(s)
		return errSessionEnded
	}
	return nil
}

var errTooMany = failure(Unavailable, AboutLimit, "too many")

func (r *register) add(e *claim, most int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.claims[e.key] != nil:
		return failure(Conflict, AboutName, "the name '%s' is taken", e.Name)
	case len(r.owned[e.by]) >= most:
		return errTooMany
	}
	r.claims[e.key] = e
	r.owned[e.by] = append(r.owned[e.by], e)
	return nil
}

// AmendClaim replaces the details and the will of a claim of the session's. Without
// one it does nothing.
func (s *Session) AmendClaim(name string, details []byte, will *Telling) {
	r := s.hub.register
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.claims[topicKey{s.identity.Load().Realm, name}]; e != nil && e.by == s {
		e.Details, e.Will = details, will
	}
}

// Unclaim takes a claim of the session's back; its will is not told. It tells
// false if there is none.
func (s *Session) Unclaim(name string) bool {
	r := s.hub.register
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.claims[topicKey{s.identity.Load().Realm, name}]
	if e == nil || e.by != s {
		return false
	}
	delete(r.claims, e.key)
	if rest := slices.DeleteFunc(r.owned[s], func(o *claim) bool { return o == e }); len(rest) > 0 {
		r.owned[s] = rest
	} else {
		delete(r.owned, s)
	}
	return true
}

// FindClaim returns who has a name, and for what, in the session's realm. It fails with
// NotFound about the name. Guests find nothing.
func (s *Session) FindClaim(name string) (Claim, error) {
	id, r := s.identity.Load(), s.hub.register
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.claims[topicKey{id.Realm, name}]; e != nil && id.User != "" {
		return e.Claim, nil
	}
	return Claim{}, failure(NotFound, AboutName, "nothing has the name '%s'", name)
}

// Claims returns the claims of a user of the session's realm, those of each of
// their sessions in the order of entering; of everybody for an empty user.
func (s *Session) Claims(user string) (all []Claim) {
	id, r := s.identity.Load(), s.hub.register
	r.mu.Lock()
	for _, owned := range r.owned {
		for _, e := range owned {
			if e.key.realm == id.Realm && (user == "" || e.User == user) {
				all = append(all, e.Claim)
			}
		}
	}
	r.mu.Unlock()
	slices.SortStableFunc(all, func(a, b Claim) int { return cmp.Compare(a.Owner, b.Owner) })
	return all
}

// leave takes out what a session that has ended had claimed, and returns it.
func (r *register) leave(s *Session) []*claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.owned[s]
	for _, e := range left {
		delete(r.claims, e.key)
	}
	delete(r.owned, s)
	return left
}

// executeWills tells what was to be told of the things of a session that has
// ended.
func (h *Hub) executeWills(left []*claim) {
	for _, e := range left {
		if e.Will != nil {
			_, _ = h.tell(e.Owner, e.id, *e.Will) // of the right length when it was entered
		}
	}
}
