package forward

import (
	"fmt"
	"runtime"
	"testing"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/srtp"
	"switchboard/internal/media/rtc/udp"
)

// A subscriber of sound and picture costs a few KiB, keys included.
func TestMemoryOfSubscriber(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	plane := newPlane(t, Options{Workers: 2})
	newPeer(t, plane, TransportOptions{ID: "pub"}, sendsAudio("a"), sendsVideo("v"))
	local, remote := keys(t, profile), keys(t, profile)
	heap := func() uint64 {
		settle(plane)
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	socket := listen(t, 0)
	before := heap()
	const n = 500
	for i := range n {
		s := plane.NewTransport(TransportOptions{ID: media.TransportID(fmt.Sprint(i))})
		s.SetLines([]Line{receivesAudio(), receivesVideo()})
		if err := s.Start(srtp.AEADAES128GCM, local, remote); err != nil {
			t.Fatal(err)
		}
		s.SetPath(Path{Socket: socket, Addr: udp.NewAddr(socket.LocalAddr())})
		s.SetReception("r", 1, []media.TrackID{"a", "v"}, false)
	}
	each := (heap() - before) / n
	t.Logf("%d bytes a subscriber", each)
	if each > 8<<10 {
		t.Errorf("a subscriber takes %d bytes", each)
	}
}
