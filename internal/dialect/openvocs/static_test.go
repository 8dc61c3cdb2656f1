package openvocs_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/internal/dialect/openvocs"
)

// client makes a directory with some of the web client's files in it, and a file
// beside it that nobody may see, to which a link leads.
func client(t *testing.T) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"html/app/vocs/index.html": "<title>voice</title>", "html/lib/a.js": "A = 1;",
		"html/css/.secret": "hidden", "html/fonts/a.ttf": "font", "html/README": "not the client's", "secret": "secret"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"html/lib/up": "../../secret", "html/lib/far": filepath.Join(dir, "secret"), "html/images": dir} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(filepath.Join(dir, "html"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestWebClientIsServed(t *testing.T) {
	d := openvocs.New(openvocs.Options{Static: client(t).FS(), Version: `1.2 "beta"`, Servers: []string{"wss://backup.example/"}, PushToTalk: true})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ours")) })
	d.HTTP(mux)
	for _, row := range []struct {
		path   string
		status int
		text   string
	}{
		{"/app/vocs/", 200, "<title>voice</title>"},
		{"/app/vocs", 301, ""},
		{"/lib/a.js", 200, "A = 1;"},
		{"/fonts/a.ttf", 200, "font"},
		{"/VERSION.js", 200, "VERSION_NUMBER = \"1.2 \\\"beta\\\"\";\n"},
		{"/lib/", 404, ""}, // no list of files
		{"/app/", 404, ""},
		{"/lib/b.js", 404, ""},
		{"/css/.secret", 404, ""},
		{"/lib/up", 404, ""},
		{"/lib/far", 404, ""},
		{"/images/secret", 404, ""},
		{"/lib/..%2f..%2fsecret", 404, ""},
		{"/README", 200, "ours"},
		{"/", 200, "ours"},
		{"/loops/", 200, "ours"},
		{"/rooms/", 200, "ours"},
		{"/admin/", 200, "ours"},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", row.path, nil))
		if w.Code != row.status || row.status == 200 && w.Body.String() != row.text {
			t.Errorf("GET %s: got %d %q, want %d %q", row.path, w.Code, w.Body, row.status, row.text)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("GET %s: got the secret", row.path)
		}
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/config_vocs.js", nil))
	for _, want := range []string{`WEBSOCKET_URL: (location.protocol === "http:" ? "ws://" : "wss://") + location.host, PRIME: true`,
		`{NAME: "backup", WEBSOCKET_URL: "wss://backup.example"}`, "SHARED_MULTICAST_ADDRESSES = false;", "ICE_SERVERS = [];", "PTT = true;",
		"MULTI_TALK = false;", "SIP = false;"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("config_vocs.js lacks %s:\n%s", want, w.Body)
		}
	}
}

// TestWithoutWebClient: nothing is taken from our own pages.
func TestWithoutWebClient(t *testing.T) {
	mux := http.NewServeMux()
	openvocs.New(openvocs.Options{}).HTTP(mux)
	for _, path := range []string{"/app/vocs/", "/VERSION.js", "/config_vocs.js"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 404 {
			t.Errorf("GET %s: got %d", path, w.Code)
		}
	}
}
