package nkmedia

import (
	"slices"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// leg is one media connection of a session.
type leg struct {
	transport *core.Transport
	plain     bool
	got       media.Answer // what its peer sends and takes, once that is known
}

// outcome is what came of a description.
type outcome struct {
	sdp    string
	answer media.Answer
	err    *fault
}

// step goes on with a session when a description was worked on.
type step struct {
	s    *session
	then func(*conversation, outcome) *fault
}

// openLeg opens a media connection for a session.
func (c *conversation) openLeg(s *session, o media.TransportOptions) (*leg, *fault) {
	o.VideoKbps = c.kbps(s.bitrate)
	t, err := c.session().OpenTransport(o)
	if err != nil {
		return nil, coreFault(err)
	}
	c.media.legs[t.ID()] = s
	return &leg{transport: t, plain: o.Plain}, nil
}

func (c *conversation) closeLeg(l *leg) {
	if l == nil {
		return
	}
	delete(c.media.legs, l.transport.ID())
	delete(c.media.steps, l.transport.ID())
	l.transport.Close()
}

// openMain opens the connection to the client.
func (c *conversation) openMain(s *session, o media.TransportOptions) (f *fault) {
	o.Plain = s.plain
	s.main, f = c.openLeg(s, o)
	return f
}

// answerOffer has an offer answered, and then goes on.
func (c *conversation) answerOffer(s *session, l *leg, then func(*conversation, outcome) *fault) *fault {
	return c.negotiate(s, l, l.transport.Answer(s.offer), then)
}

// makeOffer has an offer made, and then goes on.
func (c *conversation) makeOffer(s *session, l *leg, lines []media.Line, then func(*conversation, outcome) *fault) *fault {
	if len(lines) == 0 {
		return faultOf("invalid_parameters")
	}
	return c.negotiate(s, l, l.transport.Offer(lines...), then)
}

// acceptAnswer has the answer to an offer taken, and then goes on.
func (c *conversation) acceptAnswer(s *session, l *leg, sdp string, then func(*conversation, outcome) *fault) *fault {
	return c.negotiate(s, l, l.transport.Accept(sdp), then)
}

func (c *conversation) negotiate(s *session, l *leg, err error, then func(*conversation, outcome) *fault) *fault {
	if err != nil {
		return coreFault(err)
	}
	c.media.steps[l.transport.ID()] = step{s, then}
	return nil
}

// mediaEvent is what the media engine tells.
func (c *conversation) mediaEvent(f core.Fact) {
	switch f := f.(type) {
	case core.AnswerMade:
		c.stepped(f.Transport, outcome{f.Answer.SDP, f.Answer, describe(f.Err)})
	case core.OfferMade:
		c.stepped(f.Transport, outcome{sdp: f.SDP, err: describe(f.Err)})
	case core.AnswerAccepted:
		c.stepped(f.Transport, outcome{answer: f.Answer, err: describe(f.Err)})
	case core.TransportConnected:
		c.connected(f.Transport)
	case core.TransportFailed:
		if s := c.media.legs[f.Transport]; s != nil {
			c.stop(s, faultOf("session_failed"))
		}
	case core.CandidateFound:
		c.candidateFound(f)
	case core.PlayEnded:
		c.playEnded(f)
	case core.TalkingChanged:
		c.talking(f)
	}
}

func describe(err *core.Error) *fault {
	if err == nil {
		return nil
	}
	return coreFault(err)
}

// stepped goes on with whatever waited for a description.
func (c *conversation) stepped(id media.TransportID, o outcome) {
	st, waiting := c.media.steps[id]
	if !waiting {
		return // of a session that is no more
	}
	delete(c.media.steps, id)
	f := o.err
	if f == nil {
		f = st.then(c, o)
	}
	switch s := st.s; {
	case f == nil:
	case s.start != nil:
		c.stop(s, f)
	case s.call != nil: // the other side of the call waits for media
		c.stop(s, f)
	case s.answering != nil:
		q := s.answering
		s.answering = nil
		c.fail(q, f)
	case s.invitation != nil: // it could not be offered
		c.stop(s, f)
	}
}

// linesFor mirrors what one leg sends and takes, for the offer to the other.
func linesFor(a media.Answer) (lines []media.Line) {
	for _, k := range []media.Kind{media.Audio, media.Video} {
		l := media.Line{Kind: k, Receive: slices.Contains(a.Sends, k),
			Send: slices.ContainsFunc(a.Tracks, func(t media.Track) bool { return t.Kind == k })}
		if l.Send || l.Receive {
			lines = append(lines, l)
		}
	}
	return lines
}

// bothWays are the lines of an offer to whom nothing is known of.
func bothWays(u use) (lines []media.Line) {
	for _, k := range []media.Kind{media.Audio, media.Video} {
		if u.of(k) {
			lines = append(lines, media.Line{Kind: k, Send: true, Receive: true})
		}
	}
	return lines
}

// kbps reads a bitrate (dossier 3.7).
func (c *conversation) kbps(bitrate int) int {
	switch {
	case bitrate <= 0:
		return c.o.VideoKbps
	case c.o.BitrateUnit == "bps", c.o.BitrateUnit == "guess" && bitrate >= 10_000:
		return max(1, bitrate/1000)
	}
	return bitrate
}

// connected tells that media can flow, to clients that know the event.
func (c *conversation) connected(id media.TransportID) {
	if s := c.media.legs[id]; s != nil && s.start == nil {
		c.status(s, object{"class": "webrtc", "status": "up"}, object{"webrtc_ready": true})
	}
}

// status tells how a session does in the words of the third generation or the
// fourth; the others have none (dossier 3.9).
func (c *conversation) status(s *session, third, fourth object) {
	switch {
	case c.generation == G4:
		c.happened(s, "updated_status", fourth)
	case s.modern:
		c.happened(s, "status", third)
	}
}

// talking tells that somebody's voice began or ended, to clients that know it.
func (c *conversation) talking(f core.TalkingChanged) {
	c.memberTalks(f)
	for s := range c.media.inRoom[f.Room] {
		if s.place.me == nil || s.place.me.ID() != f.Participant {
			continue
		}
		s.status["talking"] = f.Talking
		if c.generation == G4 {
			c.happened(s, "updated_status", object{"talking": f.Talking})
		}
	}
}

// candidateFound passes the server's candidates on to who takes them one by
// one; they stand in its descriptions too.
func (c *conversation) candidateFound(f core.CandidateFound) {
	s := c.media.legs[f.Transport]
	if s == nil || !s.trickle || s.start != nil || s.main == nil || s.main.transport.ID() != f.Transport {
		return
	}
	if f.Candidate.Candidate == "" {
		c.happened(s, "candidate_end", object{})
		return
	}
	c.happened(s, "candidate", object{"sdpMid": f.Candidate.Mid, "sdpMLineIndex": f.Candidate.Line, "candidate": f.Candidate.Candidate})
}
