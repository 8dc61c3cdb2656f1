package calling

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzReading compares what we read with what encoding/json reads.
func FuzzReading(f *testing.F) {
	for _, text := range []string{`{}`, `[]`, ` null `, `-0.5e+10`, `"a\u00e9\ud83d\ude00\ud800x"`, `{"a":[1,{"b":null}],"a":true,"\u0061":{}}`,
		`01`, `1.`, `.5`, `+1`, `1e`, `"\x"`, "\"\x01\"", `[1,]`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `tru`, `nul`, `"`, `[`, `{`, `1 2`, `"\u12"`,
		`1000000000000000000000`, `0.0000001`, `123.4560`, `-0`, `1E400`, `{"b":1,"a":{"d":[],"c":2}}`, "\ufeff{}", `"\/\b\f\n\r\t\"\\"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := json.Valid(b) && utf8.Valid(b)
		k, got := parse(b, func([]byte, value) {})
		if got != want && !(want && strings.Count(string(b), "[")+strings.Count(string(b), "{") > deepest) {
			t.Fatalf("%q: read %t, want %t", b, got, want)
		}
		if !got {
			return
		}
		s := scanner{b: b}
		s.space()
		v, _ := s.value()
		if v.kind != k {
			t.Errorf("%q: kinds %d and %d", b, k, v.kind)
		}
		c := canonical(v)
		if again := canonical(value{v.kind, c}); string(again) != string(c) {
			t.Errorf("%q: canonical %q, and again %q", b, c, again)
		}
		if diff := cmp.Diff(decoded(t, b), decoded(t, c)); diff != "" {
			t.Errorf("%q: canonical %q says something else: %s", b, c, diff)
		}
		if v.kind == text && string(v.bytes()) != decoded(t, b) {
			t.Errorf("%q: says %q, want %q", b, v.bytes(), decoded(t, b))
		}
		if v.kind == object || v.kind == array {
			if merged := overlay(emptyObject, v.raw); !json.Valid(merged) || merged[0] != '{' {
				t.Errorf("%q: merged with nothing is %q", b, merged)
			}
		}
	})
}

// decoded is the value as encoding/json understands it; numbers beyond float64
// are kept as text.
func decoded(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if json.Unmarshal(b, &v) == nil {
		return v
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return "out of range" // all such are alike to who reads float64
}

func TestCanonicalForms(t *testing.T) {
	for in, want := range map[string]string{
		`1.0`:                    `1`,
		`-0.0`:                   `0`,
		`1e2`:                    `100`,
		`0.00001200`:             `0.000012`,
		`0.0000001`:              `1e-7`,
		`1000000000000000000000`: `1e+21`,
		`123456789012345678901`:  `123456789012345678901`,
		`9007199254740993`:       `9007199254740993`,
		`12.50e-1`:               `1.25`,
		`-1.5E3`:                 `-1500`,
		`1e99999999999999999999`: `1e99999999999999999999`,
		`"\u0041\u00e9\/\n"`:     `"Aé/\n"`,
		`"\ud83d\ude00\uD800"`:   `"😀\ud800"`,
		`{"b":1,"a":[ 1 , 2 ]}`:  `{"a":[1,2],"b":1}`,
		`{"a":1,"\u0061":2}`:     `{"a":2}`,
		`[null,true,false]`:      `[null,true,false]`,
	} {
		s := scanner{b: []byte(in)}
		v, ok := s.value()
		if got := string(canonical(v)); !ok || got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestMergingStatuses(t *testing.T) {
	for _, row := range []struct{ global, own, want string }{
		{`{}`, `{}`, `{}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{}`, `{"a":1}`, `{"a":1}`},
		{`{"a":1,"b":1}`, `{"b":2,"c":2}`, `{"a":1,"b":2,"c":2}`},
		{`{"a":{"x":1}}`, `{"\u0061":{"y":2}}`, `{"a":{"y":2}}`}, // shallow, and keys are compared by what they say
		{`["x","y"]`, `{"1":"z"}`, `{"0":"x","1":"z"}`},
		{`["x"]`, `{}`, `{"0":"x"}`},
		{`{}`, `["x"]`, `{"0":"x"}`},
		{`{"a":1,"a":2}`, `{"b":1,"b":2}`, `{"a":2,"b":2}`},
	} {
		if got := string(overlay([]byte(row.global), []byte(row.own))); got != row.want {
			t.Errorf("%s over %s: got %s, want %s", row.own, row.global, got, row.want)
		}
	}
}

func TestTextsAreWrittenAsTheyAre(t *testing.T) {
	for _, text := range []string{"", "a", `"\`, "\x00\x1f\x7f", "é😀\u2028", "\n\r\t\b"} {
		var got string
		if err := json.Unmarshal(appendString(nil, text), &got); err != nil || got != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if got := string(appendString(nil, "a\xff")); got != "\"a\ufffd\"" {
		t.Errorf("not UTF-8: %s", got)
	}
}
