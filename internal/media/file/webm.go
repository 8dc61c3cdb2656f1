package file

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"time"

	"switchboard/internal/media"
)

// Elements of EBML (RFC 8794) and Matroska (RFC 9559) that are read.
const (
	idEBML           = 0x1a45dfa3
	idSegment        = 0x18538067
	idInfo           = 0x1549a966
	idTimestampScale = 0x2ad7b1
	idDuration       = 0x4489
	idTracks         = 0x1654ae6b
	idTrackEntry     = 0xae
	idTrackNumber    = 0xd7
	idTrackType      = 0x83
	idCodecID        = 0x86
	idEncodings      = 0x6d80
	idCluster        = 0x1f43b675
	idTimestamp      = 0xe7
	idSimpleBlock    = 0xa3
	idBlockGroup     = 0xa0
	idBlock          = 0xa1
	idReferenceBlock = 0xfb
)

// unknownSize is that of an element that ends where one begins that cannot be in
// it.
const unknownSize = math.MaxInt64

// webm reads a WebM file.
type webm struct {
	file    io.ReadSeeker
	in      *bufio.Reader
	at      int64 // position of in
	first   int64 // of the first cluster
	scale   time.Duration
	length  float64
	streams []Stream
	numbers []uint64 // of the tracks of streams

	cluster time.Duration
	held    *Packet
	buf     []byte
}

func openWebM(r io.ReadSeeker) (*webm, error) {
	w := &webm{file: r, in: bufio.NewReaderSize(r, 64<<10), scale: time.Millisecond}
	if id, size, err := w.element(); err != nil || id != idEBML || w.discard(size) != nil {
		return nil, refuse("it is no WebM")
	}
	if id, _, err := w.element(); err != nil || id != idSegment {
		return nil, refuse("it has no segment")
	}
	for {
		at := w.at
		id, size, err := w.element()
		if err != nil {
			return nil, refuse("it has no clusters")
		}
		switch id {
		case idCluster:
			if len(w.streams) == 0 {
				return nil, refuse("it has neither Opus, VP8 nor VP9")
			}
			w.first = at
			return w, w.rewind()
		case idInfo, idTracks, idTrackEntry:
			if id == idTrackEntry {
				err = w.readTrack(size)
			} else if id == idInfo {
				err = w.readInfo(size)
			}
		default:
			err = w.discard(size)
		}
		if err != nil {
			return nil, refuse("it is broken at its beginning")
		}
	}
}

// element reads the head of the next element.
func (w *webm) element() (id uint32, size int64, err error) {
	first, err := w.in.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	w.at++
	n := leadingZeros(first)
	if n > 3 {
		return 0, 0, refuse("it is broken")
	}
	v := uint64(first)
	if v, err = w.more(v, n); err != nil {
		return 0, 0, err
	}
	id = uint32(v)
	if first, err = w.in.ReadByte(); err != nil {
		return 0, 0, err
	}
	w.at++
	if n = leadingZeros(first); n > 7 {
		return 0, 0, refuse("it is broken")
	}
	if v, err = w.more(uint64(first)&(0x7f>>n), n); err != nil {
		return 0, 0, err
	}
	if v == 1<<(7*(n+1))-1 {
		return id, unknownSize, nil
	}
	return id, int64(v), nil
}

func leadingZeros(b byte) int {
	n := 0
	for n < 8 && b&(0x80>>n) == 0 {
		n++
	}
	return n
}

// more reads n further bytes of a number.
func (w *webm) more(v uint64, n int) (uint64, error) {
	for range n {
		b, err := w.in.ReadByte()
		if err != nil {
			return 0, err
		}
		w.at++
		v = v<<8 | uint64(b)
	}
	return v, nil
}

// discard passes over the rest of an element.
func (w *webm) discard(size int64) error {
	if size == unknownSize {
		return refuse("it is broken")
	}
	if size <= int64(w.in.Buffered()) {
		_, err := w.in.Discard(int(size))
		w.at += size
		return err
	}
	return w.to(w.at + size)
}

// to goes to a place.
func (w *webm) to(at int64) error {
	if _, err := w.file.Seek(at, io.SeekStart); err != nil {
		return refuse("it cannot be read")
	}
	w.in.Reset(w.file)
	w.at = at
	return nil
}

// value reads the contents of a short element.
func (w *webm) value(size int64, most int64) ([]byte, error) {
	if size > most {
		return nil, refuse("it is broken")
	}
	if int64(cap(w.buf)) < size {
		w.buf = make([]byte, size)
	}
	w.buf = w.buf[:size]
	n, err := io.ReadFull(w.in, w.buf)
	w.at += int64(n)
	return w.buf, err
}

// number reads an unsigned integer.
func (w *webm) number(size int64) (uint64, error) {
	b, err := w.value(size, 8)
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, err
}

