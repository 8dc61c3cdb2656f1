package srtp

import "encoding/binary"

// replayWindow is how far behind the newest packet of its stream one may
// arrive, in packets; RFC 3711 section 3.3.2 asks for 64 at least. 512 is about
// a second of video at 5 Mbit/s, which is what a retransmission may take.
const replayWindow = 512

// Stream is what a receiver remembers of one SSRC: the rollover counter and
// which packets it has seen. The zero value is a stream of which nothing has
// arrived. The caller keeps one for each SSRC and passes it to
// [Opener.OpenRTP]; it belongs to the goroutine that does so.
type Stream struct {
	started bool
	seen    window
}

// Index returns the index of the newest packet opened, rollover counter << 16 |
// sequence number, and 0 if there was none.
func (s *Stream) Index() uint64 { return s.seen.newest }

// estimate guesses the index of a packet with sequence number seq: the one
// nearest to the newest (RFC 3711 section 3.3.1). It returns false for a packet
// from before the beginning of the stream or after the end of the index.
func (s *Stream) estimate(seq uint16) (uint64, bool) {
	if !s.started {
		return uint64(seq), true
	}
	last := uint16(s.seen.newest)
	step := int64(int16(seq - last))
	if step == -1<<15 && last < 1<<15 {
		step = 1 << 15 // both are equally near; the RFC prefers the rollover counter to stay
	}
	index := int64(s.seen.newest) + step
	return uint64(index), index >= 0 && index < 1<<48
}

// window is a set of the recent indices. It is a ring of bits, a word more than
// the window is long, so that it moves by clearing whole words.
type window struct {
	newest uint64
	bits   [replayWindow/64 + 1]uint64
}

// fresh reports whether index is new and not too old. It changes nothing.
func (w *window) fresh(index uint64) bool {
	switch {
	case index > w.newest:
		return true
	case w.newest-index >= replayWindow:
		return false
	}
	return w.bits[index/64%uint64(len(w.bits))]>>(index%64)&1 == 0
}

// accept puts a fresh index into the set.
func (w *window) accept(index uint64) {
	n, last := uint64(len(w.bits)), index/64
	for word := last; word > w.newest/64 && last-word < n; word-- {
		w.bits[word%n] = 0
	}
	w.newest = max(w.newest, index)
	w.bits[last%n] |= 1 << (index % 64)
}

// headerLen returns the length of the RTP header of packet with CSRCs and
// extension (RFC 3550 sections 5.1 and 5.3.1), or false if it is not one.
func headerLen(packet []byte) (int, bool) {
	const fixed, version2 = 12, 2 << 6
	if len(packet) < fixed || packet[0]&0xc0 != version2 {
		return 0, false
	}
	n := fixed + 4*int(packet[0]&0x0f)
	if packet[0]&0x10 != 0 {
		if len(packet) < n+4 {
			return 0, false
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(packet[n+2:]))
	}
	return n, n <= len(packet)
}
