package mix

import (
	"time"

	"switchboard/internal/media/opus"
)

const (
	maxPayload = 1500                   // bytes of a packet
	maxDelay   = opus.Rate * 150 / 1000 // samples that wait at most
	window     = opus.Rate * 2          // samples over which the delay is judged
	burst      = opus.Rate / 5          // the same, when there is much too much
	target     = opus.Rate * 60 / 1000  // samples that wait at most on a fair network
	worthwhile = opus.Rate / 200        // delay below this is left alone
	fadeBlocks = 5                      // blocks without packets until silence
)

// source makes a continuous sound of a talker's packets: it decodes, recovers,
// conceals, and adapts the delay. The delay is what lies between the play
// position, called the cursor, and the packets that come. It grows when packets
// come late, by as much as they do, and shrinks when over two seconds every
// packet came earlier than it had to.
type source struct {
	queue
	decoder opus.Decoder // nil while not heard
	fifo    []float32    // decoded and not yet played
	from    int64        // where the next playing begins

	owed   int // samples concealed before it was known whether their packet is lost
	grow   int // samples to conceal, so that the delay grows
	late   int // packets that came too late in this window
	dry    int // blocks in a row without packets
	spare  int // samples to be cut out, for another reason than packets that come early
	margin margin
	fast   margin
}

// margin is by how many samples at least packets came before their turn.
type margin struct {
	least int
	left  int // samples until the window ends
}

func (g *margin) restart(length int) { *g = margin{least: maxDelay, left: length} }

// put takes a packet into the queue and learns from when it came.
func (s *source) put(p Packet, now time.Duration) bool {
	index := s.index(p.Sequence)
	if !s.queue.put(index, p, now) {
		if s.decoder != nil && index < s.next && !s.had(index) {
			s.lateBy(int(s.next-index) * s.samples)
		}
		return false
	}
	if s.decoder == nil {
		return true
	}
	early := int(index-s.next)*s.samples + len(s.fifo) - s.owed
	s.margin.least = min(s.margin.least, max(early, 0))
	s.fast.least = min(s.fast.least, max(early, 0))
	return true
}

// lateBy notes a packet that came after its turn. One is bad luck; more of them
// say that the delay is too short.
func (s *source) lateBy(samples int) {
	s.late++
	s.margin.least, s.fast.least = 0, 0
	if s.late > 1 {
		s.grow = max(s.grow, min(samples, target-s.waiting()-len(s.fifo)))
	}
}

// begin makes the source play from the packet s.from on. What came before warms
// the decoder up.
func (s *source) begin(m *Mixer) {
	s.decoder.Reset()
	from := s.from
	if from < s.next || from > s.newest {
		from = s.newest // nobody heard it for a while
	}
	for s.next < from {
		if p := s.at(s.next); p != nil && from-s.next <= warmUp {
			_, _ = s.decoder.Decode(p.payload, m.working.scratch[:])
			m.counters.Decoded++
		}
		s.pass()
	}
	s.fifo = s.fifo[:0]
	s.owed, s.grow, s.late, s.dry, s.spare = 0, 0, 0, 0, 0
	s.margin.restart(window)
	s.fast.restart(burst)
}

// ready tells whether n samples can be played without concealing for want of
// packets.
func (s *source) ready(n int) bool {
	if len(s.fifo) >= n {
		return true
	}
	have := len(s.fifo) + s.waiting()
	if s.at(s.next) == nil {
		have -= s.owed
	}
	return have >= n
}

// play fills block. Without packets it is a guess that fades out; it returns
// false when that is over.
func (s *source) play(block []float32, m *Mixer) bool {
	s.bound()
	concealed := s.enlarge(m)
	if !s.fill(len(block), m) {
		s.dry++
		missing := (len(block) - len(s.fifo) + opus.Quantum - 1) / opus.Quantum * opus.Quantum
		s.conceal(missing, m)
		s.owed += missing
		concealed = true
	} else {
		s.dry = 0
		s.shrink(len(block), m)
	}
	if concealed {
		m.counters.Concealed++
	}
	copy(block, s.fifo)
	s.fifo = s.fifo[:copy(s.fifo, s.fifo[len(block):])]
	fade(block, s.dry)
	return s.dry <= fadeBlocks
}

