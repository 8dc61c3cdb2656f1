package socket

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

func TestReplyLeavesBeforeTheEventsItCauses(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	ada, bob := r.dial(t), r.dial(t)
	ada.say("join ada lab")
	ada.want("joined")
	bob.say("join bob lab")
	bob.want("joined")
	for i := range 200 {
		ada.say(fmt.Sprintf("say %d", i))
	}
	for i := range 200 {
		ada.want("said", fmt.Sprintf("heard ada %d", i))
		bob.want(fmt.Sprintf("heard ada %d", i))
	}
}

func TestFramesOfATurnLeaveInOneWriteAndInOrder(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	c := r.dial(t)
	c.say("many 30000")
	for i := range 30000 {
		c.want(fmt.Sprint(i))
	}
	got := r.Counts()[0]
	if got.MessagesOut != 30001 || got.MessagesIn != 1 || got.Connections != 1 {
		t.Errorf("counts %+v, want 30001 out, 1 in, 1 connection", got)
	}
}

func TestMessagesOfEveryLengthOfHeader(t *testing.T) {
	r := newRig(t, roomy, Timing{}, func(_ *core.Limits, d *dialect.Dialect, _ *Terms) { d.MessageBytes = 200 << 10 })
	c := r.dial(t)
	for _, n := range []int{0, 1, 125, 126, 127, 4095, 4096, 65535, 65536, 150 << 10} {
		long := strings.Repeat("x", n)
		c.say("echo " + long)
		c.want(long)
	}
}

func TestFragmentsArriveAsOneMessage(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	c := r.dial(t)
	w, err := c.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		// More than the client's buffer holds, so that each becomes a fragment.
		if _, err := io.WriteString(w, strings.Repeat("e", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.want("unknown " + strings.Repeat("e", 50000))
}

// A peer that breaks the rules of WebSocket hears which, and its session ends.
func TestFaultsOfThePeer(t *testing.T) {
	tests := map[string]struct {
		raw  []byte // frames with a mask of zero
		want int
	}{
		"binary":                   {[]byte{0x82, 0x81, 0, 0, 0, 0, 'x'}, 1003},
		"not UTF-8":                {[]byte{0x81, 0x81, 0, 0, 0, 0, 0xff}, 1007},
		"not masked":               {[]byte{0x81, 0x01, 'x'}, 1002},
		"reserved bit":             {[]byte{0xc1, 0x81, 0, 0, 0, 0, 'x'}, 1002},
		"unknown opcode":           {[]byte{0x83, 0x81, 0, 0, 0, 0, 'x'}, 1002},
		"continuation of nothing":  {[]byte{0x80, 0x81, 0, 0, 0, 0, 'x'}, 1002},
		"message inside a message": {[]byte{0x01, 0x81, 0, 0, 0, 0, 'x', 0x81, 0x81, 0, 0, 0, 0, 'x'}, 1002},
		"long ping":                {append([]byte{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, make([]byte, 126)...), 1002},
		"fragmented ping":          {[]byte{0x09, 0x80, 0, 0, 0, 0}, 1002},
		"close with half a code":   {[]byte{0x88, 0x82, 0, 0, 0, 0, 3, 0}, 1002},
		"length beyond everything": {[]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1002},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, roomy, Timing{CloseWithin: 200 * time.Millisecond})
			c := r.dial(t)
			if _, err := c.NetConn().Write(test.raw); err != nil {
				t.Fatal(err)
			}
			c.wantClose(test.want)
			r.wantClosure(t, dialect.Closure{Clean: true, Code: 1006})
			if got := r.Counts()[0].Faults; got != 1 {
				t.Errorf("%d faults counted, want 1", got)
			}
		})
	}
}

// The reason for closing reaches a client that is still writing.
func TestMessagesBeyondTheLimit(t *testing.T) {
	r := newRig(t, roomy, Timing{CloseWithin: 5 * time.Second})
	for _, n := range []int{64<<10 + 1, 10 << 20} {
		c := r.dial(t)
		go func() { _ = c.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("x"), n)) }()
		if reason := c.wantClose(1009); !strings.Contains(reason, "65536 bytes") {
			t.Errorf("reason %q does not tell the limit", reason)
		}
		c.Close()
		r.wantClosure(t, dialect.Closure{Clean: true, Code: 1006})
	}
}

