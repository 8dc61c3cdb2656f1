package auth

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadPasswordFromAFile(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"correct horse\n", "correct horse"},
		{"correct horse\r\n", "correct horse"},
		{"correct horse", "correct horse"},
		{" spaces stay \nsecond line\n", " spaces stay "},
		{"\n", ""},
	} {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var prompt bytes.Buffer
		got, err := ReadPassword(f, &prompt)
		if got != c.want || err != nil || prompt.Len() > 0 {
			t.Errorf("%q: %q, %v, asked %q; want %q", c.content, got, err, &prompt, c.want)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if got, err := readLine(strings.NewReader("")); err == nil {
		t.Errorf("nothing at all reads as %q", got)
	}
}
