package omikron_test

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect/omikron"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { talk.Play(t, "testdata/*.talk", build) }

// build makes the server for a transcript. Its settings are linger (a duration),
// slow (how long the directory takes), directory=away, or
// directory=embedded with registration=open and passkeys=yes; media=server; legacy=no, and
// guesses=two for a guard that lets two be wrong.
func build(t testing.TB, settings map[string]string, e *mediatest.Engine) talk.Server {
	t.Helper()
	s, _ := buildWith(t, settings, e)
	return s
}

// buildWith is build, and returns the directory too.
func buildWith(t testing.TB, settings map[string]string, e *mediatest.Engine) (talk.Server, omikron.Directory) {
	t.Helper()
	hub, err := core.NewHub(core.Options{Limits: core.DefaultLimits(), Log: slog.New(slog.DiscardHandler), Media: e.Start})
	if err != nil {
		t.Fatal(err)
	}
	d := directory{away: settings["directory"] == "away"}
	o := omikron.Options{Hub: hub, Exchange: core.NewExchange(hub, core.DefaultExchangeLimits()),
		LegacyClients: settings["legacy"] != "no", LegacyIotas: settings["legacy"] != "no"}
	if settings["media"] == "server" {
		o.Media = core.MediaServer
	}
	if settings["guesses"] != "" {
		o.Guard = &guard{wrong: map[string]int{}}
	}
	for name, into := range map[string]*time.Duration{"linger": &o.Linger, "slow": &d.slow} {
		if text := settings[name]; text != "" {
			if *into, err = time.ParseDuration(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.Directory = d
	if settings["directory"] == "embedded" {
		o.Directory = embedded(t)
		o.Registration = settings["registration"] == "open"
		if settings["passkeys"] != "" {
			o.Passkeys = keys{}
		}
		o.Origin = func(origin, _ string) bool { return origin == "https://app.example" }
	}
	return talk.Server{Hub: hub, Dialects: omikron.New(o), Access: core.AccessOpen}, o.Directory
}

// guard lets two secrets of a name be wrong.
type guard struct {
	mu    sync.Mutex
	wrong map[string]int // guarded by mu
}

func (g *guard) Try(name string, _ netip.Addr, try func() error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wrong[name] == 2 {
		return &core.Error{Kind: core.Unavailable, Subject: core.AboutLimit, Text: "too many wrong attempts"}
	}
	err := try()
	if core.KindOf(err) == core.Denied {
		g.wrong[name]++
	}
	return err
}

// keys are passkeys of which "new" is one that was just made, and "right" proves
// any; each check makes the passkey one older.
type keys struct{}

func (keys) Offer(_, name string, has []string) (options, pending string, err error) {
	return "offer to " + name + " with " + strings.Join(has, " "), "offered", nil
}

func (keys) Accept(_, _, pending string, answer []byte, allowed func(string) bool) (id, passkey string, err error) {
	if pending != "offered" || !strings.Contains(string(answer), `"new"`) || !allowed("https://app.example") || allowed("https://evil.example") {
		return "", "", errAway
	}
	return "k_1-", "key", nil
}

func (keys) Ask(_, passkey string) (options, pending string, err error) {
	return "prove " + passkey, "asked " + passkey, nil
}

func (keys) Check(_, passkey, pending string, answer []byte, _ func(string) bool) (fresh string, err error) {
	if pending != "asked "+passkey || !strings.Contains(string(answer), `"right"`) {
		return "", errAway
	}
	return passkey + "!", nil
}

// directory knows users by a rule: the first digit of a user's id is the first
// digit of their Iota's; 8 is nobody. A key's hash is 64 times the second digit.
// The Iota that begins with 9 has the secret "sesame".
type directory struct {
	away bool
	slow time.Duration
}

var errAway = &core.Error{Kind: core.Unavailable, Text: "the directory does not answer"}

func (d directory) wait(ctx context.Context) error {
	if d.slow > 0 {
		select {
		case <-time.After(d.slow):
		case <-ctx.Done():
		}
	}
	if d.away {
		return errAway
	}
	return nil
}

func (d directory) Resident(ctx context.Context, user string, p omikron.Proof) (omikron.Resident, error) {
	if err := d.wait(ctx); err != nil {
		return omikron.Resident{}, err
	}
	if user[0] == '8' {
		return omikron.Resident{}, &core.Error{Kind: core.NotFound, Text: "no such user"}
	}
	if p.Secret != strings.Repeat(user[1:2], 64) {
		return omikron.Resident{}, &core.Error{Kind: core.Denied, Text: "wrong key", Subject: core.AboutPermission}
	}
	return omikron.Resident{User: user, Name: "user " + user[:2], Iota: house(user)}, nil
}

// house finds a user's Iota. Users 1a…-8000-1… of the contract have one each.
func house(user string) string {
	number := "000000000000"
	if user[24] == '1' {
		number = user[24:]
	}
	return user[:1] + "0da0000-0000-4000-8000-" + number
}

func (d directory) Salt(context.Context, string, string) (string, error) {
	return "", &core.Error{Kind: core.Invalid, Text: "no challenges here"}
}

func (d directory) Housed(ctx context.Context, iota string, p omikron.Proof, users []string) (housed []string, err error) {
	if err := d.wait(ctx); err != nil {
		return nil, err
	}
	if iota[0] == '9' && p.Secret != "sesame" {
		return nil, &core.Error{Kind: core.Denied, Text: "wrong secret", Subject: core.AboutValue}
	}
	for _, u := range users {
		if u[0] == iota[0] {
			housed = append(housed, u)
		}
	}
	return housed, nil
}

// memory keeps records in memory. It is for one transcript's goroutines.
type memory struct {
	mu    sync.Mutex
	texts map[string]string // guarded by mu
	err   error             // of every transaction; guarded by mu
}

func (r *memory) Within(_ context.Context, f func(omikron.Texts) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	tx := draft{maps.Clone(r.texts)}
	err := f(tx)
	if err == nil {
		r.texts = tx.texts
	}
	return err
}

type draft struct{ texts map[string]string }

func (d draft) Text(name string) (string, error) { return d.texts[name], nil }

func (d draft) SetText(name, text string) error {
	if delete(d.texts, name); text != "" {
		d.texts[name] = text
	}
	return nil
}

// embedded is a directory with ada, of the Iota that begins with 1.
func embedded(t testing.TB) *omikron.Embedded {
	d := omikron.NewEmbedded(&memory{texts: map[string]string{}})
	err := d.Add(t.Context(), omikron.Register{User: "1a000000-0000-4000-8000-000000000001", Name: "Ada", Iota: house("1a000000-0000-4000-8000-000000000001"),
		PublicKey: "cHVibGlj", KeyHash: strings.Repeat("A", 64), ResetToken: "sesame", Display: "Ada L."}, time.UnixMilli(1756400000000))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
