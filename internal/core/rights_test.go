package core_test

import (
	"fmt"
	"slices"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

// TestNobodyBecomesMoreByAnothersPassword: whoever administers a project may not
// log in as somebody of it who administers more.
func TestNobodyBecomesMoreByAnothersPassword(t *testing.T) {
	w := newTown(t)
	bob := w.as(t, "bob", "").Session().Administration()
	for i, administers := range []struct {
		project string
		ok      bool
	}{{"dock", true}, {"mill", false}, {"", false}} {
		if err := w.store.AddAdministrator(t.Context(), store.Administrator{Realm: "ops", Project: administers.project, User: "cyd"}); err != nil {
			t.Fatal(err)
		}
		err := bob.SetPassword(t.Context(), "cyd", fmt.Sprint("password ", i))
		if administers.ok && err != nil || !administers.ok && core.KindOf(err) != core.Denied {
			t.Errorf("password of who administers %q: %v", administers.project, err)
		}
	}
	if err := w.as(t, "ada", "").Session().Administration().SetPassword(t.Context(), "cyd", "password of cyd"); err != nil {
		t.Error(err)
	}
}

// TestNobodyDeletesWhoAdministersMore: whoever administers a project may not take
// the administrator of the realm away because they are of the project.
func TestNobodyDeletesWhoAdministersMore(t *testing.T) {
	w := newTown(t)
	bob := w.as(t, "bob", "").Session().Administration()
	for _, step := range []struct {
		project string
		ok      bool
	}{{"", false}, {"mill", false}, {"dock", true}} {
		a := store.Administrator{Realm: "ops", Project: step.project, User: "cyd"}
		if err := w.store.AddAdministrator(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		err := bob.Edit(t.Context(), dock, func(s *core.Section) error {
			s.Users = slices.DeleteFunc(s.Users, func(u core.User) bool { return u.ID == "cyd" })
			return nil
		})
		_, gone := w.store.User(t.Context(), "ops", "cyd")
		if step.ok && (err != nil || gone == nil) || !step.ok && (core.KindOf(err) != core.Denied || gone != nil) {
			t.Errorf("deleting who administers %q: %v, and then reading them: %v", step.project, err, gone)
		}
		if gone == nil {
			if err := w.store.RemoveAdministrator(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
	}
}
