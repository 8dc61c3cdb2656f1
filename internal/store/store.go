// Package store is the contract for everything that outlives the process:
// realms, people, places and what they may do there. It owns the records, the
// errors and the [Store] interface; implementations stand in the folders below
// and all pass the suite in storetest.
//
// Every method of a Store may be called by any goroutine and may wait for disk
// or network, so nobody calls one under a lock. Records are plain comparable
// values without pointers: they may be kept, shared and compared freely. This
// package knows no database, no password scheme and no protocol; what only a
// protocol understands travels as opaque text (Data, [Document]).
//
// Promises that every implementation keeps:
//   - A method that writes returns nil only after the change is durable; a
//     crash afterwards loses nothing. With an error, nothing was changed,
//     unless the error says that the outcome is unknown ([ErrUnavailable]).
//   - Whatever returns after a write has returned sees that write.
//   - Lists are sorted by id, in byte order, and are empty rather than an error
//     when there is nothing.
//   - Creating something in a realm (project, role, room, …) that does not
//     exist is [ErrNotFound]. Removing something removes all that hangs on it.
//   - Times are kept to the millisecond and come back in UTC; the zero time
//     stays the zero time.
package store

import "context"

// Store is what an implementation offers. App opens one and closes it last.
type Store interface {
	Records

	// Within runs f in one transaction: either all that f wrote is kept, or, if f
	// or the commit fails, nothing. Reads inside see the writes before them, and
	// nobody else's changes in between.
	//
	// f may be run more than once when others write at the same time, so it must
	// change nothing but through tx and its own variables, and must not wait for
	// anything else. The tx is dead once f has returned. An error by which the
	// database refused a statement ends the transaction: whatever f does after
	// it, Within returns that error.
	Within(ctx context.Context, f func(tx Records) error) error

	// View runs f over one unchanging state of everything, for readers that need
	// several lists to fit together. Writes through tx are refused with
	// [ErrInvalid]. The other rules of Within hold.
	View(ctx context.Context, f func(tx Records) error) error

	// Ready reports whether the store can be used now. It is cheap enough for a
	// readiness probe.
	Ready(ctx context.Context) error

	// Close waits for running calls and ends the store. Calls made afterwards
	// fail with ErrUnavailable. Closing twice is harmless.
	Close() error
}

// Records are the nouns of the store. Whoever needs one noun asks for that
// interface and not for a whole Store.
type Records interface {
	Realms
	Users
	Passwords
	Rooms
	Audit
}

// Filter narrows a list. Its zero value lets everything through.
type Filter struct {
	Realm string // only of this realm; empty: of every realm
	ID    string // only with exactly this id; empty: with any
}

// Realms keeps the owners of users, roles and rooms.
type Realms interface {
	// CreateRealm makes a realm; ErrConflict when the id is taken.
	CreateRealm(ctx context.Context, r Realm) (Realm, error)
	// UpdateRealm replaces a realm's fields; see [Version].
	UpdateRealm(ctx context.Context, r Realm) (Realm, error)
	// DeleteRealm removes a realm and all that belongs to it, except its audit
	// entries.
	DeleteRealm(ctx context.Context, id string) error
	// Realm returns one realm or ErrNotFound.
	Realm(ctx context.Context, id string) (Realm, error)
	// Realms lists all realms.
	Realms(ctx context.Context) ([]Realm, error)
}

// Users keeps people. Their passwords are kept by [Passwords], so that no
// careless copy of a user can carry one.
type Users interface {
	// CreateUser makes a user without a password; ErrConflict when the id is
	// taken in the realm.
	CreateUser(ctx context.Context, u User) (User, error)
	// UpdateUser replaces a user's fields; see [Version].
	UpdateUser(ctx context.Context, u User) (User, error)
	// DeleteUser removes a user and all that belongs to them.
	DeleteUser(ctx context.Context, realm, id string) error
	// User returns one user or ErrNotFound.
	User(ctx context.Context, realm, id string) (User, error)
	// Users lists the users that the filter lets through, by realm and id.
	Users(ctx context.Context, f Filter) ([]User, error)
}

// Passwords keeps what passwords are checked against: strings that only the
// auth package reads and writes. Nothing else should ask for this interface.
type Passwords interface {
	// Password returns a user's encoded hash, empty when they have none, or
	// ErrNotFound when there is no such user.
	Password(ctx context.Context, realm, user string) (string, error)
	// SetPassword replaces it; empty takes it away.
	SetPassword(ctx context.Context, realm, user, encoded string) error
	// ReplacePassword sets it to encoded only while it still is old, else
	// ErrConflict: a rehash must not undo a change made meanwhile.
	ReplacePassword(ctx context.Context, realm, user, old, encoded string) error
}

// Rooms keeps persistent rooms. Rooms that live only while used are not stored.
type Rooms interface {
	// CreateRoom makes a room; ErrConflict when the id is taken in the realm.
	CreateRoom(ctx context.Context, r Room) (Room, error)
	// UpdateRoom replaces a room's fields; see [Version].
	UpdateRoom(ctx context.Context, r Room) (Room, error)
	// DeleteRoom removes a room and all that belongs to it.
	DeleteRoom(ctx context.Context, realm, id string) error
	// Room returns one room or ErrNotFound.
	Room(ctx context.Context, realm, id string) (Room, error)
	// Rooms lists the rooms that the filter lets through, by realm and id.
	Rooms(ctx context.Context, f Filter) ([]Room, error)
}

// Audit keeps who did what. Entries are never changed, and outlive the realms
// and users they tell of.
type Audit interface {
	// AppendAudit keeps one entry. ID must be empty, and At set; the entry comes
	// back with its ID.
	AppendAudit(ctx context.Context, e AuditEntry) (AuditEntry, error)
	// AuditEntries returns the newest entries that q lets through, newest first.
	AuditEntries(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
}
