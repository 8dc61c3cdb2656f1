package core_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"switchboard/internal/core"
)

// TestEditsOfAllKinds makes random changes to a realm, many in one edit, and
// holds that what is stored afterwards is what was wanted, without what names
// something that is gone; or else what it was, and the error is the caller's.
func TestEditsOfAllKinds(t *testing.T) {
	w := newTown(t)
	a := w.as(t, "ada", "").Session().Administration()
	read := func(r *rapid.T) core.Section {
		s, err := a.Section(t.Context(), realm)
		if err != nil {
			r.Fatal(err)
		}
		return s
	}
	rapid.Check(t, func(r *rapid.T) {
		before, want := read(r), core.Section{}
		err := a.Edit(t.Context(), realm, func(s *core.Section) error {
			for range rapid.IntRange(1, 8).Draw(r, "changes") {
				change(r, s)
			}
			if !slices.Contains(s.Administrators, "ada") {
				s.Administrators = append(s.Administrators, "ada") // or she could not go on
			}
			want = *s
			return nil
		})
		after := read(r)
		if err != nil {
			if k := core.KindOf(err); k != core.Conflict && k != core.NotFound && k != core.Invalid {
				r.Fatalf("edit: %v", err)
			}
			want = before
		}
		tidy(&want)
		tidy(&after)
		if diff := cmp.Diff(want, after, cmpopts.EquateEmpty()); diff != "" {
			r.Fatalf("after the edit (%v) (-want +got):\n%s", err, diff)
		}
	})
}

// change makes one random change. Ids come from few, so that they clash, move
// from one section to another, and name what is not there.
func change(r *rapid.T, s *core.Section) {
	at := s
	if n := rapid.IntRange(0, len(s.Projects)).Draw(r, "section"); n > 0 {
		at = &s.Projects[n-1]
	}
	id := fmt.Sprint("x", rapid.IntRange(0, 4).Draw(r, "id"))
	user := rapid.SampledFrom([]string{"ada", "cyd", "eve", "x0", "x1", "x2", "nobody"}).Draw(r, "user")
	switch rapid.IntRange(0, 11).Draw(r, "what") {
	case 0:
		at.Users = append(at.Users, core.User{ID: id})
	case 1:
		at.Users = slices.DeleteFunc(at.Users, func(u core.User) bool { return u.ID == id })
	case 2:
		at.Roles = append(at.Roles, core.Role{ID: id, Members: []string{user}})
	case 3:
		at.Roles = slices.DeleteFunc(at.Roles, func(o core.Role) bool { return o.ID == id })
	case 4:
		at.Rooms = append(at.Rooms, core.StoredRoom{ID: id, Media: core.MediaServer, Roles: map[string]core.Permission{id: core.PermitTalk, "flight": core.PermitListen}})
	case 5:
		at.Rooms = slices.DeleteFunc(at.Rooms, func(o core.StoredRoom) bool { return o.ID == id })
	case 6:
		s.Projects = append(s.Projects, core.Section{ID: core.SectionID{Project: id}})
	case 7:
		s.Projects = slices.DeleteFunc(s.Projects, func(o core.Section) bool { return o.ID.Project == id })
	case 8:
		at.Administrators = append(at.Administrators, user)
	case 9:
		at.Name = id
	case 10:
		s.Layouts = map[string]string{id: id}
	case 11:
		for i := range at.Roles {
			at.Roles[i].Members = append(slices.Clone(at.Roles[i].Members), user)
		}
	}
}

// tidy puts a section into the form in which sections are read.
func tidy(s *core.Section) {
	users, roles := map[string]bool{}, map[string]bool{}
	all := []*core.Section{s}
	for i := range s.Projects {
		s.Projects[i].ID.Realm = s.ID.Realm
		all = append(all, &s.Projects[i])
	}
	for _, p := range all {
		for _, u := range p.Users {
			users[u.ID] = true
		}
		for _, o := range p.Roles {
			roles[o.ID] = true
		}
	}
	ids := func(list []string) []string {
		list = slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !users[id] })
		slices.Sort(list)
		return slices.Compact(list)
	}
	for _, p := range all {
		p.Administrators = ids(p.Administrators)
		for i := range p.Users {
			p.Users[i].Section = p.ID
		}
		for i := range p.Roles {
			p.Roles[i].Section, p.Roles[i].Members = p.ID, ids(p.Roles[i].Members)
		}
		for i := range p.Rooms {
			p.Rooms[i].Section, p.Rooms[i].Roles = p.ID, maps.Clone(p.Rooms[i].Roles)
			maps.DeleteFunc(p.Rooms[i].Roles, func(role string, _ core.Permission) bool { return !roles[role] })
		}
		slices.SortFunc(p.Users, func(a, b core.User) int { return strings.Compare(a.ID, b.ID) })
		slices.SortFunc(p.Roles, func(a, b core.Role) int { return strings.Compare(a.ID, b.ID) })
		slices.SortFunc(p.Rooms, func(a, b core.StoredRoom) int { return strings.Compare(a.ID, b.ID) })
	}
	slices.SortFunc(s.Projects, func(a, b core.Section) int { return strings.Compare(a.ID.Project, b.ID.Project) })
}
