// Package auth turns proofs of identity, which are passwords and signed tokens,
// into a [core.Identity]. It owns how passwords are hashed, how guessing is
// slowed down, and which tokens are believed.
//
// A [Gate] and everything it is made of may be used by any goroutine. Checking
// a password is slow on purpose and may wait for its turn, so nobody calls it
// under a lock. This package must not know a protocol, a socket or a database;
// no password, token or hash ever leaves it in an error or a log.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

// Records is what a Gate needs of the store.
type Records interface {
	store.Users
	store.Passwords
	store.Audit
}

// auditTime is how long noting a login may hold it up.
const auditTime = 5 * time.Second

// Options are what a Gate is made of.
type Options struct {
	Records Records
	Hasher  *Hasher
	Tokens  *Tokens // nil: no token is believed
	Log     *slog.Logger
}

// Gate is where people prove who they are. It implements [core.Authenticator].
type Gate struct {
	Options
	throttle *throttle
}

var _ core.Authenticator = (*Gate)(nil)

// New makes a Gate. All options but Tokens must be set.
func New(o Options) *Gate {
	return &Gate{Options: o, throttle: newThrottle(throttleEntries)}
}

// Authenticate checks the token if there is one, else user and password. It may
// wait as long as ctx allows. Its errors are of kind Denied for a wrong proof,
// without saying what is wrong with it, and Unavailable after too many wrong
// passwords or when the server cannot tell now. An empty realm is
// [core.DefaultRealm]. The remote address may be the zero value; then only the
// user counts in slowing guesses down.
func (g *Gate) Authenticate(ctx context.Context, c core.Credentials, remote netip.Addr) (core.Identity, error) {
	if c.Token != "" {
		return g.token(c.Token)
	}
	if c.Realm == "" {
		c.Realm = core.DefaultRealm
	}
	id, err := g.password(ctx, c, remote)
	if err != nil && core.KindOf(err) == 0 {
		switch {
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
			// The client is told to come back; the cause is for the log.
			g.Log.Error("password could not be checked", "realm", c.Realm, "error", err)
			return id, unavailable("logging in is not possible now")
		}
	}
	return id, err
}

func (g *Gate) token(token string) (core.Identity, error) {
	if g.Tokens == nil {
		return core.Identity{}, denied("tokens are not accepted here")
	}
	return g.Tokens.Verify(token)
}

func (g *Gate) password(ctx context.Context, c core.Credentials, remote netip.Addr) (core.Identity, error) {
	attempt, wait := g.throttle.attempt(c.Realm, c.User, remote)
	if wait > 0 {
		seconds := (wait + time.Second - 1) / time.Second
		return core.Identity{}, &core.Error{Kind: core.Unavailable, Subject: core.AboutLimit,
			Text: fmt.Sprintf("too many wrong passwords, try again in %d s", seconds)}
	}
	user, right, err := g.checkPassword(ctx, c)
	if err != nil {
		attempt.undecided()
		return core.Identity{}, err
	}
	if !right {
		g.audit(ctx, c, remote, store.OutcomeDenied)
		return core.Identity{}, denied("wrong user or password")
	}
	attempt.succeeded()
	g.audit(ctx, c, remote, store.OutcomeDone)
	return core.Identity{Realm: user.Realm, User: user.ID, Display: user.Name}, nil
}

// checkPassword tells whether the user exists, may log in, and has this
// password. It takes as long for a user who does not as for one who does.
func (g *Gate) checkPassword(ctx context.Context, c core.Credentials) (user store.User, right bool, err error) {
	user, encoded, err := g.lookUp(ctx, c.Realm, c.User)
	if err != nil {
		return user, false, err
	}
	right, fresh, err := g.Hasher.Check(ctx, encoded, c.Password)
	if err != nil {
		return user, false, fmt.Errorf("check password: %w", err)
	}
	if fresh != "" {
		g.rehash(ctx, user, encoded, fresh)
	}
	return user, right, nil
}

// lookUp returns the user and what their password is checked against: nothing
// for who does not exist or may not log in.
func (g *Gate) lookUp(ctx context.Context, realm, id string) (user store.User, encoded string, err error) {
	user, err = g.Records.User(ctx, realm, id)
	if err == nil {
		encoded, err = g.Records.Password(ctx, realm, id)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.User{}, "", nil
	case err != nil:
		return store.User{}, "", fmt.Errorf("look up user: %w", err)
	case user.Disabled:
		return user, "", nil
	}
	return user, encoded, nil
}

// rehash replaces a hash of an old kind. The login that made it possible goes
// through even when it fails, since the next one will try again.
func (g *Gate) rehash(ctx context.Context, u store.User, old, fresh string) {
	err := g.Records.ReplacePassword(ctx, u.Realm, u.ID, old, fresh)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		g.Log.Warn("password was not hashed anew", "realm", u.Realm, "user", u.ID, "error", err)
	}
}

// audit notes a login. A log that cannot be written keeps nobody out: when the
// disk is full, people must still be able to talk.
func (g *Gate) audit(ctx context.Context, c core.Credentials, remote netip.Addr, outcome store.Outcome) {
	e := store.AuditEntry{
		At: time.Now(), Realm: plain(c.Realm), Action: "login", Target: plain(c.User), Outcome: outcome, Remote: address(remote),
	}
	if outcome == store.OutcomeDone {
		e.Actor = e.Target // else it is only who they said they were
	}
	// Who hangs up at once is noted too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
	defer cancel()
	_, err := g.Records.AppendAudit(ctx, e)
	if err != nil {
		g.Log.Error("login was not noted in the audit log", "realm", c.Realm, "error", err)
	}
}

func denied(text string) error {
	return &core.Error{Kind: core.Denied, Subject: core.AboutPermission, Text: text}
}

func unavailable(text string) error {
	return &core.Error{Kind: core.Unavailable, Subject: core.AboutRequest, Text: text}
}
