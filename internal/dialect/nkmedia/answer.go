package nkmedia

// setAnswer takes the answer of whoever was offered to: seed "Set an Answer",
// dossier 2.3. The reply has the answer for the client if there is one.
func (c *conversation) setAnswer(q *request, s *session, v values) {
	answer := v.object("answer")
	if f := c.answer(q, s, answer.text("sdp"), false); f != nil {
		c.fail(q, f)
	}
}

// answer sets the answer of a session. announced has it told as an event, for
// those who did not ask.
func (c *conversation) answer(q *request, s *session, sdp string, announced bool) *fault {
	switch {
	case s.ready || s.answering != nil:
		return faultOf("answer_already_set")
	case sdp == "":
		return faultOf("invalid_answer")
	case s.kind == "p2p":
		c.becomeReady(s, sdp)
		c.reply(q, nil)
		c.wasAnswered(s, described(sdp, false, nil), announced)
		return nil
	case s.invitation != nil, s.far == nil && s.held != "": // to be accepted with the call; a proxy whose other half is another session
		return faultOf("invalid_operation")
	}
	l := s.main
	if s.far != nil {
		l = s.far
	}
	f := c.acceptAnswer(s, l, sdp, func(c *conversation, got outcome) *fault {
		l.got = got.answer
		return c.accepted(s, sdp, announced)
	})
	if f == nil {
		s.answering = q
	}
	return f
}

// accepted goes on when the media engine has taken an answer.
func (c *conversation) accepted(s *session, sdp string, announced bool) (f *fault) {
	q := s.answering
	mine := sdp
	data := object{}
	switch {
	case s.far != nil:
		if f = c.settleProxy(s); f != nil {
			c.leave(s, s.place)
			s.place = stay{}
			return f
		}
		mine = s.held
		data["answer"] = described(mine, s.plain, nil)
	case s.kind == "listen":
		f = c.hearPublisher(s, &s.place)
	default:
		f = c.move(s, stay{kind: s.kind, peer: s.place.peer, layout: s.place.layout}, s.roomMade)
		if s.place.named {
			data["room"], data["room_id"] = s.place.room.Name(), s.place.room.Name()
		}
	}
	if f != nil {
		return f
	}
	s.answering = nil
	c.becomeReady(s, mine)
	c.enrol(s)
	c.reply(q, data)
	c.wasAnswered(s, described(mine, s.plain, nil), announced)
	c.met(s)
	return nil
}

// wasAnswered tells of an answer those who do not know it, and gives it to the
// session that it is for too.
func (c *conversation) wasAnswered(s *session, answer object, announced bool) {
	if announced {
		c.happened(s, "answer", object{"answer": answer})
	}
	if s.copies {
		c.answerMaster(s, answer)
	}
}

// silently makes a request that nobody waits for the reply of.
func silently(cmd string) *request {
	return &request{class: mediaClass, sub: "session", cmd: cmd, over: true}
}
