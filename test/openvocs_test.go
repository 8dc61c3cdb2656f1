package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/app"
	"switchboard/internal/auth"
	"switchboard/internal/auth/ldaptest"
	"switchboard/internal/config"
	"switchboard/internal/core"
	"switchboard/internal/media/mediatest"
	"switchboard/internal/store/demo"
)

// console is a client of the openvocs dialect on a socket of its own.
type console struct {
	*websocket.Conn
	client  string // names the browser tab
	session string // what logs it in again
	asked   int
}

// openConsole connects a console to a server that serves pages at page.
func openConsole(t *testing.T, page, client string) *console {
	t.Helper()
	ws, answer, err := websocket.DefaultDialer.Dial(strings.Replace(page, "http", "ws", 1)+"/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	t.Cleanup(func() { ws.Close() })
	return &console{Conn: ws, client: client}
}

// reply is what a console reads of an answer.
type consoleReply struct {
	UUID     string
	Response map[string]any
	Error    struct{ Code int }
}

// ask asks and waits for the answer. Its error is that of the connection.
func (c *console) ask(event string, parameter any) (r consoleReply, err error) {
	c.asked++
	id := fmt.Sprint(c.client, " ", c.asked)
	if err := c.WriteJSON(map[string]any{"event": event, "uuid": id, "client": c.client, "type": "unicast", "parameter": parameter}); err != nil {
		return r, err
	}
	for r.UUID != id { // whatever else it is told comes before
		r = consoleReply{}
		_ = c.SetReadDeadline(time.Now().Add(patience)) // a connection that is gone says so when it is read
		_, text, err := c.ReadMessage()
		if err != nil {
			return r, err
		}
		if err := json.Unmarshal(text, &r); err != nil && !strings.Contains(string(text), `"response":`) {
			return r, err
		}
	}
	return r, nil
}

// must asks what must be answered well.
func (c *console) must(t *testing.T, event string, parameter any) map[string]any {
	t.Helper()
	r, err := c.ask(event, parameter)
	if err != nil || r.Error.Code != 0 {
		t.Fatalf("%s is answered with %+v, %v", event, r, err)
	}
	return r.Response
}

// login logs in, by the session where there is one, and takes a role.
func (c *console) login(t *testing.T, user, role string) {
	t.Helper()
	password := demo.Password
	if c.session != "" {
		password = c.session
	}
	c.session, _ = c.must(t, "login", map[string]any{"user": user, "password": password})["session"].(string)
	if role != "" {
		c.must(t, "authorize", map[string]any{"role": role})
	}
}

// volumes are those of the role's loops.
func (c *console) volumes(t *testing.T) map[string]int {
	t.Helper()
	loops, _ := c.must(t, "role_loops", map[string]any{})["loops"].(map[string]any)
	volumes := map[string]int{}
	for id, loop := range loops {
		volume, _ := loop.(map[string]any)["volume"].(float64)
		volumes[id] = int(volume)
	}
	return volumes
}

// ledger is what a server has acknowledged.
type ledger struct {
	mu      sync.Mutex
	volumes map[string]int // of the loop fd, by user; guarded by mu
	loops   []string       // made; guarded by mu
}

func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.loops)
	for _, v := range l.volumes {
		n += v
	}
	return n
}

// TestOpenvocsIsKilled kills the server while operators turn volumes and an
// administrator makes loops: when it is back, whatever it has acknowledged is
// there, and everybody is let in by what they had.
func TestOpenvocsIsKilled(t *testing.T) {
	dir, operators := t.TempDir(), []string{"flight", "capcom", "eecom", "fido", "surgeon"}
	book := &ledger{volumes: map[string]int{}}
	sessions := map[string]string{}
	console := func(page, user, role string) *console {
		c := openConsole(t, page, "tab of "+user)
		c.session = sessions[user]
		c.login(t, user, role)
		sessions[user] = c.session
		return c
	}
	for round := range 3 {
		p := start(t, flags(dir)...)
		admin := console(p.page, "admin", "")
		domain, _ := admin.must(t, "get", map[string]any{"type": "domain", "id": "default"})["result"].(map[string]any)
		there, _ := domain["loops"].(map[string]any)
		for _, loop := range book.loops {
			if there[loop] == nil {
				t.Errorf("round %d: the loop %s is gone", round, loop)
			}
		}
		var working sync.WaitGroup
		for _, user := range operators {
			c := console(p.page, user, user)
			got := c.volumes(t)["fd"]
			book.mu.Lock()
			kept := book.volumes[user]
			book.mu.Unlock()
			if kept > 0 && got != kept && got != kept+1 { // the last one may not have been heard of
				t.Errorf("round %d: %s finds the volume %d, and %d was acknowledged", round, user, got, kept)
			}
			working.Go(func() {
				for volume := got + 1; volume < 100; volume++ {
					r, err := c.ask("switch_loop_volume", map[string]any{"loop": "fd", "volume": volume})
					if err != nil {
						return
					}
					if r.Error.Code != 0 {
						t.Errorf("a volume is answered with %+v", r)
						return
					}
					book.mu.Lock()
					book.volumes[user] = volume
					book.mu.Unlock()
				}
			})
		}
		working.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("loop %d.%d", round, n)
				r, err := admin.ask("create", map[string]any{"type": "loop", "id": id, "scope": map[string]any{"type": "domain", "id": "default"}})
				if err != nil {
					return
				}
				if r.Error.Code != 0 {
					t.Errorf("making a loop is answered with %+v", r)
					return
				}
				book.mu.Lock()
				book.loops = append(book.loops, id)
				book.mu.Unlock()
			}
		})
		enough := book.acknowledged() + 12
		eventually(t, "work to be done", func() bool { return book.acknowledged() >= enough || t.Failed() })
		if err := p.command.Process.Signal(os.Kill); err != nil {
			t.Fatal(err)
		}
		<-p.ended
		working.Wait()
	}
}

