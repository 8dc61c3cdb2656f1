package store

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what can be stored, in bytes.
const (
	MaxID     = 255
	MaxName   = 1024
	MaxData   = 1 << 20
	MaxDetail = 4096
)

// MaxAuditPage is how many audit entries one call returns at most.
const MaxAuditPage = 1000

// MaxLinger is the longest a room's live state can be asked to be kept.
const MaxLinger = 30 * 24 * time.Hour

// MaxRoomParticipants is the highest limit a room can set.
const MaxRoomParticipants = 1_000_000

// problem collects the first thing wrong with a record.
type problem struct{ err error }

func (p *problem) add(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
	}
}

// id refuses what could not be an id: empty, very long, or with characters that
// no one can see or type, such as those that break lines in a log.
func (p *problem) id(what, s string) {
	switch {
	case s == "":
		p.add("%s is empty", what)
	case len(s) > MaxID:
		p.add("%s is longer than %d bytes", what, MaxID)
	case !utf8.ValidString(s):
		p.add("%s is not UTF-8", what)
	case strings.ContainsFunc(s, unicode.IsControl):
		p.add("%s contains a control character", what)
	}
}

// realm is an id that may also stand before a slash in a longer one.
func (p *problem) realm(s string) {
	p.id("realm", s)
	if strings.Contains(s, "/") {
		p.add("realm contains a slash")
	}
}

// text refuses what one of the databases could not keep: more than limit bytes,
// what is not UTF-8, and NUL (PostgreSQL takes neither).
func (p *problem) text(what, s string, limit int) {
	switch {
	case len(s) > limit:
		p.add("%s is longer than %d bytes", what, limit)
	case !utf8.ValidString(s):
		p.add("%s is not UTF-8", what)
	case strings.ContainsRune(s, 0):
		p.add("%s contains NUL", what)
	}
}

// project is an id or empty.
func (p *problem) project(s string) {
	if s != "" {
		p.id("project", s)
	}
}

// version refuses a negative version.
func (p *problem) version(v Version) {
	if v < 0 {
		p.add("version is negative")
	}
}

// oneOf refuses a value that is not in the list.
func oneOf[T ~string](p *problem, what string, got T, list ...T) {
	for _, want := range list {
		if got == want {
			return
		}
	}
	p.add("%s %q is not one of %q", what, got, list)
}

// The methods below return a record with its defaults filled in, or an error
// that wraps [ErrInvalid] and names the first thing wrong. Implementations call
// them before they write.

// Valid checks the realm.
func (r Realm) Valid() (Realm, error) {
	var p problem
	p.realm(r.ID)
	p.text("name", r.Name, MaxName)
	p.text("data", r.Data, MaxData)
	p.version(r.Version)
	return r, p.err
}

// Valid checks the project.
func (r Project) Valid() (Project, error) {
	var p problem
	p.realm(r.Realm)
	p.id("project", r.ID)
	p.text("name", r.Name, MaxName)
	p.text("data", r.Data, MaxData)
	p.version(r.Version)
	return r, p.err
}

// Valid checks the role.
func (r Role) Valid() (Role, error) {
	var p problem
	p.realm(r.Realm)
	p.id("role", r.ID)
	p.project(r.Project)
	p.text("name", r.Name, MaxName)
	p.text("data", r.Data, MaxData)
	p.version(r.Version)
	return r, p.err
}

// Valid checks the membership.
func (m Member) Valid() (Member, error) {
	var p problem
	p.realm(m.Realm)
	p.id("role", m.Role)
	p.id("user", m.User)
	return m, p.err
}

// Valid checks the permission.
func (m Permission) Valid() (Permission, error) {
	var p problem
	p.realm(m.Realm)
	p.id("role", m.Role)
	p.id("room", m.Room)
	p.access("access", m.Access)
	return m, p.err
}

// Valid checks the administrator.
func (a Administrator) Valid() (Administrator, error) {
	var p problem
	p.realm(a.Realm)
	p.project(a.Project)
	p.id("user", a.User)
	return a, p.err
}

// Valid checks the owner.
func (o Owner) Valid() (Owner, error) {
	if o.Kind == "" {
		o.Kind = OwnerRealm
	}
	var p problem
	p.owner(o)
	return o, p.err
}

func (p *problem) owner(o Owner) {
	p.realm(o.Realm)
	oneOf(p, "owner", o.Kind, OwnerRealm, OwnerRole, OwnerUser)
	switch {
	case o.Kind != OwnerRealm:
		p.id("owner", o.ID)
	case o.ID != "":
		p.add("a realm that owns a document has an id beside its own")
	}
}

// Valid checks the document.
func (d Document) Valid() (Document, error) {
	var err error
	if d.Owner, err = d.Owner.Valid(); err != nil {
		return d, err
	}
	var p problem
	p.id("document", d.Name)
	p.text("document", d.Body, MaxData)
	p.version(d.Version)
	return d, p.err
}

