package openvocs

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// folders are where the web client's files are, with absolute references to each
// other (dossier 9).
func folders() []string {
	return []string{"app", "components", "css", "extensions", "fonts", "images", "lib", "plugin"}
}

// serve hosts an operator's copy of the web client with the two scripts that it
// wants from the server: dossier 9. No path of ours is among them.
func serve(mux *http.ServeMux, o *Options) {
	if o.Static == nil {
		return
	}
	for _, folder := range folders() {
		mux.Handle("GET /"+folder+"/", files{o.Static})
	}
	mux.Handle("GET /VERSION.js", script("VERSION_NUMBER = "+string(encode(o.Version))+";\n"))
	mux.Handle("GET /config_vocs.js", script(o.configuration()))
}

// script is a script that does not change.
type script string

// ServeHTTP implements [http.Handler].
func (s script) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(s)) // a client that is gone needs nothing
}

// configuration is the script that configures the web client (dossier 9). The
// page itself says where it came from, since the client would leave out the port.
func (o *Options) configuration() string {
	var b strings.Builder
	b.WriteString("SIGNALING_SERVERS = [\n" +
		`    {NAME: "main", WEBSOCKET_URL: (location.protocol === "http:" ? "ws://" : "wss://") + location.host, PRIME: true}`)
	for i, server := range o.Servers {
		name := "backup"
		if i > 0 {
			name = fmt.Sprintf("backup %d", i+1)
		}
		fmt.Fprintf(&b, ",\n    {NAME: %s, WEBSOCKET_URL: %s}", encode(name), encode(strings.TrimRight(server, "/")))
	}
	// Loops are mixed in the server, so the microphone has to reach each of them
	// (dossier 3.5), and no server in between is needed to reach it.
	fmt.Fprintf(&b, "\n];\nSHARED_MULTICAST_ADDRESSES = false;\nICE_SERVERS = [];\nPTT = %t;\nMULTI_TALK = %t;\nSIP = false;\nRECORDER = false;\n",
		o.PushToTalk, o.MultiTalk)
	return b.String()
}

// files serves what is in a tree: files, and the index of a folder, but no list
// of one.
type files struct{ tree fs.FS }

// ServeHTTP implements [http.Handler].
func (f files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(path.Clean(r.URL.Path), "/")
	if strings.Contains("/"+name, "/.") { // what is hidden is not the client's
		http.NotFound(w, r)
		return
	}
	info, err := fs.Stat(f.tree, name)
	if err == nil && info.IsDir() {
		if !strings.HasSuffix(r.URL.Path, "/") { // or its references lead elsewhere
			http.Redirect(w, r, "/"+name+"/", http.StatusMovedPermanently)
			return
		}
		name += "/index.html"
		info, err = fs.Stat(f.tree, name)
	}
	if err != nil || !info.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, f.tree, name)
}