// children calls read for each element in one of a known size; read returns false
// for what is to be passed over.
func (w *webm) children(size int64, read func(id uint32, size int64) (bool, error)) error {
	if size > maxPacket {
		return refuse("it is broken")
	}
	for end := w.at + size; w.at < end; {
		id, n, err := w.element()
		if err != nil {
			return err
		}
		if n > end-w.at {
			return refuse("it is broken")
		}
		known, err := read(id, n)
		if err == nil && !known {
			err = w.discard(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *webm) readInfo(size int64) error {
	return w.children(size, func(id uint32, n int64) (bool, error) {
		switch id {
		case idTimestampScale:
			v, err := w.number(n)
			if v == 0 || v > 1e9 {
				return true, refuse("its time scale is not usable")
			}
			w.scale = time.Duration(v)
			return true, err
		case idDuration:
			b, err := w.value(n, 8)
			switch len(b) {
			case 4:
				w.length = float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
			case 8:
				w.length = math.Float64frombits(binary.BigEndian.Uint64(b))
			}
			return true, err
		}
		return false, nil
	})
}

// readTrack takes a track if it is the first of its kind that can be played.
func (w *webm) readTrack(size int64) error {
	var number, kind uint64
	var codec string
	encoded := false
	err := w.children(size, func(id uint32, n int64) (bool, error) {
		var err error
		switch id {
		case idTrackNumber:
			number, err = w.number(n)
		case idTrackType:
			kind, err = w.number(n)
		case idCodecID:
			var b []byte
			b, err = w.value(n, 64)
			codec = string(b)
		case idEncodings: // compressed or encrypted
			encoded = true
			return false, nil
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil || encoded {
		return err
	}
	s := Stream{}
	switch {
	case kind == 2 && codec == "A_OPUS":
		s = Stream{media.Audio, "opus"}
	case kind == 1 && codec == "V_VP8":
		s = Stream{media.Video, "VP8"}
	case kind == 1 && codec == "V_VP9":
		s = Stream{media.Video, "VP9"}
	default:
		return nil
	}
	for _, other := range w.streams {
		if other.Kind == s.Kind {
			return nil
		}
	}
	w.streams, w.numbers = append(w.streams, s), append(w.numbers, number)
	return nil
}

func (w *webm) rewind() error {
	w.cluster, w.held = 0, nil
	return w.to(w.first)
}

// Streams implements [Reader].
func (w *webm) Streams() []Stream { return w.streams }

// Duration implements [Reader].
func (w *webm) Duration() time.Duration {
	d := w.length * float64(w.scale)
	if !(d > 0 && d < float64(1000*time.Hour)) {
		return 0
	}
	return time.Duration(d)
}

// Next implements [Reader].
func (w *webm) Next() (Packet, error) {
	if w.held != nil {
		p := *w.held
		w.held = nil
		return p, nil
	}
	for {
		id, size, err := w.element()
		if err != nil {
			return Packet{}, broken(err)
		}
		p, ok := Packet{}, false
		switch id {
		case idSegment, idCluster: // what is in them comes next
		case idTimestamp:
			var v uint64
			v, err = w.number(size)
			if v > uint64(1000*time.Hour/w.scale) {
				return Packet{}, refuse("its times are not usable")
			}
			w.cluster = time.Duration(v) * w.scale
		case idSimpleBlock:
			p, ok, err = w.block(size)
		case idBlockGroup:
			p, ok, err = w.blockGroup(size)
		default:
			err = w.discard(size)
		}
		if err != nil {
			return Packet{}, broken(err)
		}
		if ok {
			return p, nil
		}
	}
}

// blockGroup reads a block with what is said of it.
func (w *webm) blockGroup(size int64) (p Packet, ok bool, err error) {
	key := true
	err = w.children(size, func(id uint32, n int64) (bool, error) {
		switch id {
		case idBlock:
			var err error
			p, ok, err = w.block(n)
			return true, err
		case idReferenceBlock:
			key = false
		}
		return false, nil
	})
	p.Key = key
	return p, ok, err
}

// block reads a block, and tells whether it is of a stream we have.
func (w *webm) block(size int64) (Packet, bool, error) {
	b, err := w.value(size, maxPacket)
	if err != nil {
		return Packet{}, false, err
	}
	if len(b) == 0 {
		return Packet{}, false, refuse("it is broken")
	}
	n := leadingZeros(b[0])
	if n > 7 || len(b) < n+4 {
		return Packet{}, false, refuse("it is broken")
	}
	number := uint64(b[0]) & (0x7f >> n)
	for _, c := range b[1 : n+1] {
		number = number<<8 | uint64(c)
	}
	b = b[n+1:]
	at := w.cluster + time.Duration(int16(binary.BigEndian.Uint16(b)))*w.scale
	flags, data := b[2], b[3:]
	for i, of := range w.numbers {
		if of == number {
			if flags&0x06 != 0 {
				return Packet{}, false, refuse("it has several packets in a block, which is not read")
			}
			return Packet{Stream: i, At: max(at, 0), Data: data, Key: flags&0x80 != 0 || w.streams[i].Kind == media.Audio}, len(data) > 0, nil
		}
	}
	return Packet{}, false, nil
}

// Seek implements [Reader].
func (w *webm) Seek(to time.Duration) error {
	var from again = w
	video := slices.ContainsFunc(w.streams, func(s Stream) bool { return s.Kind == media.Video })
	if video {
		from = pictures{w}
	}
	p, err := skip(from, to, video)
	if err == nil {
		w.held = &p
	}
	return ended(err)
}

// pictures is a file in which only key frames of pictures are key, so that a file
// with pictures is entered at one.
type pictures struct{ *webm }

func (p pictures) Next() (Packet, error) {
	x, err := p.webm.Next()
	if err == nil && p.streams[x.Stream].Kind == media.Audio {
		x.Key = false
	}
	return x, err
}
