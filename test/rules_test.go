package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shortestComment is what a package cannot be described in less than, in bytes.
const shortestComment = 80

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.test && strings.HasSuffix(s.Name.Name, "_test") {
			continue // comments of the package stand in the package
		}
		comments[s.pkg] += 0
		if s.Doc == nil {
			continue
		}
		if comments[s.pkg] > 0 {
			t.Errorf("%s: a second comment for its package; there is one, in one file", s.name)
		}
		comments[s.pkg] = len(s.Doc.Text())
		want := "Package " + s.Name.Name + " "
		if s.Name.Name == "main" {
			want = "Command "
		}
		if !strings.HasPrefix(s.Doc.Text(), want) {
			t.Errorf("%s: the package's comment begins %q, want %q", s.name, firstLine(s.Doc.Text()), want)
		}
	}
	for pkg, length := range comments {
		if length < shortestComment {
			t.Errorf("%s: its comment has %d bytes; say what it owns, who may call it, and what it must not know", pkg, length)
		}
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// dialectNames are the names of protocols, and where besides their own folder
// they may be said.
var (
	dialectNames = regexp.MustCompile(`(?i)kurento|openvocs|nkmedia|omikron|calling-signaling`)
	namesAllowed = []string{"internal/app/", "internal/config/", "internal/dialect/", "test/", "docs/", "ui/", "changelog/", "README.md", "main.go", "main_test.go"}
)

// dialectWords are words of one protocol that mean nothing in another.
var dialectWords = regexp.MustCompile(`\b(webcam|endpointName|sdpMLineIndex|joinRoom|receiveVideoFrom|custonNotification|` +
	`ns_\w+|room_peer\w*|keyset|private_key_hash|mcu_layout)\b`)

// TestDialectsStayInTheirFolders also reads comments: a core that explains itself
// by one protocol is about to be made for it.
func TestDialectsStayInTheirFolders(t *testing.T) {
	walk(t, func(name string) {
		if ext := path.Ext(name); ext != ".go" && ext != ".sql" {
			return
		}
		allowed := slices.ContainsFunc(namesAllowed, func(p string) bool { return strings.HasPrefix(name, p) })
		for i, line := range strings.Split(read(t, name), "\n") {
			if word := dialectNames.FindString(line); word != "" && !allowed {
				t.Errorf("%s:%d: names the dialect %s", name, i+1, word)
			}
			own := strings.HasPrefix(name, "internal/dialect/") || strings.HasPrefix(name, "test/")
			if word := dialectWords.FindString(line); word != "" && !own {
				t.Errorf("%s:%d: %q is a word of one dialect", name, i+1, word)
			}
		}
	})
}

// TestDialectsDoNotNameEachOther holds for folders below internal/dialect.
func TestDialectsDoNotNameEachOther(t *testing.T) {
	for _, s := range sources(t) {
		own := path.Base(s.pkg)
		if path.Dir(s.pkg) != "internal/dialect" || own == "talk" {
			continue
		}
		for i, line := range strings.Split(read(t, s.name), "\n") {
			if word := dialectNames.FindString(line); word != "" && !strings.EqualFold(word, own) {
				t.Errorf("%s:%d: names the dialect %s", s.name, i+1, word)
			}
		}
	}
}

// check looks at one file and says what is wrong, each with its place.
type check func(s source) faults

// checks are the rules that can be seen in one file, each with a file that breaks
// it and one that does not.
var checks = map[string]struct {
	check
	bad, good string
	pkg       string // where the examples would stand
}{
	"dialects only translate": {translates,
		`import "time"; func f() { go f(); time.After(1); net.Dial("", "") }`,
		`import "time"; func f() { time.Now(); net.SplitHostPort("") }`, "internal/dialect/any"},
	"names say what things are": {named,
		`type RoomManager struct{}; type HTTPHandler interface{}; type stringUtils int`,
		`type Handlers []int; type Base64 string`, "internal/core"},
	"nothing happens by importing": {inert, `func init() {}`, `func (t) init() {}`, "internal/core"},
	"no order by sleeping": {awake,
		`import "time"; func f() { time.Sleep(1) }`,
		`import ("time"; "testing/synctest"); func f() { time.Sleep(1); synctest.Wait() }`, "internal/core"},
}

func TestRules(t *testing.T) {
	for name, rule := range checks {
		t.Run(name, func(t *testing.T) {
			for _, s := range sources(t) {
				for _, wrong := range rule.check(s) {
					t.Error(wrong)
				}
			}
		})
	}
}

// TestRulesCanFail shows each rule a file that breaks it.
func TestRulesCanFail(t *testing.T) {
	want := map[string]int{"dialects only translate": 3, "names say what things are": 3, "nothing happens by importing": 1,
		"no order by sleeping": 1}
	for name, rule := range checks {
		if got := rule.check(example(t, rule.pkg, rule.bad)); len(got) != want[name] {
			t.Errorf("%s: found %d faults, want %d: %q", name, len(got), want[name], got)
		}
		if got := rule.check(example(t, rule.pkg, rule.good)); len(got) > 0 {
			t.Errorf("%s: found what is none: %q", name, got)
		}
	}
}

// example parses a file that is not there.
func example(t *testing.T, pkg, text string) source {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "example.go", "package example\n"+text, 0)
	if err != nil {
		t.Fatal(err)
	}
	return source{pkg + "/example.go", pkg, false, file, set}
}