// fade makes the nth block in a row without packets quieter than the one before.
func fade(block []float32, nth int) {
	if nth == 0 {
		return
	}
	at := max(0, 1-float32(nth-1)/fadeBlocks)
	step := 1 / float32(fadeBlocks*len(block))
	for i := range block {
		block[i] *= max(0, at)
		at -= step
	}
}

// bound passes over packets that are more than can be waiting.
func (s *source) bound() {
	for s.waiting() > maxDelay {
		s.pass()
	}
}

// fill decodes until n samples are there, or returns false if packets for them
// are not.
func (s *source) fill(n int, m *Mixer) bool {
	for len(s.fifo) < n {
		if s.next > s.newest {
			return false
		}
		switch p := s.at(s.next); {
		case p != nil:
			s.decode(p, m)
			s.owed = 0
		case s.owed >= s.samples:
			s.owed -= s.samples // it was concealed already
		default:
			s.recover(m)
		}
		s.pass()
	}
	return true
}

// room returns n more samples of the fifo to be written.
func (s *source) room(n int) []float32 {
	at := len(s.fifo)
	if cap(s.fifo) < at+n {
		grown := make([]float32, at, max(at+n, 3*FrameSamples))
		copy(grown, s.fifo)
		s.fifo = grown
	}
	s.fifo = s.fifo[:at+n]
	return s.fifo[at:]
}

func (s *source) decode(p *slot, m *Mixer) {
	n, err := s.decoder.Decode(p.payload, m.working.scratch[:])
	m.counters.Decoded++
	if err != nil {
		m.counters.Failed++
		s.conceal(p.samples, m)
		return
	}
	copy(s.room(n), m.working.scratch[:n])
}

// recover fills in a lost packet, from the next one if that is there.
func (s *source) recover(m *Mixer) {
	next := s.at(s.next + 1)
	if next == nil {
		s.conceal(s.samples, m)
		return
	}
	if s.decoder.Recover(next.payload, s.room(s.samples)) != nil {
		m.counters.Failed++
	}
	m.counters.Recovered++
}

func (s *source) conceal(n int, m *Mixer) {
	pcm := s.room(n)
	if s.decoder.Conceal(pcm) != nil {
		clear(pcm)
		m.counters.Failed++
	}
}

// enlarge makes the delay longer where lateBy found it too short.
func (s *source) enlarge(m *Mixer) bool {
	n := s.grow / opus.Quantum * opus.Quantum
	s.grow = 0
	if n <= 0 {
		return false
	}
	s.conceal(n, m)
	return true
}

// shrink makes the delay shorter at the end of a window in which all packets came
// early, and at once if they wait longer than they should.
func (s *source) shrink(block int, m *Mixer) {
	spare := 0
	s.margin.left -= block
	s.fast.left -= block
	if s.fast.left <= 0 {
		if s.fast.least > target-FrameSamples {
			spare = s.fast.least
		}
		s.fast.restart(burst)
	}
	if s.margin.left <= 0 {
		spare = max(spare, s.margin.least)
		s.margin.restart(window)
		s.late = 0
	}
	if s.spare >= shortestCut && s.ready(block+s.spare) {
		s.spare -= s.cut(block, s.spare, m)
	} else if spare >= worthwhile {
		s.cut(block, spare, m)
	}
}

// cut takes at most spare samples out, but leaves a block.
func (s *source) cut(block, spare int, m *Mixer) int {
	s.fill(block+longestCut+matched, m) // or as much as there is
	n := cut(s.fifo, min(spare, len(s.fifo)-block))
	s.fifo = s.fifo[:len(s.fifo)-n]
	return n
}

// rest gives back what only playing needs.
func (s *source) rest() { s.fifo, s.dry = nil, 0 }
