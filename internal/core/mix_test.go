package core_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// member is somebody with one transport, as who hears mixes has.
type member struct {
	*client
	*core.Participant
	line *core.Transport
}

func (h *house) member(t testing.TB, name string, m core.Mode) *member {
	t.Helper()
	c := h.connect(t)
	r := joinAs(name)
	r.Mode = m
	p, _ := c.join(t, r)
	return &member{c, p, c.transport(t)}
}

func (m *member) publish(t testing.TB) {
	t.Helper()
	m.publishOn(t, "mic", m.line)
}

func (m *member) publishOn(t testing.TB, name string, over *core.Transport) {
	t.Helper()
	if _, err := m.Publish(core.PublishRequest{Name: name, Transport: over.ID(), Tracks: tracksOf(over.ID())}); err != nil {
		t.Fatal(err)
	}
}

func (m *member) hear(t testing.TB, volume int, video bool) {
	t.Helper()
	if err := m.HearMix(core.MixRequest{Transport: m.line.ID(), Volume: volume, Video: video}); err != nil {
		t.Fatal(err)
	}
}

func (m *member) sound() media.TrackID   { return tracksOf(m.line.ID())[0].ID }
func (m *member) picture() media.TrackID { return tracksOf(m.line.ID())[1].ID }

// mix is how loud a transport hears the mixes of all rooms together.
func (e *engine) mix(to media.TransportID) (volume int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, rec := range e.rooms {
		if key.to == to {
			volume += rec.Mix
		}
	}
	return volume
}

// heard lists the tracks in all mixes, with their gates.
func (e *engine) heard() map[media.TrackID]media.Gate {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[media.TrackID]media.Gate{}
	for key, v := range e.voices {
		all[key.track] = v.Gate
	}
	return all
}

func (e *engine) talk(m *member, on bool) {
	e.sink.Post(media.TalkingChanged{Transport: m.line.ID(), Track: m.sound(), Talking: on})
}

