package opus

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/thesyncim/gopus"
)

// tone fills pcm with a sine and returns the phase behind it.
func tone(pcm []float32, hz, amplitude, phase float64) float64 {
	for i := range pcm {
		pcm[i] = float32(amplitude * math.Sin(phase))
		phase += 2 * math.Pi * hz / Rate
	}
	return phase
}

func rms(pcm []float32) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestRoundTripKeepsLevel(t *testing.T) {
	for _, samples := range []int{120, 240, 480, 960} {
		e := must[Encoder](t)(New().NewEncoder(Settings{Bitrate: 64000, Complexity: 5}))
		d := must[Decoder](t)(New().NewDecoder())
		pcm, out, packet := make([]float32, samples), make([]float32, MaxSamples), make([]byte, MaxBytes)
		phase, last := 0.0, 0.0
		for range 50 {
			phase = tone(pcm, 440, 0.5, phase)
			n := must[int](t)(e.Encode(pcm, packet))
			got := must[int](t)(d.Decode(packet[:n], out))
			if got != samples || Samples(packet[:n]) != samples {
				t.Fatalf("%d samples became %d, and the packet says %d", samples, got, Samples(packet[:n]))
			}
			last = rms(out[:got])
		}
		want := rms(pcm)
		if db := 20 * math.Log10(last/want); math.Abs(db) > 0.6 {
			t.Errorf("frames of %d samples: level changed by %.2f dB", samples, db)
		}
	}
}

// voice encodes a second of what SILK takes for a voice, with redundancy.
func voice(t *testing.T) [][]byte {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: Rate, Channels: 1, Application: gopus.ApplicationVoIP})
	if err != nil {
		t.Fatal(err)
	}
	e.SetFEC(true)
	if err := e.SetPacketLoss(20); err != nil {
		t.Fatal(err)
	}
	if err := e.SetBitrate(24000); err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, 960)
	var packets [][]byte
	for i := range 50 {
		for j := range pcm {
			// A buzz of harmonics whose loudness goes up and down.
			at, v := float64(i*960+j)/Rate, 0.0
			for h := 1.0; h < 20; h++ {
				v += math.Sin(2*math.Pi*140*h*at) / h
			}
			pcm[j] = float32(0.2 * v * (1.1 + math.Sin(2*math.Pi*4*at)) / 2)
		}
		packet := make([]byte, MaxBytes)
		n, err := e.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet[:n])
	}
	return packets
}

