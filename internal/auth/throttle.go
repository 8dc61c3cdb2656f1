package auth

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// throttleEntries is how many users, addresses and pairs of both are remembered
// at once, in about 100 bytes each.
const throttleEntries = 30_000

// A rule says how wrong passwords slow down further attempts.
type rule struct {
	free  int           // wrong ones in a row that cost nothing
	first time.Duration // the wait after one more; it doubles with each further one
	most  time.Duration // the longest wait
	// pending is how many may be in progress before they have to wait. 0: one in
	// progress counts as wrong, so that many at once are not free.
	pending int
}

// forget is how long after the last wrong password all is forgotten.
const forget = 15 * time.Minute

// The pair of user and address is what a guesser has: it gets slow soon. A user
// alone and an address alone are slowed later and less, because others are
// behind them too: many people behind one address, who may all log in at one time
// to a directory that takes its time, and a user who must be able to log in while
// somebody elsewhere guesses their password.
func rules() [3]rule {
	return [...]rule{
		byPair:    {free: 3, first: time.Second, most: 5 * time.Minute},
		byUser:    {free: 20, first: time.Second, most: 30 * time.Second},
		byAddress: {free: 30, first: time.Second, most: time.Minute, pending: 200},
	}
}

// The kinds of entries.
const (
	byPair = iota
	byUser
	byAddress
)

// wait returns how long to wait after so many wrong passwords.
func (r rule) wait(wrong int) time.Duration {
	over := wrong - r.free
	if over <= 0 {
		return 0
	}
	wait := r.first
	for range over - 1 {
		if wait *= 2; wait >= r.most {
			return r.most
		}
	}
	return wait
}

// key names an entry. It is of fixed size, however long the names are.
type key struct {
	kind int
	name [16]byte
	addr netip.Prefix
}

type entry struct {
	wrong   int       // attempts in a row that were not right, those in progress among them unless they are pending
	pending int       // attempts in progress, where the rule bounds them
	last    time.Time // when wrong last grew
	until   time.Time // no attempt before
	trusted bool      // of a pair: this user has logged in from this address before
}

// throttle slows down those who guess passwords. Its memory is bounded: when it
// is full it forgets who is least suspicious, so that a guesser cannot wash
// their own entry out by causing many others.
type throttle struct {
	most  int
	rules [3]rule // set once

	mu      sync.Mutex
	entries map[key]*entry // guarded by mu
}

func newThrottle(most int) *throttle {
	return &throttle{most: most, rules: rules(), entries: make(map[key]*entry)}
}

// An attempt is one password being checked. Its maker calls one of succeeded,
// failed and undecided.
type attempt struct {
	throttle *throttle
	keys     [3]key
	known    int // how many of keys are used
}

// attempt begins an attempt, unless it has to wait: then nothing is counted.
func (t *throttle) attempt(realm, user string, from netip.Addr) (a *attempt, wait time.Duration) {
	a = &attempt{throttle: t}
	a.keys, a.known = keys(realm, user, from)
	now := time.Now()

	t.mu.Lock()
	defer t.mu.Unlock()
	trusted := false
	for _, k := range a.keys[:a.known] {
		e := t.entries[k]
		if e == nil {
			continue
		}
		if now.Sub(e.last) > forget {
			e.wrong, e.until = 0, time.Time{}
		}
		trusted = trusted || e.trusted
		if k.kind == byUser && trusted {
			continue // keys has the pair before the user
		}
		wait = max(wait, e.until.Sub(now))
		if r := t.rules[k.kind]; r.pending > 0 && e.pending >= r.pending {
			wait = max(wait, r.first)
		}
	}
	if wait > 0 {
		return nil, wait
	}
	for _, k := range a.keys[:a.known] {
		e := t.entry(k, now)
		if t.rules[k.kind].pending > 0 {
			e.pending++
			continue
		}
		t.count(e, k.kind, now)
	}
	return a, 0
}

// count counts a wrong password. The caller holds mu.
func (t *throttle) count(e *entry, kind int, now time.Time) {
	e.wrong++
	e.last = now
	e.until = now.Add(t.rules[kind].wait(e.wrong))
}

// keys returns what an attempt counts for. IPv6 users own at least a /64, so
// that is what counts as one address.
func keys(realm, user string, from netip.Addr) (list [3]key, n int) {
	sum := sha256.Sum256([]byte(realm + "\x00" + user))
	name := [16]byte(sum[:16])
	from = from.Unmap().WithZone("")
	var prefix netip.Prefix
	if from.IsValid() {
		bits := from.BitLen()
		if from.Is6() {
			bits = 64
		}
		prefix, _ = from.Prefix(bits) // the bits are right
	}
	list[0] = key{kind: byPair, name: name, addr: prefix}
	list[1] = key{kind: byUser, name: name}
	list[2] = key{kind: byAddress, addr: prefix}
	if !from.IsValid() {
		return list, 2
	}
	return list, 3
}

// entry finds or makes an entry. The caller holds mu.
func (t *throttle) entry(k key, now time.Time) *entry {
	if e := t.entries[k]; e != nil {
		return e
	}
	if len(t.entries) >= t.most {
		t.evict(now)
	}
	e := &entry{}
	t.entries[k] = e
	return e
}

// evict forgets the least suspicious of a few entries, which the map's order
// picks at random. The caller holds mu.
func (t *throttle) evict(now time.Time) {
	const look = 8
	var victim key
	var least *entry
	seen := 0
	for k, e := range t.entries {
		if now.Sub(e.last) > forget {
			e.wrong = 0
		}
		if least == nil || e.wrong < least.wrong || e.wrong == least.wrong && e.last.Before(least.last) {
			victim, least = k, e
		}
		if seen++; seen == look {
			break
		}
	}
	delete(t.entries, victim)
}

// succeeded forgets all wrong passwords of the user from this address, and takes
// back what the attempt itself has counted elsewhere. What others counted stays:
// somebody with an account of their own must not be able to clear the way.
func (a *attempt) succeeded() {
	a.takeBack()
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	if e := a.throttle.entries[a.keys[byPair]]; e != nil {
		*e = entry{last: e.last, trusted: true}
	}
}

// failed counts what was only pending.
func (a *attempt) failed() {
	t := a.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, k := range a.keys[:a.known] {
		if t.rules[k.kind].pending == 0 {
			continue
		}
		e := t.entry(k, now) // it may have been forgotten meanwhile
		e.pending = max(0, e.pending-1)
		t.count(e, k.kind, now)
	}
}

// undecided takes back what the attempt has counted.
func (a *attempt) undecided() { a.takeBack() }

func (a *attempt) takeBack() {
	t := a.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range a.keys[:a.known] {
		e := t.entries[k]
		switch {
		case e == nil:
		case t.rules[k.kind].pending > 0:
			e.pending = max(0, e.pending-1)
		case e.wrong > 0:
			e.wrong--
			e.until = time.Time{} // it had passed, or the attempt would not have begun
		}
		if e != nil && k.kind != byPair && e.wrong == 0 && e.pending == 0 {
			delete(t.entries, k) // as if there had been nothing
		}
	}
}
