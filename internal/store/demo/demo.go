// Package demo makes the demonstration data that a new server starts with: the
// default realm and a few rooms that guests may use. It owns what that data is,
// and nothing of how it is kept or used. Seed is called once, before anything
// else uses the store.
package demo

import (
	"context"
	"errors"
	"fmt"

	"switchboard/internal/store"
)

// realm is the realm that exists out of the box, core.DefaultRealm.
const realm = "default"

// Seed makes the demonstration data, unless the store has a realm
// already: what somebody has removed must not come back. It tells whether it
// did. Two servers may try at once; one does.
func Seed(ctx context.Context, s store.Store) (seeded bool, err error) {
	err = s.Within(ctx, func(tx store.Records) error {
		seeded = false // of an earlier try of this transaction
		realms, err := tx.Realms(ctx)
		if err != nil || len(realms) > 0 {
			return err
		}
		if _, err := tx.CreateRealm(ctx, store.Realm{ID: realm, Name: "Demonstration"}); err != nil {
			return err
		}
		for _, r := range rooms() {
			if _, err := tx.CreateRoom(ctx, r); err != nil {
				return err
			}
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

func rooms() []store.Room {
	open := store.Room{
		Realm: realm, Media: store.MediaServer, Listening: store.ListeningForward,
		Guests: store.AccessTalk, Members: store.AccessTalk,
	}
	lobby, studio := open, open
	lobby.ID, lobby.Name = "lobby", "Lobby"
	studio.ID, studio.Name = "studio", "Studio"
	return []store.Room{lobby, studio}
}
