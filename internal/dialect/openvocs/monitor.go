package openvocs

import (
	"context"
	"encoding/json"
	"strconv"

	"switchboard/internal/core"
)

// monitorEvent is the table of requests about what goes on in the server
// (dossier 8). They are answered to administrators only (dossier 12).
func monitorEvent(name string) event {
	switch name {
	case "state_mixer":
		return (*conversation).stateMixer
	case "state_connections":
		return (*conversation).stateConnections
	case "state_session":
		return (*conversation).stateSession
	case "get_mixer_state":
		return (*conversation).mixerState
	case "get_all_loops":
		return (*conversation).allLoops
	}
	return nil
}

// stateMixer counts mixers: dossier 8. There is one for each media connection,
// made when it is needed, so there are as many as are used.
func (c *conversation) stateMixer(ctx context.Context, _ *request) (any, error) {
	if err := c.administrates(ctx); err != nil {
		return nil, err
	}
	used := c.o.Hub.Counts().Transports
	return map[string]any{"mixer": used, "used": used}, nil
}

// connection is a session as administrators see it. Its session is the id by
// which they may ask for more, not the one that logs in.
type connection struct {
	User    string            `json:"user"`
	Client  string            `json:"client"`
	Role    string            `json:"role"`
	Session string            `json:"session"`
	Loops   map[string]string `json:"loops"`
	ICE     bool              `json:"ice"`
	Ready   bool              `json:"media_ready"`
	Via     string            `json:"via"`
}

func connectionOf(s core.SessionInfo) connection {
	k := connection{User: s.User, Client: string(s.ID), Role: s.Role, Session: string(s.ID), Loops: map[string]string{}, Via: s.Via}
	var own status
	if s.Via == Name && json.Unmarshal(s.Status, &own) == nil && own.Client != "" {
		k.Client = own.Client
	}
	for room, mode := range s.Rooms {
		k.Loops[room.Name()] = stateOf(mode)
	}
	for _, m := range s.Media {
		k.ICE = k.ICE || m.State == "connected"
	}
	k.Ready = k.ICE
	return k
}

func (c *conversation) sessions(ctx context.Context) ([]core.SessionInfo, error) {
	if err := c.administrates(ctx); err != nil {
		return nil, err
	}
	return c.o.Hub.Admin().Sessions(c.session().Identity().Realm), nil
}

// stateConnections lists who is logged in: dossier 8.
func (c *conversation) stateConnections(ctx context.Context, _ *request) (any, error) {
	all, err := c.sessions(ctx)
	list := make(map[string]connection, len(all))
	for i, s := range all {
		list[strconv.Itoa(i+1)] = connectionOf(s)
	}
	return map[string]any{"connections": list}, err
}

// stateSession tells of one of them: dossier 8.
func (c *conversation) stateSession(ctx context.Context, r *request) (any, error) {
	all, err := c.sessions(ctx)
	if err != nil {
		return nil, err
	}
	session, err := r.param.text("session")
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if string(s.ID) == session {
			return map[string]any{"frontend": map[string]any{"media": states(s)}, "backend": connectionOf(s)}, nil
		}
	}
	return nil, errUnknownThing
}

// traffic is what a media connection has carried.
type traffic struct {
	State    string `json:"state"`
	Received uint64 `json:"packets_received"`
	Sent     uint64 `json:"packets_sent"`
	Lost     uint64 `json:"packets_lost"`
	RTT      int64  `json:"round_trip_ms"`
}

func states(s core.SessionInfo) []traffic {
	list := make([]traffic, 0, len(s.Media))
	for _, m := range s.Media {
		list = append(list, traffic{m.State, m.PacketsReceived, m.PacketsSent, m.PacketsLost, m.RoundTrip.Milliseconds()})
	}
	return list
}

// mixerState tells what a user hears: dossier 8. It is one reply however many
// sessions the user has.
func (c *conversation) mixerState(ctx context.Context, r *request) (any, error) {
	all, err := c.sessions(ctx)
	if err != nil {
		return nil, err
	}
	user, err := r.param.text("user")
	if err != nil {
		return nil, err
	}
	type one struct {
		connection
		State map[string]any `json:"state"`
	}
	list := []one{}
	for _, s := range all {
		if s.User == user {
			k := connectionOf(s)
			list = append(list, one{k, map[string]any{"loops": k.Loops, "media": states(s)}})
		}
	}
	first := one{connection: connection{User: user, Loops: map[string]string{}}, State: map[string]any{}}
	if len(list) > 0 {
		first = list[0]
	}
	return struct {
		one
		Sessions []one `json:"sessions"`
	}{first, list}, nil
}

// allLoops lists every loop with the domain and the project it is in: dossier 8.
func (c *conversation) allLoops(ctx context.Context, _ *request) (any, error) {
	id, err := c.user()
	if err != nil {
		return nil, err
	}
	realm, err := c.administration().Section(ctx, core.SectionID{Realm: id.Realm})
	loops := map[string]entity{}
	above := named(id.Realm, realm.Name, realm.Data)
	for _, r := range realm.Rooms {
		loops[r.ID] = loopEntity(r)
		loops[r.ID].set("domain", above)
	}
	for _, p := range realm.Projects {
		for _, r := range p.Rooms {
			loops[r.ID] = loopEntity(r)
			loops[r.ID].set("domain", above)
			loops[r.ID].set("project", named(p.ID.Project, p.Name, p.Data))
		}
	}
	return map[string]any{"result": loops}, err
}
