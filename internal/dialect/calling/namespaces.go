package calling

import (
	"slices"
	"strconv"

	"switchboard/internal/core"
)

// setStatus replaces the global status: dossier 2.3. Whether anybody could see
// it is the answer.
func (c *conversation) setStatus(m *message) ([]byte, error) {
	before := c.status
	c.status = statusOf(m.get(fStatus))
	if err := c.fits(0); err != nil {
		c.status = before
		return nil, err
	}
	if err := c.c.Session().SetStatus(c.merged(nil)); err != nil {
		c.status = before
		return nil, err
	}
	for _, e := range c.entries {
		switch {
		case e.place == nil:
			_ = c.c.Session().SetAnnouncement(c.directory(e.namespace), c.status) // only if it ends just now
		case e.place.me != nil:
			_ = e.place.me.SetStatus(c.merged(e.place.status)) // likewise
		}
	}
	return strconv.AppendBool(nil, len(c.entries) > 0), nil
}

// fits tells whether the global status is within the limits everywhere, so that
// it is changed everywhere or nowhere. more is what is to come on top.
func (c *conversation) fits(more int) error {
	limits, all := c.o.Hub.Limits(), more
	for _, e := range c.entries {
		n := len(c.status)
		if e.place != nil {
			n = len(c.merged(e.place.status))
		}
		all += n
		if n > limits.StatusBytes {
			return tooMuch("A status can have at most ", limits.StatusBytes)
		}
	}
	if all > limits.StatusBytesPerSession {
		return tooMuch("Too much status: in all places together at most ", limits.StatusBytesPerSession)
	}
	return nil
}

func tooMuch(text string, most int) error { return wrong(text + strconv.Itoa(most) + " bytes") }

// subscribe begins to watch a namespace: dossier 2.4.
func (c *conversation) subscribe(m *message) ([]byte, error) {
	id := c.directory(m.get(fNamespace).string())
	info, err := c.c.Session().Watch(id)
	if err != nil {
		return nil, inSubscribe.of(err)
	}
	c.watched = append(c.watched, id)
	users := make([]core.SessionID, 0, len(info.Sessions))
	for id := range info.Sessions {
		users = append(users, id)
	}
	slices.Sort(users)
	b := []byte(`{"users":{`)
	for i, id := range users {
		b = appendKey(b, i, string(id))
		b = appendForeign(b, info.Sessions[id])
	}
	b = append(b, `},"rooms":{`...)
	for i := range info.Rooms {
		b = appendKey(b, i, roomName(info.Rooms[i].ID))
		b = append(appendRoom(append(b, '{'), &info.Rooms[i]), '}')
	}
	return append(b, `}}`...), nil
}

func (c *conversation) unsubscribe(m *message) ([]byte, error) {
	id := c.directory(m.get(fNamespace).string())
	if err := c.c.Session().Unwatch(id); err != nil {
		return nil, inUnsubs.of(err)
	}
	c.watched = slices.DeleteFunc(c.watched, func(o core.DirectoryID) bool { return o == id })
	return nil, nil
}

// registerUser lists the client in a namespace: dossier 2.5.
func (c *conversation) registerUser(m *message) ([]byte, error) {
	name := m.get(fNamespace).string()
	if err := c.fits(len(c.status)); err != nil {
		return nil, err
	}
	if err := c.c.Session().Announce(c.directory(name), c.status); err != nil {
		return nil, inRegister.of(err)
	}
	c.entries = append(c.entries, entry{namespace: name})
	return nil, nil
}

func (c *conversation) unregisterUser(m *message) ([]byte, error) {
	name := m.get(fNamespace).string()
	if err := c.c.Session().Withdraw(c.directory(name)); err != nil {
		return nil, inUnreg.of(err)
	}
	c.entries = slices.DeleteFunc(c.entries, func(e entry) bool { return e.place == nil && e.namespace == name })
	return nil, nil
}

// registerRoom lists a room in a namespace, which anybody may unless the room's
// policy says otherwise: dossier 2.6.
func (c *conversation) registerRoom(m *message) ([]byte, error) {
	return nil, inList.of(c.c.Session().AnnounceRoom(c.directory(m.get(fNamespace).string()), c.roomID(m.get(fRoom).string())))
}

func (c *conversation) unregisterRoom(m *message) ([]byte, error) {
	return nil, inUnlist.of(c.c.Session().WithdrawRoom(c.directory(m.get(fNamespace).string()), c.roomID(m.get(fRoom).string())))
}