func TestBinaryFramesWhereTheDialectTakesThem(t *testing.T) {
	r := newRig(t, roomy, Timing{}, func(_ *core.Limits, d *dialect.Dialect, _ *Terms) { d.Binary = true })
	c := r.dial(t)
	if err := c.WriteMessage(websocket.BinaryMessage, []byte("echo x")); err != nil {
		t.Fatal(err)
	}
	c.want("x")
}

func TestHowAConnectionEndedIsTold(t *testing.T) {
	tests := map[string]struct {
		end  func(c *client)
		want dialect.Closure
	}{
		"normal":  {closeWith(1000), dialect.Closure{Clean: true, Code: 1000}},
		"leaving": {closeWith(1001), dialect.Closure{Clean: true, Code: 1001}},
		"without a code": {func(c *client) { c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second)) },
			dialect.Closure{Clean: true, Code: 1005}},
		"of its own": {closeWith(4001), dialect.Closure{Code: 4001}},
		"broken":     {func(c *client) { c.NetConn().Close() }, dialect.Closure{Code: 1006}},
		"reset": {func(c *client) {
			_ = c.NetConn().(*net.TCPConn).SetLinger(0)
			c.NetConn().Close()
		}, dialect.Closure{Code: 1006}},
		"half closed":       {func(c *client) { _ = c.NetConn().(*net.TCPConn).CloseWrite() }, dialect.Closure{Code: 1006}},
		"cut in a header":   {cutAfter(0x81), dialect.Closure{Code: 1006}},
		"cut in a message":  {cutAfter(0x81, 0x85, 0, 0, 0, 0, 'e', 'c'), dialect.Closure{Code: 1006}},
		"cut in fragments":  {cutAfter(0x01, 0x81, 0, 0, 0, 0, 'e'), dialect.Closure{Code: 1006}},
		"cut after request": {cutAfter(append([]byte{0x81, 0x86, 0, 0, 0, 0}, "echo x"...)...), dialect.Closure{Code: 1006}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, roomy, Timing{})
			other := r.dial(t)
			other.say("join bob lab")
			other.want("joined")
			c := r.dial(t)
			c.say("join ada lab")
			c.want("joined")
			test.end(c)
			r.wantClosure(t, test.want)
			other.want("left ada")
		})
	}
}

// Whoever says something and is gone has said it, and however it ended, the
// conversation was begun and is told.
func TestLastWordsAreHeard(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	bob := r.dial(t)
	bob.say("join bob lab")
	bob.want("joined")
	ends := []func(*client){
		func(c *client) { c.NetConn().Close() },
		func(c *client) { _ = c.NetConn().(*net.TCPConn).CloseWrite() },
		func(c *client) {
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
		},
		func(c *client) { _, _ = c.NetConn().Write([]byte{0xff}); _ = c.NetConn().(*net.TCPConn).CloseWrite() },
	}
	for i := range 200 {
		ws, response, err := websocket.DefaultDialer.Dial(r.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		ada := &client{t, ws}
		ada.say("join ada lab")
		ada.say(fmt.Sprint("say bye ", i))
		ends[i%len(ends)](ada)
		bob.want(fmt.Sprint("heard ada bye ", i), "left ada")
		<-r.closed
		ws.Close()
	}
}

func closeWith(code int) func(*client) {
	return func(c *client) {
		c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
		c.wantClose(code)
	}
}

func cutAfter(raw ...byte) func(*client) {
	return func(c *client) {
		if _, err := c.NetConn().Write(raw); err != nil {
			c.t.Fatal(err)
		}
		c.NetConn().Close()
	}
}

func TestClosesOfOurOwn(t *testing.T) {
	tests := map[string]struct {
		say, answer string
		code        int
		reason      string
	}{
		"the conversation closes": {"close 4004 x", "closing", 4004, "as asked"},
		"the session ends":        {"end", "ended", 1000, "left"},
		"a mistake of ours":       {"panic", "", 1011, "internal error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, roomy, Timing{})
			c := r.dial(t)
			c.say(test.say)
			if test.answer != "" {
				c.want(test.answer)
			}
			if name == "the session ends" {
				c.want("over left")
			}
			if got := c.wantClose(test.code); got != test.reason {
				t.Errorf("reason %q, want %q", got, test.reason)
			}
			r.wantClosure(t, dialect.Closure{Clean: true, Code: 1006})
			if test.say == "panic" && !strings.Contains(r.log.String(), "verb=receive") {
				t.Errorf("log does not name the verb: %s", r.log)
			}
			r.dial(t) // nobody else was hurt
		})
	}
}

