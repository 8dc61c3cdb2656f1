package mix

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/thesyncim/gopus"

	"switchboard/internal/media/opus"
)

// voice is a second and more of something like speech: harmonics of a pitch that
// moves, three syllables a second, with pauses between sentences.
func voice(seconds float64, pitch float64) []float32 {
	pcm := make([]float32, int(seconds*opus.Rate))
	phase := 0.0
	for i := range pcm {
		at := float64(i) / opus.Rate
		f := pitch * (1 + 0.2*math.Sin(2*math.Pi*0.7*at))
		phase += 2 * math.Pi * f / opus.Rate
		loud := math.Pow(0.5+0.5*math.Sin(2*math.Pi*3*at), 0.5)
		v := 0.0
		for h := 1.0; h*f < 4000 && h <= 20; h++ {
			formant := math.Exp(-math.Pow((h*f-600)/500, 2)) + 0.5*math.Exp(-math.Pow((h*f-1800)/600, 2)) + 0.02
			v += formant * math.Sin(h*phase)
		}
		pcm[i] = float32(0.12 * loud * v)
	}
	return pcm
}

// packets encodes sound as browsers do: 20 ms, voice, with redundancy.
func packets(t testing.TB, pcm []float32, frame int) [][]byte {
	t.Helper()
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: opus.Rate, Channels: 1, Application: gopus.ApplicationVoIP})
	if err != nil {
		t.Fatal(err)
	}
	e.SetFEC(true)
	for _, err := range []error{e.SetPacketLoss(10), e.SetBitrate(32000), e.SetFrameSize(frame)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var all [][]byte
	for at := 0; at+frame <= len(pcm); at += frame {
		packet := make([]byte, opus.MaxBytes)
		n, err := e.Encode(pcm[at:at+frame], packet)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, packet[:n])
	}
	return all
}

// decoded is what a listener hears, by Opus, at the media times of the frames.
func decoded(t testing.TB, s *stage, l *Listener) []float32 {
	t.Helper()
	d, err := opus.New().NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var pcm []float32
	out := make([]float32, opus.MaxSamples)
	for _, f := range s.frames[l] {
		if string(f.payload) == string(s.comfort) {
			continue
		}
		n, err := d.Decode(f.payload, out)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, out[:n]...)
	}
	return pcm
}

// hann is a window of 40 ms.
var hann = func() (w [1920]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(w)))
	}
	return w
}()

// bands is the spectrum of 40 ms in 24 bands of a third of an octave, in dB.
func bands(pcm []float32) [24]float64 {
	var b [24]float64
	for k := range b {
		// Goertzel's recursion, over a window of Hann.
		hz := 100 * math.Pow(2, float64(k)/4.5)
		turn := 2 * math.Cos(2*math.Pi*hz/opus.Rate)
		var s1, s2 float64
		for i, v := range pcm {
			s1, s2 = hann[i]*float64(v)+turn*s1-s2, s1
		}
		power := s1*s1 + s2*s2 - turn*s1*s2
		b[k] = 20 * math.Log10(2*math.Sqrt(max(power, 0))/float64(len(pcm))+1e-3)
	}
	return b
}

// spectralDistance is the mean difference of the spectra of 40 ms of got and of
// the nearest in time of want, in dB, where want is not a pause.
func spectralDistance(got, want []float32) float64 {
	const frame, reach = 1920, 3
	var table [][24]float64
	for at := 0; at+frame <= len(want); at += frame / 2 {
		table = append(table, bands(want[at:at+frame]))
	}
	sum, n := 0.0, 0
	for i := 0; i*frame/2+frame <= len(got); i++ {
		b := bands(got[i*frame/2:][:frame])
		best := math.Inf(1)
		for j := max(0, i-reach*2); j <= i+reach*2 && j < len(table); j++ {
			d := 0.0
			for k := range b {
				d += math.Abs(b[k]-table[j][k]) / 24
			}
			best = min(best, d)
		}
		if !math.IsInf(best, 1) {
			sum += best
			n++
		}
	}
	return sum / float64(n)
}

