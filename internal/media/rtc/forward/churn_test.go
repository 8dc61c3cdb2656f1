package forward

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"switchboard/internal/media"
)

// Whatever the engine does at the same time as packets come, nothing races,
// nothing hangs, and nothing is left in the end.
func TestChurn(t *testing.T) {
	plane := New(Options{Workers: 2})
	const peers, rounds = 6, 30
	var all sync.WaitGroup
	for i := range peers {
		all.Go(func() {
			for round := range rounds {
				churn(t, plane, i, uint64(round))
			}
		})
	}
	all.Wait()
	plane.mu.Lock()
	left := fmt.Sprint(plane.transports, plane.tracks, plane.wants)
	plane.mu.Unlock()
	if left != "map[] map[] map[]" {
		t.Errorf("left behind: %s", left)
	}
	plane.Close()
	plane.Close()
	late := plane.NewTransport(TransportOptions{})
	late.SetLines([]Line{sendsAudio("a")})
	if err := late.Start(profile, keys(t, profile), keys(t, profile)); err == nil {
		t.Error("a transport of a closed plane starts")
	}
	late.Close()
}

// churn is the life of a transport, with two goroutines that bring packets and
// reports, and one that says what to receive.
func churn(t *testing.T, plane *Plane, i int, round uint64) {
	id := func(kind string, i int) media.TrackID { return media.TrackID(kind + fmt.Sprint(i)) }
	in := []Line{sendsAudio(id("a", i)), sendsVideo(id("v", i))}
	lines := append(in[:2:2], receivesAudio(), receivesVideo())
	p := newPeer(t, plane, TransportOptions{ID: media.TransportID(fmt.Sprint(i))}, lines...)
	voice, picture := source{ssrc: 11, kind: 111}, source{ssrc: 22, kind: 96}
	p.connect(Path{Write: func([]byte) error { return nil }})
	var datagrams [][]byte
	for n := range 6 {
		datagrams = append(datagrams, p.sealed(voice.voice()))
		for _, f := range picture.frame(n%3 == 0, 2) {
			datagrams = append(datagrams, p.sealed(f))
		}
	}
	var busy sync.WaitGroup
	for part := range 2 {
		busy.Go(func() {
			for n := part; n < len(datagrams); n += 2 {
				p.Receive(datagrams[n], plane.Now())
				plane.Kick()
			}
		})
	}
	busy.Go(func() {
		for n := range uint64(5) {
			other := rand.IntN(6)
			p.SetReception("r", round*10+n, []media.TrackID{id("v", other), id("a", other)}, false)
			p.RequestKeyframe()
			p.Stats()
			if n == 2 {
				p.SetLines(lines[rand.IntN(3):])
			}
			if n == 3 {
				p.SetPath(Path{Write: func([]byte) error { return nil }})
				p.SetRoundTrip(time.Millisecond)
			}
		}
	})
	if rand.IntN(2) == 0 {
		busy.Wait()
	}
	p.Close()
	busy.Wait()
	p.Close()
}
