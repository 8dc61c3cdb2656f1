package calling

import (
	"slices"
	"strconv"
	"strings"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media"
)

// This file is for rooms in which the server carries media. Clients of this
// protocol know only peers, to each of whom they have a connection of their
// own, so the server acts for every peer: what a client sends to a peer to set
// their connection up ends here, and is answered in the peer's name (dossier
// 4.6). What the client sends on the first of these connections is published;
// on each it receives what that peer publishes.
//
// Of two peers the one who was there first offers (dossier 4.4). Since the
// server answers and never offers, everybody in such a room is told that the
// others came after them.

// line is the connection that the client believes to have with a peer.
type line struct {
	peer      string // the peer's name
	transport *core.Transport
	origin    string  // which of the client's connections it is
	offers    []offer // that are being answered, in order
	answered  bool
	streams   value         // of the last offer that was answered
	tracks    []media.Track // that the client sends
}

// offer is what a client says about its end of a connection (dossier 4.5).
type offer struct {
	sdp      string
	streams  value // by line of the description, its stream's name and its kind
	channels value // labels that both sides have to know
}

// published is a stream of the client's that others can see.
type published struct {
	name   string
	tracks []media.Track
}

const (
	signalingEvent = "signaling"
	candidateEvent = "ice_candidate"
	usualStream    = "stream" // the name that rtc-lib gives to a stream without one
)

// Pictures that the client sends on other lines than the one whose tracks are
// published are seen by nobody: they are asked to be small, in kbit/s. The
// other bound is none in effect; it has to be said to lift the first.
const (
	unseenKbps = 50
	freeKbps   = 20_000
)

// mostStreams is how long the names of streams in one offer may be, in bytes.
// They are kept as long as the connection.
const mostStreams = 16 << 10

func (p *place) line(peer string) *line {
	for _, l := range p.lines {
		if l.peer == peer {
			return l
		}
	}
	return nil
}

// intercepts takes what is for the server although it is addressed to a peer.
// It tells false for everything else.
func (c *conversation) intercepts(p *place, to string, event []byte, data value) (bool, error) {
	if !p.media || to == c.self() {
		return false, nil
	}
	switch string(event) {
	case signalingEvent:
		if o, ok := readOffer(data); ok {
			return true, c.offered(p, to, o)
		}
	case candidateEvent:
		if _, err := p.peer(to); err != nil {
			return true, err
		}
		if l := p.line(to); l != nil { // otherwise it is for a connection that has failed
			_ = l.transport.AddCandidate(readCandidate(data)) // one that is of no use is none
		}
		return true, nil
	}
	return false, nil
}

// peer finds somebody to whom a connection can be.
func (p *place) peer(name string) (core.ParticipantInfo, error) {
	peer, err := p.me.Lookup(name)
	switch {
	case err != nil && !p.me.Present():
		return peer, errNotInRoom
	case err != nil:
		return peer, inSend.of(err)
	case peer.Mode == core.ModeInvited:
		return peer, errPendingPeer
	}
	return peer, nil
}

func readOffer(data value) (o offer, ok bool) {
	if data.kind != object {
		return o, false
	}
	members(data.raw, func(key []byte, v value) {
		switch string(unquote(key)) {
		case "type":
			ok = string(v.raw) == `"offer"`
		case "sdp":
			if v.kind == text {
				o.sdp = v.string()
			}
		case "streams":
			o.streams = value{v.kind, slices.Clone(v.raw)}
		case "channels":
			o.channels = value{v.kind, slices.Clone(v.raw)}
		}
	})
	return o, ok && o.sdp != ""
}

func readCandidate(data value) media.Candidate {
	found := media.Candidate{Line: -1} // null: there are no more
	if data.kind != object {
		return found
	}
	members(data.raw, func(key []byte, v value) {
		switch string(unquote(key)) {
		case "candidate":
			if v.kind == text {
				found.Candidate = v.string()
			}
		case "sdpMid":
			if v.kind == text {
				found.Mid = v.string()
			}
		case "sdpMLineIndex":
			if n, err := strconv.ParseUint(string(v.raw), 10, 16); err == nil {
				found.Line = int(n)
			}
		}
	})
	return found
}

