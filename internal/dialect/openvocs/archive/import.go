package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"switchboard/internal/store"
)

// UserDocument is the name under which a user's own data is kept.
const UserDocument = "openvocs"

const (
	// leftDocument is the name under which a realm keeps states that nothing in
	// the store stands for.
	leftDocument = "openvocs/states"
	// layoutDocuments is how the names of a realm's layouts begin.
	layoutDocuments = "layout/"
	// adminRole is the role whose users are administrators.
	adminRole = "admin"
)

// Report says what was imported or exported.
type Report struct {
	Realms                        []string
	Projects, Users, Roles, Rooms int
	// NoPassword lists users whose password could not be brought along, and why.
	NoPassword []string
	// Unresolved lists what is named and does not exist: it has no effect, and is
	// kept only to be given back.
	Unresolved []string
}

// Counts says how much of what there was.
func (r Report) Counts() string {
	return fmt.Sprintf("%s with %d projects, %d users, %d roles and %d loops", strings.Join(r.Realms, ", "), r.Projects, r.Users, r.Roles, r.Rooms)
}

// Import stores all of the database in a transaction, which the caller gives up
// when it fails: every domain becomes a realm, which must not exist yet, and no
// user may have an id that a user of any realm has.
func (db *Database) Import(ctx context.Context, tx store.Records) (Report, error) {
	i := importer{tx: tx}
	realmOf := map[string]string{} // of users
	for _, id := range sortedKeys(db.domains) {
		d := db.domains[id]
		if err := i.domain(ctx, id, d); err != nil {
			return Report{}, fmt.Errorf("domain %s: %w", id, err)
		}
		for user := range i.users {
			realmOf[user] = id
		}
		if err := i.log(ctx, id); err != nil {
			return Report{}, err
		}
	}
	return i.Report, i.states(ctx, db.states, realmOf)
}

// importer stores one domain after the other.
type importer struct {
	Report
	tx           store.Records
	realm        string
	users, roles map[string]bool // of the realm
}

func (i *importer) log(ctx context.Context, realm string) error {
	_, err := i.tx.AppendAudit(ctx, store.AuditEntry{At: time.Now(), Realm: realm, Action: "realm.import", Target: realm})
	return err
}

// part is a domain or one of its projects.
type part struct {
	object
	project             string // "" is the domain itself
	users, roles, loops object
}

