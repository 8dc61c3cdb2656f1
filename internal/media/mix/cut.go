package mix

import (
	"math"

	"switchboard/internal/media/opus"
)

const (
	shortestCut = opus.Rate / 400 // 2.5 ms, a pitch of 400 Hz
	longestCut  = opus.Rate / 66  // 15 ms, a pitch of 66 Hz
	matched     = opus.Rate / 200 // what is faded over
)

// cut takes up to most samples out of the beginning of pcm so that it is not
// heard: it finds the piece after which the sound goes on as it does before it,
// which in a voice is a period of its pitch, and fades from the one to the other.
// It returns how many it took out; pcm is that much shorter at its end.
func cut(pcm []float32, most int) int {
	most = min(most, longestCut, len(pcm)-matched)
	best, lag := math.Inf(-1), 0
	for n := shortestCut; n <= most; n += 4 {
		if like := likeness(pcm[:matched], pcm[n:n+matched]); like > best {
			best, lag = like, n
		}
	}
	if lag == 0 {
		return 0
	}
	for i := range matched {
		f := float32(i) / matched
		pcm[i] = pcm[i]*(1-f) + pcm[lag+i]*f
	}
	copy(pcm[matched:], pcm[matched+lag:])
	return lag
}

// likeness is the normalised correlation of two pieces of sound.
func likeness(a, b []float32) float64 {
	var ab, aa, bb float32
	for i := 0; i < len(a); i += 2 {
		ab += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	return float64(ab) / (math.Sqrt(float64(aa)*float64(bb)) + 1e-9)
}
