package core

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"switchboard/internal/store"
)

// SectionID names a realm, or one of its projects.
type SectionID struct {
	Realm   string `json:"realm"`
	Project string `json:"project,omitempty"` // empty: the realm itself
}

// Section is a realm or a project with all that belongs to it, as it is stored.
// Passwords are never in it.
type Section struct {
	ID             SectionID    `json:"id"`
	Name           string       `json:"name,omitempty"`           // for showing
	Data           string       `json:"data,omitempty"`           // opaque
	Administrators []string     `json:"administrators,omitempty"` // users
	Users          []User       `json:"users,omitempty"`
	Roles          []Role       `json:"roles,omitempty"`
	Rooms          []StoredRoom `json:"rooms,omitempty"`
	// Layouts are opaque texts by which clients arrange what they show, by name.
	// Only realms have them.
	Layouts map[string]string `json:"layouts,omitempty"`
	// Projects are the parts of a realm.
	Projects []Section `json:"projects,omitempty"`
}

// StoredRoom is a room as it is stored.
type StoredRoom struct {
	ID      string    `json:"id"`
	Section SectionID `json:"section"`
	Name    string    `json:"name,omitempty"` // for showing
	Data    string    `json:"data,omitempty"` // opaque
	// Roles is what those may do who act in a role.
	Roles map[string]Permission `json:"roles,omitempty"`
	// Members and Guests are what other users of the realm, and guests, may do.
	Members      Permission    `json:"members"`
	Guests       Permission    `json:"guests"`
	Media        MediaPolicy   `json:"media"`
	Mixed        bool          `json:"mixed,omitempty"`        // newcomers hear one mix of everybody
	Participants int           `json:"participants,omitempty"` // at most; 0 is the server's limit
	Linger       time.Duration `json:"linger,omitempty"`
}

// layoutDocuments is how the names of a realm's documents begin that are layouts.
const layoutDocuments = "layout/"

// readSection reads a section; of a realm with all its projects.
func readSection(ctx context.Context, tx store.Records, id SectionID) (*Section, error) {
	r := sectionReader{tx: tx, id: id, sections: map[string]*Section{}}
	for _, read := range []func(context.Context) error{r.frame, r.people, r.roles, r.rooms, r.layouts} {
		if err := read(ctx); err != nil {
			return nil, err
		}
	}
	top := r.sections[id.Project]
	for _, project := range slices.Sorted(maps.Keys(r.sections)) {
		if project != id.Project {
			top.Projects = append(top.Projects, *r.sections[project])
		}
	}
	return top, nil
}

// sectionReader fills in sections by project, of which "" is the realm.
type sectionReader struct {
	tx       store.Records
	id       SectionID
	sections map[string]*Section
}

// frame reads names, data and administrators.
func (r *sectionReader) frame(ctx context.Context) error {
	realm, err := r.tx.Realm(ctx, r.id.Realm)
	if err != nil {
		return err
	}
	projects, err := r.tx.Projects(ctx, store.Filter{Realm: r.id.Realm, ID: r.id.Project})
	if err != nil {
		return err
	}
	if r.id.Project == "" {
		r.sections[""] = &Section{ID: r.id, Name: realm.Name, Data: realm.Data}
	}
	for _, p := range projects {
		r.sections[p.ID] = &Section{ID: SectionID{p.Realm, p.ID}, Name: p.Name, Data: p.Data}
	}
	if len(r.sections) == 0 {
		return failure(NotFound, AboutRequest, "there is no such project")
	}
	administrators, err := r.tx.Administrators(ctx, r.id.Realm, "")
	if err != nil {
		return err
	}
	for _, a := range administrators {
		if s := r.sections[a.Project]; s != nil {
			s.Administrators = append(s.Administrators, a.User)
		}
	}
	return nil
}

func (r *sectionReader) people(ctx context.Context) error {
	users, err := r.tx.Users(ctx, store.Filter{Realm: r.id.Realm})
	if err != nil {
		return err
	}
	for _, u := range users {
		if s := r.sections[u.Project]; s != nil {
			s.Users = append(s.Users, user(u))
		}
	}
	return nil
}

func (r *sectionReader) roles(ctx context.Context) error {
	roles, err := r.tx.Roles(ctx, store.Filter{Realm: r.id.Realm})
	if err != nil {
		return err
	}
	members, err := r.tx.Members(ctx, store.Member{Realm: r.id.Realm})
	if err != nil {
		return err
	}
	in := map[string][]string{}
	for _, m := range members {
		in[m.Role] = append(in[m.Role], m.User)
	}
	for _, stored := range roles {
		if s := r.sections[stored.Project]; s != nil {
			one := role(stored)
			one.Members = in[stored.ID]
			s.Roles = append(s.Roles, one)
		}
	}
	return nil
}

func (r *sectionReader) rooms(ctx context.Context) error {
	rooms, err := r.tx.Rooms(ctx, store.Filter{Realm: r.id.Realm})
	if err != nil {
		return err
	}
	policies := map[RoomID]Policy{}
	if err := readRooms(ctx, r.tx, r.id.Realm, policies); err != nil {
		return err
	}
	for _, stored := range rooms {
		if s := r.sections[stored.Project]; s != nil {
			s.Rooms = append(s.Rooms, storedRoom(stored, policies[NewRoomID(stored.Realm, stored.ID)]))
		}
	}
	return nil
}

func (r *sectionReader) layouts(ctx context.Context) error {
	if r.id.Project != "" {
		return nil
	}
	documents, err := r.tx.Documents(ctx, store.Owner{Realm: r.id.Realm}, layoutDocuments)
	if err != nil {
		return err
	}
	top := r.sections[""]
	for _, d := range documents {
		if top.Layouts == nil {
			top.Layouts = map[string]string{}
		}
		top.Layouts[strings.TrimPrefix(d.Name, layoutDocuments)] = d.Body
	}
	return nil
}

func storedRoom(r store.Room, p Policy) StoredRoom {
	return StoredRoom{ID: r.ID, Section: SectionID{r.Realm, r.Project}, Name: r.Name, Data: r.Data, Roles: p.Roles,
		Members: p.Members, Guests: p.Guests, Media: p.Media, Mixed: r.Listening == store.ListeningMix,
		Participants: r.MaxParticipants, Linger: r.Linger}
}

func (r StoredRoom) record() store.Room {
	room := store.Room{Realm: r.Section.Realm, ID: r.ID, Project: r.Section.Project, Name: r.Name, Data: r.Data,
		Media: store.MediaServer, Listening: store.ListeningForward, Members: access(r.Members), Guests: access(r.Guests),
		MaxParticipants: r.Participants, Linger: r.Linger}
	if r.Media == MediaPeer {
		room.Media = store.MediaPeer
	}
	if r.Mixed {
		room.Listening = store.ListeningMix
	}
	return room
}

// clone copies a section, so that the copy can be changed in every part.
func (s *Section) clone() *Section {
	c := *s
	c.Administrators, c.Users = slices.Clone(s.Administrators), slices.Clone(s.Users)
	c.Layouts = maps.Clone(s.Layouts)
	c.Roles, c.Rooms, c.Projects = slices.Clone(s.Roles), slices.Clone(s.Rooms), slices.Clone(s.Projects)
	for i := range c.Roles {
		c.Roles[i].Members = slices.Clone(c.Roles[i].Members)
	}
	for i := range c.Rooms {
		c.Rooms[i].Roles = maps.Clone(c.Rooms[i].Roles)
	}
	for i := range c.Projects {
		c.Projects[i] = *c.Projects[i].clone()
	}
	return &c
}
