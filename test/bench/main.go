// Command bench measures the server beside the floor and the shortest servers
// that can be written, in one run, and prints what was reached of each target.
//
//	go run ./test/bench -binary bin/switchboard
//
// It drives loadtool, which must lie in ../shared/tools/loadtool or where
// LOADTOOL says (its source, or a built binary). The server runs on one core
// and the tool on the other. Figures of different runs must not be compared:
// only ratios within one run mean anything.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "omikron" { // this program, as the tool of a row
		if err := runOmikron(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench omikron:", err)
			os.Exit(1)
		}
		return
	}
	b := &bench{}
	flag.StringVar(&b.binary, "binary", "bin/switchboard", "the server")
	flag.IntVar(&b.runs, "runs", 3, "repetitions; medians are printed")
	flag.DurationVar(&b.window, "window", 8*time.Second, "measured time of each repetition")
	flag.StringVar(&b.profiles, "profiles", "", "folder for CPU profiles of the server, 12 s of each row")
	flag.DurationVar(&b.after, "after", 0, "when in a row its profile begins, such as when all have joined")
	only := flag.String("only", "", "rows whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	binary   string
	tool     string
	folder   string
	profiles string
	runs     int
	window   time.Duration
	after    time.Duration
}

// result is what one line of loadtool says, as far as it is used here.
type result struct {
	CPUPer1000 float64 `json:"cpu_s_per_1000_delivered"`
	Latency    struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
	} `json:"latency_ms"`
	KiBPerSubscriber float64 `json:"rss_kib_per_subscriber"`
	JoinCPU          float64 `json:"join_cpu_ms_per_subscriber"`
	Loss             float64 `json:"loss_percent"`
	KiBPerConnection float64 `json:"rss_kib_per_idle_connection"`
	ServerCores      float64 `json:"server_cores"`
	ToolCores        float64 `json:"tool_cores"`
	mixed
}

// row is one measurement: a server and what loadtool does with it.
type row struct {
	name   string
	server func(*bench, context.Context) (*server, error) // nil: the tool is the server too
	args   []string
	wants  []want
}

// want is a figure and what is to be reached.
type want struct {
	name   string
	unit   string
	value  func(result) float64
	target float64 // 0: for comparison only
}

var (
	perPacket = func(r result) float64 { return r.CPUPer1000 * 1000 }
	p50       = func(r result) float64 { return r.Latency.P50 }
	p99       = func(r result) float64 { return r.Latency.P99 }
	perSub    = func(r result) float64 { return r.KiBPerSubscriber }
	perJoin   = func(r result) float64 { return r.JoinCPU }
	lost      = func(r result) float64 { return r.Loss }
	perIdle   = func(r result) float64 { return r.KiBPerConnection }
)

func sfu(n int, video bool) []string {
	args := []string{"sfu", "-system", "kurento", "-n", strconv.Itoa(n)}
	if video {
		args = append(args, "-video")
	}
	return args
}

func relay(system string, more ...string) []string {
	return append([]string{"relay", "-system", system}, more...)
}

func rows() []row {
	packet := func(target float64) want { return want{"CPU a packet", "µs", perPacket, target} }
	return append([]row{
		{"floor, segmented sends, 1 → 150", nil, []string{"floor", "-core", "0", "-n", "150", "-video", "-mode", "gso"}, []want{packet(0)}},
		{"floor, batched sends, 1 → 150", nil, []string{"floor", "-core", "0", "-n", "150", "-video", "-mode", "sendmmsg"}, []want{packet(0)}},
		{"plain Pion, 1 → 150", (*bench).mini, sfu(150, true), []want{packet(0), {"latency p50", "ms", p50, 0}, {"latency p99", "ms", p99, 0},
			{"memory a subscriber", "KiB", perSub, 0}, {"CPU a join", "ms", perJoin, 0}}},
		{"switchboard, 1 → 150", (*bench).ours, sfu(150, true), []want{packet(9), {"latency p50", "ms", p50, 0}, {"latency p99", "ms", p99, 0},
			{"memory a subscriber", "KiB", perSub, 340}, {"CPU a join", "ms", perJoin, 3.5}, {"loss", "%", lost, 1}}},
		{"switchboard, 1 → 150, sound only", (*bench).ours, sfu(150, false), []want{packet(14)}},
		{"switchboard, 1 → 600", (*bench).ours, sfu(600, true), []want{packet(0), {"latency p99", "ms", p99, 0}, {"loss", "%", lost, 1}}},
		{"shortest Go relay, rooms of 10", (*bench).bare, relay("bare", "-n", "500", "-size", "10", "-rate", "4"),
			[]want{{"CPU a delivered message", "µs", perPacket, 0}, {"latency p99", "ms", p99, 0}}},
		{"switchboard, chat in rooms of 10", (*bench).ours, relay("kurento", "-n", "500", "-size", "10", "-rate", "4"),
			[]want{{"CPU a delivered message", "µs", perPacket, 12}, {"latency p99", "ms", p99, 0}}},
		{"switchboard, 5000 idle connections", (*bench).ours, relay("kurento", "-n", "5000", "-size", "10", "-rate", "0", "-window", "1s"),
			[]want{{"memory a connection", "KiB", perIdle, 16}}},
	}, slices.Concat(loopRows(), callingRows(), omikronRows())...)
}

