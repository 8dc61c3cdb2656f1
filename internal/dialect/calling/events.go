package calling

import (
	"slices"
	"strconv"

	"switchboard/internal/core"
)

// The functions here encode events. Those that take a fact depend on nothing
// else, so that all receivers share the bytes.

// encode says an event that has one name.
func encode(f core.Fact) []byte {
	switch f := f.(type) {
	case core.ParticipantJoined:
		return appendAdded(inRoomEvent("room_peer_add", f.Room), &f.Participant)
	case core.ParticipantChanged:
		return appendChanged(inRoomEvent("room_peer_update", f.Room), &f.Participant)
	case core.ParticipantLeft:
		return encodeLeft(roomName(f.Room), f.Name)
	case core.RoomDataChanged:
		return append(appendData(append(inRoomEvent("room_update", f.Room), `,"status":`...), f.Data), '}')
	case core.SessionAnnounced:
		return encodeUser("ns_user_add", &f)
	case core.SessionWithdrawn:
		return append(appendString(append(inNamespace("ns_user_rm", f.Directory), `,"user":`...), string(f.Session)), '}')
	case core.RoomAnnounced:
		b := appendString(append(inNamespace("ns_room_add", f.Directory), `,"room":`...), roomName(f.Room.ID))
		return append(appendRoom(append(b, ','), &f.Room), '}')
	case core.RoomWithdrawn:
		return append(appendString(append(inNamespace("ns_room_rm", f.Directory), `,"room":`...), roomName(f.Room)), '}')
	case core.Observed:
		if what, ok := f.What.(core.RoomDataChanged); ok {
			b := inListedRoom("ns_room_update", f.Directory, what.Room)
			return append(appendData(append(b, `,"status":`...), what.Data), '}')
		}
	}
	return nil
}

// encodeEntered is the first of two messages about somebody who was invited and
// came; the second is that of any change.
func encodeEntered(f core.Fact) []byte {
	what := f.(core.ParticipantChanged)
	return appendEntered(inRoomEvent("room_peer_update", what.Room), &what.Participant)
}

// encodeClient and encodeSeed say an event that has two names.
func encodeClient(f core.Fact) []byte { return encodeNamed(f, "ns_user_update", "ns_room_peer_") }
func encodeSeed(f core.Fact) []byte   { return encodeNamed(f, "user_update", "ns_room_user_") }

func encodeNamed(f core.Fact, user, peer string) []byte {
	switch f := f.(type) {
	case core.SessionAnnounced:
		return encodeUser(user, &f)
	case core.Observed:
		switch what := f.What.(type) {
		case core.ParticipantJoined:
			return appendAdded(inListedRoom(peer+"add", f.Directory, what.Room), &what.Participant)
		case core.ParticipantChanged:
			return appendChanged(inListedRoom(peer+"update", f.Directory, what.Room), &what.Participant)
		case core.ParticipantLeft:
			return append(appendString(append(inListedRoom(peer+"rm", f.Directory, what.Room), `,"user":`...), what.Name), '}')
		}
	}
	return nil
}

// encodeClientEntered and encodeSeedEntered are encodeEntered for namespaces.
func encodeClientEntered(f core.Fact) []byte { return encodeListedEntered(f, "ns_room_peer_update") }
func encodeSeedEntered(f core.Fact) []byte   { return encodeListedEntered(f, "ns_room_user_update") }

func encodeListedEntered(f core.Fact, name string) []byte {
	o := f.(core.Observed)
	what := o.What.(core.ParticipantChanged)
	return appendEntered(inListedRoom(name, o.Directory, what.Room), &what.Participant)
}

// The beginnings of events; usually another member and the closing brace
// follow.

const usualEvent = 256 // bytes

func inRoomEvent(name string, room core.RoomID) []byte {
	b := append(append(make([]byte, 0, usualEvent), `{"type":"`...), name...)
	return appendString(append(b, `","room":`...), roomName(room))
}

func inNamespace(name string, d core.DirectoryID) []byte {
	b := append(append(make([]byte, 0, usualEvent), `{"type":"`...), name...)
	return appendString(append(b, `","namespace":`...), namespaceOf(d))
}

func inListedRoom(name string, d core.DirectoryID, room core.RoomID) []byte {
	return appendString(append(inNamespace(name, d), `,"room":`...), roomName(room))
}

// The ends of events about a peer.

