// Package demo makes the demonstration data that a new server starts with: the
// default realm with an operations room, and a few rooms that guests may use. It
// owns what that data is, and nothing of how it is kept or used. Its functions
// are called once each, before anything else uses the store.
package demo

import (
	"context"
	"errors"
	"fmt"

	"switchboard/internal/store"
)

// realm is the realm that exists out of the box, core.DefaultRealm.
const realm = "default"

// Password is that of every user of the demonstration. Everybody knows it, so it
// is for servers that only their own machine can reach.
const Password = "switchboard"

// Seed makes the demonstration data, unless somebody has used the store already:
// what was removed must not come back. It tells whether it did. Two servers may try at once; one does. hash is how [Password] is kept;
// nil gives the users no password, so that nobody can log in as them.
func Seed(ctx context.Context, s store.Store, hash func(password string) (string, error)) (seeded bool, err error) {
	encoded := ""
	if hash != nil {
		if encoded, err = hashOnce(ctx, s, hash); err != nil || encoded == "" {
			return false, err
		}
	}
	err = s.Within(ctx, func(tx store.Records) error {
		seeded = false // of an earlier try of this transaction
		if used, err := used(ctx, tx); err != nil || used {
			return err
		}
		if err := write(ctx, tx, encoded); err != nil {
			return err
		}
		seeded = true
		return nil
	})
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("make demonstration data: %w", err)
	}
	return seeded, nil
}

// hashOnce hashes the password if it is going to be needed. That is slow, so it
// is not done within the transaction, and one hash is good for all.
func hashOnce(ctx context.Context, s store.Store, hash func(string) (string, error)) (string, error) {
	if used, err := used(ctx, s); err != nil || used {
		return "", err
	}
	return hash(Password)
}

// used tells whether there is anything in the store, or was.
func used(ctx context.Context, s store.Records) (bool, error) {
	realms, err := s.Realms(ctx)
	if err != nil || len(realms) > 0 {
		return true, err
	}
	entries, err := s.AuditEntries(ctx, store.AuditQuery{Limit: 1})
	return len(entries) > 0, err
}

func write(ctx context.Context, tx store.Records, encoded string) error {
	if _, err := tx.CreateRealm(ctx, store.Realm{ID: realm, Name: "Demonstration"}); err != nil {
		return err
	}
	for _, r := range openRooms() {
		if _, err := tx.CreateRoom(ctx, r); err != nil {
			return err
		}
	}
	if err := writeLoops(ctx, tx); err != nil {
		return err
	}
	if err := writeRoles(ctx, tx); err != nil {
		return err
	}
	return writeUsers(ctx, tx, encoded)
}

// openRooms are those that guests may use.
func openRooms() []store.Room {
	open := store.Room{
		Realm: realm, Media: store.MediaServer, Listening: store.ListeningForward,
		Guests: store.AccessTalk, Members: store.AccessTalk,
	}
	lobby, studio := open, open
	lobby.ID, lobby.Name = "lobby", "Lobby"
	studio.ID, studio.Name = "studio", "Studio"
	return []store.Room{lobby, studio}
}

// Withdraw takes the well-known password from whoever still has it, and ends
// what they are logged in to: for a server that others can reach. right tells
// whether an encoded password is the one given. It returns whose it was.
func Withdraw(ctx context.Context, s store.Store, right func(encoded, password string) (bool, error)) (users []string, err error) {
	for _, u := range operators() {
		encoded, err := s.Password(ctx, realm, u.id)
		if errors.Is(err, store.ErrNotFound) || encoded == "" {
			continue
		}
		if err != nil {
			return users, fmt.Errorf("withdraw demonstration password: %w", err)
		}
		if known, err := right(encoded, Password); err != nil || !known {
			if err != nil {
				return users, fmt.Errorf("withdraw demonstration password: %w", err)
			}
			continue
		}
		err = s.Within(ctx, func(tx store.Records) error {
			if err := tx.ReplacePassword(ctx, realm, u.id, encoded, ""); err != nil {
				return err
			}
			_, err := tx.DeleteLogins(ctx, store.LoginFilter{Realm: realm, User: u.id})
			return err
		})
		if err != nil && !errors.Is(err, store.ErrConflict) { // then they have a new one
			return users, fmt.Errorf("withdraw demonstration password: %w", err)
		}
		users = append(users, u.id)
	}
	return users, nil
}
