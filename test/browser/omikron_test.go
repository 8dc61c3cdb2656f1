package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"switchboard/test/iota"
)

// servePage serves a page that runs one script.
func servePage(t *testing.T, title, file string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/page.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><meta charset="utf-8"><title>%s</title><link rel="icon" href="data:,"><body><script src="/page.js"></script>`, title)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

const (
	iotaOne = "10da0000-0000-4000-8000-000000000001"
	iotaTwo = "20da0000-0000-4000-8000-000000000002"
)

// resident is a user with an Iota, and the page on which they are logged in.
type resident struct {
	*tab
	id string
}

// residents are who the tests of this file are about: ada and bob live at Iota one, cy at Iota two.
func residents() (ada, bob, cy resident) {
	return resident{id: "1a000000-0000-4000-8000-000000000001"}, resident{id: "1b000000-0000-4000-8000-000000000002"}, resident{id: "2c000000-0000-4000-8000-000000000003"}
}

// settle makes users while the server runs, and starts their Iotas.
func settle(t *testing.T, s *server) (one, two *iota.Iota) {
	t.Helper()
	ada, bob, cy := residents()
	var users []byte
	for n, u := range []struct{ id, name, home string }{{ada.id, "ada", iotaOne}, {bob.id, "bob", iotaOne}, {cy.id, "cy", iotaTwo}} {
		line, _ := json.Marshal(map[string]string{"user_id": u.id, "username": u.name, "iota_id": u.home, "key_hash": key(u.id), "reset_token": fmt.Sprint("token ", n)})
		users = append(append(users, line...), '\n')
	}
	file := filepath.Join(s.data, "users.json")
	if err := os.WriteFile(file, users, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(s.binary, "omikron", "user", "import", "-d", s.data, file).CombinedOutput(); err != nil {
		t.Fatalf("make users: %v\n%s", err, out)
	}
	start := func(id string, m iota.Manner, contacts map[string][]string) *iota.Iota {
		var all []string
		for u := range contacts {
			all = append(all, u)
		}
		i := iota.Start(iota.Options{URL: "ws://" + s.address + "/ws/iota/", ID: id, Users: all, Manner: m, Contacts: contacts})
		t.Cleanup(i.Close)
		select {
		case <-i.Identified():
		case <-time.After(patience):
			t.Fatal("the Iota was not identified")
		}
		return i
	}
	one = start(iotaOne, iota.Camel, map[string][]string{ada.id: {bob.id, cy.id}, bob.id: {ada.id, cy.id}})
	two = start(iotaTwo, iota.Plain, map[string][]string{cy.id: {ada.id, bob.id}})
	return one, two
}

// key is the hash of a user's private key.
func key(user string) string { return strings.Repeat(user[1:2], 64) }

// logIn opens a page for a user and logs in with it as clients of that time do.
func (r *resident) logIn(t *testing.T, browser context.Context, page string, s *server, name string, era int) {
	t.Helper()
	r.tab = openTab(t, browser, name, page)
	must[bool](r.tab, fmt.Sprintf("client.login({base: %s, user: %s, hash: %s, era: %d})", quote("ws://"+s.address), quote(r.id), quote(key(r.id)), era))
}

func (r resident) sees(other resident, state string) {
	r.t.Helper()
	r.until(fmt.Sprintf("%s to be %s", other.name, state), fmt.Sprintf("client.states[%s] === %s", quote(other.id), quote(state)))
}

func (r resident) tells(other resident, text string) {
	r.t.Helper()
	if got := must[string](r.tab, fmt.Sprintf("client.say(%s, %s)", quote(other.id), quote(text))); got != "message" {
		r.t.Fatalf("%s: the Iota answered %q", r.name, got)
	}
	other.until(fmt.Sprintf("%s to say %q", r.name, text), fmt.Sprintf("client.heard.includes(%s)", quote(r.id+": "+text)))
}

// calls rings somebody, who accepts.
func (r resident) calls(other resident) {
	r.t.Helper()
	r.rings(other)
	must[bool](other.tab, `client.accept()`)
}

func (r resident) rings(other resident) {
	r.t.Helper()
	if got := must[string](r.tab, fmt.Sprintf("client.ring(%s)", quote(other.id))); got != "call_invite" {
		r.t.Fatalf("%s: ringing was answered with %q", r.name, got)
	}
	other.until("the phone to ring", `client.rings.length > 0`)
}

// talk waits until everybody hears everybody.
func talk(all ...resident) {
	for _, r := range all {
		for _, o := range all {
			if r != o {
				r.t.Helper()
				r.until("to hear "+o.name, fmt.Sprintf("client.hears(%s)", quote(o.id)))
			}
		}
	}
}

func (r resident) watches(other resident) {
	r.t.Helper()
	r.until("to know that "+other.name+" shows a screen", fmt.Sprintf("client.call.members[%s]?.streaming", quote(other.id)))
	must[bool](r.tab, fmt.Sprintf("client.watch(%s)", quote(other.id)))
	r.forget()
	r.until("the screen of "+other.name, fmt.Sprintf("watch.flows(%[1]s, client.picture(%[1]s), false)", quote(other.id)))
}

// TestOmikron lets three people with two Iotas, in the way of each time, log in, write, see who is there, call each
// other, show a screen and hang up; then every part is broken once, and all of it goes on.
func TestOmikron(t *testing.T) {
	for era := range 2 {
		t.Run(fmt.Sprint("era ", era), func(t *testing.T) { omikronScenario(t, era) })
	}
}

func omikronScenario(t *testing.T, era int) {
	page := servePage(t, "a client of Tensamin", "omikron.js")
	server, browser := startServer(t, "dialects.omikron.access=open"), startBrowser(t)
	one, _ := settle(t, server)
	ada, bob, cy := residents()
	ada.logIn(t, browser, page, server, "ada", era)
	bob.logIn(t, browser, page, server, "bob", era)
	cy.logIn(t, browser, page, server, "cy", era)

	// Chat over two Iotas and over one, and who is there.
	ada.sees(cy, "ONLINE")
	ada.tells(cy, "hello from the other Iota")
	cy.tells(ada, "and back")
	bob.tells(ada, "we live in one house")
	if got := must[[]string](cy.tab, fmt.Sprintf("client.history(%s)", quote(ada.id))); len(got) != 2 {
		t.Errorf("cy's Iota remembers %q", got)
	}
	must[string](bob.tab, `client.state("DND")`)
	ada.sees(bob, "DND")
	cy.sees(bob, "DND")

	// A call of three, the third asked from inside it.
	ada.calls(bob)
	talk(ada, bob)
	ada.calls(cy)
	talk(ada, bob, cy)
	must[bool](ada.tab, `client.share()`)
	bob.watches(ada)
	cy.watches(ada)
	must[bool](ada.tab, `client.endShare()`)
	bob.until("the screen to be over", fmt.Sprintf("!client.call.members[%s].streaming", quote(ada.id)))
	must[bool](cy.tab, `client.hangUp()`)
	bob.until("cy to be gone", fmt.Sprintf("client.call.members[%[1]s] === undefined && client.call.voices[%[1]s] === undefined", quote(cy.id)))
	talk(ada, bob)

	// A call's socket breaks: its owner is back in the call by itself.
	must[bool](bob.tab, `client.cutCall()`)
	bob.until("to be back in the call", `client.call.joins === 2`)
	talk(ada, bob)
	// A client's socket breaks: the call goes on, and presence flows without a new list of chats.
	must[chromedp.Void](ada.tab, `client.states = {}; client.cut()`)
	ada.until("to be logged in again", `client.logins === 2`)
	ada.sees(cy, "ONLINE")
	talk(ada, bob)
	// An Iota breaks: its users are away until it is back.
	before := one.Times()
	one.Cut()
	eventually(t, "the Iota to be back", func() (bool, string) { return one.Times() > before, fmt.Sprint(one.Times()) })
	ada.until("to be logged in again", `client.logins > 2`)
	cy.sees(ada, "ONLINE")
	bob.sees(cy, "ONLINE")
	ada.tells(cy, "after my Iota was gone")
	talk(ada, bob)
	// The server is started again.
	logins := must[int](cy.tab, `client.logins`)
	server.stop()
	server.start()
	cy.until("to be logged in again", fmt.Sprintf("client.logins > %d", logins))
	ada.until("the server to know cy again", fmt.Sprintf("client.say(%s, 'anybody?').then(() => true)", quote(cy.id)))
	cy.until("to hear of it", fmt.Sprintf("client.heard.includes(%s)", quote(ada.id+": anybody?")))
	talk(ada, bob)
	must[bool](ada.tab, `client.hangUp()`)
	bob.until("to be alone", `Object.keys(client.call.members).length === 0`)
}

// TestOmikronThroughTheServer puts somebody with our own page into a call group. Its members talk to each other directly,
// and with the page by way of the server, which is a peer to them.
func TestOmikronThroughTheServer(t *testing.T) {
	client := servePage(t, "a client of Tensamin", "omikron.js")
	server, browser := startServer(t, "dialects.omikron.access=open", "dialects.omikron.media=server"), startBrowser(t)
	settle(t, server)
	ada, bob, _ := residents()
	ada.logIn(t, browser, client, server, "ada", 1)
	bob.logIn(t, browser, client, server, "bob", 1)
	ada.calls(bob)
	talk(ada, bob)

	mia := visit(t, browser, server.address, "mia", must[string](ada.tab, `client.call.id`))
	ada.until("to know a third", `Object.keys(client.call.members).length === 2`)
	third := must[string](ada.tab, fmt.Sprintf("Object.keys(client.call.members).find((id) => id !== %s)", quote(bob.id)))
	for _, r := range []resident{ada, bob} {
		r.until("to hear mia", fmt.Sprintf("client.hears(%s)", quote(third)))
		mia.until("to see "+r.name, tile(r.id, "voice")+" !== null")
		mia.until("to hear "+r.name, fmt.Sprintf("watch.sounds(%s, %s?.querySelector('video, audio'))", quote(r.id), tile(r.id, "voice")))
	}
	bob.until("to know that mia shows something", fmt.Sprintf("client.call.members[%s].streaming", quote(third)))
	must[bool](bob.tab, fmt.Sprintf("client.watch(%s)", quote(third)))
	bob.until("mia's picture", fmt.Sprintf("watch.flows(%[1]s, client.picture(%[1]s), false)", quote(third)))
	must[bool](ada.tab, `client.share()`)
	mia.until("the screen of ada", fmt.Sprintf("watch.flows(%s, %s?.querySelector('video'), false)", quote("screen"), tile(ada.id, "screen")))
	bob.watches(ada)
	mia.do(chromedp.Click(hook("leave")))
	ada.until("mia to be gone", fmt.Sprintf("client.call.members[%s] === undefined", quote(third)))
	talk(ada, bob)
}
