// Package g711 is the codec of telephones: PCM of 8 kHz in 8 bits by either of two
// laws (ITU-T G.711), from and to the 48 kHz that everything else here is mixed at.
// It owns the laws and the change of rate, and knows nothing of streams.
//
// A decoder or an encoder belongs to one stream and one goroutine.
package g711

import "math"

// Law is one of the two.
type Law uint8

// The laws of G.711.
const (
	Mu Law = iota // PCMU
	A             // PCMA
)

const (
	// Ratio is how many samples at 48 kHz one at 8 kHz is.
	Ratio = 6
	// reach is how many samples at 8 kHz the filter looks to both sides.
	reach = 8
	taps  = 2 * reach * Ratio
	// passed is up to where sound passes, of 4 kHz.
	passed = 0.92
)

// filter is a sine cardinal under a Blackman window, of unity gain at 8 kHz.
func filter() *[taps]float32 {
	var h [taps]float32
	sum := 0.0
	for i := range h {
		x := (float64(i) - (taps-1)/2.0) / Ratio * passed
		w := 0.42 - 0.5*math.Cos(2*math.Pi*float64(i)/(taps-1)) + 0.08*math.Cos(4*math.Pi*float64(i)/(taps-1))
		v := math.Sin(math.Pi*x) / (math.Pi * x) * w // x is never 0
		h[i] = float32(v)
		sum += v
	}
	for i := range h {
		h[i] = float32(float64(h[i]) / sum)
	}
	return &h
}

// Decoder makes sound of payloads.
type Decoder struct {
	law    Law
	filter *[taps]float32
	past   [2 * reach]float32
}

// NewDecoder makes a decoder.
func NewDecoder(l Law) *Decoder { return &Decoder{law: l, filter: filter()} }

// Decode appends the sound of a payload at 48 kHz, Ratio samples for each byte.
func (d *Decoder) Decode(dst []float32, payload []byte) []float32 {
	for _, b := range payload {
		copy(d.past[:], d.past[1:])
		d.past[len(d.past)-1] = float32(d.law.expand(b)) / (1 << 15)
		for phase := range Ratio {
			sum := float32(0)
			for i, v := range d.past {
				sum += v * d.filter[(len(d.past)-1-i)*Ratio+phase]
			}
			dst = append(dst, sum*Ratio)
		}
	}
	return dst
}

// Encoder makes payloads of sound.
type Encoder struct {
	law    Law
	filter *[taps]float32
	past   []float32
}

// NewEncoder makes an encoder.
func NewEncoder(l Law) *Encoder {
	return &Encoder{law: l, filter: filter(), past: make([]float32, taps-Ratio)}
}

// Encode appends the payload of sound at 48 kHz, one byte for each Ratio samples.
func (e *Encoder) Encode(dst []byte, pcm []float32) []byte {
	e.past = append(e.past, pcm...)
	at := 0
	for ; at+taps <= len(e.past); at += Ratio {
		sum := float32(0)
		for i, h := range e.filter {
			sum += e.past[at+i] * h
		}
		dst = append(dst, e.law.compress(int16(min(max(sum, -1), 1)*32767)))
	}
	e.past = e.past[:copy(e.past, e.past[at:])]
	return dst
}

// expand turns a byte into a sample.
func (l Law) expand(b byte) int16 {
	if l == Mu {
		b = ^b
		v := ((int(b&0x0f)<<3 + 0x84) << (b >> 4 & 7)) - 0x84
		if b&0x80 != 0 {
			return int16(-v)
		}
		return int16(v)
	}
	b ^= 0x55
	v := int(b&0x0f)<<4 + 8
	if exponent := b >> 4 & 7; exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	if b&0x80 == 0 {
		return int16(-v)
	}
	return int16(v)
}

// compress turns a sample into a byte.
func (l Law) compress(sample int16) byte {
	v, sign := int(sample), byte(0x80)
	if l == Mu {
		if v < 0 {
			v, sign = -v, 0
		}
		v = min(v, 32635) + 0x84
		exponent := 7
		for mask := 0x4000; exponent > 0 && v&mask == 0; mask >>= 1 {
			exponent--
		}
		return ^(sign ^ 0x80 | byte(exponent<<4) | byte(v>>(exponent+3)&0x0f))
	}
	if v < 0 {
		v, sign = -v-1, 0
	}
	exponent := 7
	for mask := 0x4000; exponent > 0 && v&mask == 0; mask >>= 1 {
		exponent--
	}
	low := v >> 4
	if exponent > 0 {
		low = v >> (exponent + 3)
	}
	return (sign | byte(exponent<<4) | byte(low&0x0f)) ^ 0x55
}
