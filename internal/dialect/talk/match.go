package talk

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// variables are the names a transcript has bound, and those every transcript
// begins with.
type variables map[string]string

var reference = regexp.MustCompile(`\$(?:([A-Za-z][A-Za-z0-9_]*)|\{([A-Za-z][A-Za-z0-9_]*)\})`)

// nameIn returns the name of a match of reference.
func nameIn(match []string) string { return match[1] + match[2] }

// fill puts bound values in place of $name and ${name}. quoted says that the
// text is JSON and values go into its strings.
func (v variables) fill(text string, quoted bool) (string, error) {
	var missing []string
	filled := reference.ReplaceAllStringFunc(text, func(ref string) string {
		name := nameIn(reference.FindStringSubmatch(ref))
		value, bound := v[name]
		if !bound {
			missing = append(missing, name)
		}
		if quoted {
			return escape(value)
		}
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("nothing is bound to $%s", strings.Join(missing, ", $"))
	}
	return filled, nil
}

// escape writes a value as it stands inside a JSON string.
func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(value)
}

// match compares what was sent with what the transcript says. It binds names
// and returns a line for each difference.
//
// In what the transcript says, a string "$name" binds the value or compares it,
// "$name" within a longer string or a key stands for the bound value, the string "..."
// stands for any value, and a key "..." in an object for any further keys.
func (v variables) match(want, got any, at string) []string {
	switch want := want.(type) {
	case string:
		return v.matchString(want, got, at)
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return differ(at, want, got)
		}
		return v.matchObject(want, object, at)
	case []any:
		return v.matchArray(want, got, at)
	}
	if want != got { // json.Number, bool or nil
		return differ(at, want, got)
	}
	return nil
}

func (v variables) matchString(want string, got any, at string) []string {
	if want == "..." {
		return nil
	}
	text, isText := got.(string)
	if m := reference.FindStringSubmatch(want); m != nil && m[0] == want {
		if _, bound := v[nameIn(m)]; !bound && isText {
			v[nameIn(m)] = text
			return nil
		}
	}
	filled, err := v.fill(want, false)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v; sent was %v", at, err, got)}
	}
	if !isText || text != filled {
		return differ(at, filled, got)
	}
	return nil
}

func (v variables) matchObject(want, got map[string]any, at string) (differences []string) {
	_, open := want["..."]
	want, err := v.fillKeys(want)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", at, err)}
	}
	for _, key := range sortedKeys(want) {
		value, present := got[key]
		switch {
		case key == "...":
		case !present:
			differences = append(differences, fmt.Sprintf("%s.%s: missing, want %s", at, key, show(want[key])))
		default:
			differences = append(differences, v.match(want[key], value, at+"."+key)...)
		}
	}
	for _, key := range sortedKeys(got) {
		if _, wanted := want[key]; !wanted && !open {
			differences = append(differences, fmt.Sprintf("%s.%s: unexpected, got %s", at, key, show(got[key])))
		}
	}
	return differences
}

// fillKeys puts bound values in place of $name in the keys of an object.
func (v variables) fillKeys(object map[string]any) (map[string]any, error) {
	filled := make(map[string]any, len(object))
	for key, value := range object {
		key, err := v.fill(key, false)
		if err != nil {
			return nil, err
		}
		filled[key] = value
	}
	return filled, nil
}

func (v variables) matchArray(want []any, got any, at string) (differences []string) {
	values, ok := got.([]any)
	if !ok || len(values) != len(want) {
		return differ(at, want, got)
	}
	for i := range want {
		differences = append(differences, v.match(want[i], values[i], fmt.Sprintf("%s[%d]", at, i))...)
	}
	return differences
}

func differ(at string, want, got any) []string {
	return []string{fmt.Sprintf("%s: want %s, got %s", at, show(want), show(got))}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
