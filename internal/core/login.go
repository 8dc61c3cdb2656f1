package core

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"switchboard/internal/store"
)

// LoginKey is what a client keeps to log in again without the password. Who has
// it and knows the client's id is let in, so it is as secret as a password. A
// plain conversion to string gives the text for the client.
type LoginKey string

// String hides the key from logs.
func (LoginKey) String() string { return "[login key]" }

// LogValue hides the key from slog.
func (LoginKey) LogValue() slog.Value { return slog.StringValue("[login key]") }

// Actor is who does something, for the audit log. The zero value is whoever
// sits at the machine.
type Actor struct {
	User   string
	Remote netip.Addr
}

// LoginKeys gives out and takes login keys. Its methods may be slow, and their
// errors are as those of an [Authenticator].
type LoginKeys interface {
	// Remember gives a client a key for a user who has logged in. Somebody whom
	// the store does not know has none: [store.ErrNotFound].
	Remember(ctx context.Context, id Identity, client string) (LoginKey, error)
	// Resume lets a user in by a key and exchanges it for a new one. With an empty
	// realm it is the one that the key was given in.
	Resume(ctx context.Context, realm, user, client string, key LoginKey, remote netip.Addr) (Identity, LoginKey, error)
	// Renew makes a key good for its full time again.
	Renew(ctx context.Context, realm, user, client string, key LoginKey) error
	// Forget makes all keys of a client of the actor's void.
	Forget(ctx context.Context, by Actor, realm, client string) error
}

// Login proves an identity for the session. It returns at once; the outcome is
// a LoginMade event. Places that the session has already are looked at again
// with the new identity's rights.
//
// With Credentials.Client set, LoginMade carries a key for that client. Such a
// key goes into Credentials.Key the next time: it is tried first, and then the
// password, so whoever cannot tell which one they were given sets both.
func (c *Connection) Login(cred Credentials) {
	from := c.from
	c.prove(func(ctx context.Context) (Identity, LoginKey, error) { return c.hub.login(ctx, cred, from) })
}

func (h *Hub) login(ctx context.Context, cred Credentials, from netip.Addr) (Identity, LoginKey, error) {
	if cred.Client != "" && cred.Key != "" {
		id, key, err := h.keys.Resume(ctx, cred.Realm, cred.User, cred.Client, cred.Key, from)
		if KindOf(err) != Denied || cred.Password == "" && cred.Token == "" {
			return id, key, err
		}
	}
	id, err := h.auth.Authenticate(ctx, cred, from)
	if err != nil || cred.Client == "" {
		return id, "", err
	}
	key, err := h.keys.Remember(ctx, id, cred.Client)
	if errors.Is(err, store.ErrNotFound) {
		// They are vouched for by a token, which is also what lets them in again.
		return id, LoginKey(cmp.Or(cred.Token, cred.Password)), nil
	}
	return id, key, err
}

// Prove is Login for those who have another way to find out who somebody is.
// prove runs on a goroutine of the hub's and may be slow; its errors are as
// those of an [Authenticator].
func (c *Connection) Prove(prove func(context.Context) (Identity, error)) {
	c.prove(func(ctx context.Context) (Identity, LoginKey, error) {
		id, err := prove(ctx)
		return id, "", err
	})
}

func (c *Connection) prove(prove func(context.Context) (Identity, LoginKey, error)) {
	s, h := c.session, c.hub
	h.run(h.proofs, func(ctx context.Context) {
		seen := h.changes.Load()
		id, key, err := prove(ctx)
		if err != nil {
			s.post(newEvent(LoginMade{Err: h.asError("login", s, err)}))
			return
		}
		s.become(id)
		if h.changes.Load() != seen { // rights may have changed after prove read them
			h.revise(ctx, id.Realm)
		}
		s.post(newEvent(LoginMade{Identity: s.Identity(), Key: key}))
	})
}

// RenewLogin makes a login key good for its full time again. It may wait. It
// fails with Denied when the key is not good any more, or never was for this
// user and client, and with Unavailable when that cannot be told now.
func (c *Connection) RenewLogin(ctx context.Context, user, client string, key LoginKey) error {
	if err := c.hub.keys.Renew(ctx, "", user, client, key); err != nil {
		return c.hub.asError("renew login", c.session, err)
	}
	return nil
}

// Logout makes the keys of the user's client void and the session a guest's,
// without places. It may wait. It fails with Unavailable, and changes nothing,
// when the keys cannot be made void now.
func (c *Connection) Logout(ctx context.Context, client string) error {
	s := c.session
	id := s.identity.Load()
	if id.User != "" {
		if err := c.hub.keys.Forget(ctx, Actor{id.User, c.from}, id.Realm, client); err != nil {
			return c.hub.asError("log out", s, err)
		}
	}
	for _, p := range s.Participants() {
		p.Leave()
	}
	s.become(*guest())
	return nil
}

// noKeys gives and takes no keys; it stands in where nothing keeps them.
type noKeys struct{}

func (noKeys) Remember(context.Context, Identity, string) (LoginKey, error) { return "", nil }

func (noKeys) Resume(context.Context, string, string, string, LoginKey, netip.Addr) (Identity, LoginKey, error) {
	return Identity{}, "", failure(Denied, AboutPermission, "logging in again is not possible here")
}

func (noKeys) Renew(context.Context, string, string, string, LoginKey) error {
	return failure(Denied, AboutPermission, "logging in again is not possible here")
}

func (noKeys) Forget(context.Context, Actor, string, string) error { return nil }
