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
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/internal/media"
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
	// Quiet tells whether nothing is to be heard in a packet, as cheaply as it can
	// be known, so that tracks which are quiet for a while wake nobody who hears
	// them. nil: every packet may be loud.
	Quiet func(Heard) bool
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
	// Mix makes the first audio line carry what SendMixed brings, always.
	Mix bool
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

// Plane forwards packets between its transports.
type Plane struct {
	log     *slog.Logger
	notify  Notify
	began   time.Time
	wall    time.Time // of began, without the monotonic clock
	workers []*worker
	pool    pool
	running sync.WaitGroup // of workers, clock and slow paths
	closing chan struct{}
	awake   chan struct{} // capacity 1: there is a transport again
	late    atomic.Uint64 // packets given up because a worker was overloaded
	tap     tap
	mixes   mixes

	receiving atomic.Pointer[[]*Transport] // those with tracks; replaced under mu

	mu         sync.Mutex
	closed     bool                                      // guarded by mu
	transports map[*Transport]struct{}                   // guarded by mu
	tracks     map[media.TrackID]*track                  // guarded by mu
	wants      map[media.TrackID]map[*Transport]struct{} // who is to receive it, whether it is known or not; guarded by mu
	next       int                                       // worker of the next transport; guarded by mu
}

// New starts a plane.
func New(o Options) *Plane {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = silent{}
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	now := time.Now()
	p := &Plane{
		log: o.Log, notify: o.Notify, began: now, wall: now.Round(0),
		closing: make(chan struct{}), awake: make(chan struct{}, 1),
		transports: make(map[*Transport]struct{}),
		tracks:     make(map[media.TrackID]*track),
		wants:      make(map[media.TrackID]map[*Transport]struct{}),
	}
	p.receiving.Store(new([]*Transport))
	p.tap.quiet = o.Quiet
	p.tap.wake, p.tap.wanted = make(chan struct{}, 1), make(map[media.TrackID]struct{})
	for i := range o.Workers {
		p.workers = append(p.workers, newWorker(p, i))
	}
	p.running.Add(1 + len(p.workers))
	go p.keepTime()
	for _, w := range p.workers {
		go w.run()
	}
	return p
}

// silent is the Notify of somebody who does not want to know.
type silent struct{}

func (silent) Talking(media.TransportID, media.TrackID, bool) {}

// Close closes the transports that are left and returns when no goroutine of
// the plane is left and Notify will not be called any more. Paths' Write
// functions must return by then: close their connections first. A second call
// does nothing.
func (p *Plane) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	left := slices.Collect(maps.Keys(p.transports))
	p.mu.Unlock()
	for _, t := range left {
		t.Close()
	}
	close(p.closing)
	for _, w := range p.workers {
		w.close()
	}
	p.running.Wait()
	p.tap.close(&p.pool)
	if n := p.late.Load(); n > 0 {
		p.log.Warn("packets were given up under overload", "packets", n)
	}
}

// Late returns how many packets of tracks were given up, for all subscribers of a
// worker at once, because the worker was overloaded.
func (p *Plane) Late() uint64 { return p.late.Load() }

// Kick sets going what Receive queued. A reader calls it behind the last
// datagram of each batch, so that the packets of one frame that came together
// leave together. It does not wait.
func (p *Plane) Kick() {
	for _, w := range p.workers {
		w.kick()
	}
	p.tap.kick()
}

// NewTransport adds a transport. It neither sends nor receives before
// SetLines, Start and SetPath, which may come in any order. On a closed plane it
// returns a closed transport.
func (p *Plane) NewTransport(o TransportOptions) *Transport {
	if o.CNAME == "" {
		o.CNAME = string(o.ID)
	}
	t := &Transport{plane: p, o: o}
	t.out.transport = t
	t.reporter.Store(rand.Uint32() | 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	t.worker = p.workers[p.next%len(p.workers)]
	p.next++
	if p.closed {
		t.closed = true
		return t
	}
	p.transports[t] = struct{}{}
	select {
	case p.awake <- struct{}{}:
	default:
	}
	return t
}

// idle tells whether there is nothing to keep time for.
func (p *Plane) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.transports) == 0
}

// refresh makes the list of transports that the clock visits. p.mu is held.
func (p *Plane) refresh() {
	var list []*Transport
	for t := range p.transports {
		if len(t.tracks) > 0 {
			list = append(list, t)
		}
	}
	p.receiving.Store(&list)
}

// firstNumber returns where a stream of ours begins to count: not at 0, and far
// from the first wrap (RFC 3711 section 3.3.1 advises to start below 2^15).
func (p *Plane) firstNumber() int64 { return 1 + int64(rand.Uint32N(1<<15-1)) }
