package kurento

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// webcam is the stream that every client of this protocol knows; it is meant
// where none is named.
const webcam = "webcam"

// endpoint is one media connection of the client's: a publication, or the
// reception of one. Endpoints are values, so that a resumed session can take
// over a copy.
type endpoint struct {
	user        string // whose media it carries
	stream      string
	own         bool // the client sends on it
	mix         bool // carries that of the voices
	participant core.ParticipantID
	publication core.PublicationID
	transport   *core.Transport
	ufrags      string // of the client's offer, each between spaces (RFC 8839 section 5.4)
}

// name is how candidates name the endpoint: the bare user for the stream that
// every client knows (dossier 0.8), user_stream for others.
func (e *endpoint) name() string {
	if e.stream == webcam {
		return e.user
	}
	return e.user + "_" + e.stream
}

// sender is how subscriptions name it.
func (e *endpoint) sender() string { return e.user + "_" + e.stream }

const mostStreamBytes = 64 // of a stream's name

// publishVideo starts to send: seed 3, dossier 2.2. doLoopback is taken from
// either place. A stream that is published already is replaced.
func (c *conversation) publishVideo(r *request) {
	if c.me == nil {
		c.fail(r, notInRoom(c.key()))
		return
	}
	offer, f1 := r.params.text("sdpOffer")
	stream, f2 := c.streamName(r)
	inside, f3 := flag(r.params["doLoopback"], "doLoopback")
	beside, f4 := flag(r.loopback, "doLoopback")
	for _, f := range []*fault{f1, f2, f3, f4} {
		if f != nil {
			c.fail(r, f)
			return
		}
	}
	loopback := inside || beside
	e := &endpoint{user: c.me.Name(), stream: stream, own: true, participant: c.me.ID()}
	c.negotiate(&task{request: r, endpoint: e, loopback: loopback}, offer,
		media.TransportOptions{Receive: true, Send: loopback, Data: c.dataChannels, VideoKbps: c.o.MaxVideoKbps})
}

func (c *conversation) streamName(r *request) (string, *fault) {
	stream, f := r.params.optional("stream", webcam)
	if f == nil && (stream == "" || len(stream) > mostStreamBytes) {
		return "", faultf(codeInvalidParams, "Request element 'stream' must have 1 to %d bytes", mostStreamBytes)
	}
	return stream, f
}

// negotiate opens a transport for an endpoint and has its offer answered.
func (c *conversation) negotiate(t *task, offer string, o media.TransportOptions) {
	transport, err := c.c.Session().OpenTransport(o)
	if err != nil {
		c.fail(t.request, noEndpoint(t.endpoint, err))
		return
	}
	t.endpoint.transport = transport
	t.endpoint.ufrags = ufragsOf(offer)
	c.addEarly(t.endpoint)
	if err := transport.Answer(offer); err != nil {
		transport.Close()
		c.fail(t.request, c.sdpFault(t.endpoint, err))
		return
	}
	c.waiting = t
}

// answered goes on when an offer was answered.
func (c *conversation) answered(f core.AnswerMade) {
	t := c.waiting
	if t == nil || t.endpoint == nil || t.endpoint.transport.ID() != f.Transport {
		return // of a connection that was given up meanwhile
	}
	c.settled()
	var refused *fault
	switch {
	case f.Err != nil:
		refused = c.sdpFault(t.endpoint, f.Err)
	case t.endpoint.own:
		refused = c.publish(t, f.Answer)
	default:
		refused = c.receive(t, f.Answer)
	}
	if refused != nil {
		t.endpoint.transport.Close()
		c.fail(t.request, refused)
	} else {
		c.keep()
		c.reply(t.request, answerResult{f.Answer.SDP, c.key()})
	}
	c.next()
}

// publish offers in the room what the client is going to send. Others are told
// by the core.
func (c *conversation) publish(t *task, a media.Answer) *fault {
	e := t.endpoint
	if len(a.Tracks) == 0 && !a.Data {
		return c.sdpFault(e, &core.Error{Kind: core.Invalid, Text: "nothing is sent"})
	}
	c.drop(func(o *endpoint) bool { return o.own && o.stream == e.stream })
	info, err := c.me.Publish(core.PublishRequest{Name: e.stream, Transport: e.transport.ID(), Tracks: a.Tracks})
	if gone(err) {
		return notInRoom(c.key())
	}
	if err != nil {
		return faultOf(err)
	}
	if t.loopback {
		_, err = c.me.Subscribe(core.SubscribeRequest{Participant: e.participant, Publication: e.stream,
			Transport: e.transport.ID(), Loopback: true, Data: a.Data})
		if err != nil {
			return noEndpoint(e, err) // closing the transport takes the publication back
		}
	}
	e.publication = info.ID
	c.endpoints = append(c.endpoints, *e)
	return nil
}

