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
)

// bundled makes the pages around clients of others: fetched by npm at the versions of the lock file, bundled by esbuild.
var bundled = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile("clients/package-lock.json")
	if err != nil {
		return "", err
	}
	const stamp = "clients/node_modules/.lock-installed"
	if installed, err := os.ReadFile(stamp); err != nil || !bytes.Equal(installed, lock) {
		npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		npm.Dir = "clients"
		if out, err := npm.CombinedOutput(); err != nil {
			return "", fmt.Errorf("npm ci: %w\n%s", err, out)
		}
		if err := os.WriteFile(stamp, lock, 0o644); err != nil {
			return "", err
		}
	}
	esbuild := exec.Command("go", "tool", "esbuild", "test/browser/clients/openvidu.js", "--bundle", "--format=iife",
		"--define:global=window", "--log-level=error")
	esbuild.Dir = root
	var problems bytes.Buffer
	esbuild.Stderr = &problems
	script, err := esbuild.Output()
	if err != nil {
		return "", fmt.Errorf("esbuild: %w\n%s", err, &problems)
	}
	return string(script), nil
})

// serveClient serves the page around the foreign client from an address of its own, as an application would.
func serveClient(t *testing.T) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join("clients", "node_modules"), 0o755); err != nil {
		t.Fatal(err)
	}
	script, err := bundled()
	if err != nil {
		unavailable(t, "the clients of others cannot be fetched: "+err.Error())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/client.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write([]byte(script))
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><meta charset="utf-8"><title>openvidu-browser 0.1.1</title><body><script src="/client.js"></script>`))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// stranger is somebody with a client that was made for another server.
type stranger struct{ *tab }

func (s stranger) told(event, who string) {
	s.t.Helper()
	s.until(event+" "+who, fmt.Sprintf("client.told(%s, %s)", quote(event), quote(who)))
}

func (s stranger) meets(others ...string) {
	s.t.Helper()
	s.forget()
	for _, other := range others {
		s.until("picture and sound of "+other, fmt.Sprintf("watch.flows(%[1]s, client.video(%[1]s), true)", quote(other)))
	}
}

func (s stranger) misses(other string) {
	s.t.Helper()
	s.until("no picture of "+other, fmt.Sprintf("client.video(%s) === null", quote(other)))
}

// enter opens the foreign client, joins the room and publishes.
func enter(t *testing.T, browser context.Context, client, address, name, room string) stranger {
	t.Helper()
	s := stranger{openTab(t, browser, name, client)}
	if wrong := must[*string](s.tab, fmt.Sprintf("client.join(%s, %s, %s)", quote("ws://"+address+"/"), quote(room), quote(name))); wrong != nil {
		t.Fatalf("%s cannot join: %s", name, *wrong)
	}
	s.until("to have published", `client.told('published')`)
	return s
}

// TestAClientMadeForTheOriginalServer runs openvidu-browser 0.1.1 as it is: it speaks the room protocol of its day, and
// knows nothing of this server.
func TestAClientMadeForTheOriginalServer(t *testing.T) {
	client := serveClient(t)
	server, browser := startServer(t), startBrowser(t)
	mia := enter(t, browser, client, server.address, "mia", "kiosk")
	bo := enter(t, browser, client, server.address, "bo", "kiosk")
	mia.told("joined", "bo")
	mia.meets("bo")
	bo.meets("mia")

	// Somebody with our own page in the same room sees and hears both, and is seen and heard.
	ada := visit(t, browser, server.address, "ada", "kiosk")
	ada.meets("mia", "bo")
	mia.meets("bo", "ada")
	bo.meets("mia", "ada")

	must[any](mia.tab, `client.say('hello, all')`)
	mia.told("message", "mia")
	bo.told("message", "mia")
	ada.reads("mia", "hello, all")
	ada.says("hello, mia")
	mia.told("message", "ada")

	// The library closes its connection for media before it says that it unpublishes; that is no error.
	must[any](mia.tab, `client.unpublish()`)
	bo.misses("mia")
	ada.until("mia without picture and sound", tile("mia", "webcam")+`.getAttribute('aria-label') === 'mia, no sound, no picture'`)
	mia.meets("bo", "ada") // who no longer sends may still watch
	for _, s := range []stranger{mia, bo} {
		if must[bool](s.tab, `client.told('error')`) {
			t.Errorf("%s was told of an error: %s", s.name, must[string](s.tab, `JSON.stringify(client.log)`))
		}
	}

	must[any](mia.tab, `client.leave()`)
	ada.gone("mia")
	must[any](bo.tab, `client.leave()`)
	ada.gone("bo")
	for _, s := range []stranger{mia, bo} {
		if must[bool](s.tab, `client.told('lost')`) {
			t.Errorf("%s left, and was told that the connection was lost: %s", s.name, must[string](s.tab, `JSON.stringify(client.log)`))
		}
	}

	// The same people again, since their names are free again.
	again := enter(t, browser, client, server.address, "mia", "kiosk")
	again.meets("ada")
	ada.meets("mia")
}
