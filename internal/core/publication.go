package core

import (
	"slices"

	"switchboard/internal/media"
)

// PublishRequest offers tracks of one of the session's transports in a room.
type PublishRequest struct {
	Name      string            `json:"name"` // unique among the participant's publications
	Source    string            `json:"source,omitempty"`
	Transport media.TransportID `json:"transport"`
	Tracks    []media.Track     `json:"tracks"`
}

// publication is a stream offered in a room. Its fields are guarded by the
// room's lock; those without a remark are set once.
type publication struct {
	id          PublicationID
	name        string
	source      string
	participant *Participant
	transport   media.TransportID
	tracks      []media.Track
	muted       map[media.Kind]bool
	receivers   []*subscription // in no order
}

// subscription is one transport receiving one publication.
type subscription struct {
	id          SubscriptionID
	participant *Participant // who receives
	publication *publication
	transport   media.TransportID
	off         map[media.Kind]bool // kinds not wanted now
	data        bool
}

func (p *publication) info() PublicationInfo {
	i := PublicationInfo{ID: p.id, Name: p.name, Source: p.source}
	for _, t := range p.tracks {
		i.Audio = i.Audio || t.Kind == media.Audio
		i.Video = i.Video || t.Kind == media.Video
	}
	return i
}

// Publish offers a stream in the room and tells the others. Errors: Invalid
// (name), Denied (may not talk, or the room's media is not the server's affair),
// NotFound (not in the room, not the session's transport), Conflict (the name is
// published already), Unavailable (limits).
func (p *Participant) Publish(r PublishRequest) (PublicationInfo, error) {
	limits := p.room.hub.limits
	switch {
	case r.Name == "" || len(r.Name) > limits.NameBytes:
		return PublicationInfo{}, failure(Invalid, AboutPublication, "a stream's name has 1 to %d bytes", limits.NameBytes)
	case !p.session.owns(r.Transport):
		return PublicationInfo{}, failure(NotFound, AboutTransport, "no such transport")
	}
	if err := p.here(); err != nil {
		return PublicationInfo{}, err
	}
	info, routes, err := p.publish(&r)
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
	return info, err
}

// publish enters the publication. Callers hold the room's lock.
func (p *Participant) publish(r *PublishRequest) (info PublicationInfo, routes media.Routes, err error) {
	limits := p.room.hub.limits
	switch {
	case p.permission < PermitTalk:
		return info, routes, failure(Denied, AboutPermission, "you may not publish in room '%s'", p.room.id.Name())
	case p.mode == ModeInvited:
		return info, routes, errOnlyInvited(p)
	case p.room.policy.Media != MediaServer:
		return info, routes, failure(Denied, AboutRoom, "the server carries no media in room '%s'", p.room.id.Name())
	case p.published(r.Name) != nil:
		return info, routes, failure(Conflict, AboutPublication, "stream '%s' is published already", r.Name)
	case len(p.publications) >= limits.PublicationsPerParticipant:
		return info, routes, p.room.hub.beyond("publications_per_participant", Unavailable, "too many streams: at most %d", limits.PublicationsPerParticipant)
	}
	pub := &publication{id: PublicationID(newID("b")), name: r.Name, source: r.Source, participant: p,
		transport: r.Transport, tracks: slices.Clone(r.Tracks), muted: map[media.Kind]bool{}}
	p.publications = append(p.publications, pub)
	p.room.tell(TrackPublished{Room: p.room.id, Publication: pub.info(), Participant: p.info()}, p)
	routes = p.room.withOwnMix(p.room.withVoices(media.Routes{Room: p.room.id.media()}, p), p)
	if p.films() {
		routes = p.room.withFilms(routes)
	}
	return pub.info(), routes, nil
}

// published returns the participant's publication of a name, or nil. Callers
// hold the room's lock.
func (p *Participant) published(name string) *publication {
	for _, pub := range p.publications {
		if pub.name == name {
			return pub
		}
	}
	return nil
}

// Unpublish takes a stream back, ends everybody's subscription to it, and tells
// the others. It fails with NotFound, about the publication, when there is none
// of that name.
func (p *Participant) Unpublish(name string) error {
	if err := p.here(); err != nil {
		return err
	}
	pub := p.published(name)
	if pub == nil {
		p.room.mu.Unlock()
		return failure(NotFound, AboutPublication, "no stream '%s' is published", name)
	}
	routes := p.room.unpublish(pub)
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
	return nil
}

// Mute stops or restarts one kind of a publication for everybody, without
// ending it. A muted publication has no routes of that kind.
func (p *Participant) Mute(name string, kind media.Kind, muted bool) error {
	if err := p.here(); err != nil {
		return err
	}
	pub := p.published(name)
	if pub == nil {
		p.room.mu.Unlock()
		return failure(NotFound, AboutPublication, "no stream '%s' is published", name)
	}
	pub.muted[kind] = muted
	routes := p.room.settleTalking(p, p.room.withVoices(p.room.routesFor(pub.receivers), p))
	if kind == media.Video {
		routes = p.room.withPictures(routes)
	}
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
	return nil
}

// SubscribeRequest asks to receive one publication on one transport.
type SubscribeRequest struct {
	// Participant and Publication name what to receive.
	Participant ParticipantID     `json:"participant"`
	Publication string            `json:"publication"` // its name
	Transport   media.TransportID `json:"transport"`
	// Loopback allows the publication to be the participant's own.
	Loopback bool `json:"loopback,omitempty"`
	// Data passes on data channel messages too.
	Data bool `json:"data,omitempty"`
}

