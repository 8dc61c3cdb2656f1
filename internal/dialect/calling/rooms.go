package calling

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"

	"switchboard/internal/core"
)

// entry is a room the client is in or invited to, or a namespace it is
// registered in.
type entry struct {
	place     *place // nil: a registration
	namespace string
}

// place is the client's place in a room.
type place struct {
	room    string // as the client names it
	id      core.RoomID
	me      *core.Participant // nil: lost before the client heard of it
	status  []byte            // of this room only; nil: none
	pending bool              // only invited

	media     bool        // the server carries it; the rest is for that only
	lines     []*line     // in order of opening
	published []published // of what the client sends
}

// place finds the client's place in a room, or nil.
func (c *conversation) place(room []byte) *place {
	for _, e := range c.entries {
		if e.place != nil && e.place.room == string(room) {
			return e.place
		}
	}
	return nil
}

// placeIn finds the client's place by the core's name of the room, or nil.
func (c *conversation) placeIn(id core.RoomID) *place {
	for _, e := range c.entries {
		if e.place != nil && e.place.id == id {
			return e.place
		}
	}
	return nil
}

func (c *conversation) drop(p *place) {
	p.hangUpAll()
	c.entries = slices.DeleteFunc(c.entries, func(e entry) bool { return e.place == p })
}

// member finds the place of somebody who is to do something in a room, or says
// why they may not (dossier 2.2).
func (c *conversation) member(room value) (*place, error) {
	name := room.bytes()
	switch p := c.place(name); {
	case p == nil && c.c.Session().RoomExists(c.roomID(string(name))):
		return nil, errNotInRoom
	case p == nil:
		return nil, errNoRoom
	case p.pending:
		return nil, errOnlyInvited
	default:
		return p, nil
	}
}

// merged is the status that others see in a room.
func (c *conversation) merged(own []byte) []byte {
	global := c.status
	if global == nil {
		global = emptyObject
	}
	if own == nil {
		own = emptyObject
	}
	return overlay(global, own)
}

// statusOf is a status as it was set: null is none (dossier 2.7, 2.9). It keeps
// no part of the message.
func statusOf(v value) []byte {
	if !v.given() {
		return nil
	}
	return bytes.Clone(v.raw)
}

// join enters a room: dossier 2.7.
func (c *conversation) join(m *message) ([]byte, error) {
	name := newRoomName
	if room := m.get(fRoom); room.given() {
		if c.place(room.bytes()) != nil {
			return nil, errAlreadyIn
		}
		name = room.string
	}
	p := &place{room: name(), status: statusOf(m.get(fStatus))}
	p.id = c.roomID(p.room)
	status := c.merged(p.status)
	me, before, err := c.c.Session().Join(core.JoinRequest{Room: p.id, Name: c.self(), Display: displayOf(status), Status: status,
		Mode: core.ModeTalk, Create: c.o.policy()})
	if err != nil {
		return nil, inJoin.of(err)
	}
	p.me, p.media = me, before.Policy.Media == core.MediaServer
	c.entries = append(c.entries, entry{place: p})
	if p.media {
		c.next, before.Participants = arrivals(&before), nil
	}
	b := appendString([]byte(`{"room":`), p.room)
	return append(appendRoom(append(b, ','), &before), '}'), nil
}

// newRoomName names a room that the client left without a name: a UUID of
// version 4 (RFC 9562 section 5.4), as upstream's clients see them.
func newRoomName() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails (crypto/rand)
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// displayOf is the name that clients of this protocol show, for others to show
// as well (dossier 4.6).
func displayOf(status []byte) (display string) {
	members(status, func(key []byte, v value) {
		if v.kind == text && string(unquote(key)) == "name" {
			display = v.string()
		}
	})
	const most = 100
	if len(display) > most {
		return ""
	}
	return display
}

// leave gives the place in a room up: dossier 2.8.
func (c *conversation) leave(m *message) ([]byte, error) {
	p, err := c.member(m.get(fRoom))
	if err != nil {
		return nil, err
	}
	p.me.Leave()
	c.drop(p)
	return nil, nil
}

