package core_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

var (
	realm = core.SectionID{Realm: "ops"}
	dock  = core.SectionID{Realm: "ops", Project: "dock"}
)

// section reads a section as ada, who may see everything.
func (w *town) section(t testing.TB, id core.SectionID) core.Section {
	t.Helper()
	s, err := w.as(t, "ada", "").Session().Administration().Section(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// edit changes a section as somebody who must be allowed to.
func (w *town) edit(t testing.TB, user string, id core.SectionID, change func(*core.Section)) {
	t.Helper()
	err := w.as(t, user, "").Session().Administration().Edit(t.Context(), id, func(s *core.Section) error {
		change(s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// room finds a room of a section.
func room(s *core.Section, id string) *core.StoredRoom {
	return &s.Rooms[slices.IndexFunc(s.Rooms, func(r core.StoredRoom) bool { return r.ID == id })]
}

// audited lists the audit entries but those of logins, the oldest first.
func (w *town) audited(t testing.TB) (lines []string) {
	t.Helper()
	entries, err := w.store.AuditEntries(t.Context(), store.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(entries) {
		if e.Action != "login" && e.Actor != "" {
			lines = append(lines, strings.TrimSpace(strings.Join([]string{e.Actor, e.Remote, e.Action, e.Target, string(e.Outcome), e.Detail}, " ")))
		}
	}
	return lines
}

func TestASectionIsReadWhole(t *testing.T) {
	w := newTown(t)
	want := core.Section{ID: realm, Name: "Operations", Administrators: []string{"ada"},
		Users: []core.User{{ID: "ada", Section: realm, Name: "Ada L."}, {ID: "bob", Section: realm}, {ID: "eve", Section: realm}},
		Roles: []core.Role{{ID: "flight", Section: realm, Name: "Flight Director", Data: `{"color":"red"}`, Members: []string{"ada", "cyd"}},
			{ID: "guide", Section: realm, Members: []string{"ada"}}},
		Rooms: []core.StoredRoom{
			{ID: "loop", Section: realm, Name: "The loop", Data: "{}", Media: core.MediaServer,
				Roles: map[string]core.Permission{"flight": core.PermitTalk, "capcom": core.PermitListen}},
			{ID: "yard", Section: realm, Media: core.MediaServer, Roles: map[string]core.Permission{"guide": core.PermitListen}}},
		Projects: []core.Section{
			{ID: dock, Name: "Dock", Administrators: []string{"bob"}, Users: []core.User{{ID: "cyd", Section: dock}},
				Roles: []core.Role{{ID: "capcom", Section: dock, Members: []string{"bob"}}},
				Rooms: []core.StoredRoom{{ID: "pier", Section: dock, Media: core.MediaServer, Roles: map[string]core.Permission{"capcom": core.PermitTalk}}}},
			{ID: core.SectionID{Realm: "ops", Project: "mill"}}}}
	if diff := cmp.Diff(want, w.section(t, realm)); diff != "" {
		t.Errorf("realm (-want +got):\n%s", diff)
	}
	want.Projects = want.Projects[:1] // bob does not see what is not his
	got, err := w.as(t, "bob", "").Session().Administration().Section(t.Context(), realm)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("realm as a project's administrator: %v (-want +got):\n%s", err, diff)
	}
	got, err = w.as(t, "bob", "").Session().Administration().Section(t.Context(), dock)
	if diff := cmp.Diff(want.Projects[0], got); err != nil || diff != "" {
		t.Errorf("project: %v (-want +got):\n%s", err, diff)
	}
}

func TestWhoMayAdminister(t *testing.T) {
	w := newTown(t)
	mill := core.SectionID{Realm: "ops", Project: "mill"}
	if _, err := w.store.CreateRealm(t.Context(), store.Realm{ID: "other"}); err != nil {
		t.Fatal(err)
	}
	nothing := func(*core.Section) error { return nil }
	for user, may := range map[string]map[core.SectionID][2]bool{ // read, change
		"ada": {realm: {true, true}, dock: {true, true}, mill: {true, true}},
		"bob": {realm: {true, false}, dock: {true, true}},
		"cyd": {},
		"eve": {},
	} {
		for _, id := range []core.SectionID{realm, dock, mill, {Realm: "other"}} {
			a := w.as(t, user, "").Session().Administration()
			_, err := a.Section(t.Context(), id)
			if (err == nil) != may[id][0] || err != nil && core.KindOf(err) != core.Denied {
				t.Errorf("%s reads %v: %v", user, id, err)
			}
			err = a.Edit(t.Context(), id, nothing)
			if (err == nil) != may[id][1] || err != nil && core.KindOf(err) != core.Denied {
				t.Errorf("%s changes %v: %v", user, id, err)
			}
		}
	}
	guest := w.connect(t).Session()
	_, section := guest.Administration().Section(t.Context(), realm)
	_, administers := guest.Administers(t.Context(), "ada")
	_, others := w.as(t, "eve", "").Session().Administers(t.Context(), "ada")
	for name, err := range map[string]error{"section": section, "administers": administers, "others": others,
		"edit": guest.Administration().Edit(t.Context(), realm, nothing), "password": guest.Administration().SetPassword(t.Context(), "ada", "12345678"),
		"another's password": w.as(t, "cyd", "").Session().Administration().SetPassword(t.Context(), "eve", "12345678"),
		"higher password":    w.as(t, "bob", "").Session().Administration().SetPassword(t.Context(), "ada", "12345678"),
		"realm":              w.as(t, "bob", "").Session().Administration().DeleteRealm(t.Context()),
		"layout":             w.as(t, "bob", "").Session().Administration().SetLayout(t.Context(), "mill", "{}"),
		"reload":             w.as(t, "cyd", "").Session().Administration().Reload(t.Context()),
		"import":             w.as(t, "bob", "").Session().Administration().ImportUsers(t.Context(), core.DirectoryQuery{}),
	} {
		if core.KindOf(err) != core.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := w.audited(t); !slices.Contains(got, "eve 127.0.0.1 edit dock denied") || !slices.Contains(got, "bob 127.0.0.1 user.password ada denied") {
		t.Errorf("refusals in the audit log are %q", got)
	}
	for user, want := range map[string][]core.Section{
		"ada": {{ID: realm, Name: "Operations"}, {ID: dock, Name: "Dock"}, {ID: mill}},
		"bob": {{ID: dock, Name: "Dock"}}, "cyd": nil,
	} {
		own, err := w.as(t, user, "").Session().Administers(t.Context(), "")
		if diff := cmp.Diff(want, own); err != nil || diff != "" {
			t.Errorf("%s administers: %v (-want +got):\n%s", user, err, diff)
		}
		seen, err := w.as(t, "ada", "").Session().Administers(t.Context(), user)
		if diff := cmp.Diff(want, seen); err != nil || diff != "" {
			t.Errorf("%s administers, says ada: %v (-want +got):\n%s", user, err, diff)
		}
	}
}

func TestAnEditIsStoredAsItIs(t *testing.T) {
	w := newTown(t)
	before := w.section(t, realm)
	want := before
	w.edit(t, "ada", realm, func(s *core.Section) {
		s.Name = "Operations room"
		s.Data = `{"a":1}`
		s.Users = slices.DeleteFunc(s.Users, func(u core.User) bool { return u.ID == "eve" })
		s.Users[0].Name = "Ada Lovelace"
		s.Users = append(s.Users, core.User{ID: "fay", Name: "Fay", Elsewhere: true})
		s.Roles[0].Members = []string{"fay"}
		s.Roles = append(s.Roles, core.Role{ID: "new", Members: []string{"ada"}})
		room(s, "loop").Roles = map[string]core.Permission{"flight": core.PermitListen, "new": core.PermitTalk, "guide": core.PermitNone}
		s.Rooms = append(s.Rooms, core.StoredRoom{ID: "attic", Guests: core.PermitListen, Mixed: true, Participants: 7})
		s.Layouts = map[string]string{"default": "{}"}
		s.Administrators = append(s.Administrators, "fay")
		moved := s.Projects[0].Rooms[0]
		s.Projects[1].Rooms = append(s.Projects[1].Rooms, moved) // to a project that stays
		s.Projects = s.Projects[1:]                              // the other goes with all that it has
		s.Projects = append(s.Projects, core.Section{ID: core.SectionID{Project: "new"}, Name: "N", Users: []core.User{{ID: "gus"}}})
		s.Users = append(s.Users, core.User{ID: "cyd"}) // saved from it
		want = *s
	})
	mill, fresh := core.SectionID{Realm: "ops", Project: "mill"}, core.SectionID{Realm: "ops", Project: "new"}
	want.ID = realm
	room(&want, "loop").Roles = map[string]core.Permission{"flight": core.PermitListen, "new": core.PermitTalk}
	want.Projects[0].Rooms[0].Roles = nil // its role went with the project
	want.Projects[1].ID = fresh
	for i := range want.Users {
		want.Users[i].Section = realm
	}
	for i := range want.Roles {
		want.Roles[i].Section = realm
	}
	for i := range want.Rooms {
		want.Rooms[i].Section = realm
		if want.Rooms[i].ID == "attic" {
			want.Rooms[i].Media = core.MediaPeer // the zero value
		}
	}
	want.Projects[0].Rooms[0].Section, want.Projects[1].Users[0].Section = mill, fresh
	byID := cmpopts.SortSlices(func(a, b any) bool { return idOf(a) < idOf(b) })
	if diff := cmp.Diff(want, w.section(t, realm), byID, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("realm after the edit (-want +got):\n%s", diff)
	}
	for _, user := range []string{"ada", "cyd"} { // passwords stay with whoever stays
		if made := w.connect(t).prove(t, core.Credentials{User: user, Password: password(user)}); made.Err != nil {
			t.Errorf("%s: %v", user, made.Err)
		}
	}
	log := w.audited(t)
	for _, line := range []string{"ada 127.0.0.1 user.create fay done", "ada 127.0.0.1 user.delete eve done", "ada 127.0.0.1 project.delete dock done",
		"ada 127.0.0.1 role.members flight done -ada -cyd +fay", "ada 127.0.0.1 room.permissions loop done flight=listen new=talk",
		"ada 127.0.0.1 administrators ops done +fay", "ada 127.0.0.1 layout.update default done", "ada 127.0.0.1 realm.update ops done"} {
		if !slices.Contains(log, line) {
			t.Errorf("the audit log lacks %q; it is\n%s", line, strings.Join(log, "\n"))
		}
	}
}

func idOf(v any) string {
	switch v := v.(type) {
	case core.User:
		return v.ID
	case core.Role:
		return v.ID
	case core.StoredRoom:
		return v.ID
	case string:
		return v
	}
	return ""
}

func TestAnEditThatFailsChangesNothing(t *testing.T) {
	w := newTown(t)
	before := w.section(t, realm)
	log := len(w.audited(t))
	if err := w.store.Within(t.Context(), func(tx store.Records) error {
		_, a := tx.CreateRealm(t.Context(), store.Realm{ID: "other"})
		_, b := tx.CreateUser(t.Context(), store.User{Realm: "other", ID: "far"})
		return errors.Join(a, b)
	}); err != nil {
		t.Fatal(err)
	}
	own := errors.New("I changed my mind")
	for name, row := range map[string]struct {
		change func(*core.Section)
		kind   core.ErrorKind
		id     string
	}{
		"user of another section":  {func(s *core.Section) { s.Users = append(s.Users, core.User{ID: "ada"}) }, core.Conflict, "ada"},
		"user of another realm":    {func(s *core.Section) { s.Users = append(s.Users, core.User{ID: "far"}) }, core.Conflict, "far"},
		"role of another section":  {func(s *core.Section) { s.Roles = append(s.Roles, core.Role{ID: "flight"}) }, core.Conflict, "flight"},
		"room of another section":  {func(s *core.Section) { s.Rooms = append(s.Rooms, core.StoredRoom{ID: "loop"}) }, core.Conflict, "loop"},
		"one id twice":             {func(s *core.Section) { s.Roles = append(s.Roles, core.Role{ID: "x"}, core.Role{ID: "x"}) }, core.Conflict, "x"},
		"member who is not":        {func(s *core.Section) { s.Roles[0].Members = append(s.Roles[0].Members, "zoe") }, core.NotFound, "zoe"},
		"member of another realm":  {func(s *core.Section) { s.Roles[0].Members = append(s.Roles[0].Members, "far") }, core.NotFound, "far"},
		"role that is not":         {func(s *core.Section) { s.Rooms[0].Roles["zoo"] = core.PermitTalk }, core.NotFound, "zoo"},
		"administrator who is not": {func(s *core.Section) { s.Administrators = []string{"zoe"} }, core.NotFound, "zoe"},
		"no id":                    {func(s *core.Section) { s.Users = append(s.Users, core.User{}) }, core.Invalid, ""},
		"id that cannot be":        {func(s *core.Section) { s.Rooms = append(s.Rooms, core.StoredRoom{ID: "a\nb"}) }, core.Invalid, "a\nb"},
		"too much data":            {func(s *core.Section) { s.Rooms[0].Data = strings.Repeat("x", 5<<20) }, core.Invalid, "pier"},
		"projects in a project":    {func(s *core.Section) { s.Projects = []core.Section{{ID: core.SectionID{Project: "y"}}} }, core.Invalid, ""},
		"layouts of a project":     {func(s *core.Section) { s.Layouts = map[string]string{"y": ""} }, core.Invalid, ""},
	} {
		a := w.as(t, "bob", "").Session().Administration()
		err := a.Edit(t.Context(), dock, func(s *core.Section) error {
			s.Name = "changed"
			row.change(s)
			return nil
		})
		var e *core.Error
		if !errors.As(err, &e) || e.Kind != row.kind || e.ID != row.id {
			t.Errorf("%s: %#v", name, err)
		}
		if err := a.Edit(t.Context(), dock, func(s *core.Section) error { row.change(s); return own }); err != own {
			t.Errorf("%s: what the change returns comes back as %v", name, err)
		}
	}
	if diff := cmp.Diff(before, w.section(t, realm)); diff != "" {
		t.Errorf("something was changed (-want +got):\n%s", diff)
	}
	if got := len(w.audited(t)); got != log {
		t.Errorf("%d audit entries, want %d", got, log)
	}
	_, err := w.as(t, "ada", "").Session().Administration().Section(t.Context(), core.SectionID{Realm: "ops", Project: "zoo"})
	wantKind(t, err, core.NotFound, core.AboutRequest)
}

func TestLivePeopleFollowTheirRights(t *testing.T) {
	w := newTown(t)
	cyd, bob, eve := w.as(t, "cyd", "flight"), w.as(t, "bob", "capcom"), w.as(t, "eve", "")
	place, heard := cyd.enter(t, "loop", core.ModeTalk), bob.enter(t, "loop", core.ModeListen)
	tr, ear := cyd.transport(t), bob.transport(t)
	if _, err := place.Publish(core.PublishRequest{Name: "mic", Transport: tr.ID(), Tracks: tracksOf(tr.ID())}); err != nil {
		t.Fatal(err)
	}
	if _, err := heard.Subscribe(core.SubscribeRequest{Participant: place.ID(), Publication: "mic", Transport: ear.ID()}); err != nil {
		t.Fatal(err)
	}
	if got := w.engine.receives(ear.ID()); len(got) == 0 {
		t.Fatal("bob does not hear cyd")
	}
	if err := place.PushToTalk(true); err != nil {
		t.Fatal(err)
	}
	watcher := w.as(t, "cyd", "flight")
	if _, err := watcher.Session().WatchRoom("ops/loop"); err != nil {
		t.Fatal(err)
	}
	forget := func() { cyd.facts(); bob.facts(); eve.facts(); watcher.facts() }

	forget()
	w.edit(t, "ada", realm, func(s *core.Section) { s.Name = "another name" })
	expect(t, cyd)
	w.edit(t, "ada", realm, func(s *core.Section) { room(s, "loop").Roles["flight"] = core.PermitListen })
	expect(t, cyd, "pressed cyd false", "changed cyd")
	expect(t, bob, "unpublished cyd/mic", "pressed cyd false", "changed cyd")
	expect(t, watcher, "unpublished cyd/mic", "pressed cyd false", "changed cyd")
	if got := w.engine.receives(ear.ID()); len(got) > 0 {
		t.Error("bob still hears cyd, who may not talk")
	}
	wantKind(t, place.SetMode(core.ModeTalk), core.Denied, core.AboutPermission)
	_, err := place.Publish(core.PublishRequest{Name: "mic", Transport: tr.ID(), Tracks: tracksOf(tr.ID())})
	wantKind(t, err, core.Denied, core.AboutPermission)
	w.edit(t, "ada", realm, func(s *core.Section) { room(s, "loop").Roles["flight"] = core.PermitTalk })
	if err := place.SetMode(core.ModeTalk); err != nil {
		t.Error(err)
	}

	forget()
	w.edit(t, "ada", realm, func(s *core.Section) { s.Roles[0].Members = []string{"ada"} }) // not cyd
	expect(t, cyd, "left cyd evicted")
	expect(t, bob, "left cyd evicted")
	if _, err := cyd.Session().Places(t.Context()); core.KindOf(err) != core.Denied {
		t.Errorf("places in a role that is lost: %v", err)
	}
	w.edit(t, "ada", realm, func(s *core.Section) { s.Roles[0].Members = []string{"ada", "cyd", "eve"} })
	watcher.facts()
	cyd.enter(t, "loop", core.ModeTalk)
	expect(t, watcher) // who may not listen does not watch
	if err := eve.Session().Act("flight"); err != nil {
		t.Errorf("a role given while logged in: %v", err)
	}

	forget()
	w.edit(t, "ada", realm, func(s *core.Section) {
		s.Rooms = slices.DeleteFunc(s.Rooms, func(r core.StoredRoom) bool { return r.ID == "loop" })
		s.Rooms = append(s.Rooms, core.StoredRoom{ID: "gate", Roles: map[string]core.Permission{"flight": core.PermitTalk}})
	})
	expect(t, bob, "closed closed")
	eve.enter(t, "gate", core.ModeTalk)

	forget()
	w.edit(t, "ada", realm, func(s *core.Section) { s.Users[2].Disabled = true }) // eve
	expect(t, eve, "ended evicted")
	w.edit(t, "bob", dock, func(s *core.Section) { s.Users = nil })
	expect(t, cyd, "ended evicted")
	if err := w.as(t, "ada", "").Session().Administration().DeleteRealm(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, bob, "ended evicted")
	if got := w.Admin().Rooms("ops"); len(got) > 0 {
		t.Errorf("rooms of the realm that is gone: %v", got)
	}
}

func TestIDs(t *testing.T) {
	w := newTown(t)
	s := w.as(t, "eve", "").Session()
	for _, row := range []struct {
		kind core.Kind
		id   string
		at   core.SectionID
		ok   bool
	}{
		{core.KindUser, "cyd", dock, true}, {core.KindUser, "ada", realm, true}, {core.KindRole, "capcom", dock, true}, {core.KindRoom, "pier", dock, true},
		{core.KindProject, "dock", dock, true}, {core.KindRealm, "ops", realm, true}, {core.KindRoom, "cyd", realm, false}, {core.KindUser, "", realm, false},
	} {
		at, err := s.Find(t.Context(), row.kind, row.id)
		if (err == nil) != row.ok || row.ok && at != row.at || err != nil && core.KindOf(err) != core.NotFound {
			t.Errorf("find %+v: %v, %v", row, at, err)
		}
		taken, err := s.Taken(t.Context(), row.kind, row.id)
		if err != nil || taken != row.ok {
			t.Errorf("taken %+v: %t, %v", row, taken, err)
		}
	}
	for id, want := range map[string]bool{"pier": true, "dock": true, "cyd": true, "zoo": false} {
		if got, err := s.Taken(t.Context(), core.AnyKind, id); err != nil || got != want {
			t.Errorf("%s is taken: %t, %v", id, got, err)
		}
	}
}

func TestPasswordsAndLayouts(t *testing.T) {
	w := newTown(t)
	bob := w.as(t, "bob", "").Session()
	for user, ok := range map[string]bool{"bob": true, "cyd": true, "ada": false, "zoe": false} {
		err := bob.Administration().SetPassword(t.Context(), user, "quite another one")
		if (err == nil) != ok {
			t.Errorf("password of %s: %v", user, err)
		}
		made := w.connect(t).prove(t, core.Credentials{User: user, Password: "quite another one"})
		if (made.Err == nil) != ok {
			t.Errorf("login of %s by it: %v", user, made.Err)
		}
	}
	wantKind(t, bob.Administration().SetPassword(t.Context(), "bob", "short"), core.Invalid, core.AboutRequest)
	if err := bob.Administration().SetLayout(t.Context(), "dock", `{"rows":4}`); err != nil {
		t.Error(err)
	}
	eve := w.as(t, "eve", "").Session()
	for name, want := range map[string]string{"dock": `{"rows":4}`, "none": ""} {
		if got, err := eve.Layout(t.Context(), name); err != nil || got != want {
			t.Errorf("layout %s is %q, %v", name, got, err)
		}
	}
	wantKind(t, bob.Administration().SetLayout(t.Context(), "dock", strings.Repeat("x", 5<<20)), core.Invalid, core.AboutValue)
	if got := w.section(t, realm).Layouts; !maps.Equal(got, map[string]string{"dock": `{"rows":4}`}) {
		t.Errorf("layouts of the realm are %q", got)
	}
	if eve.Directory() {
		t.Error("a directory has appeared")
	}
}

func TestWhatOthersStoredIsReadAgain(t *testing.T) {
	w := newTown(t)
	if _, err := w.store.CreateRoom(t.Context(), store.Room{Realm: "ops", ID: "shed"}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.SetPermission(t.Context(), store.Permission{Realm: "ops", Role: "flight", Room: "shed", Access: store.AccessTalk}); err != nil {
		t.Fatal(err)
	}
	if err := w.as(t, "bob", "").Session().Administration().Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.as(t, "ada", "flight").enter(t, "shed", core.ModeTalk)
}

// TestWhatTheCommandLineStoredIsFollowed: a server that runs hears of it by
// itself.
func TestWhatTheCommandLineStoredIsFollowed(t *testing.T) {
	w := newTown(t)
	bob := w.as(t, "bob", "capcom")
	place := bob.enter(t, "loop", core.ModeListen)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Watch(ctx, time.Millisecond) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	err := w.store.Within(t.Context(), func(tx store.Records) error {
		_, created := tx.CreateRoom(t.Context(), store.Room{Realm: "ops", ID: "shed"})
		granted := tx.SetPermission(t.Context(), store.Permission{Realm: "ops", Role: "guide", Room: "shed", Access: store.AccessTalk})
		removed := tx.RemoveMember(t.Context(), store.Member{Realm: "ops", Role: "capcom", User: "bob"})
		_, noted := tx.AppendAudit(t.Context(), store.AuditEntry{At: time.Now(), Realm: "ops", Action: "role.members", Target: "capcom"})
		return errors.Join(created, granted, removed, noted)
	})
	if err != nil {
		t.Fatal(err)
	}
	bob.await(t, func(f core.Fact) bool {
		left, ok := f.(core.ParticipantLeft)
		return ok && left.Reason == core.ReasonEvicted
	})
	if place.Present() {
		t.Error("bob is where he may not be any more")
	}
	w.as(t, "ada", "guide").enter(t, "shed", core.ModeTalk)
}
