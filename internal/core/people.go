package core

import (
	"context"
	"errors"
	"slices"
	"strings"

	"switchboard/internal/store"
)

// Store is where people and places outlive the process. Its methods may be slow
// and are never called under a lock.
type Store interface {
	// View runs f over one unchanging state of everything.
	View(ctx context.Context, f func(tx store.Records) error) error
	// Within runs f in one transaction, more than once if others get in its way.
	Within(ctx context.Context, f func(tx store.Records) error) error
}

// User is somebody whom the store knows.
type User struct {
	ID        string    `json:"id"`
	Section   SectionID `json:"section"`
	Name      string    `json:"name,omitempty"`      // for showing
	Data      string    `json:"data,omitempty"`      // opaque
	Elsewhere bool      `json:"elsewhere,omitempty"` // a directory checks their password
	Disabled  bool      `json:"disabled,omitempty"`  // may not log in
}

// Role is what users act as.
type Role struct {
	ID      string    `json:"id"`
	Section SectionID `json:"section"`
	Name    string    `json:"name,omitempty"` // for showing
	Data    string    `json:"data,omitempty"` // opaque
	Members []string  `json:"members,omitempty"`
}

// Act makes the session act in one of the identity's roles: from now on only
// that role's permissions count, and its places are looked at again. It fails
// with Denied for any other role. The empty role takes it back.
func (s *Session) Act(role string) error {
	granted := role == ""
	s.change(func(i *Identity) bool {
		granted = granted || slices.Contains(i.Roles, role)
		if granted {
			i.Role = role
		}
		return granted
	})
	if !granted {
		return failure(Denied, AboutPermission, "you may not act in that role")
	}
	return nil
}

// errNotLoggedIn is what those meet who ask for what only a user has.
var errNotLoggedIn = failure(Denied, AboutPermission, "log in first")

// user returns the identity, if it is a user's.
func (s *Session) user() (*Identity, error) {
	id := s.identity.Load()
	if id.User == "" {
		return nil, errNotLoggedIn
	}
	return id, nil
}

// Self returns what the store knows of the user that the session speaks for.
// Whom only a token vouches for is what the token says.
func (s *Session) Self(ctx context.Context) (u User, err error) {
	id, err := s.user()
	if err != nil {
		return User{}, err
	}
	err = s.hub.view(ctx, "read user", s, func(tx store.Records) error {
		stored, err := tx.User(ctx, id.Realm, id.User)
		u = user(stored)
		return err
	})
	if KindOf(err) == NotFound {
		return User{ID: id.User, Section: SectionID{Realm: id.Realm}, Name: id.Display}, nil
	}
	return u, err
}

// Roles returns the roles in which the user may act, without their members,
// sorted by id.
func (s *Session) Roles(ctx context.Context) (roles []Role, err error) {
	id, err := s.user()
	if err != nil {
		return nil, err
	}
	err = s.hub.view(ctx, "read roles", s, func(tx store.Records) error {
		roles = nil
		for _, name := range id.Roles {
			r, err := tx.Role(ctx, id.Realm, name)
			switch {
			case errors.Is(err, store.ErrNotFound): // a token may name any
			case err != nil:
				return err
			default:
				roles = append(roles, role(r))
			}
		}
		return nil
	})
	slices.SortFunc(roles, func(a, b Role) int { return strings.Compare(a.ID, b.ID) })
	return roles, err
}

// mostDocuments is how many documents a user may keep.
const mostDocuments = 64

// Document returns a text that the user keeps under a name, or "".
func (s *Session) Document(ctx context.Context, name string) (body string, err error) {
	id, err := s.user()
	if err != nil {
		return "", err
	}
	err = s.hub.view(ctx, "read document", s, func(tx store.Records) error {
		d, err := tx.Document(ctx, documentsOf(id), name)
		body = d.Body
		return err
	})
	if KindOf(err) == NotFound {
		return "", nil
	}
	return body, err
}

// PutDocument keeps a text for the user under a name, in place of the one there
// was. It fails with Invalid when it is too long, and with NotFound for whom the
// store does not know.
func (s *Session) PutDocument(ctx context.Context, name, body string) error {
	id, err := s.user()
	if err != nil {
		return err
	}
	owner := documentsOf(id)
	return s.hub.within(ctx, "keep document", s, func(tx store.Records) error {
		_, err := tx.Document(ctx, owner, name)
		if errors.Is(err, store.ErrNotFound) {
			kept, err := tx.Documents(ctx, owner, "")
			if err != nil {
				return err
			}
			if len(kept) >= mostDocuments {
				return failure(Unavailable, AboutLimit, "too many documents: at most %d", mostDocuments)
			}
		} else if err != nil {
			return err
		}
		_, err = tx.PutDocument(ctx, store.Document{Owner: owner, Name: name, Body: body})
		return err
	})
}

func documentsOf(id *Identity) store.Owner {
	return store.Owner{Realm: id.Realm, Kind: store.OwnerUser, ID: id.User}
}

// view and within run f over the store, and make presentable what it fails with.
func (h *Hub) view(ctx context.Context, verb string, s *Session, f func(store.Records) error) error {
	return h.stored(verb, s, h.store.View(ctx, f))
}

func (h *Hub) within(ctx context.Context, verb string, s *Session, f func(store.Records) error) error {
	return h.stored(verb, s, h.store.Within(ctx, f))
}

// stored says the store's errors in the core's words.
func (h *Hub) stored(verb string, s *Session, err error) error {
	var known *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, store.ErrNotFound):
		return failure(NotFound, AboutRequest, "there is no such thing")
	case errors.Is(err, store.ErrConflict):
		return failure(Conflict, AboutName, "the id is in use already")
	case errors.Is(err, store.ErrInvalid):
		return failure(Invalid, AboutValue, "%v", err)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		h.log.Error("the store cannot be used", "verb", verb, "session", s.id, "error", err)
		return failure(Unavailable, AboutRequest, "nothing can be stored now, try again later")
	}
	return h.asError(verb, s, err)
}

// noStore keeps nothing; it stands in where there is no store.
type noStore struct{}

func (noStore) View(context.Context, func(store.Records) error) error   { return errNoStore }
func (noStore) Within(context.Context, func(store.Records) error) error { return errNoStore }

var errNoStore = failure(Unavailable, AboutRequest, "nothing is stored here")

func user(u store.User) User {
	return User{ID: u.ID, Section: SectionID{u.Realm, u.Project}, Name: u.Name, Data: u.Data,
		Elsewhere: u.Origin == store.OriginLDAP, Disabled: u.Disabled}
}

func role(r store.Role) Role {
	return Role{ID: r.ID, Section: SectionID{r.Realm, r.Project}, Name: r.Name, Data: r.Data}
}
