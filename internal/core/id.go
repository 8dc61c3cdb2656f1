package core

import (
	"crypto/rand"
	"encoding/base32"
	"strings"

	"switchboard/internal/media"
)

// SessionID names a session. It may be shown to others; it gives no power.
type SessionID string

// SessionKey is the secret with which a client takes up its session again on
// a new connection: 130 random bits.
type SessionKey string

// String hides the key from logs.
func (SessionKey) String() string { return "[session key]" }

// ParticipantID names a session's place in a room.
type ParticipantID string

// PublicationID names a stream offered in a room.
type PublicationID string

// SubscriptionID names one transport receiving one publication.
type SubscriptionID string

// DirectoryID names a directory within a realm.
type DirectoryID string

// RoomID names a room: its realm, a slash, and its name in the realm.
type RoomID string

// NewRoomID puts a room's id together. A realm's name never contains a slash.
func NewRoomID(realm, name string) RoomID { return RoomID(realm + "/" + name) }

// Realm returns the realm of the room.
func (r RoomID) Realm() string { realm, _, _ := strings.Cut(string(r), "/"); return realm }

// Name returns the room's name in its realm.
func (r RoomID) Name() string { _, name, _ := strings.Cut(string(r), "/"); return name }

func (r RoomID) media() media.RoomID { return media.RoomID(r) }

var base32hex = base32.HexEncoding.WithPadding(base32.NoPadding)

// newSecret returns 26 characters from 0-9a-v that hold 130 random bits.
func newSecret() string {
	var b [17]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return strings.ToLower(base32hex.EncodeToString(b[:]))[:26]
}

// newID returns a random id of 80 bits behind a letter that says of what.
func newID(letter string) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return letter + strings.ToLower(base32hex.EncodeToString(b[:]))
}