func (b *bench) run(ctx context.Context, only string) error {
	var err error
	if b.folder, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if b.tool, err = b.loadtool(ctx); err != nil {
		return err
	}
	fmt.Printf("%-38s %-26s %10s %10s  %s\n", "", "", "reached", "target", "")
	for _, r := range rows() {
		if !strings.Contains(r.name, only) {
			continue
		}
		results := make([]result, 0, b.runs)
		for i := range b.runs {
			got, err := b.measure(ctx, r, i == 0)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			results = append(results, got)
		}
		for i, w := range r.wants {
			name := r.name
			if i > 0 {
				name = ""
			}
			fmt.Println(line(name, w, results))
		}
	}
	return nil
}

// line says one figure's median, its target, and whether it was reached.
func line(name string, w want, results []result) string {
	var all []float64
	for _, r := range results {
		all = append(all, w.value(r))
	}
	slices.Sort(all)
	median := all[len(all)/2]
	target, verdict := "", ""
	if w.target > 0 {
		target, verdict = fmt.Sprintf("%.4g", w.target), "reached"
		if median > w.target {
			verdict = fmt.Sprintf("missed, %.2f times the target", median/w.target)
		}
	}
	return fmt.Sprintf("%-38s %-26s %10.3g %10s  %s", name, w.name+", "+w.unit, median, target, verdict)
}

// loadtool finds the tool or builds it.
func (b *bench) loadtool(ctx context.Context) (string, error) {
	at := os.Getenv("LOADTOOL")
	if at == "" {
		at = "../shared/tools/loadtool"
	}
	info, err := os.Stat(at)
	if err != nil {
		return "", fmt.Errorf("loadtool is not there; say where in LOADTOOL: %w", err)
	}
	if !info.IsDir() {
		return filepath.Abs(at)
	}
	tool := filepath.Join(b.folder, "loadtool")
	build := exec.CommandContext(ctx, "go", "build", "-o", tool, ".")
	build.Dir = at
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building loadtool (it needs libopus-dev): %w\n%s", err, out)
	}
	return tool, nil
}

// measure runs one row once, against a fresh server.
func (b *bench) measure(ctx context.Context, r row, profile bool) (got result, err error) {
	args := slices.Clone(r.args)
	if !slices.Contains(args, "-window") {
		args = append(args, "-window", b.window.String())
	}
	if r.server != nil {
		s, err := r.server(b, ctx)
		if s != nil {
			defer s.stop()
		}
		if err != nil {
			return result{}, err
		}
		args = append(args, "-url", s.url, "-pids", strconv.Itoa(s.cmd.Process.Pid))
		if profile && b.profiles != "" && s.pprof != "" {
			ended := s.profile(ctx, b.after, filepath.Join(b.profiles, strings.NewReplacer(" ", "-", "→", "to", ",", "").Replace(r.name)+".pprof"))
			defer func() { <-ended }()
		}
	}
	tool := b.tool
	if args[0] == "omikron" {
		if tool, err = os.Executable(); err != nil {
			return result{}, err
		}
	}
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", "1", tool}, args...)...)
	if r.server == nil {
		cmd = exec.CommandContext(ctx, b.tool, args...) // floor binds its child to a core itself
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("loadtool %s: %w", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return result{}, fmt.Errorf("loadtool said %q: %w", out, err)
	}
	return got, nil
}

// server is a process under test.
type server struct {
	cmd   *exec.Cmd
	url   string
	pprof string
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
}

// profile takes a CPU profile while the row is measured.
func (s *server) profile(ctx context.Context, after time.Duration, file string) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(ctx, after+time.Minute)
		defer cancel()
		select {
		case <-time.After(after):
		case <-ctx.Done():
		}
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.pprof+"/debug/pprof/profile?seconds=12", nil)
		if err != nil {
			return
		}
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			return
		}
		defer a.Body.Close()
		if f, err := os.Create(file); err == nil {
			_, _ = io.Copy(f, a.Body)
			_ = f.Close()
		}
	}()
	return ended
}

// mini starts loadtool's plain Pion server.
func (b *bench) mini(ctx context.Context) (*server, error) { return b.reference(ctx, "mini", "/room") }

// bare starts loadtool's shortest Go relay.
func (b *bench) bare(ctx context.Context) (*server, error) { return b.reference(ctx, "bare", "/") }

func (b *bench) reference(ctx context.Context, command, path string) (*server, error) {
	at, err := free()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", "0", b.tool, command, "-listen", at)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{cmd: cmd, url: "ws://" + at + path}, listening(ctx, at)
}

// ours starts the server with limits that do not stand in the way.
func (b *bench) ours(ctx context.Context) (*server, error) {
	data, err := os.MkdirTemp(b.folder, "data")
	if err != nil {
		return nil, err
	}
	return b.start(ctx, data, "")
}

// start starts the server on a data folder, with more lines of configuration.
func (b *bench) start(ctx context.Context, data, more string) (*server, error) {
	at, err := free()
	if err != nil {
		return nil, err
	}
	media, err := free()
	if err != nil {
		return nil, err
	}
	pprof, err := free()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(data, "bench.yaml")
	text := fmt.Sprintf(`listen: [%q]
data: %q
origins: ["*"]
media: {address: %q}
limits: {connections: 20000, connections_per_address: 20000, messages_per_second: 10000, message_burst: 10000}
log: {level: warn}
pprof: {address: %q}
shutdown: {drain: 0s}
%s`, at, data, media, pprof, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", "0", b.binary, "serve", "--config", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{cmd: cmd, url: "ws://" + at + "/room", pprof: pprof}, listening(ctx, at)
}

// free finds a port of loopback that nobody uses.
func free() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// listening waits until somebody listens.
func listening(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		c, err := net.Dial("tcp4", at)
		if err == nil {
			return c.Close()
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("nobody listens on %s: %w", at, err)
		}
	}
}
