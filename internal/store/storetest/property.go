package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"switchboard/internal/store"
)

// model is what a store of one realm should hold, kept in maps.
type model struct {
	roles       map[string]store.Role
	rooms       map[string]store.Room
	permissions map[[2]string]store.Permission // by role and room
	documents   map[[2]string]store.Document   // by role and name
}

func (m model) clone() model {
	return model{maps.Clone(m.roles), maps.Clone(m.rooms), maps.Clone(m.permissions), maps.Clone(m.documents)}
}

// step is one verb, done to a store and to a model; both must say the same.
type step struct {
	name string
	real func(context.Context, store.Records) error
	// model changes the model and returns the error that is due, nil for none.
	model func(*model) error
}

// testProperty does random verbs, some of them in transactions of which some are
// given up, and compares the store with a model after each.
func testProperty(t *testing.T, s store.Store) {
	ctx := deadline(t)
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		realm := fmt.Sprint("realm", runs)
		must(s.CreateRealm(ctx, store.Realm{ID: realm}))(t)
		m := model{map[string]store.Role{}, map[string]store.Room{}, map[[2]string]store.Permission{}, map[[2]string]store.Document{}}
		for range rapid.IntRange(1, 12).Draw(r, "verbs") {
			if rapid.Bool().Draw(r, "in a transaction") {
				m = drawTransaction(ctx, r, s, realm, m)
			} else {
				one := drawStep(r, realm, m)
				compareErrors(r, one.name, one.real(ctx, s), one.model(&m))
			}
			compareState(ctx, r, s, realm, m)
		}
	})
}

func drawTransaction(ctx context.Context, r *rapid.T, s store.Store, realm string, m model) model {
	after := m.clone()
	var steps []step
	var due []error
	for range rapid.IntRange(1, 4).Draw(r, "steps") {
		one := drawStep(r, realm, after)
		steps, due = append(steps, one), append(due, one.model(&after))
	}
	giveUp := rapid.Bool().Draw(r, "give up")
	stop := errors.New("stop")
	err := s.Within(ctx, func(tx store.Records) error { // may run again
		for i, one := range steps {
			err := one.real(ctx, tx)
			if !errors.Is(err, due[i]) || due[i] == nil && err != nil {
				return fmt.Errorf("%s: error %v, want %v", one.name, err, due[i])
			}
			if err != nil {
				return stop // such an error may have ended the transaction
			}
		}
		if giveUp {
			return stop
		}
		return nil
	})
	switch {
	case errors.Is(err, stop):
		return m
	case err != nil:
		r.Fatalf("transaction: %v", err)
	}
	return after
}

func compareErrors(r *rapid.T, name string, got, want error) {
	if want == nil && got != nil || !errors.Is(got, want) {
		r.Fatalf("%s: error %v, want %v", name, got, want)
	}
}

