package test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/internal/app"
	"switchboard/internal/config"
	"switchboard/internal/media/mediatest"
	"switchboard/internal/store/demo"
	"switchboard/internal/store/sql"
)

// withPassword lists the users of the demonstration who have any.
func withPassword(t *testing.T, dir string) (users []string) {
	t.Helper()
	s, err := sql.Open(t.Context(), filepath.Join(dir, "switchboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, user := range demo.Operators() {
		encoded, err := s.Password(t.Context(), "default", user)
		if err != nil {
			t.Fatal(err)
		}
		if encoded != "" {
			users = append(users, user)
		}
		if strings.Contains(encoded, demo.Password) {
			t.Errorf("the password of %s is stored as it is", user)
		}
	}
	return users
}

// TestTheKnownPasswordIsForThisMachineOnly starts one server thrice: for this
// machine, for others, and for this machine again.
func TestTheKnownPasswordIsForThisMachineOnly(t *testing.T) {
	dir := t.TempDir()
	for i, row := range []struct {
		proxies []string // by which others reach it
		users   int
	}{{nil, len(demo.Operators())}, {[]string{"192.0.2.1"}, 0}, {nil, 0}} {
		var said bytes.Buffer
		s := run(t, func(c *config.Config, o *app.Options) {
			o.Engine = new(mediatest.Engine).Start
			o.Out = io.MultiWriter(&said, o.Out)
			c.Data, c.TrustedProxies = dir, row.proxies
		})
		s.cancel()
		s.wait(t)
		if got := withPassword(t, dir); len(got) != row.users {
			t.Errorf("start %d: %q have a password, want %d", i+1, got, row.users)
		}
		if told := strings.Contains(said.String(), "as flight, capcom"); told != (row.users > 0) {
			t.Errorf("start %d says:\n%s", i+1, &said)
		}
	}
}
