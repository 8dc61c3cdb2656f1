package core

import (
	"context"
	"net/netip"
	"slices"
)

// DefaultRealm is the realm that exists out of the box.
const DefaultRealm = "default"

// Identity says who somebody is. It is a value: a session replaces it whole.
type Identity struct {
	Realm   string   `json:"realm"`
	User    string   `json:"user"`    // unique in the realm; empty for a guest
	Display string   `json:"display"` // for showing, never for deciding
	Roles   []string `json:"roles,omitempty"`
	// Role is the one of Roles that they act in, see [Session.Act].
	Role string `json:"role,omitempty"`
	// Stored says that Display and Roles come from the store, so that changes
	// there reach those who are logged in.
	Stored bool `json:"stored,omitempty"`
	// Rooms are permissions carried by the proof of identity itself, by room
	// name; they win over what the room says.
	Rooms map[string]Permission `json:"rooms,omitempty"`
	Admin bool                  `json:"admin,omitempty"`
	Guest bool                  `json:"guest,omitempty"`
}

// guest is who one is before a login.
func guest() *Identity { return &Identity{Realm: DefaultRealm, Guest: true} }

// clone copies the identity so that it can be handed out.
func (i *Identity) clone() Identity {
	c := *i
	c.Roles = slices.Clone(i.Roles)
	return c
}

// Credentials are one proof of identity: a token, or a user with a password or
// a key of an earlier login.
type Credentials struct {
	Token    string
	Realm    string // empty: the one realm with such a user, or else the default one
	User     string
	Password string   // or a token that vouches for this user
	Client   string   // which device or window it is, so that it gets a key; see [Connection.Login]
	Key      LoginKey // of an earlier login of this client
}

// Authenticator turns a proof into an identity. It may be slow. Its errors are
// of kind Denied for a wrong proof and Unavailable when it cannot tell now.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credentials, remote netip.Addr) (Identity, error)
}

// Permission is what somebody may do in a room.
type Permission uint8

// The permissions, each including the ones before it.
const (
	PermitNone Permission = iota
	PermitListen
	PermitTalk
)

// String returns the permission as it is stored and configured.
func (p Permission) String() string {
	switch p {
	case PermitListen:
		return "listen"
	case PermitTalk:
		return "talk"
	}
	return "none"
}

// Access says who may use a connection at all (design: access of guests).
type Access uint8

// The ways to let clients in.
const (
	AccessOff   Access = iota // nobody
	AccessToken               // whoever shows a signed token or logs in
	AccessOpen                // anybody, as a guest until they log in
)

// nobody refuses every login; it stands in where there is no authenticator.
type nobody struct{}

func (nobody) Authenticate(context.Context, Credentials, netip.Addr) (Identity, error) {
	return Identity{}, failure(Denied, AboutPermission, "logging in is not possible here")
}