// offered has an offer answered in a peer's name.
func (c *conversation) offered(p *place, to string, o offer) error {
	if _, err := p.peer(to); err != nil {
		return err
	}
	if len(o.streams.raw) > mostStreams {
		return tooMuch("The names of streams can have at most ", mostStreams)
	}
	origin := originOf(o.sdp)
	l := p.line(to)
	if l != nil && l.origin != origin { // the client has begun anew
		p.hangUp(l)
		l = nil
	}
	if l == nil {
		t, err := c.c.Session().OpenTransport(media.TransportOptions{Receive: true, Send: true, Data: true})
		if err != nil {
			return err
		}
		l = &line{peer: to, transport: t, origin: origin}
		p.lines = append(p.lines, l)
	}
	l.transport.SetVideoKbps(freeKbps) // what the answer says would last
	if err := l.transport.Answer(o.sdp); err != nil {
		p.giveUp(l)
		return err
	}
	l.offers = append(l.offers, o)
	return nil
}

// originOf is what stays the same in all descriptions of one connection: the
// session's id (RFC 8866 section 5.2).
func originOf(sdp string) string {
	_, rest, _ := strings.Cut(sdp, "\no=")
	line, _, _ := strings.Cut(rest, "\n")
	if fields := strings.Fields(line); len(fields) > 1 {
		return fields[1]
	}
	return ""
}

// giveUp ends a line that has not come about, if no offer on it is left.
func (p *place) giveUp(l *line) {
	if !l.answered && len(l.offers) == 0 {
		p.hangUp(l)
	}
}

// answerMade tells the client what its peer is said to have answered.
func (c *conversation) answerMade(f core.AnswerMade) []dialect.Frame {
	p, l := c.lineOf(f.Transport)
	if l == nil || len(l.offers) == 0 {
		return nil
	}
	o := l.offers[0]
	l.offers = l.offers[1:]
	if f.Err != nil { // for the connection there is no word: it does not come about
		p.giveUp(l)
		return say(complaint(sentence(f.Err)))
	}
	l.answered, l.streams, l.tracks = true, o.streams, f.Answer.Tracks
	p.publish()
	paired := p.watch(l, f.Answer.Data)
	channels := emptyObject
	if paired && o.channels.kind == object {
		channels = o.channels.raw
	}
	return say(encodeMessage(p.room, l.peer, appendString(nil, signalingEvent), encodeAnswer(f.Answer.SDP, o.named(), channels)))
}

func (c *conversation) lineOf(id media.TransportID) (*place, *line) {
	for _, e := range c.entries {
		if e.place == nil {
			continue
		}
		for _, l := range e.place.lines {
			if l.transport.ID() == id {
				return e.place, l
			}
		}
	}
	return nil, nil
}

func encodeAnswer(sdp string, streams, channels []byte) []byte {
	b := appendString([]byte(`{"type":"answer","sdp":`), sdp)
	b = append(append(b, `,"streams":`...), streams...)
	return append(append(append(b, `,"channels":`...), channels...), '}')
}

// named says the streams of an answer: those of the offer, since the other side
// has the same application, and a name for every line that has none, or the
// client fails (dossier 4.6).
func (o *offer) named() []byte {
	var all []member
	if o.streams.kind == object {
		all = membersOf(o.streams.raw)
	}
	if len(all) > 0 && all[0].value.kind != array {
		return o.streams.raw // as older clients have them: names of streams, and their ids
	}
	for _, m := range mediaLines(o.sdp) {
		key := appendString(nil, m.mid)
		if !slices.ContainsFunc(all, func(known member) bool { return string(known.key) == string(key) }) {
			all = append(all, member{key, value{array, []byte(`["` + usualStream + `","` + m.kind + `"]`)}})
		}
	}
	return appendMembers(nil, all)
}

// mediaLine is a line of sound or picture in a session description.
type mediaLine struct{ mid, kind string }

func mediaLines(sdp string) (all []mediaLine) {
	kind := ""
	for l := range strings.Lines(sdp) {
		l = strings.TrimRight(l, "\r\n")
		if rest, ok := strings.CutPrefix(l, "m="); ok {
			kind, _, _ = strings.Cut(rest, " ")
		}
		if mid, ok := strings.CutPrefix(l, "a=mid:"); ok && (kind == "audio" || kind == "video") {
			all = append(all, mediaLine{mid, kind})
		}
	}
	return all
}

