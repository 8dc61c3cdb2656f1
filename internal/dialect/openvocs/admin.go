package openvocs

import (
	"context"
	"encoding/json"
	"slices"

	"switchboard/internal/core"
)

// adminEvent is the table of requests about what is stored (dossier 5.2). None of
// them is in the seed but get, which prints it without an id.
func adminEvent(name string) event {
	switch name {
	case "get":
		return (*conversation).get
	case "get_key":
		return (*conversation).getKey
	case "create":
		return (*conversation).create
	case "delete":
		return (*conversation).remove
	case "update":
		return (*conversation).update
	case "verify":
		return (*conversation).verify
	case "update_key":
		return (*conversation).updateKey
	case "delete_key":
		return (*conversation).deleteKey
	case "update_password":
		return (*conversation).updatePassword
	case "is_ldap_enabled":
		return (*conversation).directory
	case "ldap_import":
		return (*conversation).importUsers
	case "admin_domains":
		return (*conversation).adminDomains
	case "admin_projects":
		return (*conversation).adminProjects
	case "add_domain_admin":
		return (*conversation).addDomainAdmin
	case "add_project_admin":
		return (*conversation).addProjectAdmin
	case "check_id_exists":
		return (*conversation).idExists
	case "set_layout":
		return (*conversation).setLayout
	case "get_layout":
		return (*conversation).getLayout
	case "load":
		return (*conversation).load
	case "save":
		return (*conversation).save
	case "get_highest_port":
		return (*conversation).highestPort
	}
	return nil
}

// kindOf returns the kind of what a type names; AnyKind for no type.
func kindOf(name string) core.Kind {
	switch name {
	case "domain":
		return core.KindRealm
	case "project":
		return core.KindProject
	case "user":
		return core.KindUser
	case "role":
		return core.KindRole
	case "loop":
		return core.KindRoom
	}
	return core.AnyKind
}

// subject is what a request names by its type and id.
type subject struct {
	name string // of the kind
	kind core.Kind
	id   string
}

func subjectOf(p params) (s subject, err error) {
	if s.name, err = p.text("type"); err != nil {
		return s, err
	}
	if s.kind = kindOf(s.name); s.kind == core.AnyKind {
		return s, missing("type")
	}
	s.id, err = p.text("id")
	return s, err
}

// isSection tells whether it is a domain or a project.
func (s subject) isSection() bool { return s.kind == core.KindRealm || s.kind == core.KindProject }

// at returns the domain or project that it is, or in which it is.
func (c *conversation) at(ctx context.Context, s subject) (core.SectionID, error) {
	switch s.kind {
	case core.KindRealm:
		return core.SectionID{Realm: s.id}, nil
	case core.KindProject:
		return core.SectionID{Realm: c.session().Identity().Realm, Project: s.id}, nil
	}
	return c.session().Find(ctx, s.kind, s.id)
}

// administrates tells, as an error, whether the user administers anything.
func (c *conversation) administrates(ctx context.Context) error {
	if _, err := c.user(); err != nil {
		return err
	}
	all, err := c.session().Administers(ctx, "")
	if err == nil && len(all) == 0 {
		return errPermission
	}
	return err
}

func (c *conversation) administration() core.Administration { return c.session().Administration() }

// get returns an entity: seed, dossier 2.1. Of users it is always the own one, of
// everything else what administrators may see, and roles and loops of one's own.
func (c *conversation) get(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	kind, err := r.param.text("type")
	if err != nil {
		return nil, err
	}
	var found entity
	if kind == "user" {
		found, err = c.own(ctx)
	} else {
		var s subject
		if s, err = subjectOf(r.param); err == nil {
			found, err = c.find(ctx, s)
		}
	}
	return struct {
		Type   string `json:"type"`
		Result entity `json:"result"`
	}{kind, found}, err
}

// find returns an entity as far as the user may see it; nil when there is none.
func (c *conversation) find(ctx context.Context, s subject) (entity, error) {
	at, err := c.at(ctx, s)
	if err == nil {
		var section core.Section
		if section, err = c.administration().Section(ctx, at); err == nil {
			return s.in(section), nil
		}
	}
	switch core.KindOf(err) {
	case core.NotFound:
		return nil, nil
	case core.Denied:
		return c.ownEntity(ctx, s)
	}
	return nil, err
}

