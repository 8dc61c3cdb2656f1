package auth

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha3"
	"crypto/subtle"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// Scheme is a way of hashing passwords that is read but never written.
type Scheme string

// The schemes of hashes that can be brought along from elsewhere, besides bcrypt,
// whose own format ("$2a$", "$2b$", "$2y$") is kept as it is.
const (
	SchemePBKDF2 Scheme = "pbkdf2-sha3-512" // RFC 8018 with HMAC-SHA3-512
	SchemeScrypt Scheme = "scrypt"          // RFC 7914
)

// Foreign is a hash made elsewhere. It is good for logging in once; then the
// password is hashed anew.
type Foreign struct {
	Scheme Scheme
	Hash   []byte // 16 to 128 bytes; the prefix of the derived key that is compared
	Salt   []byte // as stored there
	// SaltEndsAtZero says that only the bytes of Salt before the first zero byte
	// went into the hash, because a program took it for a C string.
	SaltEndsAtZero bool
	// Work is the number of iterations of PBKDF2, or N of scrypt, a power of two.
	Work int
	// BlockSize and Parallel are r and p of scrypt, and 0 with PBKDF2.
	BlockSize, Parallel int
}

// Encode returns the hash as the store keeps it. It fails when the hash cannot
// be checked, or would take unreasonably long.
func (f Foreign) Encode() (string, error) {
	if err := f.valid(); err != nil {
		return "", err
	}
	cut := 0
	if f.SaltEndsAtZero {
		cut = 1
	}
	return fmt.Sprintf("$%s$n=%d,r=%d,p=%d,z=%d$%s$%s", f.Scheme, f.Work, f.BlockSize, f.Parallel, cut,
		base64Raw.EncodeToString(f.Salt), base64Raw.EncodeToString(f.Hash)), nil
}

// ParseForeign reads what Encode wrote; ok is false for anything else, such as a
// hash that has been made anew.
func ParseForeign(encoded string) (f Foreign, ok bool) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 5 || fields[0] != "" {
		return f, false
	}
	f.Scheme = Scheme(fields[1])
	var cut int
	if _, err := fmt.Sscanf(fields[2], "n=%d,r=%d,p=%d,z=%d", &f.Work, &f.BlockSize, &f.Parallel, &cut); err != nil {
		return f, false
	}
	f.SaltEndsAtZero = cut == 1
	var err error
	if f.Salt, err = base64Raw.DecodeString(fields[3]); err != nil {
		return f, false
	}
	if f.Hash, err = base64Raw.DecodeString(fields[4]); err != nil {
		return f, false
	}
	again, err := f.Encode()
	return f, err == nil && again == encoded
}

// Bounds of what one check may cost: about a second, and 256 MiB.
const (
	maxIterations   = 2_000_000
	maxScryptMemory = 256 << 20
	maxScryptWork   = 1 << 24 // N·r·p
	maxBcryptCost   = 16
)

func (f Foreign) valid() error {
	if len(f.Hash) < 16 || len(f.Hash) > 128 {
		return fmt.Errorf("password hash has %d bytes, not 16 to 128", len(f.Hash))
	}
	if len(f.Salt) > 128 {
		return fmt.Errorf("salt has %d bytes, more than 128", len(f.Salt))
	}
	switch f.Scheme {
	case SchemePBKDF2:
		if f.Work < 1 || f.Work > maxIterations || f.BlockSize != 0 || f.Parallel != 0 {
			return fmt.Errorf("PBKDF2 with %d iterations is not supported", f.Work)
		}
	case SchemeScrypt:
		n, r, p := int64(f.Work), int64(f.BlockSize), int64(f.Parallel)
		if n < 2 || n > 1<<20 || n&(n-1) != 0 || r < 1 || r > 1<<10 || p < 1 || p > 1<<10 ||
			128*n*r > maxScryptMemory || n*r*p > maxScryptWork {
			return fmt.Errorf("scrypt with N=%d, r=%d, p=%d is not supported", f.Work, f.BlockSize, f.Parallel)
		}
	default:
		return fmt.Errorf("password scheme %q is not known", f.Scheme)
	}
	return nil
}

func (f Foreign) matches(password string) (bool, error) {
	salt := f.Salt
	if end := bytes.IndexByte(salt, 0); f.SaltEndsAtZero && end >= 0 {
		salt = salt[:end]
	}
	var key []byte
	var err error
	if f.Scheme == SchemePBKDF2 {
		key, err = pbkdf2.Key(sha3.New512, password, salt, f.Work, len(f.Hash))
	} else {
		key, err = scrypt.Key([]byte(password), salt, f.Work, f.BlockSize, f.Parallel, len(f.Hash))
	}
	if err != nil {
		return false, fmt.Errorf("derive key: %w", err)
	}
	return subtle.ConstantTimeCompare(key, f.Hash) == 1, nil
}

// checkForeign checks a password against a hash that is not argon2id.
func checkForeign(encoded, password string) (bool, error) {
	if strings.HasPrefix(encoded, "$2") {
		if cost, err := bcrypt.Cost([]byte(encoded)); err != nil || cost > maxBcryptCost {
			return false, errHash
		}
		// bcrypt looks at the first 72 bytes only, and this implementation
		// refuses longer passwords, as a wrong one.
		return bcrypt.CompareHashAndPassword([]byte(encoded), []byte(password)) == nil, nil
	}
	f, ok := ParseForeign(encoded)
	if !ok {
		return false, errHash
	}
	return f.matches(password)
}
