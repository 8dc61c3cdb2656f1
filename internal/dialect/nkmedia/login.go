package nkmedia

import (
	"time"

	"switchboard/internal/core"
)

// login is a login under way.
type login struct {
	q       *request
	resume  string     // the connection that the client wants to go on with
	waiting []*request // sent before the outcome is known
}

// Of logins that fail: each is answered later than the one before, and at last
// not at all (dossier 1.5, 9.4).
const (
	firstDelay  = 100 * time.Millisecond
	mostTries   = 10
	mostWaiting = 256 // requests behind a login
)

func loginCommands() map[string]command {
	c := command{open: true, run: (*conversation).logIn, fields: join(must(textField("user")),
		fieldsOf(textForm, "pass", "password", "token", "generation", "codes"), fieldsOf(anyForm, "session_id", "meta"))}
	return map[string]command{"core/user/login": c, "core/core/login": c}
}

// logIn proves who the client is: dossier 1.5.
func (c *conversation) logIn(q *request, v values) {
	if c.user != "" {
		c.fail(q, faultOf("already_authenticated"))
		return
	}
	c.speak(v.text("generation", "codes"))
	c.ack(q)
	c.login = &login{q: q}
	if id, ok := asWord(orNull(v.raw("session_id"))); ok {
		c.login.resume = id
	}
	c.c.Login(core.Credentials{Token: v.text("token"), User: v.text("user"), Password: v.text("password", "pass")})
}

func orNull(raw []byte) []byte {
	if len(raw) == 0 {
		return []byte("null")
	}
	return raw
}

// queue keeps a request until the login is over.
func (c *conversation) queue(q *request) {
	if len(c.login.waiting) >= mostWaiting {
		c.fail(q, faultOf("limit_reached", "too many requests wait for the login"))
		return
	}
	c.login.waiting = append(c.login.waiting, q)
}

// loginMade is the outcome.
func (c *conversation) loginMade(f core.LoginMade) {
	l := c.login
	switch {
	case l == nil:
	case f.Err != nil:
		c.clock.set(firstDelay<<c.failures, func(c *conversation) { c.refused(f.Err) })
		c.failures++
	default:
		c.loggedIn(f.Identity)
	}
}

// refused answers a failed login after its delay.
func (c *conversation) refused(err *core.Error) {
	f := faultOf("unauthorized")
	if err.Kind != core.Denied {
		f = coreFault(err)
	}
	c.fail(c.login.q, f)
	c.loginOver()
	if c.failures >= mostTries {
		c.end(1008, "too many failed logins")
	}
}

func (c *conversation) loggedIn(id core.Identity) {
	resumed := false
	if l := c.login; l.resume != "" && c.c.ResumeOwn(sessionIDOf(l.resume)) == nil {
		resumed = true
		c.takeUp()
	}
	c.user, c.admin = id.User, id.Admin
	c.reply(c.login.q, object{"session_id": c.self(), "user_id": c.user})
	for _, s := range []subscription{
		{class: coreClass, sub: "user_event", typ: anything, id: c.user}, {class: coreClass, sub: "session_event", typ: anything, id: c.self()}} {
		_ = c.subscribe(s) // the first ones are within every limit
	}
	if c.o.PingInterval > 0 {
		c.ping()
	}
	if resumed {
		c.catchUp()
	}
	c.loginOver()
}

// loginOver goes on with the requests that waited.
func (c *conversation) loginOver() {
	waiting := c.login.waiting
	c.login = nil
	for _, q := range waiting {
		if c.over {
			return
		}
		c.take(q)
	}
}

// ping asks whether the client is there: dossier 1.4.
func (c *conversation) ping() {
	c.ask(serverRequest{Class: coreClass, Cmd: "ping", Data: object{"time": int(c.o.PingInterval.Seconds())}}, func(c *conversation, a *reply) {
		if a == nil {
			c.end(1008, "a ping was not replied to in time")
		}
	})
	c.clock.set(c.o.PingInterval, (*conversation).ping)
}
