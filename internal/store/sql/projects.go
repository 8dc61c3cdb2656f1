package sql

import (
	"context"
	"fmt"

	"switchboard/internal/store"
)

const projectColumns = `realm, id, name, data, version`

func scanProject(s scanner) (p store.Project, err error) {
	err = s.Scan(&p.Realm, &p.ID, &p.Name, &p.Data, &p.Version)
	return p, err
}

// CreateProject implements [store.Projects].
func (r *records) CreateProject(ctx context.Context, p store.Project) (store.Project, error) {
	p, err := p.Valid()
	if err == nil {
		p.Version = 1
		err = r.create(ctx, `INSERT INTO projects (`+projectColumns+`) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			p.Realm, p.ID, p.Name, p.Data, p.Version)
	}
	if err != nil {
		return store.Project{}, fmt.Errorf("create project: %w", err)
	}
	return p, nil
}

// UpdateProject implements [store.Projects].
func (r *records) UpdateProject(ctx context.Context, p store.Project) (store.Project, error) {
	p, err := p.Valid()
	if err == nil {
		p.Version, err = r.update(ctx, func() error { _, err := r.Project(ctx, p.Realm, p.ID); return err },
			`UPDATE projects SET name = $1, data = $2, version = version + 1
			WHERE realm = $3 AND id = $4 AND (version = $5 OR CAST($5 AS BIGINT) = 0) RETURNING version`,
			p.Name, p.Data, p.Realm, p.ID, p.Version)
	}
	if err != nil {
		return store.Project{}, fmt.Errorf("update project: %w", err)
	}
	return p, nil
}

// DeleteProject implements [store.Projects].
func (r *records) DeleteProject(ctx context.Context, realm, id string) error {
	if err := r.mustChange(ctx, `DELETE FROM projects WHERE realm = $1 AND id = $2`, realm, id); err != nil {
		return fmt.Errorf("delete project: %w", err)
	}
	return nil
}

// Project implements [store.Projects].
func (r *records) Project(ctx context.Context, realm, id string) (store.Project, error) {
	p, err := one(ctx, r, r.read, scanProject, `SELECT `+projectColumns+` FROM projects WHERE realm = $1 AND id = $2`, realm, id)
	if err != nil {
		return store.Project{}, fmt.Errorf("read project: %w", err)
	}
	return p, nil
}

// Projects implements [store.Projects].
func (r *records) Projects(ctx context.Context, f store.Filter) ([]store.Project, error) {
	condition, args := where("realm =", f.Realm, "id =", f.ID)
	projects, err := list(ctx, r, scanProject, `SELECT `+projectColumns+` FROM projects`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	return byKey(projects, func(p store.Project) key { return key{p.Realm, p.ID} }), nil
}

const administratorColumns = `realm, project, user_id`

func scanAdministrator(s scanner) (a store.Administrator, err error) {
	err = s.Scan(&a.Realm, (*optional)(&a.Project), &a.User)
	return a, err
}

// AddAdministrator implements [store.Administrators].
func (r *records) AddAdministrator(ctx context.Context, a store.Administrator) error {
	a, err := a.Valid()
	if err == nil {
		_, err = r.exec(ctx, `INSERT INTO administrators (`+administratorColumns+`) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			a.Realm, optional(a.Project), a.User)
	}
	if err != nil {
		return fmt.Errorf("add administrator: %w", err)
	}
	return nil
}

// RemoveAdministrator implements [store.Administrators].
func (r *records) RemoveAdministrator(ctx context.Context, a store.Administrator) error {
	err := r.mustChange(ctx, `DELETE FROM administrators WHERE realm = $1 AND COALESCE(project, '') = $2 AND user_id = $3`,
		a.Realm, a.Project, a.User)
	if err != nil {
		return fmt.Errorf("remove administrator: %w", err)
	}
	return nil
}

// Administrators implements [store.Administrators].
func (r *records) Administrators(ctx context.Context, realm, user string) ([]store.Administrator, error) {
	condition, args := where("realm =", realm, "user_id =", user)
	list, err := list(ctx, r, scanAdministrator, `SELECT `+administratorColumns+` FROM administrators`+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("list administrators: %w", err)
	}
	return byKey(list, func(a store.Administrator) key { return key{a.Realm, a.Project, a.User} }), nil
}
