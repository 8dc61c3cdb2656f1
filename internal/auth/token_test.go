package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
)

const secret = "0123456789abcdef0123456789abcdef"

func newTokens(t testing.TB, o TokenOptions) *Tokens {
	t.Helper()
	if o.Secret == nil && o.KeysURL == "" {
		o.Secret = []byte(secret)
	}
	tokens, err := NewTokens(o)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokenSignedAndVerified(t *testing.T) {
	for name, o := range map[string]TokenOptions{
		"plain":      {},
		"with names": {Issuer: "https://app.example.org", Audience: "switchboard"},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := newTokens(t, o)
			want := core.Identity{
				Realm: "vox.example", User: "ada", Display: "Ada L.", Roles: []string{"flight", "capcom"},
				Rooms: map[string]core.Permission{"lobby": core.PermitListen, "studio": core.PermitTalk, "vault": core.PermitNone},
			}
			token, err := tokens.Sign(want, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tokens.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokenByAnApplication(t *testing.T) {
	exp := time.Now().Add(time.Minute).Unix()
	tokens := newTokens(t, TokenOptions{Issuer: "app", Audience: "switchboard"})
	proper := map[string]any{"sub": "ada", "iss": "app", "aud": []string{"other", "switchboard"}, "exp": exp}
	with := func(change map[string]any) map[string]any {
		m := map[string]any{}
		for k, v := range proper {
			m[k] = v
		}
		for k, v := range change {
			if v == nil {
				delete(m, k)
			} else {
				m[k] = v
			}
		}
		return m
	}
	many := make(map[string]string)
	for i := range maxTokenRooms + 1 {
		many[strings.Repeat("r", 1+i%3)+string(rune('a'+i%26))+string(rune(0x400+i))] = "talk"
	}
	for name, c := range map[string]struct {
		claims map[string]any
		want   string // the refusal; empty: none
	}{
		"proper":                   {with(nil), ""},
		"audience as text":         {with(map[string]any{"aud": "switchboard"}), ""},
		"claims unknown here":      {with(map[string]any{"email": "ada@example.org", "admin": true}), ""},
		"a clock somewhat behind":  {with(map[string]any{"exp": time.Now().Add(-10 * time.Second).Unix()}), ""},
		"no expiry":                {with(map[string]any{"exp": nil}), "token is not valid here"},
		"expired":                  {with(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), "token has expired"},
		"not yet":                  {with(map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}), "token is not valid yet"},
		"other issuer":             {with(map[string]any{"iss": "mallory"}), "token is not valid here"},
		"no issuer":                {with(map[string]any{"iss": nil}), "token is not valid here"},
		"other audience":           {with(map[string]any{"aud": "other"}), "token is not valid here"},
		"no audience":              {with(map[string]any{"aud": nil}), "token is not valid here"},
		"nobody":                   {with(map[string]any{"sub": nil}), "token names no proper user"},
		"subject with line break":  {with(map[string]any{"sub": "a\nb"}), "token names no proper user"},
		"subject a number":         {with(map[string]any{"sub": 7}), "token is not valid"},
		"realm with slash":         {with(map[string]any{"realm": "a/b"}), "token names no proper user"},
		"odd permission":           {with(map[string]any{"rooms": map[string]string{"lobby": "shout"}}), "token names a permission other than none, listen and talk"},
		"permission in bad shape":  {with(map[string]any{"rooms": []string{"lobby"}}), "token is not valid"},
		"too many roles":           {with(map[string]any{"roles": strings.Split(strings.Repeat("x,", maxTokenRoles), ",")}), "token lists too many roles or rooms"},
		"too many rooms, too long": {with(map[string]any{"rooms": many}), "token is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(c.claims)).SignedString([]byte(secret))
			if err != nil {
				t.Fatal(err)
			}
			id, err := tokens.Verify(t.Context(), token)
			if c.want == "" {
				if err != nil || id.User != "ada" || id.Realm != core.DefaultRealm || id.Admin || id.Guest {
					t.Errorf("verify: %+v, %v", id, err)
				}
				return
			}
			wantKind(t, "verify", err, core.Denied)
			if err == nil || err.Error() != c.want {
				t.Errorf("verify: %v, want %q", err, c.want)
			}
		})
	}
}

func TestForgedTokens(t *testing.T) {
	tokens := newTokens(t, TokenOptions{})
	claims := jwt.MapClaims{"sub": "ada", "exp": time.Now().Add(time.Minute).Unix()}
	sign := func(m jwt.SigningMethod, key any) string {
		s, err := jwt.NewWithClaims(m, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(jwt.SigningMethodHS256, []byte(secret))
	if _, err := tokens.Verify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	payload, err := json.Marshal(jwt.MapClaims{"sub": "root", "exp": claims["exp"]})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"algorithm none":    sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"other secret":      sign(jwt.SigningMethodHS256, []byte(secret+"x")),
		"HS512":             sign(jwt.SigningMethodHS512, []byte(secret)),
		"RS256":             sign(jwt.SigningMethodRS256, rsaKey),
		"EdDSA":             sign(jwt.SigningMethodEdDSA, edKey),
		"payload exchanged": parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + parts[2],
		"no signature":      parts[0] + "." + parts[1] + ".",
		"two parts":         parts[0] + "." + parts[1],
		"not a token":       "hello",
		"dots":              "..",
		"huge":              good + strings.Repeat("A", 10<<20),
	} {
		t.Run(name, func(t *testing.T) {
			id, err := tokens.Verify(t.Context(), token)
			wantKind(t, "verify", err, core.Denied)
			if diff := cmp.Diff(core.Identity{}, id); diff != "" {
				t.Errorf("identity all the same:\n%s", diff)
			}
		})
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	for _, s := range []string{"", strings.Repeat("x", MinSecretBytes-1)} {
		if _, err := NewTokens(TokenOptions{Secret: []byte(s)}); err == nil {
			t.Errorf("a secret of %d bytes was accepted", len(s))
		}
	}
}

func FuzzToken(f *testing.F) {
	tokens := newTokens(f, TokenOptions{})
	// The same in every process that fuzzes, so without the time of day.
	good, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ada", "exp": 1 << 33}).SignedString([]byte(secret))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if id, err := tokens.Verify(t.Context(), token); err == nil && token != good {
			t.Errorf("%q vouches for %+v", token, id)
		} else if err != nil && core.KindOf(err) != core.Denied {
			t.Errorf("%q: %v", token, err)
		}
	})
}
