// Package dialect is the contract of the protocols that clients speak: a
// [Dialect] opens a [Conversation] for each connection, which translates bytes
// to verbs of the core and events of the core to bytes, and does nothing else.
//
// A conversation has no goroutine, lock, timer or socket of its own. One
// goroutine at a time calls it, and time reaches it as data: it names a
// deadline and is told when that has passed. The package must not know any
// particular protocol.
package dialect

import (
	"context"
	"net/http"
	"time"

	"switchboard/internal/core"
)

// Dialect is the value that a protocol's folder exports; app lists them.
type Dialect struct {
	// Name is the protocol's name in configuration, logs and metrics.
	Name string
	// Paths are the URL paths at which it is spoken, for example "/room".
	Paths []string
	// Open starts a conversation for a new connection, whose session begins as
	// a guest. query is the URL query of the connection's request.
	Open func(c *core.Connection, query map[string][]string) Conversation
	// HTTP registers further routes of the protocol; may be nil.
	HTTP func(mux *http.ServeMux)
	// Limits of this protocol's connections; zero values take the server's.
	MessageBytes int
	// Binary accepts messages in binary frames too, for protocols whose clients
	// send text that way; others are ended with 1003.
	Binary bool
}

// Conversation translates for one connection. The connection's loop is the only
// one to call it.
type Conversation interface {
	// Receive takes one inbound message, calls verbs, and returns what to write.
	// Frames returned here leave before those of events that the verbs caused.
	Receive(ctx context.Context, msg []byte) []Frame
	// Notify turns one event into outbound messages, often none.
	Notify(ctx context.Context, e *core.Event) []Frame
	// Deadline is when Expire wants to be called; the zero time is never. It is
	// asked after every call of the other methods.
	Deadline() time.Time
	// Expire tells that the deadline has passed. now is not before it.
	Expire(ctx context.Context, now time.Time) []Frame
	// Closed tells that the connection is gone and how; nothing can be written
	// any more. It is the last call. The conversation says here how long its
	// session may wait for a new connection, by [core.Connection.Detach], or
	// does nothing, and the session ends.
	Closed(how Closure)
}

// Greeter is implemented by conversations that speak first.
type Greeter interface {
	// Greet returns what to write before anything is received.
	Greet(ctx context.Context) []Frame
}

// Frame is one thing to do on the connection: write a text message, or close.
type Frame struct {
	// Text is a message to write; it is not changed after it was returned and
	// may be shared between connections.
	Text []byte
	// Close, when set, ends the connection after everything before it was
	// written.
	Close *Close
}

// Close says how to end a connection (RFC 6455 section 7.4).
type Close struct {
	Code   int
	Reason string // at most 123 bytes
}

// Text makes a frame of one message.
func Text(b []byte) Frame { return Frame{Text: b} }

// End makes a frame that closes the connection.
func End(code int, reason string) Frame { return Frame{Close: &Close{Code: code, Reason: reason}} }

// Closure says how a connection ended.
type Closure struct {
	// Clean is true when the peer said goodbye: a close frame with 1000, 1001 or
	// no code, or we closed.
	Clean bool
	// Code is the peer's close code, 1005 without one, 1006 when the connection
	// broke (RFC 6455 section 7.1.5).
	Code int
}
