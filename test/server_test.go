package test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"switchboard/internal/app"
	"switchboard/internal/config"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// patience is how long anything may take before a test gives up on it.
const patience = 30 * time.Second

// buildFolder is the environment variable that names where the server is built;
// TestMain makes and removes the folder.
const buildFolder = "SWITCHBOARD_TEST_BUILD"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "switchboard-test")
	if err == nil {
		err = os.Setenv(buildFolder, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // what is left the system removes
	os.Exit(code)
}

// binary builds the server, once for all tests that need it.
func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.Getenv(buildFolder), "switchboard")
	command := exec.Command("go", "build", "-o", path, "..")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
})

// process is a running server.
type process struct {
	place
	command *exec.Cmd
	errors  *bytes.Buffer
	ended   chan error
}

var address = regexp.MustCompile(`^ +(pages|kurento) +(\S+?)/?( \(any path\))?$`)

// start starts the binary with flags and waits until it says where it is and
// that it is ready.
func start(t *testing.T, flags ...string) *process {
	t.Helper()
	p := &process{command: exec.Command(binary(t), append([]string{"serve"}, flags...)...), errors: &bytes.Buffer{}, ended: make(chan error, 1)}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.command.Stdout, p.command.Stderr = in, p.errors
	err = p.command.Start()
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.command.Wait() }()
	t.Cleanup(func() {
		_ = p.command.Process.Kill() // it has usually ended
		if t.Failed() {
			t.Logf("the server wrote:\n%s", p.errors)
		}
	})
	p.place = where(t, out)
	ready(t, p.page)
	return p
}

// place is where a server says it is, without slashes at the ends.
type place struct {
	page   string // of the pages
	room   string // of the Kurento socket
	pinned string // of the address that speaks only that, if there is one
}

// where reads where the server says it is.
func where(t *testing.T, out io.Reader) (p place) {
	t.Helper()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		found := address.FindStringSubmatch(lines.Text())
		switch {
		case found == nil:
			continue
		case found[1] == "pages":
			p.page = found[2]
		case found[3] != "":
			p.pinned = found[2]
		default:
			p.room = found[2]
			return p
		}
	}
	t.Fatal("the server ended without saying where it is")
	return p
}

// ready polls the readiness probe.
func ready(t *testing.T, page string) {
	t.Helper()
	waitFor(t, "the server is ready", func() bool {
		status, _ := get(t, page+"/readyz")
		return status == http.StatusOK
	})
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	give := time.After(patience)
	for !is() {
		select {
		case <-look.C:
		case <-give:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// get returns status and body; 0 when nobody answers.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // it signs its certificate itself
	response, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// stop sends SIGTERM and wants the server to end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.wait(t, "")
}

// wait wants the server to end, by a signal or well.
func (p *process) wait(t *testing.T, want string) {
	t.Helper()
	select {
	case err := <-p.ended:
		if got := fmt.Sprint(err); err != nil && got != want || err == nil && want != "" {
			t.Fatalf("the server ended with %v, want %q", err, want)
		}
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wait(t, "signal: killed")
}

// flags for a server of one test.
func flags(dir string, more ...string) []string {
	return append([]string{"--listen", "127.0.0.1:0", "--data", dir, "--set", "media.address=127.0.0.1:0", "--set", "shutdown.drain=0s"}, more...)
}

// member is a client in a room.
type member struct {
	t *testing.T
	*websocket.Conn
}

func dial(t *testing.T, url string) *member {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatalf("dial %s: %v", url, err)
	}
	response.Body.Close()
	t.Cleanup(func() { ws.Close() })
	return &member{t, ws}
}

func (m *member) say(text string) {
	m.t.Helper()
	if err := m.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		m.t.Fatal(err)
	}
}

// want reads until a message contains text.
func (m *member) want(text string) {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(patience))
	for {
		_, got, err := m.ReadMessage()
		if err != nil {
			m.t.Fatalf("%v, want %s", err, text)
		}
		if strings.Contains(string(got), text) {
			return
		}
	}
}

func join(t *testing.T, url, user, room string) *member {
	t.Helper()
	m := dial(t, url)
	m.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"joinRoom","params":{"user":%q,"room":%q}}`, user, room))
	m.want(`"result"`)
	return m
}

// wantGoodbye reads until the server closes, and wants it to do so in words.
func (m *member) wantGoodbye() {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(patience))
	for {
		_, _, err := m.ReadMessage()
		switch {
		case err == nil:
			continue
		case !websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway):
			m.t.Errorf("%v, want a close frame that says goodbye", err)
		}
		return
	}
}

func (m *member) publish() {
	m.t.Helper()
	m.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"publishVideo","params":{"sdpOffer":%q,"doLoopback":false}}`, talk.Offer("sendonly", "audio", "video")))
	m.want("sdpAnswer")
}

func TestServeUntilTerminated(t *testing.T) {
	p := start(t, flags(t.TempDir())...)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "switchboard_rooms 10", "/": "<html", "/getAllRooms": "lobby"} {
		if status, body := get(t, p.page+path); status != http.StatusOK || !strings.Contains(strings.ToLower(body), want) {
			t.Errorf("%s: %d %s, want %q in it", path, status, body, want)
		}
	}
	ada, bob := join(t, p.room, "ada", "lab"), join(t, p.room, "bob", "lab")
	ada.want("participantJoined")
	bob.say(`{"jsonrpc":"2.0","id":2,"method":"sendMessage","params":{"message":"hello","userMessage":"bob","roomMessage":"lab"}}`)
	ada.want(`"hello"`)
	ada.publish() // answered by the engine that carries media
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ada.wantGoodbye()
	bob.wantGoodbye()
	p.wait(t, "")
	if strings.Contains(p.errors.String(), "level=ERROR") || strings.Contains(p.errors.String(), "level=WARN") {
		t.Errorf("it complained:\n%s", p.errors)
	}
}

