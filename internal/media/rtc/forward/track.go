package forward

import (
	"strings"
	"sync/atomic"

	"switchboard/internal/media"
)

// track is what a transport receives on one line: the state of its reception
// and the list of those it is sent to.
type track struct {
	id    media.TrackID
	kind  media.Kind
	owner *Transport

	cache   cache
	request keyframeRequest
	table   atomic.Pointer[table]   // who it is sent to; replaced under Plane.mu
	clock   atomic.Pointer[mapping] // nil before the publisher's first report
	ssrc    atomic.Uint32           // of the media now, or as declared; 0 unknown
	tapped  atomic.Bool             // written under Plane.mu

	variants []*variant // of its subscriptions; guarded by Plane.mu
	line     *Line      // replaced whole under Plane.mu and ingress.mu; either is enough to read

	// The rest is guarded by the ingress.mu of owner.
	formats [128]format
	stream  *stream // the media's, nil before the first packet
	epoch   uint32  // counts streams, from 1
	newest  int64   // highest index
	last    uint16  // its sequence number
	keyTime uint32  // timestamp of the newest key frame, if keySeen
	keySeen bool
	level   uint8 // element ID of the audio level, 0 if not negotiated
	receipt receipt
	missing missing
	talking talking
	loudAt  int64 // when the last packet came that the tap takes for loud
}

// format is what a payload type of a track is.
type format struct {
	codec *Codec            // nil: not negotiated
	rtx   bool              // retransmissions of codec
	key   func([]byte) bool // begins a key frame; nil for audio
}

// table is the flat list of a track's subscriptions, one part for each worker.
// It is immutable, as are its parts.
type table [][]subscription

// firstIndex keeps indices positive, also of packets that overtook the first.
const firstIndex = 1 << 16

func newTrack(t *Transport, line *Line) *track {
	tr := &track{id: line.Track, kind: line.Kind, owner: t}
	tr.cache.pool, tr.cache.size = &t.plane.pool, audioSlots
	if line.Kind == media.Video {
		tr.cache.size = videoSlots
	}
	if _, tapped := t.plane.tap.wanted[tr.id]; tapped {
		tr.tapped.Store(true)
	}
	empty := make(table, len(t.plane.workers))
	tr.table.Store(&empty)
	return tr
}

// configure takes over what was negotiated. Plane.mu and ingress.mu of the
// owner are held.
func (tr *track) configure(line *Line) {
	tr.line = line
	clear(tr.formats[:])
	nack := false
	for i := range line.Codecs {
		c := &line.Codecs[i]
		if c.PayloadType > 127 || c.ClockRate == 0 {
			continue
		}
		f := format{codec: c}
		if line.Kind == media.Video {
			f.key = keyframeTest(c.Name)
		}
		tr.formats[c.PayloadType] = f
		if c.RTX > 0 && c.RTX < 128 {
			tr.formats[c.RTX] = format{codec: c, rtx: true}
		}
		nack = nack || c.NACK
	}
	tr.missing.enabled = nack && line.Kind == media.Video
	tr.level = 0
	for _, e := range line.Extensions {
		if e.URI == uriLevel {
			tr.level = e.ID
		}
	}
	if tr.stream == nil && line.SSRC != 0 {
		tr.ssrc.Store(line.SSRC)
	}
}

// rebind makes s the stream the media comes from, and tells whether it may be:
// while another one flows, only if it was declared. ingress.mu is held.
func (tr *track) rebind(s *stream, sequence uint16, at int64) bool {
	const silence = 1_000_000_000
	if old := tr.stream; old != nil {
		if s.ssrc != tr.line.SSRC && at-old.at < silence {
			return false
		}
		tr.newest++
		tr.request.want()
	} else {
		tr.newest = firstIndex + int64(sequence) - 1
	}
	tr.stream = s
	tr.epoch++
	tr.last = sequence - 1
	tr.keySeen = false
	tr.ssrc.Store(s.ssrc)
	tr.missing.reset()
	tr.receipt.restart()
	return true
}

// index extends a sequence number of the media.
func (tr *track) index(sequence uint16) int64 {
	return tr.newest + int64(int16(sequence-tr.last))
}

// take brings a packet, whose payload, elements and arrival are set, into the
// track. It consumes the reference. ingress.mu is held.
func (tr *track) take(p *packet, f *format, sequence uint16, recovered bool) {
	p.index, p.epoch = tr.index(sequence), tr.epoch
	p.rate = f.codec.ClockRate
	if f.key != nil && f.key(p.payload) && !(tr.keySeen && p.timestamp == tr.keyTime) {
		p.key = true
	}
	if f.codec.isRED() {
		p.inner, p.primary, p.red = redPrimary(p.payload)
		if !p.red {
			p.inner, p.primary = 0, nil
		}
	}
	p.sound = NoSound
	if tr.tapped.Load() {
		p.sound = tr.soundOf(p)
	}
	if !tr.cache.put(p) {
		tr.owner.plane.pool.release(p, 1)
		return
	}
	if p.key {
		tr.keySeen, tr.keyTime = true, p.timestamp
		tr.request.satisfied()
	}
	tr.receipt.count(p, recovered)
	if p.index > tr.newest {
		tr.missing.advance(tr.newest, p.index, p.at)
		tr.newest, tr.last = p.index, sequence
	} else {
		tr.missing.remove(p.index)
	}
	tr.deliver(p)
}

// deliver queues p for the workers that have subscribers and for the tap, and
// releases it.
func (tr *track) deliver(p *packet) {
	plane := tr.owner.plane
	if p.sound != NoSound {
		plane.tap.listen(tr, p)
	}
	for i, part := range *tr.table.Load() {
		if len(part) > 0 {
			p.references.Add(1)
			plane.workers[i].push(item{tr, p})
		}
	}
	plane.pool.release(p, 1)
}

// isRED tells whether payloads are RED (RFC 2198).
func (c *Codec) isRED() bool { return strings.EqualFold(c.Name, "red") }