// streamOf is the name under which the client sends a track.
func (l *line) streamOf(mid string) (name string) {
	name = usualStream
	if l.streams.kind != object {
		return name
	}
	members(l.streams.raw, func(key []byte, v value) {
		if string(unquote(key)) != mid || v.kind != array {
			return
		}
		first := true
		elements(v.raw, func(e value) {
			if first && e.kind == text {
				name = e.string()
			}
			first = false
		})
	})
	return name
}

// publish offers to the room what the client sends on its first line that has
// something, and takes back what it does not send any more.
func (p *place) publish() {
	var now []published
	home := p.home()
	if home != nil {
		for _, t := range home.tracks {
			name := home.streamOf(t.Mid)
			i := slices.IndexFunc(now, func(s published) bool { return s.name == name })
			if i < 0 {
				i = len(now)
				now = append(now, published{name: name})
			}
			now[i].tracks = append(now[i].tracks, t)
		}
	}
	for _, l := range p.lines {
		if l == home || len(l.offers) > 0 {
			l.transport.SetVideoKbps(freeKbps)
		} else {
			l.transport.SetVideoKbps(unseenKbps)
		}
	}
	kept := func(s published) bool {
		return slices.ContainsFunc(now, func(o published) bool { return o.name == s.name && slices.Equal(o.tracks, s.tracks) })
	}
	for _, s := range p.published {
		if !kept(s) {
			_ = p.me.Unpublish(s.name) // it may have gone with its connection
		}
	}
	before := p.published
	p.published = nil
	for _, s := range now {
		was := slices.ContainsFunc(before, func(o published) bool { return o.name == s.name && slices.Equal(o.tracks, s.tracks) })
		if !was {
			_, err := p.me.Publish(core.PublishRequest{Name: s.name, Transport: home.transport.ID(), Tracks: s.tracks})
			if err != nil {
				continue // who may only listen, or sends too much, is not seen
			}
		}
		p.published = append(p.published, s)
	}
}

// home is the line whose tracks are published: the first that has any.
func (p *place) home() *line {
	for _, l := range p.lines {
		if len(l.tracks) > 0 {
			return l
		}
	}
	return nil
}

// watch receives on a line what its peer publishes, and tells whether it can
// have data channels to that peer.
//
// A line for data is accepted from whoever it leads to: a browser that has made
// a channel offers one again and again until it is. But only to somebody with
// the same kind of client is there anything at the other end of it.
func (p *place) watch(l *line, data bool) (paired bool) {
	peer, err := p.me.Lookup(l.peer)
	if err != nil {
		return false // the peer's leaving is in the mailbox
	}
	for _, pub := range peer.Publications {
		p.receive(l, peer.ID, pub.Name)
	}
	return data && peer.Via == Name && p.me.Pair(peer.ID, l.transport.ID()) == nil
}

func (p *place) receive(l *line, peer core.ParticipantID, publication string) {
	// It may be received already, or be gone.
	_, _ = p.me.Subscribe(core.SubscribeRequest{Participant: peer, Publication: publication, Transport: l.transport.ID()})
}

// hangUp ends a line. What was published over it goes on over another.
func (p *place) hangUp(l *line) {
	p.lines = slices.DeleteFunc(p.lines, func(o *line) bool { return o == l })
	l.transport.Close()
	p.publish()
}

// hangUpAll ends all lines of a place that is given up.
func (p *place) hangUpAll() {
	for _, l := range p.lines {
		l.transport.Close()
	}
	p.lines, p.published = nil, nil
}

// trackPublished begins to receive what a peer shows from now on.
func (c *conversation) trackPublished(f core.TrackPublished) {
	p := c.placeIn(f.Room)
	if p == nil {
		return
	}
	if l := p.line(f.Participant.Name); l != nil && l.answered {
		p.receive(l, f.Participant.ID, f.Publication.Name)
	}
}

// transportFailed gives up a line. The client sees by itself that it is dead.
func (c *conversation) transportFailed(id media.TransportID) {
	if p, l := c.lineOf(id); l != nil {
		p.hangUp(l)
	}
}

// arrivals tells of everybody in a room as if they had come just now.
func arrivals(r *core.RoomInfo) (all []dialect.Frame) {
	for i := range r.Participants {
		all = append(all, dialect.Text(appendAdded(inRoomEvent("room_peer_add", r.ID), &r.Participants[i])))
	}
	return all
}
