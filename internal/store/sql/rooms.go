package sql

import (
	"context"
	"fmt"
	"time"

	"switchboard/internal/store"
)

const roomColumns = `realm, id, project, name, media, listening, guests, members, max_participants, linger, data, version`

func scanRoom(s scanner) (r store.Room, err error) {
	var linger int64
	err = s.Scan(&r.Realm, &r.ID, (*optional)(&r.Project), &r.Name, &r.Media, &r.Listening, &r.Guests, &r.Members,
		&r.MaxParticipants, &linger, &r.Data, &r.Version)
	r.Linger = time.Duration(linger) * time.Millisecond
	return r, err
}

// CreateRoom implements [store.Rooms].
func (r *records) CreateRoom(ctx context.Context, room store.Room) (store.Room, error) {
	room, err := room.Valid()
	if err == nil {
		room.Version = 1
		err = r.create(ctx, `INSERT INTO rooms (`+roomColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
			room.Realm, room.ID, optional(room.Project), room.Name, string(room.Media), string(room.Listening), string(room.Guests), string(room.Members),
			room.MaxParticipants, room.Linger.Milliseconds(), room.Data, room.Version)
	}
	if err != nil {
		return store.Room{}, fmt.Errorf("create room: %w", err)
	}
	return room, nil
}

// UpdateRoom implements [store.Rooms].
func (r *records) UpdateRoom(ctx context.Context, room store.Room) (store.Room, error) {
	room, err := room.Valid()
	if err == nil {
		room.Version, err = r.update(ctx, func() error { _, err := r.Room(ctx, room.Realm, room.ID); return err },
			`UPDATE rooms SET project = $1, name = $2, media = $3, listening = $4, guests = $5, members = $6,
				max_participants = $7, linger = $8, data = $9, version = version + 1
			WHERE realm = $10 AND id = $11 AND (version = $12 OR CAST($12 AS BIGINT) = 0) RETURNING version`,
			optional(room.Project), room.Name, string(room.Media), string(room.Listening), string(room.Guests), string(room.Members),
			room.MaxParticipants, room.Linger.Milliseconds(), room.Data, room.Realm, room.ID, room.Version)
	}
	if err != nil {
		return store.Room{}, fmt.Errorf("update room: %w", err)
	}
	return room, nil
}

// DeleteRoom implements [store.Rooms].
func (r *records) DeleteRoom(ctx context.Context, realm, id string) error {
	if err := r.mustChange(ctx, `DELETE FROM rooms WHERE realm = $1 AND id = $2`, realm, id); err != nil {
		return fmt.Errorf("delete room: %w", err)
	}
	return nil
}

// Room implements [store.Rooms].
func (r *records) Room(ctx context.Context, realm, id string) (store.Room, error) {
	room, err := one(ctx, r, r.read, scanRoom, `SELECT `+roomColumns+` FROM rooms WHERE realm = $1 AND id = $2`, realm, id)
	if err != nil {
		return store.Room{}, fmt.Errorf("read room: %w", err)
	}
	return room, nil
}

// Rooms implements [store.Rooms].
func (r *records) Rooms(ctx context.Context, f store.Filter) ([]store.Room, error) {
	condition, args := where("realm =", f.Realm, "id =", f.ID)
	rooms, err := list(ctx, r, scanRoom, `SELECT `+roomColumns+` FROM rooms`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	return byKey(rooms, func(r store.Room) key { return key{r.Realm, r.ID} }), nil
}
