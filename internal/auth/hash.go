package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// Cost is what one argon2id hash takes (RFC 9106).
type Cost struct {
	MemoryKiB uint32 // of memory while it is computed
	Passes    uint32 // over that memory
	Lanes     uint8  // computed in parallel
}

// DefaultCost is the first setting that OWASP recommends: 19 MiB, two passes;
// about 25 ms on one core.
func DefaultCost() Cost { return Cost{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1} }

const (
	saltBytes = 16
	hashBytes = 32
	// MaxPasswordBytes is the longest password that is looked at.
	MaxPasswordBytes = 1024
)

// errBusy is what Check and Hash return when too many wait already.
var errBusy = unavailable("too many logins at once, try again")

// Hasher hashes passwords and checks them. A hash takes memory and a core, so
// only few are computed at once, and the others wait for their turn: a storm of
// logins must not disturb those who talk.
type Hasher struct {
	cost    Cost          // set once
	slots   chan struct{} // holds one for each hash being computed
	waiting atomic.Int64
	most    int64         // waiting
	left    chan struct{} // holds one when hashes have left memory behind
}

// NewHasher makes a Hasher that computes so many hashes at once; 0 means one for
// every two cores. Up to 512 times as many may wait.
func NewHasher(cost Cost, atOnce int) *Hasher {
	if atOnce <= 0 {
		atOnce = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Hasher{cost: cost, slots: make(chan struct{}, atOnce), most: int64(atOnce) * 512, left: make(chan struct{}, 1)}
}

// Hash returns the password's encoded hash, as the store keeps it: the PHC
// string format, with a new random salt.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPasswordBytes {
		return "", fmt.Errorf("password is longer than %d bytes", MaxPasswordBytes)
	}
	release, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return h.hash(password), nil
}

// Check tells whether encoded is a hash of the password. An empty encoded means
// that there is no such password; it takes as long as a wrong one. When the
// password is right but was hashed in another way than Hash does, fresh is what
// to keep from now on.
func (h *Hasher) Check(ctx context.Context, encoded, password string) (right bool, fresh string, err error) {
	release, err := h.enter(ctx)
	if err != nil {
		return false, "", err
	}
	defer release()

	if len(password) > MaxPasswordBytes {
		encoded, password = "", "" // as slow as any other wrong one
	}
	if strings.HasPrefix(encoded, argonPrefix) {
		a, err := parseArgon(encoded)
		if err != nil {
			return false, "", err
		}
		right = a.matches(password)
		if right && (a.cost != h.cost || len(a.hash) != hashBytes || len(a.salt) < saltBytes) {
			fresh = h.hash(password)
		}
		return right, fresh, nil
	}
	if encoded != "" {
		if right, err = checkForeign(encoded, password); err != nil {
			return false, "", err
		}
	}
	// Whether right or not, one argon2id hash is computed here, so that time
	// does not tell who exists and whose hash is of an old kind.
	fresh = h.hash(password)
	if !right {
		fresh = ""
	}
	return right, fresh, nil
}

// enter waits for a turn.
func (h *Hasher) enter(ctx context.Context) (release func(), err error) {
	if h.waiting.Add(1) > h.most {
		h.waiting.Add(-1)
		return nil, errBusy
	}
	defer h.waiting.Add(-1)
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case h.slots <- struct{}{}:
		return h.leave, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (h *Hasher) leave() {
	<-h.slots
	select {
	case h.left <- struct{}{}:
	default:
	}
}

// When the memory of hashes is given back: this long after the last of them, and
// not more often than that. A collection costs as much as the whole heap.
const (
	givenBackAfter = 5 * time.Second
	givenBackEvery = time.Minute
)

// giveBack calls free when hashes have been computed and no more come, until ctx
// ends. Each takes a hundred times what one who is logged in takes later, and
// the heap would stay that large for minutes.
func (h *Hasher) giveBack(ctx context.Context, free func()) {
	timer := time.NewTimer(givenBackEvery)
	timer.Stop()
	defer timer.Stop()
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.left:
			timer.Reset(max(givenBackAfter, time.Until(next)))
		case <-timer.C:
			free()
			next = time.Now().Add(givenBackEvery)
		}
	}
}

func (h *Hasher) hash(password string) string {
	a := argon{cost: h.cost, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(a.salt) // never fails (crypto/rand)
	a.hash = a.derive(password, hashBytes)
	return a.String()
}

// argon is one argon2id hash with all that made it.
type argon struct {
	cost       Cost
	salt, hash []byte
}

const argonPrefix = "$argon2id$"

// base64Raw is the encoding that the PHC string format asks for.
var base64Raw = base64.RawStdEncoding.Strict()

// String returns the hash in the PHC string format.
func (a argon) String() string {
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", argonPrefix, argon2.Version,
		a.cost.MemoryKiB, a.cost.Passes, a.cost.Lanes, base64Raw.EncodeToString(a.salt), base64Raw.EncodeToString(a.hash))
}

func (a argon) derive(password string, length int) []byte {
	return argon2.IDKey([]byte(password), a.salt, a.cost.Passes, a.cost.MemoryKiB, a.cost.Lanes, uint32(length))
}

func (a argon) matches(password string) bool {
	return subtle.ConstantTimeCompare(a.derive(password, len(a.hash)), a.hash) == 1
}

// errHash is what every hash that cannot be read leads to. It shows nothing of
// the hash.
var errHash = errors.New("stored password hash cannot be read")

// parseArgon reads what String writes. Costs are bounded, so that a damaged row
// cannot stop the server.
func parseArgon(encoded string) (argon, error) {
	var a argon
	var version int
	fields := strings.Split(encoded, "$") // "", "argon2id", "v=…", "m=…,t=…,p=…", salt, hash
	if len(fields) != 6 {
		return a, errHash
	}
	if _, err := fmt.Sscanf(fields[2], "v=%d", &version); err != nil || version != argon2.Version {
		return a, errHash
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &a.cost.MemoryKiB, &a.cost.Passes, &a.cost.Lanes); err != nil {
		return a, errHash
	}
	c := a.cost
	if c.MemoryKiB > 1<<20 || c.Passes < 1 || c.Passes > 64 || c.Lanes < 1 || c.MemoryKiB < 8*uint32(c.Lanes) {
		return a, errHash
	}
	var err error
	if a.salt, err = base64Raw.DecodeString(fields[4]); err != nil || len(a.salt) < 8 {
		return a, errHash
	}
	if a.hash, err = base64Raw.DecodeString(fields[5]); err != nil || len(a.hash) < 16 || len(a.hash) > 128 {
		return a, errHash
	}
	if a.String() != encoded { // Sscanf overlooks what follows a number
		return a, errHash
	}
	return a, nil
}
