package core

import (
	"slices"
	"sync"
	"time"
)

// ExchangeLimits bound what an [Exchange] holds. Zero is no allowance at all.
type ExchangeLimits struct {
	DevicesPerUser  int // sessions of one user at one time
	UsersPerHome    int
	Contacts        int // users whose presence one user is told
	RequestsPerHome int // that a home has not answered yet
	Invitations     int // waiting for one user
}

// DefaultExchangeLimits suit some thousand users.
func DefaultExchangeLimits() ExchangeLimits {
	return ExchangeLimits{DevicesPerUser: 16, UsersPerHome: 10_000, Contacts: 2_000, RequestsPerHome: 4_096, Invitations: 64}
}

// Exchange carries messages between users and the homes that serve them. A home
// is a session on whose behalf users are reachable; a user may be there with
// several sessions, their devices. The exchange knows who is there and tells
// those who asked. Nothing of what it carries is kept.
//
// Its lock guards everything in it and what hangs on it. Under it only memory
// is touched and only leaves are locked; a room's lock is not held by whoever
// calls. Methods may be called from any goroutine.
type Exchange struct {
	hub    *Hub
	limits ExchangeLimits

	mu     sync.Mutex
	homes  map[string]*Home   // by id; guarded by mu
	people map[string]*person // everybody who is served, here, or asked about; guarded by mu
}

// person is a user of the exchange. The exchange's lock guards it.
type person struct {
	x           *Exchange
	user        string
	home        *Home // that serves them now; nil: none
	devices     []*Device
	chosen      string              // the state the user gave last
	told        Presence            // what watchers know
	contacts    []string            // whose presence the user is told
	watchers    map[string]struct{} // who is told this one's presence
	invitations []Invitation
}

// Home is a session that serves users.
type Home struct {
	x       *Exchange
	session *Session
	id      string

	latency  time.Duration      // negative: not known; guarded by x.mu
	users    []string           // guarded by x.mu
	gone     bool               // guarded by x.mu
	requests map[string]request // not answered yet, by id; guarded by x.mu
	order    []string           // of requests, oldest first; answered ones stay until they are the oldest; guarded by x.mu
}

// request is what a device asked and waits for.
type request struct {
	by   *Device
	kind string
}

// Device is one session of a user.
type Device struct {
	x       *Exchange
	session *Session
	user    string
	home    *Home         // guarded by x.mu
	latency time.Duration // negative: not known; guarded by x.mu
	gone    bool          // guarded by x.mu
}

// NewExchange makes an empty exchange for sessions of the hub.
func NewExchange(h *Hub, l ExchangeLimits) *Exchange {
	return &Exchange{hub: h, limits: l, homes: map[string]*Home{}, people: map[string]*person{}}
}

// person finds or makes a user's entry. Callers hold x.mu.
func (x *Exchange) person(user string) *person {
	p := x.people[user]
	if p == nil {
		p = &person{x: x, user: user, watchers: map[string]struct{}{}}
		x.people[user] = p
	}
	return p
}

// OpenHome makes the session a home under an id that nobody else should know,
// for these users; the caller has made sure that they are its own. Another home
// of that id is replaced: its session ends, devices of users who are still
// served stay and are handed over, the others end. Failures: Unavailable
// (limits).
func (x *Exchange) OpenHome(s *Session, id string, users []string) (*Home, error) {
	if most := x.limits.UsersPerHome; len(users) > most {
		return nil, failure(Unavailable, AboutLimit, "too many users: at most %d", most)
	}
	h := &Home{x: x, latency: -1, session: s, id: id, users: slices.Clone(users), requests: map[string]request{}}
	x.mu.Lock()
	old := x.homes[id]
	x.homes[id] = h
	var ending []*Session
	for _, user := range users {
		p := x.person(user)
		if p.home != nil && p.home != old { // moved here from another home
			other := p.home
			other.users = slices.DeleteFunc(other.users, func(u string) bool { return u == user })
			ending = append(ending, p.drop()...)
		}
		p.home = h
		for _, d := range p.devices {
			d.home = h
		}
	}
	if old != nil {
		old.fail()
		ending = append(append(ending, old.release()...), old.session)
	}
	for _, user := range users {
		x.people[user].changed(false)
	}
	x.mu.Unlock()
	for _, s := range ending {
		s.End(ReasonReplaced)
	}
	return h, nil
}

