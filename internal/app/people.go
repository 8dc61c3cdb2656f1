package app

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"switchboard/internal/auth"
	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/store"
	"switchboard/internal/store/demo"
	"switchboard/internal/store/sql"
)

// openStore opens the database and, when it is new, fills in what one starts
// with.
func (s *server) openStore(ctx context.Context) error {
	opened, seeded, err := openStore(ctx, s.Config)
	if err != nil {
		return err
	}
	s.store = opened
	s.opened("the store", opened.Close)
	s.health.Add("store", opened.Ready)
	if seeded {
		s.Log.Info("made demonstration rooms and users")
	}
	if private(s.Config) {
		return nil
	}
	// Somebody who tried the server on one machine may open it to others later.
	users, err := demo.Withdraw(ctx, opened, isPassword(ctx))
	if len(users) > 0 {
		s.Log.Warn("users of the demonstration have no password any more, since others can reach the server", "users", users)
	}
	return err
}

// openStore opens the database as the server and the command line both find it,
// whichever comes first. It tells whether it was new.
func openStore(ctx context.Context, c *config.Config) (opened store.Store, seeded bool, err error) {
	if opened, err = sql.Open(ctx, c.Store.Where(c.Data)); err != nil {
		return nil, false, err
	}
	if !c.Demo {
		return opened, false, nil
	}
	var hash func(string) (string, error)
	if private(c) { // elsewhere a password that everybody knows lets everybody in
		hash = func(password string) (string, error) {
			return auth.NewHasher(auth.DefaultCost(), 1).Hash(ctx, password)
		}
	}
	if seeded, err = demo.Seed(ctx, opened, hash); err != nil {
		return nil, false, errors.Join(err, opened.Close())
	}
	return opened, seeded, nil
}

func isPassword(ctx context.Context) func(encoded, password string) (bool, error) {
	return func(encoded, password string) (bool, error) {
		right, _, err := auth.NewHasher(auth.DefaultCost(), 1).Check(ctx, encoded, password)
		return right, err
	}
}

// operators lists who can log in with the password of the demonstration.
func (s *server) operators(ctx context.Context) []string {
	if !private(s.Config) {
		return nil
	}
	all := demo.Operators()
	encoded, err := s.store.Password(ctx, core.DefaultRealm, all[0])
	if err != nil || encoded == "" {
		return nil
	}
	if known, err := isPassword(ctx)(encoded, demo.Password); err != nil || !known {
		return nil
	}
	return all
}

// openGate makes the place where people prove who they are.
func (s *server) openGate() (*auth.Gate, error) {
	tokens, err := tokens(s.Config.Tokens)
	if err != nil {
		return nil, err
	}
	directories := map[string]*auth.LDAP{}
	for _, c := range s.Config.LDAP {
		realm := cmp.Or(c.Realm, core.DefaultRealm)
		if directories[realm], err = directory(c); err != nil {
			return nil, fmt.Errorf("directory of %s: %w", realm, err)
		}
	}
	return auth.New(auth.Options{Store: s.store, Hasher: auth.NewHasher(auth.DefaultCost(), 0), Tokens: tokens, LDAP: directories,
		LoginLifetime: s.Config.Logins.Lifetime, AuditLifetime: s.Config.Logins.AuditLifetime, Log: s.Log}), nil
}

// tokens makes what believes signed tokens, or nil.
func tokens(c config.Tokens) (*auth.Tokens, error) {
	if !c.Believed() {
		return nil, nil
	}
	return auth.NewTokens(auth.TokenOptions{Secret: []byte(c.HS256Secret.Reveal()), KeysURL: c.KeysURL, Issuer: c.Issuer, Audience: c.Audience})
}

func directory(c config.LDAP) (*auth.LDAP, error) {
	o := auth.LDAPOptions{URL: c.URL, StartTLS: c.StartTLS, AllowPlain: c.AllowPlain, UserDN: c.UserDN, Timeout: c.Timeout, AtOnce: c.Connections}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, err
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.CAFile)
		}
	}
	return auth.NewLDAP(o)
}

// watchEvery is how often the server looks whether the command line has changed
// anything.
const watchEvery = 5 * time.Second

// openRooms opens the rooms that stay.
func (s *server) openRooms(ctx context.Context) error {
	if err := s.hub.Load(ctx); err != nil {
		return err
	}
	s.run("following changes of the store", func(ctx context.Context) error { return s.hub.Watch(ctx, watchEvery) })
	return nil
}
