package auth

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	home  = netip.MustParseAddr("192.0.2.1")
	other = netip.MustParseAddr("198.51.100.7")
)

// guess makes so many attempts with wrong passwords, waiting as told, and
// returns how long that took.
func guess(t *testing.T, th *throttle, n int, user string, from netip.Addr) time.Duration {
	t.Helper()
	start := time.Now()
	for range n {
		for {
			a, wait := th.attempt("default", user, from)
			if wait == 0 {
				a.failed()
				break
			}
			time.Sleep(wait) // virtual time
		}
	}
	return time.Since(start)
}

func wantWait(t *testing.T, th *throttle, user string, from netip.Addr, want time.Duration) {
	t.Helper()
	a, got := th.attempt("default", user, from)
	if got != want {
		t.Errorf("%s from %s: has to wait %v, want %v", user, from, got, want)
	}
	if a != nil {
		a.undecided()
	}
}

func TestGuessingGetsSlower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(100)
		if took := guess(t, th, 3, "ada", home); took != 0 {
			t.Errorf("three slips cost %v", took)
		}
		wantWait(t, th, "ada", home, 0)
		guess(t, th, 1, "ada", home)
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
			if _, got := th.attempt("default", "ada", home); got != want*time.Second {
				t.Errorf("after %d wrong ones: wait %v, want %v", 4+i, got, want*time.Second)
			}
			guess(t, th, 1, "ada", home)
		}
		// Nobody else is slowed.
		wantWait(t, th, "bob", home, 0)
		wantWait(t, th, "ada", other, 0)

		time.Sleep(forget + time.Second)
		wantWait(t, th, "ada", home, 0)
	})
}

// Attempts that are still being checked count: a thousand at once is not a way
// to make a thousand guesses.
func TestGuessingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(100)
		var mu sync.Mutex
		admitted := 0
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, wait := th.attempt("default", "ada", home); wait == 0 {
					mu.Lock()
					admitted++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if admitted != 4 {
			t.Errorf("%d guesses at once were admitted, want the 3 free ones and one more", admitted)
		}
	})
}

// TestManyLogInAtOnce: people behind one address, all at the same time, do not
// have to wait for each other, and a guesser there may not make many more guesses
// at once.
func TestManyLogInAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(10_000)
		var all []*attempt
		for i := range 250 {
			a, wait := th.attempt("default", fmt.Sprint("user", i), home)
			if want := i < 200; (wait == 0) != want {
				t.Fatalf("attempt %d at once has to wait %v", i+1, wait)
			}
			if a != nil {
				all = append(all, a)
			}
		}
		for i, a := range all {
			if i < 150 {
				a.succeeded()
			} else {
				a.undecided()
			}
		}
		wantWait(t, th, "ada", home, 0)
		for i := range 40 {
			if a, wait := th.attempt("default", fmt.Sprint("guess", i), home); wait == 0 {
				a.failed()
			}
		}
		wantWait(t, th, "ada", home, time.Second)
	})
}

func TestGuessingFromManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(10_000)
		// The owner has logged in from home before.
		a, _ := th.attempt("default", "ada", home)
		a.succeeded()

		took := time.Duration(0)
		for i := range 100 {
			took += guess(t, th, 1, "ada", netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}))
		}
		if want := 20 * time.Minute; took < want {
			t.Errorf("100 guesses from 100 addresses took %v, want more than %v", took, want)
		}
		wantWait(t, th, "ada", other, 30*time.Second)
		wantWait(t, th, "ada", home, 0) // guessers elsewhere do not lock the owner out
	})
}

func TestGuessingManyUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(10_000)
		took := time.Duration(0)
		for i := range 100 {
			took += guess(t, th, 1, fmt.Sprint("user", i), home)
		}
		if want := 30 * time.Minute; took < want {
			t.Errorf("guesses at 100 users from one address took %v, want more than %v", took, want)
		}
		wantWait(t, th, "user1", other, 0)
	})
}

func TestSuccessForgives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(100)
		guess(t, th, 5, "ada", home)
		time.Sleep(2 * time.Second)
		a, wait := th.attempt("default", "ada", home)
		if wait != 0 {
			t.Fatalf("has to wait %v", wait)
		}
		a.succeeded()
		if took := guess(t, th, 3, "ada", home); took != 0 {
			t.Errorf("slips after a success cost %v", took)
		}
	})
}

// Somebody with an account of their own must not be able to wipe out what their
// address has counted by logging in between the guesses.
func TestOwnAccountDoesNotClearTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(10_000)
		start := time.Now()
		for i := range 100 {
			guess(t, th, 1, fmt.Sprint("user", i), home)
			for {
				a, wait := th.attempt("default", "mallory", home)
				if wait == 0 {
					a.succeeded()
					break
				}
				time.Sleep(wait)
			}
		}
		if took, want := time.Since(start), 30*time.Minute; took < want {
			t.Errorf("100 guesses took %v, want more than %v", took, want)
		}
	})
}

// What the server could not decide is not held against anybody.
func TestUndecidedDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(100)
		for range 50 {
			a, wait := th.attempt("default", "ada", home)
			if wait != 0 {
				t.Fatalf("has to wait %v", wait)
			}
			a.undecided()
		}
	})
}

func TestAddressesThatCountAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			a, b string
			same bool
		}{
			{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
			{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
			{"::ffff:192.0.2.1", "192.0.2.1", true},
			{"fe80::1%eth0", "fe80::1%eth1", true},
			{"192.0.2.1", "192.0.2.2", false},
		} {
			th := newThrottle(100)
			guess(t, th, 4, "ada", netip.MustParseAddr(c.a))
			_, wait := th.attempt("default", "ada", netip.MustParseAddr(c.b))
			if same := wait > 0; same != c.same {
				t.Errorf("%s and %s count as one: %v, want %v", c.a, c.b, same, c.same)
			}
		}
		th := newThrottle(100)
		guess(t, th, 4, "ada", netip.Addr{})
		wantWait(t, th, "ada", netip.Addr{}, time.Second)
		wantWait(t, th, "bob", netip.Addr{}, 0)
	})
}

// However many names and addresses come by, memory is bounded, and the entry of
// a guesser stays.
func TestThrottleForgetsTheLeastSuspicious(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 300
		th := newThrottle(most)
		guess(t, th, 10, "ada", home)
		for i := range 5000 {
			time.Sleep(time.Millisecond)
			from := netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)})
			th.attempt("default", fmt.Sprint("nobody", i), from)
		}
		if got := len(th.entries); got > most {
			t.Errorf("%d entries are kept, want at most %d", got, most)
		}
		if _, wait := th.attempt("default", "ada", home); wait < 30*time.Second {
			t.Errorf("the guesser's own entry was washed out: wait %v", wait)
		}
	})
}