// in returns the entity out of the domain or project in which it is.
func (s subject) in(section core.Section) entity {
	if s.isSection() {
		return sectionEntity(section)
	}
	for _, u := range section.Users {
		if s.kind == core.KindUser && u.ID == s.id {
			return userEntity(u)
		}
	}
	for _, r := range section.Roles {
		if s.kind == core.KindRole && r.ID == s.id {
			return roleEntity(r)
		}
	}
	for _, r := range section.Rooms {
		if s.kind == core.KindRoom && r.ID == s.id {
			return loopEntity(r)
		}
	}
	return nil
}

// ownEntity is what a user who administers nothing may see: themself, their roles, and
// the loops of the one they act in.
func (c *conversation) ownEntity(ctx context.Context, s subject) (entity, error) {
	switch id := c.session().Identity(); {
	case s.kind == core.KindUser && s.id == id.User:
		return c.own(ctx)
	case s.kind == core.KindRole:
		roles, err := c.session().Roles(ctx)
		for _, r := range roles {
			if r.ID == s.id {
				return ownRole(r), err
			}
		}
	case s.kind == core.KindRoom && id.Role != "":
		places, err := c.session().Places(ctx)
		for _, p := range places {
			if p.Room.Name() == s.id {
				return ownLoop(p), err
			}
		}
	}
	return nil, errPermission
}

// getKey returns one member of an entity: dossier 5.2.
func (c *conversation) getKey(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	s, err := subjectOf(r.param)
	if err != nil {
		return nil, err
	}
	key, err := r.param.text("key")
	if err != nil {
		return nil, err
	}
	found, err := c.find(ctx, s)
	result := found[key]
	if result == nil {
		result = json.RawMessage("null")
	}
	return struct {
		Type   string          `json:"type"`
		ID     string          `json:"id"`
		Key    string          `json:"key"`
		Result json.RawMessage `json:"result"`
	}{s.name, s.id, key, result}, err
}

// adminDomains lists the domains that a user administers: dossier 5.2.
func (c *conversation) adminDomains(ctx context.Context, r *request) (any, error) {
	all, err := c.administered(ctx, r)
	list := []string{}
	for _, s := range all {
		if s.ID.Project == "" {
			list = append(list, s.ID.Realm)
		}
	}
	return map[string]any{"domains": list}, err
}

// adminProjects lists the projects that a user administers: dossier 5.2.
func (c *conversation) adminProjects(ctx context.Context, r *request) (any, error) {
	all, err := c.administered(ctx, r)
	projects := map[string]entity{}
	for _, s := range all {
		if s.ID.Project != "" {
			e := named(s.ID.Project, s.Name, "")
			e.set("domain", s.ID.Realm)
			projects[s.ID.Project] = e
		}
	}
	return map[string]any{"projects": projects}, err
}

func (c *conversation) administered(ctx context.Context, r *request) ([]core.Section, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	return c.session().Administers(ctx, r.param.optional("user"))
}

// idExists tells whether an id is in use: dossier 5.2.
func (c *conversation) idExists(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	id, err := r.param.text("id")
	if err != nil {
		return nil, err
	}
	taken, err := c.session().Taken(ctx, kindOf(r.param.optional("scope")), id)
	return map[string]any{"result": taken}, err
}

// updatePassword gives a user a new password: dossier 5.2.
func (c *conversation) updatePassword(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	user, err := r.param.text("user")
	if err != nil {
		return nil, err
	}
	password, err := r.param.text("password")
	if err != nil {
		return nil, err
	}
	err = c.administration().SetPassword(ctx, user, password)
	switch core.KindOf(err) {
	case core.Conflict:
		return nil, errDirectory
	case core.Invalid:
		return nil, errWeak
	}
	return nothing{}, err
}

// directory tells, as a bare truth value, whether passwords are kept elsewhere:
// dossier 5.2.
func (c *conversation) directory(context.Context, *request) (any, error) {
	return c.session().Directory(), nil
}

