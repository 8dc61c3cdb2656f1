package nkmedia

import (
	"encoding/json"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// begin starts what the session's type asks for; the reply comes with the
// outcome.
func (c *conversation) begin(s *session, v values) *fault {
	if f := c.linkAtStart(s, v); f != nil {
		return f
	}
	switch s.kind {
	case "p2p":
		return c.beginP2P(s, v)
	case "proxy":
		return c.beginProxy(s, v)
	case "listen":
		return c.beginListen(s, v)
	case "publish", "echo":
		if s.offer == "" {
			return faultOf("missing_offer")
		}
	case "play":
		if s.uri == "" {
			return faultOf("missing_field", "uri")
		}
	}
	to := stay{kind: s.kind, layout: v.text("layout", "mcu_layout")}
	if s.kind == "bridge" {
		f := c.wantPeer(s, &to, v.text("peer_id", "peer"))
		if f != nil {
			return f
		}
	}
	if f := layoutFault(to.layout); f != nil {
		return f
	}
	return c.beginWith(s, to)
}

// beginWith starts a session that the client offers to, or that is offered to.
func (c *conversation) beginWith(s *session, to stay) *fault {
	o := media.TransportOptions{Receive: true, Send: s.kind != "publish", Data: s.use.data}
	if f := c.openMain(s, o); f != nil {
		return f
	}
	if s.offer != "" {
		return c.answerOffer(s, s.main, func(c *conversation, got outcome) *fault {
			s.main.got = got.answer
			if f := c.move(s, to, s.roomMade); f != nil {
				return f
			}
			c.becomeReady(s, got.sdp)
			c.started(s, object{"answer": described(got.sdp, s.plain, nil)})
			c.met(s)
			return nil
		})
	}
	lines := bothWays(s.use)
	if p := c.own(to.peer); p != nil && p.held != "" { // the second half of a proxy: what the first sends and takes
		lines = linesFor(p.main.got)
	}
	return c.makeOffer(s, s.main, lines, func(c *conversation, made outcome) *fault {
		s.offer = made.sdp
		s.place = stay{kind: s.kind, peer: to.peer, layout: to.layout} // until it is answered
		c.started(s, object{"offer": described(made.sdp, s.plain, nil)})
		return nil
	})
}

// described is an offer or an answer as clients read it, over what the client
// whose words they are said besides (dossier 2.1).
func described(sdp string, plain bool, besides json.RawMessage) object {
	o := object{}
	if besides != nil {
		more := map[string]json.RawMessage{}
		_ = json.Unmarshal(besides, &more) // it was an object
		for name, value := range more {
			o[name] = value
		}
		delete(o, "sdp_type")
		delete(o, "trickle_ice") // ours are complete
	}
	o["sdp"] = sdp
	if plain {
		o["sdp_type"] = "rtp"
	}
	return o
}

// beginP2P keeps descriptions for two who connect to each other: dossier 3.3.
func (c *conversation) beginP2P(s *session, v values) *fault {
	if s.offer == "" {
		return faultOf("missing_offer")
	}
	if answer := v.object("answer").text("sdp"); answer != "" {
		c.becomeReady(s, answer)
	}
	s.passedOn = s.offered
	c.started(s, object{})
	return nil
}

// beginProxy puts the server between two clients: dossier 3.4. In the first
// generations the offer to the called party is in the reply; in the third
// another session, of type bridge, makes it.
func (c *conversation) beginProxy(s *session, v values) *fault {
	if s.offer == "" {
		return faultOf("missing_offer")
	}
	farPlain := v.text("sdp_type", "proxy_type") == "rtp"
	if s.plain && farPlain {
		return faultOf("invalid_parameters")
	}
	if f := c.openMain(s, media.TransportOptions{Receive: true, Send: true, Data: s.use.data}); f != nil {
		return f
	}
	return c.answerOffer(s, s.main, func(c *conversation, got outcome) *fault {
		s.main.got, s.held = got.answer, got.sdp
		if s.modern {
			c.started(s, object{})
			return nil
		}
		far, f := c.openLeg(s, media.TransportOptions{Receive: true, Send: true, Plain: farPlain})
		if f != nil {
			return f
		}
		s.far = far
		return c.makeOffer(s, far, linesFor(got.answer), func(c *conversation, made outcome) *fault {
			offer := described(made.sdp, farPlain, s.offered)
			s.passedOn = encode(offer)
			c.started(s, object{"offer": offer})
			return nil
		})
	})
}

// beginListen offers what somebody publishes: dossier 3.5.
func (c *conversation) beginListen(s *session, v values) *fault {
	id := v.text("publisher_id", "publisher")
	if id == "" {
		return faultOf("missing_parameters")
	}
	s.offer, s.offered = "", nil
	to := stay{kind: "listen", publisher: id, named: true}
	f := c.findPublisher(&to)
	if f != nil {
		return f
	}
	var info core.RoomInfo
	if to.me, info, f = c.enter(s, to.room, nil, core.ModeListen, status{Role: "listener", Peer: id}); f != nil {
		return f
	}
	s.place = to
	pub, f := streamOf(info, to.from)
	if f != nil {
		return f
	}
	s.place.stream = pub.Name
	var lines []media.Line
	for _, k := range []media.Kind{media.Audio, media.Video} {
		if has := k == media.Audio && pub.Audio || k == media.Video && pub.Video; has && s.use.of(k) {
			lines = append(lines, media.Line{Kind: k, Send: true})
		}
	}
	if f := c.openMain(s, media.TransportOptions{Send: true}); f != nil {
		return f
	}
	return c.makeOffer(s, s.main, lines, func(c *conversation, made outcome) *fault {
		s.offer = made.sdp
		c.started(s, object{"offer": described(made.sdp, s.plain, nil)})
		c.roomEntered(s)
		return nil
	})
}

// findPublisher finds in which room a publisher is, and who it is there: a
// session of this dialect, or anybody in a room by the id that the room's
// description shows.
func (c *conversation) findPublisher(to *stay) *fault {
	e, err := c.session().FindClaim(entryOf(to.publisher))
	if err != nil {
		room, info, err := c.session().Locate(participantIDOf(to.publisher))
		if err != nil {
			return faultOf("unknown_publisher")
		}
		to.room, to.from = room, info.ID
		return nil
	}
	var d details
	if json.Unmarshal(e.Details, &d) != nil || d.Type != "publish" && d.Type != "mcu" {
		return faultOf("invalid_publisher")
	}
	to.room, to.from = d.Room, d.Participant
	return nil
}

// streamOf finds what somebody in a room publishes.
func streamOf(info core.RoomInfo, id core.ParticipantID) (core.PublicationInfo, *fault) {
	for _, p := range info.Participants {
		if p.ID == id && len(p.Publications) > 0 {
			return p.Publications[0], nil
		}
	}
	return core.PublicationInfo{}, faultOf("unknown_publisher")
}

// hearPublisher makes a listener receive whom it listens to.
func (c *conversation) hearPublisher(s *session, to *stay) *fault {
	sub, err := to.me.Subscribe(core.SubscribeRequest{Participant: to.from, Publication: to.stream, Transport: s.main.transport.ID()})
	if err != nil {
		return coreFault(err)
	}
	to.reception = sub
	for _, k := range []media.Kind{media.Audio, media.Video} {
		if !s.use.of(k) {
			_ = to.me.Select(sub, k, false) // it was subscribed a moment ago
		}
	}
	return nil
}
