package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

const (
	// MinSecretBytes is the shortest secret that tokens may be signed with: as
	// long as the hash (RFC 7518 section 3.2).
	MinSecretBytes = 32
	// maxTokenBytes is the longest token that is looked at.
	maxTokenBytes = 8192
	// leeway is how far the clocks of signer and server may be apart.
	leeway = 30 * time.Second
)

// TokenOptions say which tokens are believed.
type TokenOptions struct {
	Secret   []byte // of HS256, at least [MinSecretBytes]
	Issuer   string // what "iss" must be; empty: not looked at
	Audience string // what "aud" must contain; empty: not looked at
}

// Tokens checks signed tokens (JWT, RFC 7519), by which an application vouches
// for its users, and signs them.
type Tokens struct {
	options TokenOptions
	parser  *jwt.Parser
}

// NewTokens makes a Tokens. It fails when the secret is too short.
func NewTokens(o TokenOptions) (*Tokens, error) {
	if len(o.Secret) < MinSecretBytes {
		return nil, fmt.Errorf("secret of signed tokens is shorter than %d bytes", MinSecretBytes)
	}
	options := []jwt.ParserOption{
		// The signer does not choose the algorithm (RFC 8725 section 3.1).
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
	}
	if o.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		options = append(options, jwt.WithAudience(o.Audience))
	}
	return &Tokens{options: o, parser: jwt.NewParser(options...)}, nil
}

// claims is what a token says. "sub" is the user's name; "realm" left out is
// [core.DefaultRealm].
type claims struct {
	jwt.RegisteredClaims
	Realm string   `json:"realm,omitempty"`
	Name  string   `json:"name,omitempty"` // for showing
	Roles []string `json:"roles,omitempty"`
	// Rooms says what the bearer may do in rooms of the realm, by their names:
	// "none", "listen" or "talk".
	Rooms map[string]string `json:"rooms,omitempty"`
}

// Bounds of lists in a token.
const (
	maxTokenRoles = 256
	maxTokenRooms = 1024
)

// Verify returns whom a token vouches for. Its errors are of kind Denied.
func (t *Tokens) Verify(token string) (core.Identity, error) {
	if len(token) > maxTokenBytes {
		return core.Identity{}, denied("token is too long")
	}
	var c claims
	_, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.options.Secret, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenMalformed), errors.Is(err, jwt.ErrTokenUnverifiable):
		return core.Identity{}, denied("token is not valid")
	case errors.Is(err, jwt.ErrTokenExpired):
		return core.Identity{}, denied("token has expired")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return core.Identity{}, denied("token is not valid yet")
	case err != nil:
		return core.Identity{}, denied("token is not valid here") // issuer, audience, no exp
	}
	return c.identity()
}

func (c *claims) identity() (core.Identity, error) {
	if c.Realm == "" {
		c.Realm = core.DefaultRealm
	}
	if _, err := (store.User{Realm: c.Realm, ID: c.Subject, Name: c.Name}).Valid(); err != nil {
		return core.Identity{}, denied("token names no proper user")
	}
	if len(c.Roles) > maxTokenRoles || len(c.Rooms) > maxTokenRooms {
		return core.Identity{}, denied("token lists too many roles or rooms")
	}
	id := core.Identity{Realm: c.Realm, User: c.Subject, Display: c.Name, Roles: c.Roles}
	for room, text := range c.Rooms {
		var p core.Permission
		switch text {
		case "none":
			p = core.PermitNone
		case "listen":
			p = core.PermitListen
		case "talk":
			p = core.PermitTalk
		default:
			return core.Identity{}, denied("token names a permission other than none, listen and talk")
		}
		if id.Rooms == nil {
			id.Rooms = make(map[string]core.Permission)
		}
		id.Rooms[room] = p
	}
	return id, nil
}

// Sign returns a token that vouches for the identity for so long. Admin and
// Guest are not carried.
func (t *Tokens) Sign(id core.Identity, lifetime time.Duration) (string, error) {
	now := time.Now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: id.User, Issuer: t.options.Issuer,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
		Realm: id.Realm, Name: id.Display, Roles: id.Roles,
	}
	if t.options.Audience != "" {
		c.Audience = jwt.ClaimStrings{t.options.Audience}
	}
	for room, p := range id.Rooms {
		if c.Rooms == nil {
			c.Rooms = make(map[string]string)
		}
		c.Rooms[room] = p.String()
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.options.Secret)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}
