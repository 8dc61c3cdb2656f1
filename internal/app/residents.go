package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"switchboard/internal/auth"
	"switchboard/internal/auth/passkey"
	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/omikron"
	"switchboard/internal/socket"
	"switchboard/internal/store"
)

func (s *server) omikron(terms socket.Terms) ([]dialect.Dialect, error) {
	c := s.Config.Dialects.Omikron
	o := omikron.Options{Hub: s.hub, Exchange: core.NewExchange(s.hub, core.DefaultExchangeLimits()), Directory: s.residents(),
		Linger: c.Linger, Media: carrier(c.Media), MostMembers: c.Members, LegacyClients: c.LegacyClients, LegacyIotas: c.LegacyIotas,
		Guard: auth.NewGuesses(), Registration: c.Registration, Origin: terms.Origin, Remote: s.sockets.Remote}
	if c.PasskeyDomain != "" {
		site, err := passkey.New(c.PasskeyDomain, c.PasskeyDomain)
		if err != nil {
			return nil, err
		}
		o.Passkeys = site
	}
	return omikron.New(o), nil
}

// residents is the directory of users and Iotas, here or elsewhere.
func (s *server) residents() omikron.Directory {
	c := s.Config.Dialects.Omikron
	if c.AuthURL == "" {
		return omikron.NewEmbedded(records{s.store})
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: 16, IdleConnTimeout: time.Minute}}
	s.opened("the connections to the auth server", func() error {
		client.CloseIdleConnections()
		return nil
	})
	return &omikron.Remote{Client: client, URL: c.AuthURL, ID: c.AuthID.Reveal(), Memory: newMemory(100_000)}
}

// records keeps the texts of a dialect's directory as documents of the default
// realm.
type records struct{ store store.Store }

// Within implements [omikron.Records].
func (r records) Within(ctx context.Context, f func(omikron.Texts) error) error {
	return r.store.Within(ctx, func(tx store.Records) error { return f(texts{ctx, tx}) })
}

type texts struct {
	ctx context.Context // of the transaction
	tx  store.Records
}

var keeper = store.Owner{Realm: core.DefaultRealm, Kind: store.OwnerRealm}

// Text implements [omikron.Texts].
func (t texts) Text(name string) (string, error) {
	d, err := t.tx.Document(t.ctx, keeper, name)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return d.Body, err
}

// SetText implements [omikron.Texts].
func (t texts) SetText(name, text string) error {
	if text != "" {
		_, err := t.tx.PutDocument(t.ctx, store.Document{Owner: keeper, Name: name, Body: text})
		return err
	}
	if err := t.tx.DeleteDocument(t.ctx, keeper, name); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// Resident is a user of a home server, for the command line.
type Resident struct {
	User       string `json:"user_id"` // a UUID
	Name       string `json:"username"`
	Iota       string `json:"iota_id"` // a UUID
	PublicKey  string `json:"public_key"`
	KeyHash    string `json:"key_hash"` // of the private key: 64 hex digits
	ResetToken string `json:"reset_token"`
	Display    string `json:"display"`
}

// AddResidents makes users of home servers, in order, for the command line. It
// returns how many were made before the first failure. A server that runs on
// the same store knows them at once.
func AddResidents(ctx context.Context, c *config.Config, all []Resident) (made int, err error) {
	err = withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		d := omikron.NewEmbedded(records{st})
		for _, r := range all {
			if err := d.Add(ctx, omikron.Register(r), time.Now()); err != nil {
				return err
			}
			made++
		}
		return nil
	})
	return made, err
}

// SetIotaSecret gives an Iota another secret, "" none, for the command line.
func SetIotaSecret(ctx context.Context, c *config.Config, iota, secret string) error {
	return withStore(ctx, c, func(st store.Store, _ *auth.Hasher) error {
		return omikron.NewEmbedded(records{st}).SetIotaSecret(ctx, iota, secret)
	})
}
