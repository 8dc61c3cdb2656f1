//go:build libopus && cgo

package libopus

import (
	"math"
	"testing"

	"switchboard/internal/media/opus"
)

// TestDecodersAgree has each library encode, and both decode: what comes out must
// be the same sound, 40 dB above the difference.
func TestDecodersAgree(t *testing.T) {
	for name, from := range map[string]opus.Codec{"gopus": opus.New(), "libopus": New()} {
		for _, samples := range []int{120, 240, 480, 960} {
			for _, bitrate := range []int{24000, 48000, 96000} {
				snr := difference(t, from, samples, bitrate)
				if snr < 40 {
					t.Errorf("%s, %d samples at %d bit/s: the decoders differ, %.1f dB", name, samples, bitrate, snr)
				}
			}
		}
	}
}

func difference(t *testing.T, from opus.Codec, samples, bitrate int) float64 {
	e, err := from.NewEncoder(opus.Settings{Bitrate: bitrate, Complexity: 5})
	if err != nil {
		t.Fatal(err)
	}
	a, err := opus.New().NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	b, err := New().NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	pcm, packet := make([]float32, samples), make([]byte, opus.MaxBytes)
	outA, outB := make([]float32, opus.MaxSamples), make([]float32, opus.MaxSamples)
	var signal, noise float64
	for i := range opus.Rate / samples {
		for j := range pcm {
			at := float64(i*samples+j) / opus.Rate
			pcm[j] = float32(0.2*math.Sin(2*math.Pi*(200+2000*at)*at) + 0.1*math.Sin(2*math.Pi*3000*at))
		}
		n, err := e.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		na, errA := a.Decode(packet[:n], outA)
		nb, errB := b.Decode(packet[:n], outB)
		if errA != nil || errB != nil || na != nb {
			t.Fatalf("decoded %d (%v) and %d (%v)", na, errA, nb, errB)
		}
		for j := range na {
			signal += float64(outB[j]) * float64(outB[j])
			noise += float64(outA[j]-outB[j]) * float64(outA[j]-outB[j])
		}
	}
	if signal == 0 {
		t.Fatal("silence; nothing was compared")
	}
	return 10 * math.Log10(signal/max(noise, 1e-12))
}
