package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func serve(t *testing.T) http.Handler {
	t.Helper()
	h, err := Handler(fstest.MapFS{
		"index.html":           {Data: []byte("<h1>start</h1>")},
		"rooms/index.html":     {Data: []byte("<h1>rooms</h1>")},
		"assets/rooms-ABC.js":  {Data: []byte(strings.Repeat("let x = 1;\n", 500))},
		"assets/rooms-ABC.css": {Data: []byte("a{}")},
		".keep":                {Data: nil},
	})
	if err != nil {
		t.Fatalf("Handler: %v", err)
	}
	return h
}

func ask(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read the body: %v", err)
	}
	return string(b)
}

func TestPagesAreFoundUnderTheirPaths(t *testing.T) {
	h := serve(t)
	for _, row := range []struct {
		method, target string
		status         int
		kind, cache    string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/rooms/", 200, "text/html; charset=utf-8", "no-cache"},
		{"HEAD", "/rooms/", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/assets/rooms-ABC.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/assets/rooms-ABC.css", 200, "text/css; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/assets/", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/.keep", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/../web.go", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/nothing", 404, "text/plain; charset=utf-8", ""},
		{"POST", "/rooms/", 405, "text/plain; charset=utf-8", ""},
	} {
		t.Run(row.method+row.target, func(t *testing.T) {
			got := ask(h, row.method, row.target)
			want := []any{row.status, row.kind, row.cache}
			if diff := cmp.Diff(want, []any{got.StatusCode, got.Header.Get("Content-Type"), got.Header.Get("Cache-Control")}); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if got.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("nosniff is missing")
			}
		})
	}
}

func TestAFolderWithoutItsSlashIsRedirectedWithItsQuery(t *testing.T) {
	got := ask(serve(t), "GET", "/rooms?room=a%20b&token=t")
	if got.StatusCode != http.StatusPermanentRedirect || got.Header.Get("Location") != "/rooms/?room=a%20b&token=t" {
		t.Errorf("got %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
}

func TestAPageIsNotSentAgainWhileItIsCurrent(t *testing.T) {
	h := serve(t)
	etag := ask(h, "GET", "/rooms/").Header.Get("ETag")
	for _, row := range []struct {
		asked string
		want  int
	}{{etag, 304}, {"W/" + etag, 304}, {`"old", ` + etag, 304}, {"*", 304}, {`"old"`, 200}, {"", 200}} {
		if got := ask(h, "GET", "/rooms/", "If-None-Match", row.asked); got.StatusCode != row.want {
			t.Errorf("If-None-Match %q: got %d, want %d", row.asked, got.StatusCode, row.want)
		}
	}
}

func TestLargeTextIsSentCompressedToWhoeverTakesIt(t *testing.T) {
	h := serve(t)
	plain := body(t, ask(h, "GET", "/assets/rooms-ABC.js").Body)
	for _, refusing := range []string{"", "br", "gzip;q=0"} {
		if got := ask(h, "GET", "/assets/rooms-ABC.js", "Accept-Encoding", refusing); got.Header.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding %q was answered in %s", refusing, got.Header.Get("Content-Encoding"))
		}
	}
	got := ask(h, "GET", "/assets/rooms-ABC.js", "Accept-Encoding", "br, gzip;q=0.8")
	if got.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal("not compressed")
	}
	unzip, err := gzip.NewReader(got.Body)
	if err != nil {
		t.Fatalf("gzip: %v", err)
	}
	if body(t, unzip) != plain {
		t.Error("the compressed file is another one")
	}
}

func TestThePolicyAllowsNothingInlineAndNothingFromElsewhere(t *testing.T) {
	policy := ask(serve(t), "GET", "/rooms/").Header.Get("Content-Security-Policy")
	for _, never := range []string{"unsafe-inline", "unsafe-eval", "*", "http:", "https:"} {
		if strings.Contains(policy, never) {
			t.Errorf("the policy contains %q: %s", never, policy)
		}
	}
	if !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the policy allows what it does not name: %s", policy)
	}
}

func TestTheEmbeddedPagesNeedNothingThatThePolicyForbids(t *testing.T) {
	h, err := Handler(Files())
	if err != nil {
		t.Fatalf("Handler: %v", err)
	}
	start := body(t, ask(h, "GET", "/").Body)
	if !Built() {
		if !strings.Contains(start, "The UI bundle was not built; run make") {
			t.Errorf("a binary without pages does not say so: %s", start)
		}
		return
	}
	for _, target := range []string{"/", "/rooms/", "/loops/"} {
		answer := ask(h, "GET", target)
		text := body(t, answer.Body)
		for _, never := range []string{"<style", "style=", " onload=", "<script>", "http://", "https://"} {
			if answer.StatusCode != 200 || strings.Contains(text, never) {
				t.Errorf("%s: status %d, contains %q: %v", target, answer.StatusCode, never, strings.Contains(text, never))
			}
		}
	}
}
