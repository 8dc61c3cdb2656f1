// Package auth turns proofs of identity, which are passwords, login keys and
// signed tokens, into a [core.Identity]. It owns how passwords are hashed, how
// guessing is slowed down, what clients keep to log in again, and which tokens
// and directories are believed.
//
// A [Gate] and everything it is made of may be used by any goroutine. Checking
// a password is slow on purpose and may wait for its turn, so nobody calls it
// under a lock. This package must not know a protocol of clients, a socket or a
// database; no password, token, key or hash ever leaves it in an error or a log.
package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

// Options are what a Gate is made of.
type Options struct {
	Store  store.Store
	Hasher *Hasher
	Log    *slog.Logger
	Tokens *Tokens // nil: no token is believed
	// LDAP directories check the passwords of users whose passwords are not kept
	// here, by realm.
	LDAP map[string]*LDAP
	// LoginLifetime is how long a login key is good for unless it is renewed; 0
	// means an hour.
	LoginLifetime time.Duration
	// AuditLifetime is how long audit entries are kept; 0 means for ever.
	AuditLifetime time.Duration
}

// Gate is where people prove who they are. It implements [core.Authenticator],
// [core.LoginKeys] and [core.Accounts].
type Gate struct {
	Options
	throttle *throttle
	counts   struct{ admitted, denied, throttled, unavailable atomic.Int64 }
}

var (
	_ core.Authenticator = (*Gate)(nil)
	_ core.LoginKeys     = (*Gate)(nil)
	_ core.Accounts      = (*Gate)(nil)
)

// Counts are what a Gate has answered since it was made.
type Counts struct {
	Admitted    int64 // let in, by whichever proof
	Denied      int64 // wrong proofs
	Throttled   int64 // not looked at, after too many wrong passwords
	Unavailable int64 // could not be checked: too many at once, or a store, directory or publisher of keys that is gone
}

// Counts returns how many have been let in and how many not, and why.
func (g *Gate) Counts() Counts {
	return Counts{
		Admitted: g.counts.admitted.Load(), Denied: g.counts.denied.Load(),
		Throttled: g.counts.throttled.Load(), Unavailable: g.counts.unavailable.Load(),
	}
}

// count counts an answer. Failures of ours are neither here nor there.
func (g *Gate) count(err error) {
	var e *core.Error
	switch {
	case err == nil:
		g.counts.admitted.Add(1)
	case !errors.As(err, &e):
	case e.Kind == core.Denied:
		g.counts.denied.Add(1)
	case e.Kind == core.Unavailable && e.Subject == core.AboutLimit:
		g.counts.throttled.Add(1)
	case e.Kind == core.Unavailable:
		g.counts.unavailable.Add(1)
	}
}

// New makes a Gate. Store, Hasher and Log must be set.
func New(o Options) *Gate {
	if o.LoginLifetime == 0 {
		o.LoginLifetime = defaultLoginLifetime
	}
	return &Gate{Options: o, throttle: newThrottle(throttleEntries)}
}

const (
	// sweepEvery is how often what has expired is removed from the store. Until
	// then it is not believed either.
	sweepEvery = 10 * time.Minute
	// auditTime is how long noting a login may hold it up.
	auditTime = 5 * time.Second
)

// Run removes what has expired from the store, and gives back what memory hashes
// took, until ctx ends. It returns nil then. App runs it once.
func (g *Gate) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { g.Hasher.giveBack(ctx, debug.FreeOSMemory) })
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		g.sweep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (g *Gate) sweep(ctx context.Context) {
	now := time.Now()
	_, err := g.Store.DeleteLogins(ctx, store.LoginFilter{Before: now})
	if err == nil && g.AuditLifetime > 0 {
		_, err = g.Store.PruneAudit(ctx, now.Add(-g.AuditLifetime))
	}
	if err != nil && ctx.Err() == nil {
		g.Log.Error("what has expired was not removed from the store", "error", err)
	}
}

