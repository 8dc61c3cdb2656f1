package openvocs

import (
	"context"
	"errors"
	"slices"

	"switchboard/internal/core"
)

// This file changes what is stored. Every request is one change: it is stored
// whole or not at all. What a client does not send stays as it is, so that one
// that knows less than another loses nothing (dossier 5.3).

// store is [core.Administration.Edit], or Try, which does the same in vain.
type store func(context.Context, core.SectionID, func(*core.Section) error) error

// create makes an entity with nothing but an id: dossier 5.2.
func (c *conversation) create(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	made, err := subjectOf(r.param)
	if err != nil {
		return nil, err
	}
	raw, err := r.param.object("scope")
	if err != nil {
		return nil, err
	}
	scope, err := subjectOf(params(entityOf(string(raw))))
	switch {
	case err != nil:
		return nil, err
	case !scope.isSection() || made.kind == core.KindProject && scope.kind != core.KindRealm:
		return nil, missing("scope")
	case made.kind == core.KindRealm:
		return nil, errNewDomain
	}
	at, err := c.at(ctx, scope)
	if err != nil {
		return nil, err
	}
	if made.kind == core.KindRole && made.id == adminRole { // it is in every domain and project
		return nil, refused(map[string]string{made.id: made.name + idTaken}, nil)
	}
	return nothing{}, c.edit(ctx, at, map[string]string{made.id: made.name}, func(s *core.Section) error {
		switch made.kind {
		case core.KindProject:
			s.Projects = append(s.Projects, core.Section{ID: core.SectionID{Realm: at.Realm, Project: made.id}})
		case core.KindUser:
			s.Users = append(s.Users, core.User{ID: made.id})
		case core.KindRole:
			s.Roles = append(s.Roles, core.Role{ID: made.id})
		case core.KindRoom:
			s.Rooms = append(s.Rooms, newLoop(made.id))
		}
		return nil
	})
}

// newLoop is a loop as it begins.
func newLoop(id string) core.StoredRoom {
	return core.StoredRoom{ID: id, Media: core.MediaServer, Mixed: true}
}

// remove deletes an entity with all that is in it: dossier 5.2.
func (c *conversation) remove(ctx context.Context, r *request) (any, error) {
	id, err := c.user()
	if err != nil {
		return nil, err
	}
	gone, err := subjectOf(r.param)
	if err != nil {
		return nil, err
	}
	if gone.kind == core.KindRealm {
		if gone.id != id.Realm {
			return nil, errPermission
		}
		return nothing{}, c.administration().DeleteRealm(ctx)
	}
	at, err := c.at(ctx, gone)
	if err != nil {
		return nil, err
	}
	if gone.kind == core.KindProject { // it is the domain's to give up
		at.Project = ""
	}
	return nothing{}, c.edit(ctx, at, nil, func(s *core.Section) error {
		before := idsOf(s)
		switch gone.kind {
		case core.KindProject:
			s.Projects = slices.DeleteFunc(s.Projects, func(p core.Section) bool { return p.ID.Project == gone.id })
		case core.KindUser:
			s.Users = slices.DeleteFunc(s.Users, func(u core.User) bool { return u.ID == gone.id })
		case core.KindRole:
			s.Roles = slices.DeleteFunc(s.Roles, func(r core.Role) bool { return r.ID == gone.id })
		case core.KindRoom:
			s.Rooms = slices.DeleteFunc(s.Rooms, func(r core.StoredRoom) bool { return r.ID == gone.id })
		}
		forget(s, before.without(idsOf(s)))
		return nil
	})
}

// update changes an entity: dossier 5.2, 5.3.
func (c *conversation) update(ctx context.Context, r *request) (any, error) {
	return c.updateBy(ctx, r, c.administration().Edit)
}

// verify tells whether update would succeed: dossier 5.2.
func (c *conversation) verify(ctx context.Context, r *request) (any, error) {
	return c.updateBy(ctx, r, c.administration().Try)
}

func (c *conversation) updateBy(ctx context.Context, r *request, keep store) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	s, err := subjectOf(r.param)
	if err != nil {
		return nil, err
	}
	data, err := r.param.object("data")
	if err != nil {
		return nil, err
	}
	return nothing{}, c.change(ctx, s, entityOf(string(data)), keep)
}

