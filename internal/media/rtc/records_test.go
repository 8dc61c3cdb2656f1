package rtc

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// After the handshake nobody without its keys can say anything, except what
// makes us repeat our own last words.
func TestOnlySealedRecordsCount(t *testing.T) {
	record := func(kind, epoch byte, payload ...byte) []byte {
		return append([]byte{kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 9, 0, byte(len(payload))}, payload...)
	}
	secret, again := record(23, 1, 1, 2, 3), record(22, 0, 4, 5)
	for name, row := range map[string]struct{ datagram, want []byte }{
		"nothing":                      {nil, nil},
		"encrypted data":               {secret, secret},
		"an encrypted alert":           {record(21, 1, 9), record(21, 1, 9)},
		"a handshake again":            {again, again},
		"an alert":                     {record(21, 0, 2, 40), nil},
		"a goodbye":                    {record(21, 0, 1, 0), nil},
		"data":                         {record(23, 0, 1), nil},
		"a change of ciphers":          {record(20, 0, 1), nil},
		"one good between bad":         {bytes.Join([][]byte{record(21, 0, 1, 0), secret, record(20, 0)}, nil), secret},
		"a flight again":               {bytes.Join([][]byte{again, record(20, 0, 1), record(22, 1, 7)}, nil), append(bytes.Clone(again), record(22, 1, 7)...)},
		"less than a header":           {secret[:12], nil},
		"less than its length":         {secret[:len(secret)-1], nil},
		"a whole one and half another": {append(bytes.Clone(secret), secret[:14]...), secret},
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Clone(row.datagram)
			if diff := cmp.Diff(string(row.want), string(b[:sealed(b)])); diff != "" {
				t.Errorf("records kept (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzSealed(f *testing.F) {
	f.Add([]byte{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := sealed(b)
		if again := sealed(bytes.Clone(b[:n])); again != n {
			t.Errorf("of %d bytes kept, %d are kept the second time", n, again)
		}
	})
}
