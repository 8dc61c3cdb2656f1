package mix

import "math"

const (
	agcWanted = 23   // -dBov that a voice is brought to
	agcMost   = 12.0 // dB up or down
	agcStep   = 0.02 // dB a frame: 1 dB a second
	agcVoice  = 45   // quieter frames teach nothing
)

// agc brings a talker slowly to the loudness of others. It learns only from
// frames with voice in them, so that pauses are not pumped up.
type agc struct{ db float64 }

// apply changes the loudness of one frame, which is level -dBov loud.
func (a *agc) apply(pcm []float32, level uint8) {
	from := factor(a.db)
	if level <= agcVoice {
		switch off := float64(level) - agcWanted - a.db; {
		case off > agcStep:
			a.db = min(a.db+agcStep, agcMost)
		case off < -agcStep:
			a.db = max(a.db-agcStep, -agcMost)
		}
	}
	step := (factor(a.db) - from) / float32(len(pcm))
	for i := range pcm {
		from += step
		pcm[i] *= from
	}
}

// factor turns decibels into a factor.
func factor(db float64) float32 { return float32(math.Pow(10, db/20)) }
