// Package kurento speaks the protocol of Kurento Room: JSON-RPC 2.0 over a
// WebSocket at /room, and a few REST paths.
//
// It owns what only this protocol has: request ids, endpoint names, the order
// in which requests are executed, the watchdog that pings feed. A conversation
// belongs to its connection's loop and has no lock, goroutine or timer. The
// package must not know sockets, media engines or other dialects.
//
// Comments name the sections they come from: "seed N" is section N of the
// published WebSocket API document, "dossier N.M" the notes on what its clients
// really do. README.md has the mapping and the places where the two differ.
package kurento

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Name is the dialect's name.
const Name = "kurento"

// mostMessageBytes is the longest message of a client: upstream's limit
// (dossier 1.1).
const mostMessageBytes = 1_000_000

// Options are what the dialect needs. Zero values take the defaults named.
type Options struct {
	Hub *core.Hub
	Log *slog.Logger // of refused administration; the default discards

	// Access is how the dialect's connections are let in; REST tells rooms to
	// strangers only where it is open.
	Access core.Access
	// AdminToken lets its bearer close rooms, evict and mute by REST; empty
	// refuses everybody.
	AdminToken string
	// OpenAdmin lets requests from this machine do so without the token, for a
	// server that is open to loopback only.
	OpenAdmin bool
	// RoomCreators is what a user's name must match to create a room; see
	// [Creators]. Nil lets everybody.
	RoomCreators *regexp.Regexp
	// MaxVideoKbps bounds the video asked of a publisher; 600, as upstream's.
	MaxVideoKbps int
	// MostVoices is how many participants who publish sound only a client is
	// shown; when there are more, they are one whose stream is their mix. 12.
	MostVoices int
	// ICEServers are told to clients that understand them, in the result of
	// joinRoom; may be nil.
	ICEServers func(user string) []ICEServer

	// Values that REST tells the demo client (dossier 4).
	SpeakerInterval  int    // ms between two looks at who speaks; 1800
	SpeakerThreshold int    // dB above which somebody speaks; -50
	FilterParam      string // "hat" or "marker"; "hat"
	LoopbackRemote   bool
	LoopbackAndLocal bool

	// Grace is how long a session waits for a client that can come back; 10 s.
	Grace time.Duration
	// BrokenGrace is how long it waits for another client whose connection
	// broke; 3 s. After a goodbye it does not wait.
	BrokenGrace time.Duration
}

// ICEServer is a STUN or TURN server as browsers take it (RTCIceServer in W3C
// WebRTC section 4.2.3).
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Creators compiles what [Options.RoomCreators] wants: the whole of a user's
// name has to match, in upper or lower case (dossier 6, demo.authRegex). An
// empty expression gives nil.
func Creators(expression string) (*regexp.Regexp, error) {
	if expression == "" {
		return nil, nil
	}
	return regexp.Compile(`^(?i:` + expression + `)$`)
}

func (o Options) withDefaults() *Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.MaxVideoKbps = cmp.Or(o.MaxVideoKbps, 600)
	o.MostVoices = cmp.Or(o.MostVoices, 12)
	o.SpeakerInterval = cmp.Or(o.SpeakerInterval, 1800)
	o.SpeakerThreshold = cmp.Or(o.SpeakerThreshold, -50)
	o.FilterParam = cmp.Or(o.FilterParam, "hat")
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	o.BrokenGrace = cmp.Or(o.BrokenGrace, 3*time.Second)
	return &o
}

// New makes the dialect.
func New(o Options) dialect.Dialect {
	options := o.withDefaults()
	return dialect.Dialect{
		Name:         Name,
		Paths:        []string{"/room"},
		MessageBytes: mostMessageBytes,
		Open: func(c *core.Connection, query map[string][]string) dialect.Conversation {
			return open(options, c, query)
		},
		HTTP: func(mux *http.ServeMux) { (&rest{options}).register(mux) },
	}
}

// conversation translates for one connection; see [dialect.Conversation].
type conversation struct {
	o   *Options
	c   *core.Connection
	out []dialect.Frame // to be written when the present call returns

	place                                  // what a resumed session finds again
	refused    *core.Error                 // of a token that was not believed
	used       bool                        // the client has seen this connection's session
	watched    bool                        // a ping has armed the watchdog
	deadline   time.Time                   // of the watchdog
	silent     bool                        // the watchdog ended the connection
	over       bool                        // nothing is said any more
	early      []early                     // candidates that came before their offer
	invited    map[core.ParticipantID]bool // in the room, but not come yet; nil for nobody
	waiting    *task                       // the room request under way
	queue      []*request                  // room requests behind it, in order
	queueBytes int
}

// method is how one kind of request is executed.
type method struct {
	overtakes bool // does not wait for the requests before it (dossier 1.2)
	run       func(*conversation, *request)
}

