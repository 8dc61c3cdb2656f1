package nkmedia

import (
	"encoding/json"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// form is what a field may look like (dossier 1.7).
type form uint8

const (
	textForm   form = iota // also numbers and truth values, which become their text
	intForm                // also a numeric text
	boolForm               // also 0, 1, "true" and "false"
	wordForm               // one of the words
	objectForm             // an object, checked by its fields if there are any
	listForm
	anyForm
)

// field is one member that a command understands.
type field struct {
	name   string
	form   form
	must   bool
	words  []string
	least  int
	most   int // 0: no bound
	fields []field
	also   []string // earlier names
}

// values are the members of a command's data that passed the check: string,
// int, bool, values, or json.RawMessage.
type values map[string]any

// check reads the data of a command. Unknown members are ignored, but named.
// Every member that is there is looked at first, in the order of the alphabet;
// then what is missing is named in the order of the fields.
func check(fields []field, data json.RawMessage) (values, *fault) {
	raw := map[string]json.RawMessage{}
	if data != nil && (data[0] != '{' || json.Unmarshal(data, &raw) != nil) {
		return nil, faultOf("syntax_error", "data")
	}
	v := make(values, len(raw))
	if bad := v.read(fields, raw, ""); bad != "" {
		return nil, faultOf("syntax_error", bad)
	}
	for _, f := range fields {
		for _, name := range f.also {
			if older, there := v[name]; there && !v.has(f.name) {
				v[f.name] = older
			}
		}
		if _, there := v[f.name]; f.must && !there {
			return nil, faultOf("missing_field", f.name)
		}
	}
	return v, nil
}

// read takes the members there are and returns the path of the first bad one.
func (v values) read(fields []field, raw map[string]json.RawMessage, path string) (bad string) {
	names := make([]string, 0, len(raw))
	for name := range raw {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name || slices.Contains(f.also, name) })
		if i < 0 {
			if path == "" {
				v.ignore(name)
			}
			continue
		}
		if len(raw[name]) == 0 {
			continue
		}
		value, inner := fields[i].value(raw[name], path+name)
		if inner != "" {
			return inner
		}
		v[name] = value
	}
	return ""
}

// value reads one member.
func (f *field) value(raw json.RawMessage, path string) (value any, bad string) {
	ok := true
	switch f.form {
	case textForm:
		value, ok = asText(raw)
	case wordForm:
		var s string
		s, ok = asWord(raw)
		value, ok = s, ok && slices.Contains(f.words, s)
	case intForm:
		var n int
		n, ok = asInt(raw)
		value, ok = n, ok && n >= f.least && (f.most == 0 || n <= f.most)
	case boolForm:
		value, ok = asBool(raw)
	case listForm:
		value, ok = raw, raw[0] == '['
	case objectForm:
		if raw[0] != '{' {
			return nil, path
		}
		if f.fields == nil {
			return raw, ""
		}
		members := map[string]json.RawMessage{}
		if json.Unmarshal(raw, &members) != nil {
			return nil, path
		}
		inner := make(values, len(members)+1)
		inner[whole] = raw
		if bad := inner.read(f.fields, members, path+"."); bad != "" {
			return nil, bad
		}
		return inner, ""
	default:
		value = raw
	}
	if !ok {
		return nil, path
	}
	return value, ""
}

// Names that no field has. Checked objects keep under whole how they came,
// unknown members included; the data of a command keeps under ignored the names
// of its unknown members.
const (
	whole   = ""
	ignored = "?"
)

const mostIgnored = 32 // names that are kept

func (v values) ignore(name string) {
	if names, _ := v[ignored].([]string); len(names) < mostIgnored {
		v[ignored] = append(names, shorten(name))
	}
}

func asWord(raw json.RawMessage) (s string, ok bool) {
	return s, raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}

func asText(raw json.RawMessage) (string, bool) {
	switch raw[0] {
	case '{', '[':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	}
	return string(raw), true
}

func asInt(raw json.RawMessage) (int, bool) {
	s, ok := asText(raw)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		return 0, false
	}
	return int(n), true
}

func asBool(raw json.RawMessage) (value, ok bool) {
	s, ok := asText(raw)
	switch {
	case !ok:
		return false, false
	case strings.EqualFold(s, "true"), s == "1":
		return true, true
	case strings.EqualFold(s, "false"), s == "0":
		return false, true
	}
	return false, false
}

// text returns the first of the members that is there: the latest spelling
// stands first (dossier 2.5).
func (v values) text(names ...string) string {
	for _, name := range names {
		if s, ok := v[name].(string); ok {
			return s
		}
	}
	return ""
}

func (v values) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, there := v[name]; return there })
}

func (v values) number(names ...string) int {
	for _, name := range names {
		if n, ok := v[name].(int); ok {
			return n
		}
	}
	return 0
}

// flag returns a truth value, or what stands for it when it is missing.
func (v values) flag(name string, otherwise bool) bool {
	if b, ok := v[name].(bool); ok {
		return b
	}
	return otherwise
}

func (v values) raw(names ...string) json.RawMessage {
	for _, name := range names {
		if raw, ok := v[name].(json.RawMessage); ok {
			return raw
		}
	}
	return nil
}

func (v values) object(name string) values {
	inner, _ := v[name].(values)
	return inner
}
