package app

import (
	"context"
	"errors"
	"os"

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
		s.Log.Info("made demonstration rooms")
	}
	return nil
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
	if seeded, err = demo.Seed(ctx, opened); err != nil {
		return nil, false, errors.Join(err, opened.Close())
	}
	return opened, seeded, nil
}

// gate makes the place where people prove who they are.
func (s *server) gate() (*auth.Gate, error) {
	var tokens *auth.Tokens
	if t := s.Config.Tokens; t.HS256Secret.IsSet() {
		made, err := auth.NewTokens(auth.TokenOptions{Secret: []byte(t.HS256Secret.Reveal()), Issuer: t.Issuer, Audience: t.Audience})
		if err != nil {
			return nil, err
		}
		tokens = made
	}
	return auth.New(auth.Options{Store: s.store, Hasher: auth.NewHasher(auth.DefaultCost(), 0), Tokens: tokens, Log: s.Log}), nil
}

// openRooms opens the rooms that stay.
func (s *server) openRooms(ctx context.Context) error { return s.hub.Load(ctx) }

// AddUser creates a user, for the command line. A server that runs on the same
// store knows the user at once.
func AddUser(ctx context.Context, c *config.Config, u store.User, password string) error {
	return withStore(ctx, c, func(st store.Store, h *auth.Hasher) error {
		return auth.AddUser(ctx, st, h, core.Actor{}, u, password)
	})
}

// SetPassword gives a user another password, for the command line.
func SetPassword(ctx context.Context, c *config.Config, realm, user, password string) error {
	return withStore(ctx, c, func(st store.Store, h *auth.Hasher) error {
		return auth.SetPassword(ctx, st, h, core.Actor{}, realm, user, password)
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
