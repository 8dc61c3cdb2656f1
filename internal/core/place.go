package core

import (
	"context"
	"errors"
	"slices"

	"switchboard/internal/store"
)

// Place is a stored room as those see it who act in a role.
type Place struct {
	Room       RoomID     `json:"room"`
	Section    SectionID  `json:"section"`
	Name       string     `json:"name,omitempty"` // for showing
	Data       string     `json:"data,omitempty"` // opaque
	Permission Permission `json:"permission"`
	Preference Preference `json:"preference"` // how the user left it
	// Participants is how many are in it now.
	Participants int `json:"participants"`
}

// Preference is how a user acting in a role leaves a room.
type Preference struct {
	Mode   Mode `json:"mode"`
	Volume int  `json:"volume"` // 0 silent to 100
}

// DefaultVolume is that of a room that a user has not been in yet.
const DefaultVolume = 50

// Places returns the stored rooms of the realm that the session may enter in the
// role it acts in, sorted by id. It may wait. It fails with Denied before
// [Session.Act].
func (s *Session) Places(ctx context.Context) (places []Place, err error) {
	id, err := s.actor()
	if err != nil {
		return nil, err
	}
	open := s.hub.openTo(id)
	err = s.hub.view(ctx, "list places", s, func(tx store.Records) error {
		left, err := tx.Preferences(ctx, store.Preference{Realm: id.Realm, User: id.User, Role: id.Role})
		if err != nil {
			return err
		}
		places, err = placesOf(ctx, tx, open, left)
		return err
	})
	return places, err
}

// openTo returns the stored rooms that somebody may enter, sorted by id, with
// what lives of them. A realm may have many thousand rooms of which each role
// sees a few, so these are found before the store is asked.
func (h *Hub) openTo(id *Identity) (places []Place) {
	h.mu.RLock()
	var rooms []*Room
	for _, r := range h.rooms {
		if r.id.Realm() == id.Realm {
			rooms = append(rooms, r)
		}
	}
	h.mu.RUnlock()
	for _, r := range rooms {
		r.mu.Lock()
		p := Place{Room: r.id, Permission: permission(id, r.id, &r.policy), Participants: len(r.participants)}
		stored := r.stored && !r.closed
		r.mu.Unlock()
		if stored && p.Permission > PermitNone {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(a, b Place) int { return compare(a.Room, b.Room) })
	return places
}

// placesOf fills in what is stored.
func placesOf(ctx context.Context, tx store.Records, open []Place, left []store.Preference) (places []Place, err error) {
	preferences := map[string]Preference{}
	for _, p := range left {
		preferences[p.Room] = Preference{modeOf(p.Mode), p.Volume}
	}
	for _, p := range open {
		r, err := tx.Room(ctx, p.Room.Realm(), p.Room.Name())
		if errors.Is(err, store.ErrNotFound) {
			continue // it is about to close
		}
		if err != nil {
			return nil, err
		}
		p.Section, p.Name, p.Data, p.Preference = SectionID{r.Realm, r.Project}, r.Name, r.Data, Preference{Volume: DefaultVolume}
		if before, ok := preferences[r.ID]; ok {
			p.Preference = before
		}
		places = append(places, p)
	}
	return places, nil
}

// actor returns the identity, if it acts in a role.
func (s *Session) actor() (*Identity, error) {
	id, err := s.user()
	if err != nil {
		return nil, err
	}
	if !id.acts() {
		return nil, failure(Denied, AboutPermission, "choose a role first")
	}
	return id, nil
}

// Remember keeps how the user leaves a room of the realm in the role that the
// session acts in, and tells the user's other sessions. It may wait: when it
// returns nil, it is kept. It fails with Denied before [Session.Act], with
// Invalid for a volume or mode there is not, and with NotFound for whom or what
// the store does not know.
func (s *Session) Remember(ctx context.Context, room string, p Preference) error {
	id, err := s.actor()
	if err != nil {
		return err
	}
	if p.Volume < 0 || p.Volume > 100 {
		return failure(Invalid, AboutValue, "the volume is 0 to 100")
	}
	value := store.Preference{Realm: id.Realm, User: id.User, Role: id.Role, Room: room, Mode: accessOf(p.Mode), Volume: p.Volume}
	err = s.hub.rememberPreference(ctx, s, value)
	if err != nil {
		return err
	}
	e := newEvent(PreferenceChanged{Session: s.id, Role: id.Role, Room: NewRoomID(id.Realm, room), Value: p})
	for _, o := range s.hub.sessionsOf(id.key()) {
		if o != s {
			o.post(e)
		}
	}
	return nil
}

// rememberPreference writes only what is not stored already: clients that come
// back ask for what they had, all at once.
func (h *Hub) rememberPreference(ctx context.Context, s *Session, value store.Preference) error {
	const verb = "remember how a room was left"
	same := false
	err := h.view(ctx, verb, s, func(tx store.Records) error {
		like := value
		like.Mode, like.Volume = "", 0
		before, err := tx.Preferences(ctx, like)
		same = slices.Contains(before, value)
		return err
	})
	if err != nil || same {
		return err
	}
	return h.stored(verb, s, h.preferences.keep(ctx, value))
}

func permitted(a store.Access) Permission {
	switch a {
	case store.AccessTalk:
		return PermitTalk
	case store.AccessListen:
		return PermitListen
	}
	return PermitNone
}

func access(p Permission) store.Access { return store.Access(p.String()) }

func modeOf(a store.Access) Mode {
	switch a {
	case store.AccessTalk:
		return ModeTalk
	case store.AccessListen:
		return ModeListen
	}
	return ModeNone
}

func accessOf(m Mode) store.Access {
	switch m {
	case ModeTalk:
		return store.AccessTalk
	case ModeListen:
		return store.AccessListen
	}
	return store.AccessNone
}