// Subscribe makes a transport receive a publication. Errors: Denied (own
// publication without Loopback), NotFound (participant,
// publication, transport), Conflict (this transport receives it already),
// Unavailable (limits).
func (p *Participant) Subscribe(r SubscribeRequest) (SubscriptionID, error) {
	if !p.session.owns(r.Transport) {
		return "", failure(NotFound, AboutTransport, "no such transport")
	}
	if most := p.room.hub.limits.SubscriptionsPerSession; p.session.subscriptions.Add(1) > int64(most) {
		p.session.subscriptions.Add(-1)
		return "", p.room.hub.beyond("subscriptions_per_session", Unavailable, "too many subscriptions: at most %d", most)
	}
	sub, routes, err := p.subscribe(&r)
	if err != nil {
		p.session.subscriptions.Add(-1)
		return "", err
	}
	p.room.hub.apply(routes)
	return sub, nil
}

func (p *Participant) subscribe(r *SubscribeRequest) (SubscriptionID, media.Routes, error) {
	if err := p.here(); err != nil {
		return "", media.Routes{}, err
	}
	defer p.room.mu.Unlock()
	from := p.room.byID(r.Participant)
	if from == nil {
		return "", media.Routes{}, failure(NotFound, AboutParticipant, "no such participant in room '%s'", p.room.id.Name())
	}
	pub := from.published(r.Publication)
	switch {
	case pub == nil:
		return "", media.Routes{}, failure(NotFound, AboutPublication, "user '%s' is not streaming media in room '%s'", from.name, p.room.id.Name())
	case from == p && !r.Loopback:
		return "", media.Routes{}, failure(Denied, AboutPublication, "receiving oneself has to be asked for")
	}
	for _, s := range p.room.receivers[r.Transport] {
		if s.publication == pub {
			return "", media.Routes{}, failure(Conflict, AboutTransport, "this transport receives the stream already")
		}
	}
	sub := &subscription{id: SubscriptionID(newID("c")), participant: p, publication: pub, transport: r.Transport, data: r.Data}
	p.room.addSubscription(sub)
	return sub.id, p.room.routesFor([]*subscription{sub}), nil
}

// Unsubscribe stops receiving. An unknown id is no error: the publication may
// have ended first.
func (p *Participant) Unsubscribe(id SubscriptionID) {
	if p.here() != nil {
		return
	}
	sub := p.subscriptions[id]
	if sub == nil {
		p.room.mu.Unlock()
		return
	}
	p.room.dropSubscription(sub)
	routes := p.room.routesFor([]*subscription{sub})
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
}

// Select turns one kind of a subscription on or off without ending it.
func (p *Participant) Select(id SubscriptionID, kind media.Kind, on bool) error {
	if err := p.here(); err != nil {
		return err
	}
	sub := p.subscriptions[id]
	if sub == nil {
		p.room.mu.Unlock()
		return failure(NotFound, AboutPublication, "no such subscription")
	}
	if sub.off == nil {
		sub.off = map[media.Kind]bool{}
	}
	sub.off[kind] = !on
	routes := p.room.routesFor([]*subscription{sub})
	p.room.mu.Unlock()
	p.room.hub.apply(routes)
	return nil
}

// byID finds a participant. Callers hold r.mu.
func (r *Room) byID(id ParticipantID) *Participant {
	for _, p := range r.participants {
		if p.id == id {
			return p
		}
	}
	return nil
}

// unpublish takes a publication out with its subscriptions and tells the
// others. Callers hold r.mu.
func (r *Room) unpublish(pub *publication) media.Routes {
	p := pub.participant
	p.publications = slices.DeleteFunc(p.publications, func(o *publication) bool { return o == pub })
	lost := pub.receivers
	for _, s := range slices.Clone(lost) {
		r.dropSubscription(s)
	}
	r.tell(TrackUnpublished{Room: r.id, Publication: pub.info(), Participant: p.info()}, p)
	p.sounding = p.sounding && slices.ContainsFunc(p.publications, func(o *publication) bool { return o.has(media.Audio) })
	routes := r.settleTalking(p, withoutVoices(r.routesFor(lost), pub))
	return r.withFilms(r.withOwnMix(routes, p))
}

// addSubscription enters a subscription everywhere. Callers hold r.mu.
func (r *Room) addSubscription(s *subscription) {
	if r.receivers == nil {
		r.receivers = map[media.TransportID][]*subscription{}
	}
	if s.participant.subscriptions == nil {
		s.participant.subscriptions = map[SubscriptionID]*subscription{}
	}
	s.participant.subscriptions[s.id] = s
	r.receivers[s.transport] = append(r.receivers[s.transport], s)
	s.publication.receivers = append(s.publication.receivers, s)
}

// dropSubscription takes a subscription out of everything. Callers hold r.mu.
func (r *Room) dropSubscription(s *subscription) {
	delete(s.participant.subscriptions, s.id)
	same := func(o *subscription) bool { return o == s }
	if rest := slices.DeleteFunc(r.receivers[s.transport], same); len(rest) > 0 {
		r.receivers[s.transport] = rest
	} else {
		delete(r.receivers, s.transport)
	}
	s.publication.receivers = slices.DeleteFunc(slices.Clone(s.publication.receivers), same)
	s.participant.session.subscriptions.Add(-1)
}