// Authenticate checks the token if there is one, else user and password, which
// may also be a token that vouches for this user. Whom a token vouches for
// without naming roles has those that the store gives them, and nobody is let in
// whom the store says may not log in. It may wait as long as ctx allows. Its errors are of kind Denied for a wrong proof,
// without saying what is wrong with it, and Unavailable after too many wrong
// passwords or when the server cannot tell now. With an empty realm it is the
// one where alone there is such a user, or else [core.DefaultRealm]. The remote
// address may be the zero value; then only the user counts in slowing guesses
// down.
func (g *Gate) Authenticate(ctx context.Context, c core.Credentials, remote netip.Addr) (core.Identity, error) {
	id, err := g.authenticate(ctx, c, remote)
	if err != nil {
		id, err = core.Identity{}, g.clientError("log in", err)
	}
	g.count(err)
	return id, err
}

func (g *Gate) authenticate(ctx context.Context, c core.Credentials, remote netip.Addr) (core.Identity, error) {
	if c.Token != "" {
		if g.Tokens == nil {
			return core.Identity{}, denied("tokens are not accepted here")
		}
		return g.byToken(ctx, c.Token, remote)
	}
	if g.Tokens != nil && strings.Count(c.Password, ".") == 2 { // it has the form of a token
		id, err := g.Tokens.Verify(ctx, c.Password)
		if err == nil && id.User == c.User && (c.Realm == "" || c.Realm == id.Realm) {
			return g.byToken(ctx, c.Password, remote)
		}
	}
	if c.Realm == "" {
		var err error
		if c.Realm, err = g.realm(ctx, c.User); err != nil {
			return core.Identity{}, err
		}
	}
	return g.password(ctx, c, remote)
}

// byToken returns whom a token vouches for.
func (g *Gate) byToken(ctx context.Context, token string, remote netip.Addr) (core.Identity, error) {
	id, err := g.Tokens.Verify(ctx, token)
	if err != nil {
		return id, err
	}
	user, err := g.Store.User(ctx, id.Realm, id.User)
	switch {
	case err == nil && user.Disabled:
		return core.Identity{}, denied("this user may not log in")
	case err == nil && len(id.Roles) == 0:
		known, err := identity(ctx, g.Store, id.Realm, id.User)
		if err != nil {
			return core.Identity{}, err
		}
		known.Rooms, known.Display = id.Rooms, cmp.Or(id.Display, known.Display)
		id = known
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return core.Identity{}, fmt.Errorf("look up user: %w", err)
	}
	g.audit(ctx, id.Realm, id.User, remote, store.OutcomeDone, "by token")
	return id, nil
}

// realm returns where a user who names none belongs.
func (g *Gate) realm(ctx context.Context, user string) (string, error) {
	if user == "" {
		return core.DefaultRealm, nil // an empty filter would be everybody
	}
	namesakes, err := g.Store.Users(ctx, store.Filter{ID: user})
	if err != nil {
		return "", fmt.Errorf("look up user: %w", err)
	}
	if len(namesakes) == 1 {
		return namesakes[0].Realm, nil
	}
	return core.DefaultRealm, nil
}

func (g *Gate) password(ctx context.Context, c core.Credentials, remote netip.Addr) (core.Identity, error) {
	attempt, wait := g.throttle.attempt(c.Realm, c.User, remote)
	if wait > 0 {
		seconds := (wait + time.Second - 1) / time.Second
		return core.Identity{}, &core.Error{Kind: core.Unavailable, Subject: core.AboutLimit,
			Text: fmt.Sprintf("too many wrong passwords, try again in %d s", seconds)}
	}
	right, err := g.checkPassword(ctx, c)
	var id core.Identity
	if err == nil && right {
		id, err = identity(ctx, g.Store, c.Realm, c.User)
	}
	if err != nil {
		attempt.undecided()
		return id, err
	}
	if !right {
		attempt.failed()
		g.audit(ctx, c.Realm, c.User, remote, store.OutcomeDenied, "")
		return id, denied("wrong user or password")
	}
	attempt.succeeded()
	g.audit(ctx, c.Realm, c.User, remote, store.OutcomeDone, "")
	return id, nil
}

