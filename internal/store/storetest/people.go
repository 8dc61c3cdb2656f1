package storetest

import (
	"fmt"
	"testing"
	"time"

	"switchboard/internal/store"
)

// town makes two realms with the same people and places in each.
func town(t *testing.T, s store.Store) {
	t.Helper()
	ctx := deadline(t)
	for _, name := range []string{"one", "two"} {
		realm(t, s, name)
		project(t, s, name, "orbiter")
		for _, id := range []string{"ada", "bob"} {
			must(s.CreateUser(ctx, store.User{Realm: name, ID: id}))(t)
		}
		for _, id := range []string{"flight", "capcom"} {
			must(s.CreateRole(ctx, store.Role{Realm: name, ID: id}))(t)
		}
		for _, id := range []string{"loop", "lobby"} {
			must(s.CreateRoom(ctx, store.Room{Realm: name, ID: id}))(t)
		}
	}
}

func testMembers(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	all := []store.Member{
		{Realm: "one", Role: "capcom", User: "ada"},
		{Realm: "one", Role: "flight", User: "ada"},
		{Realm: "one", Role: "flight", User: "bob"},
		{Realm: "two", Role: "flight", User: "ada"},
	}
	for i := range all {
		check(t, s.AddMember(ctx, all[len(all)-1-i]))
	}
	check(t, s.AddMember(ctx, all[0])) // again
	for _, c := range []struct {
		like store.Member
		want []store.Member
	}{
		{store.Member{}, all},
		{store.Member{Realm: "one"}, all[:3]},
		{store.Member{Realm: "one", User: "ada"}, all[:2]},
		{store.Member{Realm: "one", Role: "flight"}, all[1:3]},
		{store.Member{Realm: "two", Role: "capcom"}, nil},
		{store.Member{Realm: "a\x00"}, nil},
	} {
		same(t, fmt.Sprintf("members like %+v", c.like), must(s.Members(ctx, c.like))(t), c.want)
	}
	wantError(t, "member of no role", s.AddMember(ctx, store.Member{Realm: "one", Role: "none", User: "ada"}), store.ErrNotFound)
	wantError(t, "nobody as a member", s.AddMember(ctx, store.Member{Realm: "one", Role: "flight", User: "eve"}), store.ErrNotFound)
	check(t, s.RemoveMember(ctx, all[1]))
	wantError(t, "removed twice", s.RemoveMember(ctx, all[1]), store.ErrNotFound)
	same(t, "members left", must(s.Members(ctx, store.Member{Realm: "one"}))(t), []store.Member{all[0], all[2]})
}

func testPermissions(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	all := []store.Permission{
		{Realm: "one", Role: "capcom", Room: "loop", Access: store.AccessListen},
		{Realm: "one", Role: "flight", Room: "lobby", Access: store.AccessListen},
		{Realm: "one", Role: "flight", Room: "loop", Access: store.AccessTalk},
		{Realm: "two", Role: "flight", Room: "loop", Access: store.AccessTalk},
	}
	for i := range all {
		check(t, s.SetPermission(ctx, all[len(all)-1-i]))
	}
	for _, c := range []struct {
		like store.Permission
		want []store.Permission
	}{
		{store.Permission{}, all},
		{store.Permission{Realm: "one", Role: "flight"}, all[1:3]},
		{store.Permission{Realm: "one", Room: "loop"}, []store.Permission{all[0], all[2]}},
		{store.Permission{Access: store.AccessTalk}, all[2:]},
		{store.Permission{Access: store.AccessNone}, nil},
	} {
		same(t, fmt.Sprintf("permissions like %+v", c.like), must(s.Permissions(ctx, c.like))(t), c.want)
	}
	all[0].Access = store.AccessTalk
	check(t, s.SetPermission(ctx, all[0]))
	all[1].Access = store.AccessNone
	check(t, s.SetPermission(ctx, all[1]))
	check(t, s.SetPermission(ctx, all[1])) // taking away what is not there
	same(t, "permissions changed", must(s.Permissions(ctx, store.Permission{Realm: "one"}))(t), []store.Permission{all[0], all[2]})
	for _, p := range []store.Permission{
		{Realm: "one", Role: "none", Room: "loop", Access: store.AccessTalk},
		{Realm: "one", Role: "flight", Room: "none", Access: store.AccessTalk},
		{Realm: "one", Role: "flight", Room: "none", Access: store.AccessNone},
		{Realm: "none", Role: "flight", Room: "loop", Access: store.AccessTalk},
	} {
		wantError(t, fmt.Sprintf("permission %+v", p), s.SetPermission(ctx, p), store.ErrNotFound)
	}
}