// Close says that the home is gone: its users' devices end, and those who watch
// them are told. It does nothing when another home has taken the id over.
func (h *Home) Close() {
	h.x.mu.Lock()
	ending := h.release()
	h.x.mu.Unlock()
	for _, s := range ending {
		s.End(ReasonHomeGone)
	}
}

// release takes the home out and returns the sessions that have to end. Callers
// hold x.mu.
func (h *Home) release() (ending []*Session) {
	if h.gone {
		return nil
	}
	h.gone, h.requests, h.order = true, nil, nil
	if h.x.homes[h.id] == h {
		delete(h.x.homes, h.id)
	}
	for _, user := range h.users {
		p := h.x.people[user]
		if p == nil || p.home != h {
			continue // somebody else serves them now
		}
		p.home = nil
		ending = append(ending, p.drop()...)
		p.changed(false)
		h.x.settle(p)
	}
	return ending
}

// fail tells those who wait for an answer that there will be none. Callers hold
// x.mu.
func (h *Home) fail() {
	for _, id := range h.order {
		if r, waiting := h.requests[id]; waiting {
			delete(h.requests, id)
			r.by.session.post(newEvent(RequestLost{ID: id, Kind: r.kind}))
		}
	}
	h.order = nil
}

// drop takes every device off and returns their sessions. Callers hold x.mu.
func (p *person) drop() (sessions []*Session) {
	for _, d := range p.devices {
		d.gone = true
		sessions = append(sessions, d.session)
	}
	p.devices = nil
	return sessions
}

// Enter makes the session a device of a user whom the home of that id serves;
// the caller has made sure that it is the user. The home is told by
// DeviceEntered, and the device by PresencesKnown of those whom the user is
// interested in. Failures: NotFound (no such home, or not the user's),
// Unavailable (limits).
func (x *Exchange) Enter(s *Session, user, home string) (*Device, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	h, p := x.homes[home], x.people[user]
	if h == nil || p == nil || p.home != h {
		return nil, failure(NotFound, AboutParticipant, "your home server is not connected")
	}
	if most := x.limits.DevicesPerUser; len(p.devices) >= most {
		return nil, failure(Unavailable, AboutLimit, "too many connections of one user: at most %d", most)
	}
	d := &Device{x: x, latency: -1, session: s, user: user, home: h}
	p.devices = append(p.devices, d)
	p.changed(false)
	h.session.post(newEvent(DeviceEntered{User: user}))
	if len(p.contacts) > 0 {
		s.post(newEvent(PresencesKnown{x.presences(p)}))
	}
	return d, nil
}

// Leave takes the device off; with the last one the user is no longer here. A
// second call does nothing.
func (d *Device) Leave() {
	d.x.mu.Lock()
	defer d.x.mu.Unlock()
	if d.gone {
		return
	}
	d.gone = true
	p := d.x.people[d.user]
	p.devices = slices.DeleteFunc(p.devices, func(o *Device) bool { return o == d })
	d.home.session.post(newEvent(DeviceLeft{User: d.user}))
	p.changed(false)
	d.x.settle(p)
}

// Beat notes how long the device's messages take to go and come back, negative
// when that is not known, and returns that of its home.
func (d *Device) Beat(latency time.Duration) time.Duration {
	d.x.mu.Lock()
	defer d.x.mu.Unlock()
	d.latency = latency
	return d.home.latency
}

// Beat is [Device.Beat] for a home: it returns those of its users who are here.
func (h *Home) Beat(latency time.Duration) map[string]time.Duration {
	h.x.mu.Lock()
	defer h.x.mu.Unlock()
	h.latency = latency
	all := map[string]time.Duration{}
	for _, user := range h.users {
		p := h.x.people[user]
		if p == nil || p.home != h {
			continue
		}
		for _, d := range p.devices {
			if best, known := all[user]; !known || best < 0 || d.latency >= 0 && d.latency < best {
				all[user] = d.latency
			}
		}
	}
	return all
}

// settle forgets a user of whom there is nothing to know. Callers hold x.mu.
func (x *Exchange) settle(p *person) {
	if p.home == nil && len(p.devices)+len(p.contacts)+len(p.watchers)+len(p.invitations) == 0 && p.chosen == "" {
		delete(x.people, p.user)
	}
}

