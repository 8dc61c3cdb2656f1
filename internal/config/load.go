package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// EnvPrefix begins the name of every environment variable that sets an option:
// SWITCHBOARD_MEDIA_ADDRESS sets media.address.
const EnvPrefix = "SWITCHBOARD_"

// Load makes the configuration: the defaults, changed by the YAML file at path
// (none if path is empty), then by env ("NAME=value" as os.Environ gives them),
// then by set (option path to text, from flags). Its error is a Mistakes with
// everything that is wrong, or says why the file cannot be read.
func Load(path string, env []string, set map[string]string) (*Config, error) {
	l := &loader{config: Default(), places: map[string]place{}, wrong: map[string]bool{}}
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		l.file(filepath.Base(path), text)
	}
	l.environment(env)
	for _, option := range slices.Sorted(maps.Keys(set)) {
		l.text(option, set[option], place{where: "--set " + option})
	}
	l.check()
	if len(l.mistakes) > 0 {
		return nil, l.mistakes
	}
	return l.config, nil
}

// Options lists the path of every option that the environment and flags can set,
// in the order of the structure.
func Options() []string {
	var paths []string
	var walk func(t reflect.Type, prefix string)
	walk = func(t reflect.Type, prefix string) {
		for i := range t.NumField() {
			field := t.Field(i)
			path := prefix + key(field)
			if isSection(field.Type) {
				walk(field.Type, path+".")
			} else {
				paths = append(paths, path)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return paths
}

// EnvName is the environment variable that sets the option at path.
func EnvName(path string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// loader collects values and mistakes while a configuration is made.
type loader struct {
	config   *Config
	places   map[string]place // where each option was set last
	wrong    map[string]bool  // paths with a mistake already, not to be told twice
	mistakes Mistakes
}

func (l *loader) mistake(path string, at place, format string, args ...any) {
	l.wrong[path] = true
	l.mistakes = append(l.mistakes, Mistake{path, fmt.Sprintf(format, args...), at.where, at.excerpt})
}

func (l *loader) file(name string, text []byte) {
	doc := newDocument(name, text)
	// Keys written twice are told with the other mistakes, not by the parser.
	tree, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := place{where: name}
		if e, ok := err.(yaml.Error); ok && e.GetToken() != nil {
			pos := e.GetToken().Position
			l.mistake("", doc.at(pos.Line, pos.Column, false), "%s", e.GetMessage())
			return
		}
		l.mistake("", at, "not YAML")
		return
	}
	documents := 0
	for _, d := range tree.Docs {
		if d.Body == nil {
			continue
		}
		if documents++; documents > 1 {
			pos := d.Body.GetToken().Position
			l.mistake("", doc.at(pos.Line, pos.Column, false), "a second document; write everything in one, without ---")
			return
		}
		l.node(doc, d.Body, reflect.ValueOf(l.config).Elem(), "")
	}
}

// environment reads the variables that begin with EnvPrefix. One that sets no
// option is a mistake, as an unknown key is, but for those that others make:
// SWITCHBOARD_CONFIG is the flag --config, SWITCHBOARD_TEST_… is for tests, and
// Kubernetes describes a service named switchboard in SWITCHBOARD_PORT… and
// SWITCHBOARD_SERVICE_….
func (l *loader) environment(env []string) {
	options := map[string]string{}
	for _, path := range Options() {
		options[EnvName(path)] = path
	}
	for _, entry := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours {
			continue
		}
		if path, known := options[name]; known {
			l.text(path, value, place{where: name})
		} else if !isForeign(rest) {
			l.mistake("", place{where: name}, "no option has this name%s", suggest(name, slices.Collect(maps.Keys(options))))
		}
	}
}

func isForeign(rest string) bool {
	return rest == "CONFIG" || rest == "PORT" || strings.HasPrefix(rest, "PORT_") ||
		strings.HasPrefix(rest, "SERVICE_") || strings.HasPrefix(rest, "TEST_")
}

// text sets the option at path from a text of the environment or a flag.
func (l *loader) text(path, text string, at place) {
	v := reflect.ValueOf(l.config).Elem()
	for name := range strings.SplitSeq(path, ".") {
		field, found := fieldOf(v, name)
		if !found {
			l.mistake(path, at, "no option has this name%s", suggest(path, Options()))
			return
		}
		v = field
	}
	if isSection(v.Type()) {
		l.mistake(path, at, "is a section; set one of its options, such as %s.%s", path, key(v.Type().Field(0)))
		return
	}
	l.places[path] = at
	if v.Kind() != reflect.Slice || !strings.HasPrefix(text, "[") {
		l.scalar(text, v, path, at)
		return
	}
	tree, err := parser.ParseBytes([]byte(text), 0)
	if err != nil || len(tree.Docs) != 1 {
		l.mistake(path, at, "is no YAML list; write [a, b] or a,b")
		return
	}
	l.node(document{name: at.where}, tree.Docs[0].Body, v, path)
}

// check adds what Check finds, with the place of each value, but not for options
// that could not be read in the first place.
func (l *loader) check() {
	for _, m := range l.config.problems() {
		if l.wrong[m.Path] {
			continue
		}
		at := l.placeOf(m.Path)
		m.Where, m.Excerpt = at.where, at.excerpt
		l.mistakes = append(l.mistakes, m)
	}
}

// placeOf finds where the option at path, or the list or section it is in, was
// written.
func (l *loader) placeOf(path string) place {
	for path != "" {
		if at, found := l.places[path]; found {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return place{}
}