// peerStatus replaces the status in one room: dossier 2.9.
func (c *conversation) peerStatus(m *message) ([]byte, error) {
	p, err := c.member(m.get(fRoom))
	if err != nil {
		return nil, err
	}
	return nil, c.setPlaceStatus(p, statusOf(m.get(fStatus)))
}

func (c *conversation) setPlaceStatus(p *place, own []byte) error {
	if err := p.me.SetStatus(c.merged(own)); err != nil {
		return inRoom.of(err)
	}
	p.status = own
	return nil
}

// peerUpdate is the seed's request for what a peer says about itself: its
// status, and that it comes now that it was invited.
func (c *conversation) peerUpdate(m *message) ([]byte, error) {
	status, pending := m.get(fStatus), m.get(fPending)
	if string(pending.raw) == "true" {
		return nil, errMismatch // nobody can become pending by themself
	}
	if pending.given() {
		if i := c.invitedTo(m.get(fRoom).bytes()); i != nil {
			return nil, c.come(i, statusOf(status))
		}
	}
	p, err := c.member(m.get(fRoom))
	if err != nil || status.kind == absent {
		return nil, err
	}
	return nil, c.setPlaceStatus(p, statusOf(status))
}

// roomStatus sets one key of the room's status: dossier 2.10.
func (c *conversation) roomStatus(m *message) ([]byte, error) {
	p, err := c.member(m.get(fRoom))
	if err != nil {
		return nil, err
	}
	r := core.DataRequest{Key: m.get(fKey).string(), Check: string(m.get(fCheck).raw) == "true"}
	if v := m.get(fValue); v.kind != absent {
		r.Value = canonical(v)
	}
	previous := m.get(fPrevious)
	if previous.given() {
		r.Previous = canonical(previous)
	}
	err = p.me.SetRoomData(r)
	if r.Check && !previous.given() && isState(err) { // null is as good as absent
		r.Previous = nullValue
		err = p.me.SetRoomData(r)
	}
	return nil, inRoom.of(err)
}

var nullValue = []byte("null")

func isState(err error) bool {
	var e *core.Error
	return errors.As(err, &e) && e.Kind == core.Conflict && e.Subject == core.AboutValue
}

// peerMessage is the media type of messages between peers. Their body is what
// the receiver is sent, so that it is put together once.
const peerMessage = "application/x-calling"

// peerTo sends a message to a peer: dossier 2.11.
func (c *conversation) peerTo(m *message) ([]byte, error) {
	p, err := c.member(m.get(fRoom))
	if err != nil {
		return nil, err
	}
	to, event, data := m.get(fUser).string(), m.get(fEvent), m.get(fData)
	if to == "" {
		return nil, errNoRecipient
	}
	if taken, err := c.intercepts(p, to, event.bytes(), data); taken {
		return nil, err
	}
	send := core.Message{ToName: to, Type: peerMessage}
	if string(event.raw) == textEvent {
		send.Type, send.Body = p.textFor(to, data)
	}
	if send.Type == peerMessage {
		send.Body = encodeMessage(p.room, c.self(), event.raw, data.raw)
	}
	if err := p.me.Send(send); err != nil {
		if inSend.of(err) == errNoRecipient && !p.me.Present() {
			return nil, errNotInRoom
		}
		return nil, inSend.of(err)
	}
	return nil, nil
}

// textEvent is the event by which clients of this protocol pass on what their
// users say (dossier 4.5). Between it and other dialects' texts we translate:
// the data is then {"text":"…"}.
const textEvent = `"message"`

// textFor turns a message into a plain text if the peer came in by another
// dialect and there is a text in it.
func (p *place) textFor(to string, data value) (string, []byte) {
	var said *value
	if data.kind == object {
		members(data.raw, func(key []byte, v value) {
			if v.kind == text && string(unquote(key)) == "text" {
				said = &v
			}
		})
	}
	if said == nil {
		return peerMessage, nil
	}
	if peer, err := p.me.Lookup(to); err != nil || peer.Via == Name {
		return peerMessage, nil
	}
	return core.TextMessage, said.bytes()
}
