package openvocs

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// line is the client's one media connection: it carries the microphone, and the
// mix of all loops (dossier 4.1).
type line struct {
	transport *core.Transport
	waiting   []*request // whose descriptions are being worked on, in order

	described  bool                  // the client knows our side, so that it can take candidates
	settled    bool                  // both sides are known
	connected  bool                  // packets can pass
	ready      bool                  // the client was told so
	ufrag      string                // of our side
	candidates []core.CandidateFound // found before the client knew our side
	tracks     []media.Track         // the microphone
}

// description is what media requests and replies carry.
type description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// media exchanges session descriptions: seed, dossier 2.4. The server offers
// when it is asked to; a client that offers itself is answered.
func (c *conversation) media(_ context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	kind, err := r.param.text("type")
	if err != nil {
		return nil, err
	}
	sdp := ""
	if kind != "request" {
		if sdp, err = r.param.text("sdp"); err != nil {
			return nil, err
		}
	}
	switch kind {
	case "request":
		if err := c.openLine(); err != nil {
			return nil, err
		}
		err = c.line.transport.Offer(media.Line{Kind: media.Audio, Send: true, Receive: true})
	case "offer":
		if err := c.openLine(); err != nil {
			return nil, err
		}
		err = c.line.transport.Answer(sdp)
	case "answer":
		if c.line == nil {
			return nil, errNoMedia
		}
		err = c.line.transport.Accept(sdp)
	default:
		return nil, missing("type")
	}
	if err != nil {
		return nil, err
	}
	c.line.waiting = append(c.line.waiting, r)
	return nil, errLater
}

// openLine opens the media connection, in place of an earlier one. What is heard
// and said in loops moves to it.
func (c *conversation) openLine() error {
	t, err := c.session().OpenTransport(media.TransportOptions{Receive: true, Send: true, Mix: true, StreamName: "loops"})
	if err != nil {
		return err
	}
	c.closeLine()
	c.line = &line{transport: t}
	c.plug()
	return nil
}

// closeLine ends the media connection. The loops are kept.
func (c *conversation) closeLine() {
	if c.line == nil {
		return
	}
	for _, r := range c.line.waiting {
		c.fail(r, errNoTransport)
	}
	c.line.transport.Close()
	c.line = nil
}

// outcome returns the request that a step of the media connection was for; nil
// when it was for an earlier connection.
func (c *conversation) outcome(of media.TransportID) *request {
	l := c.line
	if l == nil || l.transport.ID() != of || len(l.waiting) == 0 {
		return nil
	}
	r := l.waiting[0]
	l.waiting = l.waiting[1:]
	return r
}

func (c *conversation) offerMade(f core.OfferMade) {
	r := c.outcome(f.Transport)
	switch {
	case r == nil:
	case f.Err != nil:
		c.fail(r, f.Err)
		c.closeLine()
	default:
		c.reply(r, description{"offer", f.SDP})
		c.describe(f.SDP)
	}
}

func (c *conversation) answerMade(f core.AnswerMade) {
	r := c.outcome(f.Transport)
	switch {
	case r == nil:
	case f.Err != nil:
		c.fail(r, f.Err)
		c.closeLine()
	default:
		c.reply(r, description{"answer", f.Answer.SDP})
		c.describe(f.Answer.SDP)
		c.settle(f.Answer.Tracks)
	}
}

func (c *conversation) answerAccepted(f core.AnswerAccepted) {
	r := c.outcome(f.Transport)
	switch {
	case r == nil:
	case f.Err != nil:
		c.fail(r, f.Err)
	default:
		c.reply(r, nothing{})
		c.settle(f.Answer.Tracks)
	}
}

// describe notes that the client knows our side, and sends the candidates that
// were found before.
func (c *conversation) describe(sdp string) {
	if c.line == nil {
		return
	}
	c.line.described = true
	_, rest, _ := strings.Cut(sdp, "a=ice-ufrag:")
	c.line.ufrag, _, _ = strings.Cut(rest, "\r\n")
	found := c.line.candidates
	c.line.candidates = nil
	for _, f := range found {
		c.found(f)
	}
}

