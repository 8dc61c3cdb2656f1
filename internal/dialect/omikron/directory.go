package omikron

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"switchboard/internal/core"
)

// Records keeps texts under names. Its methods may be called by any goroutine.
type Records interface {
	// Within runs f in one transaction: all that f set is kept, durably, or with
	// an error nothing. f may be run more than once.
	Within(ctx context.Context, f func(Texts) error) error
}

// Texts reads and writes texts within a transaction.
type Texts interface {
	// Text returns a text, "" if there is none.
	Text(name string) (string, error)
	// SetText keeps a text in place of the one before it; "" removes it.
	SetText(name, text string) error
}

// Profile is a user as the embedded directory keeps them (dossier 3.4). Secrets
// are kept as salted hashes only.
type Profile struct {
	User      string `json:"user_id"`
	Name      string `json:"username"`
	Iota      string `json:"iota_id"`
	PublicKey string `json:"public_key"`
	Display   string `json:"display"`
	Avatar    string `json:"avatar"`
	About     string `json:"about"`
	Status    string `json:"status"`
	SubLevel  int64  `json:"sub_level"`
	SubEnd    int64  `json:"sub_end"`
	Created   int64  `json:"created_at"` // ms
	Key       string `json:"key"`        // salted hash of the private_key_hash
	Reset     string `json:"reset"`      // salted hash of the reset_token
}

// Register is what one needs to add a user.
type Register struct {
	User       string // UUID
	Name       string
	Iota       string // UUID
	PublicKey  string
	KeyHash    string // 64 hex digits
	ResetToken string
	Display    string
}

// Embedded is a [Directory] of its own, on records. Its methods may be called
// by any goroutine.
type Embedded struct{ records Records }

// NewEmbedded makes a directory on records.
func NewEmbedded(r Records) *Embedded { return &Embedded{r} }

// Field limits (dossier 3.3); an avatar is a data URI.
const (
	mostName   = 15
	mostShort  = 15
	mostAbout  = 268
	mostToken  = 256
	mostKey    = 1024
	mostAvatar = 48 << 10
	reserved   = time.Hour
)

var nameRule = regexp.MustCompile(`^[a-z0-9_]{1,15}$`)

var (
	errNoUser   = &core.Error{Kind: core.NotFound, Text: "there is no such user", Subject: core.AboutParticipant}
	errWrongKey = &core.Error{Kind: core.Denied, Text: "the private key is not this user's", Subject: core.AboutPermission}
	errSecret   = &core.Error{Kind: core.Denied, Text: "the iota_secret is not this Iota's", Subject: core.AboutValue}
	errToken    = &core.Error{Kind: core.Denied, Text: "the reset token is not this user's", Subject: core.AboutPermission}
	errTaken    = &core.Error{Kind: core.Conflict, Text: "that name or id is taken", Subject: core.AboutName}
)

func invalid(text string) error { return &core.Error{Kind: core.Invalid, Text: text} }

func userRecord(user string) string { return "omikron/user/" + user }
func nameRecord(name string) string { return "omikron/name/" + name }
func iotaRecord(iota string) string { return "omikron/iota/" + iota }

const holdRecord = "omikron/reserved"

// load reads a profile; errNoUser if there is none.
func load(tx Texts, user string) (p Profile, err error) {
	text, err := tx.Text(userRecord(user))
	switch {
	case err != nil:
		return p, err
	case text == "":
		return p, errNoUser
	}
	return p, json.Unmarshal([]byte(text), &p)
}

func save(tx Texts, p Profile) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.SetText(userRecord(p.User), string(b))
}

// within runs f and says failures of the records as nothing a client needs to
// know more of.
func (d *Embedded) within(ctx context.Context, f func(Texts) error) error {
	err := d.records.Within(ctx, f)
	var known *core.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return errors.Join(&core.Error{Kind: core.Unavailable, Text: "the directory cannot be asked now"}, err)
}

