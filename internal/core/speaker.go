package core

import (
	"slices"

	"switchboard/internal/media"
)

// A room keeps its participants in the order in which they were shown last, so
// that who sees one picture of the room sees whoever speaks, and the speaker
// sees who spoke before. Somebody who goes on talking keeps the picture; it
// passes on when they stop, to whoever has talked meanwhile.

// settleTalking tells everybody whether a participant can be heard speaking, if
// that has changed, and adds to routes what it changes. Callers hold r.mu.
func (r *Room) settleTalking(p *Participant, routes media.Routes) media.Routes {
	on := p.sounding && p.audible()
	if on == p.talking {
		return routes
	}
	p.talking = on
	r.tell(TalkingChanged{Room: r.id, Participant: p.id, Name: p.name, Talking: on, Who: p.info()}, nil)
	if r.speak(p, on) {
		return r.withPictures(routes)
	}
	return routes
}

// audible tells whether others could hear the participant. Callers hold the
// room's lock.
func (p *Participant) audible() bool {
	return p.mode == ModeTalk && p.gate != media.GateClosed &&
		slices.ContainsFunc(p.publications, func(pub *publication) bool { return !pub.muted[media.Audio] && pub.has(media.Audio) })
}

// speak gives the picture to whoever is to have it now that a participant began
// or stopped speaking, and tells whether it passed to another. Callers hold
// r.mu.
func (r *Room) speak(p *Participant, on bool) bool {
	shown := r.shown()
	switch {
	case on && p != shown && p.picture() != nil && (shown == nil || !shown.talking):
		r.show(p)
		return true
	case !on && p == shown:
		for _, other := range r.lately {
			if other.talking && other.picture() != nil {
				r.show(other)
				return true
			}
		}
	}
	return false
}

// shown returns who has the picture, nil if nobody has one to show.
func (r *Room) shown() *Participant {
	for _, p := range r.lately {
		if p.picture() != nil {
			return p
		}
	}
	return nil
}

// show gives a participant the picture.
func (r *Room) show(p *Participant) {
	i := slices.Index(r.lately, p)
	copy(r.lately[1:i+1], r.lately[:i])
	r.lately[0] = p
}

// picture returns the participant's publication with a picture that can be seen
// now, nil if there is none. Callers hold the room's lock.
func (p *Participant) picture() *publication {
	if p.mode != ModeTalk {
		return nil
	}
	for _, pub := range p.publications {
		if !pub.muted[media.Video] && pub.has(media.Video) {
			return pub
		}
	}
	return nil
}

// films tells whether the participant publishes a picture, be it muted. Callers
// hold the room's lock.
func (p *Participant) films() bool {
	return slices.ContainsFunc(p.publications, func(pub *publication) bool { return pub.has(media.Video) })
}

func (p *publication) carries(id media.TrackID) bool {
	return slices.ContainsFunc(p.tracks, func(t media.Track) bool { return t.ID == id })
}

func (p *publication) has(k media.Kind) bool {
	return slices.ContainsFunc(p.tracks, func(t media.Track) bool { return t.Kind == k })
}

// speaker returns the track that shows whoever spoke last to a participant who
// hears the mix, never themself. Callers hold r.mu.
func (r *Room) speaker(to *Participant) (track media.TrackID, ok bool) {
	for _, p := range r.lately {
		pub := p.picture()
		if pub == nil || p == to || pub.transport == to.mix.transport {
			continue
		}
		for _, t := range pub.tracks {
			if t.Kind == media.Video {
				return t.ID, true
			}
		}
	}
	return "", false
}

// withPictures adds to routes what the transports receive that see who speaks.
// Callers hold r.mu.
func (r *Room) withPictures(routes media.Routes) media.Routes {
	return r.withHearers(routes, func(m *mixSubscription) bool { return m.video })
}

// withFilms adds to routes what the transports receive to which it matters who
// publishes a picture. Callers hold r.mu.
func (r *Room) withFilms(routes media.Routes) media.Routes {
	return r.withHearers(routes, func(m *mixSubscription) bool { return m.video || m.soundOnly })
}

func (r *Room) withHearers(routes media.Routes, concerned func(*mixSubscription) bool) media.Routes {
	for to, hearers := range r.hearers {
		if !slices.ContainsFunc(hearers, func(p *Participant) bool { return concerned(p.mix) }) {
			continue
		}
		if slices.ContainsFunc(routes.Receptions, func(rec media.Reception) bool { return rec.To == to }) {
			continue
		}
		if routes.Revision == 0 {
			r.revision++
			routes.Revision = r.revision
		}
		routes.Receptions = append(routes.Receptions, r.reception(to))
	}
	return routes
}