// Ask passes a message to the device's home and remembers, by the request's id
// (empty: nobody waits), who asked. Failures: NotFound (no home), Conflict
// (another device waits for an answer of that id), Unavailable (limits, or the
// home is behind with reading).
func (d *Device) Ask(id, kind string, body []byte) error {
	d.x.mu.Lock()
	defer d.x.mu.Unlock()
	h := d.home
	if d.gone || h.gone {
		return errNoHome
	}
	if id != "" {
		r, waiting := h.requests[id]
		switch {
		case waiting && r.by != d && !r.by.gone:
			return failure(Conflict, AboutRequest, "somebody else waits for an answer of that id")
		case !waiting && len(h.requests) >= d.x.limits.RequestsPerHome:
			h.forget()
		}
	}
	if err := h.session.deliver(body); err != nil {
		return err
	}
	if id != "" {
		if _, waiting := h.requests[id]; !waiting {
			h.order = append(h.order, id)
		}
		h.requests[id] = request{d, kind}
		h.tidy()
	}
	return nil
}

// forget gives up the oldest request, which nobody waits for any longer: clients
// give up after seconds. Callers hold x.mu.
func (h *Home) forget() {
	for len(h.order) > 0 {
		id := h.order[0]
		h.order = h.order[1:]
		if _, waiting := h.requests[id]; waiting {
			delete(h.requests, id)
			return
		}
	}
}

// tidy drops what was answered from the order when that is most of it. Callers
// hold x.mu.
func (h *Home) tidy() {
	if len(h.order) > 2*len(h.requests)+64 {
		h.order = slices.DeleteFunc(h.order, func(id string) bool { _, waiting := h.requests[id]; return !waiting })
	}
}

var errNoHome = failure(NotFound, AboutParticipant, "the home server is not connected")

// Asker returns the user who asked what has this id and the kind of it; false
// when nobody did who has no answer yet.
func (h *Home) Asker(id string) (user, kind string, waiting bool) {
	h.x.mu.Lock()
	defer h.x.mu.Unlock()
	r, waiting := h.requests[id]
	if !waiting {
		return "", "", false
	}
	return r.by.user, r.kind, true
}

// Answer gives the device that waits for it the answer to a request. One for a
// device that has gone meanwhile reaches nobody. Failures: NotFound (nobody
// asked), Unavailable (the device is behind with reading).
func (h *Home) Answer(id string, body []byte) error {
	h.x.mu.Lock()
	defer h.x.mu.Unlock()
	r, waiting := h.requests[id]
	if !waiting {
		return failure(NotFound, AboutRequest, "nobody waits for this answer")
	}
	delete(h.requests, id)
	h.tidy()
	if r.by.gone {
		return nil
	}
	return r.by.session.deliver(body)
}

// Serves tells whether the user is one of the home's.
func (h *Home) Serves(user string) bool {
	h.x.mu.Lock()
	defer h.x.mu.Unlock()
	p := h.x.people[user]
	return p != nil && p.home == h
}

// Tell passes a message to all devices of one of the home's users. Failures:
// NotFound (not one of its users), Unavailable (a device is behind with
// reading; the others have it).
func (h *Home) Tell(user string, body []byte) error {
	h.x.mu.Lock()
	defer h.x.mu.Unlock()
	p := h.x.people[user]
	if p == nil || p.home != h {
		return failure(NotFound, AboutParticipant, "not a user of this home server")
	}
	var behind error
	for _, d := range p.devices {
		if err := d.session.deliver(body); err != nil {
			behind = err
		}
	}
	return behind
}

// Pass passes a message to the home that serves a user, which may be the same.
// Failures: NotFound (none does), Unavailable (it is behind with reading).
func (h *Home) Pass(user string, body []byte) error {
	h.x.mu.Lock()
	defer h.x.mu.Unlock()
	p := h.x.people[user]
	if p == nil || p.home == nil {
		return errNoHome
	}
	return p.home.session.deliver(body)
}

// deliver posts a message of another client, if the session has space for one.
func (s *Session) deliver(body []byte) error {
	e := newEvent(Delivered{Body: body})
	if !s.takes(e) {
		return failure(Unavailable, AboutLimit, "the receiver is behind with reading")
	}
	s.post(e)
	return nil
}
