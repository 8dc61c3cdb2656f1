package test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"switchboard/internal/app"
	"switchboard/internal/config"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

func TestCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("listen: [127.0.0.1:8080]\nlisten_twice: 1\nlimits:\n  rooms: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		code int
		want []string
	}{
		"help":                   {[]string{"--help"}, 0, []string{"serve", "check-config", "user add", "user passwd", "version"}},
		"version":                {[]string{"version"}, 0, []string{"switchboard ", "go1"}},
		"a right configuration":  {[]string{"check-config"}, 0, []string{"is right"}},
		"all mistakes at once":   {[]string{"check-config", "-c", bad}, 1, []string{"2 mistakes", "bad.yaml:2", "listen_twice", "^", "bad.yaml:4", "limits.rooms"}},
		"serving with mistakes":  {[]string{"serve", "-c", bad}, 1, []string{"2 mistakes"}},
		"no such file":           {[]string{"serve", "-c", filepath.Join(dir, "none.yaml")}, 1, []string{"none.yaml"}},
		"a flag that is wrong":   {[]string{"check-config", "--set", "limits.rooms=many"}, 1, []string{"--set limits.rooms"}},
		"a flag wins":            {[]string{"check-config", "-c", bad, "--set", "limits.rooms=5"}, 1, []string{"bad.yaml:2"}},
		"guests from everywhere": {[]string{"serve", "-l", "0.0.0.0:0", "--set", "media.address=0.0.0.0:0"}, 1, []string{"allow_open_guests", "dialects.kurento.access"}},
		"an address in use":      {append([]string{"serve"}, flags(dir, "--listen", taken.Addr().String())...), 1, []string{taken.Addr().String(), "in use"}},
		"no place for data":      {append([]string{"serve"}, flags(filepath.Join(file, "data"))...), 1, []string{"data directory"}},
		"a user without a name":  {[]string{"user", "add"}, 80, []string{"expected \"<user>\""}},
		"no such user":           {[]string{"user", "passwd", "-d", dir, "nobody"}, 1, []string{`no user "nobody"`}},
		"a password too short":   {[]string{"user", "add", "-d", dir, "ada"}, 1, []string{"fewer than"}},
		"users out of the box":   {[]string{"user", "list", "-d", dir}, 0, []string{"default\tcapcom\tCharlie\tcapcom,observer\n"}},
		"no such role":           {[]string{"user", "role", "add", "-d", dir, "capcom", "nobody"}, 1, []string{"no such role", "nobody"}},
		"a user of no role":      {[]string{"user", "add", "-d", dir, "bea", "--role", "nobody"}, 1, []string{"no such role: nobody"}},
		"no such realm":          {[]string{"realm", "remove", "-d", dir, "nowhere"}, 1, []string{`no realm "nowhere"`}},
		"a realm twice":          {[]string{"realm", "add", "-d", dir, "default"}, 1, []string{`realm "default" already`}},
		"what was done":          {[]string{"audit", "-d", dir, "-n", "5"}, 0, nil},
		"no command":             {nil, 80, []string{"expected one of"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			command := exec.Command(binary(t), test.args...)
			command.Dir = dir
			command.Stdin = strings.NewReader("short\n")
			if name == "no such user" || name == "a user of no role" {
				command.Stdin = strings.NewReader("long enough\n")
			}
			out, _ := command.CombinedOutput() // the code says
			if got := command.ProcessState.ExitCode(); got != test.code {
				t.Errorf("status %d, want %d", got, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is not in:\n%s", want, out)
				}
			}
		})
	}
}

// The same transcripts that the dialect plays in memory, over real sockets.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("../internal/dialect/kurento/testdata/*.talk")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nmedia: hold") {
			continue // over a socket nobody knows whether a request has arrived and is held
		}
		talk.PlayOver(t, file, playable)
	}
}

// playable starts a server for one transcript.
func playable(t *testing.T, settings map[string]string) (talk.Address, bool) {
	engine := &mediatest.Engine{}
	able := true
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = engine.Start
		c.Demo = false
		c.Limits.MessagesPerSecond, c.Limits.MessageBurst = 10000, 10000
		able = apply(c, settings)
	})
	return talk.Address{Socket: s.room, Engine: engine}, able
}

// apply sets what a transcript wants of a server; it tells false where the
// configuration has no such thing, or the transcript says where a request comes
// from.
func apply(c *config.Config, settings map[string]string) bool {
	for name, value := range settings {
		switch name {
		case "access":
			c.Dialects.Kurento.Access = value
		case "admin":
			c.Dialects.Kurento.AdminToken = config.NewSecret(value)
		case "creators":
			c.Dialects.Kurento.RoomCreators = value
		case "filter":
			c.Dialects.Kurento.FilterParam = value
		case "loopback":
			c.Dialects.Kurento.LoopbackRemote = true
		case "rooms":
			if _, err := fmt.Sscan(value, &c.Limits.Rooms); err != nil {
				return false
			}
		case "participants":
			if _, err := fmt.Sscan(value, &c.Limits.ParticipantsPerRoom); err != nil {
				return false
			}
		default:
			return false
		}
	}
	return c.Dialects.Kurento.Access != config.AccessToken // the transcripts' tokens are not signed
}