// TestOperatorsOfADirectory: whom an LDAP directory lets in is let in, and acts
// in the roles that are given here; when it is gone, they are told, and others
// are not concerned.
func TestOperatorsOfADirectory(t *testing.T) {
	directory := ldaptest.Start(t, true, ldaptest.Entry{DN: "uid=gus,ou=people,dc=ops", Password: "gus, of the directory"})
	data, roots := t.TempDir(), filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, directory.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		c.Data = data
		c.LDAP = []config.LDAP{{URL: "ldaps://" + directory.Address, CAFile: roots, UserDN: "uid=%s,ou=people,dc=ops", Timeout: 2 * time.Second}}
	})
	gus := map[string]any{"user": "gus", "password": "gus, of the directory"}
	first := openConsole(t, s.page, "a")
	first.must(t, "login", gus)
	if roles, _ := first.must(t, "user_roles", map[string]any{})["roles"].(map[string]any); len(roles) > 0 {
		t.Errorf("out of the directory come the roles %v", roles)
	}
	if out, err := exec.Command(binary(t), "user", "role", "add", "-d", data, "gus", "flight").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	again := openConsole(t, s.page, "b")
	session, _ := again.must(t, "login", gus)["session"].(string)
	again.must(t, "authorize", map[string]any{"role": "flight"})
	if r, err := openConsole(t, s.page, "c").ask("login", map[string]any{"user": "gus", "password": "wrong"}); err != nil || r.Error.Code != 5000 {
		t.Errorf("a wrong password is answered with %+v, %v", r, err)
	}
	for what, hurt := range map[string]func(){"mute": directory.Mute, "gone": directory.Close} {
		hurt()
		// 5000 would make the browser forget its session.
		if r, err := openConsole(t, s.page, "d").ask("login", gus); err != nil || r.Error.Code == 0 || r.Error.Code == 5000 {
			t.Errorf("%s: a login is answered with %+v, %v", what, r, err)
		}
		openConsole(t, s.page, "e").login(t, "flight", "flight")
	}
	kept := openConsole(t, s.page, "b")
	kept.session = session
	kept.login(t, "gus", "flight") // the directory is not asked
	_, metrics := get(t, s.page+"/metrics")
	for outcome, want := range map[string]int{"admitted": 5, "denied": 1, "unavailable": 2, "throttled": 0} {
		if line := fmt.Sprintf("switchboard_logins_total{outcome=%q} %d\n", outcome, want); !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestOperatorsByToken: an application vouches for operators whom nobody has given
// a password here.
func TestOperatorsByToken(t *testing.T) {
	secret := strings.Repeat("s", auth.MinSecretBytes)
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		c.Tokens.HS256Secret = config.NewSecret(secret)
	})
	tokens, err := auth.NewTokens(auth.TokenOptions{Secret: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Sign(core.Identity{User: "zoe", Display: "Zoe", Roles: []string{"capcom"}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	zoe := openConsole(t, s.page, "a")
	zoe.session = token // where the password goes
	zoe.login(t, "zoe", "capcom")
	if got := zoe.volumes(t); len(got) < 8 {
		t.Errorf("zoe sees the loops %v", got)
	}
	again := openConsole(t, s.page, "a")
	again.session = zoe.session
	again.login(t, "zoe", "capcom")
	if r, err := openConsole(t, s.page, "b").ask("login", map[string]any{"user": "flight", "password": token}); err != nil || r.Error.Code != 5000 {
		t.Errorf("another user's token is answered with %+v, %v", r, err)
	}
}

// TestTheCommandLineReachesWhoIsHere: a server that runs follows what the command
// line does.
func TestTheCommandLineReachesWhoIsHere(t *testing.T) {
	data := t.TempDir()
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		c.Data = data
	})
	flight, capcom := openConsole(t, s.page, "a"), openConsole(t, s.page, "b")
	flight.login(t, "flight", "flight")
	capcom.login(t, "capcom", "capcom")
	for _, args := range [][]string{{"user", "remove", "flight"}, {"user", "role", "remove", "capcom", "capcom"}} {
		if out, err := exec.Command(binary(t), append(args, "-d", data)...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	_ = flight.SetReadDeadline(time.Now().Add(patience))
	var err error
	for err == nil {
		_, _, err = flight.ReadMessage()
	}
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("whoever is removed is told %v", err)
	}
	eventually(t, "capcom to lose the role", func() bool {
		roles, _ := capcom.must(t, "user_roles", map[string]any{})["roles"].(map[string]any)
		return len(roles) == 1
	})
}
