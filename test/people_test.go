package test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
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

// TestTakingOverAndGivingBack does by the command line what a change of servers
// needs.
func TestTakingOverAndGivingBack(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	files := map[string]string{
		"auth/vox.example/config.json": `{"id":"vox.example","users":{"ada":{"id":"ada","name":"Ada","password":{"hash":"MDEyMzQ1Njc4OWFiY2RlZg==","salt":"MDEyMw=="}}},
			"roles":{"admin":{"users":{"ada":null,"zoe":null}},"ops":{"users":{"ada":null}}},"loops":{"all":{"roles":{"ops":true}}}}`,
		"auth/vox.example/orbiter/config.json": `{"id":"orbiter","domain":"vox.example"}`,
		"state.json":                           `{"ada":{"data":{"x":1},"ops":{"all":{"state":"recv","volume":30}}}}`,
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	back := filepath.Join(t.TempDir(), "back")
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"openvocs", "import", dir}, "Imported vox.example with 1 projects, 1 users, 1 roles and 1 loops.\nNamed but not there, kept to be given back:\n  user zoe in role admin\n"},
		{[]string{"user", "list"}, "vox.example\tada\tAda\tops\n"},
		{[]string{"openvocs", "import", dir}, "switchboard: nothing was imported: domain vox.example: there is a realm of that name already"},
		{[]string{"openvocs", "export", back}, "Exported vox.example with 1 projects, 1 users, 1 roles and 1 loops.\n"},
		{[]string{"openvocs", "export", back}, "is not empty"},
		{[]string{"realm", "add", "second.example", "--name", "Second"}, "Realm second.example is made.\n"},
		{[]string{"realm", "list"}, "second.example\tSecond\nvox.example\n"},
		{[]string{"audit", "--action", "realm.create"}, "\tsecond.example\t\t\trealm.create\tsecond.example\tdone\n"},
		{[]string{"realm", "remove", "vox.example"}, "Realm vox.example is removed"},
		{[]string{"openvocs", "import", back}, "Imported vox.example with 1 projects"},
	} {
		out, _ := exec.Command(binary(t), append(row.args, "-d", data)...).CombinedOutput() // it says what went wrong
		if !strings.Contains(string(out), row.want) {
			t.Errorf("%q says:\n%s\nwant %q", row.args, out, row.want)
		}
	}
	for name := range files {
		if _, err := os.Stat(filepath.Join(back, name)); err != nil {
			t.Error(err)
		}
	}
}
