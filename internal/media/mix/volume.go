package mix

import "math"

// Level is how much quieter something is heard than it was spoken, in steps of
// 3 dB: 0 is unity. Levels are few, so that listeners share what they hear.
type Level uint8

const (
	// Mute is not to hear at all.
	Mute Level = 255
	// softest is the quietest level that can be heard: the lowest volume of a
	// listener in a room fed at the lowest volume.
	softest Level = 18
)

// Volume turns a volume in percent into a level: 0 and less is silent, 100 and
// more is unity, and between them each ten are 3 dB. What is between the tens is
// rounded to them, but nothing above 0 is silent.
func Volume(percent int) Level {
	if percent <= 0 {
		return Mute
	}
	tens := min(max((percent+5)/10, 1), 10)
	return Level(10 - tens)
}

// and is one level after another.
func (l Level) and(other Level) Level {
	if l == Mute || other == Mute {
		return Mute
	}
	return min(l+other, softest)
}

// gains are the levels as factors.
var gains = func() (g [softest + 1]float32) {
	for i := range g {
		g[i] = float32(math.Pow(10, -3*float64(i)/20))
	}
	return g
}()

// gain returns the factor for a level.
func (l Level) gain() float32 {
	if l > softest {
		return 0
	}
	return gains[l]
}
