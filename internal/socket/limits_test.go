package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

func TestWhoIsNotLetIn(t *testing.T) {
	limits := roomy
	limits.Connections, limits.PerAddress = 3, 2
	r := newRig(t, limits, Timing{}, func(_ *core.Limits, _ *dialect.Dialect, terms *Terms) {
		terms.Origin = func(origin, host string) bool { return origin != "https://evil.example" }
	})
	dial := func(header http.Header) (status int, retry string) {
		t.Helper()
		ws, response, err := websocket.DefaultDialer.Dial(r.url, header)
		if err == nil {
			t.Cleanup(func() { ws.Close() })
		}
		response.Body.Close()
		return response.StatusCode, response.Header.Get("Retry-After")
	}
	first, second := r.dial(t), r.dial(t)
	tests := []struct {
		name   string
		header http.Header
		want   int
		retry  bool
	}{
		{"a page of another origin", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden, false},
		{"a third from one address", nil, http.StatusTooManyRequests, true},
	}
	for _, test := range tests {
		if got, retry := dial(test.header); got != test.want || (retry != "") != test.retry {
			t.Errorf("%s: status %d, retry %q; want %d", test.name, got, retry, test.want)
		}
	}
	first.Close()
	r.wantClosure(t, dialect.Closure{Code: 1006})
	waitFor(t, "the place is free again", func() bool { status, _ := dial(nil); return status == http.StatusSwitchingProtocols })
	second.say("echo still here")
	second.want("still here")
	if got := r.Refused(); got["origin"] != 1 || got["connections_per_address"] < 1 {
		t.Errorf("refusals counted %v", got)
	}
}

// waitFor looks until something that happens elsewhere has happened.
func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
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

func TestNoMoreConnectionsThanAllowed(t *testing.T) {
	limits := roomy
	limits.Connections = 5
	r := newRig(t, limits, Timing{})
	var in, out int
	for range 20 {
		ws, response, err := websocket.DefaultDialer.Dial(r.url, nil)
		switch {
		case err == nil:
			in++
			t.Cleanup(func() { ws.Close() })
		case response != nil && response.StatusCode == http.StatusServiceUnavailable:
			out++
		default:
			t.Fatal(err)
		}
	}
	if in != 5 || out != 15 {
		t.Errorf("%d in and %d out, want 5 and 15", in, out)
	}
}

