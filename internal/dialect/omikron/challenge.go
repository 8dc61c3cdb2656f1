package omikron

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// This file is about secrets: the private_key_hash of a user, the iota_secret of
// an Iota, reset tokens. They are shown as they are, or proven by the answer to
// a challenge, which nobody who hears it can use again. Proof and what is kept
// are those of RFC 5802 section 3, of SCRAM-SHA-256, without its iterations,
// since these secrets are hashes and long random texts already:
//
//	key    = HMAC-SHA256(secret, salt)
//	kept   = SHA-256(key), with the salt
//	answer = key XOR HMAC-SHA256(kept, challenge)

// Proof is what somebody shows to prove a secret: the secret itself, or a
// challenge of ours and the answer to it in hex digits.
type Proof struct{ Secret, Challenge, Answer string }

// empty tells whether nothing is shown.
func (p Proof) empty() bool { return p == Proof{} }

func secretKey(secret, salt string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(salt))
	return h.Sum(nil)
}

// salted makes of a secret what is kept: salt and hash in hex digits.
func salted(secret string) string {
	salt := random()
	sum := sha256.Sum256(secretKey(secret, salt))
	return salt + ":" + hex.EncodeToString(sum[:])
}

func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// proves tells, in constant time, whether this is proof of the secret that is
// kept.
func (p Proof) proves(kept string) bool {
	salt, text, _ := strings.Cut(kept, ":")
	want, err := hex.DecodeString(text)
	if err != nil || len(want) != sha256.Size {
		return false
	}
	key := secretKey(p.Secret, salt)
	if p.Challenge != "" {
		if key, err = hex.DecodeString(p.Answer); err != nil || len(key) != sha256.Size {
			return false
		}
		h := hmac.New(sha256.New, want)
		h.Write([]byte(p.Challenge))
		subtle.XORBytes(key, key, h.Sum(nil))
	}
	sum := sha256.Sum256(key)
	return subtle.ConstantTimeCompare(sum[:], want) == 1
}

// same is proves for a secret that is shown itself.
func same(kept, secret string) bool { return Proof{Secret: secret}.proves(kept) }

// claim is who somebody wants to be, and how they show it.
type claim struct {
	name       string // for the guard
	user, iota string // whose secret it is: one of them
	proof      Proof
	prove      func(context.Context, Proof) (core.Identity, error)
}

// puzzle is a challenge. The goroutine that looks for its salt sets that before
// it tells the outcome.
type puzzle struct {
	claim     claim
	asked     *message // the identification
	salt      string
	challenge string
	answered  bool
}

// identify begins an identification: with a challenge if one is asked for.
func (l *line) identify(m *message) []dialect.Frame {
	challenged := get(m.data, "challenge") != nil
	c, refusal := l.side.identify(m, challenged)
	if refusal != nil {
		return l.refuse(refusal)
	}
	l.asking = m
	if !challenged {
		l.puzzle = nil
		l.prove(c)
		return nil
	}
	p := &puzzle{claim: c, asked: m, challenge: random() + random()}
	l.puzzle = p
	l.c.Prove(func(ctx context.Context) (id core.Identity, err error) {
		p.salt, err = l.o.Directory.Salt(ctx, c.user, c.iota)
		return core.Identity{Realm: l.o.Realm, Guest: true}, err
	})
	return nil
}

func (l *line) prove(c claim) {
	from := l.c.Remote()
	l.c.Prove(func(ctx context.Context) (id core.Identity, err error) {
		err = l.o.try(c.name, from, func() (err error) { id, err = c.prove(ctx, c.proof); return err })
		return id, err
	})
}

// pose says the challenge.
func (p *puzzle) pose(m *message) dialect.Frame {
	return reply(m, "challenge", "", 0, member{"challenge", quote(p.challenge)}, member{"salt", quote(p.salt)})
}

// answered takes the answer to the challenge, which is then good for nothing
// more. The reply is one to this message.
func (l *line) answered(m *message) []dialect.Frame {
	p := l.puzzle
	if p.answered {
		return nil
	}
	p.answered = true
	p.claim.proof = Proof{Challenge: p.challenge, Answer: m.text("challenge")}
	asked := *p.asked
	asked.id = m.id
	l.asking = &asked
	l.prove(p.claim)
	return nil
}