// drawStep chooses a verb. Names are few, so that they meet.
func drawStep(r *rapid.T, realm string, m model) step {
	role := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "role")
	room := rapid.SampledFrom([]string{"x", "y"}).Draw(r, "room")
	text := rapid.SampledFrom([]string{"", "one", "two"}).Draw(r, "text")
	version := store.Version(rapid.IntRange(0, 3).Draw(r, "version"))
	access := rapid.SampledFrom([]store.Access{store.AccessNone, store.AccessListen, store.AccessTalk}).Draw(r, "access")
	owner := store.Owner{Realm: realm, Kind: store.OwnerRole, ID: role}
	_, hasRole := m.roles[role]
	_, hasRoom := m.rooms[room]
	return rapid.SampledFrom([]step{
		{"create role " + role,
			func(ctx context.Context, s store.Records) error {
				return second(s.CreateRole(ctx, store.Role{Realm: realm, ID: role, Name: text}))
			},
			func(m *model) error {
				if hasRole {
					return store.ErrConflict
				}
				m.roles[role] = store.Role{Realm: realm, ID: role, Name: text, Version: 1}
				return nil
			}},
		{fmt.Sprint("update role ", role, " of version ", version),
			func(ctx context.Context, s store.Records) error {
				return second(s.UpdateRole(ctx, store.Role{Realm: realm, ID: role, Name: text, Version: version}))
			},
			func(m *model) error {
				old := m.roles[role]
				if due := versionError(hasRole, old.Version, version); due != nil {
					return due
				}
				m.roles[role] = store.Role{Realm: realm, ID: role, Name: text, Version: old.Version + 1}
				return nil
			}},
		{"delete role " + role,
			func(ctx context.Context, s store.Records) error { return s.DeleteRole(ctx, realm, role) },
			func(m *model) error {
				if !hasRole {
					return store.ErrNotFound
				}
				delete(m.roles, role)
				maps.DeleteFunc(m.permissions, func(k [2]string, _ store.Permission) bool { return k[0] == role })
				maps.DeleteFunc(m.documents, func(k [2]string, _ store.Document) bool { return k[0] == role })
				return nil
			}},
		{"create room " + room,
			func(ctx context.Context, s store.Records) error {
				return second(s.CreateRoom(ctx, store.Room{Realm: realm, ID: room, Guests: access}))
			},
			func(m *model) error {
				if hasRoom {
					return store.ErrConflict
				}
				m.rooms[room] = store.Room{Realm: realm, ID: room, Media: store.MediaServer, Listening: store.ListeningForward,
					Guests: access, Members: store.AccessNone, Version: 1}
				return nil
			}},
		{"delete room " + room,
			func(ctx context.Context, s store.Records) error { return s.DeleteRoom(ctx, realm, room) },
			func(m *model) error {
				if !hasRoom {
					return store.ErrNotFound
				}
				delete(m.rooms, room)
				maps.DeleteFunc(m.permissions, func(k [2]string, _ store.Permission) bool { return k[1] == room })
				return nil
			}},
		{fmt.Sprint("permit ", access, " to ", role, " in ", room),
			func(ctx context.Context, s store.Records) error {
				return s.SetPermission(ctx, store.Permission{Realm: realm, Role: role, Room: room, Access: access})
			},
			func(m *model) error {
				k := [2]string{role, room}
				switch {
				case !hasRole || !hasRoom:
					return store.ErrNotFound
				case access == store.AccessNone:
					delete(m.permissions, k)
				default:
					m.permissions[k] = store.Permission{Realm: realm, Role: role, Room: room, Access: access}
				}
				return nil
			}},
		{fmt.Sprint("put document of ", role, " of version ", version),
			func(ctx context.Context, s store.Records) error {
				return second(s.PutDocument(ctx, store.Document{Owner: owner, Name: room, Body: text, Version: version}))
			},
			func(m *model) error {
				k := [2]string{role, room}
				old, has := m.documents[k]
				switch {
				case !hasRole:
					return store.ErrNotFound
				case version > 0:
					if due := versionError(has, old.Version, version); due != nil {
						return due
					}
				}
				m.documents[k] = store.Document{Owner: owner, Name: room, Body: text, Version: old.Version + 1}
				return nil
			}},
	}).Draw(r, "verb")
}

func versionError(has bool, stored, given store.Version) error {
	switch {
	case !has:
		return store.ErrNotFound
	case given != 0 && given != stored:
		return store.ErrConflict
	}
	return nil
}

func compareState(ctx context.Context, r *rapid.T, s store.Store, realm string, m model) {
	compareList(r, "roles", m.roles)(s.Roles(ctx, store.Filter{Realm: realm}))
	compareList(r, "rooms", m.rooms)(s.Rooms(ctx, store.Filter{Realm: realm}))
	comparePairs(r, "permissions", m.permissions)(s.Permissions(ctx, store.Permission{Realm: realm}))
	for role := range m.roles {
		of := maps.Clone(m.documents)
		maps.DeleteFunc(of, func(k [2]string, _ store.Document) bool { return k[0] != role })
		comparePairs(r, "documents of "+role, of)(s.Documents(ctx, store.Owner{Realm: realm, Kind: store.OwnerRole, ID: role}, ""))
	}
}

func compareList[T comparable](r *rapid.T, what string, want map[string]T) func([]T, error) {
	keyed := make(map[[2]string]T)
	for k, v := range want {
		keyed[[2]string{k}] = v
	}
	return comparePairs(r, what, keyed)
}

func comparePairs[T comparable](r *rapid.T, what string, want map[[2]string]T) func([]T, error) {
	return func(got []T, err error) {
		if err != nil {
			r.Fatalf("%s: %v", what, err)
		}
		keys := slices.SortedFunc(maps.Keys(want), func(a, b [2]string) int {
			return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
		})
		var list []T
		for _, k := range keys {
			list = append(list, want[k])
		}
		if !slices.Equal(got, list) {
			r.Fatalf("%s are %v, want %v", what, got, list)
		}
	}
}
