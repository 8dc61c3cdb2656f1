package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// callingRows measure the calling dialect beside the server that its clients
// know, and beside the shortest relay, which answers nothing.
func callingRows() []row {
	message := func(target float64) want { return want{"CPU a delivered message", "µs", perPacket, target} }
	waits := []want{{"latency p50", "ms", p50, 0}, {"latency p99", "ms", p99, 0}}
	pairs := []string{"-n", "100", "-size", "2", "-rate", "50"}
	tens := []string{"-n", "100", "-size", "10", "-rate", "20"}
	change := append([]string{"-opt", "fanout=1"}, tens...)
	idle := []string{"-n", "5000", "-size", "2", "-rate", "0", "-window", "1s"}
	return []row{
		{"shortest Go relay, pairs", (*bench).bare, relay("bare", pairs...), append([]want{message(0)}, waits...)},
		{"the original (0.1.4), pairs", (*bench).original, relay("calling", pairs...), append([]want{message(0)}, waits...)},
		{"switchboard, calling: pairs", (*bench).calling, relay("calling", pairs...), append([]want{message(24)}, waits...)},
		{"shortest Go relay, to nine others", (*bench).bare, relay("bare", tens...), append([]want{message(0)}, waits...)},
		{"the original (0.1.4), to nine others", (*bench).original, relay("calling", change...), append([]want{message(0)}, waits...)},
		{"switchboard, calling: to nine others", (*bench).calling, relay("calling", change...), append([]want{message(8)}, waits...)},
		{"shortest Go relay, 5000 idle", (*bench).bare, relay("bare", idle...), []want{{"memory a connection", "KiB", perIdle, 0}}},
		{"the original (0.1.4), 5000 idle", (*bench).original, relay("calling", idle...), []want{{"memory a connection", "KiB", perIdle, 0}}},
		{"switchboard, calling: 5000 idle", (*bench).calling, relay("calling", idle...), []want{{"memory a connection", "KiB", perIdle, 12}}},
	}
}

// calling starts the server for clients that want one set of names.
func (b *bench) calling(ctx context.Context) (*server, error) {
	s, err := b.ours(ctx)
	if s != nil {
		s.url = s.url[:len(s.url)-len("/room")] + "/signaling?names=client"
	}
	return s, err
}

// original starts the server of the protocol's authors as it comes from npm, at
// the version that the lock file in the folder original names.
func (b *bench) original(ctx context.Context) (*server, error) {
	folder := filepath.Join(b.folder, "original")
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
		for _, name := range []string{"package.json", "package-lock.json"} {
			text, err := os.ReadFile(filepath.Join("test", "bench", "original", name))
			if err != nil {
				return nil, fmt.Errorf("bench is run from the top of the source tree: %w", err)
			}
			if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
				return nil, err
			}
		}
		npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		npm.Dir = folder
		if out, err := npm.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("npm ci: %w\n%s", err, out)
		}
	}
	at, err := free()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", "0", "node", filepath.Join(folder, "node_modules/calling-signaling/dist/main.js"))
	cmd.Env = append(os.Environ(), "BIND_HOST="+host, "BIND_PORT="+port)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{cmd: cmd, url: "ws://" + at + "/"}, listening(ctx, at)
}
