package app

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"switchboard/internal/auth"
	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/store"
)

// This file has what the command line does to users and realms. A server that
// runs on the same store follows, see [core.Hub.Watch].

// UserKey names a user; an empty realm is the default one.
type UserKey struct{ Realm, User string }

func (k UserKey) realm() string { return cmp.Or(k.Realm, core.DefaultRealm) }

// AddUser creates a user with roles, maybe as an administrator of the realm.
func AddUser(ctx context.Context, c *config.Config, u store.User, password string, roles []string, admin bool) error {
	key := UserKey{u.Realm, u.ID}
	return withStore(ctx, c, func(st store.Store, h *auth.Hasher) error {
		return auth.AddUser(ctx, st, h, core.Actor{}, u, password, func(tx store.Records) error {
			if admin {
				if err := administer(ctx, tx, key, "", true); err != nil {
					return err
				}
			}
			return act(ctx, tx, key, roles, true)
		})
	})
}

// SetPassword gives a user another password.
func SetPassword(ctx context.Context, c *config.Config, key UserKey, password string) error {
	return withStore(ctx, c, func(st store.Store, h *auth.Hasher) error {
		return auth.SetPassword(ctx, st, h, core.Actor{}, key.realm(), key.User, password)
	})
}

// RemoveUser removes a user.
func RemoveUser(ctx context.Context, c *config.Config, key UserKey) error {
	return withChange(ctx, c, key, func(tx store.Records) error {
		if err := tx.DeleteUser(ctx, key.realm(), key.User); err != nil {
			return err
		}
		return note(ctx, tx, key.realm(), "user.delete", key.User, "")
	})
}

// SetRoles lets a user act in roles, or no more.
func SetRoles(ctx context.Context, c *config.Config, key UserKey, roles []string, member bool) error {
	return withChange(ctx, c, key, func(tx store.Records) error { return act(ctx, tx, key, roles, member) })
}

// SetAdministrator makes a user administrator of a realm or of one of its
// projects, or no more.
func SetAdministrator(ctx context.Context, c *config.Config, key UserKey, project string, is bool) error {
	return withChange(ctx, c, key, func(tx store.Records) error { return administer(ctx, tx, key, project, is) })
}

// UserLine is a user as the command line lists them.
type UserLine struct {
	Realm, ID, Name string
	Roles           []string
	Remark          string
}

// Users lists the users of a realm, or of all.
func Users(ctx context.Context, c *config.Config, realm string) (lines []UserLine, err error) {
	err = withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		return st.View(ctx, func(tx store.Records) error {
			lines = nil
			users, err := tx.Users(ctx, store.Filter{Realm: realm})
			if err != nil {
				return err
			}
			for _, u := range users {
				members, err := tx.Members(ctx, store.Member{Realm: u.Realm, User: u.ID})
				if err != nil {
					return err
				}
				line := UserLine{Realm: u.Realm, ID: u.ID, Name: u.Name, Remark: remark(u)}
				for _, m := range members {
					line.Roles = append(line.Roles, m.Role)
				}
				lines = append(lines, line)
			}
			return nil
		})
	})
	return lines, err
}

func remark(u store.User) string {
	var all []string
	if u.Disabled {
		all = append(all, "may not log in")
	}
	if u.Origin == store.OriginLDAP {
		all = append(all, "from LDAP")
	}
	return strings.Join(all, ", ")
}

// AddRealm makes an empty realm.
func AddRealm(ctx context.Context, c *config.Config, r store.Realm) error {
	return withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		return st.Within(ctx, func(tx store.Records) error {
			if _, err := tx.CreateRealm(ctx, r); err != nil {
				return err
			}
			return note(ctx, tx, r.ID, "realm.create", r.ID, "")
		})
	})
}

// Audit returns entries of the audit log, the newest first.
func Audit(ctx context.Context, c *config.Config, q store.AuditQuery) (entries []store.AuditEntry, err error) {
	err = withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		entries, err = st.AuditEntries(ctx, q)
		return err
	})
	return entries, err
}

// Realms lists all realms.
func Realms(ctx context.Context, c *config.Config) (realms []store.Realm, err error) {
	err = withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		realms, err = st.Realms(ctx)
		return err
	})
	return realms, err
}

// RemoveRealm removes a realm with all that is in it.
func RemoveRealm(ctx context.Context, c *config.Config, realm string) error {
	return withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		return st.Within(ctx, func(tx store.Records) error {
			if err := tx.DeleteRealm(ctx, realm); err != nil {
				return err
			}
			return note(ctx, tx, realm, "realm.delete", realm, "")
		})
	})
}

func act(ctx context.Context, tx store.Records, key UserKey, roles []string, member bool) error {
	for _, role := range roles {
		m := store.Member{Realm: key.realm(), Role: role, User: key.User}
		set, sign := tx.AddMember, "+"
		if !member {
			set, sign = tx.RemoveMember, "-"
		}
		if err := set(ctx, m); err != nil {
			return err
		}
		if err := note(ctx, tx, m.Realm, "role.members", role, sign+key.User); err != nil {
			return err
		}
	}
	return nil
}

func administer(ctx context.Context, tx store.Records, key UserKey, project string, is bool) error {
	a := store.Administrator{Realm: key.realm(), Project: project, User: key.User}
	set, sign := tx.AddAdministrator, "+"
	if !is {
		set, sign = tx.RemoveAdministrator, "-"
	}
	if err := set(ctx, a); err != nil {
		return err
	}
	return note(ctx, tx, a.Realm, "administrators", cmp.Or(project, a.Realm), sign+key.User)
}

// note appends to the audit log what whoever sits at the machine has done.
func note(ctx context.Context, tx store.Records, realm, action, target, detail string) error {
	_, err := tx.AppendAudit(ctx, store.AuditEntry{At: time.Now(), Realm: realm, Action: action, Target: target, Detail: detail})
	return err
}

// withChange does something to a user who must exist, all or nothing.
func withChange(ctx context.Context, c *config.Config, key UserKey, f func(store.Records) error) error {
	return withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		return st.Within(ctx, func(tx store.Records) error {
			if _, err := tx.User(ctx, key.realm(), key.User); err != nil {
				return err
			}
			return f(tx)
		})
	})
}

// withStore opens the store for one thing to be done to it.
func withStore(ctx context.Context, c *config.Config, f func(store.Store, *auth.Hasher) error) (err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	st, _, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return f(st, auth.NewHasher(auth.DefaultCost(), 1))
}
