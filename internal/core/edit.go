package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"switchboard/internal/store"
)

// estate is all that a section has, its projects included, without their order:
// what is compared to find out what an edit changes.
type estate struct {
	realms         map[string]store.Realm
	projects       map[string]store.Project
	users          map[string]store.User
	roles          map[string]store.Role
	rooms          map[string]store.Room
	layouts        map[string]string
	members        map[store.Member]bool
	permissions    map[store.Permission]bool
	administrators map[store.Administrator]bool
}

// estate takes the section apart. It fails when an id is there twice, or
// something is where it cannot be.
func (s *Section) estate() (*estate, error) {
	e := &estate{map[string]store.Realm{}, map[string]store.Project{}, map[string]store.User{}, map[string]store.Role{},
		map[string]store.Room{}, maps.Clone(s.Layouts), map[store.Member]bool{}, map[store.Permission]bool{}, map[store.Administrator]bool{}}
	if s.ID.Project != "" && (len(s.Projects) > 0 || len(s.Layouts) > 0) {
		return nil, failure(Invalid, AboutRequest, "a project has no projects or layouts of its own")
	}
	if err := e.add(s, s.ID); err != nil {
		return nil, err
	}
	for _, p := range s.Projects {
		if len(p.Projects) > 0 || len(p.Layouts) > 0 || p.ID.Project == "" {
			return nil, failure(Invalid, AboutRequest, "a project has an id, and no projects or layouts of its own")
		}
		if err := e.add(&p, SectionID{s.ID.Realm, p.ID.Project}); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// add adds what belongs to one section itself. Where its parts say that they
// are does not count: they belong to the section in which they are.
func (e *estate) add(s *Section, id SectionID) error {
	var err error
	if id.Project == "" {
		e.realms[id.Realm] = store.Realm{ID: id.Realm, Name: s.Name, Data: s.Data}
	} else {
		err = put(e.projects, id.Project, store.Project{Realm: id.Realm, ID: id.Project, Name: s.Name, Data: s.Data})
	}
	for _, u := range s.Users {
		origin := store.OriginLocal
		if u.Elsewhere {
			origin = store.OriginLDAP
		}
		err = cmp.Or(err, put(e.users, u.ID, store.User{Realm: id.Realm, Project: id.Project, ID: u.ID, Name: u.Name, Data: u.Data,
			Origin: origin, Disabled: u.Disabled}))
	}
	for _, r := range s.Roles {
		err = cmp.Or(err, put(e.roles, r.ID, store.Role{Realm: id.Realm, Project: id.Project, ID: r.ID, Name: r.Name, Data: r.Data}))
		for _, user := range r.Members {
			e.members[store.Member{Realm: id.Realm, Role: r.ID, User: user}] = true
		}
	}
	for _, r := range s.Rooms {
		r.Section = id
		err = cmp.Or(err, put(e.rooms, r.ID, r.record()))
		for role, granted := range r.Roles {
			if granted != PermitNone {
				e.permissions[store.Permission{Realm: id.Realm, Role: role, Room: r.ID, Access: access(granted)}] = true
			}
		}
	}
	for _, user := range s.Administrators {
		e.administrators[store.Administrator{Realm: id.Realm, Project: id.Project, User: user}] = true
	}
	return err
}

func put[T any](into map[string]T, id string, record T) error {
	if _, twice := into[id]; twice {
		return idTaken(id)
	}
	into[id] = record
	return nil
}

func idTaken(id string) error {
	return &Error{Kind: Conflict, Subject: AboutName, Text: fmt.Sprintf("the id '%s' is in use already", id), ID: id}
}

// edit is one change of a section, within a transaction.
type edit struct {
	tx            store.Records
	by            Actor
	may           rights // of by
	realm         string
	before, after *estate
	entries       []store.AuditEntry
}

// write stores what differs, and notes it in the audit log.
func (e *edit) write(ctx context.Context) error {
	// Parts may move from one section to another, so new sections come first and
	// old ones go last.
	for _, step := range []func(context.Context) error{e.realms, e.projects, e.users, e.roles, e.rooms, e.leavings,
		e.members, e.permissions, e.administrators, e.layouts} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, entry := range e.entries {
		if _, err := e.tx.AppendAudit(ctx, entry); err != nil {
			return err
		}
	}
	return nil
}

func (e *edit) realms(ctx context.Context) error {
	return differences("realm", e, e.before.realms, e.after.realms, nil, func(r store.Realm) error {
		_, err := e.tx.UpdateRealm(ctx, r)
		return err
	})
}

func (e *edit) projects(ctx context.Context) error {
	return differences("project", e, e.before.projects, e.after.projects, func(p store.Project) error {
		_, err := e.tx.CreateProject(ctx, p)
		return err
	}, func(p store.Project) error {
		_, err := e.tx.UpdateProject(ctx, p)
		return err
	})
}

func (e *edit) users(ctx context.Context) error {
	return differences("user", e, e.before.users, e.after.users, func(u store.User) error {
		if u.ID != "" { // who logs in names no realm, so nobody may have that id anywhere
			if namesakes, err := e.tx.Users(ctx, store.Filter{ID: u.ID}); err != nil || len(namesakes) > 0 {
				return cmp.Or(err, store.ErrConflict)
			}
		}
		_, err := e.tx.CreateUser(ctx, u)
		return err
	}, func(u store.User) error {
		_, err := e.tx.UpdateUser(ctx, u)
		return err
	})
}

func (e *edit) roles(ctx context.Context) error {
	return differences("role", e, e.before.roles, e.after.roles, func(r store.Role) error {
		_, err := e.tx.CreateRole(ctx, r)
		return err
	}, func(r store.Role) error {
		_, err := e.tx.UpdateRole(ctx, r)
		return err
	})
}

func (e *edit) rooms(ctx context.Context) error {
	return differences("room", e, e.before.rooms, e.after.rooms, func(r store.Room) error {
		_, err := e.tx.CreateRoom(ctx, r)
		return err
	}, func(r store.Room) error {
		_, err := e.tx.UpdateRoom(ctx, r)
		return err
	})
}

// differences creates what is only in after and updates what is in both and
// differs.
func differences[T comparable](kind string, e *edit, before, after map[string]T, create, update func(T) error) error {
	for _, id := range slices.Sorted(maps.Keys(after)) {
		old, known := before[id]
		var err error
		switch {
		case !known:
			err = create(after[id])
			e.note(kind+".create", id, "")
		case old != after[id]:
			err = update(after[id])
			e.note(kind+".update", id, "")
		}
		if err != nil {
			return atFault(id, err)
		}
	}
	return nil
}

// leavings deletes what is only in before: users, roles and rooms before the
// projects that they are in.
func (e *edit) leavings(ctx context.Context) error {
	if err := leave("user", e, e.before.users, e.after.users, func(id string) error { return e.deleteUser(ctx, id) }); err != nil {
		return err
	}
	if err := leave("role", e, e.before.roles, e.after.roles, func(id string) error { return e.tx.DeleteRole(ctx, e.realm, id) }); err != nil {
		return err
	}
	if err := leave("room", e, e.before.rooms, e.after.rooms, func(id string) error { return e.tx.DeleteRoom(ctx, e.realm, id) }); err != nil {
		return err
	}
	return leave("project", e, e.before.projects, e.after.projects, func(id string) error { return e.tx.DeleteProject(ctx, e.realm, id) })
}

func leave[T any](kind string, e *edit, before, after map[string]T, remove func(id string) error) error {
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[id]; stays {
			continue
		}
		if err := remove(id); err != nil {
			return atFault(id, err)
		}
		e.note(kind+".delete", id, "")
	}
	return nil
}

// deleteUser deletes a user, unless they may change more than who edits.
func (e *edit) deleteUser(ctx context.Context, id string) error {
	if !e.may.whole {
		theirs, err := rightsOf(ctx, e.tx, e.realm, id)
		if err == nil && !e.may.include(theirs) {
			err = errNoAdministrator
		}
		if err != nil {
			return err
		}
	}
	return e.tx.DeleteUser(ctx, e.realm, id)
}

// members stores who may act in which role. Here and below, what was deleted has
// taken its relations with it.
func (e *edit) members(ctx context.Context) error {
	return relate(e.before.members, e.after.members, func(m store.Member) error {
		if err := e.mustBeUser(ctx, m.User); err != nil {
			return err
		}
		e.note("role.members", m.Role, "+"+m.User)
		return e.tx.AddMember(ctx, m)
	}, func(m store.Member) error {
		if !stays(e.before.roles, e.after.roles, m.Role) || !stays(e.before.users, e.after.users, m.User) {
			return nil
		}
		e.note("role.members", m.Role, "-"+m.User)
		return e.tx.RemoveMember(ctx, m)
	})
}

// permissions stores what roles may do in rooms.
func (e *edit) permissions(ctx context.Context) error {
	return relate(e.before.permissions, e.after.permissions, func(p store.Permission) error {
		if err := e.mustBeRole(ctx, p.Role); err != nil {
			return err
		}
		e.note("room.permissions", p.Room, p.Role+"="+string(p.Access))
		return e.tx.SetPermission(ctx, p)
	}, func(p store.Permission) error {
		if !stays(e.before.roles, e.after.roles, p.Role) || !stays(e.before.rooms, e.after.rooms, p.Room) {
			return nil
		}
		for _, p.Access = range []store.Access{store.AccessListen, store.AccessTalk} {
			if e.after.permissions[p] {
				return nil // it is only another
			}
		}
		p.Access = store.AccessNone
		e.note("room.permissions", p.Room, p.Role+"="+string(p.Access))
		return e.tx.SetPermission(ctx, p)
	})
}

// administrators stores who may change what.
func (e *edit) administrators(ctx context.Context) error {
	return relate(e.before.administrators, e.after.administrators, func(a store.Administrator) error {
		if err := e.mustBeUser(ctx, a.User); err != nil {
			return err
		}
		e.note("administrators", cmp.Or(a.Project, a.Realm), "+"+a.User)
		return e.tx.AddAdministrator(ctx, a)
	}, func(a store.Administrator) error {
		if a.Project != "" && !stays(e.before.projects, e.after.projects, a.Project) || !stays(e.before.users, e.after.users, a.User) {
			return nil
		}
		e.note("administrators", cmp.Or(a.Project, a.Realm), "-"+a.User)
		return e.tx.RemoveAdministrator(ctx, a)
	})
}

// relate removes what is only in before and then adds what is only in after, so
// that a changed one is not removed at the end.
func relate[T comparable](before, after map[T]bool, add, remove func(T) error) error {
	for _, one := range sorted(before) {
		if !after[one] {
			if err := remove(one); err != nil {
				return err
			}
		}
	}
	for _, one := range sorted(after) {
		if !before[one] {
			if err := add(one); err != nil {
				return err
			}
		}
	}
	return nil
}

func sorted[T comparable](set map[T]bool) []T {
	return slices.SortedFunc(maps.Keys(set), func(a, b T) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// stays tells that the edit does not delete something, whether it is of this
// section or of another.
func stays[T any](before, after map[string]T, id string) bool {
	_, was := before[id]
	_, is := after[id]
	return is || !was
}

func (e *edit) mustBeUser(ctx context.Context, id string) error {
	if _, here := e.after.users[id]; here {
		return nil
	}
	_, err := e.tx.User(ctx, e.realm, id)
	return atFault(id, err)
}

func (e *edit) mustBeRole(ctx context.Context, id string) error {
	if _, here := e.after.roles[id]; here {
		return nil
	}
	_, err := e.tx.Role(ctx, e.realm, id)
	return atFault(id, err)
}

func (e *edit) layouts(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(e.after.layouts)) {
		if before, known := e.before.layouts[name]; known && before == e.after.layouts[name] {
			continue
		}
		if _, err := e.tx.PutDocument(ctx, layout(e.realm, name, e.after.layouts[name])); err != nil {
			return atFault(name, err)
		}
		e.note("layout.update", name, "")
	}
	return leave("layout", e, e.before.layouts, e.after.layouts, func(name string) error {
		d := layout(e.realm, name, "")
		return e.tx.DeleteDocument(ctx, d.Owner, d.Name)
	})
}

func layout(realm, name, body string) store.Document {
	return store.Document{Owner: store.Owner{Realm: realm}, Name: layoutDocuments + name, Body: body}
}

// note adds to the audit log. What is noted of one thing one after the other is
// one entry.
func (e *edit) note(action, target, detail string) {
	if n := len(e.entries); n > 0 && detail != "" {
		last := &e.entries[n-1]
		if last.Action == action && last.Target == target && len(last.Detail)+len(detail) < store.MaxDetail {
			last.Detail += " " + detail
			return
		}
	}
	e.entries = append(e.entries, entry(e.by, e.realm, action, target, detail))
}

func entry(by Actor, realm, action, target, detail string) store.AuditEntry {
	e := store.AuditEntry{At: time.Now(), Realm: realm, Actor: by.User, Action: action, Target: target, Detail: detail}
	if by.Remote.IsValid() {
		e.Remote = by.Remote.Unmap().String()
	}
	return e
}

// live tells whether the edit changes who somebody is or what a room is like.
func (e *edit) live() bool {
	return !maps.Equal(e.before.rooms, e.after.rooms) || !maps.Equal(e.before.permissions, e.after.permissions) ||
		!maps.Equal(e.before.members, e.after.members) || !maps.Equal(e.before.users, e.after.users) || !maps.Equal(e.before.roles, e.after.roles)
}

// atFault says by a store's error which id it is about.
func atFault(id string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrConflict):
		return idTaken(id)
	case errors.Is(err, store.ErrNotFound):
		return &Error{Kind: NotFound, Subject: AboutName, Text: fmt.Sprintf("there is no '%s'", id), ID: id}
	case errors.Is(err, store.ErrInvalid):
		return &Error{Kind: Invalid, Subject: AboutValue, Text: fmt.Sprintf("'%s' cannot be stored: %v", id, err), ID: id}
	}
	return err
}
