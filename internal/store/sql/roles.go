package sql

import (
	"context"
	"fmt"

	"switchboard/internal/store"
)

const roleColumns = `realm, id, project, name, data, version`

func scanRole(s scanner) (o store.Role, err error) {
	err = s.Scan(&o.Realm, &o.ID, (*optional)(&o.Project), &o.Name, &o.Data, &o.Version)
	return o, err
}

// CreateRole implements [store.Roles].
func (r *records) CreateRole(ctx context.Context, role store.Role) (store.Role, error) {
	role, err := role.Valid()
	if err == nil {
		role.Version = 1
		err = r.create(ctx, `INSERT INTO roles (`+roleColumns+`) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			role.Realm, role.ID, optional(role.Project), role.Name, role.Data, role.Version)
	}
	if err != nil {
		return store.Role{}, fmt.Errorf("create role: %w", err)
	}
	return role, nil
}

// UpdateRole implements [store.Roles].
func (r *records) UpdateRole(ctx context.Context, role store.Role) (store.Role, error) {
	role, err := role.Valid()
	if err == nil {
		role.Version, err = r.update(ctx, func() error { _, err := r.Role(ctx, role.Realm, role.ID); return err },
			`UPDATE roles SET project = $1, name = $2, data = $3, version = version + 1
			WHERE realm = $4 AND id = $5 AND (version = $6 OR CAST($6 AS BIGINT) = 0) RETURNING version`,
			optional(role.Project), role.Name, role.Data, role.Realm, role.ID, role.Version)
	}
	if err != nil {
		return store.Role{}, fmt.Errorf("update role: %w", err)
	}
	return role, nil
}

// DeleteRole implements [store.Roles].
func (r *records) DeleteRole(ctx context.Context, realm, id string) error {
	if err := r.mustChange(ctx, `DELETE FROM roles WHERE realm = $1 AND id = $2`, realm, id); err != nil {
		return fmt.Errorf("delete role: %w", err)
	}
	return nil
}

// Role implements [store.Roles].
func (r *records) Role(ctx context.Context, realm, id string) (store.Role, error) {
	role, err := one(ctx, r, r.read, scanRole, `SELECT `+roleColumns+` FROM roles WHERE realm = $1 AND id = $2`, realm, id)
	if err != nil {
		return store.Role{}, fmt.Errorf("read role: %w", err)
	}
	return role, nil
}

// Roles implements [store.Roles].
func (r *records) Roles(ctx context.Context, f store.Filter) ([]store.Role, error) {
	condition, args := where("realm =", f.Realm, "id =", f.ID)
	roles, err := list(ctx, r, scanRole, `SELECT `+roleColumns+` FROM roles`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	return byKey(roles, func(r store.Role) key { return key{r.Realm, r.ID} }), nil
}

const memberColumns = `realm, role_id, user_id`

func scanMember(s scanner) (m store.Member, err error) {
	err = s.Scan(&m.Realm, &m.Role, &m.User)
	return m, err
}

// AddMember implements [store.Members].
func (r *records) AddMember(ctx context.Context, m store.Member) error {
	m, err := m.Valid()
	if err == nil {
		_, err = r.exec(ctx, `INSERT INTO members (`+memberColumns+`) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			m.Realm, m.Role, m.User)
	}
	if err != nil {
		return fmt.Errorf("add member of role: %w", err)
	}
	return nil
}

// RemoveMember implements [store.Members].
func (r *records) RemoveMember(ctx context.Context, m store.Member) error {
	err := r.mustChange(ctx, `DELETE FROM members WHERE realm = $1 AND role_id = $2 AND user_id = $3`, m.Realm, m.Role, m.User)
	if err != nil {
		return fmt.Errorf("remove member of role: %w", err)
	}
	return nil
}

// Members implements [store.Members].
func (r *records) Members(ctx context.Context, like store.Member) ([]store.Member, error) {
	condition, args := where("realm =", like.Realm, "role_id =", like.Role, "user_id =", like.User)
	members, err := list(ctx, r, scanMember, `SELECT `+memberColumns+` FROM members`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list members of roles: %w", err)
	}
	return byKey(members, func(m store.Member) key { return key{m.Realm, m.Role, m.User} }), nil
}

const permissionColumns = `realm, role_id, room_id, access`

func scanPermission(s scanner) (p store.Permission, err error) {
	err = s.Scan(&p.Realm, &p.Role, &p.Room, &p.Access)
	return p, err
}

// SetPermission implements [store.Permissions].
func (r *records) SetPermission(ctx context.Context, p store.Permission) error {
	p, err := p.Valid()
	if err == nil {
		// Written first even when it is to be removed: that checks that role and
		// room exist.
		err = r.atomically(ctx, func(r *records) error {
			_, err := r.exec(ctx, `INSERT INTO permissions (`+permissionColumns+`) VALUES ($1, $2, $3, $4)
				ON CONFLICT (realm, role_id, room_id) DO UPDATE SET access = excluded.access`,
				p.Realm, p.Role, p.Room, string(p.Access))
			if err == nil && p.Access == store.AccessNone {
				err = r.mustChange(ctx, `DELETE FROM permissions WHERE realm = $1 AND role_id = $2 AND room_id = $3`,
					p.Realm, p.Role, p.Room)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("set permission: %w", err)
	}
	return nil
}

// Permissions implements [store.Permissions].
func (r *records) Permissions(ctx context.Context, like store.Permission) ([]store.Permission, error) {
	condition, args := where("realm =", like.Realm, "role_id =", like.Role, "room_id =", like.Room, "access =", string(like.Access))
	permissions, err := list(ctx, r, scanPermission, `SELECT `+permissionColumns+` FROM permissions`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list permissions: %w", err)
	}
	return byKey(permissions, func(p store.Permission) key { return key{p.Realm, p.Role, p.Room} }), nil
}
