// Package forward is the packet plane of the WebRTC engine: it takes protected
// datagrams from publishers, opens them, and sends each packet, protected anew,
// to everybody who receives its track.
//
// It owns what happens between a socket and a socket: SRTP on both sides, the
// packet cache of each track, retransmission, requests for key frames, RTCP
// reports, and who talks. It knows no SDP, ICE or DTLS, no rooms and no people:
// the engine tells it which lines were negotiated, which keys and which path a
// transport has, and which tracks it is to receive.
//
// The packet path: a socket's reader calls [Transport.Receive] for each
// datagram of a batch and [Plane.Kick] behind the last. Receive opens the packet
// once, puts it into the track's cache and queues it for the workers that have
// subscribers of the track; Kick wakes them. Each transport's sending state is
// owned by one worker, which goes through a flat immutable list of subscribers
// and seals the cached payload straight into the arena of a [udp.Writer].
// Neither lock, map, channel, clock nor allocation is met for a pair of packet
// and subscriber.
//
// All methods may be called by any goroutine unless they say otherwise, and
// none waits for the network. Nothing is called back under a lock but
// [Notify], which must only post.
package forward

import (
	"log/slog"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/srtp"
	"switchboard/internal/media/rtc/udp"
)

// Options of a plane. The zero value is usable.
type Options struct {
	// Log takes what an operator may want to know; nil discards it. Nothing is
	// logged for single packets.
	Log *slog.Logger
	// Workers is how many goroutines send; 0 means GOMAXPROCS.
	Workers int
	// Notify hears what the plane finds out about tracks; nil discards it.
	Notify Notify
}

// Notify takes events of the plane. Its methods are called on packet paths and
// under locks: they must only post and return.
type Notify interface {
	// Talking reports that somebody began or stopped speaking on an audio
	// track (RFC 6464 levels, with hysteresis). A track that ends while talking
	// is not reported.
	Talking(transport media.TransportID, track media.TrackID, talking bool)
}

// TransportOptions say what a transport is; they do not change.
type TransportOptions struct {
	// ID is used in events and logs only.
	ID media.TransportID
	// VideoKbps bounds what the peer is told to send of video, by REMB, in
	// kbit/s; 0 sets no bound.
	VideoKbps int
	// CNAME is the canonical name in our reports (RFC 3550 section 6.5.1), the
	// one that the description gives our SSRCs. Empty: the ID.
	CNAME string
}

// Path says where a transport's datagrams go. It has either a Socket and Addr,
// the fast way, or Write.
type Path struct {
	Socket *udp.Socket
	Addr   *udp.Addr
	// Write sends one datagram over something else: ICE-TCP, a relay. It is
	// called by one goroutine of the plane that serves this path only, so it may
	// block: datagrams that do not fit into the short queue before it are
	// dropped and counted. It must return when the connection is closed. It
	// must not keep the slice. It may still be running when SetPath or
	// Transport.Close has returned, but not after Plane.Close.
	Write func([]byte) error
}

// Codec is one payload type of a line, as negotiated.
type Codec struct {
	Name        string // encoding name, in any case: "opus", "VP8", "H264", "VP9", "AV1", "red", …
	PayloadType uint8  // 0 to 127
	ClockRate   uint32 // Hz
	Channels    uint16
	Fmtp        string // format parameters, "a=1;b=2"
	RTX         uint8  // payload type of its retransmissions (apt), 0 if not negotiated
	// What feedback the answer agreed on for this payload type.
	NACK, PLI, REMB, TransportCC bool
}

// Extension is one header extension of a line, as negotiated (RFC 8285).
type Extension struct {
	ID  uint8 // 1 to 14, or to 255 for two-byte headers
	URI string
}

