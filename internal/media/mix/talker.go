package mix

import (
	"slices"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/opus"
)

const (
	// preroll is how much of what came before a gate opened is still heard.
	preroll = 100 * time.Millisecond
	// warmUp is how many packets a new decoder hears before what is played, so
	// that its prediction has something to predict from.
	warmUp = 2
)

// Feed is a room that a talker is heard in.
type Feed struct {
	Room  media.RoomID
	Level Level
}

// Packet is one RTP packet of Opus.
type Packet struct {
	Sequence uint16
	Payload  []byte // copied
	Level    uint8  // loudness in -dBov as RFC 6464 says it: 0 loudest, 127 silence
	HasLevel bool   // Level was sent
}

// Silent tells whether the packet says of itself that nothing is to be heard.
func (p Packet) Silent() bool {
	if p.HasLevel {
		return p.Level > closeLevel
	}
	return opus.ActivityOf(p.Payload) == opus.Silent
}

// Talker is one track that can be heard.
type Talker struct {
	track     media.TrackID
	transport media.TransportID
	number    uint16 // small, unique among talkers; part of the names of blends
	feeds     []feed
	removed   bool

	source   source
	gate     gate
	activity activity
	open     bool // audible, if anybody hears it
	probed   bool // has a decoder only to find out how loud it is

	// While somebody hears it.
	island  *island
	started bool      // a block was played since
	block   []float32 // of this tick, FrameSamples long; nil: nothing
	agc     agc
	phase   phase
	rested  time.Duration // when it was last heard, if it is not
}

type feed struct {
	room  *room
	level Level
}

// Track returns the track that the talker was added for.
func (t *Talker) Track() media.TrackID { return t.track }

// Transport returns the transport that the talker was added for.
func (t *Talker) Transport() media.TransportID { return t.transport }

// Told tells whether the talker's packets say how loud they are.
func (t *Talker) Told() bool { return t.activity.told }

// AddTalker adds a track of a transport; it feeds no room yet.
func (m *Mixer) AddTalker(track media.TrackID, transport media.TransportID) *Talker {
	number := slices.Index(m.numbers, false)
	if number < 0 {
		number = len(m.numbers)
		m.numbers = append(m.numbers, false)
	}
	m.numbers[number] = true
	return &Talker{track: track, transport: transport, number: uint16(number)}
}

// RemoveTalker ends a talker, at once. A second call does nothing.
func (m *Mixer) RemoveTalker(t *Talker) {
	if t.removed {
		return
	}
	m.Feed(t, nil)
	t.removed = true
	m.numbers[t.number] = false
	if t.activity.talking {
		t.activity.talking = false
		m.out.Talking(t, false)
	}
	t.open = false
	m.live = slices.DeleteFunc(m.live, func(other *Talker) bool { return other == t })
	m.regroup()
	m.recent = slices.DeleteFunc(m.recent, func(other *Talker) bool { return other == t })
	m.codecs.giveDecoder(t.source.decoder)
	t.source.decoder = nil
}

// Feed says which rooms a talker is heard in from now on, all of them at once.
func (m *Mixer) Feed(t *Talker, feeds []Feed) {
	if t.removed {
		return
	}
	old := t.feeds
	t.feeds = nil
	for _, f := range feeds {
		if f.Level != Mute {
			r := m.enter(f.Room)
			r.talkers++
			t.feeds = append(t.feeds, feed{r, f.Level})
		}
	}
	for _, f := range old {
		f.room.talkers--
		m.abandon(f.room)
	}
	if t.open {
		m.dirty = true
	}
}

