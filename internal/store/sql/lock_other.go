//go:build !unix

package sql

import "context"

// lockDirectory does nothing where directories cannot be locked: there, two
// processes must not open a new database at the same moment.
func lockDirectory(context.Context, string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}
