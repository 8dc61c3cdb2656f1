package mix

import (
	"math"
	"time"
)

// Loudness is in -dBov, as in RFC 6464: 0 is loudest, 127 is silence. One opens
// as soon as one packet is loud enough and is heard for a while after the last
// that was; that is generous, since it only saves work. Talking is what people
// are told of: it takes a voice, and some time of it.
const (
	silence    = 127
	openLevel  = 60 // opens a talker
	closeLevel = 65 // quieter than this for hang closes it
	talkLevel  = 40 // for talkTime is talking
	calmLevel  = 50 // quieter than this for calmTime is no longer

	hang     = 400 * time.Millisecond
	talkTime = 40 * time.Millisecond // from the first packet to the third
	calmTime = 500 * time.Millisecond
	absent   = 200 * time.Millisecond // without packets ends both
)

// activity follows how loud a talker is.
type activity struct {
	talking bool
	told    bool          // packets say how loud they are
	loud    bool          // the last was
	since   time.Duration // it is loud, if it is
	spoke   time.Duration // last time it was not calm
	heard   time.Duration // last time it was not quiet
	at      time.Duration // of the last packet
}

// hear takes a loudness.
func (a *activity) hear(level uint8, now time.Duration) {
	if level <= closeLevel {
		a.heard = now
	}
	if level <= calmLevel {
		a.spoke = now
	}
	if loud := level <= talkLevel; loud != a.loud {
		a.loud, a.since = loud, now
	}
}

// check decides whether somebody is talking now.
func (a *activity) check(now time.Duration, passes bool) (on, changed bool) {
	was := a.talking
	if was {
		a.talking = passes && now < a.ends()
		if !a.talking {
			a.loud = false
		}
	} else {
		a.talking = passes && a.loud && now-a.since >= talkTime && now < a.ends()
	}
	return a.talking, a.talking != was
}

// ends returns when talking is over, if nothing is heard until then.
func (a *activity) ends() time.Duration { return min(a.spoke+calmTime, a.at+absent) }

// closes returns when a talker is no longer worth hearing, if nothing is heard
// until then.
func (a *activity) closes() time.Duration { return min(a.heard+hang, a.at+absent) }

// quiet tells whether that time has come.
func (a *activity) quiet(now time.Duration) bool { return now >= a.closes() }

// loudness measures sound in -dBov.
func loudness(pcm []float32) uint8 {
	if len(pcm) == 0 {
		return silence
	}
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	// A sine of full scale is -3 dBov in RFC 6464; its mean square is a half.
	db := -10 * math.Log10(sum/float64(len(pcm))+1e-13)
	return uint8(min(max(db, 0), silence))
}