// unpublishVideo stops to send: seed 5, dossier 2.3.
func (c *conversation) unpublishVideo(r *request) {
	if c.me == nil {
		c.fail(r, notInRoom(c.key()))
		return
	}
	stream, f := c.streamName(r)
	if f != nil {
		c.fail(r, f)
		return
	}
	if !c.drop(func(e *endpoint) bool { return e.own && e.stream == stream }) {
		c.fail(r, faultf(codeNotStreaming, "Participant '%s' is not streaming media", c.me.Name()))
		return
	}
	c.keep()
	c.done(r)
}

// receiveVideoFrom starts to receive what somebody publishes: seed 7, dossier
// 2.4. From oneself it is a loopback, allowed while publishing. A second
// request for the same stream replaces the first.
func (c *conversation) receiveVideoFrom(r *request) {
	if c.me == nil {
		c.fail(r, notInRoom(c.key()))
		return
	}
	sender, f1 := r.params.text("sender")
	offer, f2 := r.params.text("sdpOffer")
	if f1 != nil || f2 != nil {
		c.fail(r, firstOf(f1, f2))
		return
	}
	if c.namesMix(sender) {
		e := &endpoint{user: c.fold.name, stream: webcam, mix: true}
		c.negotiate(&task{request: r, endpoint: e}, offer, media.TransportOptions{Send: true, Mix: true})
		return
	}
	from, stream, found := c.publisher(sender)
	switch {
	case !found || c.fold.folds(from):
		c.fail(r, noSender(shorten(from.Name), c.me.Room().Name()))
	case stream == "" && from.ID == c.me.ID():
		c.fail(r, faultf(codeNotStreaming, "Can loopback only when publishing media"))
	case stream == "":
		c.fail(r, notStreaming(from.Name, c.me.Room().Name()))
	default:
		e := &endpoint{user: from.Name, stream: stream, participant: from.ID}
		c.negotiate(&task{request: r, endpoint: e}, offer, media.TransportOptions{Send: true, Data: c.dataChannels})
	}
}

func firstOf(a, b *fault) *fault {
	if a != nil {
		return a
	}
	return b
}

// receive subscribes to what the endpoint was negotiated for.
func (c *conversation) receive(t *task, a media.Answer) *fault {
	e, room := t.endpoint, c.me.Room().Name()
	if e.mix {
		return c.receiveMix(e)
	}
	if p, err := c.me.Lookup(e.user); err == nil && c.fold.folds(p) { // meanwhile
		return noSender(e.user, room)
	}
	_, err := c.me.Subscribe(core.SubscribeRequest{Participant: e.participant, Publication: e.stream,
		Transport: e.transport.ID(), Loopback: e.participant == c.me.ID(), Data: a.Data})
	if err != nil {
		var known *core.Error
		switch {
		case !c.me.Present():
			return notInRoom(c.key())
		case gone(err):
			return noSender(e.user, room)
		case errors.As(err, &known) && known.Kind == core.NotFound && known.Subject == core.AboutPublication:
			return notStreaming(e.user, room)
		}
		return noEndpoint(e, err)
	}
	e.publication = c.publicationOf(e)
	c.drop(func(o *endpoint) bool { return !o.own && o.participant == e.participant && o.stream == e.stream })
	c.endpoints = append(c.endpoints, *e)
	return nil
}

func (c *conversation) publicationOf(e *endpoint) core.PublicationID {
	p, err := c.me.Lookup(e.user)
	if err != nil {
		return ""
	}
	for _, pub := range p.Publications {
		if pub.Name == e.stream {
			return pub.ID
		}
	}
	return ""
}

// unsubscribeFromVideo stops to receive: seed 8, dossier 2.5. Not to have
// received is no error.
func (c *conversation) unsubscribeFromVideo(r *request) {
	if c.me == nil {
		c.fail(r, notInRoom(c.key()))
		return
	}
	sender, f := r.params.text("sender")
	if f != nil {
		c.fail(r, f)
		return
	}
	if !c.drop(func(e *endpoint) bool { return !e.own && (e.sender() == sender || e.mix && c.namesMix(sender)) }) {
		from, stream, found := c.publisher(sender)
		if !found {
			c.fail(r, faultf(codeUserNotFound, "User %s not found in room %s", shorten(from.Name), c.me.Room().Name()))
			return
		}
		c.drop(func(e *endpoint) bool { return !e.own && e.participant == from.ID && e.stream == stream })
	}
	c.keep()
	c.reply(r, answerResult{"", c.key()}) // iOS wants the empty answer
}

