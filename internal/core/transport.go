package core

import (
	"context"
	"errors"
	"slices"
	"sync"

	"switchboard/internal/media"
)

// Transport is a session's media connection. Several rooms can receive its
// tracks, and it can receive from several. Methods may be called from any
// goroutine.
type Transport struct {
	id      media.TransportID
	session *Session
	media   media.Transport

	mu         sync.Mutex
	offers     []string // waiting to be answered, in order; guarded by mu
	answering  bool     // guarded by mu
	candidates int      // taken so far; guarded by mu
	closed     bool     // guarded by mu
}

// OpenTransport makes a transport for the session. It fails with kind
// Unavailable beyond the limits.
func (s *Session) OpenTransport(o media.TransportOptions) (*Transport, error) {
	t := &Transport{id: media.TransportID(newID("t")), session: s}
	if err := s.keep(t); err != nil {
		return nil, err
	}
	m, err := s.hub.openMedia(t, o)
	if err != nil {
		s.drop(t)
		return nil, s.hub.asError("open transport", s, err)
	}
	if m != nil {
		return t, nil
	}
	return nil, errSessionEnded
}

// openMedia makes the engine's side of a transport and enters it where the
// engine's events look for it.
func (h *Hub) openMedia(t *Transport, o media.TransportOptions) (media.Transport, error) {
	h.mu.Lock()
	h.transports[t.id] = t
	h.mu.Unlock()
	m, err := h.engine.Open(t.id, o)
	if err != nil {
		h.mu.Lock()
		delete(h.transports, t.id)
		h.mu.Unlock()
		return nil, err
	}
	t.mu.Lock()
	t.media = m
	closed := t.closed
	t.mu.Unlock()
	if closed { // the session ended meanwhile
		t.release()
		return nil, nil
	}
	return m, nil
}

func (s *Session) keep(t *Transport) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return errSessionEnded
	case len(s.transports) >= s.hub.limits.TransportsPerSession:
		return s.hub.beyond("transports_per_session", Unavailable, "too many media connections: at most %d", s.hub.limits.TransportsPerSession)
	}
	if s.transports == nil {
		s.transports = map[media.TransportID]*Transport{}
	}
	s.transports[t.id] = t
	return nil
}

func (s *Session) drop(t *Transport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.transports, t.id)
}

func (s *Session) owns(id media.TransportID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transports[id] != nil
}

// ID returns the transport's id.
func (t *Transport) ID() media.TransportID { return t.id }

// Answer takes the peer's offer. It returns at once; the outcome is an
// AnswerMade event. Offers on one transport are answered in order.
func (t *Transport) Answer(offer string) error {
	if most := t.session.hub.limits.OfferBytes; len(offer) > most {
		return t.session.hub.beyond("offer_bytes", Invalid, "a session description can have at most %d bytes", most)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return failure(NotFound, AboutTransport, "the media connection is closed")
	case len(t.offers) >= 4:
		return t.session.hub.beyond("offers_per_transport", Unavailable, "too many offers are waiting to be answered")
	}
	t.offers = append(t.offers, offer)
	if !t.answering {
		t.answering = true
		t.session.hub.run(t.answerAll)
	}
	return nil
}

// answerAll answers the waiting offers in order until there are none.
func (t *Transport) answerAll(ctx context.Context) {
	for {
		t.mu.Lock()
		if t.closed || len(t.offers) == 0 {
			t.answering, t.offers = false, nil
			t.mu.Unlock()
			return
		}
		offer := t.offers[0]
		t.offers = t.offers[1:]
		t.mu.Unlock()
		answer, err := t.media.Answer(ctx, offer)
		made := AnswerMade{Transport: t.id, Answer: answer}
		if err != nil {
			made = AnswerMade{Transport: t.id, Err: t.session.hub.mediaError(t, err)}
		}
		t.session.post(newEvent(made))
	}
}

// mediaError says what a transport failed with as a caller's error where it is
// one.
func (h *Hub) mediaError(t *Transport, err error) *Error {
	switch {
	case errors.Is(err, media.ErrDescription), errors.Is(err, media.ErrCandidate):
		return failure(Invalid, AboutTransport, "%v", err)
	case errors.Is(err, media.ErrState):
		return failure(Conflict, AboutTransport, "%v", err)
	case errors.Is(err, media.ErrClosed):
		return failure(NotFound, AboutTransport, "the media connection is closed")
	}
	return h.asError("answer", t.session, err)
}

// AddCandidate takes a candidate of the peer, also before the offer. Errors:
// Invalid, NotFound (closed), Unavailable (limit).
func (t *Transport) AddCandidate(c media.Candidate) error {
	t.mu.Lock()
	most := t.session.hub.limits.CandidatesPerTransport
	switch {
	case t.closed:
		t.mu.Unlock()
		return failure(NotFound, AboutTransport, "the media connection is closed")
	case t.candidates >= most:
		t.mu.Unlock()
		return t.session.hub.beyond("candidates_per_transport", Unavailable, "too many candidates: at most %d", most)
	}
	t.candidates++
	t.mu.Unlock()
	if err := t.media.AddCandidate(c); err != nil {
		return t.session.hub.mediaError(t, err)
	}
	return nil
}

// Stats returns the transport's counters.
func (t *Transport) Stats() media.Stats { return t.media.Stats() }

// Close ends the media connection. What was published on it is unpublished and
// what it received is unsubscribed, in every room.
func (t *Transport) Close() {
	t.session.drop(t)
	for _, p := range t.session.Participants() {
		p.disconnect(t.id)
	}
	t.release()
}

// disconnect takes out of the room whatever the participant sends or receives
// over a transport.
func (p *Participant) disconnect(id media.TransportID) {
	if p.here() != nil {
		return
	}
	var routes []media.Routes
	for _, pub := range slices.Clone(p.publications) {
		if pub.transport == id {
			routes = append(routes, p.room.unpublish(pub))
		}
	}
	if lost := slices.Clone(p.room.receivers[id]); len(lost) > 0 {
		for _, s := range lost {
			p.room.dropSubscription(s)
		}
		routes = append(routes, p.room.routesFor(lost))
	}
	if lost := p.room.unpairAll(p, id); len(lost) > 0 {
		routes = append(routes, p.room.routesTo(lost))
	}
	p.room.mu.Unlock()
	for _, r := range routes {
		p.room.hub.apply(r)
	}
}

// release closes the engine's side. It waits for the engine, off the caller's
// goroutine, so that many transports close side by side.
func (t *Transport) release() {
	t.mu.Lock()
	t.closed = true
	m := t.media
	t.mu.Unlock()
	h := t.session.hub
	h.mu.Lock()
	delete(h.transports, t.id)
	h.mu.Unlock()
	if m == nil {
		return // still being opened; openMedia releases it
	}
	if err := m.Close(); err != nil {
		h.log.Warn("transport did not close cleanly", "session", t.session.id, "error", err)
	}
}

// talking passes on who speaks to every room the track is published in.
func (t *Transport) talking(track media.TrackID, on bool) {
	for _, p := range t.session.Participants() {
		p.room.talking(p, track, on)
	}
}

func (r *Room) talking(p *Participant, track media.TrackID, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pub := range p.publications {
		for _, t := range pub.tracks {
			if t.ID == track {
				r.tell(TalkingChanged{Room: r.id, Participant: p.id, Name: p.name, Talking: on}, nil)
				return
			}
		}
	}
}
