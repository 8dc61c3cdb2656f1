package sql

import (
	"context"
	"fmt"

	"switchboard/internal/store"
)

const preferenceColumns = `realm, user_id, role_id, room_id, mode, volume`

func scanPreference(s scanner) (p store.Preference, err error) {
	err = s.Scan(&p.Realm, &p.User, &p.Role, &p.Room, &p.Mode, &p.Volume)
	return p, err
}

// SetPreferences implements [store.Preferences].
func (r *records) SetPreferences(ctx context.Context, list []store.Preference) error {
	valid := make([]store.Preference, len(list))
	for i, p := range list {
		var err error
		if valid[i], err = p.Valid(); err != nil {
			return fmt.Errorf("set preferences: %w", err)
		}
	}
	if len(valid) == 0 {
		return nil
	}
	err := r.atomically(ctx, func(r *records) error {
		for _, p := range valid {
			_, err := r.exec(ctx, `INSERT INTO preferences (`+preferenceColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (realm, user_id, role_id, room_id) DO UPDATE SET mode = excluded.mode, volume = excluded.volume`,
				p.Realm, p.User, p.Role, p.Room, string(p.Mode), p.Volume)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set preferences: %w", err)
	}
	return nil
}

// Preferences implements [store.Preferences].
func (r *records) Preferences(ctx context.Context, like store.Preference) ([]store.Preference, error) {
	condition, args := where("realm =", like.Realm, "user_id =", like.User, "role_id =", like.Role, "room_id =", like.Room)
	preferences, err := list(ctx, r, scanPreference, `SELECT `+preferenceColumns+` FROM preferences`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list preferences: %w", err)
	}
	return byKey(preferences, func(p store.Preference) key { return key{p.Realm, p.User, p.Role, p.Room} }), nil
}
