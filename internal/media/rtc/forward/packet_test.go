package forward

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestElements(t *testing.T) {
	for _, row := range []struct {
		name string
		in   []byte // behind a header that announces an extension
		want map[uint8]string
	}{
		{"one byte", []byte{0xbe, 0xde, 0, 2, 0x10, 'a', 0x21, 'b', 'c', 0, 0, 0}, map[uint8]string{1: "a", 2: "bc"}},
		{"padding between", []byte{0xbe, 0xde, 0, 1, 0, 0, 0x10, 'a'}, map[uint8]string{1: "a"}},
		{"15 ends it", []byte{0xbe, 0xde, 0, 2, 0x10, 'a', 0xf0, 'x', 0x20, 'b', 0, 0}, map[uint8]string{1: "a"}},
		{"one too long", []byte{0xbe, 0xde, 0, 1, 0x10, 'a', 0x27, 'b'}, map[uint8]string{1: "a"}},
		{"two bytes", []byte{0x10, 0x00, 0, 2, 0x10, 2, 'a', 'b', 0, 3, 0, 0}, map[uint8]string{16: "ab", 3: ""}},
		{"two bytes, cut off", []byte{0x10, 0x00, 0, 1, 0x10, 2, 'a', 0}, map[uint8]string{16: "a\x00"}},
		{"two bytes, too long", []byte{0x10, 0x00, 0, 1, 0x10, 9, 'a', 0}, map[uint8]string{}},
		{"something else", []byte{0x12, 0x34, 0, 1, 0x10, 'a', 0, 0}, map[uint8]string{}},
		{"empty", []byte{0xbe, 0xde, 0, 0}, map[uint8]string{}},
	} {
		plain := append([]byte{0x90, 0x6f, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, row.in...)
		n := len(plain)
		h, payload, ok := parseHeader(append(plain, "payload"...), n)
		if !ok || string(payload) != "payload" || h.kind != 111 || h.sequence != 1 || h.timestamp != 2 || h.ssrc != 3 {
			t.Errorf("%s: %+v, %q, %t", row.name, h, payload, ok)
		}
		got := map[uint8]string{}
		for e, ok := h.next(); ok; e, ok = h.next() {
			got[e.id] = string(e.data)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestPadding(t *testing.T) {
	for _, row := range []struct {
		in   string
		want string
		ok   bool
	}{
		{"abc\x01", "abc", true}, {"abc\x04", "", true}, {"abc\x05", "", false}, {"abc\x00", "", false}, {"", "", false},
	} {
		_, payload, ok := parseHeader(append([]byte{0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, row.in...), 12)
		if ok != row.ok || string(payload) != row.want {
			t.Errorf("%q: %q, %t", row.in, payload, ok)
		}
	}
}

func TestREDPrimary(t *testing.T) {
	for _, row := range []struct {
		name string
		in   []byte
		want string
		ok   bool
	}{
		{"only the primary", []byte{111, 'a', 'b'}, "ab", true},
		{"empty primary", []byte{111}, "", true},
		{"two before it", []byte{0xef, 0, 0, 1, 0xef, 0, 0, 2, 111, 'x', 'y', 'y', 'n', 'e', 'w'}, "new", true},
		{"two payload types", []byte{0xee, 0, 0, 1, 111, 'x', 'n'}, "", false},
		{"blocks longer than the packet", []byte{0xef, 0, 3, 255, 111, 'x'}, "", false},
		{"cut off", []byte{0xef, 0, 0}, "", false},
		{"no end", []byte{0xef, 0, 0, 0}, "", false},
		{"nothing", nil, "", false},
	} {
		kind, got, ok := redPrimary(row.in)
		if ok != row.ok || ok && (kind != 111 || !bytes.Equal(got, []byte(row.want))) {
			t.Errorf("%s: %d, %q, %t", row.name, kind, got, ok)
		}
	}
}
