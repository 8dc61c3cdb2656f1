package core

import "switchboard/internal/media"

// Pair names one of the session's transports as that on which the participant
// exchanges data channel messages with one other, and nobody else. Messages pass
// both ways once the other has named a transport for this participant too. A
// second call replaces the first. Errors: Denied (the room's media is not the
// server's affair), NotFound (not in the room, no such participant, not the
// session's transport).
func (p *Participant) Pair(with ParticipantID, transport media.TransportID) error {
	if !p.session.owns(transport) {
		return failure(NotFound, AboutTransport, "no such transport")
	}
	if err := p.here(); err != nil {
		return err
	}
	room := p.room
	other := room.byID(with)
	switch {
	case room.policy.Media != MediaServer:
		room.mu.Unlock()
		return failure(Denied, AboutRoom, "the server carries no media in room '%s'", room.id.Name())
	case other == nil || other == p:
		room.mu.Unlock()
		return failure(NotFound, AboutParticipant, "no such participant in room '%s'", room.id.Name())
	}
	touched := room.unpair(p.pairs[with])
	if p.pairs == nil {
		p.pairs = map[ParticipantID]media.TransportID{}
	}
	p.pairs[with] = transport
	if theirs := other.pairs[p.id]; theirs != "" {
		if room.paired == nil {
			room.paired = map[media.TransportID]media.TransportID{}
		}
		room.paired[transport], room.paired[theirs] = theirs, transport
		touched = append(touched, transport, theirs)
	}
	routes := room.routesTo(touched)
	room.mu.Unlock()
	room.hub.apply(routes)
	return nil
}

// unpair ends the exchange on a transport and returns the transports whose
// routes change. Callers hold r.mu.
func (r *Room) unpair(t media.TransportID) []media.TransportID {
	other, ok := r.paired[t]
	if !ok {
		return nil
	}
	delete(r.paired, t)
	delete(r.paired, other)
	return []media.TransportID{t, other}
}

// unpairAll ends every exchange of a participant, or those on one transport.
// Callers hold r.mu.
func (r *Room) unpairAll(p *Participant, only media.TransportID) (touched []media.TransportID) {
	for with, t := range p.pairs {
		if only == "" || t == only {
			touched = append(touched, r.unpair(t)...)
			delete(p.pairs, with)
		}
	}
	return touched
}

// routesTo returns what these transports receive now. Callers hold r.mu.
func (r *Room) routesTo(transports []media.TransportID) media.Routes {
	if len(transports) == 0 {
		return media.Routes{Room: r.id.media()}
	}
	r.revision++
	routes := media.Routes{Room: r.id.media(), Revision: r.revision}
	for _, t := range transports {
		routes.Receptions = append(routes.Receptions, r.reception(t))
	}
	return routes
}
