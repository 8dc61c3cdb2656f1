// Package omikron speaks the protocol of the Omikron of Tensamin: clients and
// their home servers, called Iotas, meet here; messages are relayed between
// them, presence is told, and call groups are signalled. JSON over WebSockets at
// /ws/client/, /ws/iota/ and /ws/call/.
//
// It owns spellings, envelopes and identification. Who is served by whom, who
// is there, and what waits for an answer is the core's [core.Exchange]; a call
// group is a room. A conversation belongs to its connection's loop and has no
// lock, goroutine or timer. The package must not know sockets, storage or other
// dialects.
//
// Comments name the sections they come from: "seed" is the published protocol
// document, "dossier N.M" the notes on what its peers really do. README.md has
// the mapping and the places where the two differ.
package omikron

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Name is the dialect's name.
const Name = "omikron"

// Directory knows users and Iotas. Its methods may be slow and are called by
// any goroutine. Their errors are [core.Error]s of kind Denied (a wrong proof),
// NotFound (no such user or Iota) and Unavailable (cannot tell now).
type Directory interface {
	// Resident returns the user, whose private_key_hash is proven: 64 hex digits
	// in lower case.
	Resident(ctx context.Context, user string, p Proof) (Resident, error)
	// Housed returns those of the users whose Iota this is. Iotas that nobody
	// knows have none. Denied: the Iota has a secret, and that is not proven; or
	// it has none, and another is.
	Housed(ctx context.Context, iota string, p Proof, users []string) ([]string, error)
	// Salt returns what the secret of a user, or else of an Iota, is mixed with
	// in the answer to a challenge. Invalid: there is nothing to answer with.
	Salt(ctx context.Context, user, iota string) (string, error)
}

// Guard slows down who guesses secrets.
type Guard interface {
	// Try calls try unless there were too many wrong secrets for this name or
	// from this address; then it fails with Unavailable. Denied and NotFound of
	// try's count as wrong.
	Try(name string, from netip.Addr, try func() error) error
}

// Resident is a user as the directory knows them.
type Resident struct {
	User string // UUID
	Name string
	Iota string // UUID of the Iota that serves the user; told to nobody
}

// Options are what the dialect needs. Hub, Exchange and Directory must be given.
type Options struct {
	Hub       *core.Hub
	Exchange  *core.Exchange
	Directory Directory
	// Realm is whose rooms call groups are; the default realm.
	Realm string
	// Linger is how long an empty call group stays, with its secret, for those
	// who come back; not at all.
	Linger time.Duration
	// Media says who carries the media of call groups that have no secret, between
	// clients and members who came by another protocol.
	Media core.MediaPolicy
	// MostMembers bounds a call group; 32, since everybody sends to everybody.
	MostMembers int
	// MessageBytes bounds one message; the server's limit.
	MessageBytes int
	// LegacyClients lets clients identify, and edit what the directory has of them,
	// by the hash of their private key, and LegacyIotas Iotas by their id alone, as
	// all of 2025 do.
	LegacyClients, LegacyIotas bool
	// Guard is asked before any secret is looked at; nil lets anybody try.
	Guard Guard
	// Registration lets Iotas make users by HTTP.
	Registration bool
	// Passkeys lets people sign in by passkey; nil does not offer that.
	Passkeys Passkeys
	// Origin tells whether a page from this Origin may ask the embedded directory
	// of this Host; nil lets none.
	Origin func(origin, host string) bool
	// Remote tells from where a request comes; nil is nobody knows.
	Remote func(*http.Request) netip.Addr
}

// try asks the guard.
func (o *Options) try(name string, from netip.Addr, try func() error) error {
	if o.Guard == nil {
		return try()
	}
	return o.Guard.Try(name, from, try)
}

// New makes the dialects of the three sockets.
func New(o Options) []dialect.Dialect {
	if o.Realm == "" {
		o.Realm = core.DefaultRealm
	}
	if o.MostMembers == 0 {
		o.MostMembers = 32
	}
	made := func(path string, side func(*line) side) dialect.Dialect {
		return dialect.Dialect{Name: Name, Paths: []string{path}, MessageBytes: o.MessageBytes,
			Open: func(c *core.Connection, _ map[string][]string) dialect.Conversation {
				l := &line{o: &o, c: c, heard: time.Now()}
				l.side = side(l)
				return l
			}}
	}
	all := []dialect.Dialect{
		made("/ws/client/", func(l *line) side { return &client{line: l} }),
		made("/ws/iota/", func(l *line) side { return &iotaSide{line: l} }),
		made("/ws/call/", func(l *line) side { return &caller{line: l} }),
	}
	if d, ours := o.Directory.(*Embedded); ours {
		all[0].HTTP = (&web{&o, d}).register
	}
	return all
}

// side is what differs between the three sockets.
type side interface {
	// identify reads who somebody wants to be, or refuses that. challenged says
	// that the secret is proven by answering a challenge.
	identify(m *message, challenged bool) (c claim, refusal []dialect.Frame)
	// identified takes part, now that it is true; false if that was refused.
	identified(m *message) (reply []dialect.Frame, ok bool)
	// receive takes a message of somebody identified.
	receive(m *message) []dialect.Frame
	// notify turns an event into messages, for somebody identified.
	notify(e *core.Event) []dialect.Frame
	// closed gives up what identified took.
	closed()
}

// Bounds of what somebody can do before they are known, or when they send
// nonsense.
const (
	mostEarly      = 64
	mostEarlyBytes = 256 << 10
	mostBroken     = 16
	mostRefused    = 10
	silentFor      = 30 * time.Second
)