// Valid checks the preference.
func (r Preference) Valid() (Preference, error) {
	if r.Mode == "" {
		r.Mode = AccessNone
	}
	var p problem
	p.realm(r.Realm)
	p.id("user", r.User)
	p.id("role", r.Role)
	p.id("room", r.Room)
	p.access("mode", r.Mode)
	if r.Volume < 0 || r.Volume > 100 {
		p.add("volume %d is not in 0 to 100", r.Volume)
	}
	return r, p.err
}

// Valid checks the login.
func (l Login) Valid() (Login, error) {
	var p problem
	p.id("hash", l.Hash)
	p.realm(l.Realm)
	p.id("user", l.User)
	p.id("client", l.Client)
	if l.Expires.IsZero() {
		p.add("login does not expire")
	}
	l.Created = l.Created.UTC().Truncate(time.Millisecond)
	l.Expires = l.Expires.UTC().Truncate(time.Millisecond)
	return l, p.err
}

// Valid checks the filter.
func (f LoginFilter) Valid() (LoginFilter, error) {
	var p problem
	switch {
	case f == LoginFilter{}:
		p.add("filter of logins is empty")
	case f.User != "" && f.Realm == "", f.Client != "" && f.User == "":
		p.add("filter of logins names a user without a realm, or a client without a user")
	}
	return f, p.err
}

// Valid checks the user.
func (u User) Valid() (User, error) {
	if u.Origin == "" {
		u.Origin = OriginLocal
	}
	var p problem
	p.realm(u.Realm)
	p.id("user", u.ID)
	p.project(u.Project)
	p.text("name", u.Name, MaxName)
	oneOf(&p, "origin", u.Origin, OriginLocal, OriginLDAP)
	p.text("data", u.Data, MaxData)
	p.version(u.Version)
	return u, p.err
}

// Valid checks the room.
func (r Room) Valid() (Room, error) {
	if r.Media == "" {
		r.Media = MediaServer
	}
	if r.Listening == "" {
		r.Listening = ListeningForward
	}
	if r.Guests == "" {
		r.Guests = AccessNone
	}
	if r.Members == "" {
		r.Members = AccessNone
	}
	var p problem
	p.realm(r.Realm)
	p.id("room", r.ID)
	p.project(r.Project)
	p.text("name", r.Name, MaxName)
	oneOf(&p, "media", r.Media, MediaServer, MediaPeer)
	oneOf(&p, "listening", r.Listening, ListeningForward, ListeningMix)
	p.access("access of guests", r.Guests)
	p.access("access of members", r.Members)
	if r.MaxParticipants < 0 || r.MaxParticipants > MaxRoomParticipants {
		p.add("most participants %d is not in 0 to %d", r.MaxParticipants, MaxRoomParticipants)
	}
	if r.Linger < 0 || r.Linger > MaxLinger {
		p.add("linger %v is not in 0 to %v", r.Linger, MaxLinger)
	}
	r.Linger = r.Linger.Truncate(time.Millisecond)
	p.text("data", r.Data, MaxData)
	p.version(r.Version)
	return r, p.err
}

func (p *problem) access(what string, a Access) {
	oneOf(p, what, a, AccessNone, AccessListen, AccessTalk)
}

// Valid checks the entry.
func (e AuditEntry) Valid() (AuditEntry, error) {
	if e.Outcome == "" {
		e.Outcome = OutcomeDone
	}
	var p problem
	if e.ID != "" {
		p.add("the store gives audit entries their id")
	}
	if e.At.IsZero() {
		p.add("audit entry has no time")
	}
	e.At = e.At.UTC().Truncate(time.Millisecond)
	p.id("action", e.Action)
	p.text("realm", e.Realm, MaxID)
	p.text("actor", e.Actor, MaxID)
	p.text("target", e.Target, MaxID)
	oneOf(&p, "outcome", e.Outcome, OutcomeDone, OutcomeDenied, OutcomeFailed)
	p.text("remote", e.Remote, MaxID)
	p.text("detail", e.Detail, MaxDetail)
	return e, p.err
}

// Valid checks the query.
func (q AuditQuery) Valid() (AuditQuery, error) {
	if q.Limit == 0 {
		q.Limit = 100
	}
	var p problem
	if q.Limit < 0 || q.Limit > MaxAuditPage {
		p.add("limit %d is not in 1 to %d", q.Limit, MaxAuditPage)
	}
	for _, s := range []string{q.Realm, q.Actor, q.Action, q.Target, q.Before} {
		p.text("query", s, MaxID)
	}
	return q, p.err
}

// MaxPassword is the longest encoded hash that can be stored, in bytes.
const MaxPassword = 1024

// ValidPassword checks an encoded password hash.
func ValidPassword(encoded string) error {
	var p problem
	p.text("password hash", encoded, MaxPassword)
	return p.err
}
