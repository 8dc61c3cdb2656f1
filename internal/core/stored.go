package core

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"switchboard/internal/store"
)

// This file brings what lives in line with what is stored: rooms with their
// rights, and who those are that are logged in.

// followTime is how long reading the store may take after it was changed.
const followTime = 10 * time.Second

// Load opens the stored rooms of every realm. It is called once, before there
// are clients; later changes made by verbs of this package are followed without.
func (h *Hub) Load(ctx context.Context) error {
	var realms []store.Realm
	err := h.store.View(ctx, func(tx store.Records) (err error) {
		realms, err = tx.Realms(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range realms {
		if err := h.follow(ctx, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// recentEntries is how many entries of the audit log Watch looks at.
const recentEntries = 200

// Watch follows, until ctx ends, what others store who have not gone through this
// hub, such as the command line: it looks at the audit log, in which every change
// is noted. App runs it once, after Load.
func (h *Hub) Watch(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	seen := map[string]store.AuditEntry{} // so that nothing of the time before is missed
	var err error                         // of the last look
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, failed := h.recent(ctx)
		if failed != nil {
			if err == nil && ctx.Err() == nil {
				h.log.Warn("changes of the store are not followed", "error", failed)
			}
			err = failed
			continue
		}
		err = nil
		for realm := range changedRealms(seen, now) {
			h.revise(ctx, realm)
		}
		seen = now
	}
}

// recent returns the newest entries of the audit log, by id.
func (h *Hub) recent(ctx context.Context) (map[string]store.AuditEntry, error) {
	byID := map[string]store.AuditEntry{}
	err := h.store.View(ctx, func(tx store.Records) error {
		clear(byID)
		entries, err := tx.AuditEntries(ctx, store.AuditQuery{Limit: recentEntries})
		for _, e := range entries {
			byID[e.ID] = e
		}
		return err
	})
	return byID, err
}

// changedRealms returns the realms in which something new has been changed.
func changedRealms(seen, now map[string]store.AuditEntry) map[string]bool {
	realms := map[string]bool{}
	for id, e := range now {
		if _, known := seen[id]; !known && e.Outcome == store.OutcomeDone && e.Action != "login" && e.Action != "logout" {
			realms[e.Realm] = true
		}
	}
	return realms
}

// revise follows what has been stored for a realm. The change itself is done, so
// whoever made it does not hear of a failure; the next revision makes up for it.
func (h *Hub) revise(ctx context.Context, realm string) {
	h.changes.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), followTime)
	defer cancel()
	if err := h.follow(ctx, realm); err != nil {
		h.log.Error("live rooms and people are not as they are stored", "realm", realm, "error", err)
	}
}

// follow does it, one at a time, so that an older state never comes after a
// newer one.
func (h *Hub) follow(ctx context.Context, realm string) error {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	rooms := map[RoomID]Policy{}
	people := map[userKey]Identity{}
	live := h.usersOf(realm)
	err := h.store.View(ctx, func(tx store.Records) (err error) {
		clear(rooms)
		clear(people)
		if err = readRooms(ctx, tx, realm, rooms); err != nil {
			return err
		}
		return readPeople(ctx, tx, live, people)
	})
	if err != nil {
		return err
	}
	if err := h.openStored(realm, rooms); err != nil {
		return err
	}
	for _, key := range live {
		now, known := people[key]
		for _, s := range h.sessionsOf(key) {
			s.revise(now, known)
		}
	}
	return nil
}

// usersOf lists the users of a realm who are here and whom the store describes.
func (h *Hub) usersOf(realm string) (all []userKey) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for key, sessions := range h.users {
		if key.realm == realm && slices.ContainsFunc(sessions, func(s *Session) bool { return s.identity.Load().Stored }) {
			all = append(all, key)
		}
	}
	return all
}

// readRooms reads the policies of a realm's rooms.
func readRooms(ctx context.Context, tx store.Records, realm string, into map[RoomID]Policy) error {
	rooms, err := tx.Rooms(ctx, store.Filter{Realm: realm})
	if err != nil {
		return err
	}
	granted, err := tx.Permissions(ctx, store.Permission{Realm: realm})
	if err != nil {
		return err
	}
	roles := map[string]map[string]Permission{} // by room
	for _, g := range granted {
		if roles[g.Room] == nil {
			roles[g.Room] = map[string]Permission{}
		}
		roles[g.Room][g.Role] = permitted(g.Access)
	}
	for _, r := range rooms {
		into[NewRoomID(r.Realm, r.ID)] = policyOf(r, roles[r.ID])
	}
	return nil
}

// policyOf is what a stored room is like, with the permissions of roles in it.
func policyOf(r store.Room, roles map[string]Permission) Policy {
	p := Policy{Media: MediaServer, Members: permitted(r.Members), Guests: permitted(r.Guests), Roles: roles,
		Persistent: true, Linger: r.Linger, Participants: r.MaxParticipants}
	if r.Media == store.MediaPeer {
		p.Media = MediaPeer
	}
	return p
}

// readPeople reads who users are who may log in.
func readPeople(ctx context.Context, tx store.Records, who []userKey, into map[userKey]Identity) error {
	for _, key := range who {
		u, err := tx.User(ctx, key.realm, key.user)
		if errors.Is(err, store.ErrNotFound) || err == nil && u.Disabled {
			continue
		}
		if err != nil {
			return err
		}
		members, err := tx.Members(ctx, store.Member{Realm: key.realm, User: key.user})
		if err != nil {
			return err
		}
		id := Identity{Display: u.Name}
		for _, m := range members {
			id.Roles = append(id.Roles, m.Role)
		}
		into[key] = id
	}
	return nil
}

// openStored opens the rooms, gives those that are open these policies, and
// closes those of the realm that are stored no more.
func (h *Hub) openStored(realm string, rooms map[RoomID]Policy) error {
	for _, id := range slices.Sorted(maps.Keys(rooms)) {
		if err := h.open(id, rooms[id], true); err != nil {
			return err
		}
	}
	h.mu.RLock()
	var others []*Room
	for id, r := range h.rooms {
		if _, stays := rooms[id]; !stays && id.Realm() == realm {
			others = append(others, r)
		}
	}
	h.mu.RUnlock()
	for _, r := range others {
		r.mu.Lock()
		gone := r.stored
		r.mu.Unlock()
		if gone {
			r.close(ReasonClosed)
		}
	}
	return nil
}

// open opens a room that stays, or gives an open one this policy.
func (h *Hub) open(id RoomID, p Policy, stored bool) error {
	r, err := h.locked(id, &p, nil)
	if err != nil {
		return err
	}
	before := r.policy
	r.policy, r.stored = p, r.stored || stored
	if p.Persistent {
		r.rouse() // it may be open, empty and lingering
	}
	after := r.settle(false)
	r.mu.Unlock()
	r.after(after)
	if before.Members != p.Members || before.Guests != p.Guests || !maps.Equal(before.Roles, p.Roles) {
		r.reviewAll()
	}
	return nil
}

// revise gives the session the roles and the name that the store has for its
// user now, or ends it when the user may not log in any more.
func (s *Session) revise(now Identity, known bool) {
	gone := false
	s.change(func(i *Identity) bool {
		gone = i.Stored && !known
		if gone || !i.Stored || i.Display == now.Display && slices.Equal(i.Roles, now.Roles) {
			return false
		}
		i.Display, i.Roles = now.Display, slices.Clone(now.Roles)
		return true
	})
	if gone {
		s.End(ReasonEvicted)
	}
}
