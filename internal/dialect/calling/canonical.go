package calling

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// canonical writes a valid JSON value so that equal values are equal bytes: no
// white space, keys sorted and each once (the last wins), the shortest form of
// each text and number. Nothing of the value is lost; numbers are not rounded.
func canonical(v value) []byte {
	s := scanner{b: v.raw}
	return s.canonical(make([]byte, 0, len(v.raw)))
}

// canonical appends the canonical form of the value that comes next. It reads
// everything once, however deep it is nested.
func (s *scanner) canonical(b []byte) []byte {
	switch s.kind() {
	case array:
		return s.canonicalArray(b)
	case object:
		return s.canonicalObject(b)
	}
	v, _ := s.value()
	switch v.kind {
	case text:
		return appendText(b, v.raw)
	case number:
		return appendNumber(b, v.raw)
	}
	return append(b, v.raw...)
}

func (s *scanner) canonicalArray(b []byte) []byte {
	b = append(b, '[')
	s.take('[')
	s.space()
	for first := true; !s.take(']'); first = false {
		if !first {
			s.take(',')
			s.space()
			b = append(b, ',')
		}
		b = s.canonical(b)
		s.space()
	}
	return append(b, ']')
}

func (s *scanner) canonicalObject(b []byte) []byte {
	var all []member
	s.take('{')
	s.space()
	for first := true; !s.take('}'); first = false {
		if !first {
			s.take(',')
			s.space()
		}
		from := s.at
		s.text()
		key := appendText(nil, s.b[from:s.at])
		s.space()
		s.take(':')
		s.space()
		all = append(all, member{key, value{raw: s.canonical(nil)}})
		s.space()
	}
	slices.SortStableFunc(all, func(x, y member) int { return bytes.Compare(x.key, y.key) })
	last := all[:0]
	for i, m := range all {
		if i == len(all)-1 || !bytes.Equal(m.key, all[i+1].key) {
			last = append(last, m)
		}
	}
	return appendMembers(b, last)
}

// member is a member of an object: its key in canonical form, quotes included.
type member struct {
	key   []byte
	value value
}

// membersOf lists the members of a valid object in order, each key once with
// the value that came last. An array counts as an object with its indices as
// keys (dossier 2.9).
func membersOf(raw []byte) []member {
	var all []member
	if raw[0] == '[' {
		elements(raw, func(v value) {
			all = append(all, member{strconv.AppendQuote(nil, strconv.Itoa(len(all))), v})
		})
		return all
	}
	seen := map[string]int{}
	members(raw, func(key []byte, v value) {
		key = appendText(nil, key)
		if i, twice := seen[string(key)]; twice {
			all[i].value = v
			return
		}
		seen[string(key)] = len(all)
		all = append(all, member{key, v})
	})
	return all
}

func appendMembers(b []byte, all []member) []byte {
	b = append(b, '{')
	for i, m := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, m.key...), ':')
		b = append(b, m.value.raw...)
	}
	return append(b, '}')
}

// appendText writes a text with as few escapes as there can be. Half a
// surrogate pair, which JSON allows, stays an escape.
func appendText(b, raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return append(b, raw...)
	}
	b = append(b, '"')
	for in := raw[1 : len(raw)-1]; len(in) > 0; {
		if in[0] != '\\' {
			b = append(b, in[0])
			in = in[1:]
			continue
		}
		var r rune
		r, in = unescape(in)
		switch {
		case utf16.IsSurrogate(r):
			b = append(append(b, '\\', 'u'), strconv.FormatInt(int64(r), 16)...)
		case r < utf8.RuneSelf:
			b = appendByte(b, byte(r))
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// appendNumber writes a number as browsers do (ECMA-262 section 6.1.6.1.20),
// but with all its digits.
func appendNumber(b, raw []byte) []byte {
	mantissa, exponent := raw, 0
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		n, err := strconv.Atoi(string(raw[i+1:]))
		if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
			return append(b, raw...) // beyond anything that is compared
		}
		mantissa, exponent = raw[:i], n
	}
	negative := mantissa[0] == '-'
	if negative {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits := append(slices.Clone(whole), fraction...)
	exponent -= len(fraction)
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		exponent++
	}
	digits = bytes.TrimLeft(digits, "0")
	if len(digits) == 0 {
		return append(b, '0') // minus nothing too
	}
	if negative {
		b = append(b, '-')
	}
	return appendDecimal(b, digits, len(digits)+exponent)
}

// appendDecimal writes 0.digits times ten to the power of point.
func appendDecimal(b, digits []byte, point int) []byte {
	zeros := func(n int) { b = append(b, bytes.Repeat([]byte("0"), n)...) }
	switch {
	case point > 21 || point <= -6:
		b = append(b, digits[0])
		if len(digits) > 1 {
			b = append(append(b, '.'), digits[1:]...)
		}
		b = append(b, 'e')
		if point > 0 {
			b = append(b, '+')
		}
		return strconv.AppendInt(b, int64(point-1), 10)
	case point >= len(digits):
		b = append(b, digits...)
		zeros(point - len(digits))
	case point > 0:
		b = append(append(append(b, digits[:point]...), '.'), digits[point:]...)
	default:
		b = append(b, "0."...)
		zeros(-point)
		b = append(b, digits...)
	}
	return b
}

// emptyObject is the status of those who set none.
var emptyObject = []byte("{}")

// overlay is the merged status: the global one, key by key replaced by the one
// of a room (dossier 2.9). Both are valid objects or arrays.
func overlay(global, own []byte) []byte {
	switch { // usual, and known without reading
	case bytes.Equal(global, emptyObject) && own[0] == '{':
		return own
	case bytes.Equal(own, emptyObject) && global[0] == '{':
		return global
	}
	below, above := membersOf(global), membersOf(own)
	switch {
	case len(above) == 0 && global[0] == '{':
		return global
	case len(below) == 0 && own[0] == '{':
		return own
	}
	replaced := make(map[string]int, len(below))
	for i, m := range below {
		replaced[string(m.key)] = i
	}
	for _, m := range above {
		if i, ok := replaced[string(m.key)]; ok {
			below[i].value = m.value
		} else {
			below = append(below, m)
		}
	}
	return appendMembers(make([]byte, 0, len(global)+len(own)), below)
}
