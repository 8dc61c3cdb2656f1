package core

import "unicode/utf8"

// OpenRoomRequest asks for a room that nobody is in yet.
type OpenRoomRequest struct {
	Room   RoomID            `json:"room"`
	Policy Policy            `json:"policy"` // the room lingers as it says
	Data   map[string][]byte `json:"data,omitempty"`
}

// OpenRoom makes a room without entering it. Errors: Invalid (name, too much
// data), Denied (may not talk in such a room), Conflict about the room (it is
// there already), Unavailable (limits).
func (s *Session) OpenRoom(r OpenRoomRequest) error {
	limits := s.hub.limits
	if err := s.admitted(); err != nil {
		return err
	}
	switch {
	case r.Room.Name() == "" || len(r.Room.Name()) > limits.NameBytes || !utf8.ValidString(r.Room.Name()):
		return s.hub.beyond("name_bytes", Invalid, "a room's name has 1 to %d bytes", limits.NameBytes)
	case dataWeight(r.Data) > limits.RoomDataBytes:
		return s.hub.beyond("room_data_bytes", Invalid, "a room's data can have at most %d bytes", limits.RoomDataBytes)
	case permission(s.identity.Load(), r.Room, &r.Policy) < PermitTalk:
		return failure(Denied, AboutPermission, "you may not open room '%s'", r.Room.Name())
	case s.hub.existing(r.Room) != nil:
		return errRoomExists(r.Room)
	}
	room, err := s.hub.locked(r.Room, &r.Policy, s)
	if err != nil {
		return err
	}
	if room.openedBy != s || room.lingered > 0 || len(room.participants) > 0 { // somebody else was faster
		room.mu.Unlock()
		return errRoomExists(r.Room)
	}
	room.data = copyData(r.Data)
	a := room.settle(false)
	room.mu.Unlock()
	s.hub.log.Info("room opened", "room", room.id, "by", s.id, "via", s.via)
	room.after(a)
	return nil
}

func errRoomExists(id RoomID) error {
	return failure(Conflict, AboutRoom, "room '%s' is there already", id.Name())
}
