package openvocs_test

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/openvocs"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
	"switchboard/internal/store"
)

// buildFrozen makes a server on which everybody is ada, for fuzzing: its store is
// in memory and cannot be changed.
func buildFrozen(t testing.TB, _ map[string]string, e *mediatest.Engine) talk.Server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	hub, err := core.NewHub(core.Options{Limits: core.DefaultLimits(), Log: log, Auth: everybody{}, Store: frozen{}, Media: e.Start})
	if err != nil {
		t.Fatal(err)
	}
	if err := hub.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return talk.Server{Hub: hub, Access: core.AccessOpen,
		Dialects: []dialect.Dialect{openvocs.New(openvocs.Options{Hub: hub, Log: log})}}
}

// everybody is ada, whatever they say.
type everybody struct{}

func (everybody) Authenticate(context.Context, core.Credentials, netip.Addr) (core.Identity, error) {
	return core.Identity{Realm: domain, User: "ada", Roles: []string{"flight"}, Stored: true}, nil
}

// frozen is a store that keeps nothing new.
type frozen struct{}

func (frozen) View(_ context.Context, f func(store.Records) error) error { return f(frozenRecords{}) }

func (frozen) Within(context.Context, func(store.Records) error) error { return store.ErrUnavailable }

// frozenRecords are its records: those of one small domain.
type frozenRecords struct{ store.Records }

func frozenRooms() []store.Room {
	return []store.Room{{Realm: domain, ID: "fd-loop", Project: "orbiter", Media: store.MediaServer, Data: `{"sip":{}}`},
		{Realm: domain, ID: "ops", Media: store.MediaServer}}
}

// only returns those that are of a realm and have an id, or any.
func only[T any](list []T, f store.Filter, idOf func(T) string) []T {
	return slices.DeleteFunc(list, func(one T) bool {
		return f.Realm != "" && f.Realm != domain || f.ID != "" && f.ID != idOf(one)
	})
}

func first[T any](list []T) (one T, err error) {
	if len(list) == 0 {
		return one, store.ErrNotFound
	}
	return list[0], nil
}

func (frozenRecords) Realms(context.Context) ([]store.Realm, error) {
	return []store.Realm{{ID: domain}}, nil
}

func (r frozenRecords) Realm(ctx context.Context, id string) (store.Realm, error) {
	all, _ := r.Realms(ctx)
	return first(only(all, store.Filter{Realm: id}, nil))
}

func (frozenRecords) Projects(_ context.Context, f store.Filter) ([]store.Project, error) {
	return only([]store.Project{{Realm: domain, ID: "orbiter"}}, f, func(p store.Project) string { return p.ID }), nil
}

func (r frozenRecords) Project(ctx context.Context, realm, id string) (store.Project, error) {
	all, _ := r.Projects(ctx, store.Filter{Realm: realm, ID: id})
	return first(all)
}

func (frozenRecords) Users(_ context.Context, f store.Filter) ([]store.User, error) {
	return only([]store.User{{Realm: domain, ID: "ada"}}, f, func(u store.User) string { return u.ID }), nil
}

func (r frozenRecords) User(ctx context.Context, realm, id string) (store.User, error) {
	all, _ := r.Users(ctx, store.Filter{Realm: realm, ID: id})
	return first(all)
}

func (frozenRecords) Roles(_ context.Context, f store.Filter) ([]store.Role, error) {
	return only([]store.Role{{Realm: domain, ID: "flight", Data: `{"layout":{"ops":[]}}`}}, f, func(r store.Role) string { return r.ID }), nil
}

func (r frozenRecords) Role(ctx context.Context, realm, id string) (store.Role, error) {
	all, _ := r.Roles(ctx, store.Filter{Realm: realm, ID: id})
	return first(all)
}

func (frozenRecords) Members(context.Context, store.Member) ([]store.Member, error) {
	return []store.Member{{Realm: domain, Role: "flight", User: "ada"}}, nil
}

func (frozenRecords) Rooms(_ context.Context, f store.Filter) ([]store.Room, error) {
	return only(frozenRooms(), f, func(r store.Room) string { return r.ID }), nil
}

func (r frozenRecords) Room(ctx context.Context, realm, id string) (store.Room, error) {
	all, _ := r.Rooms(ctx, store.Filter{Realm: realm, ID: id})
	return first(all)
}

func (frozenRecords) Permissions(context.Context, store.Permission) ([]store.Permission, error) {
	return []store.Permission{{Realm: domain, Role: "flight", Room: "fd-loop", Access: store.AccessListen},
		{Realm: domain, Role: "flight", Room: "ops", Access: store.AccessTalk}}, nil
}

func (frozenRecords) Administrators(context.Context, string, string) ([]store.Administrator, error) {
	return []store.Administrator{{Realm: domain, User: "ada"}}, nil
}

func (frozenRecords) Preferences(context.Context, store.Preference) ([]store.Preference, error) {
	return nil, nil
}

func (frozenRecords) Document(context.Context, store.Owner, string) (store.Document, error) {
	return store.Document{}, store.ErrNotFound
}

func (frozenRecords) Documents(context.Context, store.Owner, string) ([]store.Document, error) {
	return nil, nil
}
