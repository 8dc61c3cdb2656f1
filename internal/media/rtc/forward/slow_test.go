package forward

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/media"
)

// A subscriber whose connection takes nothing costs the others nothing, and is
// itself served again when it goes on.
func TestSlowSubscriber(t *testing.T) {
	plane := newPlane(t, Options{Workers: 1})
	pub := newPeer(t, plane, TransportOptions{ID: "pub"}, sendsVideo("v")).connect(Path{})
	stuck := make(chan struct{})
	defer close(stuck)
	slow := newPeer(t, plane, TransportOptions{ID: "slow"}, receivesVideo()).connect(Path{Write: func([]byte) error {
		<-stuck
		return nil
	}})
	quick := newPeer(t, plane, TransportOptions{ID: "quick"}, receivesVideo()).connect(Path{})
	for _, p := range []*peer{slow, quick} {
		p.SetReception("r", 1, []media.TrackID{"v"}, false)
	}
	settle(plane)
	s := source{ssrc: 22, kind: 96}
	for i := range 150 {
		pub.send(s.frame(i == 0, 4)...)
		quick.read(4)
	}
	st := slow.Stats()
	if st.SendDropped == 0 || st.PacketsSent+st.SendDropped < 600 || st.PacketsSent > slowQueue+1 {
		t.Errorf("counted %+v", st)
	}
	slow.Close() // does not wait for the writer
}

// byHand gives the plane a worker that goes on only when the returned function
// is called, until the test ends.
func byHand(t *testing.T, plane *Plane) (*worker, func() bool) {
	w := newWorker(plane, 0)
	former := plane.workers
	plane.workers = []*worker{w}
	plane.running.Add(1)
	t.Cleanup(func() {
		for _, f := range former {
			f.close()
		}
		go w.run()
	})
	return w, func() bool {
		more := w.take()
		if more {
			w.work()
		}
		return more
	}
}

// Sound that comes while a picture is being sent to many does not wait until all
// have it.
func TestSoundPassesPictures(t *testing.T) {
	plane := newPlane(t, Options{Workers: 1})
	w, step := byHand(t, plane)
	pub := newPeer(t, plane, TransportOptions{ID: "pub"}, sendsAudio("a"), sendsVideo("v")).connect(Path{})
	voice, picture := source{ssrc: 11, kind: 111}, source{ssrc: 22, kind: 96}
	const watchers = 100
	for i := range watchers {
		p := newPeer(t, plane, TransportOptions{ID: media.TransportID(fmt.Sprint(i))}, receivesVideo())
		p.connect(Path{Write: func([]byte) error { return nil }})
		p.SetReception("r", 1, []media.TrackID{"v"}, false)
	}
	listener := newPeer(t, plane, TransportOptions{ID: "listener"}, receivesAudio()).connect(Path{})
	listener.SetReception("r", 1, []media.TrackID{"a"}, false)
	for step() {
	}
	pub.send(picture.frame(true, 8)...)
	step()
	if n := len(w.rest); n == 0 || n == watchers {
		t.Fatalf("after a step %d of %d wait for the picture", n, watchers)
	}
	pub.send(voice.voice())
	step()
	if n := listener.Stats().PacketsSent; n != 1 || len(w.rest) == 0 {
		t.Errorf("%d packets of sound were sent while %d waited for the picture", n, len(w.rest))
	}
}

// Packets that a reader brings in one batch leave together: nothing is sent
// before Kick.
func TestKickShowsAll(t *testing.T) {
	plane := newPlane(t, Options{Workers: 1})
	_, step := byHand(t, plane)
	pub := newPeer(t, plane, TransportOptions{ID: "pub"}, sendsVideo("v")).connect(Path{})
	sub := newPeer(t, plane, TransportOptions{ID: "sub"}, receivesVideo()).connect(Path{Write: func([]byte) error { return nil }})
	sub.SetReception("r", 1, []media.TrackID{"v"}, false)
	for step() {
	}
	s := source{ssrc: 22, kind: 96}
	for _, p := range s.frame(true, 4) {
		pub.Receive(pub.sealed(p), plane.Now())
		step()
	}
	if n := sub.Stats().PacketsSent; n != 0 {
		t.Errorf("%d packets were sent before Kick", n)
	}
	plane.Kick()
	step()
	if n := sub.Stats().PacketsSent; n != 4 {
		t.Errorf("%d packets were sent after Kick, want 4", n)
	}
}

// What a worker cannot keep up with is given up, in the queue and by age, and
// counted.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := newPlane(t, Options{Workers: 1})
		_, step := byHand(t, plane)
		pub := newPeer(t, plane, TransportOptions{ID: "pub"}, sendsAudio("a")).connect(Path{})
		sub := newPeer(t, plane, TransportOptions{ID: "sub"}, receivesAudio()).connect(Path{Write: func([]byte) error { return nil }})
		sub.SetReception("r", 1, []media.TrackID{"a"}, false)
		for step() {
		}
		s := source{ssrc: 11, kind: 111}
		for range maxQueued + 10 {
			pub.send(s.voice())
		}
		if n := plane.Late(); n != 10 {
			t.Errorf("%d packets did not fit, want 10", n)
		}
		time.Sleep(stale + 1)
		pub.send(s.voice()) // does not fit either
		for step() {
		}
		pub.send(s.voice())
		for step() {
		}
		if n := plane.Late(); n != maxQueued+11 {
			t.Errorf("%d packets were late, want %d", n, maxQueued+11)
		}
		if n := sub.Stats().PacketsSent; n != 1 {
			t.Errorf("%d packets were sent, want the last", n)
		}
	})
}

// A worker that never gets to the end of its work does not pile it up.
func TestBacklogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := newPlane(t, Options{Workers: 1})
		w, step := byHand(t, plane)
		pub := newPeer(t, plane, TransportOptions{ID: "pub"}, sendsVideo("v")).connect(Path{})
		for range 100 {
			p := newPeer(t, plane, TransportOptions{}, receivesVideo())
			p.connect(Path{Write: func([]byte) error { return nil }})
			p.SetReception("r", 1, []media.TrackID{"v"}, false)
		}
		for step() {
		}
		s := source{ssrc: 22, kind: 96}
		for i := range 300 {
			pub.send(s.frame(i == 0, 4)...)
			step() // a quarter of the work at most
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(w.video); n == 0 || n > 4*2*stale/10e6 {
			t.Errorf("%d packets wait", n)
		}
		if plane.Late() == 0 {
			t.Error("nothing was given up")
		}
	})
}
