package auth

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
)

func TestHashAndCheck(t *testing.T) {
	h := NewHasher(cheap(), 0)
	first, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("hash is %q, not in the PHC string format", first)
	}
	second, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes of one password are equal: the salt is not random")
	}
	for _, c := range []struct {
		encoded, password string
		want              bool
	}{
		{first, "correct horse", true},
		{second, "correct horse", true},
		{first, "correct horsf", false},
		{first, "", false},
		{first, "correct horse\x00", false},
		{first, strings.Repeat("x", MaxPasswordBytes+1), false},
		{"", "correct horse", false},
		{"", "", false},
	} {
		right, fresh, err := h.Check(t.Context(), c.encoded, c.password)
		if right != c.want || fresh != "" || err != nil {
			t.Errorf("check %.20q: %v, %q, %v; want %v", c.password, right, fresh, err, c.want)
		}
	}
}

func TestHashOfOtherCostIsRenewed(t *testing.T) {
	old := NewHasher(Cost{MemoryKiB: 16, Passes: 2, Lanes: 2}, 0)
	encoded, err := old.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	h := NewHasher(cheap(), 0)
	if right, fresh, err := h.Check(t.Context(), encoded, "wrong horse"); right || fresh != "" || err != nil {
		t.Errorf("wrong password: %v, %q, %v", right, fresh, err)
	}
	right, fresh, err := h.Check(t.Context(), encoded, "correct horse")
	if !right || err != nil || !strings.Contains(fresh, "m=8,t=1,p=1") {
		t.Fatalf("right password: %v, %q, %v", right, fresh, err)
	}
	if right, again, err := h.Check(t.Context(), fresh, "correct horse"); !right || again != "" || err != nil {
		t.Errorf("renewed hash: %v, %q, %v", right, again, err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Keys derived by Python's hashlib, which is to say OpenSSL.
func TestForeignHashes(t *testing.T) {
	var salt, zero, leading []byte // 1 to 32; with a zero in place of 9; of 1
	for i := byte(1); i <= 32; i++ {
		salt, zero, leading = append(salt, i), append(zero, i), append(leading, i)
	}
	zero[8], leading[0] = 0, 0

	for name, f := range map[string]Foreign{
		"PBKDF2": {Scheme: SchemePBKDF2, Work: 1024, Salt: salt, SaltEndsAtZero: true,
			Hash: unhex(t, "0c06283e2fc524a63a65bea6ea710fbf0adef9e5ff6cdca5c9fbdb8155c37282")},
		"PBKDF2 with a zero in the salt": {Scheme: SchemePBKDF2, Work: 1024, Salt: zero, SaltEndsAtZero: true,
			Hash: unhex(t, "6ab941fe8ec537242610f43950a826df206b4908af9fe6bd3f63b19debb5fa9cb4fd459cc5d7fc49e9ca8689e093e010aadd951ee0c17ff002d0789347ee792b")},
		"PBKDF2 with a zero first": {Scheme: SchemePBKDF2, Work: 1024, Salt: leading, SaltEndsAtZero: true,
			Hash: unhex(t, "817dfcdf57c23cc4a4a968ab3bf950bc768a6645f2315b31762536dc0ea460597f5bfed360501c57e81dcfd664c34006afd51f731bec78a2ca7762d08db3ee59")},
		"PBKDF2, hash cut short": {Scheme: SchemePBKDF2, Work: 1024, Salt: salt,
			Hash: unhex(t, "0c06283e2fc524a63a65bea6ea710fbf")},
		"scrypt": {Scheme: SchemeScrypt, Work: 1024, BlockSize: 8, Parallel: 16, Salt: salt, SaltEndsAtZero: true,
			Hash: unhex(t, "9a155bc030ab17906ee2a5c4e9758c3d46d2163bd0cc565f70cc41a804e2e7f3")},
		"scrypt with a zero in the salt": {Scheme: SchemeScrypt, Work: 2048, BlockSize: 8, Parallel: 1, Salt: zero, SaltEndsAtZero: true,
			Hash: unhex(t, "44905803f3aeffe5328a3a8dccf5b734fab548d4b01520230d5b7172cbbf9d65f2e842a58846038560b0ef1d6755722c0adb178628156afeee1410bcd48f5bdb")},
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := f.Encode()
			if err != nil {
				t.Fatal(err)
			}
			back, ok := ParseForeign(encoded)
			if !ok || fmt.Sprint(back) != fmt.Sprint(f) {
				t.Errorf("encoded and parsed: %v, %v; want %v", back, ok, f)
			}
			checkRenewed(t, encoded)
		})
	}
	t.Run("zeros count where salts are not cut", func(t *testing.T) {
		f := Foreign{Scheme: SchemePBKDF2, Work: 1024, Salt: zero,
			Hash: unhex(t, "6ab941fe8ec537242610f43950a826df206b4908af9fe6bd3f63b19debb5fa9c")}
		encoded, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if right, _, err := NewHasher(cheap(), 0).Check(t.Context(), encoded, "correct horse"); right || err != nil {
			t.Errorf("the salt was cut: %v, %v", right, err)
		}
	})
	t.Run("bcrypt", func(t *testing.T) {
		checkRenewed(t, "$2b$04$hBoGy1J5LRIcinXe6Urwv.eraCAx1GNLyYLJipTqeg1.GjhVlOTK6")
	})
}

// checkRenewed tells the right password by the foreign hash, once.
func checkRenewed(t *testing.T, encoded string) {
	t.Helper()
	h := NewHasher(cheap(), 0)
	for _, wrong := range []string{"", "wrong horse", "correct horse "} {
		if right, fresh, err := h.Check(t.Context(), encoded, wrong); right || fresh != "" || err != nil {
			t.Errorf("password %q: %v, %q, %v", wrong, right, fresh, err)
		}
	}
	right, fresh, err := h.Check(t.Context(), encoded, "correct horse")
	if !right || err != nil || !strings.HasPrefix(fresh, argonPrefix) {
		t.Fatalf("right password: %v, %q, %v", right, fresh, err)
	}
	if right, fresh, err := h.Check(t.Context(), fresh, "correct horse"); !right || fresh != "" || err != nil {
		t.Errorf("renewed hash: %v, %q, %v", right, fresh, err)
	}
}

func TestForeignHashThatCannotBe(t *testing.T) {
	hash := make([]byte, 32)
	for name, f := range map[string]Foreign{
		"no hash":            {Scheme: SchemePBKDF2, Work: 1024},
		"short hash":         {Scheme: SchemePBKDF2, Work: 1024, Hash: hash[:15]},
		"long hash":          {Scheme: SchemePBKDF2, Work: 1024, Hash: make([]byte, 129)},
		"long salt":          {Scheme: SchemePBKDF2, Work: 1024, Hash: hash, Salt: make([]byte, 129)},
		"unknown scheme":     {Scheme: "md5", Work: 1024, Hash: hash},
		"no work":            {Scheme: SchemePBKDF2, Hash: hash},
		"endless work":       {Scheme: SchemePBKDF2, Work: 1 << 30, Hash: hash},
		"block size, PBKDF2": {Scheme: SchemePBKDF2, Work: 1024, BlockSize: 8, Hash: hash},
		"N not a power":      {Scheme: SchemeScrypt, Work: 1000, BlockSize: 8, Parallel: 1, Hash: hash},
		"N of 1":             {Scheme: SchemeScrypt, Work: 1, BlockSize: 8, Parallel: 1, Hash: hash},
		"no p":               {Scheme: SchemeScrypt, Work: 1024, BlockSize: 8, Hash: hash},
		"a gigabyte":         {Scheme: SchemeScrypt, Work: 1 << 20, BlockSize: 8, Parallel: 1, Hash: hash},
		"an hour":            {Scheme: SchemeScrypt, Work: 1 << 15, BlockSize: 8, Parallel: 1024, Hash: hash},
	} {
		if encoded, err := f.Encode(); err == nil {
			t.Errorf("%s: encoded as %q", name, encoded)
		}
	}
}

// A damaged row is an error of ours, never a way in.
func TestHashThatCannotBeRead(t *testing.T) {
	h := NewHasher(cheap(), 0)
	salt, hash := "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	for _, encoded := range []string{
		"x", "$", "correct horse", "$argon2id$", "$argon2i$v=19$m=8,t=1,p=1$" + salt + "$" + hash,
		"$argon2id$v=18$m=8,t=1,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$",
		"$argon2id$v=19$m=8,t=1,p=1$$" + hash,
		"$argon2id$v=19$m=8,t=0,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=8,t=1,p=0$" + salt + "$" + hash,
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=8,t=4000000,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=8,t=1,p=1junk$" + salt + "$" + hash,
		"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + hash + "$more",
		"$2b$31$hBoGy1J5LRIcinXe6Urwv.eraCAx1GNLyYLJipTqeg1.GjhVlOTK6", "$2b$",
		"$scrypt$n=1024,r=8,p=16,z=2$" + salt + "$" + hash,
		"$pbkdf2-sha3-512$n=1024,r=0,p=0,z=0$" + salt + "$",
	} {
		right, fresh, err := h.Check(t.Context(), encoded, "correct horse")
		if right || fresh != "" || err == nil {
			t.Errorf("%s: %v, %q, %v; want an error", encoded, right, fresh, err)
			continue
		}
		if len(encoded) > 10 && strings.Contains(err.Error(), encoded[len(encoded)-10:]) {
			t.Errorf("the error shows the hash: %v", err)
		}
	}
}

