package nkmedia

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"switchboard/internal/core"
)

// Ids on the wire look as upstream's do: a UUID whose last group is the same
// everywhere (seed), which leaves the 80 bits that ids of the core have.
const lastGroup = "-28f07603cda8"

var base32hex = base32.HexEncoding.WithPadding(base32.NoPadding)

// newID makes an id of this dialect's own.
func newID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return grouped(b[:])
}

func grouped(b []byte) string {
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + lastGroup
}

// shown writes an id of the core's, a letter and 16 letters of base 32.
func shown[T ~string](id T) string {
	b, err := base32hex.DecodeString(strings.ToUpper(string(id)[1:]))
	if err != nil {
		return string(id)
	}
	return grouped(b)
}

// named reads what shown wrote, as an id that begins with a letter. It gives an
// id that nothing has for anything else.
func named(letter, wire string) string {
	digits, ours := strings.CutSuffix(wire, lastGroup)
	b, err := hex.DecodeString(strings.ReplaceAll(digits, "-", ""))
	if !ours || err != nil || len(b) != 10 || grouped(b) != wire {
		return letter
	}
	return letter + strings.ToLower(base32hex.EncodeToString(b))
}

func sessionIDOf(wire string) core.SessionID         { return core.SessionID(named("s", wire)) }
func participantIDOf(wire string) core.ParticipantID { return core.ParticipantID(named("p", wire)) }
