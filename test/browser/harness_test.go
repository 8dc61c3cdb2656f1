// Package browser proves with a real Chromium that people meet by way of this server: with its own page, and with a
// client of the room protocol that knows nothing of us. It owns the running binary, the browser and the pages, one test
// at a time; it must not know anything of the server's inside.
package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	// root is the top of the source tree, seen from here.
	root = "../.."
	// patience is how long anything may take that a person would wait for; the machine may be busy.
	patience = 45 * time.Second
	// between is the pause between two looks at something that is awaited.
	between = 50 * time.Millisecond
)

// unavailable ends a test for which something is missing on this machine. Where tests count, in CI, that is a failure.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// eventually looks until ready says yes, or fails the test with the reason that ready gave last.
func eventually(t *testing.T, what string, ready func() (bool, string)) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(between)
	defer look.Stop()
	for {
		ok, why := ready()
		if ok {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited %v for: %s\n%s", patience, what, why)
		}
	}
}

// build compiles the server once for all tests, unless SWITCHBOARD_TEST_BINARY names one.
var build = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("SWITCHBOARD_TEST_BINARY"); binary != "" {
		return binary, nil
	}
	if _, err := os.Stat(filepath.Join(root, "internal/web/dist/index.html")); errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("the pages were not built; run `make ui`")
	}
	binary, err := filepath.Abs(filepath.Join(root, "bin", "switchboard-test-browser"))
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

// server is the binary, running with a data directory of its own.
type server struct {
	t       *testing.T
	binary  string
	data    string
	address string // HOST:PORT of the pages
	media   string // HOST:PORT of the media
	options []string
	output  *output
	cmd     *exec.Cmd
	exited  chan error
}

// startServer starts the server on free ports, with options (name=value) of the configuration, and waits until it is
// ready. It is stopped when the test ends.
func startServer(t *testing.T, options ...string) *server {
	t.Helper()
	binary, err := build()
	if err != nil {
		unavailable(t, err.Error())
	}
	s := &server{t: t, binary: binary, data: t.TempDir(), address: freePort(t), media: freePort(t), options: options, output: &output{}}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.output)
		}
	})
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, "serve", "--listen", s.address, "--data", s.data,
		"--set", "media.address="+s.media, "--set", "shutdown.drain=1s", "--set", "log.level=debug")
	for _, o := range s.options {
		s.cmd.Args = append(s.cmd.Args, "--set", o)
	}
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start the server: %v", err)
	}
	exited := make(chan error, 1)
	s.exited = exited
	go func(cmd *exec.Cmd) { exited <- cmd.Wait() }(s.cmd)
	eventually(s.t, "the server to be ready", func() (bool, string) {
		select {
		case err := <-exited:
			exited <- err
			s.t.Fatalf("the server ended: %v\n%s", err, s.output)
		default:
		}
		answer, err := http.Get("http://" + s.address + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK, answer.Status
	})
}

// stop asks the server to end and waits for it; a server that does not end fails the test.
func (s *server) stop() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // if it has ended already, that is seen below
	select {
	case err := <-s.exited:
		if err != nil {
			s.t.Errorf("the server ended badly: %v", err)
		}
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.exited
		s.t.Errorf("the server did not end within %v of being asked to", patience)
	}
	s.cmd = nil
}

// freePort returns an address on which nothing listens, neither by TCP nor by UDP. Its port is below those that systems
// hand out to connections by themselves, so that nobody takes it by chance while the server is being started again.
func freePort(t *testing.T) string {
	t.Helper()
	const first, many = 20_000, 10_000
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(many)))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		_ = l.Close()
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		_ = c.Close()
		return address
	}
	t.Fatal("no free port was found")
	return ""
}

// output keeps what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String returns the last part of what was written; all of it would bury what matters.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	const most = 20_000
	text := o.buf.String()
	return text[max(0, len(text)-most):]
}

// startBrowser starts Chromium with a camera and a microphone that exist only in software. Each page that is opened in it
// has storage of its own.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("SWITCHBOARD_TEST_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path == "" {
			path, _ = exec.LookPath(name)
		}
	}
	if path == "" {
		unavailable(t, "no Chromium on this machine: apt-get install chromium, or set SWITCHBOARD_TEST_CHROMIUM")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox,
		chromedp.Flag("use-fake-device-for-media-stream", "fps=15"),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	browser, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		cancel()
		ended, give := context.WithTimeout(context.Background(), patience)
		defer give()
		if err := chromedp.Cancel(ended); err != nil && !errors.Is(err, chromedp.ErrInvalidContext) {
			t.Logf("end the browser: %v", err)
		}
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return browser
}