func TestRecoverIsNearerThanConceal(t *testing.T) {
	packets := voice(t)
	if !gopus.PacketHasLBRR(packets[31]) {
		t.Fatal("the packets carry no redundancy; the test proves nothing")
	}
	clean, recovered, concealed := make([]float32, MaxSamples), make([]float32, 960), make([]float32, 960)
	for _, way := range []string{"clean", "recover", "conceal"} {
		d := must[Decoder](t)(New().NewDecoder())
		scratch := make([]float32, MaxSamples)
		for _, p := range packets[:30] {
			must[int](t)(d.Decode(p, scratch))
		}
		var err error
		switch way {
		case "clean":
			_, err = d.Decode(packets[30], clean)
		case "recover":
			err = d.Recover(packets[31], recovered)
		case "conceal":
			err = d.Conceal(concealed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	distance := func(pcm []float32) float64 {
		diff := make([]float32, 960)
		for i := range diff {
			diff[i] = pcm[i] - clean[i]
		}
		return rms(diff)
	}
	if r, c := distance(recovered), distance(concealed); r >= c || rms(recovered) == 0 {
		t.Errorf("recovered is %.4f off, concealed %.4f", r, c)
	}
}

func TestConcealGetsQuieter(t *testing.T) {
	d := must[Decoder](t)(New().NewDecoder())
	scratch := make([]float32, MaxSamples)
	for _, p := range voice(t) {
		must[int](t)(d.Decode(p, scratch))
	}
	before := rms(scratch[:960])
	for range 50 {
		if err := d.Conceal(scratch[:960]); err != nil {
			t.Fatal(err)
		}
	}
	if after := rms(scratch[:960]); after > before/4 {
		t.Errorf("after a second without packets the level is %.5f of %.5f", after, before)
	}
}

func TestSamples(t *testing.T) {
	for _, row := range []struct {
		name   string
		packet []byte
		want   int
	}{
		{"empty", nil, 0},
		{"SILK 10 ms", []byte{0 << 3}, 480},
		{"SILK 60 ms", []byte{3 << 3}, 2880},
		{"hybrid 20 ms", []byte{15 << 3}, 960},
		{"CELT 2.5 ms", []byte{28 << 3}, 120},
		{"CELT 20 ms", []byte{31 << 3}, 960},
		{"two of 60 ms", []byte{3<<3 | 1, 1, 2}, 5760},
		{"count missing", []byte{31<<3 | 3}, 0},
		{"no frames", []byte{31<<3 | 3, 0}, 0},
		{"three of 60 ms", []byte{3<<3 | 3, 3}, 0},
	} {
		if got := Samples(row.packet); got != row.want {
			t.Errorf("%s: %d samples, want %d", row.name, got, row.want)
		}
	}
}

func TestActivity(t *testing.T) {
	packets := voice(t)
	if got := ActivityOf(packets[40]); got != Voice {
		t.Errorf("a voice is %v", got)
	}
	e := must[Encoder](t)(New().NewEncoder(Settings{Bitrate: 48000, Complexity: 5}))
	pcm, packet := make([]float32, 960), make([]byte, MaxBytes)
	n := 0
	for range 100 {
		n = must[int](t)(e.Encode(pcm, packet))
	}
	if got := ActivityOf(packet[:n]); got != Silent {
		t.Errorf("digital silence, % x, is %v", packet[:n], got)
	}
	for range 5 {
		tone(pcm, 440, 0.5, 0)
		n = must[int](t)(e.Encode(pcm, packet))
	}
	if got := ActivityOf(packet[:n]); got != Unknown {
		t.Errorf("a tone in CELT is %v", got)
	}
	if got := ActivityOf([]byte{0x78}); got != Silent {
		t.Errorf("a packet without a frame is %v", got)
	}
}

// FuzzDecode wants no panic from what a peer may send, and the length that the
// packet's first bytes announce.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xf8, 0xff, 0xfe}, uint8(0))
	f.Add([]byte{0x0b, 0x83, 1, 2, 3}, uint8(1))
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		p := make([]byte, 1+r.IntN(200))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		f.Add(p, uint8(r.Uint32()))
	}
	f.Fuzz(func(t *testing.T, packet []byte, how uint8) {
		d := must[Decoder](t)(New().NewDecoder())
		pcm := make([]float32, MaxSamples)
		for i := range 3 {
			if how>>i&1 == 1 {
				if err := d.Recover(packet, pcm[:960]); err != nil {
					t.Fatal(err)
				}
			}
			n, err := d.Decode(packet, pcm)
			if err == nil && n != Samples(packet) {
				t.Fatalf("decoded %d samples, announced %d", n, Samples(packet))
			}
			for _, v := range pcm[:n] {
				if v != v {
					t.Fatal("not a number")
				}
			}
			ActivityOf(packet)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := must[Encoder](b)(New().NewEncoder(Settings{Bitrate: 48000, Complexity: 5}))
	pcm, packet := make([]float32, 960), make([]byte, MaxBytes)
	for i := range pcm {
		pcm[i] = float32(rand.NormFloat64()) * 0.1
	}
	b.ReportAllocs()
	for b.Loop() {
		must[int](b)(e.Encode(pcm, packet))
	}
}

func BenchmarkDecode(b *testing.B) {
	e := must[Encoder](b)(New().NewEncoder(Settings{Bitrate: 48000, Complexity: 5}))
	d := must[Decoder](b)(New().NewDecoder())
	pcm, packet := make([]float32, MaxSamples), make([]byte, MaxBytes)
	for i := range pcm {
		pcm[i] = float32(rand.NormFloat64()) * 0.1
	}
	n := must[int](b)(e.Encode(pcm[:960], packet))
	b.ReportAllocs()
	for b.Loop() {
		must[int](b)(d.Decode(packet[:n], pcm))
	}
}
