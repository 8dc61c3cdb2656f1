package talk

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toy is a dialect for testing the player: {"say":x} is echoed, {"later":x} is
// echoed a second later, {"end":x} ends the connection, {"id":n} is replied to.
func toy(*core.Hub) dialect.Dialect {
	return dialect.Dialect{Name: "toy", Paths: []string{"/toy"}, Open: func(c *core.Connection, query map[string][]string) dialect.Conversation {
		return &toyTalk{name: strings.Join(query["name"], "")}
	}}
}

type toyTalk struct {
	name     string
	later    string
	deadline time.Time
}

func (t *toyTalk) Greet(context.Context) []dialect.Frame {
	if t.name == "" {
		return nil
	}
	return []dialect.Frame{dialect.Text([]byte(fmt.Sprintf(`{"hello":%q}`, t.name)))}
}

func (t *toyTalk) Receive(_ context.Context, msg []byte) []dialect.Frame {
	v, err := decode(msg)
	object, _ := v.(map[string]any)
	switch {
	case err != nil || object == nil:
		return []dialect.Frame{dialect.Text([]byte(`{"error":1}`))}
	case object["say"] != nil:
		return []dialect.Frame{dialect.Text([]byte(`{"said":` + show(object["say"]) + `,"n":1.50}`))}
	case object["later"] != nil:
		t.later, t.deadline = show(object["later"]), time.Now().Add(time.Second)
	case object["end"] != nil:
		return []dialect.Frame{dialect.End(1000, "as you wish")}
	case object["id"] != nil:
		return []dialect.Frame{dialect.Text([]byte(`{"reply":` + show(object["id"]) + `}`))}
	}
	return nil
}

func (t *toyTalk) Notify(context.Context, *core.Event) []dialect.Frame { return nil }
func (t *toyTalk) Deadline() time.Time                                 { return t.deadline }
func (t *toyTalk) Closed(dialect.Closure)                              {}

func (t *toyTalk) Expire(context.Context, time.Time) []dialect.Frame {
	t.deadline = time.Time{}
	return []dialect.Frame{dialect.Text([]byte(`{"said":` + t.later + `}`))}
}

func build(t testing.TB, _ map[string]string, e *mediatest.Engine) Server {
	hub, err := core.NewHub(core.Options{Limits: core.DefaultLimits(), Log: slog.New(slog.DiscardHandler), Media: e.Start})
	if err != nil {
		t.Fatal(err)
	}
	return Server{Hub: hub, Dialects: []dialect.Dialect{toy(hub)}, Access: core.AccessOpen}
}

// referee takes a player's verdict in place of a test.
type referee struct {
	testing.TB
	verdict string
}

type failed struct{}

func (r *referee) Helper() {}
func (r *referee) Fatalf(format string, args ...any) {
	r.verdict = fmt.Sprintf(format, args...)
	panic(failed{})
}

// judge plays a transcript and returns how it failed, or nothing.
func judge(t *testing.T, text string) (verdict string) {
	synctest.Test(t, func(t *testing.T) {
		s, err := parse("x.talk", text)
		if err != nil {
			verdict = err.Error()
			return
		}
		e := &mediatest.Engine{}
		srv := build(t, nil, e)
		r := &referee{TB: t}
		p := newPlayer(r, s, newMemory(srv, e))
		t.Cleanup(func() { finish(t, p, srv, e) })
		defer func() {
			if v := recover(); v != nil {
				if _, expected := v.(failed); !expected {
					panic(v)
				}
			}
			verdict = r.verdict
		}()
		p.play()
	})
	return verdict
}

