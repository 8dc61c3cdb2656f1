package openvocs

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"

	"switchboard/internal/core"
)

// house is a domain with a project, as it is stored.
func house() *core.Section {
	return &core.Section{ID: core.SectionID{Realm: "house"}, Data: `{"motto":"per aspera"}`, Administrators: []string{"ada"},
		Users: []core.User{{ID: "ada", Name: "Ada", Data: `{"avatar":"a.png"}`}, {ID: "eve", Elsewhere: true}},
		Roles: []core.Role{{ID: "flight", Members: []string{"ada", "bob"}, Data: `{"color":"red"}`}},
		Rooms: []core.StoredRoom{{ID: "loop", Media: core.MediaServer, Mixed: true, Data: `{"recorded":true}`,
			Roles: map[string]core.Permission{"flight": core.PermitTalk, "capcom": core.PermitListen}}},
		Layouts: map[string]string{"default": `{"grid_rows":3}`},
		Projects: []core.Section{{ID: core.SectionID{Realm: "house", Project: "dock"}, Users: []core.User{{ID: "bob"}},
			Roles: []core.Role{{ID: "capcom", Members: []string{"bob", "eve"}}}, Administrators: []string{"bob"}}},
	}
}

// TestWhatIsReadCanBeSent: who sends back what get has told changes nothing.
func TestWhatIsReadCanBeSent(t *testing.T) {
	for name, s := range map[string]*core.Section{"a domain": house(), "a project": &house().Projects[0]} {
		got := house()
		if s.ID.Project != "" {
			got = &house().Projects[0]
		}
		if err := sectionEntity(*s).into(got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, have := string(encode(sectionEntity(*s))), string(encode(sectionEntity(*got)))
		if want != have {
			t.Errorf("%s: sent back is\n%s\nwant\n%s", name, have, want)
		}
	}
}

// FuzzMerge sends any object as the data of an update. Merging it twice is the
// same as merging it once, it forgets nobody's being elsewhere, and names nobody
// who has been deleted.
func FuzzMerge(f *testing.F) {
	for _, data := range []string{`{}`, `{"id":"x","name":"N","users":{"ada":{"id":"ada"},"new":{"name":"New","ldap":true}}}`,
		`{"roles":{"admin":{"users":{"eve":null},"color":"x"},"flight":{"users":{"eve":null},"layout":{"loop":[]}}}}`,
		`{"loops":{"loop":{"roles":{"flight":false,"admin":true,"capcom":null}},"other":{}}}`,
		`{"projects":{"dock":{"users":{}},"mill":{"roles":{"r":{}}}},"layout":{"x":{}}}`,
		`{"users":{"ada":{"password":"x"}}}`, `{"users":[],"roles":1,"loops":null,"motto":null}`, string(encode(sectionEntity(*house())))} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		e := entity{}
		if !utf8.ValidString(data) || json.Unmarshal([]byte(data), &e) != nil {
			return // parse lets no such message through
		}
		once := house()
		if e.into(once) != nil {
			return
		}
		gone := idsOf(house()).without(idsOf(once)).users
		for _, s := range append([]core.Section{*once}, once.Projects...) {
			for _, r := range s.Roles {
				if slices.ContainsFunc(r.Members, func(id string) bool { return gone[id] }) {
					t.Errorf("role %s has members that are deleted: %v", r.ID, r.Members)
				}
			}
		}
		for _, u := range once.Users {
			if u.ID == "eve" && !u.Elsewhere {
				t.Error("eve's password is not elsewhere any more")
			}
		}
		twice := &core.Section{}
		if err := json.Unmarshal(encode(once), twice); err != nil {
			t.Fatal(err)
		}
		before := sectionEntity(*twice)
		if err := e.into(twice); err != nil {
			t.Fatalf("the second time: %v", err)
		}
		if after := sectionEntity(*twice); !reflect.DeepEqual(before, after) {
			t.Errorf("the second time it is\n%s\nwant\n%s", encode(after), encode(before))
		}
	})
}
