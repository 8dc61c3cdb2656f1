package openvocs

import (
	"context"
	"time"

	"switchboard/internal/core"
)

// lineEvent is the table of requests about telephone lines (dossier 6) and
// recordings (dossier 7).
func lineEvent(name string) event {
	switch name {
	case "sip":
		return (*conversation).sip
	case "call":
		return (*conversation).call
	case "hangup":
		return (*conversation).hangup
	case "permit_call", "permit", "revoke_call", "revoke":
		return (*conversation).permit
	case "list_calls":
		return (*conversation).listCalls
	case "list_call_permissions", "list_permissions":
		return (*conversation).listCallPermissions
	case "list_sip_status", "list_sip":
		return (*conversation).listLines
	case "get_recorded_loops":
		return (*conversation).recordedLoops
	case "record_start":
		return (*conversation).recordStart
	case "record_stop":
		return (*conversation).recordStop
	case "get_recording", "get_recordings":
		return (*conversation).recordings
	}
	return nil
}

// gateway is the state of SIP, in the words of real clients and of the seed.
type gateway struct {
	Connected bool `json:"connected"`
	SIP       bool `json:"SIP"`
}

func (c *conversation) gateway() gateway {
	on := c.o.Hub.LinesReachable()
	return gateway{on, on}
}

// sip tells whether a gateway is connected: seed, dossier 6.1.
func (c *conversation) sip(context.Context, *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	return c.gateway(), nil
}

// call calls a number from a loop: seed, dossier 6.1.
func (c *conversation) call(ctx context.Context, r *request) (any, error) {
	if _, err := c.loopOf(ctx, r, core.PermitListen); err != nil {
		return nil, err
	}
	if _, err := r.param.text("destination", "dest"); err != nil {
		return nil, err
	}
	return nil, errNoGateway
}

// hangup ends a call: seed, dossier 6.1.
func (c *conversation) hangup(_ context.Context, r *request) (any, error) {
	if _, err := c.actor(); err != nil {
		return nil, err
	}
	if _, err := r.param.text("call"); err != nil {
		return nil, err
	}
	return nil, errNoGateway
}

// permit lets somebody call a loop, or takes that back: seed, dossier 6.1.
func (c *conversation) permit(ctx context.Context, r *request) (any, error) {
	if _, err := c.loopOf(ctx, r, core.PermitListen); err != nil {
		return nil, err
	}
	if r.param.optional("caller") == "" && r.param.optional("callee") == "" {
		return nil, missing("caller")
	}
	return nil, errNoGateway
}

// listCalls lists calls: seed, dossier 6.1. Without a gateway there are none.
func (c *conversation) listCalls(context.Context, *request) (any, error) {
	_, err := c.actor()
	return map[string]any{"calls": nothing{}}, err
}

// listCallPermissions lists who may call: seed, dossier 6.1.
func (c *conversation) listCallPermissions(context.Context, *request) (any, error) {
	_, err := c.actor()
	return map[string]any{"permissions": []any{}}, err
}

// listLines lists the state of lines: seed, dossier 6.1.
func (c *conversation) listLines(context.Context, *request) (any, error) {
	_, err := c.actor()
	return map[string]any{"status": nothing{}}, err
}

// recordedLoops lists the loops that are being recorded: dossier 7.1.
func (c *conversation) recordedLoops(context.Context, *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	rooms, err := c.session().Recorded()
	type one struct {
		Loop string `json:"loop"`
	}
	list := make([]one, 0, len(rooms))
	for _, room := range rooms {
		list = append(list, one{room.Name()})
	}
	return map[string]any{"result": list}, err
}

// recordStart begins to record a loop: dossier 7.1.
func (c *conversation) recordStart(ctx context.Context, r *request) (any, error) {
	room, err := c.recordable(ctx, r)
	if err != nil {
		return nil, err
	}
	if err = c.session().Record(room); core.KindOf(err) == core.Unavailable {
		err = errNoRecorder
	}
	return nothing{}, err
}

// recordStop ends that: dossier 7.1.
func (c *conversation) recordStop(ctx context.Context, r *request) (any, error) {
	room, err := c.recordable(ctx, r)
	if err != nil {
		return nil, err
	}
	if err = c.session().StopRecord(room); core.KindOf(err) == core.NotFound {
		err = errNotRecording
	}
	return nothing{}, err
}

// recordable returns the loop of a request about its recording, which only
// administrators make (dossier 12).
func (c *conversation) recordable(ctx context.Context, r *request) (core.RoomID, error) {
	if err := c.administrates(ctx); err != nil {
		return "", err
	}
	loop, err := r.param.text("loop")
	return core.NewRoomID(c.session().Identity().Realm, loop), err
}

// recording is one as clients know it: dossier 7.1. Its times are in UTC without
// saying so, as clients expect.
type recording struct {
	ID    string `json:"id"`
	URI   string `json:"uri"`
	Loop  string `json:"loop"`
	Start string `json:"starttime"`
	End   string `json:"endtime"`
}

// recordings lists what was recorded, as a bare array: seed, dossier 7.1.
func (c *conversation) recordings(ctx context.Context, r *request) (any, error) {
	id, err := c.user()
	if err != nil {
		return nil, err
	}
	q := core.RecordingQuery{User: r.param.optional("user")}
	if loop := r.param.optional("loop"); loop != "" {
		q.Room = core.NewRoomID(id.Realm, loop)
	}
	for name, at := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if r.param.value(name) == nil {
			continue
		}
		seconds, err := r.param.number(latest, name)
		if err != nil {
			return nil, err
		}
		*at = time.Unix(seconds, 0)
	}
	found, err := c.session().Recordings(ctx, q)
	list := make([]recording, 0, len(found))
	for _, f := range found {
		list = append(list, recording{f.ID, f.Path, f.Room.Name(), f.From.UTC().Format(time.DateTime), f.To.UTC().Format(time.DateTime)})
	}
	return list, err
}

// latest is the last second of the year 9999.
const latest = 253402300799
