package forward

import "github.com/pion/rtcp"

// receipt is what we report about the reception of a track's media (RFC 3550
// section 6.4.1 and appendix A). It is kept under the ingress.mu of the track's
// owner, and begins anew with each stream; lost and recovered go on.
type receipt struct {
	started       bool
	base          int64  // first index
	highest       int64  // highest index
	received      uint64 // packets, without those that came as retransmissions
	recovered     uint64 // packets that did
	expectedPrior uint64 // at the last report
	receivedPrior uint64
	transit       int64  // of the newest packet, in ticks
	jitter        int64  // in sixteenths of ticks
	reportAt      int64  // when the peer's last sender report came; 0 never
	reportID      uint32 // the middle of its time stamp
	lostBefore    uint64 // by former streams
}

// restart begins the report about another stream.
func (r *receipt) restart() {
	*r = receipt{lostBefore: r.allLost()}
}

// count takes in a packet.
func (r *receipt) count(p *packet, recovered bool) {
	if !r.started {
		r.started, r.base, r.highest = true, p.index, p.index
	}
	r.base = min(r.base, p.index)
	if recovered {
		r.recovered++
	} else {
		r.received++
		transit := p.at*int64(p.rate)/1e9 - int64(p.timestamp)
		if p.index > r.highest {
			// The timestamps wrap; only the difference of transits counts.
			d := int64(int32(transit - r.transit))
			if d < 0 {
				d = -d
			}
			if d < int64(p.rate) {
				r.jitter += d - (r.jitter+8)>>4
			}
		}
		r.transit = transit
	}
	r.highest = max(r.highest, p.index)
}

func (r *receipt) expected() uint64 {
	if !r.started {
		return 0
	}
	return uint64(r.highest - r.base + 1)
}

// lost is how many packets of this stream never came, in any way.
func (r *receipt) lost() uint64 {
	if got := r.received + r.recovered; got < r.expected() {
		return r.expected() - got
	}
	return 0
}

// allLost is lost, with that of former streams.
func (r *receipt) allLost() uint64 { return r.lostBefore + r.lost() }

// block makes the report block, and closes the interval it is about.
func (r *receipt) block(ssrc, highest uint32, now int64) rtcp.ReceptionReport {
	expected := r.expected()
	interval, got := expected-r.expectedPrior, r.received-r.receivedPrior
	r.expectedPrior, r.receivedPrior = expected, r.received
	b := rtcp.ReceptionReport{SSRC: ssrc, LastSequenceNumber: highest, Jitter: uint32(r.jitter >> 4)}
	if interval > 0 && got < interval {
		b.FractionLost = uint8(min(255, (interval-got)<<8/interval))
	}
	if r.received < expected {
		b.TotalLost = uint32(min(expected-r.received, 0x7fffff))
	}
	if r.reportAt > 0 {
		b.LastSenderReport = r.reportID
		b.Delay = uint32((now - r.reportAt) << 16 / 1e9)
	}
	return b
}