// faults is what is wrong with one file.
type faults []string

func (f *faults) add(s source, node ast.Node, format string, args ...any) {
	*f = append(*f, s.at(node)+": "+fmt.Sprintf(format, args...))
}

// call takes pkg.name apart, if node is that.
func call(node ast.Node) (pkg, name string) {
	if selector, ok := node.(*ast.SelectorExpr); ok {
		if left, ok := selector.X.(*ast.Ident); ok {
			return left.Name, selector.Sel.Name
		}
	}
	return "", ""
}

// translates looks inside the dialects for what the import table cannot see.
func translates(s source) (found faults) {
	if s.test || path.Dir(s.pkg) != "internal/dialect" || s.pkg == "internal/dialect/talk" {
		return nil
	}
	timers := []string{"After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}
	addresses := []string{"SplitHostPort", "JoinHostPort", "ParseIP", "IP"}
	ast.Inspect(s.File, func(node ast.Node) bool {
		if _, ok := node.(*ast.GoStmt); ok {
			found.add(s, node, "a goroutine; a dialect has none")
		}
		switch pkg, name := call(node); {
		case pkg == "time" && slices.Contains(timers, name):
			found.add(s, node, "time.%s; a dialect says its deadline and is told when it has passed", name)
		case pkg == "net" && !slices.Contains(addresses, name):
			found.add(s, node, "net.%s; a dialect has no socket", name)
		}
		return true
	})
	return found
}

var (
	vagueType    = regexp.MustCompile(`(Manager|Impl|Handler|Utils?|Base|Helper)$`)
	vaguePackage = regexp.MustCompile(`^(common|util|utils|helper|helpers|base|misc|shared|types|interfaces)$`)
)

func named(s source) (found faults) {
	if vaguePackage.MatchString(s.Name.Name) {
		found.add(s, s.Name, "package %s; name it after what it owns", s.Name.Name)
	}
	if base := strings.TrimSuffix(path.Base(s.name), ".go"); vaguePackage.MatchString(base) {
		found.add(s, s.Name, "name the file after what is in it")
	}
	ast.Inspect(s.File, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); ok && vagueType.MatchString(spec.Name.Name) {
			found.add(s, spec, "type %s; say what it is", spec.Name.Name)
		}
		return true
	})
	return found
}

func inert(s source) (found faults) {
	for _, decl := range s.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			found.add(s, f, "func init; make it a function that app calls")
		}
	}
	return found
}

// awake leaves virtual time alone: in files that import testing/synctest sleeping
// takes none.
func awake(s source) (found faults) {
	if slices.Contains(s.imports(), "testing/synctest") || strings.HasPrefix(s.pkg, "test/bench") {
		return nil
	}
	ast.Inspect(s.File, func(node ast.Node) bool {
		if pkg, name := call(node); pkg == "time" && name == "Sleep" {
			found.add(s, node, "time.Sleep; wait for what must happen")
		}
		return true
	})
	return found
}

func TestGlobalsDoNotChange(t *testing.T) {
	packages := map[string][]source{}
	for _, s := range sources(t) {
		packages[s.pkg+" "+s.Name.Name] = append(packages[s.pkg+" "+s.Name.Name], s)
	}
	for _, files := range packages {
		for _, wrong := range constant(files) {
			t.Error(wrong)
		}
	}

	bad := example(t, "internal/core", `
		var a int; var b struct{ c map[int]int }; var d = 1; var g *int
		func f() { a = 1; b.c[2]++; d, e := 1, 2; if true { a, e = d, d }; *g = 3 }`)
	other := example(t, "internal/core", `func h() { a = 2 }`)
	if got := constant([]source{bad, other}); len(got) != 5 {
		t.Errorf("found %d faults, want 5: %q", len(got), got)
	}
	good := example(t, "internal/core", `
		var a int
		func f(t struct{ a int }) { a := 1; a = 2; var b int; b++; _ = func(a int) { a = 3 }; t.a = 4 }`)
	if got := constant([]source{good}); len(got) > 0 {
		t.Errorf("found what is none: %q", got)
	}
}

// constant finds assignments to variables of a package in its files.
func constant(files []source) (found faults) {
	// Imports stay unknown, and with them some types; names are found all the same.
	known := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	lenient := types.Config{Error: func(error) {}}
	var trees []*ast.File
	for _, s := range files {
		trees = append(trees, s.File)
	}
	checked, _ := lenient.Check(files[0].pkg, files[0].set, trees, known)
	for _, s := range files {
		ast.Inspect(s.File, func(node ast.Node) bool {
			for _, target := range changed(node) {
				if name := root(target); name != nil && known.Uses[name] != nil && known.Uses[name].Parent() == checked.Scope() {
					found.add(s, node, "changes %s, a variable of the package; pass a value instead", name.Name)
				}
			}
			return true
		})
	}
	return found
}

// changed lists what a statement assigns to.
func changed(node ast.Node) []ast.Expr {
	switch n := node.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	}
	return nil
}

// root is the variable at the left of a.b[c].d.
func root(e ast.Expr) *ast.Ident {
	for {
		switch n := e.(type) {
		case *ast.Ident:
			return n
		case *ast.SelectorExpr:
			e = n.X
		case *ast.IndexExpr:
			e = n.X
		case *ast.StarExpr:
			e = n.X
		case *ast.ParenExpr:
			e = n.X
		default:
			return nil
		}
	}
}
