package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"switchboard/internal/store"
)

// operator is a user of the demonstration.
type operator struct {
	id, name      string
	roles         []string
	administrator bool
}

func operators() []operator {
	return []operator{
		{id: "flight", name: "Gene", roles: []string{"flight", "observer"}},
		{id: "capcom", name: "Charlie", roles: []string{"capcom", "observer"}},
		{id: "eecom", name: "Sy", roles: []string{"eecom"}},
		{id: "fido", name: "Jerry", roles: []string{"fido"}},
		{id: "surgeon", name: "Duane", roles: []string{"surgeon"}},
		{id: "visitor", name: "Visitor", roles: []string{"observer"}},
		{id: "admin", name: "Administrator", roles: []string{"flight", "observer"}, administrator: true},
	}
}

// position is what operators act as, and how clients show it.
type position struct {
	id, name, short, color string
}

func positions() []position {
	return []position{
		{"flight", "Flight Director", "FLIGHT", "#d97706"},
		{"capcom", "Spacecraft Communicator", "CAPCOM", "#2563eb"},
		{"eecom", "Electrical and Environmental Systems", "EECOM", "#059669"},
		{"fido", "Flight Dynamics", "FIDO", "#7c3aed"},
		{"surgeon", "Flight Surgeon", "SURGEON", "#dc2626"},
		{"observer", "Observer", "OBS", "#6b7280"},
	}
}

// loop is a room that stays, with who may talk and who may listen in it.
type loop struct {
	id, name     string
	talk, listen []string
	guests       store.Access
}

func loops() []loop {
	everyone := []string{"flight", "capcom", "eecom", "fido", "surgeon"}
	watching := []string{"observer"}
	return []loop{
		{id: "fd", name: "FD LOOP", talk: everyone, listen: watching},
		{id: "ag", name: "AIR/GROUND", talk: []string{"flight", "capcom"}, listen: []string{"eecom", "fido", "surgeon", "observer"}},
		{id: "systems", name: "SYSTEMS", talk: []string{"flight", "eecom"}, listen: []string{"capcom", "fido", "surgeon", "observer"}},
		{id: "dynamics", name: "DYNAMICS", talk: []string{"flight", "fido"}, listen: []string{"capcom", "eecom", "observer"}},
		{id: "medical", name: "MEDICAL", talk: []string{"flight", "surgeon"}, listen: []string{"capcom"}},
		{id: "network", name: "NETWORK", talk: everyone, listen: watching},
		{id: "sim", name: "SIM SUPE", talk: []string{"flight", "capcom"}, listen: []string{"eecom", "fido", "surgeon"}},
		{id: "public", name: "PUBLIC", talk: []string{"flight"}, listen: append(everyone[1:], "observer"), guests: store.AccessListen},
	}
}

// columns is how wide the grid of keys is.
const columns = 4

// spot is where a role sees a room.
type spot struct {
	Page   int `json:"page"`
	Column int `json:"column"`
	Row    int `json:"row"`
}

// layout is the grid of keys of a role: the loops that it may enter, each where
// every role sees it, and the lobby on a page of its own.
func layout(role string) map[string][]spot {
	grid := map[string][]spot{"lobby": {{Page: 2, Column: 1, Row: 1}}}
	for i, l := range loops() {
		if slices.Contains(l.talk, role) || slices.Contains(l.listen, role) {
			grid[l.id] = []spot{{Page: 1, Column: i%columns + 1, Row: i/columns + 1}}
		}
	}
	return grid
}

func writeLoops(ctx context.Context, tx store.Records) error {
	for _, l := range loops() {
		room := store.Room{Realm: realm, ID: l.id, Name: l.name, Media: store.MediaServer, Listening: store.ListeningMix, Guests: l.guests}
		if _, err := tx.CreateRoom(ctx, room); err != nil {
			return err
		}
	}
	grid, err := text(map[string]int{"grid_columns": columns, "grid_rows": (len(loops()) + columns - 1) / columns})
	if err != nil {
		return err
	}
	_, err = tx.PutDocument(ctx, store.Document{Owner: store.Owner{Realm: realm}, Name: "layout/" + realm, Body: grid})
	return err
}

func writeRoles(ctx context.Context, tx store.Records) error {
	for _, p := range positions() {
		data, err := text(map[string]any{"abbreviation": p.short, "color": p.color, "layout": layout(p.id)})
		if err != nil {
			return err
		}
		if _, err := tx.CreateRole(ctx, store.Role{Realm: realm, ID: p.id, Name: p.name, Data: data}); err != nil {
			return err
		}
		if err := tx.SetPermission(ctx, store.Permission{Realm: realm, Role: p.id, Room: "lobby", Access: store.AccessTalk}); err != nil {
			return err
		}
	}
	for _, l := range loops() {
		for access, roles := range map[store.Access][]string{store.AccessTalk: l.talk, store.AccessListen: l.listen} {
			for _, role := range roles {
				if err := tx.SetPermission(ctx, store.Permission{Realm: realm, Role: role, Room: l.id, Access: access}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func writeUsers(ctx context.Context, tx store.Records, encoded string) error {
	for _, o := range operators() {
		if _, err := tx.CreateUser(ctx, store.User{Realm: realm, ID: o.id, Name: o.name}); err != nil {
			return err
		}
		if err := tx.SetPassword(ctx, realm, o.id, encoded); err != nil {
			return err
		}
		for _, role := range o.roles {
			if err := tx.AddMember(ctx, store.Member{Realm: realm, Role: role, User: o.id}); err != nil {
				return err
			}
		}
		if !o.administrator {
			continue
		}
		if err := tx.AddAdministrator(ctx, store.Administrator{Realm: realm, User: o.id}); err != nil {
			return err
		}
	}
	return nil
}

// Operators lists the users of the demonstration, for telling people.
func Operators() (ids []string) {
	for _, o := range operators() {
		ids = append(ids, o.id)
	}
	return ids
}

// text writes a value as the opaque text that is kept for clients.
func text(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write data of the demonstration: %w", err)
	}
	return string(b), nil
}
