package forward

import "time"

// tick is how often what is due is looked for; reports of the workers come every
// so many ticks.
const (
	tick        = 20 * time.Millisecond
	workerTicks = 5
)

// mapping says that a track's media had a timestamp at a time of the plane's
// clock.
type mapping struct {
	at        int64
	timestamp uint32
}

// at what a timestamp is at another time.
func (m mapping) timestampAt(now int64, rate uint32) uint32 {
	return m.timestamp + uint32((now-m.at)/1e3*int64(rate)/1e6)
}

// clockOffset is how far a peer's clock is ahead of the plane's. It is the same
// for all tracks of a peer, so that the reports about them, made from theirs,
// still say what belongs together.
type clockOffset struct {
	known bool
	ahead int64 // nanoseconds
}

// local turns the time stamp of a report that arrived at the given time into
// plane time. Clocks drift apart, and reports take longer one time than another:
// the offset follows slowly, and jumps only if a clock was set.
func (c *clockOffset) local(stamp uint64, at int64) int64 {
	const jump = 2_000_000_000
	sent := int64(stamp>>32)*1e9 + int64(stamp&0xffffffff)*1e9>>32
	off := sent - at - c.ahead
	switch {
	case !c.known || off > jump || off < -jump:
		c.known, c.ahead = true, sent-at
	default:
		c.ahead += off / 16
	}
	return sent - c.ahead
}

// Now returns the plane's clock: nanoseconds since it was made, from 1. A reader
// asks once for each batch.
func (p *Plane) Now() int64 { return int64(time.Since(p.began)) + 1 }

// stamp is a plane time in the 64 bits of NTP (RFC 3550 section 4).
func (p *Plane) stamp(at int64) uint64 {
	const from1900 = 2_208_988_800
	t := p.wall.Add(time.Duration(at))
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// keepTime is the plane's clock: one goroutine for everything that is due, at
// rest while there are no transports.
func (p *Plane) keepTime() {
	defer p.running.Done()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-p.closing:
			return
		case <-ticker.C:
		}
		if p.idle() {
			ticker.Stop()
			select {
			case <-p.closing:
				return
			case <-p.awake:
			}
			ticker.Reset(tick)
			continue
		}
		now := p.Now()
		for _, t := range *p.receiving.Load() {
			t.tend(now)
		}
		if n%workerTicks == 0 {
			for _, w := range p.workers {
				w.post(w.reports)
			}
		}
	}
}
