package forward

import "github.com/pion/rtcp"

// Bounds on asking a publisher for what is missing; times in nanoseconds.
const (
	maxMissing  = 256
	maxGap      = 256 // a larger gap is no loss but another beginning
	missingLife = 1_000_000_000
	firstWait   = 5_000_000 // packets may overtake each other
	leastWait   = 20_000_000
	usualWait   = 60_000_000 // if the round trip is not known
	maxAsked    = 10
)

// missing is the list of packets of a track that have not come. It is kept
// under the ingress.mu of the track's owner.
type missing struct {
	enabled bool
	list    []gap // rising indices
}

// gap is one missing packet.
type gap struct {
	index        int64
	since, asked int64 // asked is when last
	times        int
}

func (m *missing) reset() { m.list = m.list[:0] }

// advance notes what lies between the newest packet so far and the next.
func (m *missing) advance(newest, next, at int64) {
	if !m.enabled || next == newest+1 {
		return
	}
	if next-newest > maxGap {
		m.reset()
		return
	}
	if over := len(m.list) + int(next-newest) - 1 - maxMissing; over > 0 {
		m.list = m.list[:copy(m.list, m.list[min(over, len(m.list)):])]
	}
	for i := newest + 1; i < next; i++ {
		m.list = append(m.list, gap{index: i, since: at})
	}
}

// remove forgets a packet that came after all.
func (m *missing) remove(index int64) {
	for i := range m.list {
		if m.list[i].index == index {
			m.list = append(m.list[:i], m.list[i+1:]...)
			return
		}
	}
}

// ask returns the sequence numbers to ask for now. roundTrip is 0 if unknown; a
// packet is asked for again when an answer would have come, each time waiting
// longer.
func (m *missing) ask(now, roundTrip int64, sequenceOf func(index int64) uint16) []uint16 {
	if len(m.list) == 0 {
		return nil
	}
	wait := int64(usualWait)
	if roundTrip > 0 {
		wait = max(leastWait, roundTrip*5/4)
	}
	var numbers []uint16
	kept := m.list[:0]
	for _, g := range m.list {
		if now-g.since > missingLife || g.times >= maxAsked {
			continue
		}
		if g.times == 0 && now-g.since >= firstWait || g.times > 0 && now-g.asked >= wait*int64(1+g.times/2) {
			g.times++
			g.asked = now
			numbers = append(numbers, sequenceOf(g.index))
		}
		kept = append(kept, g)
	}
	m.list = kept
	return numbers
}

// nack is the request for those packets (RFC 4585 section 6.2.1).
func nack(from, about uint32, numbers []uint16) rtcp.Packet {
	return &rtcp.TransportLayerNack{SenderSSRC: from, MediaSSRC: about, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)}
}
