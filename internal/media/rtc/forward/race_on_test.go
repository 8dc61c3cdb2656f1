//go:build race

package forward

// raceEnabled: the race detector empties pools at random.
const raceEnabled = true
