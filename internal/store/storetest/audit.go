package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/internal/store"
)

func testAudit(t *testing.T, s store.Store) {
	ctx := deadline(t)
	at := time.Date(2026, 11, 20, 12, 30, 15, 123_999_999, time.FixedZone("somewhere", 3600))
	given := store.AuditEntry{
		At: at, Realm: "gone", Actor: "ada", Action: "user.create", Target: "bob",
		Outcome: store.OutcomeDenied, Remote: "192.0.2.7", Detail: "may not",
	}
	kept := must(s.AppendAudit(ctx, given))(t)
	if kept.ID == "" {
		t.Error("the entry has no id")
	}
	want := given
	want.ID, want.At = kept.ID, time.Date(2026, 11, 20, 11, 30, 15, 123_000_000, time.UTC)
	same(t, "kept entry", kept, want)
	same(t, "entries", must(s.AuditEntries(ctx, store.AuditQuery{}))(t), []store.AuditEntry{want})

	// An older time does not make an entry older: order is by arrival.
	second := must(s.AppendAudit(ctx, store.AuditEntry{At: at.Add(-time.Hour), Action: "login", Actor: "bob"}))(t)
	same(t, "outcome by default", second.Outcome, store.OutcomeDone)
	for _, c := range []struct {
		query store.AuditQuery
		want  []string
	}{
		{store.AuditQuery{}, []string{second.ID, kept.ID}},
		{store.AuditQuery{Realm: "gone"}, []string{kept.ID}},
		{store.AuditQuery{Actor: "bob"}, []string{second.ID}},
		{store.AuditQuery{Action: "login"}, []string{second.ID}},
		{store.AuditQuery{Target: "bob"}, []string{kept.ID}},
		{store.AuditQuery{Actor: "bob", Action: "user.create"}, nil},
		{store.AuditQuery{Limit: 1}, []string{second.ID}},
		{store.AuditQuery{Before: second.ID}, []string{kept.ID}},
	} {
		var got []string
		for _, e := range must(s.AuditEntries(ctx, c.query))(t) {
			got = append(got, e.ID)
		}
		same(t, fmt.Sprintf("entries for %+v", c.query), got, c.want)
	}
}

