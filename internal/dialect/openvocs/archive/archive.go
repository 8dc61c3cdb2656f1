// Package archive reads and writes a database directory of openvocs, so that a
// server can take over from another and give everything back. It owns the form
// of those files, what of them goes into which record of the store, and how what
// has no record is kept: in the opaque data of what it belongs to.
//
// One goroutine uses a [Database]. The package knows files and records, and
// nothing of clients or of what lives.
//
// A directory looks like this:
//
//	auth/DOMAIN/config.json          a domain without its projects
//	auth/DOMAIN/PROJECT/config.json  a project
//	state.json                       how users left loops, and their own data
package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Database is what a directory holds.
type Database struct {
	domains map[string]*domain // by id
	states  object             // by user
}

// domain is a domain with its projects, by id.
type domain struct {
	object
	projects map[string]object
}

const (
	configFile = "config.json"
	stateFile  = "state.json"
	authFolder = "auth"
	// mostBytes bounds one file.
	mostBytes = 256 << 20
)

// Read reads a directory. Its errors name the file at fault.
func Read(dir fs.FS) (*Database, error) {
	db := &Database{domains: map[string]*domain{}}
	folders, err := fs.ReadDir(dir, authFolder)
	if err != nil {
		return nil, fmt.Errorf("this is no database directory: %w", err)
	}
	for _, f := range folders {
		if !f.IsDir() || strings.HasPrefix(f.Name(), ".") { // such as the history that may be kept beside
			continue
		}
		if db.domains[f.Name()], err = readDomain(dir, f.Name()); err != nil {
			return nil, err
		}
	}
	if len(db.domains) == 0 {
		return nil, errors.New("the database directory has no domain")
	}
	db.states, err = readObject(dir, stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		db.states, err = object{}, nil
	}
	return db, err
}

func readDomain(dir fs.FS, id string) (*domain, error) {
	folder := path.Join(authFolder, id)
	o, err := readEntity(dir, folder, id)
	if err != nil {
		return nil, err
	}
	d := &domain{o, map[string]object{}}
	folders, err := fs.ReadDir(dir, folder)
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		if !f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		if d.projects[f.Name()], err = readEntity(dir, path.Join(folder, f.Name()), f.Name()); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// readEntity reads a domain or project, whose id is the name of its folder.
func readEntity(dir fs.FS, folder, id string) (object, error) {
	name := path.Join(folder, configFile)
	o, err := readObject(dir, name)
	if err != nil {
		return nil, err
	}
	if got, err := o.text("id"); err != nil || got != id {
		return nil, fmt.Errorf("%s: its id is %s, which is not the name of its folder", name, o["id"])
	}
	return o, nil
}

func readObject(dir fs.FS, name string) (object, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > mostBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, mostBytes)
	}
	o, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return o, nil
}

// Write writes a directory that must not exist yet, or be empty. It appears as a
// whole or not at all, and only this user can read it.
func (db *Database) Write(dir string) (err error) {
	// Ids become names of folders, so they are looked at before anything is made.
	for id, d := range db.domains {
		if err := mustBeName(id); err != nil {
			return err
		}
		for project := range d.projects {
			if err := mustBeName(project); err != nil {
				return err
			}
		}
	}
	dir = filepath.Clean(dir)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), ".export-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(made))
		}
	}()
	if err := db.fill(made); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // the empty one
		return err
	}
	return os.Rename(made, dir)
}

func (db *Database) fill(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	files := map[string]object{stateFile: db.states}
	for id, d := range db.domains {
		folder := filepath.Join(authFolder, id)
		files[filepath.Join(folder, configFile)] = d.object
		for project, o := range d.projects {
			files[filepath.Join(folder, project, configFile)] = o
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		text, err := json.MarshalIndent(files[name], "", "\t")
		if err != nil {
			return err
		}
		if err := write(root, name, append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file and waits until it is on the disk.
func write(root *os.Root, name string, text []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// mustBeName refuses ids that would be another place than a folder of that name.
func mustBeName(id string) error {
	if !filepath.IsLocal(id) || id == "." || strings.ContainsAny(id, `/\`) || strings.HasPrefix(id, ".") || id == configFile {
		return fmt.Errorf("%q cannot be the name of a folder, so it cannot be exported", id)
	}
	return nil
}

// object is a JSON object whose members are kept as they are.
type object map[string]json.RawMessage

func parse(text []byte) (object, error) {
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errors.New("it is null and not an object")
	}
	return o, nil
}

// member returns a member that is an object; a missing one or null is empty.
func (o object) member(key string) (object, error) {
	if raw := o[key]; len(raw) == 0 || string(raw) == "null" {
		return object{}, nil
	}
	m, err := parse(o[key])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return m, nil
}

// text returns a member that is a text; a missing one or null is "".
func (o object) text(key string) (text string, err error) {
	if raw := o[key]; len(raw) > 0 {
		err = json.Unmarshal(raw, &text)
	}
	return text, err
}

// set puts a member in. Only values that can be written are given.
func (o object) set(key string, value any) {
	text, err := json.Marshal(value)
	if err == nil {
		o[key] = text
	}
}

// data is what the store keeps as it is: everything but the members named.
func (o object) data(but ...string) string {
	rest := maps.Clone(o)
	for _, key := range but {
		delete(rest, key)
	}
	if len(rest) == 0 {
		return ""
	}
	text, err := json.Marshal(rest)
	if err != nil { // it has all been read from JSON
		return ""
	}
	return string(text)
}

// keptData is the inverse of data.
func keptData(data string) object {
	o, err := parse([]byte(data))
	if err != nil { // it is empty, or was made by another protocol
		return object{}
	}
	return o
}

func (o object) keys() []string { return slices.Sorted(maps.Keys(o)) }
