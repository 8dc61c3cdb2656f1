// Package openvocs speaks the protocol of openvocs, voice loops for operations
// rooms: JSON events over a WebSocket at /api, for the voice client and the
// administrators' client alike.
//
// It owns what only this protocol has: the envelope with its uuid and client
// id, who is told of what under which scope, the order of broadcasts and
// replies, and the shapes of domains, projects, roles and loops. A conversation
// belongs to its connection's loop and has no lock, goroutine or timer. The
// package must not know sockets, media engines, databases or other dialects.
//
// Comments name the sections they come from: "seed" is the published client
// API, "dossier N.M" the notes on what its clients and their server really do.
// README.md has the mapping and the places where the two differ.
package openvocs

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// Name is the dialect's name.
const Name = "openvocs"

// mostMessageBytes is the longest message of a client: an update of a large
// project has all its roles with their layouts in it (dossier 1.2).
const mostMessageBytes = 8 << 20

// Options are what the dialect needs. Hub must be given.
type Options struct {
	Hub *core.Hub
	Log *slog.Logger // of loops that cannot be heard; the default discards

	// Static is an operator's copy of the web client, which is served with the
	// scripts that configure it; nil serves none (dossier 9).
	Static fs.FS
	// Version is what the client shows as the server's.
	Version string
	// Servers are further servers that the web client logs in to, for when this
	// one cannot be reached: URLs such as wss://backup.example (dossier 3.5).
	Servers []string
	// PushToTalk makes the web client's button work while it is held; otherwise
	// it mutes and unmutes. MultiTalk lets users talk in several loops at once.
	PushToTalk, MultiTalk bool
}

// New makes the dialect.
func New(o Options) dialect.Dialect {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return dialect.Dialect{
		Name:         Name,
		Paths:        []string{"/api"},
		MessageBytes: mostMessageBytes,
		Open: func(c *core.Connection, _ map[string][]string) dialect.Conversation {
			return &conversation{o: &o, c: c}
		},
		HTTP: func(mux *http.ServeMux) { serve(mux, &o) },
	}
}

// conversation translates for one connection; see [dialect.Conversation].
type conversation struct {
	o    *Options
	c    *core.Connection
	out  []dialect.Frame // to be written when the present call returns
	over bool            // nothing is said any more

	client     string   // of the login: names the browser tab; empty before
	entering   *request // a login that is being looked at
	queue      []*request
	queueBytes int

	loops   map[string]*loop // of the role, by id; nil before they are asked for
	pressed bool             // push-to-talk was used: it is on only while it is pressed
	line    *line            // the media connection; nil before it is asked for
	system  core.DirectoryID // whose broadcasts are heard; empty for none
}

// event is how one kind of request is executed. Handlers return what is to be
// replied, or errLater when they do so themselves.
type event func(*conversation, context.Context, *request) (any, error)

// errLater says that the reply comes with an event.
var errLater = faultOf(0, "later")

// nothing is the response of requests that return no more than success.
type nothing struct{}

// eventOf is the table of all requests there are, under the seed's names and
// those of real clients (dossier 10).
func eventOf(name string) event {
	switch name {
	case "register":
		return (*conversation).register
	case "login", "authenticate":
		return (*conversation).login
	case "update_login":
		return (*conversation).updateLogin
	case "logout":
		return (*conversation).logout
	case "authorize", "authorise":
		return (*conversation).authorize
	case "broadcast":
		return (*conversation).broadcast
	case "media":
		return (*conversation).media
	case "candidate":
		return (*conversation).candidate
	case "end_of_candidates":
		return (*conversation).endOfCandidates
	case "role_loops":
		return (*conversation).roleLoops
	case "switch_loop_state", "switch_state":
		return (*conversation).switchState
	case "switch_loop_volume", "switch_volume":
		return (*conversation).switchVolume
	case "talking", "switch_ptt":
		return (*conversation).talking
	case "user_roles":
		return (*conversation).userRoles
	case "get_keyset_layout":
		return (*conversation).keysetLayout
	case "set_keyset_layout":
		return (*conversation).setKeysetLayout
	case "get_user_data":
		return (*conversation).userData
	case "set_user_data":
		return (*conversation).setUserData
	}
	if e := lineEvent(name); e != nil {
		return e
	}
	if e := monitorEvent(name); e != nil {
		return e
	}
	return adminEvent(name)
}

