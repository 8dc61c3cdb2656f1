package openvocs

import (
	"context"
	"time"

	"switchboard/internal/core"
)

// register makes the client hear system broadcasts, also before it logs in:
// seed, dossier 2.1.
func (c *conversation) register(_ context.Context, _ *request) (any, error) {
	c.listen()
	return nothing{}, nil
}

// listen hears the broadcasts of the realm that the session is of now.
func (c *conversation) listen() {
	// No name of a directory that has a realm in front begins like this.
	system := core.DirectoryID(Name + ":" + c.session().Identity().Realm)
	if c.system == system {
		return
	}
	if c.system != "" {
		_ = c.session().Unwatch(c.system) // it is watched
	}
	c.system = ""
	if _, err := c.session().Watch(system); err == nil || core.KindOf(err) == core.Conflict {
		c.system = system
	}
}

// loginResult is the response of login and update_login.
type loginResult struct {
	ID      string `json:"id"`
	Session string `json:"session"`
}

// login lets a user in by the password or by the session id of an earlier login
// of the same client: seed, dossier 2.1.
func (c *conversation) login(_ context.Context, r *request) (any, error) {
	if _, err := c.user(); err == nil {
		return nil, errLoggedIn
	}
	user, err := r.param.text("user")
	if err != nil {
		return nil, err
	}
	password, err := r.param.text("password")
	if err != nil {
		return nil, err
	}
	if r.client == "" { // a session id is bound to it
		return nil, missing("client")
	}
	c.entering = r
	c.c.Login(core.Credentials{User: user, Password: password, Client: r.client, Key: core.LoginKey(password)})
	return nil, errLater
}

// loggedIn is the outcome of a login.
func (c *conversation) loggedIn(ctx context.Context, f core.LoginMade) {
	r := c.entering
	if r == nil {
		return
	}
	c.entering = nil
	switch {
	case f.Err == nil:
		c.client = r.client
		_ = c.session().SetStatus(encodeStatus(r.client)) // as administrators see it; it is short
		c.listen()
		c.reply(r, loginResult{f.Identity.User, string(f.Key)})
	case f.Err.Kind == core.Denied:
		c.fail(r, errWrong)
	case f.Err.Kind == core.Unavailable && f.Err.Subject == core.AboutLimit:
		c.fail(r, errThrottled)
	default:
		c.fail(r, f.Err)
	}
	c.goOn(ctx)
}

// updateLogin makes a session id good for its full time again: seed, dossier
// 2.1. The seed prints it where authorize is meant.
func (c *conversation) updateLogin(ctx context.Context, r *request) (any, error) {
	if r.param.value("session") == nil && r.param.value("role") != nil {
		return c.authorize(ctx, r)
	}
	user, err := r.param.text("user")
	if err != nil {
		return nil, err
	}
	session, err := r.param.text("session")
	if err != nil {
		return nil, err
	}
	if r.client == "" {
		return nil, missing("client")
	}
	err = c.c.RenewLogin(ctx, user, r.client, core.LoginKey(session))
	if core.KindOf(err) == core.Denied {
		return nil, errExpired
	}
	return loginResult{user, session}, err
}

// logout makes the client's session id void and ends the connection, which is
// what the client waits for: seed, dossier 2.1.
func (c *conversation) logout(ctx context.Context, r *request) (any, error) {
	client := r.client
	if client == "" {
		client = c.client
	}
	if err := c.c.Logout(ctx, client); err != nil {
		return nil, err
	}
	c.reply(r, nothing{})
	c.end(1000, "logged out")
	return nil, errLater
}

// authorize makes the client act in a role: dossier 2.1.
func (c *conversation) authorize(_ context.Context, r *request) (any, error) {
	id, err := c.user()
	if err != nil {
		return nil, err
	}
	if id.Role != "" {
		return nil, errRoleChosen
	}
	role, err := r.param.text("role")
	if err != nil {
		return nil, err
	}
	if c.session().Act(role) != nil {
		return nil, errWrong
	}
	return struct {
		ID string `json:"id"`
	}{role}, nil
}

// broadcast tells every client of the realm something: dossier 2.6. It is said
// under the uuid and the client of the request.
func (c *conversation) broadcast(ctx context.Context, r *request) (any, error) {
	if err := c.administrates(ctx); err != nil {
		return nil, err
	}
	kind, err := r.param.text("type")
	if err != nil {
		return nil, err
	}
	parameter := map[string]string{"type": kind}
	switch kind {
	case "page_update":
	case "server_switch":
		if parameter["server"], err = r.param.text("server"); err != nil {
			return nil, err
		}
	default:
		return nil, missing("type")
	}
	c.listen()
	said := encode(struct {
		Event     string `json:"event"`
		UUID      any    `json:"uuid"`
		Client    string `json:"client"`
		Type      string `json:"type"`
		Parameter any    `json:"parameter"`
	}{r.event, r.said(), c.client, systemBroadcast, parameter})
	if err := c.session().Announce(c.system, said); err != nil {
		return nil, err
	}
	return nothing{}, c.session().Withdraw(c.system)
}

// said is the request's uuid, or a new one if it has none.
func (r *request) said() any {
	if r.uuid == nil {
		return newUUID()
	}
	return r.uuid
}

// Deadline implements [dialect.Conversation]: nothing here waits for time to
// pass.
func (c *conversation) Deadline() time.Time { return time.Time{} }
