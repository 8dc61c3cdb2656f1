package mix

import (
	"slices"

	"switchboard/internal/media/opus"
)

// workspace is memory that is used again and again.
type workspace struct {
	scratch  []float32 // a decoded packet
	packet   [opus.MaxBytes]byte
	touched  []*Listener // who hears somebody
	named    map[string]*blend
	nameless []byte
	newly    []*Listener // who no longer hears anybody
}

func (w *workspace) start() {
	w.scratch = make([]float32, opus.MaxSamples)
	w.named = map[string]*blend{}
}

// name writes what distinguishes a blend from others.
func (w *workspace) name(terms []term) []byte {
	b := w.nameless[:0]
	for _, x := range terms {
		b = append(b, byte(x.talker.number>>8), byte(x.talker.number), byte(x.level))
	}
	w.nameless = b
	return b
}

// regroup works out who hears whom now. Its cost is that of the routes between
// open talkers and who hears them; silent talkers and rooms are not looked at.
func (m *Mixer) regroup() {
	m.dirty = false
	old := m.blends
	for _, b := range old {
		for _, l := range b.listeners {
			l.terms = l.terms[:0]
		}
	}
	m.gather()
	m.group()
	for _, b := range old {
		if b.encoder != nil {
			m.codecs.giveEncoder(b.encoder)
			b.encoder = nil
		}
	}
	m.silenceOthers(old)
	m.formIslands()
}

// gather collects for each listener the open talkers that they hear, each once
// and at the louder level, and never their own.
func (m *Mixer) gather() {
	w := &m.working
	w.touched = w.touched[:0]
	for _, t := range m.live {
		if !t.open {
			continue
		}
		for _, f := range t.feeds {
			for _, e := range f.room.listeners {
				if l := e.listener; !l.owns(t.transport) {
					if len(l.terms) == 0 {
						w.touched = append(w.touched, l)
					}
					l.hear(t, f.level.and(e.level))
				}
			}
		}
	}
}

// hear adds a talker to the listener's terms. Talkers come one after the other,
// so that the same one can only be the last.
func (l *Listener) hear(t *Talker, level Level) {
	if n := len(l.terms); n > 0 && l.terms[n-1].talker == t {
		l.terms[n-1].level = min(l.terms[n-1].level, level)
		return
	}
	l.terms = append(l.terms, term{t, level})
}

// group makes the blends anew. Each takes over the encoder most of its listeners
// had; the largest blends choose first.
func (m *Mixer) group() {
	w := &m.working
	clear(w.named)
	var blends []*blend
	for _, l := range w.touched {
		name := w.name(l.terms)
		b := w.named[string(name)]
		if b == nil {
			b = &blend{name: string(name), terms: slices.Clone(l.terms)}
			w.named[b.name] = b
			blends = append(blends, b)
		}
		b.vote(l.blend)
		b.listeners = append(b.listeners, l)
	}
	for _, b := range blends {
		for _, l := range b.listeners {
			l.blend = b
		}
	}
	slices.SortStableFunc(blends, func(a, b *blend) int { return len(b.listeners) - len(a.listeners) })
	for _, b := range blends {
		b.succeed()
	}
	m.blends = blends
}

// silenceOthers moves listeners who no longer hear anybody to the quiet ones. They
// get comfort noise at once, so that there is no gap after their last frame.
func (m *Mixer) silenceOthers(old []*blend) {
	w := &m.working
	w.newly = w.newly[:0]
	for _, b := range old {
		for _, l := range b.listeners {
			if len(l.terms) == 0 {
				l.blend = nil
				w.newly = append(w.newly, l)
			}
		}
	}
	m.quiet = m.quiet[:0]
	for _, l := range m.listeners {
		if l.blend == nil {
			m.quiet = append(m.quiet, l)
		}
	}
	if len(m.quiet) > 0 && m.comfortAt == Never {
		m.comfortAt = m.now
	}
	if len(m.quiet) == 0 {
		m.comfortAt = Never
	}
	m.send(w.newly, m.comfort, true)
}

// formIslands finds out which blends have talkers in common. Talkers keep the
// time of the island they were in.
func (m *Mixer) formIslands() {
	old := m.islands
	for _, s := range old {
		for _, t := range s.talkers {
			t.block = nil
		}
	}
	m.islands = nil
	of := map[*Talker]*island{}
	for _, b := range m.blends {
		s := &island{}
		for _, x := range b.terms {
			if other := of[x.talker]; other != nil && other != s {
				s = other.join(s, of)
			} else if other == nil {
				of[x.talker] = s
				s.talkers = append(s.talkers, x.talker)
			}
		}
		s.blends = append(s.blends, b)
		if !slices.Contains(m.islands, s) {
			m.islands = append(m.islands, s)
		}
	}
	m.islands = slices.DeleteFunc(m.islands, func(s *island) bool { return len(s.talkers) == 0 })
	for _, s := range m.islands {
		m.settleIsland(s)
	}
	for _, s := range old {
		for _, t := range s.talkers {
			if of[t] == nil {
				m.rest(t)
			}
		}
	}
}

// settleIsland gives a new island its time and its talkers what they need.
func (m *Mixer) settleIsland(s *island) {
	s.next = -1
	for _, t := range s.talkers {
		if t.started && t.island != nil {
			s.next = max(s.next, t.island.next)
			s.early.inherit(t.island.early)
			s.aligned, s.shift, s.settled = max(s.aligned, t.island.aligned), max(s.shift, t.island.shift), max(s.settled, t.island.settled)
		}
	}
	if s.next < 0 {
		s.next = m.now
	}
	s.next = min(s.next, m.now+frameTime)
	for _, t := range s.talkers {
		if t.island == nil && m.prepare(t) {
			t.started = false
			t.source.begin(m)
		}
		t.island, t.probed = s, false
	}
	for _, b := range s.blends {
		b.island = s
	}
	s.noticeReady(m.now)
}

// rest takes a talker out of playing, and gives the decoder back.
func (m *Mixer) rest(t *Talker) {
	t.island, t.started, t.block = nil, false, nil
	t.rested = m.now
	if !slices.Contains(m.recent, t) {
		m.recent = append(m.recent, t)
	}
	t.source.rest()
	m.codecs.giveDecoder(t.source.decoder)
	t.source.decoder = nil
	t.source.trim(m.now - preroll)
}
