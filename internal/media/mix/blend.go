package mix

import (
	"slices"

	"switchboard/internal/media/opus"
)

// term is a talker who is audible, and how loud.
type term struct {
	talker *Talker
	level  Level
}

// glide is how many samples a change of level takes.
const glide = FrameSamples / 4

// blend is a sum of talkers, each at a level, and all listeners who hear just
// that. It is encoded once.
type blend struct {
	name      string // of terms, see workspace.name
	terms     []term
	before    []term // the terms of the frame before, when they were others
	changed   bool   // before counts
	listeners []*Listener
	encoder   opus.Encoder
	limiter   limiter
	pcm       []float32 // the frame before
	island    *island
	prime     bool // the encoder is new to the listeners and must hear pcm first

	// While regrouping: the blend that most of the listeners come from, by the
	// majority vote of Boyer and Moore.
	heir  *blend
	votes int
	taken bool // its encoder went to another blend
}

// vote counts a listener who was in the blend old, or in none.
func (b *blend) vote(old *blend) {
	switch {
	case b.votes == 0:
		b.heir, b.votes = old, 1
	case b.heir == old:
		b.votes++
	default:
		b.votes--
	}
}

// succeed takes over from the blend the listeners come from: the sound before,
// and if nobody took it yet, the encoder.
func (b *blend) succeed() {
	old := b.heir
	b.heir = nil
	if old == nil {
		return
	}
	b.before, b.changed = append(b.before[:0], old.terms...), old.name != b.name
	b.limiter = old.limiter
	b.pcm = append(b.pcm[:0], old.pcm...)
	if old.taken {
		b.prime = len(b.pcm) > 0
		return
	}
	old.taken = true
	b.encoder, old.encoder = old.encoder, nil
	b.prime = old.prime
}

func (b *blend) remove(l *Listener) {
	b.listeners = slices.DeleteFunc(b.listeners, func(other *Listener) bool { return other == l })
}

// level returns how loud a talker is among terms.
func level(terms []term, t *Talker) Level {
	for _, x := range terms {
		if x.talker == t {
			return x.level
		}
	}
	return Mute
}

// sum adds the blocks of the blend's talkers into out. Where levels changed since
// the frame before, and only there, they glide; who is no longer a term glides
// out.
func (b *blend) sum(out []float32) {
	clear(out)
	for _, x := range b.terms {
		was := x.level
		if b.changed {
			was = level(b.before, x.talker)
		}
		add(out, x.talker.block, was.gain(), x.level.gain())
	}
	if b.changed {
		for _, x := range b.before {
			if x.talker.island == b.island && level(b.terms, x.talker) == Mute {
				add(out, x.talker.block, x.level.gain(), 0)
			}
		}
		b.before, b.changed = b.before[:0], false
	}
}

// add adds a block at a gain that glides from one value to another.
func add(out, block []float32, from, to float32) {
	if len(block) == 0 {
		return
	}
	rest := 0
	if from != to {
		step := (to - from) / glide
		for i := range glide {
			from += step
			out[i] += block[i] * from
		}
		rest = glide
	}
	if to == 0 {
		return
	}
	out, block = out[rest:len(block)], block[rest:]
	if to == 1 {
		for i, v := range block {
			out[i] += v
		}
		return
	}
	for i, v := range block {
		out[i] += v * to
	}
}

// mix makes the blend's next frame and sends it.
func (m *Mixer) mix(b *blend) {
	if len(b.listeners) == 0 {
		return
	}
	if b.encoder == nil {
		e, err := m.codecs.takeEncoder()
		if err != nil {
			m.counters.Failed++
			return
		}
		b.encoder = e
	}
	packet := m.working.packet[:]
	if b.prime {
		// With the frame before in the encoder, the new frame overlaps with it as
		// if it had been the encoder all along.
		b.prime = false
		_, _ = b.encoder.Encode(b.pcm, packet)
		m.counters.Encoded++
	}
	if cap(b.pcm) < FrameSamples {
		b.pcm = make([]float32, FrameSamples)
	}
	b.pcm = b.pcm[:FrameSamples]
	b.sum(b.pcm)
	b.limiter.apply(b.pcm)
	n, err := b.encoder.Encode(b.pcm, packet)
	m.counters.Encoded++
	if err != nil {
		m.counters.Failed++
		return
	}
	m.send(b.listeners, packet[:n], false)
}