func TestShutdownIsSaidInTheDialectsWords(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	var all []*client
	for range 50 {
		all = append(all, r.dial(t))
	}
	r.Refuse()
	if _, response, err := websocket.DefaultDialer.Dial(r.url, nil); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new client was not refused: %v", err)
	}
	r.hub.EndSessions(core.ReasonShutdown)
	for _, c := range all {
		c.want("over shutdown")
		c.wantClose(1001)
	}
}

func TestDeadlines(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	c := r.dial(t)
	c.say("wait 30ms")
	c.want("waiting", "expired")
	c.say("wait 1h")
	c.want("waiting")
	c.say("wait 1ms") // an earlier one replaces it
	c.want("waiting", "expired")
	c.say("wait -1h") // passed already
	c.want("waiting", "expired")
	c.say("echo on")
	c.want("on")
}

// The proxy between is gone, the peer's machine was switched off: nothing
// arrives and nothing is refused.
func TestSilentPeersArePingedAndThenGivenUp(t *testing.T) {
	r := newRig(t, roomy, Timing{PingAfter: 50 * time.Millisecond, DropAfter: 150 * time.Millisecond})
	c := r.dial(t)
	pings := 0
	c.SetPingHandler(func(string) error { pings++; return nil }) // and says nothing
	start := time.Now()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, got, err := c.ReadMessage(); err == nil {
		t.Fatalf("got %q", got)
	}
	if took := time.Since(start); took < 140*time.Millisecond {
		t.Errorf("given up after %v", took)
	}
	if pings != 1 {
		t.Errorf("%d pings, want 1", pings)
	}
	r.wantClosure(t, dialect.Closure{Code: 1006})
}

func TestAnsweringPingsKeepsAConnection(t *testing.T) {
	r := newRig(t, roomy, Timing{PingAfter: 20 * time.Millisecond, DropAfter: time.Second})
	c := r.dial(t)
	c.say("wait 500ms")
	pings := 0
	answer := c.PingHandler()
	c.SetPingHandler(func(s string) error { pings++; return answer(s) })
	c.want("waiting", "expired")
	if pings < 2 {
		t.Errorf("%d pings in 500 ms, want several", pings)
	}
}

func TestPingsAreAnsweredWithTheirData(t *testing.T) {
	r := newRig(t, roomy, Timing{})
	c := r.dial(t)
	got := make(chan string, 1)
	c.SetPongHandler(func(s string) error { got <- s; return nil })
	data := strings.Repeat("p", 125)
	if err := c.WriteControl(websocket.PingMessage, []byte(data), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	c.say("echo after")
	c.want("after") // pongs are seen while reading
	if pong := <-got; pong != data {
		t.Errorf("pong %q, want %q", pong, data)
	}
}

// Control frames cost as much as messages, also those that need no answer.
func TestAFloodOfControlFramesIsReadNoFasterThanAllowed(t *testing.T) {
	for name, kind := range map[string]int{"pings": websocket.PingMessage, "pongs": websocket.PongMessage} {
		t.Run(name, func(t *testing.T) {
			limits := roomy
			limits.MessagesPerSecond, limits.MessageBurst = 200, 20
			r := newRig(t, limits, Timing{})
			flooder := r.dial(t)
			for range 40 {
				if err := flooder.WriteControl(kind, nil, time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "the flood is slowed", func() bool { return r.Counts()[0].Throttled > 0 })
		})
	}
}
