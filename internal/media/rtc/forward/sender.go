package forward

import (
	"math"
	"sync/atomic"

	"switchboard/internal/media"
)

// sender is one SSRC of ours: what goes out on a line of a transport. The
// numbers it gives to packets go on without a break when what it receives is
// changed for something else.
type sender struct {
	transport  *Transport
	kind       media.Kind
	ssrc       uint32
	repairSSRC uint32                // of retransmissions, 0 if not negotiated
	source     atomic.Pointer[track] // what it receives; written under Plane.mu
	line       *Line                 // guarded by Plane.mu
	variant    *variant              // of the subscription; guarded by Plane.mu
	subscribed uint32                // generation given out last; guarded by Plane.mu
	connected  bool                  // subscribed while the transport was ready; guarded by Plane.mu

	// The rest belongs to the worker of the transport.
	generation uint32 // of the subscription that is sent now
	waiting    bool   // for the packet to begin with
	epoch      uint32 // of the track, since the beginning
	from       int64  // packets below are not sent
	seen       int64  // serial up to which packets were replayed
	offset     int64  // of our sequence numbers from the track's indices
	shift      uint32 // of our timestamps from the publisher's
	newest     int64  // highest extended sequence number sent, 0 before the first
	timestamp  uint32 // of that packet
	rate       uint32 // of its timestamp
	at         int64  // when it arrived here
	pasts      [pastSegments]segment
	past       int // number of segments so far
	repairs    int64
	budget     budget
	packets    uint32 // sent, for reports
	octets     uint32
}

// subscription is one entry in a track's table.
type subscription struct {
	sender     *sender
	variant    *variant
	generation uint32
}

// segment is a stretch of our sequence numbers that came from one source in one
// way, kept so that a packet of it can be sent again exactly as it was.
type segment struct {
	track   *track // nil: it was made here and is not kept
	variant *variant
	epoch   uint32
	first   int64 // extended sequence number
	offset  int64
	shift   uint32
}

// pastSegments is how many changes of source are remembered for retransmission.
const pastSegments = 4

// turn makes the sender expect the first packet of a newer subscription, and
// tells whether it is newer.
func (s *sender) turn(generation uint32) bool {
	if int32(generation-s.generation) <= 0 {
		return false
	}
	s.generation = generation
	s.waiting, s.epoch, s.from, s.seen = true, 0, math.MaxInt64, 0
	return true
}

// begin decides about a packet that is not simply the next: it may be the first
// of a source, or be too old.
func (s *sender) begin(p *packet, sub *subscription, tr *track) bool {
	if p.epoch != s.epoch {
		if p.epoch < s.epoch {
			return false
		}
		s.waiting, s.epoch, s.from = true, p.epoch, math.MaxInt64
	}
	if !s.waiting || s.kind == media.Video && !p.key {
		return false
	}
	first := s.newest + 1
	if s.newest == 0 {
		first = s.transport.plane.firstNumber()
		s.shift = 0
	} else {
		s.shift = s.timestamp + s.pause(p.at, p.rate) - p.timestamp
	}
	s.waiting, s.from, s.offset = false, p.index, first-p.index
	s.pasts[s.past%pastSegments] = segment{tr, sub.variant, p.epoch, first, s.offset, s.shift}
	s.past++
	return true
}

// pause is how far the timestamp moves on over a change of source: as time did,
// but at least a little, since it must grow.
func (s *sender) pause(at int64, rate uint32) uint32 {
	passed := max(at-s.at, 10e6)
	return uint32(min(passed, 3600e9) / 1e3 * int64(rate) / 1e6)
}

// segment returns the one an extended sequence number belongs to, nil if it is
// no longer remembered.
func (s *sender) segment(number int64) *segment {
	for i := s.past - 1; i >= 0 && i >= s.past-pastSegments; i-- {
		if g := &s.pasts[i%pastSegments]; number >= g.first {
			return g
		}
	}
	return nil
}