// Who measures how long a refusal takes learns neither whether the user exists
// nor what kind of hash they have: each computes one argon2id hash. What that
// takes of memory is counted here, since time is not the same twice.
func TestRefusalsTakeAlikeLong(t *testing.T) {
	const memory = 16 << 20
	h := NewHasher(Cost{MemoryKiB: memory >> 10, Passes: 1, Lanes: 1}, 1)
	known, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for name, encoded := range map[string]string{
		"known user":   known,
		"unknown user": "",
		"old kind":     "$2b$04$hBoGy1J5LRIcinXe6Urwv.eraCAx1GNLyYLJipTqeg1.GjhVlOTK6",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if right, _, err := h.Check(t.Context(), encoded, "wrong horse"); right || err != nil {
			t.Fatal(right, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took < memory || took > memory*3/2 {
			t.Errorf("%s: refused with %d bytes of memory, want those of one hash, %d", name, took, memory)
		}
	}
}

func TestOnlySoManyHashesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(cheap(), 2)
		var inside []func()
		for range 2 {
			release, err := h.enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			inside = append(inside, release)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, "correct horse"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third at once: %v, want that its time is up", err)
		}

		var done, refused atomic.Int64
		var wg sync.WaitGroup
		for range h.most + 10 {
			wg.Go(func() {
				switch _, err := h.Hash(t.Context(), "correct horse"); {
				case err == nil:
					done.Add(1)
				case core.KindOf(err) == core.Unavailable:
					refused.Add(1)
				default:
					t.Errorf("hash: %v", err)
				}
			})
		}
		synctest.Wait()
		if got := refused.Load(); got != 10 {
			t.Errorf("%d of those who came when %d waited were refused, want 10", got, h.most)
		}
		for _, release := range inside {
			release()
		}
		wg.Wait()
		if got := done.Load(); got != h.most {
			t.Errorf("%d were served, want %d", got, h.most)
		}
	})
}

