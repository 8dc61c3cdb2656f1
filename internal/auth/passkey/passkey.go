// Package passkey makes and checks the messages by which people sign in with a
// passkey (WebAuthn, https://www.w3.org/TR/webauthn-3/). It keeps nothing: what
// has to be known later is handed out as text, for the caller to keep.
//
// A [Site] may be used by any goroutine. The package must not know who keeps the
// texts, nor by which protocol browsers ask.
package passkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// ErrRefused says that a browser's answer proves nothing. What it wraps is for
// the log.
var ErrRefused = errors.New("the passkey was not accepted")

// Patience is how long a browser has to answer.
const Patience = 5 * time.Minute

// Site is for which passkeys are good: a domain and everything below it.
type Site struct{ domain, name string }

// New makes a Site; name is for people.
func New(domain, name string) (*Site, error) {
	s := &Site{domain, name}
	if err := protocol.ValidateRPID(domain); err != nil {
		return nil, fmt.Errorf("passkeys for %q: %w", domain, err)
	}
	return s, nil
}

// person is a user as the library wants them.
type person struct {
	id, name    string
	credentials []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.id) }
func (p person) WebAuthnName() string                       { return p.name }
func (p person) WebAuthnDisplayName() string                { return p.name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// library makes the library's object for pages of one origin.
func (s *Site) library(origin string) (*webauthn.WebAuthn, error) {
	limit := webauthn.TimeoutConfig{Enforce: true, Timeout: Patience, TimeoutUVD: Patience}
	return webauthn.New(&webauthn.Config{RPID: s.domain, RPDisplayName: s.name, RPOrigins: []string{origin},
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit}})
}

// begin is library for what no page has said anything about yet.
func (s *Site) begin() (*webauthn.WebAuthn, error) { return s.library("https://" + s.domain) }

func read(credentials []string) ([]webauthn.Credential, error) {
	all := make([]webauthn.Credential, len(credentials))
	for i, text := range credentials {
		if err := json.Unmarshal([]byte(text), &all[i]); err != nil {
			return nil, fmt.Errorf("read a passkey that was kept: %w", err)
		}
	}
	return all, nil
}

// write makes the options for a browser, as JSON, and what to keep until it has
// answered.
func write(options any, session *webauthn.SessionData) (forBrowser, pending string, err error) {
	o, err := json.Marshal(options)
	if err != nil {
		return "", "", err
	}
	p, err := json.Marshal(session)
	return string(o), string(p), err
}

// Offer asks a browser to make a passkey for a user, who has these already.
func (s *Site) Offer(user, name string, has []string) (options, pending string, err error) {
	known, err := read(has)
	if err != nil {
		return "", "", err
	}
	lib, err := s.begin()
	if err != nil {
		return "", "", err
	}
	made, session, err := lib.BeginRegistration(person{user, name, known},
		webauthn.WithExclusions(webauthn.Credentials(known).CredentialDescriptors()),
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementPreferred))
	if err != nil {
		return "", "", fmt.Errorf("offer a passkey: %w", err)
	}
	return write(made.Response, session)
}

// Accept takes what a browser made of an offer: the passkey, to be kept, and its
// id. allowed says which pages' browsers are believed.
func (s *Site) Accept(user, name, pending string, answer []byte, allowed func(origin string) bool) (id, passkey string, err error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	lib, session, err := s.resume(parsed.Response.CollectedClientData.Origin, pending, allowed)
	if err != nil {
		return "", "", err
	}
	made, err := lib.CreateCredential(person{id: user, name: name}, session, parsed)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	b, err := json.Marshal(made)
	return parsed.ID, string(b), err
}

// Ask asks a browser to prove that it has a passkey.
func (s *Site) Ask(user, passkey string) (options, pending string, err error) {
	known, err := read([]string{passkey})
	if err != nil {
		return "", "", err
	}
	lib, err := s.begin()
	if err != nil {
		return "", "", err
	}
	made, session, err := lib.BeginLogin(person{user, user, known})
	if err != nil {
		return "", "", fmt.Errorf("ask for a passkey: %w", err)
	}
	return write(made.Response, session)
}

// Check takes what a browser answered, and returns the passkey as it is to be
// kept from now on.
func (s *Site) Check(user, passkey, pending string, answer []byte, allowed func(origin string) bool) (fresh string, err error) {
	known, err := read([]string{passkey})
	if err != nil {
		return "", err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	lib, session, err := s.resume(parsed.Response.CollectedClientData.Origin, pending, allowed)
	if err != nil {
		return "", err
	}
	used, err := lib.ValidateLogin(person{user, user, known}, session, parsed)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	case used.Authenticator.CloneWarning:
		return "", fmt.Errorf("%w: its counter went back, so there may be a copy of it", ErrRefused)
	}
	b, err := json.Marshal(used)
	return string(b), err
}

// resume continues what was begun, for a page that is believed.
func (s *Site) resume(origin, pending string, allowed func(origin string) bool) (lib *webauthn.WebAuthn, session webauthn.SessionData, err error) {
	if !allowed(origin) {
		return nil, session, fmt.Errorf("%w: pages of %q are not let in", ErrRefused, origin)
	}
	if err := json.Unmarshal([]byte(pending), &session); err != nil {
		return nil, session, fmt.Errorf("read what was kept of a question: %w", err)
	}
	if lib, err = s.library(origin); err != nil {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return lib, session, err
}
