package forward

// maxBurst is how many packets go to a subscriber at a time: as many as one
// message of UDP segmentation takes on older kernels would be 64; half of it
// keeps payloads in the first-level cache for all subscribers.
const maxBurst = 32

// burst is some packets of a track on their way to its subscribers, with the
// headers made so far, one set for each variant. It belongs to a worker and is
// used over and over.
type burst struct {
	track   *track
	packets []*packet // with a reference each
	made    []*looks  // of these packets; len is how many variants were met
}

// looks is how the packets of a burst look to one variant.
type looks struct {
	variant *variant
	memory  []byte
	packets []look
}

// look is one packet, ready but for three numbers; body is nil and size 0 if the
// variant has no codec for it.
type look struct {
	start, end int // of the header in memory
	body       []byte
	size       int // of header and body
}

// begin starts a burst without packets.
func (b *burst) begin(tr *track) {
	b.track = tr
	b.packets = b.packets[:0]
	b.made = b.made[:0]
}

// end releases the packets.
func (b *burst) end(l *pool) {
	for i, p := range b.packets {
		l.release(p, 1)
		b.packets[i] = nil
	}
	b.begin(nil)
}

// look returns how the packets look to v.
func (b *burst) look(v *variant) *looks {
	for _, l := range b.made {
		if l.variant == v {
			return l
		}
	}
	if len(b.made) < cap(b.made) {
		b.made = b.made[:len(b.made)+1]
	} else {
		b.made = append(b.made, nil)
	}
	l := b.made[len(b.made)-1]
	if l == nil {
		l = new(looks)
		b.made[len(b.made)-1] = l
	}
	l.variant, l.memory, l.packets = v, l.memory[:0], l.packets[:0]
	for _, p := range b.packets {
		var k look
		kind, body := v.body(p)
		if kind != none {
			k.start = len(l.memory)
			l.memory = v.appendHeader(l.memory, p, v.kinds[kind])
			k.end = len(l.memory)
			k.body = body
			k.size = k.end - k.start + len(body)
		}
		l.packets = append(l.packets, k)
	}
	return l
}
