package openvocs

import (
	"context"
	"encoding/json"
	"strings"

	"switchboard/internal/core"
)

// own is the client's own user: dossier 2.1.
func (c *conversation) own(ctx context.Context) (entity, error) {
	u, err := c.session().Self(ctx)
	if err != nil {
		return nil, err
	}
	e := userEntity(u)
	at := map[string]string{"domain": u.Section.Realm}
	if u.Section.Project != "" {
		at["project"] = u.Section.Project
	}
	e.set("domain", at)
	return e, nil
}

// userRoles lists the roles that the user may act in: seed, dossier 2.1. The
// pseudo role of administrators is not among them (dossier 5.1).
func (c *conversation) userRoles(ctx context.Context, _ *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	all, err := c.session().Roles(ctx)
	if err != nil {
		return nil, err
	}
	roles := make(map[string]entity, len(all))
	for _, r := range all {
		roles[r.ID] = ownRole(r)
	}
	return struct {
		Roles map[string]entity `json:"roles"`
	}{roles}, nil
}

// ownRole is a role as one sees it who may act in it: without the others.
func ownRole(r core.Role) entity {
	e := roleEntity(r)
	delete(e, "users")
	project := r.Section.Project
	if project == "" {
		project = r.Section.Realm
	}
	e.set("project", project)
	return e
}

// ownLoop is a loop as one sees it who may enter it. What only administrators
// need to know stays out (dossier 12).
func ownLoop(p core.Place) entity {
	e := entityOf(p.Data)
	for _, key := range []string{"users", "roles", "multicast"} {
		delete(e, key)
	}
	if sip, ok := e.object("sip"); ok {
		sip.set("whitelist", []any{})
		e.set("sip", sip)
	}
	name := p.Name
	if name == "" {
		name = p.Room.Name()
	}
	if _, typed := e["type"]; !typed {
		e.set("type", "audio")
	}
	e.set("id", p.Room.Name())
	e.set("name", strings.ReplaceAll(name, `\n`, "\n")) // typed as two characters
	return e
}

// layoutOf returns where a role of the user's shows its loops: entries by loop.
func (c *conversation) layoutOf(ctx context.Context, role string) (map[string]json.RawMessage, error) {
	all, err := c.session().Roles(ctx)
	for _, r := range all {
		if r.ID == role {
			var layout map[string]json.RawMessage
			_ = json.Unmarshal(entityOf(r.Data)["layout"], &layout) // what is no object places nothing
			return layout, nil
		}
	}
	return nil, err
}

// userDocument is the name of the document that set_user_data keeps.
const userDocument = Name

// userData returns what the client has stored for the user: seed, dossier 2.3.
func (c *conversation) userData(ctx context.Context, _ *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	body, err := c.session().Document(ctx, userDocument)
	return struct {
		Data entity `json:"data"`
	}{entityOf(body)}, err
}

// setUserData stores the whole parameter for the user: seed, dossier 2.3.
func (c *conversation) setUserData(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	return nothing{}, c.session().PutDocument(ctx, userDocument, string(encode(r.param)))
}

// layoutResult is the response of get_layout and get_keyset_layout.
type layoutResult struct {
	Layout entity `json:"layout"`
}

// usualLayout stands for a keyset layout that nobody has set (dossier 2.3).
const usualLayout = `{"site_scaling":1,"name_scaling":1.5,"font_scaling":1,"layout":"auto_grid","loop_size":"15.625rem"}`

// grid returns the name of a grid of the user's domain, which is in a parameter
// of that name.
func (c *conversation) grid(r *request, parameter string) (string, error) {
	id, err := c.user()
	if err != nil {
		return "", err
	}
	domain, err := r.param.text("domain")
	if err != nil {
		return "", err
	}
	name, err := r.param.text(parameter)
	if err == nil && domain != id.Realm {
		err = errDomain
	}
	return name, err
}

// keysetLayout returns a grid of the domain: seed, dossier 2.3.
func (c *conversation) keysetLayout(ctx context.Context, r *request) (any, error) {
	name, err := c.grid(r, "layout")
	if err != nil {
		return nil, err
	}
	body, err := c.session().Layout(ctx, name)
	if err == nil && body == "" {
		body = usualLayout
	}
	return layoutResult{entityOf(body)}, err
}

// setKeysetLayout sets a grid of the domain: seed, dossier 2.3.
func (c *conversation) setKeysetLayout(ctx context.Context, r *request) (any, error) {
	name, err := c.grid(r, "name")
	if err != nil {
		return nil, err
	}
	layout, err := r.param.object("layout")
	if err != nil {
		return nil, err
	}
	return nothing{}, c.session().Administration().SetLayout(ctx, name, string(layout))
}
