package archive_test

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha3"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/scrypt"

	"switchboard/internal/auth"
	"switchboard/internal/core"
	"switchboard/internal/dialect/openvocs/archive"
	"switchboard/internal/store"
	"switchboard/internal/store/sql"
)

// pbkdf2Password is a password as openvocs keeps it, whose salt goes into the
// hash up to its first zero byte only.
func pbkdf2Password(t testing.TB, password string, salt []byte, more string) string {
	t.Helper()
	used, _, _ := bytes.Cut(salt, []byte{0})
	key, err := pbkdf2.Key(sha3.New512, password, used, 1024, 32)
	if err != nil {
		t.Fatal(err)
	}
	return kept(key, salt, more)
}

func scryptPassword(t testing.TB, password string, salt []byte, n, r, p int, more string) string {
	t.Helper()
	key, err := scrypt.Key([]byte(password), salt, n, r, p, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kept(key, salt, more)
}

func kept(key, salt []byte, more string) string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`{"hash":%q,"salt":%q%s}`, b64(key), b64(salt), more)
}

var (
	plainSalt  = []byte("0123456789abcdef0123456789abcdef")
	cutSalt    = []byte("0123\x0056789abcdef0123456789abcdef")
	emptySalt  = []byte("\x00123456789abcdef0123456789abcdef")
	fromAdas   = netip.MustParseAddr("192.0.2.1")
	adaIsAda   = "ada" // in openvocs a password may be the name
	layoutOfFD = `{"fd-loop":[{"page":1,"column":"2","row":1}]}`
)

// tree is a database directory with everything in it that there can be.
func tree(t testing.TB) fstest.MapFS {
	t.Helper()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"auth/vox.example/config.json": file(`{"id":"vox.example","name":"Vox","contact":{"phone":"12"},
			"users":{"root":{"id":"root","name":null,"password":` + pbkdf2Password(t, "root", cutSalt, "") + `},
				"dir":{"id":"dir","name":"From LDAP","ldap":true}, "odd":{"id":"odd","name":null,"ldap":"yes"}},
			"roles":{"admin":{"id":"admin","name":"Boss","color":"red","users":{"root":null,"ghost":null}},
				"ops":{"id":"ops","name":"Ops","users":{"root":null,"ada":null}}},
			"loops":{"all":{"id":"all","name":"All\\nhands","multicast":{"host":"239.7.7.1","port":21000},"roles":{"ops":true,"flight":false,"ghosts":true}}},
			"layout":{"default":{"grid_columns":4,"grid_rows":3},"orbiter":{"grid_columns":2}}, "projects":{}}`),
		"auth/vox.example/orbiter/config.json": file(`{"id":"orbiter","name":"Orbiter Ops","domain":"vox.example",
			"users":{"ada":{"id":"ada","name":"Ada L.","avatar":"x.png","password":` + pbkdf2Password(t, adaIsAda, emptySalt, `,"workfactor":1024`) + `},
				"bob":{"id":"bob","name":null,"password":` + scryptPassword(t, "bob", plainSalt, 1024, 8, 2, `,"workfactor":1024,"blocksize":8,"parallel":2`) + `},
				"nopw":{"id":"nopw","name":null}},
			"roles":{"admin":{"id":"admin","name":null,"users":{}},
				"flight":{"id":"flight","name":"Flight Director","abbreviation":"FD","users":{"ada":null,"gone":null},"layout":` + layoutOfFD + `}},
			"loops":{"fd-loop":{"id":"fd-loop","name":"FD LOOP","multicast":{"host":"239.7.7.1","port":21001},"roles":{"flight":true},"highlight_color":"#aa3311","recorded":true,
				"sip":{"whitelist":[{"caller":"4711"}],"roles":{"flight":true}}}}}`),
		"auth/second.example/config.json": file(`{"id":"second.example","name":null,"users":{"eve":{"id":"eve","name":null,"password":{"hash":"AAAA","salt":"AAAA"}}},
			"roles":{},"loops":{},"projects":{}}`),
		"auth/.git/HEAD": file("ref: refs/heads/master"),
		"state.json": file(`{"ada":{"data":{"roles":{"flight":{"page":"0"}}},"flight":{"fd-loop":{"state":"recv","volume":37},"all":{"state":"none","volume":0},"old":{"state":"send","volume":50}}},
			"root":{"ops":{"all":{"state":"send","volume":100}}},
			"left":{"data":{"x":1},"flight":{"fd-loop":{"state":"send","volume":50}}}}`),
	}
}

