package mix

import (
	"fmt"
	"math/rand/v2"
	"time"

	"switchboard/internal/media/opus"
)

const (
	// comfortTime is how often somebody who hears nobody gets a frame, as encoders
	// do in discontinuous transmission (RFC 6716 section 2.1.9).
	comfortTime = 400 * time.Millisecond
	// comfortNoise is its loudness: -70 dB.
	comfortNoise = 0.000316
)

// comfortFrame encodes the one frame that everybody gets who hears nobody.
func comfortFrame(p *pool) ([]byte, error) {
	e, err := p.takeEncoder()
	if err != nil {
		return nil, err
	}
	defer p.giveEncoder(e)
	noise := rand.New(rand.NewPCG(1, 2))
	pcm, packet, n := make([]float32, FrameSamples), make([]byte, opus.MaxBytes), 0
	for range 5 { // until the encoder has settled
		for i := range pcm {
			pcm[i] = float32(noise.NormFloat64() * comfortNoise)
		}
		if n, err = e.Encode(pcm, packet); err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
	}
	return packet[:n:n], nil
}

// comfortQuiet sends the frame to all who hear nobody, when it is due.
func (m *Mixer) comfortQuiet() {
	if len(m.quiet) == 0 || m.comfortAt > m.now {
		return
	}
	m.comfortAt = m.now + comfortTime
	m.send(m.quiet, m.comfort, true)
}

// send hands one frame out.
func (m *Mixer) send(to []*Listener, payload []byte, silent bool) {
	if len(to) == 0 {
		return
	}
	for _, l := range to {
		l.step(m.now, silent)
	}
	m.counters.Frames += uint64(len(to))
	m.out.Frame(Frame{Listeners: to, Payload: payload, Samples: FrameSamples})
}
