package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// omikronPerIota is how many users one home server has.
const omikronPerIota = 10

var omikronKey = strings.Repeat("a", 64)

func omikronUser(n int) string { return fmt.Sprintf("1a000000-0000-4000-8000-%012d", n) }
func omikronIota(n int) string { return fmt.Sprintf("10da0000-0000-4000-8000-%012d", n) }

// omikronLoad is the load of one measurement: clients and their home servers.
type omikronLoad struct {
	url      string
	presence bool
	clients  []*websocket.Conn
	iotas    []*websocket.Conn

	received atomic.Int64 // what came back to clients
	changed  atomic.Int64 // when the presence was changed last, ns
	readers  sync.WaitGroup

	mu   sync.Mutex
	took []time.Duration // guarded by mu
}

// runOmikron is this program as the tool of a measurement: it prints one line as
// loadtool does.
func runOmikron(args []string) (err error) {
	fs := flag.NewFlagSet("omikron", flag.ExitOnError)
	l := &omikronLoad{}
	fs.StringVar(&l.url, "url", "", "of the server's sockets")
	pid := fs.Int("pids", 0, "of the server")
	n := fs.Int("n", 1, "clients")
	rate := fs.Float64("rate", 0, "messages per second of all together")
	window := fs.Duration("window", 8*time.Second, "measured time")
	fs.BoolVar(&l.presence, "presence", false, "the first client's presence changes, and all others are told")
	if err := fs.Parse(args); err != nil {
		return err
	}
	before, err := readUsage(*pid)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.connect(*n); err != nil {
		return err
	}
	pause(2 * time.Second)
	idle, err := readUsage(*pid)
	if err != nil {
		return err
	}
	r := result{KiBPerConnection: float64(idle.rss-before.rss) / 1024 / float64(len(l.clients)+len(l.iotas))}
	if *rate > 0 {
		if err := l.measure(*pid, *rate, *window, &r); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// measure sends for a while, and counts after the first two seconds of it.
func (l *omikronLoad) measure(pid int, rate float64, window time.Duration, r *result) error {
	over := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() { l.send(rate, over) })
	pause(2 * time.Second)
	l.mu.Lock()
	l.took = nil
	l.mu.Unlock()
	from, err := readUsage(pid)
	if err != nil {
		return err
	}
	tool, err := readUsage(os.Getpid())
	if err != nil {
		return err
	}
	count := l.received.Load()
	pause(window)
	to, err := readUsage(pid)
	if err != nil {
		return err
	}
	toolNow, err := readUsage(os.Getpid())
	if err != nil {
		return err
	}
	count = l.received.Load() - count
	close(over)
	sending.Wait()
	if count == 0 {
		return errors.New("nothing came back")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.took)
	r.CPUPer1000 = (to.cpu - from.cpu) * 1000 / float64(count)
	r.ServerCores, r.ToolCores = (to.cpu-from.cpu)/window.Seconds(), (toolNow.cpu-tool.cpu)/window.Seconds()
	at := func(q float64) float64 {
		return float64(l.took[int(q*float64(len(l.took)-1))].Microseconds()) / 1000
	}
	r.Latency.P50, r.Latency.P99 = at(.5), at(.99)
	return nil
}

// connect opens the homes and then the clients of their users.
func (l *omikronLoad) connect(n int) error {
	for i := 0; i*omikronPerIota < n; i++ {
		var users []string
		for u := i * omikronPerIota; u < (i+1)*omikronPerIota; u++ {
			users = append(users, omikronUser(u))
		}
		c, err := l.dial("iota/", `{"type":"identification","data":{"iota_id":"`+omikronIota(i)+`","user_ids":"`+strings.Join(users, ",")+`"}}`)
		if err != nil {
			return err
		}
		l.iotas = append(l.iotas, c)
		l.readers.Go(func() { l.serve(c) })
	}
	for i := range n {
		c, err := l.dial("client/", `{"type":"identification","data":{"user_id":"`+omikronUser(i)+`","private_key_hash":"`+omikronKey+`"}}`)
		if err != nil {
			return err
		}
		l.clients = append(l.clients, c)
		if l.presence && i > 0 { // everybody is interested in the first
			if err := c.WriteMessage(websocket.TextMessage, []byte(`{"id":"00000000-0000-7000-8000-000000000001","type":"get_chats","data":{}}`)); err != nil {
				return err
			}
		}
		l.readers.Go(func() { l.read(c) })
	}
	return nil
}

func (l *omikronLoad) dial(path, identification string) (*websocket.Conn, error) {
	c, answer, err := websocket.DefaultDialer.Dial(l.url+path, nil)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close() // empty
	if err := c.WriteMessage(websocket.TextMessage, []byte(identification)); err != nil {
		return nil, err
	}
	_, b, err := c.ReadMessage()
	if err == nil && !bytes.Contains(b, []byte("identification_response")) {
		err = fmt.Errorf("identifying was answered with %s", b)
	}
	return c, err
}

// between cuts out what stands between two texts. A parser of JSON would be most
// of what this program costs.
func between(b []byte, from, to string) []byte {
	_, b, found := bytes.Cut(b, []byte(from))
	b, _, ended := bytes.Cut(b, []byte(to))
	if !found || !ended {
		return nil
	}
	return b
}

// serve is a home that answers its users with what they wrote.
func (l *omikronLoad) serve(c *websocket.Conn) {
	for {
		_, b, err := c.ReadMessage()
		if err != nil {
			return
		}
		id, user := between(b, `"id":"`, `"`), between(b, `"sender":"`, `"`)
		switch {
		case bytes.Contains(b, []byte(`"type":"message_send"`)):
			b = fmt.Appendf(nil, `{"id":"%s","type":"message","receiver":"%s","data":{"content":"%s"}}`, id, user, between(b, `"content":"`, `"`))
		case bytes.Contains(b, []byte(`"type":"get_chats"`)):
			b = fmt.Appendf(nil, `{"id":"%s","type":"get_chats","receiver":"%s","data":{"user_ids":["%s"]}}`, id, user, omikronUser(0))
		default:
			continue
		}
		if c.WriteMessage(websocket.TextMessage, b) != nil {
			return
		}
	}
}

// read counts what comes back to a client. A presence carries no time: its own
// is that of the last change.
func (l *omikronLoad) read(c *websocket.Conn) {
	for {
		_, b, err := c.ReadMessage()
		if err != nil {
			return
		}
		var sent int64
		switch {
		case l.presence && bytes.Contains(b, []byte(`"type":"client_changed"`)):
			sent = l.changed.Load()
		case bytes.Contains(b, []byte(`"type":"message"`)):
			sent, _ = strconv.ParseInt(string(between(b, `"content":"`, ` `)), 10, 64)
		}
		if sent == 0 {
			continue
		}
		l.received.Add(1)
		l.mu.Lock()
		l.took = append(l.took, time.Since(time.Unix(0, sent)))
		l.mu.Unlock()
	}
}

// send sends from one client after the other, at an even pace.
func (l *omikronLoad) send(rate float64, over <-chan struct{}) {
	filler := strings.Repeat("x", 180)
	began := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		for ; float64(n) < time.Since(began).Seconds()*rate; n++ {
			now := time.Now().UnixNano()
			if l.presence {
				l.changed.Store(now)
				_ = l.clients[0].WriteMessage(websocket.TextMessage, []byte(`{"type":"client_changed","data":{"user_state":"DND"}}`)) // the readers notice
				continue
			}
			m := fmt.Appendf(nil, `{"id":"00000000-0000-7000-8000-%012d","type":"message_send","data":{"receiver_id":"%s","content":"%d %s"}}`,
				n, omikronUser(0), now, filler)
			_ = l.clients[n%len(l.clients)].WriteMessage(websocket.TextMessage, m) // likewise
		}
	}
}

func (l *omikronLoad) close() {
	for _, c := range append(l.clients, l.iotas...) {
		_ = c.Close() // that is what ends the readers
	}
	l.readers.Wait()
}

// usage is what a process has cost: seconds of CPU and bytes of memory.
type usage struct {
	cpu float64
	rss int64
}

// readUsage reads /proc/PID/stat, proc(5): fields 14, 15 and 24.
func readUsage(pid int) (usage, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var n [3]int64
	for i, field := range []int{14, 15, 24} {
		if n[i], err = strconv.ParseInt(fields[field-3], 10, 64); err != nil {
			return usage{}, err
		}
	}
	const ticks = 100 // a second, on Linux
	return usage{cpu: float64(n[0]+n[1]) / ticks, rss: n[2] * int64(os.Getpagesize())}, nil
}

func pause(d time.Duration) { <-time.After(d) }
