package forward

import (
	"encoding/binary"
	"time"
)

// RTCP packet types and formats that are read (RFC 3550 section 12.1, RFC 4585
// section 6, RFC 5104 section 4.3.1).
const (
	typeSenderReport   = 200
	typeReceiverReport = 201
	typeTransport      = 205
	typePayload        = 206
	formatNACK         = 1
	formatPLI          = 1
	formatFIR          = 4
)

// Bounds on what one datagram of a subscriber can cause.
const (
	maxNackPairs  = 64 // of at most 17 packets each
	maxNackOrders = 4  // waiting for the worker
)

// readReports goes through a compound RTCP packet. Nothing in it is trusted:
// what does not parse ends it. ingress.mu is held.
func (t *Transport) readReports(b []byte, at int64) {
	for len(b) >= 8 && b[0]>>6 == 2 {
		n := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			return
		}
		t.readReport(b[0]&0x1f, b[1], b[4:n], at)
		b = b[n:]
	}
}

// readReport reads one RTCP packet; body is what stands behind the four bytes
// that all have in common.
func (t *Transport) readReport(count, kind uint8, body []byte, at int64) {
	switch kind {
	case typeSenderReport:
		if len(body) >= 24 {
			t.readSenderReport(body, at)
			t.readBlocks(count, body[24:], at)
		}
	case typeReceiverReport:
		if len(body) >= 4 {
			t.readBlocks(count, body[4:], at)
		}
	case typeTransport:
		if count == formatNACK && len(body) > 8 {
			t.readNack(binary.BigEndian.Uint32(body[4:]), body[8:])
		}
	case typePayload:
		switch {
		case count == formatPLI && len(body) >= 8:
			t.keyframeFor(binary.BigEndian.Uint32(body[4:]))
		case count == formatFIR && len(body) >= 8:
			for entries := body[8:]; len(entries) >= 8; entries = entries[8:] {
				t.keyframeFor(binary.BigEndian.Uint32(entries))
			}
		}
	}
}

// readSenderReport learns how the peer's media time relates to ours, for the
// reports that subscribers get.
func (t *Transport) readSenderReport(body []byte, at int64) {
	s := t.in.streams[binary.BigEndian.Uint32(body)]
	if s == nil || s.track == nil || s.repair || s.track.stream != s {
		return
	}
	stamp := binary.BigEndian.Uint64(body[4:])
	s.track.receipt.reportAt, s.track.receipt.reportID = at, uint32(stamp>>16)
	s.track.clock.Store(&mapping{at: t.in.wall.local(stamp, at), timestamp: binary.BigEndian.Uint32(body[12:])})
}

// readBlocks learns the round-trip time from what the peer says about our
// streams (RFC 3550 section 6.4.1).
func (t *Transport) readBlocks(count uint8, blocks []byte, at int64) {
	for ; count > 0 && len(blocks) >= 24; count, blocks = count-1, blocks[24:] {
		last, delay := binary.BigEndian.Uint32(blocks[16:]), binary.BigEndian.Uint32(blocks[20:])
		if last == 0 || t.sender(binary.BigEndian.Uint32(blocks)) == nil {
			continue
		}
		trip := uint32(t.plane.stamp(at)>>16) - last - delay
		if trip < 60<<16 { // what is longer is a clock gone wrong
			t.setRoundTrip(time.Duration(trip) * time.Second >> 16)
		}
	}
}

// sender returns the one that sends an SSRC, or nil. ingress.mu is held.
func (t *Transport) sender(ssrc uint32) *sender {
	for _, s := range t.in.senders {
		if s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

// keyframeFor passes a subscriber's request on to the publisher.
func (t *Transport) keyframeFor(ssrc uint32) {
	if s := t.sender(ssrc); s != nil {
		if tr := s.source.Load(); tr != nil && tr.kind == s.kind {
			tr.askKeyframe(t.plane.Now())
		}
	}
}

// readNack hands a subscriber's request for packets to its worker. One that
// asks faster than the worker answers is not heard.
func (t *Transport) readNack(ssrc uint32, pairs []byte) {
	s := t.sender(ssrc)
	if s == nil || t.nacks.Load() >= maxNackOrders {
		return
	}
	pairs = pairs[:min(len(pairs)&^3, 4*maxNackPairs)]
	var numbers []uint16
	for ; len(pairs) >= 4; pairs = pairs[4:] {
		first, mask := binary.BigEndian.Uint16(pairs), binary.BigEndian.Uint16(pairs[2:])
		numbers = append(numbers, first)
		for i := uint16(1); mask != 0; i, mask = i+1, mask>>1 {
			if mask&1 != 0 {
				numbers = append(numbers, first+i)
			}
		}
	}
	t.nacks.Add(1)
	t.worker.post(func() {
		t.nacks.Add(-1)
		t.worker.repair(s, numbers)
	})
}
