// Package storetest is the suite that every implementation of [store.Store]
// passes. It owns what the contract means in practice, and knows no
// implementation: whoever has one calls [Run] from a test.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/store"
)

// Open returns a new empty store; the suite closes it. Stores opened by one
// test share nothing.
type Open func(t *testing.T) store.Store

// Run runs the whole suite.
func Run(t *testing.T, open Open) {
	for _, one := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"Realms", testRealms},
		{"Users", testUsers},
		{"Passwords", testPasswords},
		{"Rooms", testRooms},
		{"Projects", testProjects},
		{"Roles", testRoles},
		{"DeleteProject", testDeleteProject},
		{"Members", testMembers},
		{"Permissions", testPermissions},
		{"Administrators", testAdministrators},
		{"Documents", testDocuments},
		{"Preferences", testPreferences},
		{"Logins", testLogins},
		{"LoginsBounded", testLoginsBounded},
		{"PeopleGone", testPeopleGone},
		{"Audit", testAudit},
		{"AuditPaging", testAuditPaging},
		{"AuditPruned", testAuditPruned},
		{"InvalidRecords", testInvalid},
		{"HostileNames", testHostileNames},
		{"DeleteRealm", testDeleteRealm},
		{"WithinKeepsAll", testWithinKeepsAll},
		{"WithinKeepsNothing", testWithinKeepsNothing},
		{"WithinAfterError", testWithinAfterError},
		{"WithinPanics", testWithinPanics},
		{"WithinCounts", testWithinCounts},
		{"View", testView},
		{"VersionsUnderContention", testVersionsUnderContention},
		{"ContextEnded", testContextEnded},
		{"Property", testProperty},
		{"Closed", testClosed},
	} {
		t.Run(one.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			one.test(t, s)
		})
	}
}

// deadline is enough for anything a test does once.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// must returns v, or ends the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error is %v, want %v", what, got, want)
	}
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func realm(t *testing.T, s store.Records, id string) {
	t.Helper()
	must(s.CreateRealm(deadline(t), store.Realm{ID: id}))(t)
}
