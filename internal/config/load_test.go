package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/config"

	"github.com/google/go-cmp/cmp"
)

// load writes text as a file and loads it.
func load(t *testing.T, text string, env []string, set map[string]string) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "switchboard.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path, env, set)
}

func mustLoad(t *testing.T, text string, env []string, set map[string]string) *config.Config {
	t.Helper()
	c, err := load(t, text, env, set)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultWorks(t *testing.T) {
	got, err := config.Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("a configuration of nothing is not the default (-default +got):\n%s", diff)
	}
	if err := config.Default().Check(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
}

func TestFileIsRead(t *testing.T) {
	yes := true
	got := mustLoad(t, `
# what an operator writes
listen:
  - 0.0.0.0:8080
  - {address: "[::]:8443", tls: true, dialect: kurento}
data: /var/lib/switchboard
demo: false
origins: [https://app.example.org, local]
allow_open_guests: true
trusted_proxies: [10.0.0.0/8, 192.0.2.1]
store:
  url: sqlite:/var/lib/other.db
tls: {mode: self-signed}
dialects:
  kurento:
    admin_token: 'a b: c'
    speaker_threshold: -60
    max_video_kbps: 1500
tokens:
    # a section of comments only
media:
  address: 0.0.0.0:7000
  public_addresses: [192.0.2.7]
  tcp: false
  turn:
    lifetime: 1h30m
limits:
  message_bytes: 2MB
  mailbox_bytes: 8MiB
  connections: 5
`, nil, nil)

	want := config.Default()
	want.Listen = []config.Listen{{Address: "0.0.0.0:8080"}, {Address: "[::]:8443", TLS: &yes, Dialect: "kurento"}}
	want.Data = "/var/lib/switchboard"
	want.Demo = false
	want.Origins = config.Origins{"https://app.example.org", "local"}
	want.AllowOpenGuests = true
	want.TrustedProxies = []string{"10.0.0.0/8", "192.0.2.1"}
	want.Store.URL = config.NewSecret("sqlite:/var/lib/other.db")
	want.TLS.Mode = "self-signed"
	want.Dialects.Kurento.AdminToken = config.NewSecret("a b: c")
	want.Dialects.Kurento.SpeakerThreshold = -60
	want.Dialects.Kurento.MaxVideoKbps = 1500
	want.Media.Address = "0.0.0.0:7000"
	want.Media.PublicAddresses = []string{"192.0.2.7"}
	want.Media.TCP = false
	want.Media.TURN.Lifetime = 90 * time.Minute
	want.Limits.MessageBytes = 2_000_000
	want.Limits.MailboxBytes = 8 << 20
	want.Limits.Connections = 5
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	env := []string{"SWITCHBOARD_DATA=/env", "SWITCHBOARD_LOG_LEVEL=warn", "HOME=/root"}
	set := map[string]string{"log.level": "debug"}
	got := mustLoad(t, "data: /file\nlog: {level: error, format: json}\n", env, set)
	want := []string{"/env", "debug", "json"}
	if diff := cmp.Diff(want, []string{got.Data, got.Log.Level, got.Log.Format}); diff != "" {
		t.Errorf("data, level, format (-want +got):\n%s", diff)
	}
}

func TestTextsOfTheEnvironment(t *testing.T) {
	got := mustLoad(t, "", []string{
		"SWITCHBOARD_LISTEN=127.0.0.1:1, localhost:2",
		"SWITCHBOARD_MEDIA_VIDEO_CODECS=[H264, VP8]",
		"SWITCHBOARD_DEMO=False",
		"SWITCHBOARD_LIMITS_NAME_BYTES=1KiB",
		"SWITCHBOARD_MEDIA_TURN_LIFETIME=5m",
		"SWITCHBOARD_DIALECTS_KURENTO_ADMIN_TOKEN=[not a list]: it's text",
		"SWITCHBOARD_ORIGINS=",
	}, nil)
	want := config.Default()
	want.Listen = []config.Listen{{Address: "127.0.0.1:1"}, {Address: "localhost:2"}}
	want.Media.VideoCodecs = []string{"H264", "VP8"}
	want.Demo = false
	want.Limits.NameBytes = 1024
	want.Media.TURN.Lifetime = 5 * time.Minute
	want.Dialects.Kurento.AdminToken = config.NewSecret("[not a list]: it's text")
	want.Origins = config.Origins{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	mustLoad(t, "", []string{
		"SWITCHBOARD_CONFIG=/etc/switchboard.yaml", "SWITCHBOARD_TEST_CHROMIUM=/usr/bin/chromium",
		"SWITCHBOARD_PORT=tcp://10.0.0.1:80", "SWITCHBOARD_PORT_80_TCP_ADDR=10.0.0.1", "SWITCHBOARD_SERVICE_HOST=10.0.0.1",
	}, nil)
}

func TestEveryOptionCanBeSetByEnvironment(t *testing.T) {
	options := config.Options()
	for _, want := range []string{"listen", "data", "media.turn.relay_port_min", "dialects.kurento.access", "limits.rooms"} {
		if !slices.Contains(options, want) {
			t.Errorf("options lack %s: %v", want, options)
		}
	}
	names := map[string]string{}
	for _, option := range options {
		name := config.EnvName(option)
		if other, taken := names[name]; taken {
			t.Errorf("%s sets both %s and %s", name, other, option)
		}
		names[name] = option
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, err := load(t, strings.TrimLeft(`
lissen: 127.0.0.1:8080
data: [a, b]
demo: perhaps
media:
  adress: 0.0.0.0:1
  sockets: many
  turn:
    lifetime: 3
    lifetime: 5m
limits: 12
log:
  level: loud
  format:
dialects:
  kurento:
    access: *shut
    filter_param: wig
  sip: {}
`, "\n"), []string{"SWITCHBOARD_MEDIA_TCP=2", "SWITCHBOARD_LOGLEVEL=info"}, map[string]string{"shutdown": "1s", "pprof.adress": "x"})

	var got config.Mistakes
	if !errors.As(err, &got) {
		t.Fatalf("error is %T (%v), want Mistakes", err, err)
	}
	type row struct{ Where, Path, Text string }
	want := []row{
		{"switchboard.yaml:1", "lissen", "unknown key; did you mean listen?"},
		{"switchboard.yaml:2", "data", "must be a text, not a list"},
		{"switchboard.yaml:3", "demo", `"perhaps" is neither true nor false`},
		{"switchboard.yaml:5", "media.adress", "unknown key; did you mean address?"},
		{"switchboard.yaml:6", "media.sockets", `"many" is no whole number`},
		{"switchboard.yaml:8", "media.turn.lifetime", `"3" is no duration; write a number with a unit, such as 500ms, 30s, 5m or 12h`},
		{"switchboard.yaml:9", "media.turn.lifetime", "written twice; remove one"},
		{"switchboard.yaml:10", "limits", "must be a section with the keys message_bytes"},
		{"switchboard.yaml:13", "log.format", "has no value; write one or remove the line"},
		{"switchboard.yaml:16", "dialects.kurento.access", "is a YAML Alias, which is not understood here; write a plain value"},
		{"switchboard.yaml:18", "dialects.sip", "unknown key"},
		{"SWITCHBOARD_LOGLEVEL", "", "no option has this name; did you mean SWITCHBOARD_LOG_LEVEL?"},
		{"SWITCHBOARD_MEDIA_TCP", "media.tcp", `"2" is neither true nor false`},
		{"--set pprof.adress", "pprof.adress", "no option has this name; did you mean pprof.address?"},
		{"--set shutdown", "shutdown", "is a section; set one of its options, such as shutdown.drain"},
		{"switchboard.yaml:17", "dialects.kurento.filter_param", `"wig" is not known; write hat or marker`},
		{"switchboard.yaml:12", "log.level", `"loud" is not known; write debug, info, warn or error`},
	}
	var rows []row
	for i, m := range got {
		text := m.Text
		if i < len(want) && strings.HasPrefix(text, want[i].Text) {
			text = want[i].Text // the list of keys may grow
		}
		rows = append(rows, row{m.Where, m.Path, text})
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMistakeShowsLineAndCaret(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"unknown key": {"data: x\nmedia:\n  adress: 1\n",
			"switchboard.yaml:3: media.adress: unknown key; did you mean address?\n    3 |   adress: …\n          ^"},
		"bad value": {"shutdown:\n  drain: soon\n",
			"switchboard.yaml:2: shutdown.drain: \"soon\" is no duration; write a number with a unit, such as 500ms, 30s, 5m or 12h\n" +
				"    2 |   drain: soon\n                 ^"},
		"bad by the rules": {"# top\nlog: {level: loud}\n",
			"switchboard.yaml:2: log.level: \"loud\" is not known; write debug, info, warn or error\n    2 | log: {level: loud}\n                     ^"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, row.text, nil, nil)
			want := "1 mistake in the configuration:\n\n" + row.want
			if err == nil || err.Error() != want {
				t.Errorf("got:\n%v\nwant:\n%s", err, want)
			}
		})
	}
}

// TestDefaultsHaveNoPlace wants no line of the file blamed for a value that stands
// in none.
func TestDefaultsHaveNoPlace(t *testing.T) {
	_, err := load(t, "allow_open_guests: true\nlisten: ':80'\nmedia:\n  tcp: false\n", nil, nil)
	var got config.Mistakes
	if !errors.As(err, &got) || len(got) != 1 || got[0].Path != "media.address" || got[0].Where != "" {
		t.Errorf("got %v, want one mistake at media.address and no place", err)
	}
}

func TestBrokenFiles(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"no YAML":       {"data: [a\n", "switchboard.yaml:1:"},
		"a tab":         {"media:\n\taddress: x\n", "switchboard.yaml:2:"},
		"a list":        {"- a\n", "must be a section with the keys listen"},
		"two documents": {"data: a\n---\ndata: b\n", "a second document"},
		"a text":        {"hello\n", "must be a section with the keys listen"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := load(t, row.text, nil, nil); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q in it", err, row.want)
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "comments": "# nothing\n", "a marker": "---\n"} {
		t.Run(name, func(t *testing.T) { mustLoad(t, text, nil, nil) })
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v, want os.ErrNotExist", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"", "data: x", "listen: [a, {address: b}]", "media: {turn: {lifetime: 1h}}", "? a\n: b", "a: &x 1\nb: *x", "<<: {a: 1}", "!!str a: !!int 2", "data: |\n  x\n", "'data': \"x\"", "limits: {rooms: 0x10, connections: .inf}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := load(t, text, nil, nil)
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and error %v, want one of them", c, err)
		}
		if mistakes, ok := err.(config.Mistakes); err != nil && (!ok || len(mistakes) == 0) {
			t.Fatalf("error %T %v, want mistakes", err, err)
		}
	})
}
