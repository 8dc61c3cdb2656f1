package omikron

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// member is one member of an object as it stands in a message.
type member struct {
	key   string
	value json.RawMessage
}

// members lists an object's members in order; of keys that come twice the last
// one counts. It tells false for anything that is not one valid JSON object.
func members(b []byte) ([]member, bool) {
	if !json.Valid(b) || !utf8.Valid(b) {
		return nil, false
	}
	return split(b)
}

// mostMembers is how many an object that is looked into may have.
const mostMembers = 256

// split is members for what is known to be valid JSON.
func split(b []byte) ([]member, bool) {
	i := space(b, 0)
	if i == len(b) || b[i] != '{' {
		return nil, false
	}
	all := make([]member, 0, 8)
	for i = space(b, i+1); b[i] != '}'; i = space(b, i) {
		end := skip(b, i)
		key := text(b[i:end])
		i = space(b, space(b, end)+1) // past the colon
		end = skip(b, i)
		if all = set(all, key, b[i:end:end]); len(all) > mostMembers {
			return nil, false
		}
		if i = space(b, end); b[i] == ',' {
			i = space(b, i+1)
		}
	}
	return all, true
}

// elements lists an array's elements; b is valid JSON.
func elements(b []byte) (all []json.RawMessage) {
	i := space(b, 0)
	if i == len(b) || b[i] != '[' {
		return nil
	}
	for i = space(b, i+1); b[i] != ']'; {
		end := skip(b, i)
		all = append(all, b[i:end:end])
		if i = space(b, end); b[i] == ',' {
			i = space(b, i+1)
		}
	}
	return all
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skip returns where the value ends that begins at i of valid JSON.
func skip(b []byte, i int) int {
	depth := 0
	for ; ; i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			if depth == 0 { // a number or a word
				for i < len(b) && plain(b[i]) {
					i++
				}
				return i
			}
		}
	}
}

// plain tells whether a letter can be part of a number or a word.
func plain(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

// text returns what a JSON string says; "" for other values.
func text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	for _, c := range raw[1 : len(raw)-1] {
		if c == '\\' {
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return ""
			}
			return s
		}
	}
	return string(raw[1 : len(raw)-1])
}

// get returns a member's value, nil if there is none.
func get(all []member, key string) json.RawMessage {
	for i := range all {
		if all[i].key == key {
			return all[i].value
		}
	}
	return nil
}

// set replaces a member's value in place, or appends it.
func set(all []member, key string, value json.RawMessage) []member {
	for i := range all {
		if all[i].key == key {
			all[i].value = value
			return all
		}
	}
	return append(all, member{key, value})
}

// without drops a member.
func without(all []member, key string) []member {
	for i := range all {
		if all[i].key == key {
			return append(all[:i:i], all[i+1:]...)
		}
	}
	return all
}

// appendObject writes an object.
func appendObject(b []byte, all []member) []byte {
	b = append(b, '{')
	for i, m := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendText(b, m.key), ':'), m.value...)
	}
	return append(b, '}')
}

// appendText writes a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			q, _ := json.Marshal(s) // a string always can be written
			return append(b, q...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// quote returns a JSON string.
func quote(s string) json.RawMessage { return appendText(make([]byte, 0, len(s)+2), s) }

// number returns a JSON number.
func number(n int64) json.RawMessage { return strconv.AppendInt(nil, n, 10) }