// Line is an audio or video line of a description that both sides agreed on.
type Line struct {
	Index      int
	Mid        string
	Kind       media.Kind
	Codecs     []Codec     // preferred first; RTX is not a codec here
	Extensions []Extension // of both directions

	// Track is what the peer sends on this line; empty if it sends nothing. A
	// line keeps its track's ID over renegotiations; when an ID is no longer on
	// any line, its track ends.
	Track media.TrackID
	// SSRC and RTXSSRC are what the peer declared by a=ssrc and a=ssrc-group:FID;
	// 0 if it did not. Then they are learnt from the MID extension, or from the
	// payload type where that is unique among the lines the peer sends on.
	SSRC, RTXSSRC uint32

	// Sends tells that the peer receives on this line. SendSSRC, and
	// SendRTXSSRC if a codec has RTX, are then ours, chosen by the engine, unique
	// in the transport and kept over renegotiations.
	Sends                 bool
	SendSSRC, SendRTXSSRC uint32
}

// Plane forwards packets between its transports.
type Plane struct {
	o Options
}

// New starts a plane.
func New(o Options) *Plane { return &Plane{o: o} }

// Close closes the transports that are left and returns when no goroutine of
// the plane is left and Notify will not be called any more. Paths' Write
// functions must return by then: close their connections first. A second call
// does nothing.
func (p *Plane) Close() {}

// Now returns the plane's clock: nanoseconds since it was made. A reader asks
// once for each batch.
func (p *Plane) Now() int64 { return 0 }

// Kick sets going what Receive queued. A reader calls it behind the last
// datagram of each batch, so that the packets of one frame that came together
// leave together. It does not wait.
func (p *Plane) Kick() {}

// NewTransport adds a transport. It neither sends nor receives before
// SetLines, Start and SetPath, which may come in any order.
func (p *Plane) NewTransport(o TransportOptions) *Transport { return &Transport{o: o} }

// Transport is the packet side of one media connection.
type Transport struct {
	o TransportOptions
}

// SetLines says what was negotiated; the engine calls it after each answer, one
// call at a time. The plane keeps the slices, which must not change any more.
func (t *Transport) SetLines(lines []Line) {}

// Start gives the keys of the DTLS handshake; local seals what we send. It is
// called once; it fails on keys that do not fit the profile.
func (t *Transport) Start(profile srtp.Profile, local, remote srtp.Keys) error { return nil }

// SetPath says where to send from now on; ICE selected a pair. The zero Path
// stops sending.
func (t *Transport) SetPath(path Path) {}

// SetRoundTrip tells the round-trip time as ICE measures it, in nanoseconds
// resolution; it times the requests for retransmission until the peer's reports
// say better. 0 is ignored.
func (t *Transport) SetRoundTrip(d int64) {}

// Receive takes one SRTP or SRTCP datagram of the peer, whatever its contents
// are; at is Plane.Now. It is decrypted in place and not kept. Several readers
// may call it, though they wait for each other; it never waits for anything
// else. Before Start and after Close it does nothing.
func (t *Transport) Receive(datagram []byte, at int64) {}

// SetReception says what the transport receives from a room: of all that was
// said for the same room the newest revision counts. The tracks of all rooms,
// in the order in which the rooms came, without repetition, go to the lines we
// send on: each to the next line of its kind. A track that is not known yet
// takes its place when it appears on a transport of this plane. An empty list
// forgets the room's tracks.
func (t *Transport) SetReception(room media.RoomID, revision uint64, tracks []media.TrackID) {}

// RequestKeyframe asks the peer for a key frame of every video track it sends:
// at once, if there was no request for the track in the last second, else when
// that second is over.
func (t *Transport) RequestKeyframe() {}

// Stats returns the counters since the transport was opened. State and the
// engine's own figures are left empty.
func (t *Transport) Stats() media.Stats { return media.Stats{} }

// Close ends the transport: its tracks and what it receives. When it returns no
// more datagrams are sent for it, except one that a Path's Write may be busy
// with, and Notify is no longer called for it. A second call does nothing.
func (t *Transport) Close() {}