func testAdministrators(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	all := []store.Administrator{
		{Realm: "one", User: "bob"},
		{Realm: "one", Project: "orbiter", User: "ada"},
		{Realm: "one", Project: "orbiter", User: "bob"},
		{Realm: "two", User: "ada"},
	}
	for i := range all {
		check(t, s.AddAdministrator(ctx, all[len(all)-1-i]))
	}
	check(t, s.AddAdministrator(ctx, all[0])) // again
	check(t, s.AddAdministrator(ctx, all[1]))
	same(t, "all", must(s.Administrators(ctx, "", ""))(t), all)
	same(t, "of a realm", must(s.Administrators(ctx, "one", ""))(t), all[:3])
	same(t, "one user's", must(s.Administrators(ctx, "one", "bob"))(t), []store.Administrator{all[0], all[2]})
	same(t, "a namesake's everywhere", must(s.Administrators(ctx, "", "ada"))(t), []store.Administrator{all[1], all[3]})
	wantError(t, "of no project", s.AddAdministrator(ctx, store.Administrator{Realm: "one", Project: "none", User: "ada"}), store.ErrNotFound)
	wantError(t, "nobody", s.AddAdministrator(ctx, store.Administrator{Realm: "one", User: "eve"}), store.ErrNotFound)
	check(t, s.RemoveAdministrator(ctx, all[0]))
	wantError(t, "removed twice", s.RemoveAdministrator(ctx, all[0]), store.ErrNotFound)
	check(t, s.RemoveAdministrator(ctx, all[1]))
	same(t, "left", must(s.Administrators(ctx, "one", ""))(t), all[2:3])
}

func testDocuments(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	owners := []store.Owner{
		{Realm: "one", Kind: store.OwnerRealm},
		{Realm: "one", Kind: store.OwnerRole, ID: "flight"},
		{Realm: "one", Kind: store.OwnerUser, ID: "ada"},
		{Realm: "one", Kind: store.OwnerUser, ID: "bob"},
		{Realm: "two", Kind: store.OwnerUser, ID: "ada"},
	}
	for i, o := range owners {
		body := fmt.Sprint("of ", i)
		first := must(s.PutDocument(ctx, store.Document{Owner: o, Name: "layout", Body: body}))(t)
		same(t, "kept", first, store.Document{Owner: o, Name: "layout", Body: body, Version: 1})
	}
	for i, o := range owners {
		d := must(s.Document(ctx, o, "layout"))(t)
		same(t, "read", d, store.Document{Owner: o, Name: "layout", Body: fmt.Sprint("of ", i), Version: 1})

		d.Body = "" // an empty document is one
		d = must(s.PutDocument(ctx, d))(t)
		same(t, "version", d.Version, 2)
		_, err := s.PutDocument(ctx, store.Document{Owner: o, Name: "layout", Body: "late", Version: 1})
		wantError(t, "old version", err, store.ErrConflict)
		_, err = s.PutDocument(ctx, store.Document{Owner: o, Name: "none", Body: "late", Version: 1})
		wantError(t, "version of what is not there", err, store.ErrNotFound)
		same(t, "replaced", must(s.PutDocument(ctx, store.Document{Owner: o, Name: "layout", Body: "new"}))(t).Version, 3)

		must(s.PutDocument(ctx, store.Document{Owner: o, Name: "Alpha", Body: "x"}))(t)
		same(t, "list", must(s.Documents(ctx, o, ""))(t), []store.Document{
			{Owner: o, Name: "Alpha", Body: "x", Version: 1}, {Owner: o, Name: "layout", Body: "new", Version: 3},
		})
		for prefix, want := range map[string]int{"lay": 1, "layout": 1, "Lay": 0, "layouts": 0, "l%": 0, "l_": 0, "A": 1, "äö": 0} {
			same(t, "names that begin with "+prefix, len(must(s.Documents(ctx, o, prefix))(t)), want)
		}
		check(t, s.DeleteDocument(ctx, o, "layout"))
		wantError(t, "deleted twice", s.DeleteDocument(ctx, o, "layout"), store.ErrNotFound)
		_, err = s.Document(ctx, o, "layout")
		wantError(t, "read after deletion", err, store.ErrNotFound)
	}
	same(t, "the realm's by default", len(must(s.Documents(ctx, store.Owner{Realm: "one"}, ""))(t)), 1)
	for _, name := range []string{"äöü/1", "äöü/2", "äö"} { // letters are counted and not bytes
		must(s.PutDocument(ctx, store.Document{Owner: owners[0], Name: name}))(t)
	}
	same(t, "names with letters of two bytes", len(must(s.Documents(ctx, owners[0], "äöü/"))(t)), 2)
	for _, o := range []store.Owner{{Realm: "three"}, {Realm: "one", Kind: store.OwnerUser, ID: "eve"}, {Realm: "one", Kind: store.OwnerRole, ID: "ada"}} {
		_, err := s.PutDocument(ctx, store.Document{Owner: o, Name: "layout"})
		wantError(t, fmt.Sprintf("document of %+v", o), err, store.ErrNotFound)
	}
}