func TestWhoTalksIsInTheMix(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.member(t, "ada", core.ModeTalk), h.member(t, "bob", core.ModeListen)
	ada.publish(t)
	bob.publish(t) // but only listens
	want := func(what string, tracks map[media.TrackID]media.Gate) {
		t.Helper()
		if diff := cmp.Diff(tracks, h.engine.heard()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	want("published", map[media.TrackID]media.Gate{ada.sound(): media.GateUnused})
	if err := bob.SetMode(core.ModeTalk); err != nil {
		t.Fatal(err)
	}
	want("both talk", map[media.TrackID]media.Gate{ada.sound(): media.GateUnused, bob.sound(): media.GateUnused})
	if err := ada.PushToTalk(true); err != nil {
		t.Fatal(err)
	}
	want("pressed", map[media.TrackID]media.Gate{ada.sound(): media.GateOpen, bob.sound(): media.GateUnused})
	if err := ada.PushToTalk(false); err != nil {
		t.Fatal(err)
	}
	if err := bob.Mute("mic", media.Audio, true); err != nil {
		t.Fatal(err)
	}
	want("let go, and muted", map[media.TrackID]media.Gate{ada.sound(): media.GateClosed})
	ada.line.Close()
	want("closed", map[media.TrackID]media.Gate{})
}

// TestPushToTalkIsForEverybody: also for those who get the talker's own packets.
func TestPushToTalkIsForEverybody(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.member(t, "ada", core.ModeTalk), h.member(t, "bob", core.ModeListen)
	ada.publish(t)
	if _, err := bob.Subscribe(core.SubscribeRequest{Participant: ada.ID(), Publication: "mic", Transport: bob.line.ID()}); err != nil {
		t.Fatal(err)
	}
	receives := func(what string, want ...media.TrackID) {
		t.Helper()
		if diff := cmp.Diff(want, h.engine.receives(bob.line.ID())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	receives("never pressed", ada.sound(), ada.picture())
	for _, on := range []bool{false, true, false} {
		if err := ada.PushToTalk(on); err != nil {
			t.Fatal(err)
		}
		if on {
			receives("pressed", ada.sound(), ada.picture())
		} else {
			receives("let go", ada.picture())
		}
	}
}

func TestHearingAMix(t *testing.T) {
	h := newHouse(t, nil)
	ada := h.member(t, "ada", core.ModeListen)
	ada.hear(t, 50, false)
	volume := func(what string, want int) {
		t.Helper()
		if got := h.engine.mix(ada.line.ID()); got != want {
			t.Errorf("%s: heard at %d, want %d", what, got, want)
		}
	}
	volume("asked at 50", 50)
	if err := ada.SetVolume(80); err != nil {
		t.Fatal(err)
	}
	volume("turned up", 80)
	for _, wrong := range []int{-1, 101} {
		if err := ada.SetVolume(wrong); core.KindOf(err) != core.Invalid {
			t.Errorf("volume %d: %v, want Invalid", wrong, err)
		}
	}
	volume("wrong volumes", 80)
	if err := ada.SetMode(core.ModeNone); err != nil {
		t.Fatal(err)
	}
	volume("off", 0)
	if err := ada.SetMode(core.ModeTalk); err != nil {
		t.Fatal(err)
	}
	volume("on again", 80)
	second := ada.transport(t)
	if err := ada.HearMix(core.MixRequest{Transport: second.ID(), Volume: 30}); err != nil {
		t.Fatal(err)
	}
	volume("moved to another transport", 0)
	if got := h.engine.mix(second.ID()); got != 30 {
		t.Errorf("the other transport hears it at %d, want 30", got)
	}
	ada.StopMix()
	if got := h.engine.mix(second.ID()); got != 0 {
		t.Errorf("stopped, and still heard at %d", got)
	}
	if err := ada.SetVolume(10); core.KindOf(err) != core.NotFound {
		t.Errorf("volume of nothing: %v, want NotFound", err)
	}
}

func TestMixesAreForThoseWhoMay(t *testing.T) {
	h := newHouse(t, nil)
	ada, eve := h.member(t, "ada", core.ModeListen), h.member(t, "eve", core.ModeListen)
	if err := ada.HearMix(core.MixRequest{Transport: eve.line.ID(), Volume: 50}); core.KindOf(err) != core.NotFound {
		t.Errorf("on somebody else's transport: %v, want NotFound", err)
	}
	r := joinAs("ada")
	r.Room, r.Create.Guests = core.NewRoomID(core.DefaultRealm, "announcements"), core.PermitListen
	r.Mode = core.ModeListen
	place, _ := ada.join(t, r)
	if err := place.PushToTalk(true); core.KindOf(err) != core.Denied {
		t.Errorf("push-to-talk of who may listen: %v, want Denied", err)
	}
	r.Room, r.Create = core.NewRoomID(core.DefaultRealm, "peers"), &core.Policy{Media: core.MediaPeer, Guests: core.PermitTalk}
	place, _ = ada.join(t, r)
	if err := place.HearMix(core.MixRequest{Transport: ada.line.ID(), Volume: 50}); core.KindOf(err) != core.Denied {
		t.Errorf("where the server carries no media: %v, want Denied", err)
	}
}

// TestWhoSpeaksIsSeen: the picture passes to who begins to speak in a silence,
// stays while they go on, and the speaker sees who spoke before.
func TestWhoSpeaksIsSeen(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob, cyd := h.member(t, "ada", core.ModeTalk), h.member(t, "bob", core.ModeTalk), h.member(t, "cyd", core.ModeTalk)
	for _, m := range []*member{ada, bob, cyd} {
		m.publish(t)
		m.hear(t, 100, true)
	}
	sees := func(what string, pairs ...any) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			viewer := pairs[i].(*member)
			var want []media.TrackID
			if shown := pairs[i+1].(*member); shown != nil {
				want = []media.TrackID{shown.picture()}
			}
			if diff := cmp.Diff(want, h.engine.receives(viewer.line.ID())); diff != "" {
				t.Errorf("%s: viewer %d (-want +got):\n%s", what, i/2, diff)
			}
		}
	}
	nobody := (*member)(nil)
	sees("nobody has spoken", ada, bob, bob, ada, cyd, ada)
	h.engine.talk(cyd, true)
	sees("cyd speaks", ada, cyd, bob, cyd, cyd, ada)
	h.engine.talk(bob, true)
	sees("bob speaks too", ada, cyd, bob, cyd, cyd, ada)
	h.engine.talk(cyd, false)
	sees("cyd stops, bob goes on", ada, bob, bob, cyd, cyd, bob)
	if err := bob.Mute("mic", media.Video, true); err != nil {
		t.Fatal(err)
	}
	sees("bob's camera is off", ada, cyd, bob, cyd, cyd, ada)
	if err := bob.Mute("mic", media.Video, false); err != nil {
		t.Fatal(err)
	}
	cyd.Leave()
	sees("cyd has left", ada, bob, bob, ada)
	bob.Leave()
	sees("ada is alone", ada, nobody)
}

// TestTalkingIsWhatOthersHear: sound behind a closed gate is not talking.
func TestTalkingIsWhatOthersHear(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.member(t, "ada", core.ModeTalk), h.member(t, "bob", core.ModeListen)
	ada.publish(t)
	told := func() (all []bool) {
		for _, f := range bob.facts() {
			if f, ok := f.(core.TalkingChanged); ok {
				all = append(all, f.Talking)
			}
		}
		return all
	}
	told()
	steps := []struct {
		what string
		do   func() error
		want []bool
	}{
		{"speaks", func() error { h.engine.talk(ada, true); return nil }, []bool{true}},
		{"is muted", func() error { return ada.Mute("mic", media.Audio, true) }, []bool{false}},
		{"is unmuted, still speaking", func() error { return ada.Mute("mic", media.Audio, false) }, []bool{true}},
		{"closes the gate", func() error { return ada.PushToTalk(false) }, []bool{false}},
		{"opens it", func() error { return ada.PushToTalk(true) }, []bool{true}},
		{"only listens", func() error { return ada.SetMode(core.ModeListen) }, []bool{false}},
		{"falls silent", func() error { h.engine.talk(ada, false); return nil }, nil},
		{"talks again, silent", func() error { return ada.SetMode(core.ModeTalk) }, nil},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.what, err)
		}
		if got := told(); !slices.Equal(got, s.want) {
			t.Errorf("%s: told %v, want %v", s.what, got, s.want)
		}
	}
}

// TestOneselfIsNotInOnesMix: over whichever transport one speaks.
func TestOneselfIsNotInOnesMix(t *testing.T) {
	h := newHouse(t, nil)
	ada := h.member(t, "ada", core.ModeTalk)
	ada.hear(t, 100, false)
	up := ada.transport(t)
	own := func(what string, want ...media.TransportID) {
		t.Helper()
		h.engine.mu.Lock()
		defer h.engine.mu.Unlock()
		for key, rec := range h.engine.rooms {
			if key.to == ada.line.ID() && !slices.Equal(rec.Own, want) {
				t.Errorf("%s: own transports %v, want %v", what, rec.Own, want)
			}
		}
	}
	ada.publishOn(t, "mic", up)
	own("speaks over another transport", up.ID())
	ada.publishOn(t, "second", ada.line)
	own("and over the one it hears on", up.ID())
	if err := ada.Unpublish("mic"); err != nil {
		t.Fatal(err)
	}
	own("speaks over that only")
}
