package mix

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"switchboard/internal/media/opus"
)

func TestVolumeCurve(t *testing.T) {
	if Volume(0) != Mute || Volume(-5) != Mute || Volume(0).gain() != 0 {
		t.Error("0 is not silent")
	}
	if Volume(100).gain() != 1 || Volume(1000).gain() != 1 {
		t.Error("100 is not unity")
	}
	distinct := map[float32]bool{}
	for percent := 1; percent <= 100; percent++ {
		g := Volume(percent).gain()
		distinct[g] = true
		if g < Volume(percent-1).gain() {
			t.Errorf("%d is quieter than %d", percent, percent-1)
		}
		if percent%10 == 0 && percent < 100 {
			if step := 20 * math.Log10(float64(Volume(percent+10).gain()/g)); math.Abs(step-3) > 0.01 {
				t.Errorf("from %d to %d are %.2f dB", percent, percent+10, step)
			}
		}
	}
	if len(distinct) != 10 {
		t.Errorf("%d steps above silence", len(distinct))
	}
}

func TestLimiter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var l limiter
		for range rapid.IntRange(1, 20).Draw(r, "frames") {
			a := rapid.Float64Range(0, 20).Draw(r, "amplitude")
			hz := rapid.Float64Range(50, 8000).Draw(r, "hz")
			pcm := sine(hz, a, 0, FrameSamples)
			quiet, before := a <= ceiling && l.reduced == 0, append([]float32(nil), pcm...)
			l.apply(pcm)
			for i, v := range pcm {
				if v > 1 || v < -1 || v != v {
					r.Fatalf("sample %d is %v", i, v)
				}
				if quiet && v != before[i] {
					r.Fatal("what is quiet was changed")
				}
			}
		}
	})
}

// TestLimiterKeepsTheTone has three voices too many: what a clipped sum adds in
// harmonics must not be there.
func TestLimiterKeepsTheTone(t *testing.T) {
	var l limiter
	var out, clipped []float32
	for i := range 20 {
		pcm := sine(400, 2.4, i*FrameSamples, FrameSamples)
		for _, v := range pcm {
			clipped = append(clipped, min(1, max(-1, v)))
		}
		l.apply(pcm)
		out = append(out, pcm...)
	}
	out, clipped = out[5*FrameSamples:], clipped[5*FrameSamples:]
	harmonic := 20 * math.Log10(amplitude(out, 1200)/amplitude(out, 400))
	was := 20 * math.Log10(amplitude(clipped, 1200)/amplitude(clipped, 400))
	t.Logf("third harmonic %.1f dB, with clipping %.1f dB", harmonic, was)
	if harmonic > -50 {
		t.Errorf("third harmonic at %.1f dB", harmonic)
	}
	// And it lets go again.
	for range 100 {
		l.apply(sine(400, 0.1, 0, FrameSamples))
	}
	if l.reduced != 0 {
		t.Errorf("after two quiet seconds the gain is still reduced by %v", l.reduced)
	}
}

func TestAGCIsSlowAndBounded(t *testing.T) {
	level := func(a *agc, amplitude float64, frames int) float64 {
		var pcm []float32
		for i := range frames {
			pcm = sine(400, amplitude, i*FrameSamples, FrameSamples)
			a.apply(pcm, loudness(pcm))
		}
		return 10 * math.Log10(2*power(pcm)) // of the amplitude
	}
	for _, row := range []struct {
		name      string
		amplitude float64
		seconds   int
		want      float64 // dB
	}{
		{"a quiet voice comes up", 0.05, 60, -20},
		{"a loud voice comes down", 0.4, 60, -20},
		{"by 12 dB at most", 0.012, 60, -26.4},
		{"by 1 dB a second", 0.05, 2, -24},
		{"noise stays noise", 0.002, 60, -54},
	} {
		if got := level(&agc{}, row.amplitude, row.seconds*50); math.Abs(got-row.want) > 1 {
			t.Errorf("%s: %.1f dB, want %.1f", row.name, got, row.want)
		}
	}
}