// settle notes what the client will send, and puts it into the loops in which it
// talks.
func (c *conversation) settle(tracks []media.Track) {
	if c.line == nil {
		return
	}
	c.line.tracks, c.line.settled = tracks, true
	c.plug()
	c.tellReady()
}

// connected notes that packets can pass.
func (c *conversation) connected(f core.TransportConnected) {
	if c.line != nil && c.line.transport.ID() == f.Transport {
		c.line.connected = true
		c.tellReady()
	}
}

// tellReady says once that media is ready, which is what the client's start
// waits for; before that its browser is not connected (dossier 4.3).
func (c *conversation) tellReady() {
	if c.line.connected && c.line.settled && !c.line.ready {
		c.line.ready = true
		c.push("media_ready", nothing{})
	}
}

// failed ends the connection when its media is gone, so that the client begins
// anew (dossier 1.2). A client that closed its side itself just leaves the loops.
func (c *conversation) failed(f core.TransportFailed) {
	if c.line == nil || c.line.transport.ID() != f.Transport {
		return
	}
	if !f.Goodbye {
		c.end(1000, "the media connection is lost")
		return
	}
	for _, l := range c.loops {
		c.leave(l)
	}
	c.closeLine()
}

// wireCandidate is a candidate as replies and pushes carry it.
type wireCandidate struct {
	Candidate string          `json:"candidate"`
	Ufrag     string          `json:"ufrag"`
	Line      int             `json:"sdpMLineIndex"`
	Mid       json.RawMessage `json:"sdpMid"`
}

// found passes on a candidate of ours (dossier 2.4).
func (c *conversation) found(f core.CandidateFound) {
	l := c.line
	switch {
	case l == nil || l.transport.ID() != f.Transport || f.Candidate.Candidate == "":
		return
	case !l.described:
		l.candidates = append(l.candidates, f)
		return
	}
	text := f.Candidate.Candidate
	if !strings.HasPrefix(text, "candidate:") {
		text = "candidate:" + text
	}
	c.push("candidate", wireCandidate{text, l.ufrag, max(f.Candidate.Line, 0), midOf(f.Candidate.Mid)})
}

// midOf writes a line's name as a number where it is one, as upstream does.
func midOf(mid string) json.RawMessage {
	if mid == "" {
		mid = "0"
	}
	if n, err := strconv.ParseUint(mid, 10, 16); err == nil {
		return json.RawMessage(strconv.FormatUint(n, 10))
	}
	return encode(mid)
}

// candidate takes a candidate of the client's, under the names of real clients
// and of the seed: dossier 2.4.
func (c *conversation) candidate(_ context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	raw := r.param.value("candidate")
	if len(raw) == 0 || raw[0] != '"' {
		return nil, missing("candidate")
	}
	if c.line == nil {
		return nil, errNoMedia
	}
	text, ufrag := textOf(raw), r.param.optional("ufrag")
	mid := ""
	if raw := r.param.value("sdpMid", "SDPMid"); len(raw) > 0 && isScalar(raw) {
		mid = string(bytes.Trim(raw, `"`))
	}
	index := -1 // unknown
	if n, err := r.param.number(1<<16, "sdpMLineIndex", "SDPMlineIndex", "SDPMLineIndex"); err == nil {
		index = int(n)
	}
	err := c.line.transport.AddCandidate(media.Candidate{Candidate: text, Mid: mid, Line: index})
	switch {
	case core.KindOf(err) == core.NotFound:
		return nil, errNoTransport
	case err != nil:
		return nil, errCandidate
	}
	return wireCandidate{text, ufrag, max(index, 0), midOf(mid)}, nil
}

// endOfCandidates notes that the client has no more: dossier 2.4.
func (c *conversation) endOfCandidates(_ context.Context, _ *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	if c.line == nil {
		return nil, errNoMedia
	}
	if err := c.line.transport.AddCandidate(media.Candidate{Line: -1}); err != nil {
		return nil, err
	}
	return nothing{}, nil
}