const (
	// mostBeforeLogin is the longest message of somebody who is not logged in.
	mostBeforeLogin = 64 << 10
	// mostQueued requests of mostQueuedBytes wait for a login.
	mostQueued      = 256
	mostQueuedBytes = 1 << 20
)

// Receive implements [dialect.Conversation].
func (c *conversation) Receive(ctx context.Context, text []byte) []dialect.Frame {
	if c.over {
		return nil
	}
	if id := c.session().Identity(); id.User == "" && len(text) > mostBeforeLogin { // not worth reading
		c.fail(&request{}, errTooLarge)
		return c.flush()
	}
	r, ok := parse(text)
	switch {
	case !ok: // dossier 1.2: text that is no JSON ends the connection
		c.fail(&request{}, errNotObject)
		c.end(1003, "messages are JSON objects")
	case c.entering == nil:
		c.execute(ctx, r)
	case len(c.queue) >= mostQueued || c.queueBytes+r.size > mostQueuedBytes:
		c.fail(r, errTooMany)
	default:
		c.queue = append(c.queue, r)
		c.queueBytes += r.size
	}
	return c.flush()
}

// execute does what one message asks. Every message is answered, since a client
// waits for its reply for ever (dossier 1.5), and no error ends the connection.
func (c *conversation) execute(ctx context.Context, r *request) {
	do := eventOf(r.event)
	if do == nil {
		c.fail(r, errNoEvent)
		return
	}
	response, err := do(c, ctx, r)
	switch {
	case err == nil:
		c.reply(r, response)
	case err != errLater:
		c.fail(r, err)
	}
}

// goOn executes what waited for the login.
func (c *conversation) goOn(ctx context.Context) {
	for c.entering == nil && len(c.queue) > 0 && !c.over {
		r := c.queue[0]
		c.queue[0] = nil
		c.queue, c.queueBytes = c.queue[1:], c.queueBytes-r.size
		c.execute(ctx, r)
	}
	if len(c.queue) == 0 {
		c.queue = nil
	}
}

// reply answers a request after everything it has caused was told (dossier 1.7:
// broadcasts before the reply), but before what came of an import that it began.
func (c *conversation) reply(r *request, response any) {
	var outcomes []*core.Event
	for _, e := range c.c.Take(nil) {
		if _, ok := e.Fact.(core.UsersImported); ok {
			outcomes = append(outcomes, e)
		} else {
			c.handle(e)
		}
	}
	c.write(encode(c.answer(r, response)))
	for _, e := range outcomes {
		c.handle(e)
	}
}

// fail answers a request with an error. response is an object there too
// (dossier 1.5).
func (c *conversation) fail(r *request, err error) {
	f := say(err)
	response := f.response
	if response == nil {
		response = nothing{}
	}
	a := c.answer(r, response)
	a.Error = &wireError{f.code, f.text}
	c.write(encode(a))
}

func (c *conversation) answer(r *request, response any) reply {
	client := r.client
	if client == "" {
		client = c.client
	}
	return reply{Event: r.event, UUID: r.uuid, Client: client, Type: unicast, Version: r.version, Request: r.echo(), Response: response}
}

// end closes the connection after what was written.
func (c *conversation) end(code int, reason string) {
	for _, r := range c.queue {
		c.fail(r, errNotLoggedIn)
	}
	c.queue, c.queueBytes = nil, 0
	if !c.over {
		c.out = append(c.out, dialect.End(code, reason))
	}
	c.over = true
}

func (c *conversation) write(text []byte) {
	if !c.over {
		c.out = append(c.out, dialect.Text(text))
	}
}

func (c *conversation) push(event string, parameter any) {
	c.write(encodePush(event, unicast, parameter))
}

func (c *conversation) flush() []dialect.Frame {
	out := c.out
	c.out = nil
	return out
}

func (c *conversation) session() *core.Session { return c.c.Session() }

// user returns who is logged in.
func (c *conversation) user() (core.Identity, error) {
	id := c.session().Identity()
	if id.User == "" {
		return id, errNotLoggedIn
	}
	return id, nil
}

// actor returns who is logged in and acts in a role.
func (c *conversation) actor() (core.Identity, error) {
	id, err := c.user()
	if err == nil && id.Role == "" {
		err = errNoRole
	}
	return id, err
}

// Closed implements [dialect.Conversation]. The session ends with its
// connection; the others are told what that means for the loops (dossier 3.3).
func (c *conversation) Closed(dialect.Closure) { c.over = true }

// Expire implements [dialect.Conversation].
func (c *conversation) Expire(context.Context, time.Time) []dialect.Frame { return nil }
