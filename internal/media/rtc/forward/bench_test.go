package forward

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtp"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/srtp"
	"switchboard/internal/media/rtc/udp"
)

// crowd is one publisher and so many subscribers, each at a socket of its own
// that nobody reads.
type crowd struct {
	plane      *Plane
	pub        *peer
	subs       []*peer
	voice, vp8 source
}

func listen(t testing.TB, buffer int) *udp.Socket {
	s, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Options{ReceiveBuffer: buffer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newCrowd(t testing.TB, n, workers int) *crowd {
	plane := newPlane(t, Options{Workers: workers})
	server := listen(t, 0)
	c := &crowd{plane: plane, voice: source{ssrc: 11, kind: 111}, vp8: source{ssrc: 22, kind: 96}}
	c.pub = newPeer(t, plane, TransportOptions{ID: "pub"}, sendsAudio("a"), sendsVideo("v")).connect(Path{Write: func([]byte) error { return nil }})
	for i := range n {
		s := newPeer(t, plane, TransportOptions{ID: media.TransportID(fmt.Sprint(i))}, receivesAudio(), receivesVideo())
		s.connect(Path{Socket: server, Addr: udp.NewAddr(listen(t, 4096).LocalAddr())})
		s.SetReception("room", 1, []media.TrackID{"a", "v"}, false)
		c.subs = append(c.subs, s)
	}
	settle(plane)
	return c
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run forwards datagrams made in time for each round, and reports what a
// packet costs.
func (c *crowd) run(b *testing.B, packets int, l *tape) {
	b.Helper()
	b.ReportAllocs()
	l.play()
	l.wait()
	begin := cpu()
	b.ResetTimer()
	for range b.N {
		l.play()
		l.wait()
	}
	b.StopTimer()
	used := cpu() - begin
	total := float64(b.N * packets * len(c.subs))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/total, "ns/packet")
	b.ReportMetric(float64(used.Nanoseconds())/total, "cpu-ns/packet")
	if late := c.plane.Late(); late > 0 {
		b.Errorf("%d packets were late", late)
	}
}

// tape plays packets with ever new numbers, without making garbage.
type tape struct {
	peer    *peer
	sealer  *srtp.Sealer
	packets [][]byte // plain, header of 12 bytes
	number  uint32   // of the next
	stamp   uint32
	step    uint32
	memory  []byte
	busy    chan bool
	order   func()
}

func newTape(t testing.TB, p *peer, step uint32, packets ...*rtp.Packet) *tape {
	sealer, err := srtp.NewSealer(profile, p.remote)
	if err != nil {
		t.Fatal(err)
	}
	l := &tape{peer: p, sealer: sealer, step: step, memory: make([]byte, 0, maxDatagram), busy: make(chan bool, 1)}
	w := p.plane.workers[0]
	l.order = func() { l.busy <- w.busy() }
	for _, p := range packets {
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		l.packets = append(l.packets, b)
	}
	return l
}

// play gives the plane the packets, as a reader of a socket would.
func (l *tape) play() {
	now := l.peer.plane.Now()
	for _, b := range l.packets {
		complete(b, uint16(l.number), l.stamp, binary.BigEndian.Uint32(b[8:]))
		l.peer.Receive(l.sealer.SealRTP(l.memory, b[:12], b[12:], l.number>>16), now)
		l.number++
	}
	l.stamp += l.step
	l.peer.plane.Kick()
}

// wait waits until the only worker has sent it all.
func (l *tape) wait() {
	for {
		l.peer.plane.workers[0].post(l.order)
		if !<-l.busy {
			return
		}
	}
}

// BenchmarkForward150 forwards frames of four packets to 150 subscribers, from
// the protected datagram to the kernel.
func BenchmarkForward150(b *testing.B) {
	c := newCrowd(b, 150, 1)
	l := newTape(b, c.pub, 3000, c.vp8.frame(true, 4)...)
	c.run(b, 4, l)
}

// BenchmarkVoice150 is the same for one packet of sound.
func BenchmarkVoice150(b *testing.B) {
	c := newCrowd(b, 150, 1)
	l := newTape(b, c.pub, 960, c.voice.voice())
	c.run(b, 1, l)
}
