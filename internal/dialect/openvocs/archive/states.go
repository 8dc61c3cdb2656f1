package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"switchboard/internal/store"
)

// states stores how users left loops, and their own data.
func (i *importer) states(ctx context.Context, states object, realmOf map[string]string) error {
	left := object{}
	for _, user := range states.keys() {
		realm, known := realmOf[user]
		state, err := states.member(user)
		if err == nil && known {
			state, err = i.state(ctx, realm, user, state)
		}
		if err != nil {
			return fmt.Errorf("%s: user %s: %w", stateFile, user, err)
		}
		if len(state) > 0 {
			left.set(user, state)
			i.unresolved("state of user %s in %s", user, strings.Join(state.keys(), ", "))
		}
	}
	if len(left) == 0 {
		return nil
	}
	text, err := json.Marshal(left)
	if err != nil {
		return err
	}
	_, err = i.tx.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: i.Realms[0]}, Name: leftDocument, Body: string(text)})
	if err != nil {
		return fmt.Errorf("%s: keep states of what does not exist: %w", stateFile, err)
	}
	return nil
}

// ownData is the key beside the roles under which a user's own data stands.
const ownData = "data"

// left is how a user left a loop.
type left struct {
	State  string `json:"state"`
	Volume int    `json:"volume"`
}

// state stores one user's states and returns those that nothing stands for.
func (i *importer) state(ctx context.Context, realm, user string, state object) (rest object, err error) {
	rest = object{}
	var preferences []store.Preference
	for _, role := range state.keys() {
		if role == ownData {
			_, err := i.tx.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: realm, Kind: store.OwnerUser, ID: user},
				Name: UserDocument, Body: string(state[role])})
			if err != nil {
				return nil, err
			}
			continue
		}
		loops, err := state.member(role)
		if err != nil {
			rest[role] = state[role]
			continue
		}
		for _, loop := range loops.keys() {
			p, ok := preference(loops[loop])
			p.Realm, p.User, p.Role, p.Room = realm, user, role, loop
			there := false
			if ok {
				if there, err = i.exist(ctx, realm, role, loop); err != nil {
					return nil, err
				}
			}
			if there {
				preferences = append(preferences, p)
				delete(loops, loop)
			}
		}
		if len(loops) > 0 {
			rest.set(role, loops)
		}
	}
	return rest, i.tx.SetPreferences(ctx, preferences)
}

func (i *importer) exist(ctx context.Context, realm, role, room string) (bool, error) {
	_, err := i.tx.Role(ctx, realm, role)
	if err == nil {
		_, err = i.tx.Room(ctx, realm, room)
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// preference reads how a loop was left; false when a preference cannot say it.
func preference(raw json.RawMessage) (p store.Preference, ok bool) {
	var l left
	if err := json.Unmarshal(raw, &l); err != nil || l.Volume < 0 || l.Volume > 100 {
		return p, false
	}
	p.Volume = l.Volume
	switch l.State {
	case "send":
		p.Mode = store.AccessTalk
	case "recv":
		p.Mode = store.AccessListen
	case "none", "":
		p.Mode = store.AccessNone
	default:
		return p, false
	}
	return p, true
}
