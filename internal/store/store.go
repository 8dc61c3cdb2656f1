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

import (
	"context"
	"time"
)

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
	Projects
	Users
	Passwords
	Logins
	Roles
	Members
	Rooms
	Permissions
	Administrators
	Documents
	Preferences
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

// Projects keeps the parts of realms.
type Projects interface {
	// CreateProject makes a project; ErrConflict when the id is taken in the realm.
	CreateProject(ctx context.Context, p Project) (Project, error)
	// UpdateProject replaces a project's fields; see [Version].
	UpdateProject(ctx context.Context, p Project) (Project, error)
	// DeleteProject removes a project with all its users, roles and rooms.
	DeleteProject(ctx context.Context, realm, id string) error
	// Project returns one project or ErrNotFound.
	Project(ctx context.Context, realm, id string) (Project, error)
	// Projects lists the projects that the filter lets through, by realm and id.
	Projects(ctx context.Context, f Filter) ([]Project, error)
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

// Logins keeps who is logged in for longer than a connection lasts. Expired
// logins stay until [Logins.DeleteLogins] is told to remove them; whoever reads
// one looks at the time.
type Logins interface {
	// CreateLogin keeps a login; ErrConflict when the key's hash is known already,
	// ErrNotFound when there is no such user. Of the user's logins it then removes
	// all but the keep that expire last, among which is the new one.
	CreateLogin(ctx context.Context, l Login, keep int) error
	// UpdateLogin replaces Expires and Superseded, or fails with ErrNotFound.
	UpdateLogin(ctx context.Context, l Login) error
	// DeleteLogins removes the logins that the filter lets through and tells how
	// many. An empty filter is ErrInvalid: it would log out everybody.
	DeleteLogins(ctx context.Context, f LoginFilter) (int, error)
	// Login returns one login by its key's hash, or ErrNotFound.
	Login(ctx context.Context, hash string) (Login, error)
	// Logins lists a user's logins; those that expire first come first.
	Logins(ctx context.Context, realm, user string) ([]Login, error)
}

// Roles keeps what users act as.
type Roles interface {
	// CreateRole makes a role; ErrConflict when the id is taken in the realm.
	CreateRole(ctx context.Context, r Role) (Role, error)
	// UpdateRole replaces a role's fields; see [Version].
	UpdateRole(ctx context.Context, r Role) (Role, error)
	// DeleteRole removes a role and all that belongs to it.
	DeleteRole(ctx context.Context, realm, id string) error
	// Role returns one role or ErrNotFound.
	Role(ctx context.Context, realm, id string) (Role, error)
	// Roles lists the roles that the filter lets through, by realm and id.
	Roles(ctx context.Context, f Filter) ([]Role, error)
}

// Members keeps which users may act in which role.
type Members interface {
	// AddMember lets a user act in a role, both of which must exist. Being a
	// member already is no error.
	AddMember(ctx context.Context, m Member) error
	// RemoveMember takes that back, or fails with ErrNotFound.
	RemoveMember(ctx context.Context, m Member) error
	// Members lists the memberships whose fields are equal to those of like that
	// are not empty, by role and user.
	Members(ctx context.Context, like Member) ([]Member, error)
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

// Permissions keeps what a role may do in a room.
type Permissions interface {
	// SetPermission keeps a permission, in place of the one before it. Role and
	// room must exist. AccessNone removes it.
	SetPermission(ctx context.Context, p Permission) error
	// Permissions lists the permissions whose fields are equal to those of like
	// that are not empty, by role and room. None has AccessNone.
	Permissions(ctx context.Context, like Permission) ([]Permission, error)
}

// Administrators keeps who may change what belongs to a realm or project.
type Administrators interface {
	// AddAdministrator makes a user administrator of what must exist. Being one
	// already is no error.
	AddAdministrator(ctx context.Context, a Administrator) error
	// RemoveAdministrator takes that back, or fails with ErrNotFound.
	RemoveAdministrator(ctx context.Context, a Administrator) error
	// Administrators lists those of a realm and its projects, by project and
	// user; the realm's own come first. With a user named, only theirs, and with
	// an empty realm those of every realm.
	Administrators(ctx context.Context, realm, user string) ([]Administrator, error)
}

// Documents keeps opaque texts under names that whoever reads them has chosen.
type Documents interface {
	// PutDocument keeps a document, in place of the one of that name, if any. See
	// [Version]; with a Version other than 0 the document must exist already.
	PutDocument(ctx context.Context, d Document) (Document, error)
	// DeleteDocument removes a document, or fails with ErrNotFound.
	DeleteDocument(ctx context.Context, o Owner, name string) error
	// Document returns one document or ErrNotFound.
	Document(ctx context.Context, o Owner, name string) (Document, error)
	// Documents lists an owner's documents whose names begin with prefix, by name.
	Documents(ctx context.Context, o Owner, prefix string) ([]Document, error)
}

// Preferences keeps how users left rooms.
type Preferences interface {
	// SetPreferences keeps all of the list or nothing, each in place of the one
	// before it. User, role and room must exist.
	SetPreferences(ctx context.Context, list []Preference) error
	// Preferences lists the preferences whose Realm, User, Role and Room are equal
	// to those of like that are not empty, by user, role and room.
	Preferences(ctx context.Context, like Preference) ([]Preference, error)
}

// Audit keeps who did what. Entries are never changed, and outlive the realms
// and users they tell of.
type Audit interface {
	// AppendAudit keeps one entry. ID must be empty, and At set; the entry comes
	// back with its ID.
	AppendAudit(ctx context.Context, e AuditEntry) (AuditEntry, error)
	// AuditEntries returns the newest entries that q lets through, newest first.
	AuditEntries(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
	// PruneAudit removes the entries about what happened before that time and
	// tells how many.
	PruneAudit(ctx context.Context, before time.Time) (int, error)
}
