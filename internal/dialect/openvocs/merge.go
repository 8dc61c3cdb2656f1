package openvocs

import (
	"encoding/json"
	"maps"
	"slices"

	"switchboard/internal/core"
)

// This file merges what a client sends into what is stored (dossier 5.3), in
// memory. It may be done more than once to the same, so nothing else is changed.

// The containers of a domain or project, and what is in each.
func containers() map[string]string {
	return map[string]string{"users": "user", "roles": "role", "loops": "loop", "projects": "project"}
}

// kinds tells what every id in the containers of data is.
func (e entity) kinds() map[string]string {
	all := map[string]string{}
	for container, kind := range containers() {
		inside, _ := e.object(container)
		for id, raw := range inside {
			all[id] = kind
			if kind == "project" {
				maps.Copy(all, entityOf(string(raw)).kinds())
			}
		}
	}
	return all
}

// contents returns what is in a container: nil when the container is not given.
func (e entity) contents(container string) (map[string]entity, error) {
	raw := e[container]
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	members, ok := e.object(container)
	if !ok {
		return nil, objection{container, idNoObject}
	}
	all := make(map[string]entity, len(members))
	for id, raw := range members {
		inside, ok := members.object(id)
		switch {
		case !ok && string(raw) != "null":
			return nil, objection{id, idNoObject}
		case !ok:
			inside = entity{}
		}
		if own, given := inside["id"]; given && textOf(own) != id {
			return nil, objection{id, idMismatch}
		}
		all[id] = inside
	}
	return all, nil
}

// into merges what a client sent into a domain or project. Who or what is in a
// container that is sent, and not there any more, is deleted; the role of
// administrators stays when it is not sent.
func (e entity) into(s *core.Section) error {
	before := idsOf(s)
	for container := range containers() {
		if raw, given := e[container]; given && len(raw) == 0 { // delete_key
			e = maps.Clone(e)
			e[container] = json.RawMessage("{}")
		}
	}
	steps := []func(*core.Section) error{e.intoUsers, e.intoRoles, e.intoLoops}
	if s.ID.Project == "" {
		steps = append(steps, e.intoProjects, e.intoLayouts)
	}
	for _, step := range steps {
		if err := step(s); err != nil {
			return err
		}
	}
	e.intoName(&s.Name)
	s.Data = e.intoData(s.Data, "id", "name", "domain", "users", "roles", "loops", "projects", "layout")
	forget(s, before.without(idsOf(s)))
	return nil
}

// intoName changes a name if one is sent; null takes it away.
func (e entity) intoName(name *string) {
	if raw, given := e["name"]; given {
		*name = textOf(raw)
	}
}

// intoData replaces members of what is stored, and removes those without a value.
func (e entity) intoData(data string, but ...string) string {
	merged := entityOf(data)
	for key, raw := range e {
		switch {
		case slices.Contains(but, key):
		case len(raw) == 0:
			delete(merged, key)
		default:
			merged[key] = raw
		}
	}
	return merged.data()
}

// merge brings a list up to a container: existing ones are merged, new ones made,
// others left out.
func merge[T any](list []T, given map[string]entity, idOf func(T) string, create func(string) T, change func(entity, *T) error) ([]T, error) {
	if given == nil {
		return list, nil
	}
	merged := make([]T, 0, len(given))
	known := map[string]bool{}
	for _, one := range list {
		id := idOf(one)
		e, stays := given[id]
		if !stays {
			continue
		}
		known[id] = true
		if err := change(e, &one); err != nil {
			return nil, err
		}
		merged = append(merged, one)
	}
	for _, id := range slices.Sorted(maps.Keys(given)) {
		if known[id] {
			continue
		}
		one := create(id)
		if err := change(given[id], &one); err != nil {
			return nil, err
		}
		merged = append(merged, one)
	}
	return merged, nil
}

func (e entity) intoUsers(s *core.Section) error {
	given, err := e.contents("users")
	if err != nil {
		return err
	}
	s.Users, err = merge(s.Users, given, func(u core.User) string { return u.ID },
		func(id string) core.User { return core.User{ID: id, Elsewhere: string(given[id]["ldap"]) == "true"} },
		func(e entity, u *core.User) error { return e.intoUser(u) })
	return err
}

func (e entity) intoUser(u *core.User) error {
	if raw := e["password"]; len(raw) > 0 {
		return objection{u.ID, idPassword}
	}
	e.intoName(&u.Name)
	u.Data = e.intoData(u.Data, "id", "name", "ldap", "password", "domain")
	return nil
}

