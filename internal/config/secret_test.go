package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"switchboard/internal/config"

	"github.com/goccy/go-yaml"
)

const hidden = "correct horse"

func TestSecretIsNeverShown(t *testing.T) {
	c := config.Default()
	c.Tokens.HS256Secret = config.NewSecret(hidden)
	unexported := struct{ inner config.Secret }{config.NewSecret(hidden)}

	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&shown, verb+" "+verb+" "+verb+" "+verb+"\n", c.Tokens.HS256Secret, &c.Tokens.HS256Secret, c.Tokens, unexported)
	}
	fmt.Fprintln(&shown, c.Tokens, unexported)
	log := slog.New(slog.NewTextHandler(&shown, nil))
	log.Info("text", "secret", c.Tokens.HS256Secret, "section", c.Tokens, "config", c)
	log = slog.New(slog.NewJSONHandler(&shown, nil))
	log.Info("json", "secret", c.Tokens.HS256Secret, "section", c.Tokens, "config", c)
	if err := json.NewEncoder(&shown).Encode(c); err != nil {
		t.Fatal(err)
	}
	if err := yaml.NewEncoder(&shown).Encode(c); err != nil {
		t.Fatal(err)
	}
	for _, trace := range []string{hidden, "horse", fmt.Sprintf("%x", hidden), fmt.Sprintf("%d", []byte(hidden))} {
		if strings.Contains(shown.String(), trace) {
			t.Errorf("%q is shown in:\n%s", trace, shown.String())
		}
	}
	if !strings.Contains(shown.String(), "[secret]") {
		t.Error("a secret that is set cannot be told from an empty one")
	}
}

func TestSecretMatches(t *testing.T) {
	for _, row := range []struct {
		secret, given string
		want          bool
	}{{hidden, hidden, true}, {hidden, "wrong", false}, {hidden, "", false}, {"", "", false}, {"", "x", false}} {
		if got := config.NewSecret(row.secret).Matches(row.given); got != row.want {
			t.Errorf("secret %q, given %q: got %t", row.secret, row.given, got)
		}
	}
}

// TestMistakesShowNoSecret gives a secret in every wrong place and reads what the
// operator would see, or paste into a ticket.
func TestMistakesShowNoSecret(t *testing.T) {
	for name, text := range map[string]string{
		"mistyped key":    "tokens:\n  hs256_sekrit: " + hidden + "\n",
		"too short":       "tokens:\n  hs256_secret: " + hidden + "\n",
		"mistyped parent": "token:\n  hs256_secret: " + hidden + "\n",
		"in a list":       "tokens:\n  hs256_secret: [" + hidden + "]\n",
		"in a section":    "tokens:\n  hs256_secret: {a: " + hidden + "}\n",
		"twice":           "metrics:\n  token: a\n  token: " + hidden + "\n",
		"store":           "store:\n  url: mysql://u:" + hidden + "@h/d\n",
		"unclosed":        "metrics:\n  token: \"" + hidden + "\n",
		"flow":            "metrics: {token: " + hidden + "\n",
		"alias":           "metrics: {token: *" + strings.ReplaceAll(hidden, " ", "_") + "}\n",
		"wrong indent":    "metrics:\n  token: a\n   b: " + hidden + "\n",
		"no space":        "metrics:\n  token:" + hidden + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, text, nil, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "horse") {
				t.Errorf("shown: %v", err)
			}
		})
	}
}