func open(t testing.TB) *sql.Store {
	t.Helper()
	s, err := sql.Open(t.Context(), filepath.Join(t.TempDir(), "switchboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func imported(t testing.TB, s store.Store, dir fs.FS) (archive.Report, error) {
	t.Helper()
	db, err := archive.Read(dir)
	if err != nil {
		return archive.Report{}, err
	}
	var report archive.Report
	err = s.Within(t.Context(), func(tx store.Records) (err error) {
		report, err = db.Import(t.Context(), tx)
		return err
	})
	return report, err
}

func exported(t testing.TB, s store.Store, realms ...string) (string, archive.Report, error) {
	t.Helper()
	var db *archive.Database
	var report archive.Report
	err := s.View(t.Context(), func(tx store.Records) (err error) {
		db, report, err = archive.Export(t.Context(), tx, realms...)
		return err
	})
	if err != nil {
		return "", report, err
	}
	dir := filepath.Join(t.TempDir(), "given back")
	return dir, report, db.Write(dir)
}

// contents reads all JSON files of a directory.
func contents(t testing.TB, dir fs.FS) map[string]any {
	t.Helper()
	files := map[string]any{}
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".json") {
			return err
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		var v any
		err = json.Unmarshal(text, &v)
		files[name] = v
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// dig returns a member of nested objects.
func dig(v any, keys ...string) map[string]any {
	for _, k := range keys {
		v = v.(map[string]any)[k]
	}
	return v.(map[string]any)
}

func TestNothingIsLostOnTheWayThereAndBack(t *testing.T) {
	s := open(t)
	if _, err := imported(t, s, tree(t)); err != nil {
		t.Fatal(err)
	}
	dir, report, err := exported(t, s)
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t, tree(t))
	// What is implied is written out, and what cannot be a password is not.
	dig(want["auth/vox.example/config.json"], "users", "root", "password")["workfactor"] = 1024.0
	delete(dig(want["auth/second.example/config.json"], "users", "eve"), "password")
	if diff := cmp.Diff(want, contents(t, os.DirFS(dir))); diff != "" {
		t.Errorf("given back (-want +got):\n%s", diff)
	}
	if want := []string{"eve", "nopw"}; !slices.Equal(report.NoPassword, want) {
		t.Errorf("without a password are %q, want %q", report.NoPassword, want)
	}
	if info, err := os.Stat(filepath.Join(dir, "auth/vox.example/config.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read hashes: %v, %v", info.Mode(), err)
	}
	// And once more, into another store.
	again := open(t)
	if _, err := imported(t, again, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	twice, _, err := exported(t, again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, os.DirFS(dir)), contents(t, os.DirFS(twice))); diff != "" {
		t.Errorf("given back twice (-want +got):\n%s", diff)
	}
	one, _, err := exported(t, s, "second.example")
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(contents(t, os.DirFS(one)))); !slices.Equal(got, []string{"auth/second.example/config.json", "state.json"}) {
		t.Errorf("one realm alone is %q", got)
	}
	if _, _, err := exported(t, s, "third.example"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a realm that is not: %v", err)
	}
}

func TestWhatTheReportSays(t *testing.T) {
	report, err := imported(t, open(t), tree(t))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(report.Unresolved)
	want := archive.Report{Realms: []string{"second.example", "vox.example"}, Projects: 1, Users: 7, Roles: 2, Rooms: 2,
		NoPassword: []string{"eve: password hash has 3 bytes, not 16 to 128", "nopw: there is none"},
		Unresolved: []string{"role ghosts in loop all", "state of user ada in flight", "state of user left in data, flight", "user ghost in role admin", "user gone in role flight"}}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestOldPasswordsLetInOnce: they are hashed anew then, so they cannot be given
// back, and the export says so.
func TestOldPasswordsLetInOnce(t *testing.T) {
	s := open(t)
	if _, err := imported(t, s, tree(t)); err != nil {
		t.Fatal(err)
	}
	gate := auth.New(auth.Options{Store: s, Hasher: auth.NewHasher(auth.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 0), Log: slog.New(slog.DiscardHandler)})
	login := func(user, password string) (core.Identity, error) {
		return gate.Authenticate(context.WithoutCancel(t.Context()), core.Credentials{User: user, Password: password}, fromAdas)
	}
	for range 2 { // by the old hash, then by the new one
		for _, user := range []string{"root", "ada", "bob"} {
			if _, err := login(user, user+"!"); core.KindOf(err) != core.Denied {
				t.Errorf("%s with a wrong password: %v", user, err)
			}
			id, err := login(user, user)
			if err != nil || id.Realm != "vox.example" {
				t.Errorf("%s: %+v, %v", user, id, err)
			}
		}
	}
	dir, report, err := exported(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"eve", "ada", "bob", "nopw", "root"}; !slices.Equal(report.NoPassword, want) {
		t.Errorf("without a password are %q, want %q", report.NoPassword, want)
	}
	if _, there := dig(contents(t, os.DirFS(dir))["auth/vox.example/orbiter/config.json"], "users", "ada")["password"]; there {
		t.Error("a password of ours is given to those who cannot read it")
	}
}

func TestBadDirectories(t *testing.T) {
	ok := open(t)
	if _, err := imported(t, ok, tree(t)); err != nil {
		t.Fatal(err)
	}
	change := func(name, text string) fstest.MapFS {
		dir := tree(t)
		dir[name] = &fstest.MapFile{Data: []byte(text)}
		return dir
	}
	for name, row := range map[string]struct {
		dir  fstest.MapFS
		says string
	}{
		"no directory":      {fstest.MapFS{"state.json": {Data: []byte("{}")}}, "no database directory"},
		"no domain":         {fstest.MapFS{"auth/readme": {}}, "has no domain"},
		"no JSON":           {change("auth/vox.example/config.json", "{"), "auth/vox.example/config.json"},
		"no object":         {change("auth/vox.example/config.json", "null"), "auth/vox.example/config.json"},
		"another id":        {change("auth/vox.example/config.json", `{"id":"../../etc"}`), "name of its folder"},
		"users are a list":  {change("auth/vox.example/config.json", `{"id":"vox.example","users":[]}`), "users"},
		"user is a text":    {change("auth/vox.example/config.json", `{"id":"vox.example","users":{"x":"y"}}`), "domain vox.example: user x"},
		"state is a list":   {change("state.json", `[]`), "state.json"},
		"user twice":        {change("auth/second.example/config.json", `{"id":"second.example","users":{"ada":{}}}`), "user of that name already, in the realm second.example"},
		"role twice":        {change("auth/vox.example/orbiter/config.json", `{"id":"orbiter","roles":{"ops":{}}}`), "role ops: there is a role of that name"},
		"control character": {change("auth/vox.example/orbiter/config.json", `{"id":"orbiter","loops":{"a\nb":{}}}`), "control character"},
		"too much data":     {change("auth/vox.example/orbiter/config.json", `{"id":"orbiter","x":"`+strings.Repeat("x", 2<<20)+`"}`), "longer than"},
	} {
		s := open(t)
		_, err := imported(t, s, row.dir)
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
		if realms, err := s.Realms(t.Context()); err != nil || len(realms) > 0 {
			t.Errorf("%s: there are %v now, %v", name, realms, err)
		}
	}
	if _, err := imported(t, ok, tree(t)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same once more: %v", err)
	}
}

// TestIDsNeverLeadElsewhere: whatever somebody has called a realm or project,
// exporting it writes nowhere but below its directory, or not at all.
func TestIDsNeverLeadElsewhere(t *testing.T) {
	for _, id := range []string{"..", ".", ".git", "../x", "a/../../x", "a/b", `a\b`, "/tmp/x", "config.json"} {
		s := open(t)
		err := s.Within(t.Context(), func(tx store.Records) error {
			_, a := tx.CreateRealm(t.Context(), store.Realm{ID: "r"})
			_, b := tx.CreateProject(t.Context(), store.Project{Realm: "r", ID: id})
			return errors.Join(a, b)
		})
		if err != nil {
			t.Fatal(err)
		}
		dir, _, err := exported(t, s)
		if err == nil || !strings.Contains(err.Error(), "name of a folder") {
			t.Errorf("%q: %v", id, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) > 0 {
			t.Errorf("%q: left behind %v, %v", id, entries, err)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	db, err := archive.Read(tree(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := db.Write(dir); err != nil {
		t.Errorf("into an empty directory: %v", err)
	}
	if err := db.Write(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over what is there: %v", err)
	}
	if err := db.Write(filepath.Join(dir, "none", "none")); err == nil {
		t.Error("written where there is no directory")
	}
}

// FuzzRead: whatever is in the files, reading and storing them ends, in an error
// or in something that can be given back.
func FuzzRead(f *testing.F) {
	for name, file := range tree(f) {
		f.Add(name, file.Data)
	}
	s, undo := open(f), errors.New("undo")
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		dir := tree(t)
		if _, there := dir[name]; !there {
			return
		}
		dir[name] = &fstest.MapFile{Data: text}
		db, err := archive.Read(dir)
		if err != nil {
			return
		}
		_ = s.Within(t.Context(), func(tx store.Records) error {
			if _, err := db.Import(t.Context(), tx); err != nil {
				return err
			}
			if _, _, err := archive.Export(t.Context(), tx); err != nil {
				t.Errorf("what was imported cannot be exported: %v", err)
			}
			return undo
		})
	})
}
