package sql

import (
	"context"
	"errors"
	"fmt"

	"switchboard/internal/store"
)

// The password is not among the columns of a user.
const userColumns = `realm, id, project, name, origin, disabled, data, version`

func scanUser(s scanner) (u store.User, err error) {
	err = s.Scan(&u.Realm, &u.ID, (*optional)(&u.Project), &u.Name, &u.Origin, &u.Disabled, &u.Data, &u.Version)
	return u, err
}

// CreateUser implements [store.Users].
func (r *records) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	u, err := u.Valid()
	if err == nil {
		u.Version = 1
		err = r.create(ctx, `INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			u.Realm, u.ID, optional(u.Project), u.Name, string(u.Origin), u.Disabled, u.Data, u.Version)
	}
	if err != nil {
		return store.User{}, fmt.Errorf("create user: %w", err)
	}
	return u, nil
}

// UpdateUser implements [store.Users].
func (r *records) UpdateUser(ctx context.Context, u store.User) (store.User, error) {
	u, err := u.Valid()
	if err == nil {
		u.Version, err = r.update(ctx, func() error { _, err := r.User(ctx, u.Realm, u.ID); return err },
			`UPDATE users SET project = $1, name = $2, origin = $3, disabled = $4, data = $5, version = version + 1
			WHERE realm = $6 AND id = $7 AND (version = $8 OR CAST($8 AS BIGINT) = 0) RETURNING version`,
			optional(u.Project), u.Name, string(u.Origin), u.Disabled, u.Data, u.Realm, u.ID, u.Version)
	}
	if err != nil {
		return store.User{}, fmt.Errorf("update user: %w", err)
	}
	return u, nil
}

// DeleteUser implements [store.Users].
func (r *records) DeleteUser(ctx context.Context, realm, id string) error {
	if err := r.mustChange(ctx, `DELETE FROM users WHERE realm = $1 AND id = $2`, realm, id); err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

// User implements [store.Users].
func (r *records) User(ctx context.Context, realm, id string) (store.User, error) {
	u, err := one(ctx, r, r.read, scanUser, `SELECT `+userColumns+` FROM users WHERE realm = $1 AND id = $2`, realm, id)
	if err != nil {
		return store.User{}, fmt.Errorf("read user: %w", err)
	}
	return u, nil
}

// Users implements [store.Users].
func (r *records) Users(ctx context.Context, f store.Filter) ([]store.User, error) {
	condition, args := where("realm =", f.Realm, "id =", f.ID)
	users, err := list(ctx, r, scanUser, `SELECT `+userColumns+` FROM users`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return byKey(users, func(u store.User) key { return key{u.Realm, u.ID} }), nil
}

func scanString(s scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}

// Password implements [store.Passwords].
func (r *records) Password(ctx context.Context, realm, user string) (string, error) {
	encoded, err := one(ctx, r, r.read, scanString, `SELECT password FROM users WHERE realm = $1 AND id = $2`, realm, user)
	if err != nil {
		return "", fmt.Errorf("read password hash: %w", err)
	}
	return encoded, nil
}

// SetPassword implements [store.Passwords].
func (r *records) SetPassword(ctx context.Context, realm, user, encoded string) error {
	if err := store.ValidPassword(encoded); err != nil {
		return fmt.Errorf("set password hash: %w", err)
	}
	if err := r.mustChange(ctx, `UPDATE users SET password = $1 WHERE realm = $2 AND id = $3`, encoded, realm, user); err != nil {
		return fmt.Errorf("set password hash: %w", err)
	}
	return nil
}

// ReplacePassword implements [store.Passwords].
func (r *records) ReplacePassword(ctx context.Context, realm, user, old, encoded string) error {
	err := store.ValidPassword(encoded)
	if err == nil {
		err = r.mustChange(ctx, `UPDATE users SET password = $1 WHERE realm = $2 AND id = $3 AND password = $4`,
			encoded, realm, user, old)
	}
	if errors.Is(err, store.ErrNotFound) {
		if _, err = r.User(ctx, realm, user); err == nil {
			err = fmt.Errorf("%w: password changed meanwhile", store.ErrConflict)
		}
	}
	if err != nil {
		return fmt.Errorf("replace password hash: %w", err)
	}
	return nil
}
