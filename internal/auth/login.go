package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

func newKey() core.LoginKey {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return core.LoginKey(hex.EncodeToString(b[:]))
}

// hashed returns what the store keeps of a key. A fast hash is enough, since there is
// nothing to guess.
func hashed(k core.LoginKey) string {
	sum := sha256.Sum256([]byte(k))
	return hex.EncodeToString(sum[:])
}

const (
	// defaultLoginLifetime is how long a key is good for since the login or its
	// last renewal.
	defaultLoginLifetime = time.Hour
	// supersededLifetime is how long a key stays good after it has been exchanged
	// for a new one: the answer with the new one may be lost on the way, and
	// several windows of one browser may share a key.
	supersededLifetime = 5 * time.Minute
	// loginsPerUser bounds what a user's clients can make the store keep.
	loginsPerUser = 64
)

// Remember implements [core.LoginKeys]. Who comes by a token alone is remembered
// by the token.
func (g *Gate) Remember(ctx context.Context, id core.Identity, client string) (core.LoginKey, error) {
	if client == "" {
		return "", &core.Error{Kind: core.Invalid, Subject: core.AboutRequest, Text: "no client named"}
	}
	key := newKey()
	if err := g.Store.CreateLogin(ctx, g.login(key, id.Realm, id.User, client), loginsPerUser); err != nil {
		return "", g.clientError("remember login", err)
	}
	return key, nil
}

func (g *Gate) login(k core.LoginKey, realm, user, client string) store.Login {
	now := time.Now()
	return store.Login{Hash: hashed(k), Realm: realm, User: user, Client: client, Created: now, Expires: now.Add(g.LoginLifetime)}
}

// Resume implements [core.LoginKeys]. The old key stays good for five minutes. It fails with Denied when the key is unknown or
// expired, belongs to another user or client, or the user may not log in any
// more. An empty realm is whichever the key was given in.
func (g *Gate) Resume(ctx context.Context, realm, user, client string, key core.LoginKey, remote netip.Addr) (core.Identity, core.LoginKey, error) {
	// Nearly all that is no key at all, such as a password that is tried as one
	// first, is known by its form, so that it costs the store nothing; nor is it a
	// wrong proof yet.
	if len(key) != hex.EncodedLen(16) {
		return core.Identity{}, "", errNoLogin
	}
	id, fresh, err := g.resume(ctx, realm, user, client, key, remote)
	if err != nil {
		id, fresh, err = core.Identity{}, "", g.clientError("resume login", err)
	}
	g.count(err)
	return id, fresh, err
}

func (g *Gate) resume(ctx context.Context, realm, user, client string, key core.LoginKey, remote netip.Addr) (core.Identity, core.LoginKey, error) {
	fresh := newKey()
	var id core.Identity
	err := g.Store.Within(ctx, func(tx store.Records) error {
		old, err := findLogin(ctx, tx, realm, user, client, key)
		if err != nil {
			return err
		}
		if id, err = identity(ctx, tx, old.Realm, old.User); err != nil {
			return err
		}
		if !old.Superseded {
			old.Superseded = true
			if soon := time.Now().Add(supersededLifetime); soon.Before(old.Expires) {
				old.Expires = soon
			}
			if err := tx.UpdateLogin(ctx, old); err != nil {
				return err
			}
		}
		if err := tx.CreateLogin(ctx, g.login(fresh, old.Realm, old.User, client), loginsPerUser); err != nil {
			return err
		}
		_, err = tx.AppendAudit(ctx, store.AuditEntry{
			At: time.Now(), Realm: old.Realm, Actor: old.User, Action: "login", Target: old.User,
			Remote: address(remote), Detail: "by login key",
		})
		return err
	})
	return id, fresh, err
}

// Renew implements [core.LoginKeys]. It fails with Denied where
// Resume would, and for a key that has been exchanged: whoever still uses that
// must resume, or else a stolen one could be kept alive for ever.
func (g *Gate) Renew(ctx context.Context, realm, user, client string, key core.LoginKey) error {
	err := g.Store.Within(ctx, func(tx store.Records) error {
		l, err := findLogin(ctx, tx, realm, user, client, key)
		if err != nil {
			return err
		}
		if l.Superseded {
			return errNoLogin
		}
		if _, err := identity(ctx, tx, l.Realm, l.User); err != nil {
			return err
		}
		l.Expires = time.Now().Add(g.LoginLifetime)
		return tx.UpdateLogin(ctx, l)
	})
	return g.clientError("renew login", err)
}

// Forget makes all keys of a client of the actor's void, as at logging out.
func (g *Gate) Forget(ctx context.Context, by core.Actor, realm, client string) error {
	if realm == "" || by.User == "" || client == "" {
		return nil // nobody is remembered under no name
	}
	err := g.Store.Within(ctx, func(tx store.Records) error {
		_, err := tx.DeleteLogins(ctx, store.LoginFilter{Realm: realm, User: by.User, Client: client})
		if err != nil {
			return err
		}
		return note(ctx, tx, by, realm, "logout", by.User)
	})
	return g.clientError("forget login", err)
}

// errNoLogin does not say which of the reasons it was.
var errNoLogin = denied("not logged in any more")

// findLogin returns the login that a key stands for, if it is good.
func findLogin(ctx context.Context, tx store.Records, realm, user, client string, key core.LoginKey) (store.Login, error) {
	l, err := tx.Login(ctx, hashed(key))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return l, errNoLogin
	case err != nil:
		return l, err
	case realm != "" && l.Realm != realm, l.User != user, l.Client != client, !time.Now().Before(l.Expires):
		return l, errNoLogin
	}
	return l, nil
}

// identity describes a user who has proved to be one, if they may log in.
func identity(ctx context.Context, r store.Records, realm, id string) (core.Identity, error) {
	user, err := r.User(ctx, realm, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && user.Disabled {
		return core.Identity{}, errNoLogin
	}
	if err != nil {
		return core.Identity{}, err
	}
	members, err := r.Members(ctx, store.Member{Realm: realm, User: id})
	if err != nil {
		return core.Identity{}, err
	}
	who := core.Identity{Realm: realm, User: id, Display: user.Name, Stored: true}
	for _, m := range members {
		who.Roles = append(who.Roles, m.Role)
	}
	return who, nil
}