// holes counts the frames of 20 ms that are 12 dB quieter than the loudest
// within 100 ms of them in want.
func holes(got, want []float32) int {
	energy := func(pcm []float32, at int) float64 {
		sum := 0.0
		for _, v := range pcm[at:min(at+FrameSamples, len(pcm))] {
			sum += float64(v) * float64(v)
		}
		return sum
	}
	n := 0
	for at := 0; at+FrameSamples <= min(len(got), len(want)); at += FrameSamples {
		least := math.Inf(1)
		for near := max(0, at-4*FrameSamples); near <= at+4*FrameSamples && near+FrameSamples <= len(want); near += FrameSamples {
			least = min(least, energy(want, near))
		}
		if energy(got, at) < least/16 {
			n++
		}
	}
	return n
}

type network struct {
	loss   float64
	jitter time.Duration
	frame  int
}

// over plays a voice over a network and returns what is heard.
func over(t testing.TB, x network, pcm []float32) (heard []float32, s *stage, ada *Talker) {
	s = newStage(t, Options{})
	ada = s.talker("ada", "x")
	l := s.listener("bob", "x")
	r := rand.New(rand.NewPCG(3, 4))
	all := packets(t, pcm, x.frame)
	every := time.Duration(x.frame) * second / opus.Rate
	s.speak(ada, speech{
		to: time.Duration(len(all)) * every, every: every, level: 20,
		payload: func(i int) []byte { return all[i] },
		lose:    func(i int) bool { return i > 5 && r.Float64() < x.loss },
		delay:   func(int) time.Duration { return time.Duration(r.Float64() * float64(x.jitter)) },
	})
	s.play(time.Duration(len(pcm))*second/opus.Rate + second)
	return decoded(t, s, l), s, ada
}

func TestLossAndJitterAreSurvived(t *testing.T) {
	pcm := voice(6, 140)
	clean, _, _ := over(t, network{frame: 960}, pcm)
	for _, row := range []struct {
		name string
		network
		distance float64 // at most, dB
		holes    int     // at most, of 300 frames
	}{
		{"clean", network{frame: 960}, 0.01, 0},
		{"10 % lost", network{loss: 0.1, frame: 960}, 2, 5},
		{"40 ms jitter", network{jitter: 40 * time.Millisecond, frame: 960}, 1.5, 5},
		{"both", network{0.1, 40 * time.Millisecond, 960}, 2.5, 10},
		{"60 ms frames, 10 % lost", network{loss: 0.1, frame: 2880}, 3, 25},
		{"10 ms frames, both", network{0.1, 40 * time.Millisecond, 480}, 3, 15},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, s, ada := over(t, row.network, pcm)
			d, h := spectralDistance(got, clean), holes(got, clean)
			k := s.Counters()
			t.Logf("distance %.2f dB, %d holes in %d frames, length %+d ms, concealed %d, recovered %d, dropped %d, waiting %d",
				d, h, len(got)/FrameSamples, (len(got)-len(clean))*1000/opus.Rate, k.Concealed, k.Recovered, k.Dropped, len(ada.source.fifo))
			if d > row.distance {
				t.Errorf("the sound is %.2f dB from the clean one, want at most %.2f", d, row.distance)
			}
			if h > row.holes {
				t.Errorf("%d holes in the sound, want at most %d", h, row.holes)
			}
		})
	}
}

// TestLossIsNoticed shows that the measures above measure something.
func TestLossIsNoticed(t *testing.T) {
	pcm := voice(6, 140)
	clean, _, _ := over(t, network{frame: 960}, pcm)
	got, _, _ := over(t, network{loss: 0.6, frame: 960}, pcm)
	if d := spectralDistance(got, clean); d < 3 {
		t.Errorf("with 60 %% lost the distance is %.2f dB", d)
	}
	clear(clean[opus.Rate : opus.Rate+opus.Rate/5])
	if h := holes(clean, pcm); h < 6 {
		t.Errorf("%d holes where there are ten frames of silence", h)
	}
}

func TestRedundancyIsUsed(t *testing.T) {
	_, s, _ := over(t, network{loss: 0.1, frame: 960}, voice(6, 140))
	if k := s.Counters(); k.Recovered < 15 {
		t.Errorf("%d of some 30 lost packets were recovered", k.Recovered)
	}
}