// A turn is not taken by who has gone already, even when one is free.
func TestNoTurnForWhoHasGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := NewHasher(cheap(), 1).Check(ctx, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("check: %v, want that it was cancelled", err)
	}
}

func FuzzStoredHash(f *testing.F) {
	h := NewHasher(cheap(), 0)
	first, err := h.Hash(f.Context(), "correct horse")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first)
	f.Add("$scrypt$n=16,r=1,p=1,z=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
	f.Add("$pbkdf2-sha3-512$n=2,r=0,p=0,z=1$AAECAw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
	f.Fuzz(func(t *testing.T, encoded string) {
		if a, err := parseArgon(encoded); err == nil && a.String() != encoded {
			t.Errorf("%q reads as %q", encoded, a)
		}
		if foreign, ok := ParseForeign(encoded); ok {
			again, err := foreign.Encode()
			if err != nil || again != encoded {
				t.Errorf("%q reads as %q, %v", encoded, again, err)
			}
		}
	})
}

// TestMemoryIsGivenBack: after a storm of logins, once; during it, not; and soon
// after, not again.
func TestMemoryIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(cheap(), 1)
		ctx, cancel := context.WithCancel(t.Context())
		began, freed := time.Now(), make(chan time.Duration, 10)
		var wg sync.WaitGroup
		wg.Go(func() { h.giveBack(ctx, func() { freed <- time.Since(began).Round(time.Second) }) })
		login := func() {
			if _, err := h.Hash(ctx, "secret"); err != nil {
				t.Error(err)
			}
		}
		for range 20 { // one a second
			login()
			time.Sleep(time.Second)
		}
		time.Sleep(20 * time.Second)
		login() // at 40
		time.Sleep(10 * time.Minute)
		cancel()
		wg.Wait()
		close(freed)
		var all []time.Duration
		for at := range freed {
			all = append(all, at)
		}
		if want := []time.Duration{24 * time.Second, 84 * time.Second}; !slices.Equal(all, want) {
			t.Errorf("given back at %v, want %v", all, want)
		}
	})
}