func TestRequestsThatAreNoWebSocket(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	at := strings.Replace(r.url, "ws", "http", 1)
	tests := map[string]struct {
		method, path string
		header       http.Header
		want         int
	}{
		"a browser":         {"GET", "", nil, http.StatusUpgradeRequired},
		"with a slash":      {"GET", "/", nil, http.StatusUpgradeRequired},
		"below":             {"GET", "/x", nil, http.StatusNotFound},
		"a post":            {"POST", "", nil, http.StatusUpgradeRequired},
		"without a key":     {"GET", "", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-WebSocket-Version": {"13"}}, http.StatusBadRequest},
		"of an old version": {"GET", "", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-WebSocket-Version": {"8"}}, http.StatusBadRequest},
	}
	for name, test := range tests {
		request, err := http.NewRequestWithContext(t.Context(), test.method, at+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range test.header {
			request.Header[k] = v
		}
		transport := &http.Transport{}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		transport.CloseIdleConnections()
		if response.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", name, response.StatusCode, test.want)
		}
	}
	if n := r.hub.Sessions(); n != 0 {
		t.Errorf("%d sessions of those who did not come in", n)
	}
	c := r.dial(t) // and their places were given back
	c.say("echo x")
	c.want("x")
}

func TestTheFirstSubprotocolOfferedIsChosen(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	dialer := websocket.Dialer{Subprotocols: []string{"one", "two"}}
	ws, response, err := dialer.Dial(r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	response.Body.Close()
	if got := ws.Subprotocol(); got != "one" {
		t.Errorf("chose %q, want one", got)
	}
}

func TestAddressOfTheClient(t *testing.T) {
	s := &Server{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	tests := []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"192.0.2.1:5", []string{"198.51.100.9"}, "192.0.2.1"}, // its own words
		{"10.0.0.1:5", []string{"198.51.100.9"}, "198.51.100.9"},
		{"10.0.0.1:5", []string{"6.6.6.6, 198.51.100.9"}, "198.51.100.9"},
		{"10.0.0.1:5", []string{"198.51.100.9, 10.0.0.7"}, "198.51.100.9"},
		{"10.0.0.1:5", []string{"198.51.100.9", "10.0.0.7"}, "198.51.100.9"},
		{"10.0.0.1:5", []string{"10.0.0.8"}, "10.0.0.8"},
		{"10.0.0.1:5", []string{"unknown"}, "10.0.0.1"},
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"[fd00::1]:5", []string{"2001:db8::7"}, "2001:db8::7"},
		{"[::ffff:10.0.0.1]:5", []string{"198.51.100.9:4711"}, "198.51.100.9"},
		{"[fe80::1%eth0]:5", nil, "fe80::1"},
	}
	for _, test := range tests {
		request := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := s.Remote(request).String(); got != test.want {
			t.Errorf("%s, %v: %s, want %s", test.peer, test.forwarded, got, test.want)
		}
	}
	if a, b := placeOf(netip.MustParseAddr("2001:db8::1")), placeOf(netip.MustParseAddr("2001:db8::ffff:1")); a != b {
		t.Errorf("%s and %s count as two, though one machine has both", a, b)
	}
	if a, b := placeOf(netip.MustParseAddr("192.0.2.1")), placeOf(netip.MustParseAddr("192.0.2.2")); a == b {
		t.Error("two IPv4 addresses count as one")
	}
}

func TestBucket(t *testing.T) {
	start := time.Unix(1000, 0)
	var b bucket
	for range 4 {
		if wait := b.take(start, 10, 4); wait != 0 {
			t.Fatalf("within the burst: waits %v", wait)
		}
	}
	for i, want := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond} {
		if wait := b.take(start, 10, 4); wait != want {
			t.Errorf("message %d beyond the burst: waits %v, want %v", i, wait, want)
		}
	}
	if wait := b.take(start.Add(time.Hour), 10, 4); wait != 0 {
		t.Errorf("after an hour: waits %v", wait)
	}
}

// One client that floods is read at its rate, and others do not notice.
func TestAFloodIsReadNoFasterThanAllowed(t *testing.T) {
	limits := roomy
	limits.MessagesPerSecond, limits.MessageBurst = 200, 20
	r := newRig(t, limits, Timing{})
	flooder, other := r.dial(t), r.dial(t)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if flooder.WriteMessage(websocket.TextMessage, []byte("unknown")) != nil {
				return
			}
		}
	})
	writing.Go(func() {
		for {
			if _, _, err := flooder.ReadMessage(); err != nil {
				return
			}
		}
	})
	start := time.Now()
	for i := range 20 {
		other.say(fmt.Sprint("echo ", i))
		other.want(fmt.Sprint(i))
	}
	waitFor(t, "the flood is slowed", func() bool { return time.Since(start) > 500*time.Millisecond })
	got := r.Counts()[0]
	took := time.Since(start)
	most := 20 + 20 + int64(took.Seconds()*200) + 10 // the others', the burst, the rate
	if got.MessagesIn > most || got.Throttled == 0 {
		t.Errorf("%d messages read in %v, %d of them slowed; want at most %d", got.MessagesIn, took, got.Throttled, most)
	}
	close(stop)
	flooder.NetConn().Close()
	writing.Wait()
}

