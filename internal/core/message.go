package core

import "bytes"

// Message is an opaque message to somebody in the room or to everybody.
type Message struct {
	To     ParticipantID `json:"to,omitempty"`      // empty: everybody else
	ToName string        `json:"to_name,omitempty"` // with To empty: who has this name
	Echo   bool          `json:"echo,omitempty"`    // to everybody: the sender too
	Type   string        `json:"type"`              // media type of Body; see [TextMessage]
	Body   []byte        `json:"body"`              // not changed afterwards
}

// Send delivers a message. It reaches all of its receivers or none. Errors:
// Invalid (too long), Denied (not invited in yet), NotFound (no such receiver),
// Unavailable (a receiver is behind with reading; try again later).
func (p *Participant) Send(m Message) error {
	if most := p.room.hub.limits.MessageBytes; len(m.Body) > most || len(m.Type) > p.room.hub.limits.NameBytes {
		return p.room.hub.beyond("message_bytes", Invalid, "a message can have at most %d bytes", most)
	}
	if err := p.here(); err != nil {
		return err
	}
	defer p.room.mu.Unlock()
	if p.mode == ModeInvited {
		return errOnlyInvited(p)
	}
	if m.To != "" || m.ToName != "" {
		return p.sendTo(m)
	}
	e := newEvent(p.sent(m, ""))
	for _, to := range p.room.participants {
		if !to.session.takes(e) {
			return p.room.hub.beyond("mailbox_bytes", Unavailable, "'%s' is behind with reading", to.name)
		}
	}
	for _, to := range p.room.participants {
		if to.mode != ModeInvited && (to != p || m.Echo) {
			to.session.post(e)
		}
	}
	return nil
}

// sendTo delivers a message to one. Callers hold the room's lock.
func (p *Participant) sendTo(m Message) error {
	to := p.room.names[m.ToName]
	if m.To != "" {
		to = p.room.byID(m.To)
	}
	if to == nil {
		return failure(NotFound, AboutParticipant, "no such participant in room '%s'", p.room.id.Name())
	}
	e := newEvent(p.sent(m, to.id))
	switch {
	case to.mode == ModeInvited:
		return failure(Conflict, AboutParticipant, "'%s' is only invited to room '%s'", to.name, p.room.id.Name())
	case !to.session.takes(e):
		return p.room.hub.beyond("mailbox_bytes", Unavailable, "'%s' is behind with reading", to.name)
	}
	to.session.post(e)
	return nil
}

func (p *Participant) sent(m Message, to ParticipantID) MessageSent {
	return MessageSent{Room: p.room.id, From: p.id, FromName: p.name, To: to, Type: m.Type, Body: m.Body}
}

// DataRequest sets or removes one key of a room's data.
type DataRequest struct {
	Key   string `json:"key"`
	Value []byte `json:"value,omitempty"` // nil removes; not changed afterwards
	// Check compares the present value with Previous (nil: not set) first, byte
	// by byte: the dialect supplies canonical bytes.
	Check    bool   `json:"check,omitempty"`
	Previous []byte `json:"previous,omitempty"`
}

// SetRoomData changes one key of the room's data and tells the others. Errors:
// Invalid (too much data), Denied (invited only), Conflict about the value
// (Check failed).
func (p *Participant) SetRoomData(r DataRequest) error {
	limits := p.room.hub.limits
	if len(r.Key) > limits.NameBytes {
		return p.room.hub.beyond("name_bytes", Invalid, "a key can have at most %d bytes", limits.NameBytes)
	}
	if err := p.here(); err != nil {
		return err
	}
	defer p.room.mu.Unlock()
	room := p.room
	if p.mode == ModeInvited {
		return errOnlyInvited(p)
	}
	present, set := room.data[r.Key]
	if r.Check && (set != (r.Previous != nil) || !bytes.Equal(present, r.Previous)) {
		return failure(Conflict, AboutValue, "'%s' does not have the expected value", r.Key)
	}
	if r.Value == nil {
		delete(room.data, r.Key)
	} else {
		if dataWeight(room.data)-len(present)+len(r.Key)+len(r.Value) > limits.RoomDataBytes {
			return p.room.hub.beyond("room_data_bytes", Invalid, "a room's data can have at most %d bytes", limits.RoomDataBytes)
		}
		if room.data == nil {
			room.data = map[string][]byte{}
		}
		room.data[r.Key] = r.Value
	}
	room.tell(RoomDataChanged{Room: room.id, By: p.id, Key: r.Key, Value: r.Value, Data: copyData(room.data)}, p)
	return nil
}
