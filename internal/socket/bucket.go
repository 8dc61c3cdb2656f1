package socket

import "time"

// bucket slows a connection down to a rate with a burst. Only the reader uses
// it. The zero value is full.
type bucket struct {
	level float64   // messages taken and not yet earned back
	at    time.Time // when level was right
}

// take takes one message out and returns how long to wait before going on.
func (b *bucket) take(now time.Time, perSecond float64, burst int) time.Duration {
	if !b.at.IsZero() {
		b.level = max(0, b.level-now.Sub(b.at).Seconds()*perSecond)
	}
	b.at = now
	b.level++
	over := b.level - float64(burst)
	if over <= 0 {
		return 0
	}
	return time.Duration(over / perSecond * float64(time.Second))
}
