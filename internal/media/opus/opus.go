// Package opus is the codec: it turns packets of Opus (RFC 6716) into sound and
// sound into packets, behind interfaces small enough that another library can
// take over. It owns the choice of library and the settings, and knows nothing of
// streams, jitter or mixing.
//
// A [Codec] may be used from any goroutine; a decoder or an encoder by one at a
// time.
package opus

import (
	"fmt"

	"github.com/thesyncim/gopus"
)

const (
	// Rate is the sample rate of all sound, in Hz. Opus streams of every
	// bandwidth are decoded to it.
	Rate = 48000
	// MaxSamples is how much sound a packet holds at most: 120 ms (RFC 6716
	// section 3.2.5).
	MaxSamples = Rate * 120 / 1000
	// MaxBytes is how long a packet of one frame can be: the TOC byte and 1275
	// bytes (RFC 6716 section 3.2.1).
	MaxBytes = 1276
	// Quantum is the shortest piece of sound that Opus knows, 2.5 ms, in samples.
	Quantum = Rate / 400
)

// Decoder turns the packets of one stream into mono sound; stereo is mixed down.
// Samples are in -1..1.
type Decoder interface {
	// Decode writes the packet's sound to pcm, which has room for MaxSamples, and
	// returns the number of samples. After an error the decoder goes on with the
	// next packet.
	Decode(packet []byte, pcm []float32) (int, error)
	// Recover fills pcm with the packet before next, from the redundancy in next
	// (RFC 6716 section 2.1.7) or else by concealing it. len(pcm) is the lost
	// packet's duration.
	Recover(next []byte, pcm []float32) error
	// Conceal fills pcm with a guess that continues what was decoded. len(pcm) is
	// a multiple of Quantum.
	Conceal(pcm []float32) error
	// Reset forgets the stream.
	Reset()
}

// Encoder turns mono sound into packets of one stream.
type Encoder interface {
	// Encode writes the packet of pcm, which is one of Opus's frame lengths, to
	// packet, which has room for MaxBytes, and returns its length.
	Encode(pcm []float32, packet []byte) (int, error)
	// Reset forgets the stream.
	Reset()
}

// Codec makes decoders and encoders.
type Codec interface {
	NewDecoder() (Decoder, error)
	NewEncoder(Settings) (Encoder, error)
}

// Settings of an encoder.
type Settings struct {
	Bitrate    int // bit/s, 6000 to 510000
	Complexity int // 0 cheapest to 10 best
}

// New returns the codec of this build: gopus, which is Go and needs no cgo.
func New() Codec { return library{} }

type library struct{}

// NewDecoder implements [Codec]. A decoder holds some 320 KiB.
func (library) NewDecoder() (Decoder, error) {
	d, err := gopus.NewDecoder(gopus.DefaultDecoderConfig(Rate, 1))
	if err != nil {
		return nil, fmt.Errorf("make decoder: %w", err)
	}
	return decoder{d}, nil
}

// NewEncoder implements [Codec]. An encoder holds some 420 KiB. It works in the
// low-delay mode, where a frame is complete 2.5 ms after its last sample, and
// predicts nothing from earlier frames, so that a listener may be moved from one
// encoder to another between any two frames.
func (library) NewEncoder(s Settings) (Encoder, error) {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: Rate, Channels: 1, Application: gopus.ApplicationLowDelay})
	if err != nil {
		return nil, fmt.Errorf("make encoder: %w", err)
	}
	if err := e.SetBitrate(s.Bitrate); err != nil {
		return nil, fmt.Errorf("set bitrate: %w", err)
	}
	if err := e.SetComplexity(s.Complexity); err != nil {
		return nil, fmt.Errorf("set complexity: %w", err)
	}
	e.SetPredictionDisabled(true)
	return encoder{e}, nil
}

type decoder struct{ *gopus.Decoder }

func (d decoder) Decode(packet []byte, pcm []float32) (int, error) {
	// An empty packet would be concealed with the length of the buffer.
	if Samples(packet) == 0 {
		return 0, errMalformed
	}
	n, err := d.Decoder.Decode(packet, pcm)
	if err != nil {
		return 0, fmt.Errorf("decode: %w", err)
	}
	return n, nil
}

func (d decoder) Recover(next []byte, pcm []float32) error {
	// Redundancy is of one frame: of a longer loss only the last packet.
	if n := frameSamples(next); n > 0 && n == len(pcm) {
		got, err := d.DecodeWithFEC(next, pcm, true)
		if err == nil && got == len(pcm) {
			return nil
		}
	}
	return d.Conceal(pcm)
}

func (d decoder) Conceal(pcm []float32) error {
	const step = Rate / 50
	for len(pcm) > 0 {
		n, err := d.Decoder.Decode(nil, pcm[:min(step, len(pcm))])
		if err != nil {
			return fmt.Errorf("conceal: %w", err)
		}
		if n == 0 {
			clear(pcm)
			return nil
		}
		pcm = pcm[n:]
	}
	return nil
}

type encoder struct{ *gopus.Encoder }

func (e encoder) Encode(pcm []float32, packet []byte) (int, error) {
	if e.FrameSize() != len(pcm) {
		if err := e.SetFrameSize(len(pcm)); err != nil {
			return 0, fmt.Errorf("set frame size: %w", err)
		}
	}
	n, err := e.Encoder.Encode(pcm, packet)
	if err != nil {
		return 0, fmt.Errorf("encode: %w", err)
	}
	return n, nil
}
