package auth

import (
	"context"
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

// TokenOptions say which tokens are believed: those signed with the secret, those
// signed with one of the published keys, or both.
type TokenOptions struct {
	Secret []byte // of HS256, at least [MinSecretBytes]; empty: none
	// KeysURL is where the signer publishes its public keys as a JSON Web Key Set
	// (RFC 7517): https, or http on this machine. Empty: none.
	KeysURL  string
	Issuer   string // what "iss" must be; empty: not looked at
	Audience string // what "aud" must contain; empty: not looked at
}

// Tokens checks signed tokens (JWT, RFC 7519), by which an application vouches
// for its users, and signs them.
type Tokens struct {
	options TokenOptions
	parser  *jwt.Parser
	keys    *keySet // nil: none are published
}

// NewTokens makes a Tokens. It does not fetch keys yet. It fails when the options
// are not good enough.
func NewTokens(o TokenOptions) (*Tokens, error) {
	t := &Tokens{options: o}
	// The signer does not choose the algorithm (RFC 8725 section 3.1): which one
	// may be used with which key is settled here and in key.
	var algorithms []string
	if len(o.Secret) > 0 {
		if len(o.Secret) < MinSecretBytes {
			return nil, fmt.Errorf("secret of signed tokens is shorter than %d bytes", MinSecretBytes)
		}
		algorithms = append(algorithms, jwt.SigningMethodHS256.Alg())
	}
	if o.KeysURL != "" {
		var err error
		if t.keys, err = newKeySet(o.KeysURL); err != nil {
			return nil, err
		}
		algorithms = append(algorithms, publicAlgorithms()...)
	}
	if len(algorithms) == 0 {
		return nil, errors.New("tokens need a secret or the URL of public keys")
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms),
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
	t.parser = jwt.NewParser(options...)
	return t, nil
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

// Verify returns whom a token vouches for. It may have to wait for published
// keys to be fetched: for as long as ctx allows, or for five seconds if it is the
// one who fetches them for all. Its errors are of kind Denied, or Unavailable when keys are
// needed and could not be fetched.
func (t *Tokens) Verify(ctx context.Context, token string) (core.Identity, error) {
	if len(token) > maxTokenBytes {
		return core.Identity{}, denied("token is too long")
	}
	var c claims
	_, err := t.parser.ParseWithClaims(token, &c, func(token *jwt.Token) (any, error) { return t.key(ctx, token) })
	switch {
	case errors.Is(err, errKeysUnavailable):
		return core.Identity{}, unavailable("tokens cannot be checked now")
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

// key returns the key to check a token with. Its algorithm is one of those that
// the parser lets through; the type of key must fit it, so that a public key is
// never taken for a secret.
func (t *Tokens) key(ctx context.Context, token *jwt.Token) (any, error) {
	if _, ok := token.Method.(*jwt.SigningMethodHMAC); ok {
		return t.options.Secret, nil
	}
	id, _ := token.Header["kid"].(string)
	return t.keys.find(ctx, id, token.Method.Alg())
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
// Guest are not carried. It fails without a secret.
func (t *Tokens) Sign(id core.Identity, lifetime time.Duration) (string, error) {
	if len(t.options.Secret) == 0 {
		return "", errors.New("sign token: there is no secret to sign with")
	}
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
