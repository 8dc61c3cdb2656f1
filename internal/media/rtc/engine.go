// Package rtc carries media between browsers and the like: it implements
// [media.Engine] on WebRTC. Connectivity is Pion's ICE, keys are Pion's DTLS,
// data channels Pion's SCTP; RTP passes none of them but goes from the port
// straight to the packet plane (package forward) and out again.
//
// It owns the transports: the answer to an offer, the agent, the handshake, the
// channels, and their end. It knows no sessions, rooms or people beyond the
// names in [media.Routes]. Methods may be called from any goroutine. Each
// transport has one goroutine of its own between its first answer and Close;
// Pion's callbacks only post and return, and Close waits for everything.
package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"switchboard/internal/media"
	"switchboard/internal/media/mix"
	"switchboard/internal/media/rtc/desk"
	"switchboard/internal/media/rtc/forward"
	"switchboard/internal/media/rtc/port"
)

// Options of an engine. Address is required.
type Options struct {
	// Log takes what an operator may want to know; nil discards it. Pion's own
	// messages go there at level debug.
	Log *slog.Logger
	// Address to bind, for UDP and TCP; port 0 takes a free one. A wildcard
	// offers the machine's addresses to clients, the IPv6 wildcard those of both
	// families.
	Address netip.AddrPort
	// PublicAddresses are offered to clients instead of the machine's own, or in
	// addition to them with AppendPublic: the machine is behind NAT.
	PublicAddresses []netip.Addr
	AppendPublic    bool
	// TCP accepts media over TCP as well, on the same port number.
	TCP bool
	// Sockets is how many sockets share the UDP port; less than 1 means one.
	Sockets int
	// Workers is how many goroutines send media; 0 means one for each core.
	Workers int
	// VideoCodecs are the codecs carried, the preferred first: "VP8", "H264",
	// "VP9", "AV1". Empty means these four.
	VideoCodecs []string
	// Files is the folder of what can be played; empty: nothing can.
	Files string
	// AGC brings everybody who is mixed slowly to one loudness.
	AGC bool
	// PlainPortMin and PlainPortMax bound the UDP ports of plain RTP, two for each
	// transport that speaks it; 0 leaves the choice to the engine.
	PlainPortMin, PlainPortMax uint16
	// Relay is the built-in TURN server; nil runs none.
	Relay *RelayOptions
}

// Limits of the engine, beyond those the core sets.
const (
	// maxCandidates is how many candidates of the peer are taken for one
	// description, and kept before the first.
	maxCandidates = 64
	// maxMessage is the longest data channel message taken, in bytes; it is what
	// browsers send at most to a peer that names no limit.
	maxMessage = 256 << 10
)

// Engine is a media.Engine.
type Engine struct {
	log         *slog.Logger
	sink        media.Sink
	pion        *pionLog
	codecs      []string
	certificate *certificate
	plane       *forward.Plane
	desk        *desk.Desk
	port        *port.Port
	watch       *watch
	hosts       *hosts
	relay       *relay   // nil if there is none
	files       *os.Root // nil if nothing is played
	plainPorts  [2]uint16
	tracks      atomic.Uint64

	mu         sync.Mutex
	transports map[media.TransportID]*Transport // guarded by mu
	players    map[media.TransportID]*player    // guarded by mu
	closed     bool                             // guarded by mu
	bridges    bridges
}

var _ media.Engine = (*Engine)(nil)

