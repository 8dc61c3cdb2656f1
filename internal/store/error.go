package store

import "errors"

// The errors by which a Store says what went wrong; ask with errors.Is. A call
// whose context ended returns an error that wraps the context's. Any other
// error is a failure of the implementation.
var (
	// ErrNotFound: the record, or one that it refers to, does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the id is taken, or the record has changed since it was read.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the record can never be stored, whatever is stored already.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: the database is locked, full, gone or closed. The same call
	// may succeed later. When the connection broke while committing, whether the
	// change was kept is unknown.
	ErrUnavailable = errors.New("store unavailable")
	// ErrNewerSchema: the database was written by a newer version of the server,
	// and this one does not touch it. Only opening returns it.
	ErrNewerSchema = errors.New("database was written by a newer version")
)
