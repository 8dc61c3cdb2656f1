package storetest

import (
	"context"
	"testing"
	"time"

	"switchboard/internal/store"
)

// keyed is the life of one record, told alike for each noun.
type keyed[T comparable] struct {
	create, update func(context.Context, T) (T, error)
	read           func(context.Context) (T, error)
	remove         func(context.Context) error
	made, changed  T // the record as given to create, and to update
	first, second  T // the same with version 1, and with version 2 and defaults filled in
	version        func(T, store.Version) T
}

func (k keyed[T]) run(t *testing.T) {
	t.Helper()
	ctx := deadline(t)
	_, err := k.read(ctx)
	wantError(t, "read before creation", err, store.ErrNotFound)
	_, err = k.update(ctx, k.changed)
	wantError(t, "update before creation", err, store.ErrNotFound)
	wantError(t, "delete before creation", k.remove(ctx), store.ErrNotFound)

	same(t, "created", must(k.create(ctx, k.made))(t), k.first)
	same(t, "read after creation", must(k.read(ctx))(t), k.first)
	_, err = k.create(ctx, k.changed)
	wantError(t, "create again", err, store.ErrConflict)
	same(t, "after the refused creation", must(k.read(ctx))(t), k.first)

	same(t, "updated", must(k.update(ctx, k.version(k.changed, 1)))(t), k.second)
	same(t, "read after update", must(k.read(ctx))(t), k.second)
	_, err = k.update(ctx, k.version(k.made, 1))
	wantError(t, "update of an old version", err, store.ErrConflict)
	_, err = k.update(ctx, k.version(k.made, 3))
	wantError(t, "update of a version to come", err, store.ErrConflict)
	same(t, "after the refused updates", must(k.read(ctx))(t), k.second)
	same(t, "updated whatever the version", must(k.update(ctx, k.version(k.made, 0)))(t), k.version(k.first, 3))

	check(t, k.remove(ctx))
	_, err = k.read(ctx)
	wantError(t, "read after deletion", err, store.ErrNotFound)
	wantError(t, "delete again", k.remove(ctx), store.ErrNotFound)
	same(t, "created again", must(k.create(ctx, k.version(k.made, 7)))(t), k.first)
}

func testRealms(t *testing.T, s store.Store) {
	ctx := deadline(t)
	made := store.Realm{ID: "vox.example"}
	changed := store.Realm{ID: "vox.example", Name: "Vox · 声", Data: `{"a":1}`}
	keyed[store.Realm]{
		create: s.CreateRealm, update: s.UpdateRealm,
		read:   func(ctx context.Context) (store.Realm, error) { return s.Realm(ctx, "vox.example") },
		remove: func(ctx context.Context) error { return s.DeleteRealm(ctx, "vox.example") },
		made:   made, changed: changed,
		first:   store.Realm{ID: "vox.example", Version: 1},
		second:  store.Realm{ID: "vox.example", Name: "Vox · 声", Data: `{"a":1}`, Version: 2},
		version: func(r store.Realm, v store.Version) store.Realm { r.Version = v; return r },
	}.run(t)

	realm(t, s, "a")
	realm(t, s, "B") // byte order puts capitals first; many collations do not
	same(t, "all realms", must(s.Realms(ctx))(t), []store.Realm{
		{ID: "B", Version: 1}, {ID: "a", Version: 1}, {ID: "vox.example", Version: 1},
	})
}

