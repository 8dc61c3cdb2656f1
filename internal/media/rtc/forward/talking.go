package forward

// Levels of RFC 6464 are -dBov: 0 is loudest, 127 is silence. Who is not
// talking begins with some packets in a row as loud as loud; who is talking goes
// on as long as a packet is as loud as soft every now and then.
const (
	loudLevel   = 40
	softLevel   = 50
	loudPackets = 3
	quietTime   = 300_000_000 // nanoseconds
)

// talking decides from audio levels whether somebody speaks. It is kept under
// the ingress.mu of the track's owner.
type talking struct {
	on   bool
	loud int   // packets in a row, while off
	at   int64 // of the last packet that was not quiet, while on
}

// hear takes the level of a packet and returns whether it changed something.
func (s *talking) hear(level uint8, at int64) (on, changed bool) {
	if s.on {
		if level <= softLevel {
			s.at = at
		}
		return s.check(at)
	}
	if level > loudLevel {
		s.loud = 0
		return false, false
	}
	s.loud++
	if s.loud < loudPackets {
		return false, false
	}
	*s = talking{on: true, at: at}
	return true, true
}

// check ends the talking when it was quiet for long enough, also when no packets
// come any more.
func (s *talking) check(at int64) (on, changed bool) {
	if !s.on || at-s.at < quietTime {
		return s.on, false
	}
	*s = talking{}
	return false, true
}
