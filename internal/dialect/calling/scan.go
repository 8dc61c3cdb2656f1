package calling

import (
	"unicode/utf16"
	"unicode/utf8"
)

// This file is the only one that reads JSON (RFC 8259). It is written by hand
// for two reasons: keys are taken exactly as they stand, where encoding/json
// would take "Type" for "type", and a message is read in one pass without
// memory of its own, so that what it carries for others passes untouched.

// kind is what a JSON value is.
type kind uint8

const (
	absent kind = iota // there is no such value
	null
	boolean
	number
	text
	object
	array
)

// value is a JSON value as it stands in a message.
type value struct {
	kind kind
	raw  []byte
}

// given tells whether there is a value other than null.
func (v value) given() bool { return v.kind > null }

// string returns what a text says.
func (v value) string() string { return string(v.bytes()) }

// bytes returns what a text says; often it is part of the message itself.
func (v value) bytes() []byte { return unquote(v.raw) }

// deepest is how deep values may be nested. Nobody writes such by hand, and
// readers of the receiving side have limits of their own.
const deepest = 512

// scanner reads one JSON text.
type scanner struct {
	b     []byte
	at    int
	depth int
}

// members calls f with each member of an object, in order; a key may come
// twice. Key is as it stands, with its quotes. It tells whether raw, which must
// be valid, is an object.
func members(raw []byte, f func(key []byte, v value)) bool {
	s := scanner{b: raw}
	return s.object(f)
}

// elements calls f with each element of an array.
func elements(raw []byte, f func(v value)) bool {
	s := scanner{b: raw}
	return s.array(f)
}

// parse reads a text that is one JSON value with nothing but white space around
// it. If it is an object, f is called with each member, perhaps before the text
// turns out to be none.
func parse(b []byte, f func(key []byte, v value)) (kind, bool) {
	s := scanner{b: b}
	s.space()
	k := s.kind()
	ok := false
	if k == object {
		ok = s.object(f)
	} else {
		_, ok = s.value()
	}
	s.space()
	return k, ok && s.at == len(b) && utf8.Valid(b)
}

// valid tells whether b is one JSON value.
func valid(b []byte) bool {
	_, ok := parse(b, func([]byte, value) {})
	return ok
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// kind guesses what comes next from its first letter.
func (s *scanner) kind() kind {
	if s.at == len(s.b) {
		return absent
	}
	switch c := s.b[s.at]; c {
	case '{':
		return object
	case '[':
		return array
	case '"':
		return text
	case 't', 'f':
		return boolean
	case 'n':
		return null
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return number
		}
	}
	return absent
}

// value reads any value.
func (s *scanner) value() (value, bool) {
	from, k := s.at, s.kind()
	ok := false
	switch k {
	case object:
		ok = s.object(nil)
	case array:
		ok = s.array(nil)
	case text:
		ok = s.text()
	case number:
		ok = s.number()
	case boolean:
		ok = s.word("true") || s.word("false")
	case null:
		ok = s.word("null")
	}
	return value{k, s.b[from:s.at]}, ok
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.at < len(w) || string(s.b[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) object(f func(key []byte, v value)) bool {
	if s.depth++; s.depth > deepest || !s.take('{') {
		return false
	}
	s.space()
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return false
		}
		s.space()
		from := s.at
		if !s.text() {
			return false
		}
		key := s.b[from:s.at]
		s.space()
		if !s.take(':') {
			return false
		}
		s.space()
		v, ok := s.value()
		if !ok {
			return false
		}
		if f != nil {
			f(key, v)
		}
		s.space()
	}
	s.depth--
	return true
}

func (s *scanner) array(f func(value)) bool {
	if s.depth++; s.depth > deepest || !s.take('[') {
		return false
	}
	s.space()
	for first := true; !s.take(']'); first = false {
		if !first && !s.take(',') {
			return false
		}
		s.space()
		v, ok := s.value()
		if !ok {
			return false
		}
		if f != nil {
			f(v)
		}
		s.space()
	}
	s.depth--
	return true
}

func (s *scanner) text() bool {
	if !s.take('"') {
		return false
	}
	for s.at < len(s.b) {
		c := s.b[s.at]
		s.at++
		switch {
		case c == '"':
			return true
		case c < ' ':
			return false
		case c == '\\':
			if !s.escape() {
				return false
			}
		}
	}
	return false
}

func (s *scanner) escape() bool {
	if s.at == len(s.b) {
		return false
	}
	c := s.b[s.at]
	s.at++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		if len(s.b)-s.at < 4 {
			return false
		}
		_, ok := hex4(s.b[s.at:])
		s.at += 4
		return ok
	}
	return false
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

func hex4(b []byte) (rune, bool) {
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unquote returns what a valid JSON text says. Half a surrogate pair becomes
// U+FFFD. Without escapes the result is part of raw.
func unquote(raw []byte) []byte {
	in := raw[1 : len(raw)-1]
	plain := true
	for _, c := range in {
		if c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return in
	}
	out := make([]byte, 0, len(in))
	for len(in) > 0 {
		if in[0] != '\\' {
			out = append(out, in[0])
			in = in[1:]
			continue
		}
		var r rune
		r, in = unescape(in)
		out = utf8.AppendRune(out, r) // half a pair is written as U+FFFD
	}
	return out
}

var escapes = [256]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape takes one escape, or two that are a pair, from the beginning of in,
// which is valid. It returns half a pair as it is.
func unescape(in []byte) (rune, []byte) {
	if in[1] != 'u' {
		return escapes[in[1]], in[2:]
	}
	r, _ := hex4(in[2:])
	in = in[6:]
	if utf16.IsSurrogate(r) && len(in) >= 6 && in[0] == '\\' && in[1] == 'u' {
		low, _ := hex4(in[2:])
		if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
			return whole, in[6:]
		}
	}
	return r, in
}
