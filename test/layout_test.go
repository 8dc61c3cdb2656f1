// Package test holds the rules of the house as tests: who may import whom, what
// every package says of itself, which words and names stay where, and that the
// pages in docs are true. Tests of the whole server stand in the folders below.
package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "switchboard"

// rule says what one package may import, and why no more.
type rule struct {
	// pkg is a folder. A name that ends with /... is for every folder below it
	// that has no rule of its own.
	pkg string
	// ours lists folders of this module that it may import; /... as above.
	ours []string
	// theirs lists modules of others; "*" is any.
	theirs []string
	// not lists packages of the standard library that it may not import.
	not []string
	why string
}

// rules is the import table. A package without a line is a mistake: say here
// where it belongs.
var rules = []rule{
	{pkg: ".", ours: []string{"internal/app", "internal/auth", "internal/config", "internal/core", "internal/observe", "internal/store", "internal/store/sql"},
		theirs: []string{"github.com/alecthomas/kong", "golang.org/x/term"},
		why:    "flags, then hand over to app; users are added without a running server"},
	{pkg: "internal/app", ours: []string{"internal/..."}, theirs: []string{"*"},
		why: "the one place where parts meet; nobody imports it but main"},
	{pkg: "internal/core", ours: []string{"internal/media", "internal/store"},
		not: []string{"encoding/json", "database/sql", "net", "net/http", "os"},
		why: "people, rooms and calls are the same over any protocol, engine or database, so it sees contracts only"},

	{pkg: "internal/dialect", ours: []string{"internal/core"},
		why: "the contract of all protocols knows none"},
	{pkg: "internal/dialect/talk", ours: []string{"internal/core", "internal/dialect", "internal/media", "internal/media/mediatest", "internal/socket"}, theirs: []string{"github.com/gorilla/websocket"},
		why: "plays conversations with the real core and a fake engine, in memory or over a socket"},
	{pkg: "internal/dialect/...", ours: []string{"internal/core", "internal/dialect", "internal/media"},
		not: []string{"sync", "sync/atomic", "os", "log", "database/sql"},
		why: "a dialect translates: no socket, lock, goroutine or timer, of media the core's words only, no storage, no other dialect"},
	{pkg: "internal/dialect/openvocs/archive", ours: []string{"internal/auth", "internal/store"},
		why: "a directory of files becomes records and is given back; nobody speaks to it"},
	{pkg: "internal/socket", ours: []string{"internal/core", "internal/dialect"},
		theirs: []string{"github.com/gorilla/websocket", "github.com/prometheus/client_golang", "golang.org/x/time", "golang.org/x/net", "golang.org/x/sys"},
		why:    "it knows connections and not what is said on them"},

	{pkg: "internal/media", not: []string{"net/http", "encoding/json"},
		why: "the contract is types only, so that the core's tests need no engine"},
	{pkg: "internal/media/...", ours: []string{"internal/media", "internal/media/..."},
		theirs: []string{"github.com/pion", "github.com/prometheus/client_golang", "golang.org/x/crypto", "golang.org/x/net", "golang.org/x/sys"},
		why:    "packets know nobody: neither people, rooms and permissions nor protocols"},

	{pkg: "internal/media/opus", theirs: []string{"github.com/thesyncim/gopus"},
		why: "the one place that knows which codec library it is"},
	{pkg: "internal/media/mix", ours: []string{"internal/media", "internal/media/opus"}, not: []string{"net", "sync", "os"},
		why: "it adds voices; packets, sockets and goroutines are somebody else's, and time is data"},

	{pkg: "internal/auth", ours: []string{"internal/core", "internal/store"},
		theirs: []string{"github.com/go-ldap/ldap", "github.com/golang-jwt/jwt", "golang.org/x/crypto", "golang.org/x/term"},
		why:    "it turns what somebody shows into an identity, whatever protocol asked"},
	{pkg: "internal/auth/passkey", theirs: []string{"github.com/go-webauthn/webauthn"},
		why: "messages of WebAuthn, whoever keeps what they are about"},
	{pkg: "internal/auth/ldaptest", theirs: []string{"github.com/go-asn1-ber/asn1-ber", "github.com/go-ldap/ldap"},
		why: "a directory server for tests, which knows nobody who asks it"},
	{pkg: "internal/store", not: []string{"database/sql"},
		why: "the contract is records, whichever database keeps them"},
	{pkg: "internal/store/demo", ours: []string{"internal/store"},
		why: "data to start with, made like any other"},
	{pkg: "internal/store/storetest", ours: []string{"internal/store"}, theirs: []string{"github.com/google/go-cmp", "pgregory.net/rapid"},
		why: "one suite for every database, which knows none"},
	{pkg: "internal/store/sql", ours: []string{"internal/store"},
		theirs: []string{"github.com/jackc/pgx", "github.com/pressly/goose", "modernc.org/sqlite", "golang.org/x/sys"},
		why:    "SQL stays here, and nothing that lives goes into it"},

	{pkg: "internal/config", theirs: []string{"github.com/goccy/go-yaml"},
		why: "every part could import it, so it imports none"},
	{pkg: "internal/config/reference", ours: []string{"internal/config"},
		why: "writes the page of the options"},
	{pkg: "internal/observe", theirs: []string{"github.com/prometheus"},
		why: "parts register with it, it does not look into them"},
	{pkg: "internal/certs", theirs: []string{"github.com/caddyserver/certmagic", "go.uber.org/zap"},
		why: "it gives certificates, whoever listens"},
	{pkg: "internal/web",
		why: "it serves files, and works without the rest"},
	{pkg: "internal/tools/...",
		why: "programs of the Makefile must run before anything else builds"},
	{pkg: "test", ours: []string{"internal/config", "test/iota"}, theirs: []string{"*"},
		why: "these rules"},
	{pkg: "test/iota", theirs: []string{"github.com/gorilla/websocket"},
		why: "a home server for tests, which knows the wire only"},
	{pkg: "test/...", ours: []string{"internal/...", "test/iota"}, theirs: []string{"*"},
		why: "tests of the whole server"},
}

