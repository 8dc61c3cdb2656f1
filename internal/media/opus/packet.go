package opus

import "errors"

// errMalformed says that a packet has no valid beginning.
var errMalformed = errors.New("malformed packet")

// frameSamples returns the length of each frame of a packet, from its first byte
// (RFC 6716 section 3.1, table 2), or 0 for an empty packet.
func frameSamples(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	config := packet[0] >> 3
	switch {
	case config >= 16: // CELT: 2.5, 5, 10, 20 ms
		return Quantum << (config & 3)
	case config >= 12: // hybrid: 10, 20 ms
		return Rate / 100 << (config & 1)
	case config&3 == 3: // SILK: 60 ms
		return Rate * 60 / 1000
	}
	return Rate / 100 << (config & 3) // SILK: 10, 20, 40 ms
}

// Samples returns how much sound a packet holds at [Rate], without decoding it,
// or 0 if it cannot be Opus (RFC 6716 section 3.2).
func Samples(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0
		}
		frames = int(packet[1] & 0x3f)
	}
	n := frames * frameSamples(packet)
	if n > MaxSamples {
		return 0
	}
	return n
}

// Activity is what a packet says of itself without being decoded.
type Activity uint8

// What a packet may say.
const (
	Unknown Activity = iota // only decoding tells
	Silent                  // its encoder found no voice in it
	Voice                   // its encoder found voice in it
)

// ActivityOf reads from a packet's first bytes whether there is voice in it: the
// voice flags of SILK (RFC 6716 section 4.2.3), the silence flag of CELT
// (section 4.3), or the lack of any frame in discontinuous transmission. It is
// Unknown for music and for packets of several frames.
func ActivityOf(packet []byte) Activity {
	if Samples(packet) == 0 || len(packet) <= 2 {
		return Silent
	}
	if packet[0]&3 != 0 {
		return Unknown
	}
	frame := packet[1:]
	if packet[0]&0x80 != 0 {
		// The flag is true at a chance of 2^-15, which is where the range decoder
		// finds ff fe.
		if frame[0] == 0xff && frame[1] >= 0xfe {
			return Silent
		}
		return Unknown
	}
	// One flag for each 20 ms, each a bit of even chance, which is how the range
	// coder writes a bit as it is; and in stereo the middle channel comes first.
	flags := max(1, frameSamples(packet)/(Rate/50))
	if frame[0]>>(8-flags) == 0 {
		return Silent
	}
	return Voice
}