func TestPlayer(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string // parts of how it fails; none: it does not
	}{
		"all as it is":                 {"ada> {\"say\":\"x\"}\nada< {\"n\":1.50,\"said\":\"x\"}\nada> {\"end\":1}\nada: closed 1000 as you wish", nil},
		"continued lines and comments": {"# one\nada> {\"say\":\n  {\"a\":[1,\n   # within\n  2]}}\nada< {\"said\":{\"a\":[1,2]},\n\t\"n\":1.50}", nil},
		"names bind and compare":       {"ada> {\"say\":\"x\"}\nada< {\"said\":\"$it\",\"n\":1.50}\nada> {\"say\":\"${it}y $it\"}\nada< {\"said\":\"${it}y x\",\"n\":1.50}", nil},
		"names in quotes":              {"ada> {\"say\":\"a\\\"b\\n\"}\nada< {\"said\":\"$it\",\"n\":1.50}\nada> {\"say\":\"$it\"}\nada< {\"said\":\"$it\",\"n\":1.50}", nil},
		"any value and further keys":   {"ada> {\"say\":[1,{\"b\":2}]}\nada< {\"said\":[\"...\",{\"...\":0}],\"...\":0}", nil},
		"a greeting":                   {"ada: open /toy?name=ada\nada< {\"hello\":\"ada\"}\nada: close 1001", nil},
		"time":                         {"ada> {\"later\":7}\nwait 900ms\nwait 200ms\nada< {\"said\":7}\nada: cut", nil},
		"skipping":                     {"ada: repeats 3 {\"say\":1}\nada: skip 3", nil},
		"an offer":                     {"ada> {\"say\":\"$offer_data\"}\nada< {\"said\":\"$offer_data\",\"n\":1.50}", nil},

		"wrong value":          {"\nada> {\"say\":\"x\"}\nada< {\"said\":\"y\",\"n\":1.50}", []string{"x.talk:3", `message.said: want "y", got "x"`, "before that", `ada> {"say":"x"}`}},
		"wrong number":         {"ada> {\"say\":\"x\"}\nada< {\"said\":\"x\",\"n\":1.5}", []string{"x.talk:2", `message.n: want 1.5, got 1.50`}},
		"missing key":          {"ada> {\"say\":\"x\"}\nada< {\"said\":\"x\",\"n\":1.50,\"m\":null}", []string{"x.talk:2", `message.m: missing, want null`}},
		"further key":          {"ada> {\"say\":\"x\"}\nada< {\"said\":\"x\"}", []string{"x.talk:2", `message.n: unexpected, got 1.50`}},
		"wrong kind":           {"ada> {\"say\":\"x\"}\nada< [1]", []string{"x.talk:2", "want [1], got {"}},
		"other order":          {"ada> {\"say\":[1,2]}\nada< {\"said\":[2,1],\"n\":1.50}", []string{"message.said[0]: want 2, got 1", "message.said[1]"}},
		"name compared":        {"ada> {\"say\":[\"x\",\"y\"]}\nada< {\"said\":[\"$a\",\"$a\"],\"n\":1.50}", []string{`message.said[1]: want "x", got "y"`}},
		"name not bound":       {"ada> {\"say\":\"$nobody\"}", []string{"x.talk:1", "nothing is bound to $nobody"}},
		"nothing sent":         {"ada> {\"later\":1}\nada< {\"said\":1}", []string{"x.talk:2", "ada was sent nothing"}},
		"unmentioned":          {"ada> {\"say\":\"x\"}\nbob> {\"say\":1}", []string{"x.talk:2", "ada was sent something that the transcript does not mention", `{"said":"x"`}},
		"unmentioned at end":   {"ada> {\"say\":\"x\"}", []string{"x.talk:1", "ada was sent something"}},
		"unmentioned close":    {"ada> {\"end\":1}\nwait 1s", []string{"x.talk:2", "closed 1000 as you wish"}},
		"closed otherwise":     {"ada> {\"end\":1}\nada: closed 1001", []string{"x.talk:2", "want closed 1001, got closed 1000"}},
		"closed with other":    {"ada> {\"end\":1}\nada: closed 1000 go away", []string{"x.talk:2", "want closed 1000 go away"}},
		"not closed":           {"ada: open\nada: closed 1000", []string{"x.talk:2", "ada is not closed"}},
		"close where message":  {"ada> {\"end\":1}\nada< {\"x\":1}", []string{"x.talk:2", "closed 1000"}},
		"said after the end":   {"ada> {\"end\":1}\nada: closed 1000\nada: close", []string{"x.talk:3", "ada has no connection"}},
		"too few skipped":      {"ada> {\"say\":1}\nada: skip 2", []string{"x.talk:2", "was sent 1 messages only"}},
		"unknown statement":    {"hello", []string{"x.talk:1", "is no statement"}},
		"unknown deed":         {"ada: open\nada: dances", []string{"x.talk:2", "no such thing"}},
		"unknown path":         {"ada: open /elsewhere", []string{"x.talk:1", "no dialect is spoken at /elsewhere"}},
		"expected is not JSON": {"ada< {half", []string{"x.talk:1", "expected message"}},
		"expected is more":     {"ada< {} {}", []string{"x.talk:1", "more than one value"}},
		"continues nothing":    {"\n  {}", []string{"x.talk:2", "continues nothing"}},
		"no such duration":     {"wait long", []string{"x.talk:1", "duration"}},
		"no such transport":    {"media: T1 closed", []string{"x.talk:1", "T1 has not been opened"}},
		"no such engine's":     {"media: explode", []string{"x.talk:1", `"explode" is no transport`}},
		"other status":         {"http> GET /nothing\nhttp< 200", []string{"x.talk:2", "want status 200, got 404"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := judge(t, test.text)
			if len(test.want) == 0 && got != "" {
				t.Errorf("failed:\n%s", got)
			}
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("want %q in how it fails, got:\n%s", want, got)
				}
			}
		})
	}
}

func TestContractOfAToy(t *testing.T) {
	Contract{
		Build:    build,
		Requests: []string{`{"id":$id}`, `{"id":$id,"a":"b"}`},
		Probe:    `{"id":$id}`,
		Reply: func(m []byte) (string, bool) {
			id, ok := strings.CutPrefix(string(m), `{"reply":`)
			return strings.TrimSuffix(id, "}"), ok
		},
	}.Run(t)
}

func TestCorpusIsWhatClientsSay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.talk")
	text := "ada> {\"say\":1}\nada< {}\nbob> {\"say\":\"$unbound\"}\nbob> {\"say\":\"$offer_send\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := Corpus(t, path)
	if want := "{\"say\":1}\n{\"say\":\"" + escape(Offer("sendonly", "audio", "video")) + "\"}\n"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