// New opens the port and starts the engine.
func New(o Options, sink media.Sink) (*Engine, error) {
	e := &Engine{
		log: o.Log, sink: sink, codecs: o.VideoCodecs,
		plainPorts: [2]uint16{o.PlainPortMin, o.PlainPortMax},
		transports: map[media.TransportID]*Transport{},
		players:    map[media.TransportID]*player{},
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if len(e.codecs) == 0 {
		e.codecs = []string{"VP8", "H264", "VP9", "AV1"}
	}
	for _, name := range e.codecs {
		if !slices.ContainsFunc([]string{"VP8", "H264", "VP9", "AV1"}, func(s string) bool { return strings.EqualFold(s, name) }) {
			return nil, fmt.Errorf("start media: video codec %q is not carried", name)
		}
	}
	e.pion = &pionLog{e.log}
	e.bridges.prepare()
	var err error
	if e.certificate, err = newCertificate(); err != nil {
		return nil, fmt.Errorf("start media: %w", err)
	}
	if o.Files != "" {
		if e.files, err = os.OpenRoot(o.Files); err != nil {
			return nil, fmt.Errorf("start media: open the folder of files: %w", err)
		}
	}
	e.plane = forward.New(forward.Options{Log: e.log, Workers: o.Workers, Notify: notify{sink}, Quiet: desk.Quiet})
	if e.desk, err = desk.New(desk.Options{Plane: e.plane, Notify: notify{sink}, Mix: mix.Options{AGC: o.AGC}}); err != nil {
		return nil, errors.Join(fmt.Errorf("start media: %w", err), e.Close())
	}
	if e.port, err = port.Listen(port.Options{
		Log: e.log, Address: o.Address, Sockets: o.Sockets, TCP: o.TCP, Clock: e.plane,
	}); err != nil {
		return nil, errors.Join(fmt.Errorf("start media: %w", err), e.Close())
	}
	e.watch = newWatch()
	e.hosts = newHosts(e.port, o.PublicAddresses, o.AppendPublic)
	if o.Relay != nil {
		if e.relay, err = newRelay(*o.Relay, e.hosts, e.pion); err != nil {
			return nil, errors.Join(fmt.Errorf("start media: %w", err), e.Close())
		}
	}
	return e, nil
}

// Address returns the address the engine is bound to, with the port it got.
func (e *Engine) Address() netip.AddrPort { return e.port.LocalAddr() }

// Open implements media.Engine.
func (e *Engine) Open(id media.TransportID, o media.TransportOptions) (media.Transport, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, fmt.Errorf("open transport: %w", media.ErrClosed)
	case e.transports[id] != nil || e.players[id] != nil:
		return nil, fmt.Errorf("open transport: %w: its id is in use", media.ErrState)
	}
	t := newTransport(e, id, o)
	e.transports[id] = t
	e.desk.Open(id, t.plane, o.Mix)
	return t, nil
}

// forget takes a transport out of the engine.
func (e *Engine) forget(t *Transport) {
	e.mu.Lock()
	if e.transports[t.id] == t {
		delete(e.transports, t.id)
		e.desk.Forget(t.id) // under mu: the id may be in use again right behind
	}
	e.mu.Unlock()
	e.bridges.forget(t)
}

// transport returns the transport of this id, nil if there is none.
func (e *Engine) transport(id media.TransportID) *Transport {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.transports[id]
}

// Apply implements media.Engine.
func (e *Engine) Apply(r media.Routes) {
	for _, reception := range r.Receptions {
		t := e.transport(reception.To)
		if t == nil {
			continue
		}
		t.plane.SetReception(r.Room, r.Revision, reception.Forward, reception.Mix > 0)
		e.bridges.apply(r.Room, r.Revision, t, reception.Data)
	}
	e.desk.Apply(r)
}

// Close implements media.Engine.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	left := make([]io.Closer, 0, len(e.transports)+len(e.players))
	for _, t := range e.transports {
		left = append(left, t)
	}
	for _, p := range e.players {
		left = append(left, p)
	}
	e.mu.Unlock()
	var wg sync.WaitGroup
	for _, t := range left {
		wg.Go(func() { _ = t.Close() })
	}
	wg.Wait()
	if e.watch != nil { // else it did not start
		e.watch.close()
	}
	var err error
	if e.relay != nil {
		err = e.relay.close()
	}
	if e.port != nil {
		err = errors.Join(err, e.port.Close())
	}
	if e.desk != nil {
		e.desk.Close()
	}
	e.plane.Close()
	if e.files != nil {
		err = errors.Join(err, e.files.Close())
	}
	return err
}

// newTrack returns an id that no other track has or had.
func (e *Engine) newTrack() media.TrackID {
	return media.TrackID(fmt.Sprintf("track-%d", e.tracks.Add(1)))
}

// notify passes on what the packet plane finds out.
type notify struct{ sink media.Sink }

func (n notify) Talking(t media.TransportID, track media.TrackID, talking bool) {
	n.sink.Post(media.TalkingChanged{Transport: t, Track: track, Talking: talking})
}

// Counters are those of the engine as a whole.
type Counters struct {
	Transports int
	Mix        mix.Counters
	Port       port.Stats
}

// Counters returns the engine's counters.
func (e *Engine) Counters() Counters {
	e.mu.Lock()
	n := len(e.transports)
	e.mu.Unlock()
	return Counters{Transports: n, Mix: e.desk.Counters(), Port: e.port.Stats()}
}

var errEnded = fmt.Errorf("transport ended: %w", context.Canceled)