func testPreferences(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	all := []store.Preference{
		{Realm: "one", User: "ada", Role: "capcom", Room: "loop", Mode: store.AccessNone, Volume: 0},
		{Realm: "one", User: "ada", Role: "flight", Room: "lobby", Mode: store.AccessListen, Volume: 100},
		{Realm: "one", User: "ada", Role: "flight", Room: "loop", Mode: store.AccessTalk, Volume: 50},
		{Realm: "one", User: "bob", Role: "flight", Room: "loop", Mode: store.AccessTalk, Volume: 70},
	}
	check(t, s.SetPreferences(ctx, nil))
	check(t, s.SetPreferences(ctx, []store.Preference{all[3], all[1], all[0]}))
	check(t, s.SetPreferences(ctx, []store.Preference{{Realm: "one", User: "ada", Role: "flight", Room: "loop"}, all[2]}))
	for _, c := range []struct {
		like store.Preference
		want []store.Preference
	}{
		{store.Preference{Realm: "one"}, all},
		{store.Preference{Realm: "one", User: "ada", Role: "flight"}, all[1:3]},
		{store.Preference{Realm: "one", Room: "loop"}, []store.Preference{all[0], all[2], all[3]}},
		{store.Preference{Realm: "two"}, nil},
	} {
		same(t, fmt.Sprintf("preferences like %+v", c.like), must(s.Preferences(ctx, c.like))(t), c.want)
	}
	changed := all[3]
	changed.Volume = 10
	err := s.SetPreferences(ctx, []store.Preference{changed, {Realm: "one", User: "bob", Role: "flight", Room: "none"}})
	wantError(t, "a room that is not there", err, store.ErrNotFound)
	same(t, "after that", must(s.Preferences(ctx, store.Preference{Realm: "one"}))(t), all)
}

func login(hash, user, client string, expires time.Time) store.Login {
	return store.Login{Hash: hash, Realm: "one", User: user, Client: client, Created: expires.Add(-time.Hour), Expires: expires}
}

