package core

import (
	"context"
	"errors"
	"slices"

	"switchboard/internal/store"
)

// Administration has the verbs by which a user changes people and places, as far
// as they are an administrator. Each verb is one transaction that is kept when
// it returns nil, is noted in the audit log, and is followed by what lives:
// rooms open and close, and who loses a right loses what they did by it. They may
// wait, and fail with Denied for whoever has not the right.
type Administration struct{ session *Session }

// Administration returns the verbs of an administrator.
func (s *Session) Administration() Administration { return Administration{s} }

// Kind is a kind of what is stored.
type Kind uint8

// What is stored.
const (
	AnyKind Kind = iota
	KindRealm
	KindProject
	KindUser
	KindRole
	KindRoom
)

// doer is who does something, for the audit log.
func (s *Session) doer() Actor {
	by := Actor{User: s.identity.Load().User}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on != nil {
		by.Remote = s.on.from
	}
	return by
}

// rights are the sections of a realm whose administrator somebody is.
type rights struct {
	whole    bool // the realm with all its projects
	projects []string
}

func (r rights) cover(id SectionID) bool {
	return r.whole || id.Project != "" && slices.Contains(r.projects, id.Project)
}

// any tells whether there is something.
func (r rights) any() bool { return r.whole || len(r.projects) > 0 }

// include tells whether all that other may change is among what r may.
func (r rights) include(other rights) bool {
	return r.whole || !other.whole && !slices.ContainsFunc(other.projects, func(p string) bool { return !slices.Contains(r.projects, p) })
}

// mustAdminister fails with Denied unless the session may change a section.
func (s *Session) mustAdminister(ctx context.Context, tx store.Records, id SectionID) error {
	may, err := s.rights(ctx, tx, id.Realm)
	if err == nil && !may.cover(id) {
		err = errNoAdministrator
	}
	return err
}

// rights returns what the session may change in a realm.
func (s *Session) rights(ctx context.Context, tx store.Records, realm string) (r rights, err error) {
	id, err := s.user()
	if err != nil {
		return r, err
	}
	if id.Admin {
		return rights{whole: true}, nil
	}
	if id.Realm != realm {
		return r, nil
	}
	return rightsOf(ctx, tx, realm, id.User)
}

func rightsOf(ctx context.Context, tx store.Records, realm, user string) (r rights, err error) {
	list, err := tx.Administrators(ctx, realm, user)
	for _, a := range list {
		if a.Project == "" {
			r.whole = true
		} else {
			r.projects = append(r.projects, a.Project)
		}
	}
	return r, err
}

var errNoAdministrator = failure(Denied, AboutPermission, "only an administrator may do that")

// Section returns a section as it is stored, in one consistent view; of a realm
// with the projects that the asker may change. Whoever may change any of them
// may see the realm.
func (a Administration) Section(ctx context.Context, id SectionID) (found Section, err error) {
	err = a.session.hub.view(ctx, "read section", a.session, func(tx store.Records) error {
		may, err := a.session.rights(ctx, tx, id.Realm)
		if err != nil {
			return err
		}
		if !may.cover(id) && (id.Project != "" || !may.any()) {
			return errNoAdministrator
		}
		s, err := readSection(ctx, tx, id)
		if err != nil {
			return err
		}
		found = *s
		found.Projects = slices.DeleteFunc(found.Projects, func(p Section) bool { return !may.cover(p.ID) })
		return nil
	})
	return found, err
}

// Edit changes a section: change alters a copy of it in memory, and what then
// differs is stored, all or nothing. Whatever is in a list and was not is
// created; what is not any more and was is deleted, with all that hangs on it;
// passwords stay with their users. Editing a realm includes its projects.
//
// change must do nothing else, since it is called again when others get in the
// way; what it returns comes back as it is. Errors besides: Denied also for
// deleting a user who may change more than the asker, Invalid, Conflict
// when an id is in use in the realm already, or that of a user anywhere, and
// NotFound for a user or a role that is named and does not exist, each with the
// id at fault in Error.ID.
func (a Administration) Edit(ctx context.Context, id SectionID, change func(*Section) error) error {
	return a.edit(ctx, id, change, nil)
}

// Try tells, by its error, whether Edit would do it, and changes nothing.
func (a Administration) Try(ctx context.Context, id SectionID, change func(*Section) error) error {
	if err := a.edit(ctx, id, change, errTried); !errors.Is(err, errTried) {
		return err
	}
	return nil
}

