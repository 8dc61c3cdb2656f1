package omikron

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"switchboard/internal/core"
)

// Passkeys makes and checks the messages of WebAuthn. What has to be known later
// it hands out as text. Its methods may be called by any goroutine.
type Passkeys interface {
	// Offer asks a browser to make a passkey, Accept takes what it made.
	Offer(user, name string, has []string) (options, pending string, err error)
	Accept(user, name, pending string, answer []byte, allowed func(origin string) bool) (id, passkey string, err error)
	// Ask asks a browser to prove that it has a passkey, Check takes the proof and
	// returns the passkey as it is from now on.
	Ask(user, passkey string) (options, pending string, err error)
	Check(user, passkey, pending string, answer []byte, allowed func(origin string) bool) (fresh string, err error)
}

// keyring is a user's passkeys as they are kept.
type keyring struct {
	Keys map[string]*passkey `json:"keys"` // by id, base64url without padding
	// Pending is the offer that waits for its answer.
	Pending string `json:"pending,omitempty"`
}

type passkey struct {
	Passkey string `json:"passkey"`
	// Lambda is what the passkey is for: it unlocks the private key that the
	// client has (dossier 3.3). It is told to who proves to have the passkey.
	Lambda  string `json:"lambda"`
	Pending string `json:"pending,omitempty"` // the question that waits for its answer
}

const (
	mostPasskeys = 16
	lambdaBytes  = 128
)

var (
	errNoPasskeys = &core.Error{Kind: core.Denied, Text: "signing in by passkey is not offered here"}
	errPasskey    = &core.Error{Kind: core.Denied, Text: "the passkey was not accepted", Subject: core.AboutPermission}
	errPending    = invalid("nothing was asked of this passkey; ask for options first")
)

func passkeyRecord(user string) string { return "omikron/passkeys/" + user }

// passkeys changes a user's keyring.
func (d *Embedded) passkeys(ctx context.Context, user string, edit func(Profile, *keyring) error) error {
	return d.within(ctx, func(tx Texts) error {
		p, err := load(tx, user)
		if err != nil {
			return err
		}
		text, err := tx.Text(passkeyRecord(user))
		if err != nil {
			return err
		}
		ring := keyring{Keys: map[string]*passkey{}}
		if text != "" {
			if err := json.Unmarshal([]byte(text), &ring); err != nil {
				return err
			}
		}
		if err := edit(p, &ring); err != nil {
			return err
		}
		b, err := json.Marshal(ring)
		if err != nil {
			return err
		}
		return tx.SetText(passkeyRecord(user), string(b))
	})
}

// signIn mounts what browsers ask to sign in by passkey.
func (w *web) signIn() map[string]func(*http.Request, []member) ([]member, error) {
	all := map[string]func(*http.Request, []member) ([]member, error){
		"POST /api/register/options/{user}":    w.byKey(w.offerPasskey),
		"POST /api/register/verify/{user}":     w.byKey(w.acceptPasskey),
		"GET /api/login/options/{user}/{cred}": w.askPasskey,
		"POST /api/login/verify/{user}/{cred}": w.checkPasskey,
	}
	if w.o.Passkeys == nil {
		for path := range all {
			all[path] = func(*http.Request, []member) ([]member, error) { return nil, errNoPasskeys }
		}
	}
	return all
}

// ring changes the keyring of the user whom the path names, unless there was too
// much guessing.
func (w *web) ring(r *http.Request, edit func(Profile, *keyring) error) error {
	user := parseID(r.PathValue("user"))
	return w.try(r, user, func() error { return w.d.passkeys(r.Context(), user, edit) })
}

// allowed tells whether a page's browser is believed.
func (w *web) allowed(r *http.Request) func(string) bool {
	return func(origin string) bool { return w.o.Origin != nil && w.o.Origin(origin, r.Host) }
}

func (w *web) offerPasskey(r *http.Request, f []member) (data []member, err error) {
	owns := owns(f)
	err = w.ring(r, func(p Profile, ring *keyring) error {
		if err := owns(p); err != nil {
			return err
		}
		var has []string
		for _, k := range ring.Keys {
			has = append(has, k.Passkey)
		}
		options, pending, err := w.o.Passkeys.Offer(p.User, p.Name, has)
		ring.Pending, data = pending, encoded(options)
		return err
	})
	return data, err
}

// encoded is how options are said: base64 of their JSON.
func encoded(options string) []member {
	return []member{{"options", quote(base64.StdEncoding.EncodeToString([]byte(options)))}}
}

func (w *web) acceptPasskey(r *http.Request, f []member) (data []member, err error) {
	owns := owns(f)
	err = w.ring(r, func(p Profile, ring *keyring) error {
		switch err := owns(p); {
		case err != nil:
			return err
		case ring.Pending == "":
			return errPending
		case len(ring.Keys) >= mostPasskeys:
			return invalid("a user can have at most 16 passkeys")
		}
		id, key, err := w.o.Passkeys.Accept(p.User, p.Name, ring.Pending, credential(f), w.allowed(r))
		if err != nil {
			return errPasskey
		}
		lambda := make([]byte, lambdaBytes)
		_, _ = rand.Read(lambda) // never fails (crypto/rand)
		made := &passkey{Passkey: key, Lambda: base64.StdEncoding.EncodeToString(lambda)}
		ring.Keys[credID(id)], ring.Pending = made, ""
		data = []member{{"lambda", quote(made.Lambda)}}
		return nil
	})
	return data, err
}

func (w *web) askPasskey(r *http.Request, _ []member) (data []member, err error) {
	err = w.ring(r, func(p Profile, ring *keyring) error {
		key := ring.Keys[credID(r.PathValue("cred"))]
		if key == nil {
			return errPasskey
		}
		options, pending, err := w.o.Passkeys.Ask(p.User, key.Passkey)
		key.Pending, data = pending, encoded(options)
		return err
	})
	return data, err
}

func (w *web) checkPasskey(r *http.Request, f []member) (data []member, err error) {
	err = w.ring(r, func(p Profile, ring *keyring) error {
		key := ring.Keys[credID(r.PathValue("cred"))]
		switch {
		case key == nil:
			return errPasskey
		case key.Pending == "":
			return errPending
		}
		fresh, err := w.o.Passkeys.Check(p.User, key.Passkey, key.Pending, credential(f), w.allowed(r))
		if err != nil {
			return errPasskey
		}
		key.Passkey, key.Pending = fresh, ""
		data = []member{{"lambda", quote(key.Lambda)}}
		return nil
	})
	return data, err
}

// credID reads the id of a passkey in whichever base64 it is written.
func credID(text string) string {
	return strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
}

// credential finds what a browser answered: it is the request itself or in one
// of its members, whose name nobody remembers.
func credential(f []member) []byte {
	if get(f, "response") != nil && get(f, "rawId") != nil {
		return appendObject(nil, f)
	}
	for _, m := range f {
		if inner, ok := split(m.value); ok && get(inner, "response") != nil && get(inner, "rawId") != nil {
			return m.value
		}
	}
	return nil
}