// What was acknowledged is there after a restart: users, and rooms that stay.
func TestRestartKeepsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	p := start(t, flags(dir)...)
	addUser(t, dir, "ada", "")
	p.stop(t)
	p = start(t, flags(dir)...)
	addUser(t, dir, "ada", `there is a user "ada" already`)
	if _, rooms := get(t, p.page+"/getAllRooms"); !strings.Contains(rooms, "lobby") || !strings.Contains(rooms, "studio") {
		t.Errorf("rooms %s, want lobby and studio", rooms)
	}
	command := exec.Command(binary(t), "user", "passwd", "--data", dir, "ada")
	command.Stdin = strings.NewReader("another password\n")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("change the password: %v\n%s", err, out)
	}
	p.stop(t)
}

// addUser makes a user by the command line; want is what it complains of.
func addUser(t *testing.T, dir, name, want string) {
	t.Helper()
	command := exec.Command(binary(t), "user", "add", "--data", dir, name)
	command.Stdin = strings.NewReader("correct horse battery\n")
	out, err := command.CombinedOutput()
	if (err != nil) != (want != "") || !strings.Contains(string(out), want) {
		t.Fatalf("user add %s: %v, %s; want %q", name, err, out, want)
	}
}

// The server may be killed at any time.
func TestKilledServerStartsAgain(t *testing.T) {
	dir := t.TempDir()
	for round := range 5 {
		p := start(t, flags(dir)...)
		join(t, p.room, "ada", "lab")
		addUser(t, dir, fmt.Sprint("user", round), "")
		p.kill(t)
	}
	p := start(t, flags(dir)...)
	for round := range 5 {
		addUser(t, dir, fmt.Sprint("user", round), "already")
	}
	p.stop(t)
}

func TestASecondSignalEndsDraining(t *testing.T) {
	engine := &mediatest.Engine{}
	hurry := make(chan struct{})
	s := run(t, func(c *config.Config, o *app.Options) {
		c.Shutdown.Drain = time.Hour
		o.Engine, o.Hurry = engine.Start, hurry
	})
	ada := join(t, s.room, "ada", "lab")
	ada.publish()
	s.cancel()
	waitFor(t, "the server is not ready any more", func() bool {
		status, _ := get(t, s.page+"/readyz")
		return status == http.StatusServiceUnavailable
	})
	if _, response, err := websocket.DefaultDialer.Dial(s.room, nil); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("somebody was let in while the server drains: %v", err)
	}
	ada.say(`{"jsonrpc":"2.0","id":3,"method":"sendMessage","params":{"message":"still here","userMessage":"ada","roomMessage":"lab"}}`)
	ada.want("still here")
	close(hurry)
	s.wait(t)
	if n := engine.Opened(); n != 0 {
		t.Errorf("%d transports left", n)
	}
}

func TestDrainingEndsWithTheLastCall(t *testing.T) {
	engine := &mediatest.Engine{}
	s := run(t, func(c *config.Config, o *app.Options) {
		c.Shutdown.Drain = time.Hour
		o.Engine = engine.Start
	})
	ada := join(t, s.room, "ada", "lab")
	join(t, s.room, "bob", "lab") // who only reads does not hold it up
	ada.publish()
	s.cancel()
	waitFor(t, "the server is not ready any more", func() bool {
		status, _ := get(t, s.page+"/readyz")
		return status == http.StatusServiceUnavailable
	})
	ada.say(`{"jsonrpc":"2.0","id":3,"method":"leaveRoom","params":{}}`)
	s.wait(t)
}

// Starting and stopping leaves nothing behind, whoever is connected.
func TestAHundredTimes(t *testing.T) {
	dir := t.TempDir()
	for round := range 100 {
		engine := &mediatest.Engine{}
		s := run(t, func(c *config.Config, o *app.Options) {
			c.Data = dir
			o.Engine = engine.Start
		})
		ada, bob := join(t, s.room, "ada", "lab"), dial(t, s.room)
		ada.publish()
		s.cancel()
		if round%50 > 0 { // the others never answer and have to be cut
			ada.wantGoodbye()
			bob.wantGoodbye()
		}
		s.wait(t)
		if n := engine.Opened(); n != 0 {
			t.Fatalf("%d transports left", n)
		}
	}
}

// running is a server in this process.
type running struct {
	place
	cancel context.CancelFunc
	ended  chan error
}

// run runs a server in this process, on ports that are free.
func run(t *testing.T, change func(*config.Config, *app.Options)) *running {
	t.Helper()
	c := config.Default()
	c.Listen[0].Address, c.Media.Address, c.Data, c.Shutdown.Drain = "127.0.0.1:0", "127.0.0.1:0", t.TempDir(), 0
	out, in := io.Pipe()
	o := app.Options{Config: c, Log: slog.New(slog.DiscardHandler), Out: in, Version: "test"}
	change(c, &o)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	ctx, cancel := context.WithCancel(context.Background())
	s := &running{cancel: cancel, ended: make(chan error, 1)}
	go func() {
		err := app.Run(ctx, o)
		_ = in.CloseWithError(errors.New("the server ended"))
		s.ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		s.wait(t)
	})
	s.place = where(t, out)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	ready(t, s.page)
	return s
}

// wait wants the server to have ended without a complaint.
func (s *running) wait(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("the server ended with %v", err)
		}
		s.ended <- nil // for whoever asks again
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
}
