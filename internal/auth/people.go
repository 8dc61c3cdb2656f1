package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

// MinPasswordRunes is how many characters a new password has at least.
const MinPasswordRunes = 8

// AddUser creates a user with a password, notes it in the audit log, and does what
// else is given, in one transaction. A user of a directory has none: then password must be empty. The
// default realm is made when it is missing. The user exists already:
// [store.ErrConflict]; the realm does not: [store.ErrNotFound]; the user or the
// password cannot be: an error that says why.
func AddUser(ctx context.Context, s store.Store, h *Hasher, by core.Actor, u store.User, password string,
	also ...func(tx store.Records) error) error {
	if u.Realm == "" {
		u.Realm = core.DefaultRealm
	}
	if _, err := u.Valid(); err != nil {
		return err
	}
	var encoded string
	if u.Origin == store.OriginLDAP {
		if password != "" {
			return errPasswordElsewhere
		}
	} else {
		var err error
		if encoded, err = hashNew(ctx, h, u.ID, password); err != nil {
			return err
		}
	}
	return s.Within(ctx, func(tx store.Records) error {
		if u.Realm == core.DefaultRealm {
			_, err := tx.CreateRealm(ctx, store.Realm{ID: core.DefaultRealm})
			if err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
		if _, err := tx.CreateUser(ctx, u); err != nil {
			return err
		}
		if err := tx.SetPassword(ctx, u.Realm, u.ID, encoded); err != nil {
			return err
		}
		for _, f := range also {
			if err := f(tx); err != nil {
				return err
			}
		}
		return note(ctx, tx, by, u.Realm, "user.create", u.ID)
	})
}

// SetPassword gives a user a new password, makes the keys of all their clients
// void, and notes it in the audit log, in one transaction. No such user:
// [store.ErrNotFound]; a user of a directory: an error of kind Conflict.
func SetPassword(ctx context.Context, s store.Store, h *Hasher, by core.Actor, realm, user, password string) error {
	if realm == "" {
		realm = core.DefaultRealm
	}
	encoded, err := hashNew(ctx, h, user, password)
	if err != nil {
		return err
	}
	return s.Within(ctx, func(tx store.Records) error {
		u, err := tx.User(ctx, realm, user)
		if err != nil {
			return err
		}
		if u.Origin != store.OriginLocal {
			return errPasswordElsewhere
		}
		if err := tx.SetPassword(ctx, realm, user, encoded); err != nil {
			return err
		}
		if _, err := tx.DeleteLogins(ctx, store.LoginFilter{Realm: realm, User: user}); err != nil {
			return err
		}
		return note(ctx, tx, by, realm, "user.password", user)
	})
}

var errPasswordElsewhere = &core.Error{Kind: core.Conflict, Subject: core.AboutRequest,
	Text: "the directory keeps this user's password"}

// hashNew hashes a password that somebody has chosen, if it is good enough.
func hashNew(ctx context.Context, h *Hasher, user, password string) (string, error) {
	var problem string
	switch {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		problem = "the password contains characters that cannot be typed"
	case utf8.RuneCountInString(password) < MinPasswordRunes:
		problem = fmt.Sprintf("the password has fewer than %d characters", MinPasswordRunes)
	case len(password) > MaxPasswordBytes:
		problem = fmt.Sprintf("the password is longer than %d bytes", MaxPasswordBytes)
	case strings.EqualFold(password, user):
		problem = "the password is the user's name"
	default:
		return h.Hash(ctx, password)
	}
	return "", &core.Error{Kind: core.Invalid, Subject: core.AboutRequest, Text: problem}
}

// note appends an audit entry about something done.
func note(ctx context.Context, a store.Audit, by core.Actor, realm, action, target string) error {
	_, err := a.AppendAudit(ctx, store.AuditEntry{
		At: time.Now(), Realm: realm, Actor: by.User, Action: action, Target: target, Remote: address(by.Remote),
	})
	return err
}

// address returns an address for the audit log.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

// plain makes a name that a client has sent fit for the audit log, which takes
// names of a certain form only.
func plain(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, name)
	if len(name) > store.MaxID {
		name = strings.ToValidUTF8(name[:store.MaxID-3], "") + "…"
	}
	return name
}
