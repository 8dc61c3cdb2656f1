package mix

import "math"

const (
	ceiling = 0.89 // -1 dB, where limiting begins
	attack  = 240  // samples, 5 ms: how fast the gain goes down
	release = 1.06 // how much it comes back in a frame: 0.5 dB
)

// limiter keeps a sum of voices below full scale. Quiet sums pass unchanged, bit
// for bit; for loud ones it turns the gain down for as long as they last, and
// bends what is still too loud while it turns.
type limiter struct {
	reduced float32 // 1 - gain, so that the zero value is unity
}

// apply limits one frame in place.
func (l *limiter) apply(pcm []float32) {
	var peak float32
	for _, v := range pcm {
		peak = max(peak, v, -v)
	}
	if peak <= ceiling && l.reduced == 0 {
		return
	}
	from, to := 1-l.reduced, min(1, (1-l.reduced)*release)
	if peak*to > ceiling {
		to = ceiling / peak
	}
	step := (to - from) / attack
	if to > from {
		step = (to - from) / float32(len(pcm))
	}
	gain := from
	for i, v := range pcm {
		gain += step
		if i >= attack && to <= from {
			gain = to
		}
		pcm[i] = bend(v * gain)
	}
	l.reduced = 1 - to
}

// bend leaves samples up to the ceiling alone and keeps all others below 1.
func bend(v float32) float32 {
	switch {
	case v > ceiling:
		return ceiling + (1-ceiling)*float32(math.Tanh(float64((v-ceiling)/(1-ceiling))))
	case v < -ceiling:
		return -bend(-v)
	}
	return v
}