func testUsers(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	realm(t, s, "two")
	project(t, s, "one", "orbiter")
	keyed[store.User]{
		create: s.CreateUser, update: s.UpdateUser,
		read:   func(ctx context.Context) (store.User, error) { return s.User(ctx, "one", "ada") },
		remove: func(ctx context.Context) error { return s.DeleteUser(ctx, "one", "ada") },
		made:   store.User{Realm: "one", ID: "ada"},
		changed: store.User{Realm: "one", ID: "ada", Project: "orbiter", Name: "Ada L.", Origin: store.OriginLDAP,
			Disabled: true, Data: `{"avatar":"x"}`},
		first: store.User{Realm: "one", ID: "ada", Origin: store.OriginLocal, Version: 1},
		second: store.User{Realm: "one", ID: "ada", Project: "orbiter", Name: "Ada L.", Origin: store.OriginLDAP,
			Disabled: true, Data: `{"avatar":"x"}`, Version: 2},
		version: func(u store.User, v store.Version) store.User { u.Version = v; return u },
	}.run(t)

	must(s.CreateUser(ctx, store.User{Realm: "two", ID: "ada"}))(t)
	must(s.CreateUser(ctx, store.User{Realm: "two", ID: "Zoë"}))(t)
	_, err := s.CreateUser(ctx, store.User{Realm: "three", ID: "ada"})
	wantError(t, "a user of no realm", err, store.ErrNotFound)
	_, err = s.CreateUser(ctx, store.User{Realm: "two", ID: "bob", Project: "orbiter"})
	wantError(t, "a user of another realm's project", err, store.ErrNotFound)
	_, err = s.UpdateUser(ctx, store.User{Realm: "two", ID: "ada", Project: "orbiter"})
	wantError(t, "a user moved to another realm's project", err, store.ErrNotFound)

	for _, c := range []struct {
		filter store.Filter
		want   []string
	}{
		{store.Filter{}, []string{"one/ada", "two/Zoë", "two/ada"}},
		{store.Filter{Realm: "two"}, []string{"two/Zoë", "two/ada"}},
		{store.Filter{ID: "ada"}, []string{"one/ada", "two/ada"}},
		{store.Filter{Realm: "two", ID: "ada"}, []string{"two/ada"}},
		{store.Filter{ID: "ADA"}, nil},
		{store.Filter{Realm: "' OR 1=1 --"}, nil},
	} {
		var got []string
		for _, u := range must(s.Users(ctx, c.filter))(t) {
			got = append(got, u.Realm+"/"+u.ID)
		}
		same(t, "users", got, c.want)
	}
}

func testPasswords(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	must(s.CreateUser(ctx, store.User{Realm: "one", ID: "ada"}))(t)

	same(t, "password at first", must(s.Password(ctx, "one", "ada"))(t), "")
	check(t, s.SetPassword(ctx, "one", "ada", "$first"))
	same(t, "password", must(s.Password(ctx, "one", "ada"))(t), "$first")
	wantError(t, "replace another", s.ReplacePassword(ctx, "one", "ada", "$other", "$second"), store.ErrConflict)
	same(t, "password", must(s.Password(ctx, "one", "ada"))(t), "$first")
	check(t, s.ReplacePassword(ctx, "one", "ada", "$first", "$second"))
	same(t, "password", must(s.Password(ctx, "one", "ada"))(t), "$second")

	must(s.UpdateUser(ctx, store.User{Realm: "one", ID: "ada", Name: "Ada"}))(t)
	same(t, "password after an update of the user", must(s.Password(ctx, "one", "ada"))(t), "$second")
	check(t, s.SetPassword(ctx, "one", "ada", ""))
	same(t, "password taken away", must(s.Password(ctx, "one", "ada"))(t), "")

	_, err := s.Password(ctx, "one", "bob")
	wantError(t, "password of nobody", err, store.ErrNotFound)
	wantError(t, "set password of nobody", s.SetPassword(ctx, "one", "bob", "$x"), store.ErrNotFound)
	wantError(t, "replace password of nobody", s.ReplacePassword(ctx, "one", "bob", "", "$x"), store.ErrNotFound)
}

func testRooms(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	realm(t, s, "two")
	project(t, s, "one", "attic")
	full := store.Room{
		Realm: "one", ID: "lobby", Project: "attic", Name: "The lobby",
		Media: store.MediaPeer, Listening: store.ListeningMix, Guests: store.AccessListen, Members: store.AccessTalk,
		MaxParticipants: 12, Linger: 1500 * time.Millisecond, Data: "text",
	}
	second := full
	second.Version = 2
	keyed[store.Room]{
		create: s.CreateRoom, update: s.UpdateRoom,
		read:   func(ctx context.Context) (store.Room, error) { return s.Room(ctx, "one", "lobby") },
		remove: func(ctx context.Context) error { return s.DeleteRoom(ctx, "one", "lobby") },
		made:   store.Room{Realm: "one", ID: "lobby"}, changed: full,
		first: store.Room{Realm: "one", ID: "lobby", Media: store.MediaServer, Listening: store.ListeningForward,
			Guests: store.AccessNone, Members: store.AccessNone, Version: 1},
		second:  second,
		version: func(r store.Room, v store.Version) store.Room { r.Version = v; return r },
	}.run(t)

	_, err := s.CreateRoom(ctx, store.Room{Realm: "three", ID: "lobby"})
	wantError(t, "a room of no realm", err, store.ErrNotFound)
	must(s.CreateRoom(ctx, store.Room{Realm: "two", ID: "lobby"}))(t)
	must(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "attic"}))(t)
	var got []string
	for _, r := range must(s.Rooms(ctx, store.Filter{Realm: "one"}))(t) {
		got = append(got, r.Realm+"/"+r.ID)
	}
	same(t, "rooms of one realm", got, []string{"one/attic", "one/lobby"})
	same(t, "rooms of that name", len(must(s.Rooms(ctx, store.Filter{ID: "lobby"}))(t)), 2)
}

