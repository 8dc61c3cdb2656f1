// Package calling speaks the protocol of rtc-lib: people in namespaces, rooms whose
// members exchange opaque messages, and invitations; JSON over a WebSocket at
// /signaling.
//
// It owns what only this protocol has: transaction ids, invitation handles, the
// merging of a person's global status with that of a room, the two sets of
// event names. A conversation belongs to its connection's loop and has no lock,
// goroutine or timer. The package must not know sockets, media engines or other
// dialects.
//
// Comments name the sections they come from: "seed" is the published protocol
// document, "dossier N.M" the notes on what its clients and their server really
// do. README.md has the mapping and the places where the two differ.
package calling

import (
	"context"
	"strings"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Name is the dialect's name.
const Name = "calling"

// Options are what the dialect needs. Hub must be given; other zero values take
// the defaults named.
type Options struct {
	Hub *core.Hub
	// Server is what the server calls itself in its greeting; "switchboard".
	Server string
	// Linger is how long a room stays, with its status, when its last peer has
	// left; 10 minutes. Negative closes it at once.
	Linger time.Duration
	// Listing is who may register a room in a namespace and unregister it,
	// Inviting who may invite into it, in rooms that this dialect opens. The
	// zero value, anybody, is what clients expect.
	Listing, Inviting core.Circle
	// Media says who carries the media of rooms that this dialect opens. The
	// zero value leaves it to the clients, from one to the other; no server
	// sees it then.
	Media core.MediaPolicy
}

func (o Options) withDefaults() *Options {
	if o.Server == "" {
		o.Server = "switchboard"
	}
	if o.Linger == 0 {
		o.Linger = 10 * time.Minute
	}
	o.Linger = max(o.Linger, 0)
	return &o
}

// policy is what rooms are like that this dialect opens.
func (o *Options) policy() *core.Policy {
	return &core.Policy{Media: o.Media, Members: core.PermitTalk, Guests: core.PermitTalk, Linger: o.Linger,
		Listing: o.Listing, Inviting: o.Inviting}
}

// New makes the dialect.
func New(o Options) dialect.Dialect {
	options := o.withDefaults()
	return dialect.Dialect{
		Name:   Name,
		Paths:  []string{"/signaling"},
		Binary: true, // dossier 1: JSON in binary frames is accepted
		Open: func(c *core.Connection, query map[string][]string) dialect.Conversation {
			return open(options, c, query)
		},
	}
}

// conversation translates for one connection; see [dialect.Conversation].
type conversation struct {
	o     *Options
	c     *core.Connection
	names names
	early *early // requests that wait for a login; nil when none is under way
	over  bool   // nothing is said any more

	status      []byte  // the global one, as it was set; nil: none yet
	entries     []entry // rooms and registrations, in the order of entering
	watched     []core.DirectoryID
	invitations []invitation // those that are open, sent and received
	handles     int64        // given out so far (dossier 2.12)

	next []dialect.Frame // to be said after the answer

	clock clock
}

// names says under which names events go out that have two (dossier 6): the
// seed's and those that clients in the field know.
type names uint8

const (
	bothNames names = iota
	clientNames
	seedNames
)

func namesOf(query map[string][]string) names {
	switch first(query["names"]) {
	case "client":
		return clientNames
	case "seed":
		return seedNames
	}
	return bothNames
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// early holds what a client asks while its token is being looked at, which is
// before it has been greeted.
type early struct {
	messages [][]byte
	bytes    int
}

const (
	mostEarly      = 64
	mostEarlyBytes = 256 << 10
)

func open(o *Options, c *core.Connection, query map[string][]string) *conversation {
	v := &conversation{o: o, c: c, names: namesOf(query)}
	if token := first(query["token"]); token != "" {
		c.Login(core.Credentials{Token: token})
		v.early = &early{}
	}
	return v
}

// Greet implements [dialect.Greeter]: dossier 1.1. Who shows a token is greeted
// when it has been looked at.
func (c *conversation) Greet(context.Context) []dialect.Frame {
	if c.early != nil {
		return nil
	}
	return []dialect.Frame{c.hello()}
}

func (c *conversation) hello() dialect.Frame {
	return dialect.Text(hello(c.self(), c.o.Server))
}

// self is the id under which others know the client.
func (c *conversation) self() string { return string(c.c.Session().ID()) }

// Receive implements [dialect.Conversation].
func (c *conversation) Receive(_ context.Context, text []byte) []dialect.Frame {
	switch {
	case c.over:
		return nil
	case c.early != nil:
		return c.wait(text)
	}
	c.clock.heard()
	out := c.execute(text)
	c.clock.said(out)
	return out
}

// wait keeps a request until the token was looked at.
func (c *conversation) wait(text []byte) []dialect.Frame {
	c.early.bytes += len(text)
	if len(c.early.messages) == mostEarly || c.early.bytes > mostEarlyBytes {
		return c.end(1008, "too many requests before the greeting")
	}
	c.early.messages = append(c.early.messages, text)
	return nil
}

// loggedIn is the outcome of the login that a token in the URL began.
func (c *conversation) loggedIn(f core.LoginMade) []dialect.Frame {
	if c.early == nil {
		return nil
	}
	if f.Err != nil {
		return append([]dialect.Frame{dialect.Text(complaint(sentence(f.Err)))}, c.end(1008, "the token is not valid")...)
	}
	waiting := c.early.messages
	c.early = nil
	out := []dialect.Frame{c.hello()}
	for _, text := range waiting {
		if !c.over {
			out = append(out, c.execute(text)...)
		}
	}
	return out
}

// execute does what one message asks. What is no JSON, or null, ends the
// connection after saying so (dossier 1.6); anything else does not.
func (c *conversation) execute(text []byte) []dialect.Frame {
	var m message
	k, ok := m.decode(text)
	switch {
	case !ok || k == null:
		return append([]dialect.Frame{dialect.Text(complaint("Invalid JSON"))}, c.end(1007, "messages are JSON objects")...)
	case k != object:
		return say(complaint(string(noTID)))
	}
	tid := m.get(fTID)
	data, err := c.perform(&m)
	var out []dialect.Frame
	switch {
	case tid.given() && err != nil:
		out = say(refusal(tid.raw, sentence(err)))
	case tid.given():
		out = say(answer(tid.raw, data))
	case err == noType || err == unknownCommand:
		out = say(complaint(string(noTID)))
	} // seed: any other request without an id is executed and not answered
	if c.next != nil {
		out, c.next = append(out, c.next...), nil
	}
	return out
}

func say(text []byte) []dialect.Frame { return []dialect.Frame{dialect.Text(text)} }

// perform checks a request in the order of dossier 2.1 and executes it.
func (c *conversation) perform(m *message) ([]byte, error) {
	name := m.get(fType)
	if !name.given() {
		return nil, noType
	}
	if name.kind != text {
		return nil, unknownCommand
	}
	r, known := requestOf(name.bytes())
	if !known {
		return nil, unknownCommand
	}
	if err := m.check(r.fields); err != nil {
		return nil, err
	}
	return r.do(c, m)
}

// end closes the connection; with it the session ends.
func (c *conversation) end(code int, reason string) []dialect.Frame {
	c.over = true
	return []dialect.Frame{dialect.End(code, reason)}
}

// Closed implements [dialect.Conversation]. The session ends with its
// connection: clients of this protocol never come back to it (dossier 3.1).
func (c *conversation) Closed(dialect.Closure) { c.over = true }

// realm is whose rooms and namespaces the client is among.
func (c *conversation) realm() string {
	if id := c.c.Session().Identity(); id.Realm != "" {
		return id.Realm
	}
	return core.DefaultRealm
}

// roomID says which room the client means. Here a room may have the empty name,
// in the core it may not: names of nothing but tildes are one tilde longer there.
func (c *conversation) roomID(name string) core.RoomID {
	if strings.Trim(name, "~") == "" {
		name += "~"
	}
	return core.NewRoomID(c.realm(), name)
}

// roomName is the reverse of roomID.
func roomName(id core.RoomID) string {
	name := id.Name()
	if strings.Trim(name, "~") == "" {
		return name[:len(name)-1]
	}
	return name
}

// directory says which directory the client means by a namespace.
func (c *conversation) directory(namespace string) core.DirectoryID {
	return core.DirectoryID(c.realm() + "/" + namespace)
}

// namespaceOf is the reverse of directory.
func namespaceOf(id core.DirectoryID) string {
	_, name, _ := strings.Cut(string(id), "/")
	return name
}