func testLogins(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	at := time.Date(2026, 11, 20, 12, 0, 0, 5e6, time.UTC)
	first := login("h1", "ada", "c1", at.Add(2*time.Hour))
	second := login("h2", "ada", "c2", at.Add(time.Hour))
	other := login("h3", "bob", "c1", at.Add(3*time.Hour))
	for _, l := range []store.Login{first, second, other} {
		check(t, s.CreateLogin(ctx, l, 10))
	}
	wantError(t, "a hash twice", s.CreateLogin(ctx, login("h1", "bob", "c9", at), 10), store.ErrConflict)
	wantError(t, "nobody", s.CreateLogin(ctx, login("h9", "eve", "c1", at), 10), store.ErrNotFound)
	same(t, "by hash", must(s.Login(ctx, "h1"))(t), first)
	_, err := s.Login(ctx, "h9")
	wantError(t, "unknown hash", err, store.ErrNotFound)
	same(t, "of a user", must(s.Logins(ctx, "one", "ada"))(t), []store.Login{second, first})

	changed := first
	changed.Expires, changed.Superseded = at.Add(5*time.Minute), true
	check(t, s.UpdateLogin(ctx, changed))
	same(t, "updated", must(s.Login(ctx, "h1"))(t), changed)
	wantError(t, "update of an unknown one", s.UpdateLogin(ctx, login("h9", "ada", "c1", at)), store.ErrNotFound)

	same(t, "expired by then", must(s.DeleteLogins(ctx, store.LoginFilter{Before: at.Add(10 * time.Minute)}))(t), 1)
	same(t, "of another client", must(s.DeleteLogins(ctx, store.LoginFilter{Realm: "one", User: "ada", Client: "c1"}))(t), 0)
	same(t, "of the client", must(s.DeleteLogins(ctx, store.LoginFilter{Realm: "one", User: "ada", Client: "c2"}))(t), 1)
	same(t, "by hash and expired", must(s.DeleteLogins(ctx, store.LoginFilter{Hash: "h3", Before: at}))(t), 0)
	same(t, "by hash", must(s.DeleteLogins(ctx, store.LoginFilter{Hash: "h3"}))(t), 1)
}

func testLoginsBounded(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	check(t, s.CreateLogin(ctx, login("bob", "bob", "c", at), 3))
	for i := range 10 {
		check(t, s.CreateLogin(ctx, login(fmt.Sprint("h", i), "ada", fmt.Sprint("c", i), at.Add(time.Duration(i)*time.Hour)), 3))
	}
	// The newest stays even if it expires first.
	check(t, s.CreateLogin(ctx, login("soon", "ada", "c", at.Add(-time.Hour)), 3))
	var got []string
	for _, l := range must(s.Logins(ctx, "one", "ada"))(t) {
		got = append(got, l.Hash)
	}
	same(t, "logins", got, []string{"soon", "h8", "h9"})
	same(t, "somebody else's", len(must(s.Logins(ctx, "one", "bob"))(t)), 1)
	check(t, s.CreateLogin(ctx, login("only", "ada", "c", at), 1))
	same(t, "logins", len(must(s.Logins(ctx, "one", "ada"))(t)), 1)
}

// furnish gives the people and places of a town everything they can have.
func furnish(t *testing.T, s store.Store) {
	t.Helper()
	ctx := deadline(t)
	for _, r := range []string{"one", "two"} {
		for _, u := range []string{"ada", "bob"} {
			l := login(r+u, u, "c", time.Now().Add(time.Hour))
			l.Realm = r
			check(t, s.CreateLogin(ctx, l, 5))
			check(t, s.AddAdministrator(ctx, store.Administrator{Realm: r, User: u}))
			must(s.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: r, Kind: store.OwnerUser, ID: u}, Name: "d"}))(t)
			for _, role := range []string{"flight", "capcom"} {
				check(t, s.AddMember(ctx, store.Member{Realm: r, Role: role, User: u}))
				for _, room := range []string{"loop", "lobby"} {
					check(t, s.SetPreferences(ctx, []store.Preference{{Realm: r, User: u, Role: role, Room: room}}))
					check(t, s.SetPermission(ctx, store.Permission{Realm: r, Role: role, Room: room, Access: store.AccessTalk}))
				}
			}
		}
		for _, role := range []string{"flight", "capcom"} {
			must(s.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: r, Kind: store.OwnerRole, ID: role}, Name: "d"}))(t)
		}
		must(s.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: r}, Name: "d"}))(t)
	}
}

// census counts what belongs to people and places.
type census struct{ Members, Permissions, Administrators, Preferences, Logins, Documents int }