// checkPassword tells whether the user exists, may log in, and has this
// password. It takes as long for a user who does not as for one who does.
func (g *Gate) checkPassword(ctx context.Context, c core.Credentials) (right bool, err error) {
	user, err := g.Store.User(ctx, c.Realm, c.User)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("look up user: %w", err)
	}
	directory := g.LDAP[c.Realm]
	if directory != nil && (!known || user.Origin == store.OriginLDAP) {
		return g.checkDirectory(ctx, directory, c, user, known)
	}
	var encoded string
	if known && !user.Disabled && user.Origin == store.OriginLocal {
		if encoded, err = g.Store.Password(ctx, c.Realm, c.User); err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, fmt.Errorf("look up password: %w", err)
		}
	}
	right, fresh, err := g.Hasher.Check(ctx, encoded, c.Password)
	if err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	if fresh != "" {
		g.rehash(ctx, user, encoded, fresh)
	}
	return right, nil
}

// checkDirectory asks the directory. Who logs in for the first time becomes a
// user, so that they can have roles.
func (g *Gate) checkDirectory(ctx context.Context, d *LDAP, c core.Credentials, user store.User, known bool) (right bool, err error) {
	if !known {
		if can, err := g.canBecomeUser(ctx, c.Realm, c.User); err != nil || !can {
			return false, err
		}
	}
	if right, err = d.Check(ctx, c.User, c.Password); err != nil || !right || user.Disabled {
		return false, err
	}
	if !known {
		_, err = g.Store.CreateUser(ctx, store.User{Realm: c.Realm, ID: c.User, Origin: store.OriginLDAP})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return false, fmt.Errorf("keep user of directory: %w", err)
		}
	}
	return true, nil
}

// canBecomeUser tells whether a name of the directory may become a user by
// logging in. Directories take "ada", "ADA" and "ada " for one person, and we do
// not: without this rule each form would be a user of its own, and disabling one
// would leave the others. Other names can be added by hand or by import.
func (g *Gate) canBecomeUser(ctx context.Context, realm, name string) (bool, error) {
	if name == "" || len(name) > store.MaxID || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._@-") != "" {
		return false, nil
	}
	users, err := g.Store.Users(ctx, store.Filter{Realm: realm})
	if err != nil {
		return false, fmt.Errorf("look up users: %w", err)
	}
	return !slices.ContainsFunc(users, func(u store.User) bool {
		return strings.EqualFold(strings.Join(strings.Fields(u.ID), " "), name)
	}), nil
}

// rehash replaces a hash of an old kind. The login that made it possible goes
// through even when it fails, since the next one will try again.
func (g *Gate) rehash(ctx context.Context, u store.User, old, fresh string) {
	err := g.Store.ReplacePassword(ctx, u.Realm, u.ID, old, fresh)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		g.Log.Warn("password was not hashed anew", "realm", u.Realm, "user", u.ID, "error", err)
	}
}

// audit notes a login. A log that cannot be written keeps nobody out: when the
// disk is full, people must still be able to talk.
func (g *Gate) audit(ctx context.Context, realm, user string, remote netip.Addr, outcome store.Outcome, how string) {
	e := store.AuditEntry{
		At: time.Now(), Realm: plain(realm), Action: "login", Target: plain(user), Outcome: outcome, Remote: address(remote), Detail: how,
	}
	if outcome == store.OutcomeDone {
		e.Actor = e.Target // else it is only who they said they were
	}
	// Who hangs up at once is noted too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
	defer cancel()
	if _, err := g.Store.AppendAudit(ctx, e); err != nil {
		g.Log.Error("login was not noted in the audit log", "realm", realm, "error", err)
	}
}

// clientError returns what the caller of a verb is told: the bare [core.Error] if
// there is one in the chain, Unavailable when the client should come back later,
// whose cause is for the log only, or else a failure of ours as it is.
func (g *Gate) clientError(verb string, err error) error {
	var e *core.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		g.Log.Error("nobody can be let in", "verb", verb, "error", err)
		return unavailable("logging in is not possible now")
	}
	return fmt.Errorf("%s: %w", verb, err)
}

func denied(text string) error {
	return &core.Error{Kind: core.Denied, Subject: core.AboutPermission, Text: text}
}

func unavailable(text string) error {
	return &core.Error{Kind: core.Unavailable, Subject: core.AboutRequest, Text: text}
}
