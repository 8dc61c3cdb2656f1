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
	for _, p := range r.hearers[to] {
		if p.mode != ModeListen && p.mode != ModeTalk {
			continue
		}
		rec.Mix = max(rec.Mix, p.mix.volume)
		rec.Own = p.without(rec.Own, to)
		if p.mix.soundOnly {
			for _, other := range r.participants {
				if other != p && other.films() {
					rec.Own = other.without(rec.Own, to)
				}
			}
		}
		if track, ok := r.speaker(p); ok && p.mix.video && !slices.Contains(rec.Forward, track) {
			rec.Forward = append(rec.Forward, track)
		}
	}
	for _, s := range r.receivers[to] {
		if s.participant.mode == ModeNone || s.participant.mode == ModeInvited {
			continue
		}
		pub := s.publication
		if pub.participant.mode != ModeTalk {
			continue
		}
		for _, t := range pub.tracks {
			silent := t.Kind == media.Audio && pub.participant.gate == media.GateClosed
			if !silent && !pub.muted[t.Kind] && !s.off[t.Kind] {
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

// without adds the transports over which the participant speaks to those that a
// mix leaves out; the one that hears it is left out anyhow. Callers hold the
// room's lock.
func (p *Participant) without(out []media.TransportID, to media.TransportID) []media.TransportID {
	for _, pub := range p.publications {
		if pub.transport != to && !slices.Contains(out, pub.transport) {
			out = append(out, pub.transport)
		}
	}
	return out
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
	routes := r.withVoices(r.routesFor(touched), p)
	return r.withPictures(r.withOwnMix(routes, p))
}

// withOwnMix adds to routes what the participant hears of the mix, whose own
// voice may come another way now. Callers hold r.mu.
func (r *Room) withOwnMix(routes media.Routes, p *Participant) media.Routes {
	if p.mix == nil || slices.ContainsFunc(routes.Receptions, func(rec media.Reception) bool { return rec.To == p.mix.transport }) {
		return routes
	}
	if routes.Revision == 0 {
		r.revision++
		routes.Revision = r.revision
	}
	routes.Receptions = append(routes.Receptions, r.reception(p.mix.transport))
	return routes
}

// withVoices adds to routes what of a participant is in the mix. Callers hold
// r.mu.
func (r *Room) withVoices(routes media.Routes, p *Participant) media.Routes {
	for _, pub := range p.publications {
		for _, t := range pub.tracks {
			if t.Kind == media.Audio {
				in := p.mode == ModeTalk && !pub.muted[media.Audio]
				routes.Voices = append(routes.Voices, media.Voice{Track: t.ID, From: pub.transport, In: in, Gate: p.gate})
			}
		}
	}
	if len(routes.Voices) > 0 && routes.Revision == 0 {
		r.revision++
		routes.Revision = r.revision
	}
	return routes
}

// withoutVoices adds to routes that a publication is no longer in the mix.
// Callers hold r.mu and have set a revision.
func withoutVoices(routes media.Routes, pub *publication) media.Routes {
	for _, t := range pub.tracks {
		if t.Kind == media.Audio {
			routes.Voices = append(routes.Voices, media.Voice{Track: t.ID, From: pub.transport})
		}
	}
	return routes
}

// routesWithout takes all publications and subscriptions of a participant out
// and returns what that changes. The participant's leaving says the rest, so
// no other event is posted. Callers hold r.mu.
func (r *Room) routesWithout(p *Participant) media.Routes {
	var lost []*subscription
	published := p.publications
	for _, pub := range published {
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
	if p.mix != nil {
		unpaired = append(unpaired, p.mix.transport)
		r.dropMix(p)
	}
	routes := r.routesFor(lost)
	for _, pub := range published {
		routes = withoutVoices(routes, pub)
	}
	for _, t := range unpaired {
		if !slices.ContainsFunc(routes.Receptions, func(rec media.Reception) bool { return rec.To == t }) {
			routes.Receptions = append(routes.Receptions, r.reception(t))
		}
	}
	return r.withFilms(routes)
}

// apply hands routes to the media engine. Callers hold no lock.
func (h *Hub) apply(routes media.Routes) {
	if len(routes.Receptions)+len(routes.Voices) > 0 {
		h.engine.Apply(routes)
	}
}
