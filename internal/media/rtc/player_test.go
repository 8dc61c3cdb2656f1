package rtc_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/file/filetest"
	"switchboard/internal/media/rtc"
)

// folder makes a folder with files to play: a tone of 1 s as WAV and Ogg, tone
// and pictures as WebM, and what must not be played.
func folder(t testing.TB) string {
	dir := t.TempDir()
	sound := tone(t, 1000)
	var blocks []filetest.Block
	for i, p := range sound {
		blocks = append(blocks, filetest.Block{Track: 1, Millis: i * 20, Key: true, Data: p},
			filetest.Block{Track: 2, Millis: i * 20, Key: i%10 == 0, Data: []byte{0x10 | byte(min(1, i%10)), 0, 0, 9}})
	}
	for name, b := range map[string][]byte{
		"tone.wav": filetest.WAV(16000, filetest.Tone(16000, 1000, 1)), "tone.ogg": filetest.Ogg(sound),
		"film.webm": filetest.WebM(1000, blocks), "text.ogg": []byte("hello, this is text"), "short.ogg": filetest.Ogg(sound[:5]),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside.ogg")
	if err := errors.Join(os.WriteFile(outside, filetest.Ogg(sound), 0o600), os.Symlink(outside, filepath.Join(dir, "link.ogg")), os.Mkdir(filepath.Join(dir, "folder.ogg"), 0o700)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func play(t testing.TB, e *rtc.Engine, r media.PlayRequest) media.Player {
	t.Helper()
	p, err := e.Play("player", r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlay: a file is heard by who has its track forwarded and in a mix, again
// and again, until it is paused and from where it is sought.
func TestPlay(t *testing.T) {
	for _, name := range []string{"tone.wav", "tone.ogg", "film.webm"} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, rtc.Options{Files: folder(t)})
			a := s.enter(media.TransportOptions{Receive: true, Send: true}, "a")[0]
			b := s.enter(mixed, "b")[0]
			a.mouth.say(nil)
			b.mouth.say(nil)
			p := play(t, s.Engine, media.PlayRequest{Name: name})
			sound := p.Tracks()[0]
			if sound.Kind != media.Audio || sound.Codec != "audio/opus" {
				t.Fatalf("tracks %v", p.Tracks())
			}
			s.apply("x", []media.Reception{{To: "a", Forward: []media.TrackID{sound.ID}}, b.hearing(100)},
				media.Voice{Track: sound.ID, From: "player", In: true})
			a.hears([]float64{500, 1000}, 1000)
			b.hears([]float64{500, 1000}, 1000)
			if err := p.Pause(true); err != nil {
				t.Fatal(err)
			}
			b.hears([]float64{1000})
			if err := p.Seek(300 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if st := p.Status(); !st.Paused || !st.Seekable || st.Duration.Round(50*time.Millisecond) != time.Second || st.Position != 300*time.Millisecond {
				t.Errorf("status %+v", st)
			}
			if err := p.Pause(false); err != nil {
				t.Fatal(err)
			}
			b.hears([]float64{500, 1000}, 1000)
			if err := errors.Join(p.Close(), p.Close()); err != nil {
				t.Fatal(err)
			}
			b.hears([]float64{1000})
			if err := p.Pause(true); !errors.Is(err, media.ErrClosed) {
				t.Errorf("pause after close: %v", err)
			}
			if a.ear.breaks != nil || b.ear.breaks != nil {
				t.Errorf("the stream breaks: %v %v", a.ear.breaks, b.ear.breaks)
			}
			if told := of[media.PlayEnded](s.events, "player"); told != nil {
				t.Errorf("told %v of a file that is played for ever", told)
			}
		})
	}
}

// TestPlayPictures: pictures are seen, by one who comes in the middle too.
func TestPlayPictures(t *testing.T) {
	e, sink := start(t, rtc.Options{Files: folder(t)})
	r := newPeer(t, peerOptions{})
	r.receives(audio, video)
	r.negotiate(open(t, e, "to", media.TransportOptions{Send: true}))
	await[media.Connected](t, sink, "to")
	p := play(t, e, media.PlayRequest{Name: "film.webm"})
	e.Apply(media.Routes{Room: "x", Revision: 1, Receptions: []media.Reception{{To: "to", Forward: ids(p.Tracks())}}})
	until(t, "sound and pictures come", func() bool { return r.received[audio].Load() > 60 && r.received[video].Load() > 60 })
}

// TestPlayEnds: the end is told once, when the file was played as often as it
// should be; a file that waits is not played.
func TestPlayEnds(t *testing.T) {
	e, sink := start(t, rtc.Options{Files: folder(t)})
	waits, err := e.Play("waits", media.PlayRequest{Name: "short.ogg", Loops: 1, Paused: true})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	p := play(t, e, media.PlayRequest{Name: "short.ogg", Loops: 3})
	if ended := await[media.PlayEnded](t, sink, "player"); ended.Reason != "" {
		t.Errorf("ended because %q", ended.Reason)
	}
	if d := time.Since(begun); d < 250*time.Millisecond {
		t.Errorf("300 ms were played in %v", d)
	}
	if err := p.Seek(0); !errors.Is(err, media.ErrState) {
		t.Errorf("seek behind the end: %v", err)
	}
	if of[media.PlayEnded](sink, "waits") != nil {
		t.Error("a file that waits has ended")
	}
	if err := waits.Pause(false); err != nil {
		t.Fatal(err)
	}
	await[media.PlayEnded](t, sink, "waits")
}

// TestPlayOnlyFiles: nothing outside the folder is played, nor what is no file.
func TestPlayOnlyFiles(t *testing.T) {
	e, _ := start(t, rtc.Options{Files: folder(t)})
	for _, name := range []string{"link.ogg", "folder.ogg", "text.ogg", "../tone.ogg", ".", "none.ogg"} {
		if _, err := e.Play("player", media.PlayRequest{Name: name}); !errors.Is(err, media.ErrFile) {
			t.Errorf("%s: %v, want a file error", name, err)
		}
	}
	play(t, e, media.PlayRequest{Name: "tone.wav"})
	if _, err := e.Open("player", media.TransportOptions{}); !errors.Is(err, media.ErrState) {
		t.Errorf("a transport with the id of a player: %v", err)
	}
	if _, err := rtc.New(rtc.Options{Address: loopback, Files: "/none/such"}, newEvents()); err == nil {
		t.Error("started without its folder")
	}
}
