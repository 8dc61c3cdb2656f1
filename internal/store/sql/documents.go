package sql

import (
	"context"
	"fmt"
	"unicode/utf8"

	"switchboard/internal/store"
)

// documentTable returns the table with the documents of such an owner. The kind
// has been checked, so the name comes from this list only.
func documentTable(kind store.OwnerKind) string {
	switch kind {
	case store.OwnerRole:
		return "role_documents"
	case store.OwnerUser:
		return "user_documents"
	}
	return "realm_documents"
}

const documentColumns = `realm, owner, name, body, version`

func scanDocument(kind store.OwnerKind) func(scanner) (store.Document, error) {
	return func(s scanner) (d store.Document, err error) {
		d.Owner.Kind = kind
		err = s.Scan(&d.Owner.Realm, &d.Owner.ID, &d.Name, &d.Body, &d.Version)
		return d, err
	}
}

// PutDocument implements [store.Documents].
func (r *records) PutDocument(ctx context.Context, d store.Document) (store.Document, error) {
	d, err := d.Valid()
	if err == nil {
		d.Version, err = r.putDocument(ctx, d)
	}
	if err != nil {
		return store.Document{}, fmt.Errorf("put document: %w", err)
	}
	return d, nil
}

func (r *records) putDocument(ctx context.Context, d store.Document) (store.Version, error) {
	table := documentTable(d.Owner.Kind)
	if d.Version == 0 {
		return one(ctx, r, r.write, scanVersion, `INSERT INTO `+table+` (`+documentColumns+`) VALUES ($1, $2, $3, $4, 1)
			ON CONFLICT (realm, owner, name) DO UPDATE SET body = excluded.body, version = `+table+`.version + 1
			RETURNING version`, d.Owner.Realm, d.Owner.ID, d.Name, d.Body)
	}
	return r.update(ctx, func() error { _, err := r.Document(ctx, d.Owner, d.Name); return err },
		`UPDATE `+table+` SET body = $1, version = version + 1
		WHERE realm = $2 AND owner = $3 AND name = $4 AND version = $5 RETURNING version`,
		d.Body, d.Owner.Realm, d.Owner.ID, d.Name, d.Version)
}

// DeleteDocument implements [store.Documents].
func (r *records) DeleteDocument(ctx context.Context, o store.Owner, name string) error {
	err := r.mustChange(ctx, `DELETE FROM `+documentTable(o.Kind)+` WHERE realm = $1 AND owner = $2 AND name = $3`, o.Realm, o.ID, name)
	if err != nil {
		return fmt.Errorf("delete document: %w", err)
	}
	return nil
}

// Document implements [store.Documents].
func (r *records) Document(ctx context.Context, o store.Owner, name string) (store.Document, error) {
	d, err := one(ctx, r, r.read, scanDocument(kindOf(o)), `SELECT `+documentColumns+` FROM `+documentTable(o.Kind)+`
		WHERE realm = $1 AND owner = $2 AND name = $3`, o.Realm, o.ID, name)
	if err != nil {
		return store.Document{}, fmt.Errorf("read document: %w", err)
	}
	return d, nil
}

// Documents implements [store.Documents].
func (r *records) Documents(ctx context.Context, o store.Owner, prefix string) ([]store.Document, error) {
	documents, err := list(ctx, r, scanDocument(kindOf(o)), `SELECT `+documentColumns+` FROM `+documentTable(o.Kind)+`
		WHERE realm = $1 AND owner = $2 AND substr(name, 1, $3) = $4`, o.Realm, o.ID, utf8.RuneCountInString(prefix), prefix)
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	return byKey(documents, func(d store.Document) key { return key{d.Name} }), nil
}

func kindOf(o store.Owner) store.OwnerKind {
	if o.Kind == "" {
		return store.OwnerRealm
	}
	return o.Kind
}