// A client that stops reading is ended, the others keep the room, and nothing
// of it is left.
func TestAReaderThatDoesNotReadIsEnded(t *testing.T) {
	r := newRig(t, roomy, Timing{WriteWithin: time.Hour}, func(l *core.Limits, _ *dialect.Dialect, _ *Terms) {
		l.MailboxBytes = 256 << 10
	})
	slow, ada := r.dial(t), r.dial(t)
	slow.say("join slow lab")
	slow.want("joined")
	ada.say("join ada lab")
	ada.want("joined")
	// Messages of others fill half a mailbox, then their sender is refused.
	long := strings.Repeat("x", 16<<10)
	refused := false
	for range 2000 {
		ada.say("say " + long)
		ada.SetReadDeadline(time.Now().Add(patience))
		_, answer, err := ada.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(answer), "error") {
			refused = true
			break
		}
		ada.want("heard ada " + long)
	}
	if !refused {
		t.Fatal("nobody was told that the reader is behind")
	}
	// State fills the rest: people come and go.
	for range 20000 {
		if r.Counts()[0].Slow > 0 {
			break
		}
		visitor := r.dial(t)
		visitor.say("join " + strings.Repeat("v", 200) + " lab")
		visitor.say("end")
		for {
			if _, _, err := visitor.ReadMessage(); err != nil {
				break
			}
		}
		visitor.Close()
	}
	waitFor(t, "the slow reader's session has ended", func() bool { return r.hub.Counts().Overflows == 1 })
	waitFor(t, "the slow reader is gone", func() bool { return r.Counts()[0].Slow == 1 })
}

// A write that is stuck ends by its deadline.
func TestAStuckWriteIsGivenUp(t *testing.T) {
	r := newRig(t, roomy, Timing{WriteWithin: 200 * time.Millisecond})
	c := r.dial(t)
	go func() { // never reads
		for range 1000 {
			if c.WriteMessage(websocket.TextMessage, []byte("many 20000")) != nil {
				return
			}
		}
	}()
	r.wantClosure(t, dialect.Closure{Code: 1006})
	if got := r.Counts()[0].Slow; got != 1 {
		t.Errorf("%d slow connections counted, want 1", got)
	}
}

// Those who do not answer are cut when the time to close is over.
func TestCloseCutsWhoDoesNotEnd(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	c := r.dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); err == nil {
		t.Error("nobody was cut")
	}
	c.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("the connection goes on")
	}
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// Connections that come and go in every way at once, while rooms are busy and
// the server stops in the middle.
func TestManyComeAndGo(t *testing.T) {
	r := newRig(t, roomy, Timing{CloseWithin: 100 * time.Millisecond})
	ends := []func(*websocket.Conn){
		func(c *websocket.Conn) { c.Close() },
		func(c *websocket.Conn) { _ = c.NetConn().(*net.TCPConn).SetLinger(0); c.NetConn().Close() },
		func(c *websocket.Conn) {
			_ = c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, c.NetConn())
			c.Close()
		},
		func(c *websocket.Conn) { _ = c.WriteMessage(websocket.TextMessage, []byte("panic")); c.Close() },
		func(c *websocket.Conn) { _ = c.WriteMessage(websocket.TextMessage, []byte("end")); c.Close() },
		func(c *websocket.Conn) { _ = c.WriteMessage(websocket.BinaryMessage, []byte{0}); c.Close() },
	}
	var going sync.WaitGroup
	for i := range 200 {
		going.Go(func() {
			ws, response, err := websocket.DefaultDialer.Dial(r.url, nil)
			if err != nil {
				return // stopping
			}
			response.Body.Close()
			for _, s := range []string{fmt.Sprintf("join u%d room%d", i, i%10), "say hello", "wait 1ms", "say again"} {
				if ws.WriteMessage(websocket.TextMessage, []byte(s)) != nil {
					break
				}
			}
			ends[i%len(ends)](ws)
		})
		if i == 150 {
			going.Go(func() { r.hub.EndSessions(core.ReasonShutdown) })
		}
	}
	going.Wait()
	waitFor(t, "everybody is gone", func() bool { return r.Counts()[0].Connections == 0 })
	waitFor(t, "every session is gone", func() bool { return r.hub.Sessions() == 0 })
	if n := r.hub.Counts().Rooms; n != 0 {
		t.Errorf("%d rooms left", n)
	}
}

