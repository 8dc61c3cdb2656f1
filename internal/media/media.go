// Package media is the contract between the core and whatever carries sound
// and pictures: transports that speak SDP and ICE, the tracks they receive, the
// routes that say who hears whom, and the events that come back.
//
// It holds types only. The core decides routes and an [Engine] makes them so;
// an engine knows nothing of sessions, people or permissions, and the core
// knows nothing of RTP. Every method may be called from any goroutine unless
// it says otherwise; an engine reports only through its [Sink].
package media

import (
	"context"
	"errors"
	"time"
)

// TransportID names one media connection. The core chooses it; it is never
// shown to clients.
type TransportID string

// TrackID names one incoming stream of audio or video. The engine chooses it;
// it is unique in the process for ever.
type TrackID string

// RoomID names the room a route belongs to. Media uses it only to tell rooms
// apart.
type RoomID string

// Kind says what a track carries.
type Kind uint8

// The kinds of tracks.
const (
	Audio Kind = iota + 1
	Video
)

// String returns the kind as SDP writes it: "audio" or "video".
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "unknown"
}

// Errors of transports that a caller can do something about. Anything else an
// engine returns is its own failure.
var (
	// ErrDescription says that a session description could not be used: it does
	// not parse, lacks what a peer must say, or exceeds the limits. The wrapping
	// error's text says which and is safe to show.
	ErrDescription = errors.New("unusable session description")
	// ErrCandidate says that an ICE candidate could not be used.
	ErrCandidate = errors.New("unusable candidate")
	// ErrState says that the transport cannot do this now, for example answer a
	// second offer before the first is answered.
	ErrState = errors.New("transport is in the wrong state")
	// ErrClosed says that the transport or the engine has been closed.
	ErrClosed = errors.New("transport is closed")
	// ErrFile says that there is no such file to play, or that it cannot be
	// played. The wrapping error's text is safe to show.
	ErrFile = errors.New("file cannot be played")
)

// Engine carries media. There is one in a server; tests use a fake.
type Engine interface {
	// Open makes a transport. It does not wait for the network.
	Open(id TransportID, o TransportOptions) (Transport, error)
	// Play opens a file as if a peer sent it: its tracks can be published and
	// routed like a transport's. It reads the file's beginning. Errors: ErrFile.
	Play(id TransportID, r PlayRequest) (Player, error)
	// Apply brings the routes up to what is given. It never waits for the
	// network or for another room; see [Routes] for order.
	Apply(Routes)
	// Close closes every transport and returns when no goroutine of the engine
	// is left and no event will be posted any more.
	Close() error
}

// TransportOptions say what a transport is for; they do not change later.
type TransportOptions struct {
	// Receive accepts the tracks that the peer wants to send.
	Receive bool
	// Send offers tracks to the peer, on every audio and video line on which the
	// peer is ready to receive. An audio line is always answered as sending when
	// the peer receives, even while there is nothing to send.
	Send bool
	// Data accepts an SCTP line. Without it such a line is refused.
	Data bool
	// Mix makes the first audio line on which the peer receives carry the mix of
	// the rooms that the transport hears, and comfort noise while it hears none,
	// so that the stream never pauses. Without it a mix takes that line only
	// while some reception has one.
	Mix bool
	// Plain speaks RTP without encryption and ICE (RFC 3551), on a port of the
	// transport's own, with addresses taken from the descriptions: for gateways
	// in a network that is trusted.
	Plain bool
	// VideoKbps bounds the video bitrate asked of the peer, in kbit/s; 0 sets no
	// bound.
	VideoKbps int
	// StreamName is the msid stream id given to everything that is sent, so that
	// a browser puts audio and video in one MediaStream. Empty: the engine
	// chooses one.
	StreamName string
}

// Transport is one media connection to one peer. Its methods keep their order
// when called one after the other and may be called from any goroutine.
type Transport interface {
	// Answer takes the peer's offer and makes the answer, complete with the
	// candidates known so far. A later offer on the same transport is a
	// renegotiation. Errors: ErrDescription, ErrState, ErrClosed.
	Answer(ctx context.Context, offer string) (Answer, error)
	// Offer makes an offer with these lines, complete with the candidates known
	// so far. It is what begins a transport whose peer does not offer; a later
	// offer renegotiates and repeats the lines there were, in order, before new
	// ones. Errors: ErrState, ErrClosed.
	Offer(ctx context.Context, lines []Line) (string, error)
	// Accept takes the peer's answer to the latest offer. The answer's SDP is
	// empty in what it returns. Errors: ErrDescription, ErrState, ErrClosed.
	Accept(ctx context.Context, answer string) (Answer, error)
	// SetVideoKbps changes the bound of [TransportOptions].
	SetVideoKbps(kbps int)
	// AddCandidate takes one candidate of the peer. It may come before the
	// offer; such candidates are kept, up to a limit. An empty candidate string
	// is the end of candidates. Errors: ErrCandidate, ErrClosed.
	AddCandidate(Candidate) error
	// RequestKeyframe asks the peer for a key frame of every video track it
	// sends; requests are throttled per track.
	RequestKeyframe()
	// Stats returns counters since the transport was opened.
	Stats() Stats
	// Close ends the connection and its tracks and routes. It returns when the
	// transport's goroutines have ended; a second call does nothing.
	Close() error
}

