package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchboard/internal/store"
)

// Export reads realms out of the store, in a view: those named, or all. Users
// whose password has been hashed anew since it was imported, or was never
// imported, are told in the report: openvocs could not read it.
func Export(ctx context.Context, tx store.Records, realms ...string) (*Database, Report, error) {
	e := exporter{tx: tx, db: &Database{domains: map[string]*domain{}, states: object{}}, left: map[string]map[string]object{}}
	all, err := tx.Realms(ctx)
	if err != nil {
		return nil, Report{}, err
	}
	for _, r := range all {
		if len(realms) > 0 && !slices.Contains(realms, r.ID) {
			continue
		}
		if err := e.realm(ctx, r); err != nil {
			return nil, Report{}, fmt.Errorf("realm %s: %w", r.ID, err)
		}
		e.Realms = append(e.Realms, r.ID)
	}
	if err := e.states(ctx); err != nil {
		return nil, Report{}, err
	}
	for _, id := range realms {
		if !slices.Contains(e.Realms, id) {
			return nil, Report{}, fmt.Errorf("realm %s: %w", id, store.ErrNotFound)
		}
	}
	return e.db, e.Report, nil
}

type exporter struct {
	Report
	tx    store.Records
	db    *Database
	parts map[string]*exported         // of the realm now read, by project
	left  map[string]map[string]object // loops by user and role
}

// exported is a domain or project in the making.
type exported struct {
	object
	users, roles, loops object
	admin               object // what its role of administrators has
}

func newExported(id, name, data string) *exported {
	p := &exported{object: entity(id, name, data), users: object{}, roles: object{}, loops: object{}}
	if roles, err := p.member("roles"); err == nil {
		if _, there := roles[adminRole]; there {
			p.admin, _ = roles.member(adminRole) // it was written by frame
		}
	}
	return p
}

// entity is what is stored of something, with its id and name.
func entity(id, name, data string) object {
	o := keptData(data)
	o.set("id", id)
	switch {
	case name != "":
		o.set("name", name)
	case o["name"] == nil:
		o["name"] = json.RawMessage("null")
	}
	return o
}

func (e *exporter) realm(ctx context.Context, r store.Realm) error {
	e.parts = map[string]*exported{"": newExported(r.ID, r.Name, r.Data)}
	projects, err := e.tx.Projects(ctx, store.Filter{Realm: r.ID})
	if err != nil {
		return err
	}
	for _, p := range projects {
		e.parts[p.ID] = newExported(p.ID, p.Name, p.Data)
		e.Projects++
	}
	for _, read := range []func(context.Context, string) error{e.people, e.positions, e.administrators, e.rooms, e.layouts, e.preferences, e.ownData} {
		if err := read(ctx, r.ID); err != nil {
			return err
		}
	}
	d := &domain{projects: map[string]object{}}
	for id, p := range e.parts {
		if p.admin != nil {
			for key, value := range map[string]any{"id": adminRole, "name": nil, "users": object{}} {
				if p.admin[key] == nil {
					p.admin.set(key, value)
				}
			}
			p.roles.set(adminRole, p.admin)
		}
		p.set("users", p.users)
		p.set("roles", p.roles)
		p.set("loops", p.loops)
		if id != "" {
			d.projects[id] = p.object
		}
	}
	d.object = e.parts[""].object
	d.set("projects", object{}) // by which openvocs knows that it is a domain
	e.db.domains[r.ID] = d
	return nil
}

func (e *exporter) people(ctx context.Context, realm string) error {
	users, err := e.tx.Users(ctx, store.Filter{Realm: realm})
	if err != nil {
		return err
	}
	for _, u := range users {
		o := entity(u.ID, u.Name, u.Data)
		delete(o, "password") // nobody but us writes one
		if u.Origin == store.OriginLDAP && o["ldap"] == nil {
			o.set("ldap", true)
		}
		kept, err := e.tx.Password(ctx, realm, u.ID)
		if err != nil {
			return err
		}
		if p, ok := decoded(kept); ok {
			o.set("password", p)
		} else if u.Origin == store.OriginLocal {
			e.NoPassword = append(e.NoPassword, u.ID)
		}
		e.parts[u.Project].users.set(u.ID, o)
		e.Users++
	}
	return nil
}

func (e *exporter) positions(ctx context.Context, realm string) error {
	roles, err := e.tx.Roles(ctx, store.Filter{Realm: realm})
	if err != nil {
		return err
	}
	members, err := e.tx.Members(ctx, store.Member{Realm: realm})
	if err != nil {
		return err
	}
	in := map[string][]string{}
	for _, m := range members {
		in[m.Role] = append(in[m.Role], m.User)
	}
	for _, r := range roles {
		o := entity(r.ID, r.Name, r.Data)
		addKeys(o, "users", in[r.ID])
		e.parts[r.Project].roles.set(r.ID, o)
		e.Roles++
	}
	return nil
}