// publisher finds whose stream a sender names (dossier 2.4): the longest name
// in the room that leaves one of that member's streams over; else what is
// before the last underscore, before the first, or all of it. stream is empty
// when they publish nothing that fits; when nobody is found, the participant
// has only the name that was looked for.
func (c *conversation) publisher(sender string) (p core.ParticipantInfo, stream string, found bool) {
	if len(sender) > mostStreamBytes+1+c.o.Hub.Limits().NameBytes {
		return core.ParticipantInfo{Name: sender}, "", false
	}
	for i := len(sender) - 1; i > 0; i-- {
		if sender[i] != '_' {
			continue
		}
		if p, err := c.me.Lookup(sender[:i]); err == nil && streams(p, sender[i+1:]) {
			return p, sender[i+1:], true
		}
	}
	last := sender
	if i := strings.LastIndexByte(sender, '_'); i > 0 {
		last = sender[:i]
	}
	first, _, _ := strings.Cut(sender, "_")
	for _, name := range []string{last, first, sender} {
		if p, err := c.me.Lookup(name); err == nil {
			return p, c.onlyStream(p, sender), true
		}
	}
	return core.ParticipantInfo{Name: last}, "", false
}

// onlyStream finds what a client means that knows one stream only, of a member
// whose streams have other names.
func (c *conversation) onlyStream(p core.ParticipantInfo, sender string) string {
	if len(p.Publications) > 0 && (sender == p.Name || sender == p.Name+"_"+webcam) {
		return p.Publications[0].Name
	}
	return ""
}

func streams(p core.ParticipantInfo, name string) bool {
	return slices.ContainsFunc(p.Publications, func(pub core.PublicationInfo) bool { return pub.Name == name })
}

// endpointOf finds the endpoint of a transport, the one being negotiated
// included.
func (c *conversation) endpointOf(id media.TransportID) *endpoint {
	if c.waiting != nil && c.waiting.endpoint != nil && c.waiting.endpoint.transport.ID() == id {
		return c.waiting.endpoint
	}
	for i := range c.endpoints {
		if c.endpoints[i].transport.ID() == id {
			return &c.endpoints[i]
		}
	}
	return nil
}

// mediaFailed tells that a media connection is gone for good: seed 16, dossier
// 2.10. What it carried is taken back, so that others do not look at a still
// picture.
func (c *conversation) mediaFailed(id media.TransportID, reason string) {
	e := c.endpointOf(id)
	if e == nil || (c.waiting != nil && c.waiting.endpoint == e) {
		return // the answer that is awaited tells the outcome
	}
	text := fmt.Sprintf("MEDIA_CONNECTION_FAILED: endpoint '%s': %s(errCode=%d)", e.name(), reason, codeWebRTC)
	c.write(notification("mediaError", mediaErrorParams{text}))
	c.drop(func(o *endpoint) bool { return o.transport.ID() == id })
	c.keep()
}

// drop closes endpoints and forgets them; with a publication of one's own goes
// the reception of it, which nobody tells the publisher of. It tells whether
// there were any.
func (c *conversation) drop(which func(*endpoint) bool) bool {
	rest := make([]endpoint, 0, len(c.endpoints)) // not in place: the session keeps the old slice
	var ended []core.PublicationID
	for i := range c.endpoints {
		e := &c.endpoints[i]
		if !which(e) {
			rest = append(rest, *e)
			continue
		}
		e.transport.Close()
		if e.own {
			ended = append(ended, e.publication)
		}
	}
	dropped := len(rest) < len(c.endpoints)
	c.endpoints = rest
	for _, id := range ended {
		c.drop(func(e *endpoint) bool { return !e.own && e.publication == id })
	}
	return dropped
}

// dropPublication closes what received a publication that ended.
func (c *conversation) dropPublication(id core.PublicationID) {
	if c.drop(func(e *endpoint) bool { return !e.own && e.publication == id }) {
		c.keep()
	}
}

// dropParticipant closes what received from somebody who left.
func (c *conversation) dropParticipant(id core.ParticipantID) {
	if c.drop(func(e *endpoint) bool { return !e.own && e.participant == id }) {
		c.keep()
	}
}

// sdpFault says that an offer could not be answered.
func (c *conversation) sdpFault(e *endpoint, err error) *fault {
	if kind := core.KindOf(err); kind != core.Invalid && kind != core.Conflict {
		return noEndpoint(e, err)
	}
	f := faultf(codeSDP, "Unable to generate SDP answer when subscribing '%s' to '%s'", c.me.Name(), e.user)
	if e.own {
		f = faultf(codeSDP, "Error generating SDP response for publishing user %s", e.user)
	}
	f.detail = err.Error()
	return f
}

// noEndpoint says that no media connection could be made.
func noEndpoint(e *endpoint, err error) *fault {
	f := faultf(codeEndpoint, "Unable to create subscriber endpoint")
	if e.own {
		f = faultf(codeEndpoint, "Unable to create publisher endpoint")
	}
	f.detail = err.Error()
	return f
}