func count(t *testing.T, s store.Store) (c census) {
	t.Helper()
	ctx := deadline(t)
	c.Members = len(must(s.Members(ctx, store.Member{}))(t))
	c.Permissions = len(must(s.Permissions(ctx, store.Permission{}))(t))
	c.Administrators = len(must(s.Administrators(ctx, "", ""))(t))
	c.Preferences = len(must(s.Preferences(ctx, store.Preference{}))(t))
	for _, r := range []string{"one", "two"} {
		c.Documents += len(must(s.Documents(ctx, store.Owner{Realm: r}, ""))(t))
		for _, u := range []string{"ada", "bob"} {
			c.Logins += len(must(s.Logins(ctx, r, u))(t))
			c.Documents += len(must(s.Documents(ctx, store.Owner{Realm: r, Kind: store.OwnerUser, ID: u}, ""))(t))
		}
		for _, role := range []string{"flight", "capcom"} {
			c.Documents += len(must(s.Documents(ctx, store.Owner{Realm: r, Kind: store.OwnerRole, ID: role}, ""))(t))
		}
	}
	return c
}

// What belonged to somebody or something goes with them, and nothing else does.
func testPeopleGone(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	furnish(t, s)
	same(t, "at first", count(t, s), census{8, 8, 4, 16, 4, 10})
	check(t, s.DeleteUser(ctx, "one", "ada"))
	same(t, "without a user", count(t, s), census{6, 8, 3, 12, 3, 9})
	check(t, s.DeleteRole(ctx, "one", "flight"))
	same(t, "without a role", count(t, s), census{5, 6, 3, 10, 3, 8})
	check(t, s.DeleteRoom(ctx, "one", "loop"))
	same(t, "without a room", count(t, s), census{5, 5, 3, 9, 3, 8})
	check(t, s.DeleteRealm(ctx, "two"))
	same(t, "without a realm", count(t, s), census{1, 1, 1, 1, 1, 3})
	// The same names come back without what they had.
	must(s.CreateUser(ctx, store.User{Realm: "one", ID: "ada"}))(t)
	must(s.CreateRole(ctx, store.Role{Realm: "one", ID: "flight"}))(t)
	same(t, "with namesakes", count(t, s), census{1, 1, 1, 1, 1, 3})
}

func testDeleteProject(t *testing.T, s store.Store) {
	ctx := deadline(t)
	town(t, s)
	must(s.UpdateUser(ctx, store.User{Realm: "one", ID: "ada", Project: "orbiter"}))(t)
	must(s.UpdateRole(ctx, store.Role{Realm: "one", ID: "flight", Project: "orbiter"}))(t)
	must(s.UpdateRoom(ctx, store.Room{Realm: "one", ID: "loop", Project: "orbiter"}))(t)
	for _, u := range []string{"ada", "bob"} {
		check(t, s.AddAdministrator(ctx, store.Administrator{Realm: "one", Project: "orbiter", User: u}))
		check(t, s.AddAdministrator(ctx, store.Administrator{Realm: "one", User: u}))
	}
	check(t, s.SetPermission(ctx, store.Permission{Realm: "one", Role: "capcom", Room: "loop", Access: store.AccessTalk}))
	check(t, s.DeleteProject(ctx, "one", "orbiter"))

	same(t, "users", len(must(s.Users(ctx, store.Filter{Realm: "one"}))(t)), 1)
	same(t, "roles", len(must(s.Roles(ctx, store.Filter{Realm: "one"}))(t)), 1)
	same(t, "rooms", len(must(s.Rooms(ctx, store.Filter{Realm: "one"}))(t)), 1)
	same(t, "administrators", must(s.Administrators(ctx, "one", ""))(t), []store.Administrator{{Realm: "one", User: "bob"}})
	same(t, "permissions", len(must(s.Permissions(ctx, store.Permission{}))(t)), 0)
	same(t, "users elsewhere", len(must(s.Users(ctx, store.Filter{Realm: "two"}))(t)), 2)
	// Leaving a project does not take the user along.
	project(t, s, "one", "lander")
	must(s.UpdateUser(ctx, store.User{Realm: "one", ID: "bob", Project: "lander"}))(t)
	must(s.UpdateUser(ctx, store.User{Realm: "one", ID: "bob"}))(t)
	check(t, s.DeleteProject(ctx, "one", "lander"))
	same(t, "user", must(s.User(ctx, "one", "bob"))(t).Project, "")
}