func TestCloseFrames(t *testing.T) {
	long := strings.Repeat("ä", 100)
	tests := map[string]struct {
		give dialect.Close
		want string
	}{
		"a code":             {dialect.Close{Code: 1000}, "\x88\x02\x03\xe8"},
		"with a reason":      {dialect.Close{Code: 1001, Reason: "bye"}, "\x88\x05\x03\xe9bye"},
		"none":               {dialect.Close{}, "\x88\x00"},
		"not to be sent":     {dialect.Close{Code: 1006, Reason: "x"}, "\x88\x00"},
		"a long reason":      {dialect.Close{Code: 1000, Reason: long}, "\x88\x7c\x03\xe8" + long[:122]},
		"a reason not UTF-8": {dialect.Close{Code: 1000, Reason: "a\xffb"}, "\x88\x04\x03\xe8ab"},
	}
	for name, test := range tests {
		if got := string(appendClose(nil, test.give)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// Whatever a peer sends, the server answers with whole frames, ends in time and
// keeps nothing.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{"\x81\x85\x00\x00\x00\x00hello", "\x89\x80\x00\x00\x00\x00", "\x88\x82\x00\x00\x00\x00\x03\xe8", "\x01\x81\x00\x00\x00\x00a\x80\x81\x00\x00\x00\x00b",
		"\x81\xfe\x00\x80\x00\x00\x00\x00", "\x82\x80\x00\x00\x00\x00", "GET / HTTP/1.1\r\n\r\n"} {
		f.Add([]byte(seed))
	}
	r := newRig(f, roomy, Timing{CloseWithin: 50 * time.Millisecond})
	// A socket of the file system, since thousands of connections a second use up
	// the ports.
	listener, err := net.Listen("unix", filepath.Join(f.TempDir(), "socket"))
	if err != nil {
		f.Fatal(err)
	}
	web := &http.Server{Handler: r.mux}
	go func() { _ = web.Serve(listener) }()
	f.Cleanup(func() { web.Close() })
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return net.Dial("unix", listener.Addr().String()) }}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ws, response, err := dialer.Dial(r.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		response.Body.Close()
		if _, err := ws.NetConn().Write(raw); err != nil {
			t.Fatal(err)
		}
		_ = ws.NetConn().(*net.UnixConn).CloseWrite()
		ws.SetReadDeadline(time.Now().Add(patience))
		for {
			_, _, err := ws.ReadMessage()
			if err == nil {
				continue
			}
			var network net.Error
			switch {
			case errors.As(err, &network) && network.Timeout():
				t.Fatal("the server does not end")
			case !errors.As(err, &network) && !errors.As(err, new(*websocket.CloseError)):
				t.Fatalf("the server sent no frame: %v", err)
			}
			break
		}
		select {
		case <-r.closed:
		case <-time.After(patience):
			t.Fatal("the conversation did not end")
		}
	})
}

func BenchmarkUpgrade(b *testing.B) {
	r := newRig(b, roomy, Timing{})
	for b.Loop() {
		ws, response, err := websocket.DefaultDialer.Dial(r.url, nil)
		if err != nil {
			b.Fatal(err)
		}
		response.Body.Close()
		ws.Close()
		<-r.closed
	}
}

// endless is a message that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestLongMessagesTogetherAreBounded(t *testing.T) {
	s := New(Options{Limits: roomy, Timing: Timing{}})
	if _, err := s.slurp(endless{}, 1<<30); !errors.Is(err, errBusy) {
		t.Errorf("a message of a gigabyte: %v, want %v", err, errBusy)
	}
	if n := s.arriving.Load(); n != 0 {
		t.Errorf("%d bytes counted as arriving afterwards", n)
	}
	if msg, err := s.slurp(strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20); err != nil || len(msg) != 1<<20 {
		t.Errorf("a message as long as allowed: %d bytes, %v", len(msg), err)
	}
	if _, err := s.slurp(strings.NewReader(strings.Repeat("x", 1<<20+1)), 1<<20); !errors.Is(err, errTooBig) {
		t.Errorf("a byte more: %v, want %v", err, errTooBig)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