// addKeys adds to a member that is an object keys whose value is null.
func addKeys(o object, key string, more []string) {
	set, err := o.member(key)
	if err != nil {
		set = object{}
	}
	for _, id := range more {
		set[id] = json.RawMessage("null")
	}
	o.set(key, set)
}

func (e *exporter) administrators(ctx context.Context, realm string) error {
	list, err := e.tx.Administrators(ctx, realm, "")
	if err != nil {
		return err
	}
	for _, a := range list {
		p := e.parts[a.Project]
		if p.admin == nil {
			p.admin = object{}
		}
		addKeys(p.admin, "users", []string{a.User})
	}
	return nil
}

func (e *exporter) rooms(ctx context.Context, realm string) error {
	rooms, err := e.tx.Rooms(ctx, store.Filter{Realm: realm})
	if err != nil {
		return err
	}
	granted, err := e.tx.Permissions(ctx, store.Permission{Realm: realm})
	if err != nil {
		return err
	}
	in := map[string]map[string]bool{}
	for _, g := range granted {
		if in[g.Room] == nil {
			in[g.Room] = map[string]bool{}
		}
		in[g.Room][g.Role] = g.Access == store.AccessTalk
	}
	for _, r := range rooms {
		o := entity(r.ID, r.Name, r.Data)
		roles, err := o.member("roles")
		if err != nil {
			roles = object{}
		}
		for role, talk := range in[r.ID] {
			roles.set(role, talk)
		}
		o.set("roles", roles)
		e.parts[r.Project].loops.set(r.ID, o)
		e.Rooms++
	}
	return nil
}

func (e *exporter) layouts(ctx context.Context, realm string) error {
	documents, err := e.tx.Documents(ctx, store.Owner{Realm: realm}, layoutDocuments)
	if err != nil || len(documents) == 0 {
		return err
	}
	layouts := object{}
	for _, d := range documents {
		if !json.Valid([]byte(d.Body)) {
			return fmt.Errorf("layout %s is no JSON", d.Name)
		}
		layouts[strings.TrimPrefix(d.Name, layoutDocuments)] = json.RawMessage(d.Body)
	}
	e.parts[""].set("layout", layouts)
	return nil
}

// preferences reads how the realm's users left loops.
func (e *exporter) preferences(ctx context.Context, realm string) error {
	preferences, err := e.tx.Preferences(ctx, store.Preference{Realm: realm})
	if err != nil {
		return err
	}
	for _, p := range preferences {
		l := left{State: "none", Volume: p.Volume}
		switch p.Mode {
		case store.AccessTalk:
			l.State = "send"
		case store.AccessListen:
			l.State = "recv"
		}
		e.leftBy(p.User, p.Role).set(p.Room, l)
	}
	return nil
}

func (e *exporter) leftBy(user, role string) object {
	if e.left[user] == nil {
		e.left[user] = map[string]object{}
	}
	if e.left[user][role] == nil {
		e.left[user][role] = object{}
	}
	return e.left[user][role]
}

// ownData reads what the realm's users keep for themselves.
func (e *exporter) ownData(ctx context.Context, realm string) error {
	users, err := e.tx.Users(ctx, store.Filter{Realm: realm})
	if err != nil {
		return err
	}
	for _, u := range users {
		d, err := e.tx.Document(ctx, store.Owner{Realm: realm, Kind: store.OwnerUser, ID: u.ID}, UserDocument)
		if errors.Is(err, store.ErrNotFound) || err == nil && !json.Valid([]byte(d.Body)) {
			continue
		}
		if err != nil {
			return err
		}
		e.db.states.set(u.ID, object{ownData: json.RawMessage(d.Body)})
	}
	return nil
}

// states puts the states together: what the store knows, and what was imported
// and nothing stood for.
func (e *exporter) states(ctx context.Context) error {
	for _, realm := range e.Realms {
		d, err := e.tx.Document(ctx, store.Owner{Realm: realm}, leftDocument)
		if err == nil {
			err = e.addLeft(keptData(d.Body))
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	for user, roles := range e.left {
		state, err := e.db.states.member(user)
		if err != nil {
			return err
		}
		for role, loops := range roles {
			state.set(role, loops)
		}
		e.db.states.set(user, state)
	}
	return nil
}

// addLeft adds states of what did not exist. What has been stored since wins.
func (e *exporter) addLeft(kept object) error {
	for user := range kept {
		roles, err := kept.member(user)
		if err != nil {
			return err
		}
		for role := range roles {
			loops, err := roles.member(role)
			if err != nil || role == ownData { // nothing to be added to
				if err := e.keep(user, role, roles[role]); err != nil {
					return err
				}
				continue
			}
			into := e.leftBy(user, role)
			for loop, raw := range loops {
				if into[loop] == nil {
					into[loop] = raw
				}
			}
		}
	}
	return nil
}

// keep puts something into a user's state as it is, unless it is there.
func (e *exporter) keep(user, key string, raw json.RawMessage) error {
	state, err := e.db.states.member(user)
	if err != nil {
		return err
	}
	if state[key] == nil {
		state[key] = raw
	}
	e.db.states.set(user, state)
	return nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