// line is the conversation of one connection, on whichever socket.
type line struct {
	o    *Options
	c    *core.Connection
	side side

	known   bool     // identified
	asking  *message // an identification that is being looked at
	puzzle  *puzzle  // the challenge that waits for its answer, if any
	early   [][]byte // messages that wait for it
	bytes   int      // of early
	broken  int      // messages that are none
	refused int      // identifications
	heard   time.Time
	over    bool // nothing is said any more
}

// Receive implements [dialect.Conversation].
func (l *line) Receive(_ context.Context, b []byte) []dialect.Frame {
	if !l.known {
		l.heard = time.Now()
	}
	switch {
	case l.over:
		return nil
	case l.asking != nil:
		return l.wait(b)
	}
	return l.execute(b)
}

// wait keeps a message until it is known who sent it.
func (l *line) wait(b []byte) []dialect.Frame {
	l.bytes += len(b)
	if len(l.early) == mostEarly || l.bytes > mostEarlyBytes {
		return l.end(1008, "too many messages before the reply to the identification")
	}
	l.early = append(l.early, b)
	return nil
}

// execute does what one message asks. Whoever is not identified hears nothing
// but the reply to an identification (seed; Iotas rely on it, dossier 4.2).
func (l *line) execute(b []byte) []dialect.Frame {
	m, ok := read(b)
	switch {
	case !ok:
		if l.broken++; l.broken >= mostBroken {
			return l.end(1007, "messages are JSON objects with a type")
		}
		return nil
	case l.known && m.kind == "identification": // not for relaying, and once is enough
		return nil
	case l.known:
		return l.side.receive(m)
	case m.kind == "identification":
		return l.identify(m)
	case m.kind == "challenge_response" && l.puzzle != nil:
		return l.answered(m)
	}
	return nil
}

// refuse says that an identification failed; the connection stays open for
// another one, a few times.
func (l *line) refuse(why []dialect.Frame) []dialect.Frame {
	if l.refused++; l.refused >= mostRefused {
		return append(why, l.end(1008, "too many failed identifications")...)
	}
	return why
}

// proven is the outcome of an identification, or of looking for a challenge.
func (l *line) proven(f core.LoginMade) []dialect.Frame {
	m := l.asking
	if m == nil || l.over {
		return nil
	}
	l.asking = nil
	var out []dialect.Frame
	switch {
	case f.Err != nil:
		out, l.puzzle = l.refuse([]dialect.Frame{l.refusal(m, f.Err)}), nil
	case l.puzzle != nil && !l.puzzle.answered:
		out = []dialect.Frame{l.puzzle.pose(m)}
	default:
		l.puzzle = nil
		if out, l.known = l.side.identified(m); !l.known {
			out = l.refuse(out)
		}
	}
	for len(l.early) > 0 && l.asking == nil && !l.over {
		b := l.early[0]
		l.early = l.early[1:]
		out = append(out, l.execute(b)...)
	}
	if len(l.early) == 0 {
		l.early, l.bytes = nil, 0
	}
	return out
}

// refusal is the reply to an identification that failed: the specific type, for
// which clients have texts (dossier 4.3).
func (l *line) refusal(m *message, err error) dialect.Frame {
	kind, level := "error", int64(2) // the caller's mistake (dossier 2.2)
	switch {
	case core.KindOf(err) == core.Unavailable:
		level = 0 // for now
	case core.KindOf(err) == core.Denied && l.puzzle != nil:
		kind = "error_invalid_challenge"
	case core.KindOf(err) == core.NotFound:
		kind = "error_invalid_user_id"
	case about(err) == core.AboutValue:
		kind = "error_invalid_secret"
	case core.KindOf(err) == core.Denied:
		kind = "error_invalid_private_key"
	}
	return reply(m, kind, err.Error(), level)
}

func about(err error) core.Subject {
	var e *core.Error
	if errors.As(err, &e) {
		return e.Subject
	}
	return core.AboutRequest
}

// Notify implements [dialect.Conversation].
func (l *line) Notify(_ context.Context, e *core.Event) []dialect.Frame {
	switch f := e.Fact.(type) {
	case core.LoginMade:
		return l.proven(f)
	case core.SessionEnded:
		return l.ended(f.Reason)
	}
	if !l.known || l.over {
		return nil
	}
	return l.side.notify(e)
}

func (l *line) ended(why core.Reason) []dialect.Frame {
	switch why {
	case core.ReasonShutdown:
		return l.end(1001, "the server is stopping")
	case core.ReasonHomeGone:
		return l.end(1001, "the Iota is gone")
	case core.ReasonReplaced:
		return l.end(1000, "replaced by another connection")
	}
	return l.end(1008, string(why))
}

func (l *line) end(code int, why string) []dialect.Frame {
	if l.over {
		return nil
	}
	l.over = true
	return []dialect.Frame{dialect.End(code, why)}
}

// Deadline implements [dialect.Conversation]: who never says who they are, and
// nothing else, is not kept.
func (l *line) Deadline() time.Time {
	if l.known || l.over || l.asking != nil {
		return time.Time{}
	}
	return l.heard.Add(silentFor)
}

// Expire implements [dialect.Conversation].
func (l *line) Expire(context.Context, time.Time) []dialect.Frame {
	return l.end(1008, "nobody has identified here")
}

// Closed implements [dialect.Conversation].
func (l *line) Closed(dialect.Closure) {
	l.over = true
	if l.known {
		l.side.closed()
	}
}

// hash reads a private_key_hash: 64 hex digits (dossier 3.2).
func hash(m *message) string {
	h := m.text("private_key_hash")
	if len(h) != 64 {
		return ""
	}
	b := []byte(h)
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			b[i] = c + 'a' - 'A'
		default:
			return ""
		}
	}
	return string(b)
}
