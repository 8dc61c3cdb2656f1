package store

import "time"

// Version counts the changes of a record. Creating sets it to 1 and each update
// adds 1; both return the record as it is now. An update whose Version is not
// the stored one is refused with [ErrConflict]; an update with Version 0 goes
// through whatever is stored.
type Version int64

// Realm owns users, roles, rooms and permissions.
type Realm struct {
	ID      string // unique; never contains a slash; never changes
	Name    string // for showing; may be empty
	Data    string // opaque text of those who made the realm, at most [MaxData] bytes
	Version Version
}

// Project is a part of a realm, with administrators of its own. Users, roles and
// rooms belong to the realm itself or to one of its projects; that decides who
// administers them, and nothing else: ids are unique in the whole realm, and
// roles of one project may be let into rooms of another.
type Project struct {
	Realm   string
	ID      string // unique in the realm; never changes
	Name    string // for showing; may be empty
	Data    string // opaque text, at most [MaxData] bytes
	Version Version
}

// User is somebody who can log in to a realm.
type User struct {
	Realm    string
	ID       string // the login name, unique in the realm; never changes
	Project  string // empty: belongs to the realm itself
	Name     string // for showing; may be empty
	Origin   Origin // who checks their password; empty means OriginLocal
	Disabled bool   // may not log in
	Data     string // opaque text, at most [MaxData] bytes
	Version  Version
}

// Origin says who vouches for a user.
type Origin string

// The origins of users.
const (
	OriginLocal Origin = "local" // the password kept here
	OriginLDAP  Origin = "ldap"  // an LDAP directory
)

// Login is a proof that a user has logged in from a client. The key that the
// client keeps is not stored, only its hash.
type Login struct {
	Hash       string // of the key
	Realm      string
	User       string
	Client     string // the device or program that may use the key; an opaque id
	Created    time.Time
	Expires    time.Time // no longer good from then on
	Superseded bool      // the client has been given another key; this one is good for a short while yet
}

// LoginFilter says which logins to remove: those that meet every condition that
// is set.
type LoginFilter struct {
	Hash   string    // the login of this key
	Realm  string    // of this realm
	User   string    // of this user; with Realm
	Client string    // of this client; with Realm and User
	Before time.Time // those that have expired before this time
}

// Role is what users act as: permissions in rooms are a role's.
type Role struct {
	Realm   string
	ID      string // unique in the realm; never changes
	Project string // empty: belongs to the realm itself
	Name    string // for showing; may be empty
	Data    string // opaque text, at most [MaxData] bytes
	Version Version
}

// Member says that a user may act in a role.
type Member struct {
	Realm string
	Role  string
	User  string
}

// Permission is what those who act in a role may do in a room.
type Permission struct {
	Realm  string
	Role   string
	Room   string
	Access Access
}

// Administrator says that a user may change a realm and all its projects, or one
// project, and who and what belongs to it.
type Administrator struct {
	Realm   string
	Project string // empty: of the whole realm
	User    string // of the same realm
}

// Owner is to whom documents belong.
type Owner struct {
	Realm string
	Kind  OwnerKind // empty means OwnerRealm
	ID    string    // of the role or user; empty when the realm itself is the owner
}

// OwnerKind is what can own documents.
type OwnerKind string

// The kinds of owners. Documents go with their owner.
const (
	OwnerRealm OwnerKind = "realm"
	OwnerRole  OwnerKind = "role"
	OwnerUser  OwnerKind = "user"
)

// Document is an opaque text that somebody wants to find again.
type Document struct {
	Owner   Owner
	Name    string // unique for its owner
	Body    string // at most [MaxData] bytes
	Version Version
}

// Preference is how a user acting in a role left a room, so that they find it
// like that again.
type Preference struct {
	Realm  string
	User   string
	Role   string
	Room   string
	Mode   Access // what they were doing there; empty means AccessNone
	Volume int    // 0 silent to 100
}

// Room is a persistent room: it exists while nobody is in it.
type Room struct {
	Realm   string
	ID      string // unique in the realm; never changes
	Project string // empty: belongs to the realm itself
	Name    string // for showing; may be empty

	Media     Media     // empty means MediaServer
	Listening Listening // what newcomers get; empty means ListeningForward
	Guests    Access    // what guests may do here; empty means AccessNone
	Members   Access    // what any user of the realm may do here; empty means AccessNone

	MaxParticipants int           // 0: no limit of its own
	Linger          time.Duration // how long live state is kept after the last one left

	Data    string // opaque text, at most [MaxData] bytes
	Version Version
}

// Media says who carries a room's media.
type Media string

// The carriers of media.
const (
	MediaServer Media = "server" // this server
	MediaPeer   Media = "peer"   // the participants among themselves
)

// Listening says how one hears the others.
type Listening string

// The ways to listen.
const (
	ListeningForward Listening = "forward" // each stream as it is
	ListeningMix     Listening = "mix"     // one stream with everybody
)

// Access is what somebody may do in a room. Each includes the ones before it.
type Access string

// The kinds of access.
const (
	AccessNone   Access = "none"
	AccessListen Access = "listen"
	AccessTalk   Access = "talk"
)

// AuditEntry tells one thing that somebody did or tried. No field may hold a
// secret.
type AuditEntry struct {
	ID      string    // given by the store; sorts by age
	At      time.Time // when it happened
	Realm   string    // where; empty: the whole server
	Actor   string    // the user who did it; empty: nobody known, or the server itself
	Action  string    // what, such as "login" or "user.create"
	Target  string    // the id of what it was done to, such as a user; may be empty
	Outcome Outcome   // how it went
	Remote  string    // the address it came from, without port; empty: from this machine
	Detail  string    // anything else worth knowing, at most [MaxDetail] bytes
}

// Outcome is how something went.
type Outcome string

// The outcomes.
const (
	OutcomeDone   Outcome = "done"
	OutcomeDenied Outcome = "denied" // not permitted, or a wrong proof of identity
	OutcomeFailed Outcome = "failed" // permitted, but it did not work
)

// AuditQuery narrows the list of audit entries. Empty fields let everything
// through.
type AuditQuery struct {
	Realm  string
	Actor  string
	Action string
	Target string
	Before string // only entries older than the entry with this ID, for paging
	Limit  int    // how many at most; 0 means 100; at most [MaxAuditPage]
}