// errTried takes back what Try has done.
var errTried = failure(Conflict, AboutRequest, "it was tried only")

// edit does what Edit says, and fails with undo, if there is one, in the place of
// keeping it.
func (a Administration) edit(ctx context.Context, id SectionID, change func(*Section) error, undo *Error) error {
	s := a.session
	var refused error // by change
	live := false
	err := s.hub.within(ctx, "edit section", s, func(tx store.Records) error {
		refused, live = nil, false
		may, err := s.rights(ctx, tx, id.Realm)
		if err == nil && !may.cover(id) {
			err = errNoAdministrator
		}
		if err != nil {
			return err
		}
		before, err := readSection(ctx, tx, id)
		if err != nil {
			return err
		}
		after := before.clone()
		if refused = change(after); refused != nil {
			return refused
		}
		after.ID = id
		e := &edit{tx: tx, by: s.doer(), may: may, realm: id.Realm}
		if e.before, err = before.estate(); err != nil {
			return err
		}
		if e.after, err = after.estate(); err != nil {
			return err
		}
		live = e.live()
		if err := e.write(ctx); err != nil || undo == nil {
			return err
		}
		return undo
	})
	switch {
	case refused != nil:
		return refused
	case err == nil && live:
		s.hub.revise(ctx, id.Realm)
	}
	return s.refusal(ctx, id.Realm, "edit", id.Project, err)
}

// DeleteRealm deletes the user's realm with everything and everybody in it, the
// user included. Administrators of the realm may.
func (a Administration) DeleteRealm(ctx context.Context) error {
	s := a.session
	who, err := s.user()
	if err != nil {
		return err
	}
	err = s.hub.within(ctx, "delete realm", s, func(tx store.Records) error {
		if err := s.mustAdminister(ctx, tx, SectionID{Realm: who.Realm}); err != nil {
			return err
		}
		if err := tx.DeleteRealm(ctx, who.Realm); err != nil {
			return err
		}
		_, err = tx.AppendAudit(ctx, entry(s.doer(), who.Realm, "realm.delete", who.Realm, ""))
		return err
	})
	if err == nil {
		s.hub.revise(ctx, who.Realm)
	}
	return s.refusal(ctx, who.Realm, "realm.delete", who.Realm, err)
}

// refusal notes in the audit log that a user tried what they may not do. What
// guests try is no news, and must not fill the log.
func (s *Session) refusal(ctx context.Context, realm, action, target string, err error) error {
	if KindOf(err) != Denied || s.identity.Load().User == "" {
		return err
	}
	e := entry(s.doer(), realm, action, target, "")
	e.Outcome = store.OutcomeDenied
	noted := s.hub.store.Within(ctx, func(tx store.Records) error {
		_, err := tx.AppendAudit(ctx, e)
		return err
	})
	if noted != nil {
		s.hub.log.Warn("a refusal was not noted in the audit log", "action", action, "error", noted)
	}
	return err
}

// Find returns the section to which something in the user's own realm belongs.
// It fails with NotFound. Any user may ask.
func (s *Session) Find(ctx context.Context, kind Kind, id string) (at SectionID, err error) {
	who, err := s.user()
	if err != nil {
		return at, err
	}
	err = s.hub.view(ctx, "find", s, func(tx store.Records) error {
		at, err = find(ctx, tx, who.Realm, kind, id)
		return err
	})
	return at, err
}

func find(ctx context.Context, tx store.Records, realm string, kind Kind, id string) (SectionID, error) {
	at := SectionID{Realm: realm}
	switch kind {
	case KindRealm:
		_, err := tx.Realm(ctx, id)
		return SectionID{Realm: id}, err
	case KindProject:
		p, err := tx.Project(ctx, realm, id)
		at.Project = p.ID
		return at, err
	case KindUser:
		u, err := tx.User(ctx, realm, id)
		at.Project = u.Project
		return at, err
	case KindRole:
		r, err := tx.Role(ctx, realm, id)
		at.Project = r.Project
		return at, err
	case KindRoom:
		r, err := tx.Room(ctx, realm, id)
		at.Project = r.Project
		return at, err
	}
	return at, failure(Invalid, AboutValue, "there is no such kind")
}

