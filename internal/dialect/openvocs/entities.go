package openvocs

import (
	"encoding/json"
	"maps"
	"slices"

	"switchboard/internal/core"
)

// entity is a domain, project, user, role or loop as clients know it (dossier
// 5.1): a JSON object. What the core has no field for is kept as it came.
type entity map[string]json.RawMessage

// entityOf reads what is stored of an entity; what is no object is an empty one.
func entityOf(data string) entity {
	e := entity{}
	if data != "" {
		_ = json.Unmarshal([]byte(data), &e)
	}
	if e == nil { // null
		e = entity{}
	}
	return e
}

func (e entity) set(key string, value any) { e[key] = encode(value) }

// object returns a member that is an object.
func (e entity) object(key string) (entity, bool) {
	raw := e[key]
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	return entityOf(string(raw)), true
}

// data is the text that the core stores of an entity: everything without the keys
// that it has fields for.
func (e entity) data(but ...string) string {
	rest := maps.Clone(e)
	for _, key := range but {
		delete(rest, key)
	}
	if len(rest) == 0 {
		return ""
	}
	return string(encode(rest))
}

// named makes an entity of what is stored, with its id and its name, which is
// null when there is none.
func named(id, name, data string) entity {
	e := entityOf(data)
	e.set("id", id)
	if name == "" {
		e["name"] = json.RawMessage("null")
	} else {
		e.set("name", name)
	}
	return e
}

func userEntity(u core.User) entity {
	e := named(u.ID, u.Name, u.Data)
	delete(e, "password") // there is none in what is stored; never
	if u.Elsewhere {
		e.set("ldap", true)
	}
	return e
}

func roleEntity(r core.Role) entity {
	e := named(r.ID, r.Name, r.Data)
	e.set("users", keys(r.Members))
	return e
}

// keys is a set as clients write it: an object whose values are null.
func keys(ids []string) map[string]any {
	set := make(map[string]any, len(ids))
	for _, id := range ids {
		set[id] = nil
	}
	return set
}

func loopEntity(r core.StoredRoom) entity {
	e := named(r.ID, r.Name, r.Data)
	roles := make(map[string]any, len(r.Roles))
	for role, granted := range r.Roles {
		roles[role] = granted >= core.PermitTalk
	}
	if left, _ := e.object("roles"); left[adminRole] != nil {
		roles[adminRole] = left[adminRole]
	}
	e.set("roles", roles)
	if sip, ok := e.object("sip"); ok { // or the administrators' page breaks
		if _, ok := sip.object("roles"); !ok {
			sip.set("roles", nothing{})
		}
		if raw := sip["whitelist"]; len(raw) == 0 || raw[0] != '[' {
			sip.set("whitelist", []any{})
		}
		e.set("sip", sip)
	}
	return e
}

// adminRole is the pseudo role whose users administer a domain or project. The
// core knows it by its users; what else a client gives it is kept among what the
// core does not read.
const adminRole = "admin"

// adminOf returns the pseudo role of a domain or project.
func adminOf(s *core.Section) core.Role {
	data := entityOf(s.Data)
	roles, _ := data.object("roles")
	left, _ := roles.object(adminRole)
	r := core.Role{ID: adminRole, Name: textOf(left["name"]), Members: s.Administrators}
	r.Data = left.data("name", "users")
	return r
}

// setAdmin changes it.
func setAdmin(s *core.Section, r core.Role) {
	s.Administrators = r.Members
	data := entityOf(s.Data)
	roles, there := data.object("roles")
	left := entityOf(r.Data)
	if r.Name != "" {
		left.set("name", r.Name)
	}
	if len(left) == 0 && !there {
		return
	}
	if roles == nil {
		roles = entity{}
	}
	roles.set(adminRole, left)
	data.set("roles", roles)
	s.Data = data.data()
}

// sectionEntity is a domain or project with all that is in it, every container
// filled in (dossier 5.1).
func sectionEntity(s core.Section) entity {
	id := s.ID.Project
	if id == "" {
		id = s.ID.Realm
	}
	e := named(id, s.Name, s.Data)
	users, roles, loops := map[string]entity{}, map[string]entity{}, map[string]entity{}
	for _, u := range s.Users {
		users[u.ID] = userEntity(u)
	}
	for _, r := range s.Roles {
		roles[r.ID] = roleEntity(r)
	}
	roles[adminRole] = roleEntity(adminOf(&s))
	for _, r := range s.Rooms {
		loops[r.ID] = loopEntity(r)
	}
	e.set("users", users)
	e.set("roles", roles)
	e.set("loops", loops)
	if s.ID.Project != "" {
		e.set("domain", s.ID.Realm)
		return e
	}
	layouts, projects := map[string]entity{}, map[string]entity{}
	for name, body := range s.Layouts {
		layouts[name] = entityOf(body)
	}
	for _, p := range s.Projects {
		projects[p.ID.Project] = sectionEntity(p)
	}
	e.set("layout", layouts)
	e.set("projects", projects)
	return e
}

// sortedKeys are an entity's keys in an order that does not change.
func (e entity) sortedKeys() []string { return slices.Sorted(maps.Keys(e)) }
