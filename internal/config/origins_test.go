package config_test

import (
	"testing"

	"switchboard/internal/config"
)

func TestOriginsAllow(t *testing.T) {
	for _, row := range []struct {
		words        config.Origins
		origin, host string
		want         bool
	}{
		{config.Origins{}, "", "a.example", true}, // no browser
		{config.Origins{}, "https://a.example", "a.example", false},
		{config.Origins{"same"}, "https://a.example", "a.example", true},
		{config.Origins{"same"}, "https://A.example:8443", "a.EXAMPLE:8443", true},
		{config.Origins{"same"}, "https://a.example:8444", "a.example:8443", false},
		{config.Origins{"same"}, "https://evil.example", "a.example", false},
		{config.Origins{"local"}, "http://localhost:3000", "a.example", true},
		{config.Origins{"local"}, "http://127.0.0.1:3000", "a.example", true},
		{config.Origins{"local"}, "http://[::1]:3000", "a.example", true},
		{config.Origins{"local"}, "http://localhost.evil.example", "a.example", false},
		{config.Origins{"local"}, "http://192.0.2.1", "a.example", false},
		{config.Origins{"*"}, "https://evil.example", "a.example", true},
		{config.Origins{"*"}, "null", "a.example", true},
		{config.Origins{"same", "local"}, "null", "a.example", false},
		{config.Origins{"same"}, "null", "", false},
		{config.Origins{"https://app.example"}, "https://app.example", "a.example", true},
		{config.Origins{"https://app.example"}, "http://app.example", "a.example", false},
		{config.Origins{"https://app.example"}, "https://app.example:444", "a.example", false},
		{config.Origins{"https://app.example"}, "https://app.example.evil", "a.example", false},
		{config.Origins{"https://*.example"}, "https://app.example", "x", true},
		{config.Origins{"https://*.example"}, "https://deep.app.example", "x", true},
		{config.Origins{"https://*.example"}, "https://example", "x", false},
		{config.Origins{"https://*.example"}, "https://badexample", "x", false},
		{config.Origins{"https://*.example"}, "https://.example", "x", false},
		{config.Origins{"same"}, "https://%zz", "", false},
	} {
		if got := row.words.Allow(row.origin, row.host); got != row.want {
			t.Errorf("%v allow %q at %q: got %t, want %t", row.words, row.origin, row.host, got, row.want)
		}
	}
}

// TestOriginsOfThisMachine: a name that was made to point to this machine is not
// this machine's, unless the list names it.
func TestOriginsOfThisMachine(t *testing.T) {
	usual := config.Origins{"same", "local"}
	for _, row := range []struct {
		words        config.Origins
		origin, host string
		want         bool
	}{
		{usual, "", "evil.example:8080", true}, // no browser
		{usual, "http://evil.example:8080", "evil.example:8080", false},
		{usual, "http://192.0.2.1:8080", "192.0.2.1:8080", false},
		{usual, "http://localhost:8080", "localhost:8080", true},
		{config.Origins{"same"}, "http://localhost:8080", "localhost:8080", true},
		{config.Origins{"same"}, "http://localhost:3000", "localhost:8080", false},
		{config.Origins{"same"}, "http://127.0.0.1", "127.0.0.1", true},
		{config.Origins{"same"}, "http://[::1]:8080", "[::1]:8080", true},
		{config.Origins{"https://talk.example"}, "https://talk.example", "talk.example", true},
		{config.Origins{"*"}, "http://evil.example:8080", "evil.example:8080", true},
	} {
		if got := row.words.AllowHere(row.origin, row.host); got != row.want {
			t.Errorf("%v allow %q at %q: got %t, want %t", row.words, row.origin, row.host, got, row.want)
		}
	}
}
