package rtc_test

import (
	"testing"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// BenchmarkPushToTalk measures the time from an open gate to the first frame for
// who listens, while the talker's packets come all the time.
func BenchmarkPushToTalk(b *testing.B) {
	s := newStage(b, rtc.Options{})
	p := s.enter(mixed, "a", "b")
	talker, listener := p[0], p[1]
	listener.mouth.say(nil)
	s.apply("x", []media.Reception{listener.hearing(100)}, talker.voice(media.GateClosed))
	var spent, worst time.Duration
	for range b.N {
		<-time.After(700 * time.Millisecond) // until nothing is mixed any more
		before, at := s.Counters().Mix.Encoded, time.Now()
		s.apply("x", nil, talker.voice(media.GateOpen))
		look := time.NewTicker(50 * time.Microsecond)
		for s.Counters().Mix.Encoded == before {
			<-look.C
		}
		look.Stop()
		took := time.Since(at)
		spent, worst = spent+took, max(worst, took)
		s.apply("x", nil, talker.voice(media.GateClosed))
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N)/1000, "ms/open")
	b.ReportMetric(float64(worst.Microseconds())/1000, "ms-worst")
}
