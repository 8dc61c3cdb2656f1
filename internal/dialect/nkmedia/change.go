package nkmedia

import (
	"slices"
	"strings"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// updateMedia changes what a session sends and receives; only the members that
// are there change anything (dossier 3.7).
func (c *conversation) updateMedia(q *request, s *session, v values) {
	if f := c.changeMedia(s, v); f != nil {
		c.fail(q, f)
		return
	}
	c.reply(q, nil)
	if v.has("record") {
		c.keepRecord(s, v.flag("record", false))
	}
}

func (c *conversation) changeMedia(s *session, v values) *fault {
	switch {
	case s.kind == "p2p":
		return faultOf("invalid_operation")
	case !s.ready:
		return faultOf("answer_not_set")
	}
	for _, k := range []media.Kind{media.Audio, media.Video} {
		if !v.has("use_"+k.String()) && !v.has("mute_"+k.String()) {
			continue
		}
		on := usesOf(k.String(), v, nil)
		if k == media.Audio {
			s.use.audio = on
		} else {
			s.use.video = on
		}
		c.switchKind(s, k, on)
	}
	if v.has("bitrate") {
		s.bitrate = v.number("bitrate")
		for _, l := range []*leg{s.main, s.far} {
			if l != nil {
				l.transport.SetVideoKbps(c.kbps(s.bitrate))
			}
		}
	}
	return nil
}

// switchKind lets one kind of media through, or not. What is gone already needs
// no switching.
func (c *conversation) switchKind(s *session, k media.Kind, on bool) {
	if s.kind == "listen" {
		_ = s.place.me.Select(s.place.reception, k, on)
		return
	}
	for _, p := range []*core.Participant{s.place.me, s.place.other} {
		if p != nil && s.place.published {
			_ = p.Mute(ownStream, k, !on)
		}
	}
}

// keepRecord asks the core to record. Where nothing records, an event says so,
// since clients expect success.
func (c *conversation) keepRecord(s *session, on bool) {
	s.record = on
	if s.place.me == nil {
		return
	}
	if err := s.place.me.Record(on); err != nil && on {
		s.record = false
		c.happened(s, "info", object{"info": "not_recorded", "reason": sentence(err.Error())})
	}
}

func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// update is the one command that changed sessions in the first generations: seed
// "Update a Session".
func (c *conversation) update(q *request, s *session, v values) {
	what := v.text("update_type", "type")
	switch what {
	case "":
		c.fail(q, faultOf("missing_field", "type"))
	case "media":
		c.updateMedia(q, s, v)
	case "listen_switch":
		c.switchPublisher(q, s, v)
	case "session_type":
		c.changeType(q, s, v, v.text("session_type", "new_type"))
	case "mcu_layout":
		c.setLayout(q, s, v)
	default:
		if s.start == nil && !s.ready {
			c.fail(q, faultOf("answer_not_set"))
			return
		}
		c.fail(q, faultOf("invalid_operation"))
	}
}

// setType is the third generation's way to change what a session is.
func (c *conversation) setType(q *request, s *session, v values) {
	kind := v.text("type")
	if kind == "listen" {
		c.switchPublisher(q, s, v)
		return
	}
	c.changeType(q, s, v, kind)
}

// changeable tells whether a session can become another type without new
// descriptions (dossier 3.6).
func (c *conversation) changeable(s *session) *fault {
	switch {
	case !s.ready:
		return faultOf("answer_not_set")
	case slices.Contains([]string{"echo", "park", "mcu", "bridge", "play"}, s.kind):
		return nil
	}
	return faultOf("invalid_operation")
}

func (c *conversation) changeType(q *request, s *session, v values, kind string) {
	if f := c.become(s, v, kind); f != nil {
		c.fail(q, f)
		return
	}
	c.reply(q, nil)
	c.changed(s)
	c.met(s)
}

// become makes a session another type.
func (c *conversation) become(s *session, v values, kind string) *fault {
	if f := c.changeable(s); f != nil {
		return f
	}
	to := stay{kind: kind, layout: v.text("layout", "mcu_layout")}
	before, loops := s.uri, s.loops
	switch kind {
	case "":
		return faultOf("missing_field", "session_type")
	case "echo", "park", "mcu":
		if f := layoutFault(to.layout); f != nil {
			return f
		}
	case "bridge":
		if f := c.wantPeer(s, &to, v.text("peer_id", "peer")); f != nil {
			return f
		}
	case "play":
		if s.uri, s.loops = v.text("uri"), v.number("loops"); s.uri == "" {
			s.uri, s.loops = before, loops
			return faultOf("missing_field", "uri")
		}
	default:
		return faultOf("invalid_operation")
	}
	peer := s.place.peer
	f := c.move(s, to, wishOf(v))
	switch {
	case f != nil:
		s.uri, s.loops = before, loops
		c.unlink(s, to.peer)
	case peer != "" && peer != to.peer: // a bridge that is left
		c.unlink(s, peer)
		_ = c.command(peer, "part", object{"session_id": peer, "peer_id": s.id}) // who is gone knows
	}
	return f
}

// part is what the conversation of a session that leaves a bridge tells that of
// the other.
func (c *conversation) part(q *request, s *session, v values) {
	c.reply(q, nil)
	peer := v.text("peer_id")
	if s.kind != "bridge" || s.place.peer != peer {
		return
	}
	c.unlink(s, peer)
	if !s.parkAfterBridge {
		c.stop(s, faultOf("bridge_stop"))
		return
	}
	if c.move(s, stay{kind: "park"}, roomWish{}) == nil {
		c.changed(s)
	}
}

// changed tells that a session is another type, or listens to somebody else.
func (c *conversation) changed(s *session) {
	c.enrol(s)
	name := "updated_type"
	if s.modern && c.generation != G4 {
		name = "type"
	}
	body := object{"type": s.kind}
	for key, value := range c.extOf(s) {
		body[key] = value
	}
	c.happened(s, name, body)
}

// switchPublisher makes a listener hear somebody else in the same room on the
// same media lines.
func (c *conversation) switchPublisher(q *request, s *session, v values) {
	if f := c.switchTo(s, v.text("publisher_id", "publisher")); f != nil {
		c.fail(q, f)
		return
	}
	c.reply(q, nil)
	c.changed(s)
}

func (c *conversation) switchTo(s *session, publisher string) *fault {
	switch {
	case s.kind != "listen":
		return faultOf("invalid_operation")
	case !s.ready:
		return faultOf("answer_not_set")
	case publisher == "":
		return faultOf("missing_parameters")
	}
	to := s.place
	to.publisher = publisher
	if f := c.findPublisher(&to); f != nil {
		return f
	}
	if to.room != s.place.room {
		return faultOf("invalid_publisher")
	}
	info, err := s.place.me.Snapshot()
	if err != nil {
		return coreFault(err)
	}
	pub, f := streamOf(info, to.from)
	if f != nil {
		return f
	}
	to.stream = pub.Name
	s.place.me.Unsubscribe(s.place.reception)
	if f := c.hearPublisher(s, &to); f != nil {
		_ = c.hearPublisher(s, &s.place) // as before, if that is still there
		return f
	}
	s.place = to
	return nil
}

// The layouts that upstream's mixer knows (dossier 3.6). Here the picture is that
// of who speaks.
var layouts = strings.Fields(`1x1 1x2 2x1 2x2 3x3 4x4 5x5 6x6 8x8 1up_top_left+5 1up_top_left+7 1up_top_left+9 2up_top+8 2up_middle+8
	2up_bottom+8 3up+4 3up+9 1x1+2x1 2x1-zoom 3x1-zoom 3x2-zoom 4x2-zoom 5-grid-zoom 7-grid-zoom 2x1-presenter-zoom
	presenter-dual-horizontal presenter-dual-vertical presenter-overlap-large-top-right presenter-overlap-large-bot-right
	presenter-overlap-small-top-right presenter-overlap-small-bot-right overlaps`)

func layoutFault(name string) *fault {
	switch {
	case name == "" || name == "1x1":
		return nil
	case slices.Contains(layouts, name):
		return faultOf("invalid_layout", name)
	}
	return faultOf("unknown_layout", shorten(name))
}

func (c *conversation) setLayout(q *request, s *session, v values) {
	name := v.text("layout", "mcu_layout")
	f := layoutFault(name)
	switch {
	case s.kind != "mcu":
		f = faultOf("invalid_operation")
	case !s.ready:
		f = faultOf("answer_not_set")
	case name == "":
		f = faultOf("missing_field", "mcu_layout")
	}
	if f != nil {
		c.fail(q, f)
		return
	}
	s.place.layout = name
	c.reply(q, nil)
}

// roomAction is the third generation's way to the layout.
func (c *conversation) roomAction(q *request, s *session, v values) {
	switch action := v.text("action"); {
	case s.kind != "mcu":
		c.fail(q, faultOf("no_active_room"))
	case action == "get_actions":
		c.reply(q, object{"actions": []string{"layout"}})
	case action != "layout":
		c.fail(q, faultOf("invalid_action", shorten(action)))
	default:
		c.setLayout(q, s, v)
	}
}

// recorderAction goes to the core, which says that nothing records yet.
func (c *conversation) recorderAction(q *request, s *session, v values) {
	action := v.text("action")
	switch action {
	case "", "get_actions":
		c.reply(q, object{"actions": []string{"start", "stop", "pause", "resume", "get_actions"}})
	case "start", "stop", "pause", "resume":
		if s.place.me == nil || s.place.me.Record(action == "start" || action == "resume") != nil {
			c.fail(q, faultOf("no_active_recorder"))
			return
		}
		c.reply(q, nil)
	default:
		c.fail(q, faultOf("invalid_action", shorten(action)))
	}
}

// playerAction drives the file of a session of type play (dossier 3.7).
func (c *conversation) playerAction(q *request, s *session, v values) {
	action, p := v.text("action"), s.place.player
	if action == "" || action == "get_actions" {
		c.reply(q, object{"actions": []string{"start", "stop", "pause", "resume", "get_info", "get_position", "set_position", "get_actions"}})
		return
	}
	if action == "start" && s.kind == "play" && s.ready {
		c.restart(q, s, v)
		return
	}
	if p == nil || s.kind != "play" {
		c.fail(q, faultOf("no_active_player"))
		return
	}
	now := p.Status()
	var err error
	data := object{}
	switch action {
	case "stop":
		p.Close()
		delete(c.media.legs, p.ID())
		s.place.player = nil
	case "pause", "resume":
		err = p.Pause(action == "pause")
	case "get_info":
		data = object{"duration": now.Duration.Milliseconds(), "is_seekable": now.Seekable, "first_position": 0,
			"last_position": now.Duration.Milliseconds()}
	case "get_position":
		data["position"] = now.Position.Milliseconds()
	case "set_position":
		err = p.Seek(time.Duration(v.number("position")) * time.Millisecond)
	default:
		c.fail(q, faultOf("invalid_action", shorten(action)))
		return
	}
	if err != nil {
		c.fail(q, coreFault(err))
		return
	}
	c.reply(q, data)
}

// restart plays a file from its beginning, another one if it is named.
func (c *conversation) restart(q *request, s *session, v values) {
	before, loops := s.uri, s.loops
	if uri := v.text("uri"); uri != "" {
		s.uri = uri
	}
	if v.has("loops") {
		s.loops = v.number("loops")
	}
	if f := c.move(s, stay{kind: "play"}, roomWish{}); f != nil {
		s.uri, s.loops = before, loops
		c.fail(q, f)
		return
	}
	c.enrol(s)
	c.reply(q, nil)
}

// setCandidate gives the media engine a candidate of the client's (dossier
// 3.11).
func (c *conversation) setCandidate(q *request, s *session, v values) {
	c.addCandidate(q, s, v, media.Candidate{Candidate: v.text("candidate"), Mid: v.text("sdpMid"), Line: v.number("sdpMLineIndex")})
}

func (c *conversation) endCandidates(q *request, s *session, v values) {
	c.addCandidate(q, s, v, media.Candidate{Line: -1})
}

func (c *conversation) addCandidate(q *request, s *session, v values, candidate media.Candidate) {
	l := s.main
	if s.far != nil && v.text("role") == "callee" {
		l = s.far
	}
	if l == nil { // p2p: the two tell each other
		c.fail(q, faultOf("invalid_operation"))
		return
	}
	if err := l.transport.AddCandidate(candidate); err != nil {
		f := coreFault(err)
		if core.KindOf(err) == core.Invalid {
			f = faultOf("invalid_parameters")
		}
		c.fail(q, f)
		return
	}
	c.reply(q, nil)
}