// methodOf is the table of all requests there are.
func methodOf(name string) (method, bool) {
	switch name {
	case "ping":
		return method{true, (*conversation).ping}, true
	case "connect":
		return method{true, (*conversation).connect}, true
	case "closeSession":
		return method{true, (*conversation).closeSession}, true
	case "poll":
		return method{true, (*conversation).poll}, true
	case "joinRoom":
		return method{false, (*conversation).joinRoom}, true
	case "leaveRoom":
		return method{false, (*conversation).leaveRoom}, true
	case "sendMessage":
		return method{false, (*conversation).sendMessage}, true
	case "customRequest":
		return method{false, (*conversation).customRequest}, true
	case "publishVideo":
		return method{false, (*conversation).publishVideo}, true
	case "unpublishVideo":
		return method{false, (*conversation).unpublishVideo}, true
	case "receiveVideoFrom":
		return method{false, (*conversation).receiveVideoFrom}, true
	case "unsubscribeFromVideo":
		return method{false, (*conversation).unsubscribeFromVideo}, true
	case "onIceCandidate":
		return method{false, (*conversation).onIceCandidate}, true
	}
	return method{}, false
}

// task is a request whose outcome comes as an event.
type task struct {
	request  *request  // nil for the login of the connection itself
	endpoint *endpoint // being negotiated; nil for a login
	loopback bool      // the publisher wants their own media back
}

// Of requests that wait behind a slow one. A browser that enters a room of a
// hundred sends a thousand at once: an offer and some candidates for each.
const (
	mostQueued      = 4096
	mostQueuedBytes = 8 << 20
)

// Receive implements [dialect.Conversation]. Room requests are executed in the
// order of arrival, one after the other; those of the session layer overtake
// (dossier 1.2).
func (c *conversation) Receive(_ context.Context, text []byte) []dialect.Frame {
	if c.over {
		return nil
	}
	r, bad := parse(text)
	switch {
	case bad != nil && r == nil:
		c.write(encode(response{Error: &wireError{Code: bad.code, Message: bad.message}, JSONRPC: "2.0"}))
	case bad != nil:
		c.fail(r, bad)
	case r != nil:
		c.take(r)
	}
	return c.flush()
}

func (c *conversation) take(r *request) {
	m, known := methodOf(r.method)
	switch {
	case !known: // dossier 1.5: upstream says nothing
		c.fail(r, faultf(codeUnknownMethod, "Method '%s' not found", shorten(r.method)))
	case m.overtakes:
		m.run(c, r)
	case c.waiting == nil:
		c.perform(r)
	case len(c.queue) >= mostQueued || c.queueBytes+r.size > mostQueuedBytes:
		c.fail(r, faultf(codeBusy, "Too many requests are waiting"))
	default:
		c.queue = append(c.queue, r)
		c.queueBytes += r.size
	}
}

// perform executes one room request.
func (c *conversation) perform(r *request) {
	c.adopt(r)
	c.used = true
	m, _ := methodOf(r.method) // known, or it would not have been queued
	m.run(c, r)
}

// next goes on with the requests that waited.
func (c *conversation) next() {
	for c.waiting == nil && len(c.queue) > 0 && !c.over {
		r := c.queue[0]
		c.queue[0] = nil
		c.queue = c.queue[1:]
		c.queueBytes -= r.size
		c.perform(r)
	}
	if len(c.queue) == 0 {
		c.queue = nil
	}
}

// settled ends the wait for a slow request and goes on.
func (c *conversation) settled() *task {
	t := c.waiting
	c.waiting = nil
	return t
}

// abandon answers every request that was not executed to its end.
func (c *conversation) abandon() {
	if c.waiting != nil {
		t := c.settled()
		if t.endpoint != nil {
			t.endpoint.transport.Close()
		}
		if t.request != nil {
			c.fail(t.request, notInRoom(c.key()))
		}
	}
	for _, r := range c.queue {
		c.fail(r, notInRoom(c.key()))
	}
	c.queue, c.queueBytes = nil, 0
}

// end closes the connection after what was written. Only its session's end or
// return can follow.
func (c *conversation) end(code int, reason string) {
	c.abandon()
	c.out = append(c.out, dialect.End(code, reason))
	c.over = true
}

func (c *conversation) key() core.SessionKey { return c.c.Session().Key() }

func (c *conversation) write(text []byte) { c.out = append(c.out, dialect.Text(text)) }

func (c *conversation) flush() []dialect.Frame {
	out := c.out
	c.out = nil
	return out
}

// reply says a result, if the request wants one.
func (c *conversation) reply(r *request, result any) {
	if r.id != nil {
		c.write(encode(response{ID: r.id, Result: result, JSONRPC: "2.0"}))
	}
}

// done says the result of a request that returns nothing but success.
func (c *conversation) done(r *request) { c.reply(r, plainResult{c.key()}) }

// fail says an error, if the request wants a reply.
func (c *conversation) fail(r *request, f *fault) {
	if r.id == nil {
		return
	}
	e := &wireError{Code: f.code, Message: f.message, Data: f.detail}
	if f.aboutRooms() {
		e.SessionID = c.key()
	}
	c.write(encode(response{ID: r.id, Error: e, JSONRPC: "2.0"}))
}

// shorten keeps what a client sent from coming back at full length.
func shorten(s string) string {
	if len(s) <= 64 {
		return s
	}
	return s[:64] + "…"
}
