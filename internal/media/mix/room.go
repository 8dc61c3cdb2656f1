package mix

import (
	"slices"

	"switchboard/internal/media"
)

// room is where talkers and listeners meet. It exists while it has either.
type room struct {
	id        media.RoomID
	talkers   int // that feed it
	listeners []ear
}

// ear is a listener in a room.
type ear struct {
	listener *Listener
	level    Level
}

// enter finds a room or makes it.
func (m *Mixer) enter(id media.RoomID) *room {
	r := m.rooms[id]
	if r == nil {
		r = &room{id: id}
		m.rooms[id] = r
	}
	return r
}

// abandon forgets a room that nobody uses.
func (m *Mixer) abandon(r *room) {
	if r.talkers == 0 && len(r.listeners) == 0 {
		delete(m.rooms, r.id)
	}
}

func (r *room) remove(l *Listener) {
	r.listeners = slices.DeleteFunc(r.listeners, func(e ear) bool { return e.listener == l })
}