func (e entity) intoRoles(s *core.Section) error {
	given, err := e.contents("roles")
	if err != nil || given == nil {
		return err
	}
	if admins, sent := given[adminRole]; sent {
		r := adminOf(s)
		if err := admins.intoRole(&r); err != nil {
			return err
		}
		setAdmin(s, r)
		delete(given, adminRole)
	}
	s.Roles, err = merge(s.Roles, given, func(r core.Role) string { return r.ID },
		func(id string) core.Role { return core.Role{ID: id} },
		func(e entity, r *core.Role) error { return e.intoRole(r) })
	return err
}

func (e entity) intoRole(r *core.Role) error {
	if raw, given := e["users"]; given {
		users, ok := e.object("users")
		if !ok && len(raw) > 0 && string(raw) != "null" {
			return objection{r.ID, idNoObject}
		}
		r.Members = users.sortedKeys()
	}
	e.intoName(&r.Name)
	r.Data = e.intoData(r.Data, "id", "name", "users", "project")
	return nil
}

func (e entity) intoLoops(s *core.Section) error {
	given, err := e.contents("loops")
	if err != nil {
		return err
	}
	s.Rooms, err = merge(s.Rooms, given, func(r core.StoredRoom) string { return r.ID }, newLoop,
		func(e entity, r *core.StoredRoom) error { return e.intoLoop(r) })
	return err
}

func (e entity) intoLoop(r *core.StoredRoom) error {
	if raw, given := e["roles"]; given {
		roles, ok := e.object("roles")
		if !ok && len(raw) > 0 && string(raw) != "null" {
			return objection{r.ID, idNoObject}
		}
		r.Roles = make(map[string]core.Permission, len(roles))
		for role, may := range roles {
			switch {
			case role == adminRole: // nobody acts in it; see keepAdmin
			case string(may) == "true":
				r.Roles[role] = core.PermitTalk
			case string(may) == "false":
				r.Roles[role] = core.PermitListen
			}
		}
		keepAdmin(r, roles[adminRole])
	}
	e.intoName(&r.Name)
	r.Data = e.intoData(r.Data, "id", "name", "roles")
	return nil
}

// keepAdmin keeps what a loop says of the pseudo role, only to give it back.
func keepAdmin(r *core.StoredRoom, may json.RawMessage) {
	data := entityOf(r.Data)
	left, there := data.object("roles")
	switch {
	case may == nil && !there:
		return
	case may == nil:
		delete(left, adminRole)
	case !there:
		left = entity{adminRole: may}
	default:
		left[adminRole] = may
	}
	data.set("roles", left)
	if len(left) == 0 {
		delete(data, "roles")
	}
	r.Data = data.data()
}

func (e entity) intoProjects(s *core.Section) error {
	given, err := e.contents("projects")
	if err != nil {
		return err
	}
	realm := s.ID.Realm
	s.Projects, err = merge(s.Projects, given, func(p core.Section) string { return p.ID.Project },
		func(id string) core.Section { return core.Section{ID: core.SectionID{Realm: realm, Project: id}} },
		func(e entity, p *core.Section) error { return e.into(p) })
	return err
}

// intoLayouts sets keyset layouts; those that are not sent stay.
func (e entity) intoLayouts(s *core.Section) error {
	if raw, given := e["layout"]; given && len(raw) == 0 {
		s.Layouts = nil
		return nil
	}
	given, err := e.contents("layout")
	if err != nil || given == nil {
		return err
	}
	if s.Layouts == nil {
		s.Layouts = map[string]string{}
	}
	for name, layout := range given {
		s.Layouts[name] = string(encode(layout))
	}
	return nil
}

// ids are users and roles by their ids.
type ids struct{ users, roles map[string]bool }

// idsOf lists who and what is in a domain or project and in the projects below.
func idsOf(s *core.Section) ids {
	all := ids{map[string]bool{}, map[string]bool{}}
	for _, u := range s.Users {
		all.users[u.ID] = true
	}
	for _, r := range s.Roles {
		all.roles[r.ID] = true
	}
	for _, p := range s.Projects {
		inside := idsOf(&p)
		maps.Copy(all.users, inside.users)
		maps.Copy(all.roles, inside.roles)
	}
	return all
}

func (i ids) without(rest ids) ids {
	maps.DeleteFunc(i.users, func(id string, _ bool) bool { return rest.users[id] })
	maps.DeleteFunc(i.roles, func(id string, _ bool) bool { return rest.roles[id] })
	return i
}

// forget takes users and roles that are gone out of everything that names them,
// also where a client still does.
func forget(s *core.Section, gone ids) {
	left := func(id string) bool { return gone.users[id] }
	s.Administrators = slices.DeleteFunc(s.Administrators, left)
	for i := range s.Roles {
		s.Roles[i].Members = slices.DeleteFunc(s.Roles[i].Members, left)
	}
	for i := range s.Rooms {
		maps.DeleteFunc(s.Rooms[i].Roles, func(role string, _ core.Permission) bool { return gone.roles[role] })
	}
	for i := range s.Projects {
		forget(&s.Projects[i], gone)
	}
}
