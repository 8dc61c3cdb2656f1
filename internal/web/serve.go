package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// page is one file ready to be sent. It never changes after Handler returned.
type page struct {
	body   []byte
	zipped []byte // body in gzip, nil where that saves nothing
	kind   string // Content-Type
	etag   string
	cache  string // Cache-Control
}

// pages answers from memory: the whole UI is a few hundred kilobytes, and reading it once makes every answer the same.
type pages map[string]*page

// Handler returns a handler for the files of tree (see Files). A folder is answered by its index.html, and without its
// slash by a redirection to it; anything unknown is 404. Files below assets/ may be kept for ever by browsers, since
// their names carry a hash of their content; all others are asked for again with an ETag. It fails only where the tree
// cannot be read.
func Handler(tree fs.FS) (http.Handler, error) {
	all := pages{}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		all["/"+name] = newPage(name, body)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the pages: %w", err)
	}
	return all, nil
}

func newPage(name string, body []byte) *page {
	sum := sha256.Sum256(body)
	p := &page{body: body, kind: kindOf(name), etag: `"` + hex.EncodeToString(sum[:12]) + `"`, cache: "no-cache"}
	if strings.HasPrefix(name, "assets/") {
		p.cache = "public, max-age=31536000, immutable"
	}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is a constant that exists
	_, _ = w.Write(body)                                       // a bytes.Buffer takes everything
	_ = w.Close()
	if zipped.Len() < len(body)*9/10 {
		p.zipped = zipped.Bytes()
	}
	return p
}

// kindOf does not lean on the machine's own MIME table, which may miss or bend what a browser insists on under nosniff.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// security is sent with every answer. The policy allows nothing inline and nothing from elsewhere; blob: and data: are
// what a page makes itself. A WebSocket to the same host counts as 'self'. No referrer, because links may carry tokens.
var security = [][2]string{
	{"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
		"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
	{"Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), " +
		"autoplay=(self), fullscreen=(self), screen-wake-lock=(self), geolocation=(), usb=(), payment=()"},
	{"Referrer-Policy", "no-referrer"},
	{"X-Content-Type-Options", "nosniff"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
}

// ServeHTTP answers GET and HEAD.
func (all pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, h := range security {
		w.Header().Set(h[0], h[1])
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this address only answers GET", http.StatusMethodNotAllowed)
		return
	}
	name := r.URL.Path
	if strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	p, known := all[name]
	if !known {
		if _, folder := all[name+"/index.html"]; folder {
			redirect(w, r)
			return
		}
		http.NotFound(w, r)
		return
	}
	p.serve(w, r)
}

// redirect adds the slash that relative links need. It answers with a path and keeps the query, where a token may be.
func redirect(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Path + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, to, http.StatusPermanentRedirect)
}

func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", p.cache)
	h.Set("ETag", p.etag)
	h.Set("Vary", "Accept-Encoding")
	if p.isCurrent(r.Header.Get("If-None-Match")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := p.body
	if p.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body = p.zipped
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", p.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the browser went away; there is nobody to tell
}

// isCurrent compares as RFC 9110 13.1.2 asks: any of a list, weak or strong, or a star.
func (p *page) isCurrent(asked string) bool {
	for tag := range strings.SplitSeq(asked, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == p.etag || tag == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding (RFC 9110 12.5.3) as far as browsers use it: names, with q=0 for a refusal.
func acceptsGzip(header string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			value, err := strconv.ParseFloat(q, 64)
			return !found || err != nil || value > 0
		}
	}
	return false
}