// An address with a dialect of its own speaks it at any path, and nothing else.
func TestAddressOfOneDialect(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		c.Listen = []config.Listen{{Address: "127.0.0.1:0", Dialect: "kurento"}, c.Listen[0]}
	})
	at := strings.TrimSuffix(s.pinned, "/")
	for _, path := range []string{"/", "/any/path", "/room"} {
		join(t, at+path, "ada"+strings.ReplaceAll(path, "/", "-"), "lab")
	}
	if status, _ := get(t, strings.Replace(at, "ws", "http", 1)+"/metrics"); status != http.StatusUpgradeRequired {
		t.Errorf("metrics at an address of one dialect: %d, want %d", status, http.StatusUpgradeRequired)
	}
	bob := dial(t, s.room)
	bob.say(`{"jsonrpc":"2.0","id":1,"method":"joinRoom","params":{"user":"bob","room":"lab"}}`)
	bob.want(`"ada-room"`) // one server, whichever address
}

func TestTLS(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		c.TLS.Mode = config.TLSSelfSigned
	})
	if !strings.HasPrefix(s.room, "wss://") || !strings.HasPrefix(s.page, "https://") {
		t.Fatalf("serves %s and %s, want TLS", s.page, s.room)
	}
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	ws, response, err := dialer.Dial(s.room, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	response.Body.Close()
	m := &member{t, ws}
	m.say(`{"jsonrpc":"2.0","id":1,"method":"joinRoom","params":{"user":"ada","room":"lab"}}`)
	m.want(`"result"`)
	s.cancel() // with a client on TLS
	s.wait(t)
}

// A page of another site cannot use the server.
func TestOrigins(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) { o.Engine = new(mediatest.Engine).Start })
	for origin, want := range map[string]int{"": http.StatusSwitchingProtocols, s.page: http.StatusSwitchingProtocols,
		"http://localhost:3000": http.StatusSwitchingProtocols, "https://elsewhere.example": http.StatusForbidden, "null": http.StatusForbidden} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		ws, response, err := websocket.DefaultDialer.Dial(s.room, header)
		if err == nil {
			ws.Close()
		}
		if response.StatusCode != want {
			t.Errorf("origin %q: %d, want %d", origin, response.StatusCode, want)
		}
		response.Body.Close()
	}
	// Nor can one whose name was made to point here.
	_, response, err := websocket.DefaultDialer.Dial(s.room, http.Header{"Origin": {"http://evil.example"}, "Host": {"evil.example"}})
	if err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another name for this machine: %v, want %d", response.Status, http.StatusForbidden)
	}
	response.Body.Close()
}

// What a client may send at all it may send to others.
func TestTheLongestMessageReachesOthers(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) { o.Engine = new(mediatest.Engine).Start })
	ada, bob := join(t, s.room, "ada", "lab"), join(t, s.room, "bob", "lab")
	long := strings.Repeat("x", 990_000) + " that is all"
	ada.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"sendMessage","params":{"message":%q,"userMessage":"ada","roomMessage":"lab"}}`, long))
	bob.want("that is all")
}

// Every limit of the configuration has its count among the metrics.
func TestLimitsAreCounted(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) { o.Engine = new(mediatest.Engine).Start })
	_, metrics := get(t, s.page+"/metrics")
	for _, option := range config.Options() {
		limit, is := strings.CutPrefix(option, "limits.")
		if !is || limit == "message_burst" { // it belongs to messages_per_second
			continue
		}
		if want := fmt.Sprintf("switchboard_limit_refusals_total{limit=%q} 0\n", limit); !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// The page about metrics names all that there are, with their labels, and no
// others.
func TestMetricsPageIsWhole(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) { c.Dialects.Omikron.Access = config.AccessOpen })
	_, metrics := get(t, s.page+"/metrics")
	got := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^(switchboard_\w+)(\{.*\})? `).FindAllStringSubmatch(metrics, -1) {
		var labels []string
		for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(line[2], -1) {
			labels = append(labels, label[1])
		}
		slices.Sort(labels)
		got[line[1]] = strings.Join(labels, " ")
	}
	want := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(switchboard_\\w+)` \\|(.*?)\\|").FindAllStringSubmatch(read(t, "docs/operate/metrics.md"), -1) {
		labels := strings.Fields(strings.NewReplacer("`", "", ",", "").Replace(row[2]))
		slices.Sort(labels)
		want[row[1]] = strings.Join(labels, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/operate/metrics.md and /metrics (-page +server):\n%s", diff)
	}
}
