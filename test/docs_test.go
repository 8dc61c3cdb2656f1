package test

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"switchboard/internal/config"

	"github.com/google/go-cmp/cmp"
)

// generated lists the pages that programs write, by what writes them to standard
// output.
var generated = map[string][]string{
	"docs/operate/configuration.md": {"./internal/config/reference", "-out", "-", "internal/config/config.go", "internal/config/dialects.go"},
}

func TestGeneratedPagesAreCurrent(t *testing.T) {
	for page, program := range generated {
		command := exec.Command("go", append([]string{"run"}, program...)...)
		command.Dir = ".."
		command.Stderr = os.Stderr
		want, err := command.Output()
		if err != nil {
			t.Errorf("%s: %v", page, err)
			continue
		}
		if diff := cmp.Diff(string(want), read(t, page)); diff != "" {
			t.Errorf("%s is old; run make generate (-want +got):\n%s", page, diff)
		}
	}
}

// pages lists what people read.
func pages(t *testing.T) []string {
	t.Helper()
	var names []string
	walk(t, func(name string) {
		if path.Ext(name) == ".md" {
			names = append(names, name)
		}
	})
	return names
}

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	quotedPath = regexp.MustCompile("`((?:internal|docs|test|ui|scripts|changelog|tools)/[A-Za-z0-9_./-]*)`")
)

// TestPathsInPagesExist follows links to files and paths in backquotes.
func TestPathsInPagesExist(t *testing.T) {
	for _, page := range pages(t) {
		text := read(t, page)
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(found[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			exists(t, page, path.Join(path.Dir(page), target))
		}
		for _, found := range quotedPath.FindAllStringSubmatch(text, -1) {
			exists(t, page, found[1])
		}
	}
}

func exists(t *testing.T, page, name string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(name))); err != nil {
		t.Errorf("%s names %s, which is not there", page, name)
	}
}

// TestPagesNewcomersNeed fails when one of them is missing or empty.
func TestPagesNewcomersNeed(t *testing.T) {
	for _, page := range []string{
		"README.md", "CONTRIBUTING.md", "LICENSE", "docs/architecture.md", "docs/dialects.md", "docs/performance.md",
		"docs/operate/configuration.md", "docs/operate/install.md", "docs/operate/metrics.md",
	} {
		if info, err := os.Stat(filepath.Join("..", filepath.FromSlash(page))); err != nil || info.Size() == 0 {
			t.Errorf("%s is missing", page)
		}
	}
	// Where to change what: the places that a newcomer looks for first.
	text := read(t, "docs/architecture.md")
	for _, place := range []string{
		"internal/dialect/kurento/wire.go", "internal/dialect/kurento/errors.go", "internal/core/permission.go", "internal/core/room.go",
		"internal/core/routes.go", "internal/core/call.go", "internal/media/rtc", "internal/store/sql", "internal/config/config.go", "ui", "internal/app/app.go",
	} {
		if !strings.Contains(text, "("+"../"+place) {
			t.Errorf("docs/architecture.md does not lead to %s", place)
		}
	}
	dialects := map[string]bool{}
	for _, s := range sources(t) {
		dialects[s.pkg] = path.Dir(s.pkg) == "internal/dialect" && s.pkg != "internal/dialect/talk"
	}
	for folder, is := range dialects {
		if is {
			exists(t, "the rule that a dialect's README is its manual", path.Join(folder, "README.md"))
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestConfigurationsInPagesAreAccepted loads every YAML example. Files that an
// example names need not be here.
func TestConfigurationsInPagesAreAccepted(t *testing.T) {
	count := 0
	for _, page := range pages(t) {
		for _, block := range yamlBlock.FindAllStringSubmatch(read(t, page), -1) {
			count++
			file := filepath.Join(t.TempDir(), "example.yaml")
			if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(file, nil, nil)
			var mistakes config.Mistakes
			if err != nil && !errors.As(err, &mistakes) {
				t.Errorf("%s: %v", page, err)
			}
			for _, m := range mistakes {
				if !strings.HasPrefix(m.Text, "there is no file") && !strings.HasPrefix(m.Text, "read the secret:") {
					t.Errorf("%s: %s", page, m)
				}
			}
		}
	}
	if count == 0 {
		t.Error("no page has an example of a configuration")
	}
}

var (
	limitRow = regexp.MustCompile("(?m)^\\| `(limits\\.[a-z_]+)` .*$")
	quoted   = regexp.MustCompile(`"([^"]+)"`)
)

// TestErrorsOfLimitsAreSaid holds the errors that the configuration page quotes
// against those that the core says; an ellipsis stands for a name or a number.
func TestErrorsOfLimitsAreSaid(t *testing.T) {
	var core strings.Builder
	for _, s := range sources(t) {
		if s.pkg == "internal/core" && !s.test {
			core.WriteString(read(t, s.name))
		}
	}
	count := 0
	for _, row := range limitRow.FindAllStringSubmatch(read(t, "docs/operate/configuration.md"), -1) {
		for _, said := range quoted.FindAllStringSubmatch(row[0], -1) {
			count++
			pattern := strings.ReplaceAll(regexp.QuoteMeta(said[1]), "…", "'?%[sd]'?")
			if !regexp.MustCompile(`"[^"\n]*` + pattern).MatchString(core.String()) {
				t.Errorf("%s: nothing in the core says %q", row[1], said[1])
			}
		}
	}
	if count == 0 {
		t.Error("the page quotes no error")
	}
}

var (
	target  = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	useMake = regexp.MustCompile("`make ([a-z-]+)|(?m)^ *(?:\\$ )?make ([a-z-]+)")
)

// TestMakeTargetsInPagesExist reads "make x" in the pages.
func TestMakeTargetsInPagesExist(t *testing.T) {
	targets := map[string]bool{}
	for _, found := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[found[1]] = true
	}
	for _, page := range pages(t) {
		for _, found := range useMake.FindAllStringSubmatch(read(t, page), -1) {
			if name := found[1] + found[2]; !targets[name] {
				t.Errorf("%s says make %s, which the Makefile does not know", page, name)
			}
		}
	}
}

var fragmentHead = regexp.MustCompile(`^(Added|Changed|Fixed|Removed|Security): \S.*[^.]\n\n\S`)

// TestChangelogFragments holds them to changelog/TEMPLATE.
func TestChangelogFragments(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("..", "changelog", "unreleased"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := path.Join("changelog/unreleased", entry.Name()); !fragmentHead.MatchString(read(t, name)) {
			t.Errorf("%s is not in the form of changelog/TEMPLATE", name)
		}
	}
}