// ruleFor finds the line for a folder: its own, or the longest with /... above it.
func ruleFor(pkg string) (found rule, ok bool) {
	for _, r := range rules {
		if r.pkg == pkg {
			return r, true
		}
		if matches(pkg, r.pkg) && len(r.pkg) > len(found.pkg) {
			found, ok = r, true
		}
	}
	return found, ok
}

// matches tells whether a folder or module path is pattern, or below a pattern
// that ends with /...
func matches(name, pattern string) bool {
	above, below := strings.CutSuffix(pattern, "/...")
	return name == above && !below || below && strings.HasPrefix(name, above+"/")
}

// allowed says why the package may not import a path, or "".
func (r rule) allowed(pkg, imported string) string {
	folder, ours := strings.CutPrefix(imported, module+"/")
	standard := !strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
	switch {
	case ours && folder == "internal/app" && pkg != ".":
		return "nobody imports app but main"
	case ours && !slices.ContainsFunc(r.ours, func(p string) bool { return matches(folder, p) }):
		return "not among " + fmt.Sprint(r.ours)
	case !ours && !standard && !slices.ContainsFunc(r.theirs, func(m string) bool {
		return m == "*" || imported == m || strings.HasPrefix(imported, m+"/")
	}):
		return "not among " + fmt.Sprint(r.theirs)
	case standard && slices.Contains(r.not, imported):
		return "not here"
	}
	return ""
}

// source is one Go file of the module.
type source struct {
	name string // path from the root, with slashes
	pkg  string // its folder
	test bool
	*ast.File
	set *token.FileSet
}

func (s source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.set.Position(node.Pos()).Line)
}

func (s source) imports() []string {
	var paths []string
	for _, spec := range s.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, name)
		}
	}
	return paths
}

// walk calls see for every file and folder below the root that is ours: no hidden
// ones, no dependencies of pages, no other module.
func walk(t *testing.T, see func(name string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(file, ".."), string(filepath.Separator)))
		base := entry.Name()
		if entry.IsDir() && name != "" && (base[0] == '.' || base == "node_modules" || base == "testdata" ||
			slices.Contains([]string{"bin", "data", "tools", "internal/web/dist"}, name)) {
			return fs.SkipDir
		}
		see(name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	set := token.NewFileSet()
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") {
			return
		}
		file, err := parser.ParseFile(set, filepath.Join("..", name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), file, set})
	})
	if len(all) < 10 {
		t.Fatalf("found only %d Go files; is this the root of the module?", len(all))
	}
	return all
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		r, ok := ruleFor(s.pkg)
		if !ok {
			t.Errorf("%s: package %s has no line in the import table of test/layout_test.go", s.name, s.pkg)
			continue
		}
		for _, imported := range s.imports() {
			if why := testImport(s.pkg, imported); s.test && why != "" {
				t.Errorf("%s imports %s: %s", s.name, imported, why)
			}
			if why := r.allowed(s.pkg, imported); !s.test && why != "" {
				t.Errorf("%s imports %s: %s (%s)", s.name, imported, why, r.why)
			}
		}
	}
}

// testImport is the rule for files of tests, which may use what they need to set
// the stage, but neither another dialect nor the whole server.
func testImport(pkg, imported string) string {
	folder, ours := strings.CutPrefix(imported, module+"/")
	inTest := strings.HasPrefix(pkg, "test")
	switch {
	case !ours || inTest:
		return ""
	case folder == "internal/app" && pkg != "internal/app" && pkg != ".":
		return "nobody imports app but main and the tests of the whole server"
	case path.Dir(folder) == "internal/dialect" && folder != "internal/dialect/talk" && folder != pkg && pkg != "internal/app":
		return "a dialect is tested alone; two together stand in test"
	}
	return ""
}

// TestTableIsNeeded finds lines of the table for folders that are gone.
func TestTableIsNeeded(t *testing.T) {
	folders := map[string]bool{}
	for _, s := range sources(t) {
		folders[s.pkg] = true
	}
	for _, r := range rules {
		used := folders[r.pkg]
		for folder := range folders {
			used = used || matches(folder, r.pkg)
		}
		if !used {
			t.Errorf("the import table has a line for %s, where no package is", r.pkg)
		}
		if r.why == "" {
			t.Errorf("the line for %s gives no reason", r.pkg)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, row := range []struct {
		name, pattern string
		want          bool
	}{
		{"internal/media", "internal/media", true}, {"internal/media/rtc", "internal/media", false},
		{"internal/media", "internal/media/...", false}, {"internal/media/rtc/udp", "internal/media/...", true},
		{"internal/mediax", "internal/media/...", false},
	} {
		if got := matches(row.name, row.pattern); got != row.want {
			t.Errorf("%s by %s: got %t", row.name, row.pattern, got)
		}
	}
	core, _ := ruleFor("internal/core")
	for imported, want := range map[string]bool{
		"fmt": true, "switchboard/internal/media": true, "switchboard/internal/media/rtc": false, "encoding/json": false,
		"github.com/pion/webrtc/v4": false, "switchboard/internal/dialect/kurento": false, "switchboard/internal/app": false,
	} {
		if got := core.allowed("internal/core", imported) == ""; got != want {
			t.Errorf("core imports %s: got %t, want %t", imported, got, want)
		}
	}
	if _, ok := ruleFor("internal/unheard/of"); ok {
		t.Error("a package without a line has one")
	}
}

// read is the text of a file of the module.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
