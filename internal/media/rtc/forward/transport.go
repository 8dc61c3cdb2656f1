package forward

import (
	"fmt"
	"sync/atomic"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/srtp"
)

// Transport is the packet side of one media connection.
type Transport struct {
	plane  *Plane
	o      TransportOptions
	worker *worker // owns out

	in  ingress
	out egress

	// What the engine said; guarded by plane.mu.
	closed     bool
	started    bool
	reachable  bool
	tracks     []*track
	senders    []*sender // in the order of the lines
	known      []*sender // all there ever were
	receptions []reception

	mixing atomic.Pointer[mixing] // nil: no line carries what is made here; written under plane.mu

	received, sent         counter
	retransmitted, dropped atomic.Uint64
	lost                   atomic.Uint64 // by tracks that have ended
	reporter               atomic.Uint32 // SSRC our feedback comes from
	roundTrip              atomic.Int64  // nanoseconds, 0 unknown
	nacks                  atomic.Int32  // orders waiting for the worker
	rests                  atomic.Int64  // plane time until which there is nothing to tend; 0: it does not
	videoKbps              atomic.Int64  // what the peer is told to send at most; 0 sets no bound
}

// counter counts packets and their bytes.
type counter struct{ packets, bytes atomic.Uint64 }

func (c *counter) add(packets, bytes int) {
	c.packets.Add(uint64(packets))
	c.bytes.Add(uint64(bytes))
}

// Start gives the keys of the DTLS handshake; local seals what we send. It is
// called once, or StartPlain is; it fails on keys that do not fit the profile.
func (t *Transport) Start(profile srtp.Profile, local, remote srtp.Keys) error {
	sealer, err := srtp.NewSealer(profile, local)
	if err != nil {
		return fmt.Errorf("start transport: %w", err)
	}
	opener, err := srtp.NewOpener(profile, remote)
	if err != nil {
		return fmt.Errorf("start transport: %w", err)
	}
	return t.start(sealer, opener, profile.Overhead())
}

// StartPlain begins without protection.
func (t *Transport) StartPlain() error {
	return t.start(srtp.NewPlainSealer(), srtp.NewPlainOpener(), 0)
}

func (t *Transport) start(sealer *srtp.Sealer, opener *srtp.Opener, overhead int) error {
	p := t.plane
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.closed || t.started {
		return fmt.Errorf("start transport: %w", media.ErrState)
	}
	t.started = true
	t.in.mu.Lock()
	t.in.opener = opener
	t.in.mu.Unlock()
	t.worker.post(func() {
		t.out.sealer, t.out.overhead = sealer, overhead
		t.worker.list(&t.out)
	})
	t.assign()
	return nil
}

// SetPath says where to send from now on; ICE selected a pair. The zero Path
// stops sending.
func (t *Transport) SetPath(path Path) {
	p := t.plane
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.closed {
		return
	}
	var slow *slowPath
	if path.Socket == nil && path.Write != nil {
		slow = newSlowPath(path.Write, &p.pool, &p.running)
	}
	t.reachable = path.Socket != nil || slow != nil
	t.worker.post(func() {
		t.out.leave()
		t.out.slow = slow
		if path.Socket != nil {
			t.out.writer, t.out.addr = t.worker.writer(path.Socket), path.Addr
		}
	})
	t.assign()
}

// leave forgets the path.
func (e *egress) leave() {
	if e.slow != nil {
		e.slow.end()
	}
	e.slow, e.writer, e.addr = nil, nil, nil
}

// SetRoundTrip tells the round-trip time as ICE measures it; it times the
// requests for retransmission until the peer's reports say better. What is not
// positive is ignored.
func (t *Transport) SetRoundTrip(d time.Duration) {
	if d > 0 {
		t.roundTrip.CompareAndSwap(0, int64(d))
	}
}

func (t *Transport) setRoundTrip(d time.Duration) { t.roundTrip.Store(max(int64(d), 1)) }

// SetVideoKbps bounds what the peer is told to send of video, by REMB, in kbit/s;
// 0 sets no bound.
func (t *Transport) SetVideoKbps(kbps int) { t.videoKbps.Store(int64(kbps)) }

// RequestKeyframe asks the peer for a key frame of every video track it sends:
// at once, if there was no request for the track in the last second, else when
// that second is over.
func (t *Transport) RequestKeyframe() {
	p := t.plane
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	for _, tr := range t.tracks {
		if tr.kind == media.Video {
			tr.askKeyframe(now)
		}
	}
}

// Stats returns the counters since the transport was opened. PacketsReceived
// and PacketsSent count RTP and RTCP alike. SendDropped counts what did not fit
// into the queue before Path.Write; what a socket dropped it counts itself, for
// all its destinations. State is left empty.
func (t *Transport) Stats() media.Stats {
	lost := t.lost.Load()
	t.in.mu.Lock()
	for _, tr := range t.in.tracks {
		lost += tr.receipt.allLost()
	}
	t.in.mu.Unlock()
	return media.Stats{
		PacketsReceived: t.received.packets.Load(), BytesReceived: t.received.bytes.Load(),
		PacketsSent: t.sent.packets.Load(), BytesSent: t.sent.bytes.Load(),
		PacketsLost:   lost,
		Retransmitted: t.retransmitted.Load(),
		SendDropped:   t.dropped.Load(),
		RoundTrip:     time.Duration(t.roundTrip.Load()),
	}
}

// Close ends the transport: its tracks and what it receives. When it returns no
// more datagrams are sent for it, except one that a Path's Write may be busy
// with, and Notify is no longer called for it. A second call does nothing.
func (t *Transport) Close() {
	p := t.plane
	p.mu.Lock()
	if t.closed {
		p.mu.Unlock()
		return
	}
	t.setLines(nil)
	for _, r := range t.receptions {
		p.forget(t, r.tracks)
	}
	t.receptions = nil
	t.closed = true
	delete(p.transports, t)
	p.refresh()
	t.in.mu.Lock()
	t.in.opener = nil
	t.in.streams, t.in.recent = nil, nil
	t.in.mu.Unlock()
	p.mu.Unlock()
	done := make(chan struct{})
	if t.worker.post(func() {
		t.worker.unlist(&t.out)
		t.out.leave()
		t.out.sealer = nil
		t.worker.flush()
		close(done)
	}) {
		<-done
	}
}