// Taken tells whether an id cannot be given to something new of that kind, or of
// any kind. Any user may ask.
func (s *Session) Taken(ctx context.Context, kind Kind, id string) (taken bool, err error) {
	who, err := s.user()
	if err != nil {
		return false, err
	}
	err = s.hub.view(ctx, "look for an id", s, func(tx store.Records) error {
		taken = false
		kinds := []Kind{kind}
		if kind == AnyKind {
			kinds = []Kind{KindRealm, KindProject, KindUser, KindRole, KindRoom}
		}
		for _, k := range kinds {
			_, err := find(ctx, tx, who.Realm, k, id)
			switch {
			case err == nil:
				taken = true
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
			if k == KindUser && id != "" { // users are told apart in the whole server
				namesakes, err := tx.Users(ctx, store.Filter{ID: id})
				if err != nil {
					return err
				}
				taken = taken || len(namesakes) > 0
			}
		}
		return nil
	})
	return taken, err
}

// Administers returns the sections of the user's realm whose administrator
// somebody is, by id and name only, the realm first: whoever administers it
// administers its projects. An empty user is the session's own; about others only
// administrators may ask.
func (s *Session) Administers(ctx context.Context, user string) (all []Section, err error) {
	who, err := s.user()
	if err != nil {
		return nil, err
	}
	err = s.hub.view(ctx, "read administrators", s, func(tx store.Records) error {
		all = nil
		own, err := s.rights(ctx, tx, who.Realm)
		if err != nil {
			return err
		}
		may := own
		if user != "" && user != who.User {
			if !own.any() {
				return errNoAdministrator
			}
			if may, err = rightsOf(ctx, tx, who.Realm, user); err != nil {
				return err
			}
		}
		realm, err := tx.Realm(ctx, who.Realm)
		if err != nil {
			return err
		}
		projects, err := tx.Projects(ctx, store.Filter{Realm: who.Realm})
		if err != nil {
			return err
		}
		if may.whole {
			all = append(all, Section{ID: SectionID{Realm: realm.ID}, Name: realm.Name})
		}
		for _, p := range projects {
			if id := (SectionID{p.Realm, p.ID}); may.cover(id) {
				all = append(all, Section{ID: id, Name: p.Name})
			}
		}
		return nil
	})
	if KindOf(err) == NotFound { // whom a token vouches for may name a realm that is not stored
		return nil, nil
	}
	return all, err
}

// Layout returns a layout of the user's realm, or "" when there is none of that
// name. Any user may ask.
func (s *Session) Layout(ctx context.Context, name string) (body string, err error) {
	who, err := s.user()
	if err != nil {
		return "", err
	}
	err = s.hub.view(ctx, "read layout", s, func(tx store.Records) error {
		d, err := tx.Document(ctx, store.Owner{Realm: who.Realm}, layoutDocuments+name)
		body = d.Body
		return err
	})
	if KindOf(err) == NotFound {
		return "", nil
	}
	return body, err
}

// SetLayout keeps a layout of the user's realm. Besides administrators of the
// realm those of the project may that has the layout's name. It fails with
// Invalid when it is too long.
func (a Administration) SetLayout(ctx context.Context, name, body string) error {
	s := a.session
	who, err := s.user()
	if err != nil {
		return err
	}
	err = s.hub.within(ctx, "keep layout", s, func(tx store.Records) error {
		if err := s.mustAdminister(ctx, tx, SectionID{who.Realm, name}); err != nil {
			return err
		}
		if _, err := tx.PutDocument(ctx, layout(who.Realm, name, body)); err != nil {
			return err
		}
		_, err = tx.AppendAudit(ctx, entry(s.doer(), who.Realm, "layout.update", name, ""))
		return err
	})
	return s.refusal(ctx, who.Realm, "layout.update", name, err)
}

// Reload reads rooms and rights of the user's realm from the store again. Any
// administrator may.
func (a Administration) Reload(ctx context.Context) error {
	s := a.session
	who, err := s.administrator(ctx)
	if err != nil {
		return err
	}
	return s.hub.stored("reload", s, s.hub.follow(ctx, who.Realm))
}

// administrator returns the identity, if it administers anything.
func (s *Session) administrator(ctx context.Context) (*Identity, error) {
	who, err := s.user()
	if err != nil {
		return nil, err
	}
	err = s.hub.view(ctx, "read administrators", s, func(tx store.Records) error {
		may, err := s.rights(ctx, tx, who.Realm)
		if err == nil && !may.any() {
			err = errNoAdministrator
		}
		return err
	})
	return who, err
}
