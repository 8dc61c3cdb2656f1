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

// User is somebody who can log in to a realm.
type User struct {
	Realm    string
	ID       string // the login name, unique in the realm; never changes
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
	OriginLocal     Origin = "local"     // the password kept here
	OriginDirectory Origin = "directory" // an LDAP directory
)

// Room is a persistent room: it exists while nobody is in it.
type Room struct {
	Realm string
	ID    string // unique in the realm; never changes
	Name  string // for showing; may be empty

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