// Push takes a packet that came at the time now. Whatever it holds does no harm.
func (m *Mixer) Push(t *Talker, p Packet, now time.Duration) {
	m.now = max(m.now, now)
	if t.removed || opus.Samples(p.Payload) == 0 || len(p.Payload) > maxPayload {
		m.counters.Dropped++
		return
	}
	passes := t.gate.passes(m.now)
	if t.island != nil && !passes {
		// The tail is over; what waits is still played.
		m.counters.Dropped++
		return
	}
	if !t.source.put(p, m.now) {
		m.counters.Dropped++
	}
	t.activity.at = m.now
	if t.island == nil {
		t.source.trim(m.now - preroll)
	}
	if passes {
		m.listen(t, p)
	}
	if t.island != nil {
		t.notice(m.now)
		t.island.noticeReady(m.now)
	}
}

// listen judges how loud a packet is, as cheaply as it can be known.
func (m *Mixer) listen(t *Talker, p Packet) {
	t.activity.told = p.HasLevel
	switch {
	case p.HasLevel:
		m.hear(t, p.Level, p.Silent())
	case p.Silent():
		m.endProbe(t)
		m.hear(t, silence, true)
	case t.open && t.island != nil:
		// Its loudness is measured when it is played.
	case opus.ActivityOf(p.Payload) == opus.Voice:
		m.hear(t, talkLevel, false)
	default:
		m.hear(t, m.probe(t, p.Payload), false)
	}
}

// probe decodes a packet of a talker who is not heard, because nothing else says
// how loud it is.
func (m *Mixer) probe(t *Talker, payload []byte) uint8 {
	if !m.prepare(t) {
		return silence
	}
	t.probed = true
	if !slices.Contains(m.live, t) {
		m.live = append(m.live, t)
	}
	pcm := m.working.scratch
	n, err := t.source.decoder.Decode(payload, pcm)
	m.counters.Decoded++
	if err != nil {
		m.counters.Failed++
		return silence
	}
	return loudness(pcm[:n])
}

// endProbe gives the decoder of a probe back.
func (m *Mixer) endProbe(t *Talker) {
	if t.probed && t.island == nil {
		m.codecs.giveDecoder(t.source.decoder)
		t.source.decoder = nil
	}
	t.probed = false
}

// hear takes a loudness and opens the talker or tells of its talking if need be.
func (m *Mixer) hear(t *Talker, level uint8, quiet bool) {
	t.activity.hear(level, m.now)
	if !t.open && !quiet && level <= openLevel {
		m.openTalker(t, t.source.newest)
	}
	m.settle(t)
}

// openTalker makes a talker audible, from a packet on.
func (m *Mixer) openTalker(t *Talker, from int64) {
	t.open, m.dirty = true, true
	t.activity.heard = m.now
	t.source.from = from
	if !slices.Contains(m.live, t) {
		m.live = append(m.live, t)
	}
}

// settle brings what is known of a talker's activity to those concerned.
func (m *Mixer) settle(t *Talker) {
	passes := t.gate.passes(m.now)
	if on, changed := t.activity.check(m.now, passes); changed {
		if on && !slices.Contains(m.live, t) {
			m.live = append(m.live, t)
		}
		m.out.Talking(t, on)
	}
	if t.probed && m.now >= t.activity.at+absent {
		m.endProbe(t)
	}
	if !t.open {
		return
	}
	drained := t.island == nil || !t.source.ready(1)
	if t.activity.quiet(m.now) || !passes && drained {
		t.open, m.dirty = false, true
	}
}

// expires returns when settle has something to do, if nothing is heard until
// then.
func (t *Talker) expires() time.Duration {
	due := Never
	if t.activity.talking {
		due = min(due, t.activity.ends())
	}
	if t.open {
		due = min(due, t.activity.closes())
	}
	if t.probed {
		due = min(due, t.activity.at+absent)
	}
	if t.gate.used && !t.gate.open && (t.open || t.activity.talking) && (t.island == nil || t.activity.talking) {
		due = min(due, t.gate.closes)
	}
	return due
}

// prepare gives a talker a decoder, and tells whether it has one.
func (m *Mixer) prepare(t *Talker) bool {
	if t.source.decoder != nil {
		return true
	}
	d, err := m.codecs.takeDecoder()
	if err != nil {
		m.counters.Failed++
		return false
	}
	t.source.decoder = d
	return true
}
