package core

import (
	"context"
	"errors"
	"io"
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
	media   media.Transport // set once in open, as is closer

	mu          sync.Mutex
	steps       []step    // waiting to be done, in order; guarded by mu
	negotiating bool      // guarded by mu
	candidates  int       // taken so far; guarded by mu
	closed      bool      // guarded by mu
	closer      io.Closer // guarded by mu; nil while being opened
}

// step is one slow thing to do about descriptions; it returns what to tell.
type step func(context.Context) Fact

// OpenTransport makes a transport for the session. It fails with kind
// Unavailable beyond the limits.
func (s *Session) OpenTransport(o media.TransportOptions) (*Transport, error) {
	t := &Transport{id: media.TransportID(newID("t")), session: s}
	err := s.open(t, func() (media.Transport, io.Closer, error) {
		m, err := s.hub.engine.Open(t.id, o)
		return m, m, err
	})
	if err != nil {
		return nil, s.hub.asError("open transport", s, err)
	}
	return t, nil
}

// open makes the engine's side of a transport, which is all that closes, and
// enters it where the session and the engine's events look for it.
func (s *Session) open(t *Transport, make func() (media.Transport, io.Closer, error)) error {
	if err := s.keep(t); err != nil {
		return err
	}
	h := s.hub
	h.mu.Lock()
	h.transports[t.id] = t
	h.mu.Unlock()
	m, closer, err := make()
	if err != nil {
		s.drop(t)
		h.mu.Lock()
		delete(h.transports, t.id)
		h.mu.Unlock()
		return err
	}
	t.mu.Lock()
	t.media, t.closer = m, closer
	closed := t.closed
	t.mu.Unlock()
	if closed { // the session ended meanwhile
		t.release()
		return errSessionEnded
	}
	return nil
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
// AnswerMade event. Descriptions of one transport are worked on in order.
// Errors: Invalid (too long), NotFound (closed), Unavailable (too many wait).
func (t *Transport) Answer(offer string) error {
	return t.negotiate(offer, func(ctx context.Context) Fact {
		answer, err := t.media.Answer(ctx, offer)
		if err != nil {
			return AnswerMade{Transport: t.id, Err: t.session.hub.mediaError(t, err)}
		}
		return AnswerMade{Transport: t.id, Answer: answer}
	})
}

// Offer makes an offer to the peer with these lines. It returns at once; the
// outcome is an OfferMade event. Errors as of [Transport.Answer].
func (t *Transport) Offer(lines ...media.Line) error {
	return t.negotiate("", func(ctx context.Context) Fact {
		sdp, err := t.media.Offer(ctx, lines)
		if err != nil {
			return OfferMade{Transport: t.id, Err: t.session.hub.mediaError(t, err)}
		}
		return OfferMade{Transport: t.id, SDP: sdp}
	})
}

// Accept takes the peer's answer to the latest offer. It returns at once; the
// outcome is an AnswerAccepted event. Errors as of [Transport.Answer].
func (t *Transport) Accept(answer string) error {
	return t.negotiate(answer, func(ctx context.Context) Fact {
		got, err := t.media.Accept(ctx, answer)
		if err != nil {
			return AnswerAccepted{Transport: t.id, Err: t.session.hub.mediaError(t, err)}
		}
		return AnswerAccepted{Transport: t.id, Answer: got}
	})
}

// negotiate does a step about a description of the peer's after those that wait.
func (t *Transport) negotiate(description string, do step) error {
	if most := t.session.hub.limits.OfferBytes; len(description) > most {
		return t.session.hub.beyond("offer_bytes", Invalid, "a session description can have at most %d bytes", most)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return errTransportClosed
	case len(t.steps) >= 4:
		return t.session.hub.beyond("offers_per_transport", Unavailable, "too many offers are waiting to be answered")
	}
	t.steps = append(t.steps, do)
	if !t.negotiating {
		t.negotiating = true
		t.session.hub.run(t.session.hub.slots, t.negotiateAll)
	}
	return nil
}

// negotiateAll does the waiting steps in order until there are none.
func (t *Transport) negotiateAll(ctx context.Context) {
	for {
		t.mu.Lock()
		if t.closed || len(t.steps) == 0 {
			t.negotiating, t.steps = false, nil
			t.mu.Unlock()
			return
		}
		do := t.steps[0]
		t.steps = t.steps[1:]
		t.mu.Unlock()
		t.session.post(newEvent(do(ctx)))
	}
}

var errTransportClosed = failure(NotFound, AboutTransport, "the media connection is closed")

// mediaError says what a transport failed with as a caller's error where it is
// one.
func (h *Hub) mediaError(t *Transport, err error) *Error {
	switch {
	case errors.Is(err, media.ErrDescription), errors.Is(err, media.ErrCandidate):
		return failure(Invalid, AboutTransport, "%v", err)
	case errors.Is(err, media.ErrState):
		return failure(Conflict, AboutTransport, "%v", err)
	case errors.Is(err, media.ErrClosed):
		return errTransportClosed
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
		return errTransportClosed
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

// SetVideoKbps bounds the video bitrate asked of the peer from now on, in
// kbit/s; 0 sets no bound.
func (t *Transport) SetVideoKbps(kbps int) { t.media.SetVideoKbps(kbps) }

// RequestKeyframe asks the peer for a key frame of every video it sends.
func (t *Transport) RequestKeyframe() { t.media.RequestKeyframe() }

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
	if p.mix != nil && p.mix.transport == id {
		p.room.dropMix(p)
		routes = append(routes, p.room.routesTo([]media.TransportID{id}))
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
	m := t.closer
	t.mu.Unlock()
	h := t.session.hub
	h.mu.Lock()
	delete(h.transports, t.id)
	h.mu.Unlock()
	if m == nil {
		return // still being opened; open releases it
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

// talking notes that a track of a participant's began or stopped to sound.
func (r *Room) talking(p *Participant, track media.TrackID, on bool) {
	r.mu.Lock()
	if r.names[p.name] != p || !slices.ContainsFunc(p.publications, func(pub *publication) bool { return pub.carries(track) }) {
		r.mu.Unlock()
		return
	}
	p.sounding = on
	routes := r.settleTalking(p, media.Routes{Room: r.id.media()})
	r.mu.Unlock()
	r.hub.apply(routes)
}
