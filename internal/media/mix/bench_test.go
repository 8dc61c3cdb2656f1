package mix

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"switchboard/internal/media"
)

// choir is a stage on which everybody sends all the time, the last of them
// silence.
type choir struct {
	*stage
	mics   []*Talker
	loops  [][]byte
	silent int
	step   int
}

var quietPacket = []byte{toc20, 0xff, 0xfe}

// perform lets 20 ms pass: everybody sends a packet.
func (c *choir) perform() {
	for i, mic := range c.mics {
		p := Packet{Sequence: uint16(c.step), Payload: c.loops[(c.step+i*17)%len(c.loops)]}
		if i >= len(c.mics)-c.silent {
			p.Payload = quietPacket
		}
		c.Push(mic, p, c.clock)
		for c.Due() <= c.clock {
			c.Tick(c.clock)
		}
	}
	c.step++
	c.play(c.clock + frameTime)
}

func newChoir(b *testing.B) *choir {
	c := &choir{stage: newStage(b, Options{}), loops: packets(b, voice(5, 140), 960)}
	c.keep = false
	return c
}

// processor returns the processor time used so far, which on a busy machine says
// more than the time that passed.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run measures the processor time for each frame that went to a listener.
func (c *choir) run(b *testing.B) {
	for range 50 {
		c.perform()
	}
	c.count = 0
	before := c.Counters()
	b.ReportAllocs()
	b.ResetTimer()
	start := processor()
	for range b.N {
		c.perform()
	}
	spent := processor() - start
	k := c.Counters()
	b.ReportMetric(float64(spent.Microseconds())/float64(max(c.count, 1)), "cpu-µs/packet")
	b.ReportMetric(float64(k.Encoded-before.Encoded)/float64(b.N), "encodes/frame")
	b.ReportMetric(float64(k.Decoded-before.Decoded)/float64(b.N), "decodes/frame")
	b.ReportMetric(100*spent.Seconds()/(float64(b.N)*frameTime.Seconds()), "%core")
}

// BenchmarkRoom is one room, three who talk all the time, and everybody's
// microphone open; no levels are sent.
func BenchmarkRoom(b *testing.B) {
	for _, n := range []int{50, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newChoir(b)
			for i := range n {
				c.listener(fmt.Sprint(i), "x")
				c.mics = append(c.mics, c.talker(fmt.Sprint(i), "x"))
			}
			c.silent = n - 3
			c.run(b)
		})
	}
}

// BenchmarkLoops is a thousand listeners, each on 5 of 100 rooms at volumes of
// their own, and one talker in each of 10 rooms.
func BenchmarkLoops(b *testing.B) {
	c := newChoir(b)
	r := rand.New(rand.NewPCG(9, 10))
	for i := range 1000 {
		l := c.AddListener(media.TransportID(fmt.Sprint(i)), 0)
		var hears []Hearing
		for _, room := range r.Perm(100)[:5] {
			hears = append(hears, Hearing{media.RoomID(fmt.Sprint(room)), Volume(10 + 10*r.IntN(10))})
		}
		c.Hear(l, hears)
	}
	for i := range 10 {
		c.mics = append(c.mics, c.talker(fmt.Sprint("talker", i), media.RoomID(fmt.Sprint(i*10))))
	}
	c.run(b)
}

// BenchmarkSilence is a thousand members of a room, with their microphones on.
func BenchmarkSilence(b *testing.B) {
	c := newChoir(b)
	for i := range 1000 {
		c.listener(fmt.Sprint(i), "x")
		c.mics = append(c.mics, c.talker(fmt.Sprint(i), "x"))
	}
	c.silent = 1000
	c.run(b)
}