func power(pcm []float32) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(pcm))
}

func TestCutIsNotHeard(t *testing.T) {
	pcm := voice(4, 120)
	var out []float32
	cuts := 0
	for at := 0; at+4*FrameSamples < len(pcm); at += 4 * FrameSamples {
		piece := append([]float32(nil), pcm[at:at+4*FrameSamples]...)
		n := cut(piece, longestCut)
		if n < shortestCut || n > longestCut {
			t.Fatalf("cut %d", n)
		}
		cuts++
		out = append(out, piece[:len(piece)-n]...)
	}
	// No step from one sample to the next is larger than those that were there.
	steepest := func(pcm []float32) float64 {
		most := 0.0
		for i := 1; i < len(pcm); i++ {
			most = max(most, math.Abs(float64(pcm[i]-pcm[i-1])))
		}
		return most
	}
	if a, b := steepest(out), steepest(pcm); a > 1.2*b {
		t.Errorf("after %d cuts there is a step of %.3f; the steepest before was %.3f", cuts, a, b)
	}
	short := make([]float32, 100)
	if n := cut(short, longestCut); n != 0 {
		t.Errorf("cut %d out of 100 samples", n)
	}
}

// TestListenersMoveBetweenEncoders measures what is heard when the frames of one
// stream come from one encoder and then from another.
func TestListenersMoveBetweenEncoders(t *testing.T) {
	pcm := voice(2, 140)
	settings := opus.Settings{Bitrate: 48000, Complexity: 5}
	run := func(move, prime bool) []float32 {
		e, err := opus.New().NewEncoder(settings)
		if err != nil {
			t.Fatal(err)
		}
		d, err := opus.New().NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		packet, out := make([]byte, opus.MaxBytes), make([]float32, opus.MaxSamples)
		var all []float32
		for i := range 80 {
			if move && i%8 == 4 {
				if e, err = opus.New().NewEncoder(settings); err != nil {
					t.Fatal(err)
				}
				if prime {
					if _, err := e.Encode(pcm[(i-1)*FrameSamples:i*FrameSamples], packet); err != nil {
						t.Fatal(err)
					}
				}
			}
			n, err := e.Encode(pcm[i*FrameSamples:(i+1)*FrameSamples], packet)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Decode(packet[:n], out)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, out[:got]...)
		}
		return all
	}
	fidelity := func(heard []float32) float64 {
		// Of the 5 ms behind each move, where an edge would be. The encoder looks
		// 2.5 ms ahead.
		signal, noise := 0.0, 0.0
		for i := 4; i < 80; i += 8 {
			for j := i * FrameSamples; j < i*FrameSamples+240; j++ {
				want := float64(pcm[j-opus.Quantum])
				signal += want * want
				noise += (float64(heard[j]) - want) * (float64(heard[j]) - want)
			}
		}
		return 10 * math.Log10(signal/noise)
	}
	stays, primed, bare := fidelity(run(false, false)), fidelity(run(true, true)), fidelity(run(true, false))
	t.Logf("signal to noise where encoders change: %.1f dB if they did not, %.1f dB primed, %.1f dB unprimed", stays, primed, bare)
	if primed < stays-1.5 {
		t.Errorf("moving costs %.1f dB", stays-primed)
	}
	if bare > primed-1 {
		t.Error("priming makes no difference; is it needed?")
	}
}

// TestComfortNoise decodes what silent listeners get.
func TestComfortNoise(t *testing.T) {
	s := newStage(t, Options{})
	s.listener("bob", "x")
	s.play(10 * second)
	d, err := opus.New().NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, opus.MaxSamples)
	for range 3 {
		n, err := d.Decode(s.comfort, out)
		if err != nil {
			t.Fatal(err)
		}
		if db := 10 * math.Log10(power(out[:n])+1e-12); db > -64 || db < -80 {
			t.Errorf("comfort noise is at %.1f dB, want -70", db)
		}
	}
	if s.count < 25 || s.count > 26 {
		t.Errorf("%d frames in 10 s", s.count)
	}
}
