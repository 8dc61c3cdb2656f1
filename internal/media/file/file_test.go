package file_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/file"
	"switchboard/internal/media/file/filetest"
	"switchboard/internal/media/opus"
)

// opusPackets are packets of 20 ms, one of them long enough to need lacing.
func opusPackets(n int) [][]byte {
	var all [][]byte
	for i := range n {
		p := bytes.Repeat([]byte{byte(i)}, 40+i%7)
		if i == 5 {
			p = bytes.Repeat([]byte{5}, 255*2)
		}
		p[0] = 31 << 3
		all = append(all, p)
	}
	return all
}

func pictures(seconds int) []filetest.Block {
	var blocks []filetest.Block
	for i, p := range opusPackets(seconds * 50) {
		blocks = append(blocks, filetest.Block{Track: 1, Millis: i * 20, Key: true, Data: p})
		if i%2 == 0 {
			blocks = append(blocks, filetest.Block{Track: 2, Millis: i * 20, Key: i%50 == 0, Data: []byte{byte(i), 1, 2, 3}})
		}
	}
	return blocks
}

func open(t testing.TB, b []byte) file.Reader {
	t.Helper()
	r, err := file.Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rest reads to the end.
func rest(t testing.TB, r file.Reader) []file.Packet {
	t.Helper()
	var all []file.Packet
	for {
		p, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		p.Data = slices.Clone(p.Data)
		all = append(all, p)
	}
}

func TestOgg(t *testing.T) {
	want := opusPackets(105)
	r := open(t, filetest.Ogg(want))
	if s := r.Streams(); len(s) != 1 || s[0] != (file.Stream{Kind: media.Audio, Codec: "opus"}) || r.Duration() != 2100*time.Millisecond {
		t.Errorf("streams %v, duration %v", s, r.Duration())
	}
	for round := range 2 {
		got := rest(t, r)
		if len(got) != len(want) {
			t.Fatalf("round %d: %d packets, want %d", round, len(got), len(want))
		}
		for i, p := range got {
			if !bytes.Equal(p.Data, want[i]) || p.At != time.Duration(i)*20*time.Millisecond || !p.Key {
				t.Fatalf("packet %d at %v is %d bytes, want %d", i, p.At, len(p.Data), len(want[i]))
			}
		}
		if err := r.Seek(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Seek(1010 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Next(); err != nil || p.At != 1020*time.Millisecond || !bytes.Equal(p.Data, want[51]) {
		t.Errorf("after seeking: %v, %v", p.At, err)
	}
	if err := r.Seek(time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
}

func TestWebM(t *testing.T) {
	blocks := pictures(3)
	r := open(t, filetest.WebM(3000, blocks))
	if s := r.Streams(); len(s) != 2 || s[0].Codec != "opus" || s[1].Codec != "VP8" || r.Duration() != 3*time.Second {
		t.Errorf("streams %v, duration %v", s, r.Duration())
	}
	got := rest(t, r)
	if len(got) != len(blocks) {
		t.Fatalf("%d packets, want %d", len(got), len(blocks))
	}
	for i, p := range got {
		b := blocks[i]
		if p.Stream != int(b.Track)-1 || p.At != time.Duration(b.Millis)*time.Millisecond || p.Key != b.Key || !bytes.Equal(p.Data, b.Data) {
			t.Fatalf("packet %d is %+v, want %+v", i, p, b)
		}
	}
	if err := r.Seek(1500 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Next(); err != nil || p.At != 2*time.Second || p.Stream != 1 || !p.Key {
		t.Errorf("after seeking: %+v, %v, want the key frame at 2 s", p, err)
	}
}

// TestWAV: what is encoded sounds as what was written, at every rate.
func TestWAV(t *testing.T) {
	for _, rate := range []int{8000, 16000, 44100, 48000, 96000} {
		r := open(t, filetest.WAV(rate, filetest.Tone(rate, 1000, 1)))
		if d := r.Duration(); d != time.Second {
			t.Errorf("%d Hz: %v", rate, d)
		}
		d, err := opus.New().NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		var sound []float32
		packets := rest(t, r)
		pcm := make([]float32, opus.MaxSamples)
		for _, p := range packets {
			n, err := d.Decode(p.Data, pcm)
			if err != nil {
				t.Fatal(err)
			}
			sound = append(sound, pcm[:n]...)
		}
		if n := len(packets); n < 50 || n > 51 {
			t.Errorf("%d Hz: %d packets", rate, n)
		}
		var re, im float64
		part := sound[4800 : 4800+38400]
		for i, v := range part {
			sin, cos := math.Sincos(2 * math.Pi * 1000 * float64(i) / opus.Rate)
			re, im = re+float64(v)*cos, im+float64(v)*sin
		}
		if db := 20 * math.Log10(2*math.Hypot(re, im)/float64(len(part))); math.Abs(db+20) > 1 {
			t.Errorf("%d Hz: the tone is at %.1f dB, want -20", rate, db)
		}
		if err := r.Seek(500 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if p, err := r.Next(); err != nil || p.At != 500*time.Millisecond {
			t.Errorf("%d Hz: after seeking %v, %v", rate, p.At, err)
		}
	}
}

// TestRefused: what cannot be played says why.
func TestRefused(t *testing.T) {
	ogg, webm, wav := filetest.Ogg(opusPackets(3)), filetest.WebM(1, pictures(1)), filetest.WAV(8000, make([]float32, 100))
	for name, row := range map[string]struct {
		b    []byte
		says string
	}{
		"empty":          {nil, "too short"},
		"text":           {[]byte("hello, this is a text"), "neither"},
		"ogg of others":  {bytes.Replace(ogg, []byte("OpusHead"), []byte("vorbis\x00\x01"), 1), "no Opus"},
		"ogg cut":        {ogg[:40], "no Opus"},
		"webm of others": {bytes.Replace(bytes.Replace(webm, []byte("V_VP8"), []byte("V_XXX"), 1), []byte("A_OPUS"), []byte("A_XXXX"), 1), "neither Opus"},
		"webm cut":       {webm[:60], "cluster"},
		"wav cut":        {wav[:30], "format"},
		"wav of others":  {bytes.Replace(wav, []byte("fmt \x10\x00\x00\x00\x01"), []byte("fmt \x10\x00\x00\x00\x11"), 1), "PCM"},
	} {
		if _, err := file.Open(bytes.NewReader(row.b)); !errors.Is(err, media.ErrFile) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %v, want a file error about %q", name, err, row.says)
		}
	}
}

// FuzzOpen: whatever a file holds, reading it ends, without a panic, in the end or
// in an error that is safe to show.
func FuzzOpen(f *testing.F) {
	f.Add(filetest.Ogg(opusPackets(12)))
	f.Add(filetest.WebM(1000, pictures(1)[:30]))
	f.Add(filetest.WAV(44100, make([]float32, 2000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := file.Open(bytes.NewReader(b))
		for range 2 {
			for n := 0; err == nil; n++ {
				var p file.Packet
				if p, err = r.Next(); err == nil && (p.Stream >= len(r.Streams()) || p.At < 0 || len(p.Data) == 0) {
					t.Fatalf("packet %+v", p)
				}
				if n > len(b)+100 {
					t.Fatal("it does not end")
				}
			}
			if !errors.Is(err, io.EOF) && !errors.Is(err, media.ErrFile) {
				t.Fatalf("error %v", err)
			}
			if r == nil {
				return
			}
			err = r.Seek(r.Duration() / 2)
		}
	})
}
