package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Secret is a string that no log, dump or encoder shows: every printing verb,
// JSON, YAML and slog give "[secret]", or nothing when it is empty. The zero
// value is the empty secret.
//
// The string is behind a pointer, so that a Secret in an unexported field of
// something printed by %v, where its methods are not called, shows an address.
type Secret struct{ text *string }

// NewSecret hides text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the hidden string. Only who needs it for a signature, a
// password check or a connection may call it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet tells whether the secret is not empty.
func (s Secret) IsSet() bool { return s.text != nil }

// Matches tells in constant time whether given is the secret. An empty secret
// matches nothing, not even the empty string.
func (s Secret) Matches(given string) bool {
	want, got := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(given))
	return s.IsSet() && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// Equal tells whether both hide the same string.
func (s Secret) Equal(other Secret) bool {
	return s.IsSet() == other.IsSet() && (!s.IsSet() || s.Matches(other.Reveal()))
}

// String returns "[secret]", or "" for an empty secret.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return redacted
}

// Format writes what String returns, whatever the verb is.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText gives encoders what String returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue gives slog what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