func appendAdded(b []byte, p *core.ParticipantInfo) []byte {
	b = strconv.AppendBool(append(b, `,"pending":`...), p.Mode == core.ModeInvited)
	return appendChanged(b, p)
}

func appendChanged(b []byte, p *core.ParticipantInfo) []byte {
	b = appendString(append(b, `,"user":`...), p.Name)
	return append(appendStatus(append(b, `,"status":`...), p), '}')
}

func appendEntered(b []byte, p *core.ParticipantInfo) []byte {
	return append(appendString(append(b, `,"user":`...), p.Name), `,"pending":false}`...)
}

// appendStatus says the status of a peer. For who came in by another dialect
// one is made up, since theirs is opaque to us.
func appendStatus(b []byte, p *core.ParticipantInfo) []byte {
	if p.Via == Name {
		return append(b, orEmpty(p.Status)...)
	}
	name := p.Display
	if name == "" {
		name = p.Name
	}
	b = appendString(append(b, `{"name":`...), name)
	return append(appendString(append(b, `,"dialect":`...), p.Via), '}')
}

func orEmpty(status []byte) []byte {
	if len(status) == 0 {
		return emptyObject
	}
	return status
}

// appendForeign says a value that may be another dialect's: if it is no JSON it
// is said as a text.
func appendForeign(b, v []byte) []byte {
	switch {
	case len(v) == 0:
		return append(b, "{}"...)
	case valid(v):
		return append(b, v...)
	}
	return appendString(b, string(v))
}

func appendKey(b []byte, i int, key string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return append(appendString(b, key), ':')
}

// appendRoom says the peers and the status of a room, as members of an object.
func appendRoom(b []byte, r *core.RoomInfo) []byte {
	b = append(b, `"peers":{`...)
	for i := range r.Participants {
		p := &r.Participants[i]
		b = appendKey(b, i, p.Name)
		b = strconv.AppendBool(append(b, `{"pending":`...), p.Mode == core.ModeInvited)
		b = append(appendStatus(append(b, `,"status":`...), p), '}')
	}
	return appendData(append(b, `},"status":`...), r.Data)
}

// appendData says a room's status.
func appendData(b []byte, data map[string][]byte) []byte {
	keys := make([]string, 0, len(data))
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		b = appendForeign(appendKey(b, i, key), data[key])
	}
	return append(b, '}')
}

func encodeUser(name string, f *core.SessionAnnounced) []byte {
	b := appendString(append(inNamespace(name, f.Directory), `,"user":`...), string(f.Session))
	return append(appendForeign(append(b, `,"status":`...), f.Status), '}')
}

func encodeLeft(room, name string) []byte {
	b := appendString(append(make([]byte, 0, usualEvent), `{"type":"room_peer_rm","room":`...), room)
	return append(appendString(append(b, `,"user":`...), name), '}')
}

// encodeMessage says what a peer sends; event and data are as the peer wrote
// them.
func encodeMessage(room, from string, event, data []byte) []byte {
	const frame = `{"type":"room_peer_from","room":"","user":"","event":,"data":}`
	b := make([]byte, 0, len(frame)+len(room)+len(from)+len(event)+len(data))
	b = appendString(append(b, `{"type":"room_peer_from","room":`...), room)
	b = appendString(append(b, `,"user":`...), from)
	b = append(append(b, `,"event":`...), event...)
	return append(append(append(b, `,"data":`...), data...), '}')
}

// encodeInvitation has the members of clients in the field and, where they do
// not clash, the seed's: `user` is who sends it (dossier 0, 6).
func encodeInvitation(handle int64, f *core.CallInvited) []byte {
	b := append(make([]byte, 0, 2*usualEvent), `{"type":"invite_incoming","handle":`...)
	b = strconv.AppendInt(b, handle, 10)
	b = appendString(append(b, `,"room":`...), roomName(f.Room.ID))
	b = appendRoom(append(b, ','), f.Room)
	b = appendString(append(b, `,"sender":`...), string(f.From))
	b = appendString(append(b, `,"user":`...), string(f.From))
	return append(appendForeign(append(b, `,"data":`...), f.Body), '}')
}

func encodeResponse(handle int64, accepted bool) []byte {
	b := strconv.AppendInt([]byte(`{"type":"invite_response","handle":`), handle, 10)
	return append(strconv.AppendBool(append(b, `,"accepted":`...), accepted), '}')
}

func encodeCancelled(handle int64) []byte {
	return append(strconv.AppendInt([]byte(`{"type":"invite_cancelled","handle":`), handle, 10), '}')
}
