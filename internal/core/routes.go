package core

import (
	"slices"

	"switchboard/internal/media"
)

// This file is the only place that decides who hears and sees whom. Everything
// here is computed under a room's lock and is plain data.

// routesFor returns what the transports of these subscriptions receive now.
// Callers hold r.mu.
func (r *Room) routesFor(subs []*subscription) media.Routes {
	r.revision++
	routes := media.Routes{Room: r.id.media(), Revision: r.revision}
	seen := make(map[media.TransportID]bool, len(subs))
	for _, s := range subs {
		if !seen[s.transport] {
			seen[s.transport] = true
			routes.Receptions = append(routes.Receptions, r.reception(s.transport))
		}
	}
	return routes
}

// reception is everything one transport receives from the room. Callers hold
// r.mu.
func (r *Room) reception(to media.TransportID) media.Reception {
	rec := media.Reception{To: to}
	for _, s := range r.receivers[to] {
		if s.participant.mode == ModeNone || s.participant.mode == ModeInvited {
			continue
		}
		pub := s.publication
		if pub.participant.mode != ModeTalk {
			continue
		}
		for _, t := range pub.tracks {
			if !pub.muted[t.Kind] && !s.off[t.Kind] {
				rec.Forward = append(rec.Forward, t.ID)
			}
		}
		if s.data {
			rec.Data = append(rec.Data, pub.transport)
		}
	}
	if other, ok := r.paired[to]; ok {
		rec.Data = append(rec.Data, other)
	}
	return rec
}

// routesAround returns what changes when a participant's mode does: what their
// own transports receive, and what everybody receives from them. Callers hold
// r.mu.
func (r *Room) routesAround(p *Participant) media.Routes {
	var touched []*subscription
	for _, pub := range p.publications {
		touched = append(touched, pub.receivers...)
	}
	for _, s := range p.subscriptions {
		touched = append(touched, s)
	}
	return r.routesFor(touched)
}

// routesWithout takes all publications and subscriptions of a participant out
// and returns what that changes. The participant's leaving says the rest, so
// no other event is posted. Callers hold r.mu.
func (r *Room) routesWithout(p *Participant) media.Routes {
	var lost []*subscription
	for _, pub := range p.publications {
		lost = append(lost, pub.receivers...)
	}
	p.publications = nil
	for _, s := range p.subscriptions {
		if s.publication.participant != p { // a loopback is among the receivers
			lost = append(lost, s)
		}
	}
	for _, s := range lost {
		r.dropSubscription(s)
	}
	unpaired := r.unpairAll(p, "")
	routes := r.routesFor(lost)
	for _, t := range unpaired {
		if !slices.ContainsFunc(routes.Receptions, func(rec media.Reception) bool { return rec.To == t }) {
			routes.Receptions = append(routes.Receptions, r.reception(t))
		}
	}
	return routes
}

// apply hands routes to the media engine. Callers hold no lock.
func (h *Hub) apply(routes media.Routes) {
	if len(routes.Receptions) > 0 {
		h.engine.Apply(routes)
	}
}
