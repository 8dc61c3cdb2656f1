package sql

import (
	"context"
	"fmt"

	"switchboard/internal/store"
)

const realmColumns = `id, name, data, version`

func scanRealm(s scanner) (r store.Realm, err error) {
	err = s.Scan(&r.ID, &r.Name, &r.Data, &r.Version)
	return r, err
}

// CreateRealm implements [store.Realms].
func (r *records) CreateRealm(ctx context.Context, realm store.Realm) (store.Realm, error) {
	realm, err := realm.Valid()
	if err == nil {
		realm.Version = 1
		err = r.create(ctx, `INSERT INTO realms (`+realmColumns+`) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			realm.ID, realm.Name, realm.Data, realm.Version)
	}
	if err != nil {
		return store.Realm{}, fmt.Errorf("create realm: %w", err)
	}
	return realm, nil
}

// UpdateRealm implements [store.Realms].
func (r *records) UpdateRealm(ctx context.Context, realm store.Realm) (store.Realm, error) {
	realm, err := realm.Valid()
	if err == nil {
		realm.Version, err = r.update(ctx, func() error { _, err := r.Realm(ctx, realm.ID); return err },
			`UPDATE realms SET name = $1, data = $2, version = version + 1
			WHERE id = $3 AND (version = $4 OR CAST($4 AS BIGINT) = 0) RETURNING version`,
			realm.Name, realm.Data, realm.ID, realm.Version)
	}
	if err != nil {
		return store.Realm{}, fmt.Errorf("update realm: %w", err)
	}
	return realm, nil
}

// DeleteRealm implements [store.Realms].
func (r *records) DeleteRealm(ctx context.Context, id string) error {
	if err := r.mustChange(ctx, `DELETE FROM realms WHERE id = $1`, id); err != nil {
		return fmt.Errorf("delete realm: %w", err)
	}
	return nil
}

// Realm implements [store.Realms].
func (r *records) Realm(ctx context.Context, id string) (store.Realm, error) {
	realm, err := one(ctx, r, r.read, scanRealm, `SELECT `+realmColumns+` FROM realms WHERE id = $1`, id)
	if err != nil {
		return store.Realm{}, fmt.Errorf("read realm: %w", err)
	}
	return realm, nil
}

// Realms implements [store.Realms].
func (r *records) Realms(ctx context.Context) ([]store.Realm, error) {
	realms, err := list(ctx, r, scanRealm, `SELECT `+realmColumns+` FROM realms`)
	if err != nil {
		return nil, fmt.Errorf("list realms: %w", err)
	}
	return byKey(realms, func(r store.Realm) key { return key{r.ID} }), nil
}
