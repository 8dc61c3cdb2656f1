package config

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// node puts one YAML node into v. Every mistake is noted with its place and the
// rest goes on, so that all are told at once.
func (l *loader) node(doc document, node ast.Node, v reflect.Value, path string) {
	pos := node.GetToken().Position
	at := doc.at(pos.Line, pos.Column, v.Type() == reflect.TypeFor[Secret]())
	if !isSection(v.Type()) || strings.HasSuffix(path, "]") {
		l.places[path] = at // a section is not where its defaults stand
	}
	switch n := node.(type) {
	case *ast.NullNode:
		// A section whose lines are all comments is null.
		if !isSection(v.Type()) {
			l.mistake(path, at, "has no value; write one or remove the line")
		}
	case *ast.MappingNode:
		l.mapping(doc, n.Values, v, path, at)
	case *ast.MappingValueNode:
		l.mapping(doc, []*ast.MappingValueNode{n}, v, path, at)
	case *ast.SequenceNode:
		l.sequence(doc, n, v, path, at)
	case *ast.StringNode:
		l.scalar(n.Value, v, path, at)
	case *ast.LiteralNode:
		l.scalar(n.Value.Value, v, path, at)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		l.scalar(n.GetToken().Value, v, path, at)
	default:
		l.mistake(path, at, "is a YAML %s, which is not understood here; write a plain value", node.Type())
	}
}

func (l *loader) mapping(doc document, pairs []*ast.MappingValueNode, v reflect.Value, path string, at place) {
	if !isSection(v.Type()) {
		l.mistake(path, at, "must be %s, not a section", kindOf(v.Type()))
		return
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		full := strings.TrimPrefix(path+"."+name, ".")
		pos := pair.Key.GetToken().Position
		field, found := fieldOf(v, name)
		if !found {
			l.mistake(full, doc.at(pos.Line, pos.Column, true), "unknown key%s", suggest(name, keysOf(v.Type())))
			continue
		}
		if seen[name] {
			l.mistake(full, doc.at(pos.Line, pos.Column, true), "written twice; remove one")
			continue
		}
		seen[name] = true
		l.node(doc, pair.Value, field, full)
	}
}

func (l *loader) sequence(doc document, n *ast.SequenceNode, v reflect.Value, path string, at place) {
	if v.Kind() != reflect.Slice {
		l.mistake(path, at, "must be %s, not a list", kindOf(v.Type()))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Values), len(n.Values))
	for i, element := range n.Values {
		l.node(doc, element, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(list)
}

// scalar puts a text into v. For a list the text is its elements between commas.
func (l *loader) scalar(text string, v reflect.Value, path string, at place) {
	if v.Kind() == reflect.Slice {
		list := reflect.MakeSlice(v.Type(), 0, 1)
		for element := range strings.SplitSeq(text, ",") {
			if element = strings.TrimSpace(element); element == "" {
				continue
			}
			list = reflect.Append(list, reflect.Zero(v.Type().Elem()))
			l.scalar(element, list.Index(list.Len()-1), fmt.Sprintf("%s[%d]", path, list.Len()-1), at)
		}
		v.Set(list)
		return
	}
	if err := setScalar(text, v); err != nil {
		l.mistake(path, at, "%s", err)
	}
}

func setScalar(text string, v reflect.Value) error {
	switch target := v.Addr().Interface().(type) {
	case *Listen:
		target.Address = text
	case *Secret:
		secret, err := readSecret(text)
		*target = secret
		return err
	case *Size:
		size, err := parseSize(text)
		*target = size
		return err
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration; write a number with a unit, such as 500ms, 30s, 5m or 12h", text)
		}
		*target = d
	case *string:
		*target = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		*target = n
	case *bool:
		return setBool(text, target)
	case **bool:
		*target = new(bool)
		return setBool(text, *target)
	default:
		return fmt.Errorf("must be %s", kindOf(v.Type()))
	}
	return nil
}

func setBool(text string, target *bool) error {
	switch strings.ToLower(text) {
	case "true", "false":
		*target = strings.EqualFold(text, "true")
		return nil
	}
	return fmt.Errorf("%q is neither true nor false", text)
}

// readSecret hides text, or what the file holds that it names by ${file:PATH}.
func readSecret(text string) (Secret, error) {
	path, found := strings.CutPrefix(text, "${file:")
	if !found {
		return NewSecret(text), nil
	}
	path, closed := strings.CutSuffix(path, "}")
	if !closed {
		return Secret{}, fmt.Errorf("the closing brace of ${file:PATH} is missing")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read the secret: %w", err)
	}
	secret := NewSecret(strings.TrimRight(string(content), "\r\n"))
	if !secret.IsSet() {
		return Secret{}, fmt.Errorf("the file %s is empty", path)
	}
	return secret, nil
}

// key is the name of a field in the file.
func key(field reflect.StructField) string { return field.Tag.Get("yaml") }

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, key(t.Field(i)))
	}
	return keys
}

func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	if !isSection(v.Type()) {
		return reflect.Value{}, false
	}
	for i := range v.NumField() {
		if key(v.Type().Field(i)) == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// isSection tells whether t has keys of its own in the file.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[Secret]()
}

// kindOf says in words what a value of type t is.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Size]():
		return "a size such as 64KiB"
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s"
	case t == reflect.TypeFor[Secret](), t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Bool, t.Kind() == reflect.Pointer:
		return "true or false"
	case isSection(t):
		return "a section with the keys " + strings.Join(keysOf(t), ", ")
	}
	return "a whole number"
}

// suggest finds the name nearest to a mistyped one, as "; did you mean x?".
func suggest(name string, names []string) string {
	best, distance := "", len(name)/3+2
	for _, candidate := range names {
		if d := editDistance(name, candidate); d < distance || d == distance && candidate < best {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// editDistance counts the letters to add, remove or replace to make a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
