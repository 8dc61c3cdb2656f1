package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// omikronRows measure the omikron dialect, whose load this program makes itself:
// see omikron_load.go. Clients write to their home servers, ten of them to each,
// which answer; what is counted is the way there and back.
func omikronRows() []row {
	chat := func(n int) row {
		return row{fmt.Sprintf("switchboard, omikron: chat, %d clients", n), (*bench).omikron, []string{"omikron", "-n", strconv.Itoa(n), "-rate", "5000"},
			[]want{{"CPU a message there and back", "µs", perPacket, 24}, {"latency p50", "ms", p50, 0}, {"latency p99", "ms", p99, 0}}}
	}
	return []row{
		{"shortest Go relay, beside omikron", (*bench).bare, relay("bare", "-n", "100", "-size", "2", "-rate", "50"),
			[]want{{"CPU a message one way", "µs", perPacket, 0}, {"latency p50", "ms", p50, 0}, {"latency p99", "ms", p99, 0}}},
		chat(1), chat(1000), chat(5000),
		{"switchboard, omikron: presence to 1000", (*bench).omikron, []string{"omikron", "-n", "1001", "-presence", "-rate", "5"},
			[]want{{"CPU a client told", "µs", perPacket, 0}, {"latency p50", "ms", p50, 0}, {"latency p99", "ms", p99, 0}}},
		{"switchboard, omikron: 5000 idle", (*bench).omikron, []string{"omikron", "-n", "5000", "-rate", "0", "-window", "1s"},
			[]want{{"memory a connection", "KiB", perIdle, 12}}},
	}
}

// omikronUsers is how many users the server under test knows.
const omikronUsers = 5001

// omikron starts the server with users and their homes.
func (b *bench) omikron(ctx context.Context) (*server, error) {
	data, err := os.MkdirTemp(b.folder, "data")
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	for n := range omikronUsers {
		line, err := json.Marshal(map[string]string{"user_id": omikronUser(n), "username": fmt.Sprint("u", n), "iota_id": omikronIota(n / omikronPerIota),
			"key_hash": omikronKey, "reset_token": "t"})
		if err != nil {
			return nil, err
		}
		lines.Write(append(line, '\n'))
	}
	file := filepath.Join(data, "users.json")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, b.binary, "omikron", "user", "import", "-d", data, file).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making users: %w\n%s", err, out)
	}
	s, err := b.start(ctx, data, "dialects: {omikron: {access: open}}\n")
	if s != nil {
		s.url = strings.TrimSuffix(s.url, "/room") + "/ws/"
	}
	return s, err
}
