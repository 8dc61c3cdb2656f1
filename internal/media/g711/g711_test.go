package g711

import (
	"math"
	"testing"
)

// TestLaws: known bytes of the tables of G.711, and every byte comes back.
func TestLaws(t *testing.T) {
	for _, row := range []struct {
		law    Law
		b      byte
		sample int16
	}{
		{Mu, 0xff, 0}, {Mu, 0x80, 32124}, {Mu, 0x00, -32124}, {Mu, 0xfe, 8}, {Mu, 0x7e, -8},
		{A, 0xd5, 8}, {A, 0x55, -8}, {A, 0xaa, 32256}, {A, 0x2a, -32256},
	} {
		if got := row.law.expand(row.b); got != row.sample {
			t.Errorf("law %d: %#x is %d, want %d", row.law, row.b, got, row.sample)
		}
	}
	for _, l := range []Law{Mu, A} {
		for b := range 256 {
			v := l.expand(byte(b))
			if got := l.compress(v); l.expand(got) != v {
				t.Errorf("law %d: %#x is %d and comes back as %#x, %d", l, b, v, got, l.expand(got))
			}
		}
	}
}

// TestTone: tones pass at their loudness through both, whatever the cut of
// packets; what a telephone cannot carry is not folded into what it can.
func TestTone(t *testing.T) {
	for _, row := range []struct{ hz, db float64 }{{300, -20}, {1000, -20}, {3000, -20}, {5000, -70}, {7000, -70}} {
		for _, l := range []Law{Mu, A} {
			e, d := NewEncoder(l), NewDecoder(l)
			var sound []float32
			at := 0
			for _, n := range []int{960, 480, 960, 960, 120, 960, 960, 960, 960, 960, 960, 960} {
				pcm := make([]float32, n)
				for i := range pcm {
					pcm[i] = float32(0.1 * math.Sin(2*math.Pi*row.hz*float64(at+i)/48000))
				}
				at += n
				payload := e.Encode(nil, pcm)
				if len(payload) != n/Ratio {
					t.Fatalf("%d samples are %d bytes", n, len(payload))
				}
				sound = d.Decode(sound, payload)
			}
			part, heard := sound[960:960+7680], -200.0
			for _, hz := range []float64{row.hz, math.Abs(8000 - row.hz)} {
				var re, im float64
				for i, v := range part {
					sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / 48000)
					re, im = re+float64(v)*cos, im+float64(v)*sin
				}
				heard = max(heard, 20*math.Log10(2*math.Hypot(re, im)/float64(len(part))+1e-9))
			}
			if row.db > -60 && math.Abs(heard-row.db) > 2 || row.db < -60 && heard > -55 {
				t.Errorf("law %d, %.0f Hz: %.1f dB, want %.0f", l, row.hz, heard, row.db)
			}
		}
	}
}
