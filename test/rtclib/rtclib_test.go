// Package rtclib tries rtc-lib, the client library that people use with the calling dialect, as it comes from npm. The
// tests own the server, which runs in this process without media, and Node; they must not know anything of the
// server's inside.
package rtclib

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchboard/internal/app"
	"switchboard/internal/config"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unavailable ends a test for which something is missing on this machine. Where tests count, in CI, that is a failure.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

var address = regexp.MustCompile(`(?m)^ +calling +(ws://\S+)$`)

// serve runs the whole server on a free port and returns the address of the dialect.
func serve(t *testing.T) string {
	t.Helper()
	c := config.Default()
	c.Listen, c.Data, c.Demo = []config.Listen{{Address: "127.0.0.1:0"}}, t.TempDir(), false
	c.Media.Address, c.Shutdown.Drain = "127.0.0.1:0", 0
	c.Limits.MessagesPerSecond, c.Limits.MessageBurst = 10_000, 10_000
	ctx, stop := context.WithCancel(context.Background())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, app.Options{Config: c, Log: slog.New(slog.DiscardHandler), Out: write, Version: "test", Engine: (&mediatest.Engine{}).Start})
		_ = write.Close()
	}()
	t.Cleanup(func() {
		stop()
		_ = read.Close()
		if err := <-ended; err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	for lines := bufio.NewScanner(read); lines.Scan(); {
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, read) }() // until it is closed
			return found[1]
		}
	}
	t.Fatal("the server does not say where it is")
	return ""
}

// fetch makes sure that npm has fetched what the lock file names.
func fetch(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			unavailable(t, program+" is missing; install Node 20 to try the real client")
		}
	}
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	const stamp = "node_modules/.lock-installed"
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, lock) {
		return
	}
	if out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		unavailable(t, fmt.Sprintf("rtc-lib cannot be fetched: %v\n%s", err, out))
	}
	if err := os.WriteFile(stamp, lock, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTheLibraryAsItIs runs checks.js and makes a test of each of its lines.
func TestTheLibraryAsItIs(t *testing.T) {
	fetch(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "checks.js", serve(t))
	var problems bytes.Buffer
	node.Stderr = &problems
	out, err := node.Output()
	checks := 0
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "ok "); ok {
			checks++
			t.Run(name, func(*testing.T) {})
		} else if name, ok := strings.CutPrefix(line, "failed "); ok {
			name, why, _ := strings.Cut(name, ": ")
			t.Run(name, func(t *testing.T) { t.Error(why) })
		}
	}
	if err != nil && !t.Failed() {
		t.Errorf("node: %v\n%s", err, problems.String())
	}
	if checks < 38 && !t.Failed() {
		t.Errorf("only %d checks were made", checks)
	}
}
