package core

import "switchboard/internal/media"

// MixRequest asks to hear a room's mix.
type MixRequest struct {
	Transport media.TransportID `json:"transport"`
	Volume    int               `json:"volume"` // in percent, 0 silent to 100 as it was spoken
	// Video shows who speaks too, on the transport's first free video line.
	Video bool `json:"video,omitempty"`
	// SoundOnly leaves out whoever publishes a picture, with all their sound: who
	// asks for this receives those one by one.
	SoundOnly bool `json:"soundOnly,omitempty"`
}

// mixSubscription is a participant hearing the mix of their room.
type mixSubscription struct {
	transport media.TransportID
	volume    int
	video     bool
	soundOnly bool
}

// HearMix makes one of the session's transports hear everybody in the room but
// what it sends itself, as one stream, while the participant's mode is listen or
// talk. A second call replaces the first. Errors: Invalid (volume), Denied (the
// room's media is not the server's affair), NotFound (not in the
// room, not the session's transport), Unavailable (limits).
func (p *Participant) HearMix(r MixRequest) error {
	switch {
	case r.Volume < 0 || r.Volume > 100:
		return errVolume
	case !p.session.owns(r.Transport):
		return failure(NotFound, AboutTransport, "no such transport")
	}
	if err := p.here(); err != nil {
		return err
	}
	room := p.room
	if room.policy.Media != MediaServer {
		room.mu.Unlock()
		return failure(Denied, AboutRoom, "the server carries no media in room '%s'", room.id.Name())
	}
	if p.mix == nil {
		if most := room.hub.limits.SubscriptionsPerSession; p.session.subscriptions.Add(1) > int64(most) {
			p.session.subscriptions.Add(-1)
			room.mu.Unlock()
			return room.hub.beyond("subscriptions_per_session", Unavailable, "too many subscriptions: at most %d", most)
		}
	}
	touched := []media.TransportID{r.Transport}
	if p.mix != nil && p.mix.transport != r.Transport {
		touched = append(touched, p.mix.transport)
	}
	if p.mix != nil {
		room.unhear(p)
	}
	p.mix = &mixSubscription{r.Transport, r.Volume, r.Video, r.SoundOnly}
	if room.hearers == nil {
		room.hearers = map[media.TransportID][]*Participant{}
	}
	room.hearers[r.Transport] = append(room.hearers[r.Transport], p)
	routes := room.routesTo(touched)
	room.mu.Unlock()
	room.hub.apply(routes)
	return nil
}

// StopMix ends HearMix. Without one it does nothing.
func (p *Participant) StopMix() {
	if p.here() != nil {
		return
	}
	if p.mix == nil {
		p.room.mu.Unlock()
		return
	}
	to := p.mix.transport
	p.room.dropMix(p)
	routes := p.room.routesTo([]media.TransportID{to})
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
}

// SetVolume changes how loud the participant hears the room's mix, in percent.
// Errors: Invalid (not 0 to 100), NotFound (not in the room; about the
// publication: hears no mix).
func (p *Participant) SetVolume(percent int) error {
	if percent < 0 || percent > 100 {
		return errVolume
	}
	if err := p.here(); err != nil {
		return err
	}
	if p.mix == nil {
		p.room.mu.Unlock()
		return failure(NotFound, AboutPublication, "you do not hear the mix of room '%s'", p.room.id.Name())
	}
	p.mix.volume = percent
	routes := p.room.routesTo([]media.TransportID{p.mix.transport})
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
	return nil
}

var errVolume = failure(Invalid, AboutValue, "a volume is a number from 0 to 100")

// PushToTalk says whether the participant speaks into the room: from the first
// call on they are heard only while it is on. The others are told.
// Errors: Denied (may not talk), NotFound (not in the room).
func (p *Participant) PushToTalk(on bool) error {
	if err := p.here(); err != nil {
		return err
	}
	if p.permission < PermitTalk {
		p.room.mu.Unlock()
		return failure(Denied, AboutPermission, "you may not talk in room '%s'", p.room.id.Name())
	}
	gate := media.GateClosed
	if on {
		gate = media.GateOpen
	}
	changed := on != (p.gate == media.GateOpen)
	moved := p.gate != gate
	p.gate = gate
	if changed {
		p.room.tell(PushToTalkChanged{Room: p.room.id, Participant: p.info(), On: on}, p)
	}
	var routes media.Routes
	if moved {
		var forwarded []*subscription
		for _, pub := range p.publications {
			forwarded = append(forwarded, pub.receivers...)
		}
		routes = p.room.settleTalking(p, p.room.withVoices(p.room.routesFor(forwarded), p))
	}
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
	return nil
}

// unhear takes a participant from those who hear on their transport. Callers
// hold r.mu.
func (r *Room) unhear(p *Participant) {
	to := p.mix.transport
	rest := make([]*Participant, 0, len(r.hearers[to]))
	for _, o := range r.hearers[to] {
		if o != p {
			rest = append(rest, o)
		}
	}
	if len(rest) == 0 {
		delete(r.hearers, to)
	} else {
		r.hearers[to] = rest
	}
}

// dropMix ends a participant's subscription to the mix. Callers hold r.mu.
func (r *Room) dropMix(p *Participant) {
	r.unhear(p)
	p.mix = nil
	p.session.subscriptions.Add(-1)
}
