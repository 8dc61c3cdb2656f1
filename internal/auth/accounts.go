package auth

import (
	"context"

	"switchboard/internal/core"
)

// SetPassword implements [core.Accounts].
func (g *Gate) SetPassword(ctx context.Context, by core.Actor, realm, user, password string) error {
	return SetPassword(ctx, g.Store, g.Hasher, by, realm, user, password)
}

// Directory implements [core.Accounts].
func (g *Gate) Directory(realm string) bool { return g.LDAP[realm] != nil }

// ImportUsers implements [core.Accounts].
func (g *Gate) ImportUsers(ctx context.Context, by core.Actor, realm string, q core.DirectoryQuery) (added int, err error) {
	directory := g.LDAP[realm]
	if directory == nil {
		return 0, &core.Error{Kind: core.Conflict, Subject: core.AboutRequest, Text: "no directory is set up for this realm"}
	}
	found, err := directory.Search(ctx, q.User, q.Password, q.Base)
	if err != nil {
		return 0, err
	}
	added, _, err = ImportUsers(ctx, g.Store, by, realm, found)
	return added, err
}
