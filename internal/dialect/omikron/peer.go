package omikron

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media"
)

// This file is for rooms in which the server carries media. Members of a call
// group have a connection to each other of their own, and that stays so; but
// for those who came by another protocol the server stands in: what a client
// sends to one of them to set their connection up ends here, and is answered in
// that member's name. What the client sends on the first of these connections
// is published; on each it receives what that member publishes.
//
// Members who are there offer and a newcomer answers (dossier 5.1). Since the
// server answers, those for whom it stands in are always told as if they had
// come later. Descriptions must be readable for that: what clients encrypt, as
// those of era 0 do, is for their own kind only.

// outsider is a member who came by another protocol.
type outsider struct {
	id     string // by which clients know them
	place  core.ParticipantID
	name   string
	voice  *link
	screen *link  // on which the client shows its screen
	shown  *link  // on which the client watches what this one shows
	shows  string // the publication with pictures that clients can watch, if any
}

// link is the connection that a client believes to have with an outsider.
type link struct {
	transport *core.Transport
	screen    bool
	asked     []*message // offers that are being answered, in order
	tracks    []media.Track
}

// Names of what a client publishes.
const (
	voiceStream  = "voice"
	screenStream = "screen"
)

// standIn makes the id by which clients know somebody without one: a UUID of
// version 8 (RFC 9562 section 5.8) that always is the same for a name.
func standIn(name string) string {
	sum := sha256.Sum256([]byte("member " + name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	x := hex.EncodeToString(sum[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// memberID is the id by which clients know a member.
func memberID(p *core.ParticipantInfo) string {
	if p.Via == Name {
		return p.Name
	}
	return standIn(p.Name)
}

// pictures is the publication that clients see as a member's screen: the last
// one with pictures.
func pictures(p *core.ParticipantInfo) (name string) {
	for _, i := range p.Publications {
		if i.Video {
			name = i.Name
		}
	}
	return name
}

// meet notes a member who came by another protocol.
func (c *caller) meet(p *core.ParticipantInfo) *outsider {
	o := &outsider{id: memberID(p), place: p.ID, name: p.Name}
	c.outsiders = append(c.outsiders, o)
	return o
}

func (c *caller) outsider(is func(*outsider) bool) *outsider {
	if i := slices.IndexFunc(c.outsiders, is); i >= 0 {
		return c.outsiders[i]
	}
	return nil
}

func (c *caller) placed(id core.ParticipantID) *outsider {
	return c.outsider(func(o *outsider) bool { return o.place == id })
}

// intercept takes a message for a member for whom the server stands in.
func (c *caller) intercept(m *message, o *outsider) []dialect.Frame {
	if !c.carried {
		return c.complain(m, "this member cannot be reached: the server carries no media in this call")
	}
	screen := string(get(m.data, "screen_share")) == "true"
	switch m.kind {
	case "webrtc_sdp":
		kind, sdp := description(get(m.data, "payload"))
		var err error
		switch {
		case kind == "offer":
			err = c.offered(m, o, sdp, screen)
		case kind == "answer" && o.shown != nil:
			err = o.shown.transport.Accept(sdp)
		default:
			err = invalid("the payload is no offer that the server could read")
		}
		if err != nil {
			return c.complain(m, err.Error())
		}
	case "webrtc_ice":
		l := o.link(screen)
		if screen && (l == nil || string(get(m.data, "watcher")) == "true") {
			l = o.shown
		}
		if l != nil {
			_ = l.transport.AddCandidate(candidate(get(m.data, "payload"))) // one that is of no use is none
		}
	case "watch_stream":
		if string(get(m.data, "want_to_watch")) == "true" {
			return c.watch(m, o)
		} // else it grants ours to this member: an offer follows
	default:
		return c.complain(m, "this member does not understand "+m.kind)
	}
	return nil
}

func (o *outsider) link(screen bool) *link {
	if screen {
		return o.screen
	}
	return o.voice
}

// description reads a session description as browsers write it.
func description(payload json.RawMessage) (kind, sdp string) {
	all, _ := split(payload)
	return text(get(all, "type")), text(get(all, "sdp"))
}

// candidate reads a candidate as browsers write it.
func candidate(payload json.RawMessage) media.Candidate {
	all, _ := split(payload)
	found := media.Candidate{Candidate: text(get(all, "candidate")), Mid: text(get(all, "sdpMid")), Line: -1}
	if json.Unmarshal(orNull(get(all, "sdpMLineIndex")), &found.Line) != nil {
		found.Line = -1
	}
	return found
}

// offered has an offer answered in an outsider's name.
func (c *caller) offered(m *message, o *outsider, sdp string, screen bool) error {
	l := o.link(screen)
	if l == nil {
		t, err := c.c.Session().OpenTransport(media.TransportOptions{Receive: true, Send: !screen})
		if err != nil {
			return err
		}
		l = &link{transport: t, screen: screen}
		if screen {
			o.screen = l
		} else {
			o.voice = l
		}
	}
	if err := l.transport.Answer(sdp); err != nil {
		return err
	}
	l.asked = append(l.asked, m)
	return nil
}

// show tells the client what of an outsider's there is to be seen, if that has
// changed.
func (c *caller) show(o *outsider, p *core.ParticipantInfo) []dialect.Frame {
	before := o.shows
	o.shows = pictures(p)
	switch {
	case !c.carried:
	case o.shows == "" && before != "":
		c.hangUp(o, o.shown)
		return []dialect.Frame{c.from(o, "end_stream", member{"user_id", quote(o.id)})}
	case o.shows != "" && before == "":
		return []dialect.Frame{c.from(o, "start_stream", member{"user_id", quote(o.id)})}
	case o.shown != nil:
		c.see(o)
	}
	return nil
}

// see receives what an outsider shows. Of two such publications the second takes
// the line when the first is gone.
func (c *caller) see(o *outsider) {
	// It may be received already, or be gone.
	_, _ = c.place.Subscribe(core.SubscribeRequest{Participant: o.place, Publication: o.shows, Transport: o.shown.transport.ID()})
}

// watch lets the client see what an outsider shows: that is granted, and then
// offered.
func (c *caller) watch(m *message, o *outsider) []dialect.Frame {
	if o.shows == "" {
		return c.complain(m, "this member shows nothing")
	}
	c.hangUp(o, o.shown)
	t, err := c.c.Session().OpenTransport(media.TransportOptions{Send: true})
	if err != nil {
		return c.complain(m, err.Error())
	}
	o.shown = &link{transport: t}
	if err := t.Offer(media.Line{Kind: media.Video, Send: true}); err != nil {
		return c.complain(m, err.Error())
	}
	return []dialect.Frame{c.from(o, "watch_stream", member{"want_to_watch", json.RawMessage("false")})}
}

// offerMade makes the client an offer in an outsider's name.
func (c *caller) offerMade(f core.OfferMade) []dialect.Frame {
	o, l := c.linkOf(f.Transport)
	switch {
	case l == nil:
		return nil
	case f.Err != nil:
		c.hangUp(o, l)
		return nil // there is no word for it: the picture does not come
	}
	offer := appendText([]byte(`{"type":"offer","sdp":`), f.SDP)
	return []dialect.Frame{c.from(o, "webrtc_sdp", member{"payload", append(offer, '}')},
		member{"screen_share", json.RawMessage("true")}, member{"watcher", json.RawMessage("false")})}
}

// answerAccepted lets the pictures come that the client has accepted.
func (c *caller) answerAccepted(f core.AnswerAccepted) {
	o, l := c.linkOf(f.Transport)
	switch {
	case l == nil:
	case f.Err != nil:
		c.hangUp(o, l)
	case o.shown == l:
		c.see(o)
	}
}

// answerMade tells the client what an outsider is said to have answered.
func (c *caller) answerMade(f core.AnswerMade) []dialect.Frame {
	o, l := c.linkOf(f.Transport)
	if l == nil || len(l.asked) == 0 {
		return nil
	}
	m := l.asked[0]
	l.asked = l.asked[1:]
	if f.Err != nil {
		if len(l.tracks) == 0 && len(l.asked) == 0 {
			c.hangUp(o, l)
		}
		return c.complain(m, f.Err.Error())
	}
	l.tracks = f.Answer.Tracks
	c.publish()
	if who, err := c.place.Lookup(o.name); err == nil {
		c.receiveAll(o, &who)
	} // else that they left is in the mailbox
	answer := appendText([]byte(`{"type":"answer","sdp":`), f.Answer.SDP)
	data := []member{{"payload", append(answer, '}')}}
	if l.screen {
		data = append(data, member{"screen_share", json.RawMessage("true")}, member{"watcher", json.RawMessage("true")})
	}
	return []dialect.Frame{c.from(o, "webrtc_sdp", data...)}
}

// from says something in an outsider's name.
func (c *caller) from(o *outsider, kind string, data ...member) dialect.Frame {
	data = append(data, member{"receiver_id", quote(c.who.User)}, member{"sender_id", quote(o.id)})
	return dialect.Text((&message{kind: kind, sender: o.id, receiver: c.who.User, data: data}).encode())
}

func (c *caller) linkOf(id media.TransportID) (*outsider, *link) {
	for _, o := range c.outsiders {
		for _, l := range []*link{o.voice, o.screen, o.shown} {
			if l != nil && l.transport.ID() == id {
				return o, l
			}
		}
	}
	return nil, nil
}

// receiveAll receives what an outsider says.
func (c *caller) receiveAll(o *outsider, who *core.ParticipantInfo) {
	if o.voice == nil {
		return
	}
	for _, p := range who.Publications {
		if p.Audio {
			// It may be received already, or be gone.
			_, _ = c.place.Subscribe(core.SubscribeRequest{Participant: who.ID, Publication: p.Name, Transport: o.voice.transport.ID()})
		}
	}
}

// publish offers to the room what the client sends on the first of its
// connections of each kind, and takes back what it does not send any more.
func (c *caller) publish() {
	for _, kind := range []string{voiceStream, screenStream} {
		var home *link
		for _, o := range c.outsiders {
			if l := o.link(kind == screenStream); home == nil && l != nil && len(l.tracks) > 0 {
				home = l
			}
		}
		if home != nil && slices.Equal(c.published[kind], home.tracks) {
			continue
		}
		if c.published[kind] != nil {
			_ = c.place.Unpublish(kind) // it may have gone with its connection
			delete(c.published, kind)
		}
		if home == nil {
			continue
		}
		if _, err := c.place.Publish(core.PublishRequest{Name: kind, Transport: home.transport.ID(), Tracks: home.tracks}); err == nil {
			c.published[kind] = home.tracks
		} // else who may only listen is not heard
	}
}

// hangUp ends a connection. What was published over it goes on over another.
func (c *caller) hangUp(o *outsider, l *link) {
	if l == nil {
		return
	}
	switch l {
	case o.voice:
		o.voice = nil
	case o.screen:
		o.screen = nil
	case o.shown:
		o.shown = nil
	}
	l.transport.Close()
	c.publish()
}

// fetchScreen asks the client for its screen, in the name of the first outsider,
// if it shows it and nobody else does; dossier 5.2, watch_stream.
func (c *caller) fetchScreen() []dialect.Frame {
	if !c.carried || !c.state.Streaming || len(c.outsiders) == 0 ||
		c.outsider(func(o *outsider) bool { return o.screen != nil }) != nil {
		return nil
	}
	return []dialect.Frame{c.from(c.outsiders[0], "watch_stream", member{"want_to_watch", json.RawMessage("true")})}
}

// streamed follows what the client says about its screen.
func (c *caller) streamed() []dialect.Frame {
	if c.state.Streaming {
		return c.fetchScreen()
	}
	for _, o := range c.outsiders {
		c.hangUp(o, o.screen)
	}
	return nil
}

// depart gives an outsider up who has left, and goes on with the others.
func (c *caller) depart(o *outsider) []dialect.Frame {
	c.outsiders = slices.DeleteFunc(c.outsiders, func(other *outsider) bool { return other == o })
	had := o.screen != nil
	for _, l := range []*link{o.voice, o.screen, o.shown} {
		if l != nil {
			l.transport.Close()
		}
	}
	c.publish()
	if had {
		return c.fetchScreen()
	}
	return nil
}

// arrivals tells of those for whom the server stands in as if they had come
// just now, so that the client calls them.
func (c *caller) arrivals(room *core.RoomInfo) (all []dialect.Frame) {
	for i := range room.Participants {
		if p := &room.Participants[i]; c.carried && p.Via != Name {
			if o := c.placed(p.ID); o != nil {
				all = append(append(all, dialect.Text(encodeJoined(p))), c.show(o, p)...)
			}
		}
	}
	return all
}
