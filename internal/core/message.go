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
	if p.mode == ModeInvited {
		return errOnlyInvited(p)
	}
	return p.room.setData(&r, p)
}

// SetRoomData changes one key of the data of a room that the session need not be
// in, and tells everybody in it. Errors: Invalid (too much data), Denied (may not
// talk there), NotFound (no such room), Conflict about the value (Check failed).
func (s *Session) SetRoomData(id RoomID, r DataRequest) error {
	if most := s.hub.limits.NameBytes; len(r.Key) > most {
		return s.hub.beyond("name_bytes", Invalid, "a key can have at most %d bytes", most)
	}
	room, err := s.hub.locked(id, nil, s)
	if err != nil {
		return err
	}
	defer room.mu.Unlock()
	if permission(s.identity.Load(), id, &room.policy) < PermitTalk {
		return failure(Denied, AboutPermission, "you may not talk in room '%s'", id.Name())
	}
	return room.setData(&r, nil)
}

// setData changes one key for a participant, or for nobody in the room. Callers
// hold r.mu.
func (r *Room) setData(d *DataRequest, by *Participant) error {
	limits := r.hub.limits
	present, set := r.data[d.Key]
	if d.Check && (set != (d.Previous != nil) || !bytes.Equal(present, d.Previous)) {
		return failure(Conflict, AboutValue, "'%s' does not have the expected value", d.Key)
	}
	if d.Value == nil {
		delete(r.data, d.Key)
	} else {
		if dataWeight(r.data)-len(present)+len(d.Key)+len(d.Value) > limits.RoomDataBytes {
			return r.hub.beyond("room_data_bytes", Invalid, "a room's data can have at most %d bytes", limits.RoomDataBytes)
		}
		if r.data == nil {
			r.data = map[string][]byte{}
		}
		r.data[d.Key] = d.Value
	}
	fact := RoomDataChanged{Room: r.id, Key: d.Key, Value: d.Value, Data: copyData(r.data)}
	if by != nil {
		fact.By = by.id
	}
	r.tell(fact, by)
	return nil
}