// Line is one media line that we offer, seen from us.
type Line struct {
	Kind    Kind `json:"kind"`
	Send    bool `json:"send"`
	Receive bool `json:"receive"`
}

// Answer is what a transport makes of an offer, or of the answer to its own.
type Answer struct {
	// SDP is the session description for the peer.
	SDP string
	// Tracks are what the peer will send, in the order of the lines of its
	// offer. They can be published at once, before the first packet.
	Tracks []Track
	// Sends says which kinds the peer is ready to receive on this transport.
	Sends []Kind
	// Data tells whether data channels were negotiated.
	Data bool
}

// Track is what a transport receives.
type Track struct {
	ID    TrackID `json:"id"`
	Kind  Kind    `json:"kind"`
	Mid   string  `json:"mid"`   // the line of the description, RFC 8843
	Codec string  `json:"codec"` // media type, for example "video/VP8"
}

// Candidate is one ICE candidate as WebRTC writes it (RFC 8839 section 5.1,
// RFC 8840), with or without the "candidate:" in front.
type Candidate struct {
	Candidate string `json:"candidate"`
	Mid       string `json:"mid"`
	Line      int    `json:"line"` // index of the line in the description, from 0; -1 unknown
}

// Routes are changes of who receives what. A room computes them under its lock
// with a revision that only grows, and applies them after letting go of the
// lock, so they may arrive out of order: for each pair of room and transport, and
// of room and track, an engine keeps the newest revision and ignores older ones.
// What names an unknown transport or track is ignored, but for tracks that a
// transport will still have.
type Routes struct {
	Room       RoomID      `json:"room"`
	Revision   uint64      `json:"revision"`
	Receptions []Reception `json:"receptions,omitempty"`
	Voices     []Voice     `json:"voices,omitempty"`
}

// Voice is a track's part in the mix of a room.
type Voice struct {
	Track TrackID     `json:"track"`
	From  TransportID `json:"from"` // whose own mix leaves it out
	// In is false when the track is not in the mix, or no longer.
	In bool `json:"in"`
	// Gate is push-to-talk. A track in several rooms is heard in those whose
	// gate is not closed.
	Gate Gate `json:"gate,omitempty"`
}

// Gate says what push-to-talk lets through.
type Gate uint8

// The states of a gate.
const (
	GateUnused Gate = iota // everything: push-to-talk is not used
	GateOpen               // everything, with a little of what came before it opened
	GateClosed             // nothing, once what was said before is out
)

// Reception is everything that one transport receives from one room.
type Reception struct {
	To TransportID `json:"to"`
	// Forward lists tracks whose packets pass untouched, each to the next line
	// of its kind that the peer receives on, in order.
	Forward []TrackID `json:"forward,omitempty"`
	// Mix is how loud the transport hears the mix of the room, in percent; 0 is
	// not at all. Tracks of the transport itself and of those in Own are not in
	// it, and a track that reaches it from several rooms is in it once, as loud
	// as the loudest. A mix takes the first audio line before anything forwarded
	// does.
	Mix int `json:"mix,omitempty"`
	// Own are further transports that the mix leaves out: those over which
	// whoever hears it speaks, or receives one by one. What one room says counts
	// for the mix of all.
	Own []TransportID `json:"own,omitempty"`
	// Data lists transports whose data channel messages are passed on to this
	// one.
	Data []TransportID `json:"data,omitempty"`
}

// Sink takes an engine's events. Post never blocks and may be called under the
// engine's locks; the events of one transport arrive in order.
type Sink interface {
	Post(Event)
}

// Event is something that happened to a transport, one of the types below.
type Event interface {
	// About returns the transport the event concerns.
	About() TransportID
}

// CandidateFound reports a candidate of the server's for this transport. The
// same candidates stand in the answer where they were known in time.
type CandidateFound struct {
	Transport TransportID
	Candidate Candidate
}

// Connected reports that media can flow: ICE and DTLS are done. It is posted
// once.
type Connected struct{ Transport TransportID }

// Failed reports that the connection is gone for good: ICE found no way or lost
// it, DTLS failed, or the peer closed. Reason is a sentence safe to show. The
// owner still has to close the transport.
type Failed struct {
	Transport TransportID
	Reason    string
	// Goodbye says that the peer ended the connection in good order.
	Goodbye bool
}

// TalkingChanged reports that somebody began or stopped speaking on an audio
// track, from RFC 6464 levels or, where there are none and the track is in a mix
// that somebody hears, from how loud it is, with hysteresis.
type TalkingChanged struct {
	Transport TransportID
	Track     TrackID
	Talking   bool
}

// About implements [Event].
func (e CandidateFound) About() TransportID { return e.Transport }

// About implements [Event].
func (e Connected) About() TransportID { return e.Transport }

// About implements [Event].
func (e Failed) About() TransportID { return e.Transport }

// About implements [Event].
func (e TalkingChanged) About() TransportID { return e.Transport }

// Stats are counters of one transport since it was opened.
type Stats struct {
	PacketsReceived, PacketsSent uint64
	BytesReceived, BytesSent     uint64
	PacketsLost                  uint64 // missing from the peer and not recovered
	Retransmitted                uint64 // sent again on request
	SendDropped                  uint64 // not sent because the socket was full
	RoundTrip                    time.Duration
	State                        string // new, connecting, connected, failed or closed
}
