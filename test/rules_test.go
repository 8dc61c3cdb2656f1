package test

import (
	"go/ast"
	"go/token"
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

var (
	vagueType    = regexp.MustCompile(`(Manager|Impl|Handler|Utils?|Base|Helper)$`)
	vaguePackage = regexp.MustCompile(`^(common|util|utils|helper|helpers|base|misc|shared|types|interfaces)$`)
)

func TestNamesSayWhatThingsAre(t *testing.T) {
	for _, s := range sources(t) {
		if vaguePackage.MatchString(s.Name.Name) {
			t.Errorf("%s: package %s; name it after what it owns", s.name, s.Name.Name)
		}
		if base := strings.TrimSuffix(path.Base(s.name), ".go"); vaguePackage.MatchString(base) {
			t.Errorf("%s: name the file after what is in it", s.name)
		}
		ast.Inspect(s.File, func(node ast.Node) bool {
			if spec, ok := node.(*ast.TypeSpec); ok && vagueType.MatchString(spec.Name.Name) {
				t.Errorf("%s: type %s; say what it is", s.at(spec), spec.Name.Name)
			}
			return true
		})
	}
}

func TestNothingHappensByImporting(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init; make it a function that app calls", s.at(f))
			}
		}
	}
}

// TestNoOrderBySleeping leaves virtual time alone: in files of tests that import
// testing/synctest, and in those that play transcripts in it, sleeping takes none.
func TestNoOrderBySleeping(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains(s.imports(), "testing/synctest") || strings.HasPrefix(s.pkg, "test/bench") {
			continue
		}
		ast.Inspect(s.File, func(node ast.Node) bool {
			if call, ok := node.(*ast.SelectorExpr); ok && call.Sel.Name == "Sleep" {
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" {
					t.Errorf("%s: time.Sleep; wait for what must happen", s.at(call))
				}
			}
			return true
		})
	}
}

// TestGlobalsDoNotChange finds assignments to variables of a package. One that is
// hidden by a local variable of the same name in another file is not understood;
// rename the local one.
func TestGlobalsDoNotChange(t *testing.T) {
	all := sources(t)
	globals := map[string]map[string]bool{} // by package
	for _, s := range all {
		for _, decl := range s.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if globals[s.pkg] == nil {
						globals[s.pkg] = map[string]bool{}
					}
					globals[s.pkg][name.Name] = name.Name != "_"
				}
			}
		}
	}
	for _, s := range all {
		ast.Inspect(s.File, func(node ast.Node) bool {
			for _, target := range changed(node) {
				if name := root(target); name != nil && globals[s.pkg][name.Name] && isGlobal(s, name) {
					t.Errorf("%s: changes %s, a variable of the package; pass a value instead", s.at(node), name.Name)
				}
			}
			return true
		})
	}
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

// isGlobal tells whether a name is declared outside the functions of its file: by
// a declaration of the file, or of another file, which the parser does not see.
func isGlobal(s source, name *ast.Ident) bool {
	return name.Obj == nil || s.Scope.Lookup(name.Name) == name.Obj
}
