package core

import (
	"crypto/subtle"
	"slices"
)

// Presence says whether a user of an [Exchange] can be reached.
type Presence struct {
	Served bool   `json:"served"` // a home serves the user
	Here   bool   `json:"here"`   // with at least one device
	Chosen string `json:"chosen"` // the state the user gave last; empty: none yet
}

// presence derives what others see. Callers hold the exchange's lock.
func (p *person) presence() Presence {
	return Presence{Served: p.home != nil, Here: len(p.devices) > 0, Chosen: p.chosen}
}

// changed tells the watchers when the presence is another one, or always.
// Callers hold the exchange's lock.
func (p *person) changed(always bool) {
	now := p.presence()
	if now == p.told && !always {
		return
	}
	p.told = now
	if len(p.watchers) == 0 {
		return
	}
	var e *Event
	for _, d := range p.watching() {
		if e == nil {
			e = newEvent(PresenceChanged{User: p.user, Presence: now})
		}
		d.session.post(e)
	}
}

// watching lists the devices of those who are told. Callers hold the exchange's
// lock.
func (p *person) watching() (all []*Device) {
	for user := range p.watchers {
		if w := p.x.people[user]; w != nil {
			all = append(all, w.devices...)
		}
	}
	return all
}

// SetPresence says how the device's user wants to be seen; empty leaves that as
// it is. Those who watch are told in any case: users also say so that what is
// known of them elsewhere has changed.
func (d *Device) SetPresence(chosen string) {
	d.x.mu.Lock()
	defer d.x.mu.Unlock()
	if d.gone {
		return
	}
	p := d.x.people[d.user]
	if chosen != "" {
		p.chosen = chosen
	}
	p.changed(true)
}

// Presence returns how a user is seen.
func (x *Exchange) Presence(user string) Presence {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p := x.people[user]; p != nil {
		return p.presence()
	}
	return Presence{}
}

// Interest replaces whose presence a user of the home is told. The user's
// devices are told it as it is now, by PresencesKnown, and later changes. Of too
// many the first are taken.
func (h *Home) Interest(user string, contacts []string) {
	x := h.x
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.people[user]
	if p == nil || p.home != h {
		return
	}
	for _, c := range p.contacts {
		if other := x.people[c]; other != nil {
			delete(other.watchers, user)
			x.settle(other)
		}
	}
	p.contacts = slices.Compact(slices.Sorted(slices.Values(contacts[:min(len(contacts), x.limits.Contacts)])))
	for _, c := range p.contacts {
		x.person(c).watchers[user] = struct{}{}
	}
	e := newEvent(PresencesKnown{x.presences(p)})
	for _, d := range p.devices {
		d.session.post(e)
	}
}

// presences lists those of a user's contacts. Callers hold x.mu.
func (x *Exchange) presences(p *person) map[string]Presence {
	all := make(map[string]Presence, len(p.contacts))
	for _, c := range p.contacts {
		all[c] = x.people[c].presence()
	}
	return all
}

// Invitation asks a user to come to a room.
type Invitation struct {
	By     string `json:"by"`
	Room   RoomID `json:"room"`
	Secret string `json:"-"` // opaque; for the one invited
}

// Invite keeps an invitation as long as the room is open and tells the user's
// devices. Another one by the same user to the same room is replaced, beyond
// the limit the oldest. Who is in the room may invite, and who shows the room's
// own secret. Failures: NotFound (nobody serves that user), Denied.
func (x *Exchange) Invite(user string, v Invitation, secret string) error {
	if r := x.hub.existing(v.Room); r == nil || !r.vouches(v.By, secret) {
		return failure(Denied, AboutRoom, "you are not in that room")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.people[user]
	if p == nil || p.home == nil {
		return failure(NotFound, AboutParticipant, "this user cannot be reached now")
	}
	p.standing(x.hub)
	p.invitations = slices.DeleteFunc(p.invitations, func(o Invitation) bool { return o.By == v.By && o.Room == v.Room })
	if len(p.invitations) >= x.limits.Invitations {
		p.invitations = p.invitations[1:]
	}
	p.invitations = append(p.invitations, v)
	e := newEvent(InvitationMade{User: user, Invitation: v})
	for _, d := range p.devices {
		d.session.post(e)
	}
	return nil
}

// vouches tells whether a user of the room's realm is in the room, or the secret
// is the room's.
func (r *Room) vouches(user, secret string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.policy.Secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(r.policy.Secret)) == 1 {
		return true
	}
	return slices.ContainsFunc(r.participants, func(p *Participant) bool {
		i := p.session.identity.Load()
		return i.User == user && i.Realm == r.id.Realm()
	})
}

// Invitations returns what a user is invited to, the oldest first.
func (x *Exchange) Invitations(user string) []Invitation {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.people[user]
	if p == nil {
		return nil
	}
	p.standing(x.hub)
	return slices.Clone(p.invitations)
}

// standing drops invitations to rooms that have closed. Callers hold the
// exchange's lock.
func (p *person) standing(h *Hub) {
	p.invitations = slices.DeleteFunc(p.invitations, func(v Invitation) bool { return h.existing(v.Room) == nil })
}