func partOf(project string, o object) (p part, err error) {
	p.object, p.project = o, project
	for key, into := range map[string]*object{"users": &p.users, "roles": &p.roles, "loops": &p.loops} {
		if *into, err = o.member(key); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (i *importer) domain(ctx context.Context, id string, d *domain) error {
	i.realm, i.users, i.roles = id, map[string]bool{}, map[string]bool{}
	parts, err := i.parts(d)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := i.frame(ctx, p); err != nil {
			return err
		}
	}
	i.Realms = append(i.Realms, id)
	// Whatever names something comes after everything that can be named.
	for _, step := range []func(context.Context, part) error{i.people, i.positions, i.members, i.rooms} {
		for _, p := range parts {
			if err := step(ctx, p); err != nil {
				return err
			}
		}
	}
	return i.layouts(ctx, d.object)
}

// parts takes a domain apart, itself first, and notes who there is.
func (i *importer) parts(d *domain) (parts []part, err error) {
	p, err := partOf("", d.object)
	if err != nil {
		return nil, err
	}
	parts = append(parts, p)
	for _, project := range sortedKeys(d.projects) {
		if p, err = partOf(project, d.projects[project]); err != nil {
			return nil, fmt.Errorf("project %s: %w", project, err)
		}
		parts = append(parts, p)
	}
	for _, p := range parts {
		for user := range p.users {
			i.users[user] = true
		}
	}
	return parts, nil
}

// frame makes the realm or project that a part is, with what it has besides what
// is in it.
func (i *importer) frame(ctx context.Context, p part) error {
	rest := maps.Clone(p.object)
	delete(rest, "roles")
	left, err := i.leftOfAdmin(p.roles)
	if err != nil {
		return err
	}
	if left != nil {
		rest.set("roles", map[string]object{adminRole: left})
	}
	name, but := named(p.object)
	data := rest.data(append(but, "id", "users", "loops", "layout", "projects")...)
	if p.project == "" {
		_, err := i.tx.CreateRealm(ctx, store.Realm{ID: i.realm, Name: name, Data: data})
		return exists(err, "a realm of that name")
	}
	i.Projects++
	_, err = i.tx.CreateProject(ctx, store.Project{Realm: i.realm, ID: p.project, Name: name, Data: data})
	if err != nil {
		return fmt.Errorf("project %s: %w", p.project, err)
	}
	return nil
}

// leftOfAdmin is what the role of administrators has that an administrator has
// not, or nil.
func (i *importer) leftOfAdmin(roles object) (object, error) {
	if _, there := roles[adminRole]; !there {
		return nil, nil
	}
	left, err := roles.member(adminRole)
	if err != nil {
		return nil, err
	}
	users, err := left.member("users")
	if err != nil {
		return nil, err
	}
	if left, err = i.withoutUsers(left, adminRole); err != nil {
		return nil, err
	}
	delete(left, "id")
	if string(left["name"]) == "null" {
		delete(left, "name")
	}
	if len(left) == 0 && len(users) > 0 {
		return nil, nil
	}
	return left, nil // maybe empty, or else the empty role would be gone
}

// withoutUsers is a role without the users there are.
func (i *importer) withoutUsers(role object, id string) (object, error) {
	users, err := role.member("users")
	if err != nil {
		return nil, err
	}
	rest, left := maps.Clone(role), object{}
	delete(rest, "users")
	for user := range users {
		if !i.users[user] {
			left[user] = users[user]
			i.unresolved("user %s in role %s", user, id)
		}
	}
	if len(left) > 0 {
		rest.set("users", left)
	}
	return rest, nil
}

// named returns an entity's name and under which key it is to be taken out of
// the rest: none when it is no text, and so cannot be a name.
func named(o object) (name string, but []string) {
	name, err := o.text("name")
	if err != nil {
		return "", nil
	}
	return name, []string{"name"}
}

func (i *importer) people(ctx context.Context, p part) error {
	for _, id := range p.users.keys() {
		o, err := p.users.member(id)
		if err == nil {
			err = i.user(ctx, p.project, id, o)
		}
		if err != nil {
			return fmt.Errorf("user %s: %w", id, err)
		}
	}
	return nil
}

func (i *importer) user(ctx context.Context, project, id string, o object) error {
	name, but := named(o)
	u := store.User{Realm: i.realm, Project: project, ID: id, Name: name}
	switch flag := string(o["ldap"]); flag {
	case "", "null", "false":
	case "true":
		u.Origin, but = store.OriginLDAP, append(but, "ldap")
	default:
		u.Origin = store.OriginLDAP
	}
	u.Data = o.data(append(but, "id", "password")...)
	if id != "" {
		if namesakes, err := i.tx.Users(ctx, store.Filter{ID: id}); err != nil {
			return err
		} else if len(namesakes) > 0 {
			return fmt.Errorf("there is a user of that name already, in the realm %s", namesakes[0].Realm)
		}
	}
	if _, err := i.tx.CreateUser(ctx, u); err != nil {
		return err
	}
	i.Users++
	hash, err := encoded(o["password"])
	switch {
	case err != nil:
		i.NoPassword = append(i.NoPassword, fmt.Sprintf("%s: %v", id, err))
		return nil
	case hash == "":
		if u.Origin != store.OriginLDAP {
			i.NoPassword = append(i.NoPassword, id+": there is none")
		}
		return nil
	}
	return i.tx.SetPassword(ctx, i.realm, id, hash)
}

func (i *importer) positions(ctx context.Context, p part) error {
	for _, id := range p.roles.keys() {
		if id == adminRole {
			continue
		}
		if err := i.role(ctx, p, id); err != nil {
			return fmt.Errorf("role %s: %w", id, err)
		}
	}
	return nil
}

func (i *importer) role(ctx context.Context, p part, id string) error {
	o, err := p.roles.member(id)
	if err != nil {
		return err
	}
	if o, err = i.withoutUsers(o, id); err != nil {
		return err
	}
	name, but := named(o)
	if _, err := i.tx.CreateRole(ctx, store.Role{Realm: i.realm, Project: p.project, ID: id, Name: name, Data: o.data(append(but, "id")...)}); err != nil {
		return exists(err, "a role of that name in the domain")
	}
	i.Roles++
	i.roles[id] = true
	return nil
}

func (i *importer) members(ctx context.Context, p part) error {
	for _, id := range p.roles.keys() {
		o, err := p.roles.member(id)
		if err != nil {
			return err
		}
		users, err := o.member("users")
		if err != nil {
			return err
		}
		for _, user := range users.keys() {
			switch {
			case !i.users[user]:
				continue
			case id == adminRole:
				err = i.tx.AddAdministrator(ctx, store.Administrator{Realm: i.realm, Project: p.project, User: user})
			default:
				err = i.tx.AddMember(ctx, store.Member{Realm: i.realm, Role: id, User: user})
			}
			if err != nil {
				return fmt.Errorf("user %s in role %s: %w", user, id, err)
			}
		}
	}
	return nil
}

func (i *importer) rooms(ctx context.Context, p part) error {
	for _, id := range p.loops.keys() {
		if err := i.room(ctx, p, id); err != nil {
			return fmt.Errorf("loop %s: %w", id, err)
		}
	}
	return nil
}

func (i *importer) room(ctx context.Context, p part, id string) error {
	o, err := p.loops.member(id)
	if err != nil {
		return err
	}
	roles, err := o.member("roles")
	if err != nil {
		return err
	}
	granted, left := map[string]store.Access{}, object{}
	for role, raw := range roles {
		switch {
		case i.roles[role] && string(raw) == "true":
			granted[role] = store.AccessTalk
		case i.roles[role] && string(raw) == "false":
			granted[role] = store.AccessListen
		default:
			left[role] = raw
			i.unresolved("role %s in loop %s", role, id)
		}
	}
	delete(o, "roles")
	if len(left) > 0 {
		o.set("roles", left)
	}
	name, but := named(o)
	_, err = i.tx.CreateRoom(ctx, store.Room{Realm: i.realm, Project: p.project, ID: id, Name: name, Media: store.MediaServer,
		Listening: store.ListeningMix, Data: o.data(append(but, "id")...)})
	if err != nil {
		return exists(err, "a loop of that name in the domain")
	}
	i.Rooms++
	for _, role := range sortedKeys(granted) {
		if err := i.tx.SetPermission(ctx, store.Permission{Realm: i.realm, Role: role, Room: id, Access: granted[role]}); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) layouts(ctx context.Context, o object) error {
	layouts, err := o.member("layout")
	if err != nil {
		return err
	}
	for _, name := range layouts.keys() {
		_, err := i.tx.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: i.realm}, Name: layoutDocuments + name, Body: string(layouts[name])})
		if err != nil {
			return fmt.Errorf("layout %s: %w", name, err)
		}
	}
	return nil
}

func (i *importer) unresolved(format string, args ...any) {
	i.Unresolved = append(i.Unresolved, fmt.Sprintf(format, args...))
}

// exists says of a conflict what there is already.
func exists(err error, what string) error {
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("there is %s already: %w", what, err)
	}
	return err
}