// Resident implements [Directory].
func (d *Embedded) Resident(ctx context.Context, user string, proof Proof) (who Resident, err error) {
	err = d.within(ctx, func(tx Texts) error {
		p, err := load(tx, user)
		if err != nil {
			return err
		}
		if !proof.proves(p.Key) {
			return errWrongKey
		}
		who = Resident{User: p.User, Name: p.Name, Iota: p.Iota}
		return nil
	})
	return who, err
}

// Housed implements [Directory].
func (d *Embedded) Housed(ctx context.Context, iota string, proof Proof, users []string) (housed []string, err error) {
	err = d.within(ctx, func(tx Texts) error {
		housed = nil
		kept, err := tx.Text(iotaRecord(iota))
		if err != nil {
			return err
		}
		if kept != "" && !proof.proves(kept) || kept == "" && !proof.empty() {
			return errSecret
		}
		for _, u := range users {
			p, err := load(tx, u)
			switch {
			case errors.Is(err, errNoUser):
			case err != nil:
				return err
			case p.Iota == iota:
				housed = append(housed, u)
			}
		}
		return nil
	})
	return housed, err
}

// Salt implements [Directory].
func (d *Embedded) Salt(ctx context.Context, user, iota string) (salt string, err error) {
	err = d.within(ctx, func(tx Texts) error {
		var kept string
		if user != "" {
			p, err := load(tx, user)
			if err != nil {
				return err
			}
			kept = p.Key
		} else if kept, err = tx.Text(iotaRecord(iota)); err == nil && kept == "" {
			return invalid("this Iota has no secret to answer a challenge with")
		}
		salt, _, _ = strings.Cut(kept, ":")
		return err
	})
	return salt, err
}

// SetIotaSecret gives an Iota a secret that it has to show from now on, as
// iota_secret in its identification; "" takes it away.
func (d *Embedded) SetIotaSecret(ctx context.Context, iota, secret string) error {
	if parseID(iota) == "" || len(secret) > mostToken {
		return invalid("the Iota's id must be a UUID and the secret at most 256 bytes")
	}
	kept := ""
	if secret != "" {
		kept = salted(secret)
	}
	return d.within(ctx, func(tx Texts) error { return tx.SetText(iotaRecord(parseID(iota)), kept) })
}

// Profile returns a user.
func (d *Embedded) Profile(ctx context.Context, user string) (p Profile, err error) {
	err = d.within(ctx, func(tx Texts) (err error) { p, err = load(tx, user); return err })
	return p, err
}

// Find returns the id of the user of that name.
func (d *Embedded) Find(ctx context.Context, name string) (user string, err error) {
	name = strings.ToLower(name)
	if !nameRule.MatchString(name) {
		return "", errNoUser
	}
	err = d.within(ctx, func(tx Texts) (err error) {
		if user, err = tx.Text(nameRecord(name)); err == nil && user == "" {
			err = errNoUser
		}
		return err
	})
	return user, err
}

// Add makes a user.
func (d *Embedded) Add(ctx context.Context, r Register, now time.Time) error {
	p, err := r.profile(now)
	if err != nil {
		return err
	}
	return d.within(ctx, func(tx Texts) error { return add(tx, p) })
}

func (r Register) profile(now time.Time) (Profile, error) {
	p := Profile{User: parseID(r.User), Name: strings.ToLower(r.Name), Iota: parseID(r.Iota), PublicKey: r.PublicKey,
		Display: r.Display, Created: now.UnixMilli()}
	key := strings.ToLower(r.KeyHash)
	switch {
	case p.User == "" || p.Iota == "":
		return p, invalid("the ids of user and Iota must be UUIDs")
	case len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "":
		return p, invalid("private_key_hash must be 64 hex digits")
	case r.ResetToken == "" || len(r.ResetToken) > mostToken:
		return p, invalid("reset_token must have 1 to 256 bytes")
	}
	p.Key, p.Reset = salted(key), salted(r.ResetToken)
	return p, p.check()
}

