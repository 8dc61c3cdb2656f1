package archive

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"switchboard/internal/auth"
)

// password is how openvocs keeps one.
type password struct {
	Hash       string `json:"hash"`
	Salt       string `json:"salt"`
	WorkFactor *int   `json:"workfactor,omitempty"`
	BlockSize  *int   `json:"blocksize,omitempty"`
	Parallel   *int   `json:"parallel,omitempty"`
}

// What is meant where a number is missing.
const (
	usualWorkFactor = 1024
	usualBlockSize  = 8
	usualParallel   = 16
)

// encoded is the password as the store keeps it; "" when there is none.
func encoded(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var p password
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", errors.New("its form is not known") // the error might quote it
	}
	f := auth.Foreign{Scheme: auth.SchemePBKDF2, SaltEndsAtZero: true, Work: number(p.WorkFactor, usualWorkFactor)}
	if p.BlockSize != nil || p.Parallel != nil {
		f.Scheme, f.BlockSize, f.Parallel = auth.SchemeScrypt, number(p.BlockSize, usualBlockSize), number(p.Parallel, usualParallel)
	}
	var err error
	if f.Hash, err = bytesOf(p.Hash); err != nil {
		return "", fmt.Errorf("its hash: %w", err)
	}
	if f.Salt, err = bytesOf(p.Salt); err != nil {
		return "", fmt.Errorf("its salt: %w", err)
	}
	return f.Encode()
}

func number(n *int, usual int) int {
	if n == nil {
		return usual
	}
	return *n
}

func bytesOf(text string) ([]byte, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, errors.New("is no base64")
	}
	return b, nil
}

// decoded is the inverse of encoded; false when the password has been hashed in
// another way since.
func decoded(encoded string) (p password, ok bool) {
	f, ok := auth.ParseForeign(encoded)
	if !ok || !f.SaltEndsAtZero {
		return p, false
	}
	p = password{Hash: base64.StdEncoding.EncodeToString(f.Hash), Salt: base64.StdEncoding.EncodeToString(f.Salt), WorkFactor: &f.Work}
	if f.Scheme == auth.SchemeScrypt {
		p.BlockSize, p.Parallel = &f.BlockSize, &f.Parallel
	}
	return p, true
}
