package forward

import "switchboard/internal/media"

// Made is a packet that is put into a track here, as if a peer had sent it.
type Made struct {
	Track     media.TrackID
	Codec     string // encoding name; one of the line's
	Timestamp uint32
	Marker    bool
	Payload   []byte // copied
	At        int64  // when it is to be played, Plane.Now; it ties tracks together
}

// Put brings a packet into a track of the transport, which has no peer of its own:
// Start is never called. The packet goes out with the next Kick.
func (t *Transport) Put(m Made) {
	if len(m.Payload) > maxDatagram-headerSize {
		return
	}
	in := &t.in
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, tr := range in.tracks {
		if tr.id != m.Track {
			continue
		}
		f := tr.format(m.Codec)
		if f == nil {
			return
		}
		if tr.stream == nil {
			in.made = true
			tr.rebind(&stream{ssrc: tr.line.SSRC, track: tr}, 1, m.At)
		}
		p := t.plane.pool.packet(len(m.Payload))
		p.payload = p.memory[:copy(p.memory, m.Payload)]
		p.at, p.kind, p.marker, p.timestamp = t.plane.Now(), f.codec.PayloadType, m.Marker, m.Timestamp
		tr.clock.Store(&mapping{at: m.At, timestamp: m.Timestamp})
		tr.take(p, f, tr.last+1, false)
		return
	}
}

// format finds the format of a codec, nil if it was not agreed on.
func (tr *track) format(codec string) *format {
	for i := range tr.line.Codecs {
		if c := &tr.line.Codecs[i]; c.Name == codec && c.PayloadType < 128 {
			return &tr.formats[c.PayloadType]
		}
	}
	return nil
}