func testAuditPaging(t *testing.T, s store.Store) {
	ctx := deadline(t)
	const total = 250
	check(t, s.Within(ctx, func(tx store.Records) error {
		for i := range total {
			if _, err := tx.AppendAudit(ctx, store.AuditEntry{At: time.Now(), Action: "test", Target: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	}))
	var got []string
	q := store.AuditQuery{}
	for {
		page := must(s.AuditEntries(ctx, q))(t)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			got = append(got, e.Target)
		}
		q.Before = page[len(page)-1].ID
	}
	var want []string
	for i := range total {
		want = append(want, fmt.Sprint(total-1-i))
	}
	same(t, "all pages", got, want)
}

func testAuditPruned(t *testing.T, s store.Store) {
	ctx := deadline(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := range 10 {
		must(s.AppendAudit(ctx, store.AuditEntry{At: start.AddDate(0, 0, day), Action: "test"}))(t)
	}
	same(t, "entries removed", must(s.PruneAudit(ctx, start.AddDate(0, 0, 4)))(t), 4)
	same(t, "entries removed again", must(s.PruneAudit(ctx, start.AddDate(0, 0, 4)))(t), 0)
	left := must(s.AuditEntries(ctx, store.AuditQuery{}))(t)
	same(t, "entries left", len(left), 6)
	same(t, "the oldest", left[5].At, start.AddDate(0, 0, 4))
}

func testInvalid(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	must(s.CreateUser(ctx, store.User{Realm: "one", ID: "ada"}))(t)
	long := strings.Repeat("x", store.MaxID+1)
	for name, err := range map[string]error{
		"realm without id":               second(s.CreateRealm(ctx, store.Realm{})),
		"realm with slash":               second(s.CreateRealm(ctx, store.Realm{ID: "a/b"})),
		"realm with line break":          second(s.CreateRealm(ctx, store.Realm{ID: "a\nb"})),
		"long realm":                     second(s.CreateRealm(ctx, store.Realm{ID: long})),
		"data not UTF-8":                 second(s.UpdateRealm(ctx, store.Realm{ID: "one", Data: "\xff"})),
		"data with NUL":                  second(s.UpdateRealm(ctx, store.Realm{ID: "one", Data: "a\x00"})),
		"data too long":                  second(s.UpdateRealm(ctx, store.Realm{ID: "one", Data: strings.Repeat("x", store.MaxData+1)})),
		"negative version":               second(s.UpdateRealm(ctx, store.Realm{ID: "one", Version: -1})),
		"user without id":                second(s.CreateUser(ctx, store.User{Realm: "one"})),
		"user of odd origin":             second(s.CreateUser(ctx, store.User{Realm: "one", ID: "bob", Origin: "moon"})),
		"user with long name":            second(s.CreateUser(ctx, store.User{Realm: "one", ID: "bob", Name: strings.Repeat("x", store.MaxName+1)})),
		"password with NUL":              s.SetPassword(ctx, "one", "ada", "a\x00b"),
		"password too long":              s.SetPassword(ctx, "one", "ada", strings.Repeat("x", store.MaxPassword+1)),
		"room of odd media":              second(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "r", Media: "moon"})),
		"room of odd listening":          second(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "r", Listening: "moon"})),
		"room of odd guests":             second(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "r", Guests: "moon"})),
		"room of odd members":            second(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "r", Members: "moon"})),
		"negative participants":          second(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "r", MaxParticipants: -1})),
		"negative linger":                second(s.CreateRoom(ctx, store.Room{Realm: "one", ID: "r", Linger: -time.Second})),
		"project without realm":          second(s.CreateProject(ctx, store.Project{ID: "p"})),
		"project without id":             second(s.CreateProject(ctx, store.Project{Realm: "one"})),
		"role without id":                second(s.CreateRole(ctx, store.Role{Realm: "one"})),
		"role of odd project":            second(s.CreateRole(ctx, store.Role{Realm: "one", ID: "r", Project: "a\x00"})),
		"member without user":            s.AddMember(ctx, store.Member{Realm: "one", Role: "r"}),
		"permission to shout":            s.SetPermission(ctx, store.Permission{Realm: "one", Role: "r", Room: "r", Access: "shout"}),
		"permission to nothing":          s.SetPermission(ctx, store.Permission{Realm: "one", Role: "r", Room: "r"}),
		"administrator nobody":           s.AddAdministrator(ctx, store.Administrator{Realm: "one"}),
		"document unnamed":               second(s.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: "one"}})),
		"document of odd kind":           second(s.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: "one", Kind: "moon"}, Name: "d"})),
		"document of no user":            second(s.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: "one", Kind: store.OwnerUser}, Name: "d"})),
		"document of a realm in a realm": second(s.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: "one", ID: "two"}, Name: "d"})),
		"document too long": second(s.PutDocument(ctx, store.Document{
			Owner: store.Owner{Realm: "one"}, Name: "d", Body: strings.Repeat("x", store.MaxData+1)})),
		"volume too high":      s.SetPreferences(ctx, []store.Preference{{Realm: "one", User: "ada", Role: "r", Room: "r", Volume: 101}}),
		"volume below 0":       s.SetPreferences(ctx, []store.Preference{{Realm: "one", User: "ada", Role: "r", Room: "r", Volume: -1}}),
		"odd mode":             s.SetPreferences(ctx, []store.Preference{{Realm: "one", User: "ada", Role: "r", Room: "r", Mode: "shout"}}),
		"login for ever":       s.CreateLogin(ctx, store.Login{Hash: "h", Realm: "one", User: "ada", Client: "c"}, 9),
		"login without client": s.CreateLogin(ctx, store.Login{Hash: "h", Realm: "one", User: "ada", Expires: time.Now()}, 9),
		"no login to keep":     s.CreateLogin(ctx, store.Login{Hash: "h", Realm: "one", User: "ada", Client: "c", Expires: time.Now()}, 0),
		"log out everybody":    second(s.DeleteLogins(ctx, store.LoginFilter{})),
		"log out a namesake":   second(s.DeleteLogins(ctx, store.LoginFilter{User: "ada"})),
		"log out a client":     second(s.DeleteLogins(ctx, store.LoginFilter{Client: "c"})),
		"audit without time":   second(s.AppendAudit(ctx, store.AuditEntry{Action: "x"})),
		"audit without action": second(s.AppendAudit(ctx, store.AuditEntry{At: time.Now()})),
		"audit with id":        second(s.AppendAudit(ctx, store.AuditEntry{At: time.Now(), Action: "x", ID: "1"})),
		"audit page too long":  second(s.AuditEntries(ctx, store.AuditQuery{Limit: store.MaxAuditPage + 1})),
	} {
		wantError(t, name, err, store.ErrInvalid)
	}
	same(t, "realms", must(s.Realms(ctx))(t), []store.Realm{{ID: "one", Version: 1}})
	same(t, "rooms", len(must(s.Rooms(ctx, store.Filter{}))(t)), 0)

	check(t, s.SetPassword(ctx, "one", "ada", strings.Repeat("x", store.MaxPassword)))
	largest := store.Realm{ID: "one", Name: strings.Repeat("n", store.MaxName), Data: strings.Repeat("x", store.MaxData)}
	largest = must(s.UpdateRealm(ctx, largest))(t)
	same(t, "largest realm", must(s.Realm(ctx, "one"))(t), largest)
}

func second[T any](_ T, err error) error { return err }

// Names to look up come from clients, who send anything.
func testHostileNames(t *testing.T, s store.Store) {
	ctx := deadline(t)
	realm(t, s, "one")
	for _, name := range []string{"", "\x00", "a\x00b", "\xff\xfe", "'; DROP TABLE users; --", "$1", "%", strings.Repeat("x", 100_000)} {
		_, err := s.User(ctx, "one", name)
		wantError(t, fmt.Sprintf("user %.20q", name), err, store.ErrNotFound)
		_, err = s.Realm(ctx, name)
		wantError(t, fmt.Sprintf("realm %.20q", name), err, store.ErrNotFound)
		wantError(t, fmt.Sprintf("delete %.20q", name), s.DeleteUser(ctx, "one", name), store.ErrNotFound)
		_, err = s.Password(ctx, "one", name)
		wantError(t, fmt.Sprintf("password of %.20q", name), err, store.ErrNotFound)
		if name == "" {
			continue // an empty filter lets everything through
		}
		same(t, "users", len(must(s.Users(ctx, store.Filter{Realm: name}))(t)), 0)
	}
	// What looks odd but is a name stays what it is.
	for _, name := range []string{"'; DROP TABLE users; --", `a"b\c`, "$1", "%", "ada@vox.example", "Ünï çødé 声"} {
		must(s.CreateUser(ctx, store.User{Realm: "one", ID: name, Name: name}))(t)
		same(t, "name", must(s.User(ctx, "one", name))(t).Name, name)
	}
}