func testDeleteRealm(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	realm(t, s, "two")
	for _, name := range []string{"one", "two"} {
		must(s.CreateUser(ctx, store.User{Realm: name, ID: "ada"}))(t)
		must(s.CreateRoom(ctx, store.Room{Realm: name, ID: "lobby"}))(t)
		must(s.AppendAudit(ctx, store.AuditEntry{At: time.Now(), Realm: name, Action: "test"}))(t)
	}
	check(t, s.DeleteRealm(ctx, "one"))
	same(t, "users left", len(must(s.Users(ctx, store.Filter{}))(t)), 1)
	same(t, "rooms left", len(must(s.Rooms(ctx, store.Filter{}))(t)), 1)
	same(t, "audit entries left", len(must(s.AuditEntries(ctx, store.AuditQuery{}))(t)), 2)
}

func project(t *testing.T, s store.Records, realm, id string) {
	t.Helper()
	must(s.CreateProject(deadline(t), store.Project{Realm: realm, ID: id}))(t)
}

func testProjects(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	realm(t, s, "two")
	keyed[store.Project]{
		create: s.CreateProject, update: s.UpdateProject,
		read:    func(ctx context.Context) (store.Project, error) { return s.Project(ctx, "one", "orbiter") },
		remove:  func(ctx context.Context) error { return s.DeleteProject(ctx, "one", "orbiter") },
		made:    store.Project{Realm: "one", ID: "orbiter"},
		changed: store.Project{Realm: "one", ID: "orbiter", Name: "Orbiter Ops", Data: "{}"},
		first:   store.Project{Realm: "one", ID: "orbiter", Version: 1},
		second:  store.Project{Realm: "one", ID: "orbiter", Name: "Orbiter Ops", Data: "{}", Version: 2},
		version: func(p store.Project, v store.Version) store.Project { p.Version = v; return p },
	}.run(t)
	_, err := s.CreateProject(ctx, store.Project{Realm: "three", ID: "orbiter"})
	wantError(t, "a project of no realm", err, store.ErrNotFound)
	project(t, s, "two", "orbiter")
	project(t, s, "two", "lander")
	same(t, "projects of a realm", must(s.Projects(ctx, store.Filter{Realm: "two"}))(t), []store.Project{
		{Realm: "two", ID: "lander", Version: 1}, {Realm: "two", ID: "orbiter", Version: 1},
	})
	same(t, "projects of that name", len(must(s.Projects(ctx, store.Filter{ID: "orbiter"}))(t)), 2)
}

func testRoles(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	realm(t, s, "two")
	project(t, s, "one", "orbiter")
	keyed[store.Role]{
		create: s.CreateRole, update: s.UpdateRole,
		read:    func(ctx context.Context) (store.Role, error) { return s.Role(ctx, "one", "flight") },
		remove:  func(ctx context.Context) error { return s.DeleteRole(ctx, "one", "flight") },
		made:    store.Role{Realm: "one", ID: "flight"},
		changed: store.Role{Realm: "one", ID: "flight", Project: "orbiter", Name: "Flight Director", Data: "{}"},
		first:   store.Role{Realm: "one", ID: "flight", Version: 1},
		second:  store.Role{Realm: "one", ID: "flight", Project: "orbiter", Name: "Flight Director", Data: "{}", Version: 2},
		version: func(r store.Role, v store.Version) store.Role { r.Version = v; return r },
	}.run(t)
	_, err := s.CreateRole(ctx, store.Role{Realm: "three", ID: "flight"})
	wantError(t, "a role of no realm", err, store.ErrNotFound)
	_, err = s.CreateRole(ctx, store.Role{Realm: "two", ID: "flight", Project: "orbiter"})
	wantError(t, "a role of another realm's project", err, store.ErrNotFound)
	// A role, a user and a room may share an id.
	must(s.CreateUser(ctx, store.User{Realm: "one", ID: "flight"}))(t)
	must(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "flight"}))(t)
	same(t, "roles", must(s.Roles(ctx, store.Filter{ID: "flight"}))(t), []store.Role{{Realm: "one", ID: "flight", Version: 1}})
}
