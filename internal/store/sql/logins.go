package sql

import (
	"context"
	"fmt"

	"switchboard/internal/store"
)

const loginColumns = `hash, realm, user_id, client, created, expires, superseded`

func scanLogin(s scanner) (l store.Login, err error) {
	var created, expires int64
	err = s.Scan(&l.Hash, &l.Realm, &l.User, &l.Client, &created, &expires, &l.Superseded)
	l.Created, l.Expires = fromMillis(created), fromMillis(expires)
	return l, err
}

// CreateLogin implements [store.Logins].
func (r *records) CreateLogin(ctx context.Context, l store.Login, keep int) error {
	l, err := l.Valid()
	if err == nil && keep < 1 {
		err = fmt.Errorf("%w: of logins to keep, %d", store.ErrInvalid, keep)
	}
	if err == nil {
		err = r.atomically(ctx, func(r *records) error { return r.createLogin(ctx, l, keep) })
	}
	if err != nil {
		return fmt.Errorf("create login: %w", err)
	}
	return nil
}

func (r *records) createLogin(ctx context.Context, l store.Login, keep int) error {
	err := r.create(ctx, `INSERT INTO logins (`+loginColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		l.Hash, l.Realm, l.User, l.Client, millis(l.Created), millis(l.Expires), l.Superseded)
	if err != nil {
		return err
	}
	_, err = r.exec(ctx, `DELETE FROM logins WHERE realm = $1 AND user_id = $2 AND hash <> $3 AND hash NOT IN (
			SELECT hash FROM logins WHERE realm = $1 AND user_id = $2 AND hash <> $3 ORDER BY expires DESC, hash LIMIT $4)`,
		l.Realm, l.User, l.Hash, keep-1)
	return err
}

// UpdateLogin implements [store.Logins].
func (r *records) UpdateLogin(ctx context.Context, l store.Login) error {
	l, err := l.Valid()
	if err == nil {
		err = r.mustChange(ctx, `UPDATE logins SET expires = $1, superseded = $2 WHERE hash = $3`,
			millis(l.Expires), l.Superseded, l.Hash)
	}
	if err != nil {
		return fmt.Errorf("update login: %w", err)
	}
	return nil
}

// DeleteLogins implements [store.Logins].
func (r *records) DeleteLogins(ctx context.Context, f store.LoginFilter) (int, error) {
	f, err := f.Valid()
	if err != nil {
		return 0, fmt.Errorf("delete logins: %w", err)
	}
	condition, args := where("hash =", f.Hash, "realm =", f.Realm, "user_id =", f.User, "client =", f.Client)
	if !f.Before.IsZero() {
		joint := " WHERE"
		if condition != "" {
			joint = " AND"
		}
		args = append(args, millis(f.Before))
		condition += fmt.Sprintf("%s expires < $%d", joint, len(args))
	}
	n, err := r.exec(ctx, `DELETE FROM logins`+condition, args...)
	if err != nil {
		return 0, fmt.Errorf("delete logins: %w", err)
	}
	return int(n), nil
}

// Login implements [store.Logins].
func (r *records) Login(ctx context.Context, hash string) (store.Login, error) {
	l, err := one(ctx, r, r.read, scanLogin, `SELECT `+loginColumns+` FROM logins WHERE hash = $1`, hash)
	if err != nil {
		return store.Login{}, fmt.Errorf("read login: %w", err)
	}
	return l, nil
}

// Logins implements [store.Logins].
func (r *records) Logins(ctx context.Context, realm, user string) ([]store.Login, error) {
	logins, err := list(ctx, r, scanLogin, `SELECT `+loginColumns+` FROM logins
		WHERE realm = $1 AND user_id = $2 ORDER BY expires, hash`, realm, user)
	if err != nil {
		return nil, fmt.Errorf("list logins: %w", err)
	}
	return logins, nil
}