// importUsers makes users of those in the directory that is configured: dossier
// 5.2. It is answered at once.
func (c *conversation) importUsers(ctx context.Context, r *request) (any, error) {
	id, err := c.user()
	if err != nil {
		return nil, err
	}
	var texts [5]string
	for i, name := range []string{"host", "base", "domain", "user", "password"} {
		if texts[i], err = r.param.text(name); err != nil {
			return nil, err
		}
	}
	if texts[2] != id.Realm {
		return nil, errDomain
	}
	err = c.administration().ImportUsers(ctx, core.DirectoryQuery{Base: texts[1], User: texts[3], Password: texts[4]})
	if core.KindOf(err) == core.Conflict {
		err = errNoDirectory
	}
	return nothing{}, err
}

// imported tells what came of that: dossier 5.2.
func (c *conversation) imported(f core.UsersImported) {
	parameter := map[string]any{"domain": f.Realm, "added": f.Added}
	if f.Err != nil {
		e := say(f.Err)
		parameter["error"] = wireError{e.code, e.text}
	}
	c.push("ldap_update", parameter)
}

// addDomainAdmin makes a user an administrator: dossier 5.2.
func (c *conversation) addDomainAdmin(ctx context.Context, r *request) (any, error) {
	domain, err := r.param.text("domain")
	if err != nil {
		return nil, err
	}
	return c.addAdmin(ctx, r, core.SectionID{Realm: domain})
}

// addProjectAdmin does so for a project: dossier 5.2.
func (c *conversation) addProjectAdmin(ctx context.Context, r *request) (any, error) {
	project, err := r.param.text("project")
	if err != nil {
		return nil, err
	}
	return c.addAdmin(ctx, r, core.SectionID{Realm: c.session().Identity().Realm, Project: project})
}

func (c *conversation) addAdmin(ctx context.Context, r *request, at core.SectionID) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	user, err := r.param.text("user")
	if err != nil {
		return nil, err
	}
	return nothing{}, c.edit(ctx, at, nil, func(s *core.Section) error {
		if !slices.Contains(s.Administrators, user) {
			s.Administrators = append(s.Administrators, user)
		}
		return nil
	})
}

// setLayout places a role's loops: dossier 5.2.
func (c *conversation) setLayout(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	role, err := r.param.text("role")
	if err != nil {
		return nil, err
	}
	layout, err := r.param.object("layout")
	if err != nil {
		return nil, err
	}
	return nothing{}, c.change(ctx, subject{"role", core.KindRole, role}, entity{"layout": layout}, c.administration().Edit)
}

// getLayout returns where a role's loops are: dossier 5.2.
func (c *conversation) getLayout(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	role, err := r.param.text("role")
	if err != nil {
		return nil, err
	}
	found, err := c.find(ctx, subject{"role", core.KindRole, role})
	if err == nil && found == nil {
		err = errUnknownThing
	}
	layout, _ := found.object("layout")
	if layout == nil {
		layout = entity{}
	}
	return layoutResult{layout}, err
}

// load reads everything from the store again: dossier 5.2.
func (c *conversation) load(ctx context.Context, _ *request) (any, error) {
	if err := c.administrates(ctx); err != nil {
		return nil, err
	}
	return nothing{}, c.administration().Reload(ctx)
}

// save has nothing to do, since whatever was acknowledged is stored: dossier 5.2.
func (c *conversation) save(ctx context.Context, _ *request) (any, error) {
	return nothing{}, c.administrates(ctx)
}

// highestPort returns the highest multicast port of a loop, for proposing the
// next: dossier 5.2.
func (c *conversation) highestPort(ctx context.Context, _ *request) (any, error) {
	id, err := c.user()
	if err != nil {
		return nil, err
	}
	realm, err := c.administration().Section(ctx, core.SectionID{Realm: id.Realm})
	highest := 0
	for _, s := range append([]core.Section{realm}, realm.Projects...) {
		for _, r := range s.Rooms {
			var loop struct {
				Multicast struct {
					Port int `json:"port"`
				} `json:"multicast"`
			}
			_ = json.Unmarshal([]byte(r.Data), &loop) // no port is 0
			highest = max(highest, loop.Multicast.Port)
		}
	}
	return map[string]any{"port": highest}, err
}