// check applies the field limits.
func (p *Profile) check() error {
	switch {
	case !nameRule.MatchString(p.Name):
		return invalid("username must have 1 to 15 of a-z, 0-9 and _")
	case utf8.RuneCountInString(p.Display) > mostShort:
		return invalid("display can have at most 15 letters")
	case utf8.RuneCountInString(p.Status) > mostShort:
		return invalid("status can have at most 15 letters")
	case utf8.RuneCountInString(p.About) > mostAbout:
		return invalid("about can have at most 268 letters")
	case len(p.Avatar) > mostAvatar:
		return invalid("avatar can have at most 49152 bytes")
	case len(p.PublicKey) > mostKey:
		return invalid("public_key can have at most 1024 bytes")
	}
	return nil
}

func add(tx Texts, p Profile) error {
	for _, name := range []string{userRecord(p.User), nameRecord(p.Name)} {
		text, err := tx.Text(name)
		if err != nil {
			return err
		}
		if text != "" {
			return errTaken
		}
	}
	if err := tx.SetText(nameRecord(p.Name), p.User); err != nil {
		return err
	}
	return save(tx, p)
}

// mostReserved bounds how many ids are kept at one time.
const mostReserved = 1000

// holds reads the ids that are reserved, without those whose time is over.
func holds(tx Texts, now time.Time) (map[string]int64, error) {
	text, err := tx.Text(holdRecord)
	if err != nil {
		return nil, err
	}
	until := map[string]int64{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &until); err != nil {
			return nil, err
		}
	}
	maps.DeleteFunc(until, func(_ string, ms int64) bool { return ms < now.UnixMilli() })
	return until, nil
}

func setHolds(tx Texts, until map[string]int64) error {
	b, err := json.Marshal(until)
	if err != nil {
		return err
	}
	return tx.SetText(holdRecord, string(b))
}

// Reserve returns an id for a user who is about to be registered, which is kept
// for an hour.
func (d *Embedded) Reserve(ctx context.Context, now time.Time) (string, error) {
	user := newID()
	return user, d.within(ctx, func(tx Texts) error {
		until, err := holds(tx, now)
		if err != nil {
			return err
		}
		if len(until) >= mostReserved {
			return &core.Error{Kind: core.Conflict, Text: "too many registrations are under way; try again in an hour"}
		}
		until[user] = now.Add(reserved).UnixMilli()
		return setHolds(tx, until)
	})
}

// Complete makes a user under an id that was reserved.
func (d *Embedded) Complete(ctx context.Context, r Register, now time.Time) error {
	p, err := r.profile(now)
	if err != nil {
		return err
	}
	return d.within(ctx, func(tx Texts) error {
		until, err := holds(tx, now)
		if err != nil {
			return err
		}
		if _, kept := until[p.User]; !kept {
			return invalid("that id is not reserved; ask for one first")
		}
		delete(until, p.User)
		if err := setHolds(tx, until); err != nil {
			return err
		}
		return add(tx, p)
	})
}

// change changes a profile whose owner showed what proof asks for. proof and
// edit see the profile as it is.
func (d *Embedded) change(ctx context.Context, user string, proof func(Profile) error, edit func(*Profile) error) error {
	return d.within(ctx, func(tx Texts) error {
		p, err := load(tx, user)
		if err != nil {
			return err
		}
		if err := proof(p); err != nil {
			return err
		}
		before := p.Name
		if err := edit(&p); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		if p.Name != before {
			taken, err := tx.Text(nameRecord(p.Name))
			switch {
			case err != nil:
				return err
			case taken != "":
				return errTaken
			}
			if err := errors.Join(tx.SetText(nameRecord(before), ""), tx.SetText(nameRecord(p.Name), p.User)); err != nil {
				return err
			}
		}
		return save(tx, p)
	})
}

// Delete removes a user who showed the reset token.
func (d *Embedded) Delete(ctx context.Context, user, token string) error {
	return d.within(ctx, func(tx Texts) error {
		p, err := load(tx, user)
		switch {
		case err != nil:
			return err
		case !same(p.Reset, token):
			return errToken
		}
		return errors.Join(tx.SetText(nameRecord(p.Name), ""), tx.SetText(passkeyRecord(user), ""), tx.SetText(userRecord(user), ""))
	})
}
