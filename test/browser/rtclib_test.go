package browser

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// rtclib is where the real client of the calling dialect is fetched to, for these tests and for those in Node.
const rtclib = "../rtclib"

// fetchRTCLib makes sure that npm has fetched what the lock file names.
var fetchRTCLib = sync.OnceValue(func() error {
	lock, err := os.ReadFile(filepath.Join(rtclib, "package-lock.json"))
	if err != nil {
		return err
	}
	stamp := filepath.Join(rtclib, "node_modules", ".lock-installed")
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, lock) {
		return nil
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = rtclib
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return os.WriteFile(stamp, lock, 0o644)
})

// serveRTCLib serves a page with the client as it comes from npm, unmodified and not even bundled.
func serveRTCLib(t *testing.T) string {
	t.Helper()
	if err := fetchRTCLib(); err != nil {
		unavailable(t, "rtc-lib cannot be fetched: "+err.Error())
	}
	mux := http.NewServeMux()
	for path, file := range map[string]string{"/rtc.js": filepath.Join(rtclib, "node_modules/rtc-lib/dist/bundle/rtc.dep.js"), "/page.js": "rtclib.js"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><meta charset="utf-8"><title>rtc-lib 0.5.7</title><body><script src="/rtc.js"></script><script src="/page.js"></script>`))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// caller is somebody with rtc-lib.
type caller struct {
	*tab
	id string // under which the others know them
}

func connectRTCLib(t *testing.T, browser context.Context, page, address, name string) caller {
	t.Helper()
	c := caller{tab: openTab(t, browser, name, page)}
	c.id = must[string](c.tab, fmt.Sprintf("client.connect(%s)", quote("ws://"+address+"/signaling")))
	return c
}

// meets waits for picture, sound and data channel of somebody.
func (c caller) meets(other caller) {
	c.t.Helper()
	c.forget()
	c.until("picture and sound of "+other.name, fmt.Sprintf("watch.flows(%[1]s, client.video(%[1]s), true)", quote(other.id)))
	c.until("a data channel to "+other.name, fmt.Sprintf("client.channels[%s] !== undefined", quote(other.id)))
}

func (c caller) hears(text string) {
	c.t.Helper()
	c.until("to hear "+text, fmt.Sprintf("client.told(%s)", quote(text)))
}

// TestPagesCallEachOther lets two pages with rtc-lib find each other by way of the server; picture, sound and data go
// from one to the other directly.
func TestPagesCallEachOther(t *testing.T) {
	page := serveRTCLib(t)
	server, browser := startServer(t), startBrowser(t)
	for name, enter := range map[string]func(ada, bob caller){
		"by the name of a room": func(ada, bob caller) {
			must[string](ada.tab, `client.join("tea")`)
			must[string](bob.tab, `client.join("tea")`)
		},
		"by an invitation": func(ada, bob caller) {
			must[bool](bob.tab, `client.register("lobby")`)
			must[string](ada.tab, `client.join(undefined)`)
			if came := must[int](ada.tab, `client.inviteAll("lobby")`); came != 1 {
				t.Errorf("%d came, want 1", came)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ada, bob := connectRTCLib(t, browser, page, server.address, "ada"), connectRTCLib(t, browser, page, server.address, "bob")
			enter(ada, bob)
			ada.meets(bob)
			bob.meets(ada)
			must[any](ada.tab, fmt.Sprintf("client.say(%s, 'directly')", quote(bob.id)))
			bob.hears(ada.id + ": directly")
			must[any](bob.tab, fmt.Sprintf("client.say(%s, 'and back')", quote(ada.id)))
			ada.hears(bob.id + ": and back")
			must[any](ada.tab, fmt.Sprintf("client.sayByServer(%s, 'hello')", quote(bob.id)))
			bob.hears(ada.id + " by the server: hello")
			must[bool](bob.tab, `client.leave()`)
			ada.until("to be alone", fmt.Sprintf("client.people().length === 0 && client.video(%s) === null", quote(bob.id)))
		})
	}
}

// TestThroughTheServer puts two pages with rtc-lib and somebody with our own page, which speaks another dialect, into one
// room. The server carries the media, as it was told to, and rtc-lib does not notice: to it everybody is a peer.
func TestThroughTheServer(t *testing.T) {
	page := serveRTCLib(t)
	server, browser := startServer(t, "dialects.calling.media=server"), startBrowser(t)
	ada, bob := connectRTCLib(t, browser, page, server.address, "ada"), connectRTCLib(t, browser, page, server.address, "bob")
	must[string](ada.tab, `client.join("kiosk")`)
	mia := visit(t, browser, server.address, "mia", "kiosk")
	sees := func(who *tab, other, id string) {
		t.Helper()
		who.until("picture and sound of "+other, fmt.Sprintf("watch.flows(%[1]s, client.video(%[1]s), true)", quote(id)))
	}
	seen := func(other caller) {
		t.Helper()
		mia.until("picture and sound of "+other.name, fmt.Sprintf("watch.flows(%s, %s?.querySelector('video'), true)",
			quote(other.id), tile(other.id, "stream")))
	}
	sees(ada.tab, "mia", "mia")
	seen(ada)
	must[string](bob.tab, `client.join("kiosk")`)
	sees(bob.tab, "mia", "mia")
	seen(bob)
	ada.meets(bob)
	bob.meets(ada)
	must[any](ada.tab, fmt.Sprintf("client.say(%s, 'by way of the server')", quote(bob.id)))
	bob.hears(ada.id + ": by way of the server")

	mia.says("hello, both")
	ada.hears("mia by the server: hello, both")
	must[any](bob.tab, `client.sayByServer("mia", "hello, mia")`)
	mia.reads(bob.id, "hello, mia")

	for _, who := range []caller{ada, bob} {
		if n := must[int](who.tab, `watch.negotiated()`); n > 10 {
			t.Errorf("%s negotiated one connection %d times; does it end?", who.name, n)
		}
	}

	for _, who := range []caller{ada, bob} {
		who.until("what nobody sees to be small", `watch.willing().then((rates) => rates.length === 2 && Math.min(...rates) <= 60_000 && Math.max(...rates) > 100_000)`)
	}

	// The first connection of each was that to mia. What they send goes on over the other.
	mia.do(chromedp.Click(hook("leave")))
	mia.in("left")
	ada.until("mia to be gone", `client.video("mia") === null`)
	ada.forget()
	bob.forget()
	sees(ada.tab, "bob", bob.id)
	sees(bob.tab, "ada", ada.id)
}
