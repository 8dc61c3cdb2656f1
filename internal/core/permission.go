package core

// permission decides what an identity may do in a room. It is the only place
// that does. The room's policy must not change while it is called.
func permission(i *Identity, room RoomID, p *Policy) Permission {
	if i.Admin {
		return PermitTalk
	}
	if i.Guest {
		return p.Guests
	}
	if i.Realm != room.Realm() {
		return PermitNone
	}
	if granted, ok := i.Rooms[room.Name()]; ok {
		return granted
	}
	return p.Members
}
