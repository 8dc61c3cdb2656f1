package nkmedia

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// Calls by create have their media on the server, unless they ask for none: the
// caller and everybody who is invited get a session of the call's, each of the
// connection that it is for, and the two of them meet in a private room when
// somebody has accepted (dossier 4.3).

// servedCall is what the conversation of somebody who is invited has to know to
// offer them their session.
type servedCall struct {
	Room  core.RoomID  `json:"room"`
	Lines []media.Line `json:"lines"` // what the caller sends and takes
	Plain bool         `json:"plain,omitempty"`
	Data  bool         `json:"data,omitempty"`
}

// ring is what the conversations of caller and callee tell each other by a call.
type ring struct {
	invite
	Served *servedCall `json:"served,omitempty"`
}

// callBackends lists the words by which a call by create chooses its media, as its
// backend or before the name of the callee; all but the first two are this server.
func callBackends() []string {
	return []string{"p2p", "none", "fs", "kms", "nkmedia_janus", "nkmedia_fs", "nkmedia_kms"}
}

// choose takes how a call is to be made from the name of the callee, and tells
// whether the server carries its media.
func choose(v values, kind, who string) (newKind, callee string, served bool) {
	backend := v.text("backend")
	switch before, rest, _ := strings.Cut(who, ":"); {
	case rest == "":
	case before == "sip" && kind == "":
		kind = "sip"
	case slices.Contains(callBackends()[:4], before):
		backend, who = before, rest
	}
	return kind, who, !slices.Contains(callBackends()[:2], backend) && v.object("offer").text("sdp") != ""
}

// addSession takes a session of a call's up.
func (c *conversation) addSession(s *session) *fault {
	s.id, s.modern, s.links, s.status, s.stopAfterPeer = newID(), true, map[string]bool{}, object{}, true
	s.backend, s.readyFor, s.startedAt = backends[s.kind][0], c.o.ReadyTimeout, time.Now()
	if err := c.session().Claim(core.Claim{Name: entryOf(s.id)}); err != nil {
		return coreFault(err)
	}
	c.media.byID[s.id] = s
	return nil
}

// serveCall answers the caller's offer, and then rings.
func (c *conversation) serveCall(q *request, k *call, v values, then func(*servedCall) *fault) *fault {
	offer := v.object("offer")
	s := &session{kind: "proxy", start: q, offer: offer.text("sdp"), offered: offer.raw(whole), plain: offer.text("sdp_type") == "rtp",
		use: use{usesOf("audio", nil, offer), usesOf("video", nil, offer), usesOf("data", nil, offer)}}
	served := &servedCall{Room: c.privateRoom(), Plain: v.text("sdp_type") == "rtp", Data: s.use.data}
	if s.plain && served.Plain {
		return faultOf("invalid_parameters")
	}
	if f := c.addSession(s); f != nil {
		return f
	}
	f := c.openMain(s, media.TransportOptions{Receive: true, Send: true, Data: s.use.data})
	if f == nil {
		f = c.answerOffer(s, s.main, func(c *conversation, got outcome) *fault {
			s.main.got, s.held, served.Lines = got.answer, got.sdp, linesFor(got.answer)
			if len(served.Lines) == 0 {
				return faultOf("invalid_sdp", "neither audio nor video")
			}
			k.session, k.room = s, served.Room
			if f := then(served); f != nil {
				k.session = nil
				return f
			}
			s.start = nil
			if c.media.byID[s.id] == s { // else the call is over already
				c.enrol(s)
				c.happened(s, "created", c.infoOf(s))
			}
			return nil
		})
	}
	if f != nil {
		c.scrap(s)
	}
	return f
}

// callerMeets takes the caller's session to who has accepted, and returns the
// caller's answer.
func (c *conversation) callerMeets(k *call) (json.RawMessage, *fault) {
	s := k.session
	if f := c.move(s, stay{kind: "bridge", room: k.room}, roomWish{}); f != nil {
		return nil, f
	}
	answer := s.held
	s.held = ""
	c.becomeReady(s, answer)
	c.enrol(s)
	return encode(described(answer, s.plain, nil)), nil
}

// serveInvited makes the session of somebody who is invited, and then asks them
// with its offer.
func (c *conversation) serveInvited(i *invitation) *fault {
	s := &session{kind: "bridge", plain: i.served.Plain, use: use{true, true, i.served.Data}}
	if f := c.addSession(s); f != nil {
		return f
	}
	i.session, s.invitation = s, i
	if f := c.openMain(s, media.TransportOptions{Receive: true, Send: true, Data: i.served.Data}); f != nil {
		return f
	}
	return c.makeOffer(s, s.main, i.served.Lines, func(c *conversation, made outcome) *fault {
		s.offer = made.sdp
		i.said.Offer, i.said.SessionID = encode(described(made.sdp, s.plain, i.said.Offer)), s.id
		c.enrol(s)
		c.happened(s, "created", c.infoOf(s))
		c.invite(i)
		return nil
	})
}

// acceptServed takes the answer of somebody who accepts, who wins the call if it
// is a good one and nobody was faster.
func (c *conversation) acceptServed(q *request, i *invitation, p partner) *fault {
	s := i.session
	var answer struct {
		SDP string `json:"sdp"`
	}
	if p.Answer != nil {
		_ = json.Unmarshal(p.Answer, &answer) // an object whose fields were checked
	}
	switch {
	case i.accepted:
		return faultOf("already_answered")
	case s.answering != nil:
		return faultOf("answer_already_set")
	case answer.SDP == "":
		return faultOf("invalid_answer")
	}
	f := c.acceptAnswer(s, s.main, answer.SDP, func(c *conversation, got outcome) *fault {
		s.main.got = got.answer
		if f := c.accept(i, partner{Callee: p.Callee}); f != nil {
			return f
		}
		q := s.answering
		s.answering = nil
		c.reply(q, nil)
		if f := c.move(s, stay{kind: "bridge", room: i.served.Room}, roomWish{}); f != nil {
			c.stop(s, f)
			return nil
		}
		c.becomeReady(s, answer.SDP)
		c.enrol(s)
		return nil
	})
	if f == nil {
		s.answering, q.later = q, true
	}
	return f
}

// leftCall takes the client out of a call whose session it has lost.
func (c *conversation) leftCall(i *invitation) {
	i.session = nil
	if !i.accepted {
		c.decline(i, partner{})
		return
	}
	why := faultOf("session_stop")
	_ = c.calleeHangup(i, partner{Code: why.number(c.generation), Text: why.text(c.generation), Said: true}) // it may be over
}

// servedIn returns the client's session of a call that the server carries, nil
// if there is none.
func (c *conversation) servedIn(callID string) *session {
	if k := c.calls.made[callID]; k != nil && k.room != "" {
		return k.session
	}
	if i := c.calls.invited[callID]; i != nil {
		return i.session
	}
	return nil
}