// updateKey changes one member of an entity: dossier 5.2.
func (c *conversation) updateKey(ctx context.Context, r *request) (any, error) {
	s, key, err := c.keyOf(r)
	if err != nil {
		return nil, err
	}
	data, given := r.param["data"]
	if !given {
		return nil, missing("data")
	}
	return nothing{}, c.change(ctx, s, entity{key: data}, c.administration().Edit)
}

// deleteKey removes one member of an entity: dossier 5.2.
func (c *conversation) deleteKey(ctx context.Context, r *request) (any, error) {
	s, key, err := c.keyOf(r)
	if err != nil {
		return nil, err
	}
	return nothing{}, c.change(ctx, s, entity{key: nil}, c.administration().Edit)
}

func (c *conversation) keyOf(r *request) (s subject, key string, err error) {
	if _, err = c.user(); err != nil {
		return s, "", err
	}
	if s, err = subjectOf(r.param); err != nil {
		return s, "", err
	}
	key, err = r.param.text("key")
	if key == "id" {
		err = errKeepID
	}
	return s, key, err
}

// change merges data into an entity.
func (c *conversation) change(ctx context.Context, s subject, data entity, keep store) error {
	at, err := c.at(ctx, s)
	if err != nil {
		return refused(map[string]string{s.id: idUnknown}, err)
	}
	if s.isSection() {
		return c.editBy(ctx, at, data.kinds(), keep, func(into *core.Section) error { return data.into(into) })
	}
	return c.editBy(ctx, at, nil, keep, func(into *core.Section) error {
		switch s.kind {
		case core.KindUser:
			return one(into.Users, s.id, func(u core.User) string { return u.ID }, data.intoUser)
		case core.KindRole:
			return one(into.Roles, s.id, func(r core.Role) string { return r.ID }, data.intoRole)
		}
		return one(into.Rooms, s.id, func(r core.StoredRoom) string { return r.ID }, data.intoLoop)
	})
}

// one changes one of a list.
func one[T any](list []T, id string, idOf func(T) string, change func(*T) error) error {
	for i := range list {
		if idOf(list[i]) == id {
			return change(&list[i])
		}
	}
	return objection{id, idUnknown}
}

func (c *conversation) edit(ctx context.Context, at core.SectionID, kinds map[string]string, change func(*core.Section) error) error {
	return c.editBy(ctx, at, kinds, c.administration().Edit, change)
}

// objection is what is wrong with one id in what a client sent.
type objection struct{ id, text string }

// Error implements error.
func (o objection) Error() string { return o.text }

const (
	idUnknown  = "ID not found."
	idMismatch = "id does not match"
	idTaken    = " id already in use."
	idPassword = "user password contained."
	idInvalid  = "cannot be stored."
	idNoObject = "is no object."
)

// editBy stores a change of a domain or project, and says what is wrong with it
// by id (dossier 5.2). kinds are those of the ids that may be new.
func (c *conversation) editBy(ctx context.Context, at core.SectionID, kinds map[string]string, keep store, change func(*core.Section) error) error {
	err := keep(ctx, at, change)
	var o objection
	var e *core.Error
	switch {
	case errors.As(err, &o):
		return refused(map[string]string{o.id: o.text}, nil)
	case !errors.As(err, &e) || e.ID == "":
		return err
	case e.Kind == core.Conflict:
		return refused(map[string]string{e.ID: kinds[e.ID] + idTaken}, nil)
	case e.Kind == core.NotFound:
		return refused(map[string]string{e.ID: idUnknown}, nil)
	case e.Kind == core.Invalid:
		return refused(map[string]string{e.ID: idInvalid}, nil)
	}
	return err
}

// refused says what is wrong with some ids. Another error than one about an id
// that is not there stays what it is.
func refused(wrong map[string]string, err error) error {
	if err != nil && core.KindOf(err) != core.NotFound {
		return err
	}
	return &fault{codeServer, "server processing error", map[string]any{"errors": wrong}}
}
