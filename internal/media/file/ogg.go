package file

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/opus"
)

// ogg reads a file of one logical stream (RFC 3533) of Opus (RFC 7845).
type ogg struct {
	file     io.ReadSeeker
	in       *bufio.Reader
	serial   uint32
	skip     int // samples before the beginning
	duration time.Duration

	lacing  []byte // of the page, what is left
	samples int64  // played so far
	packet  []byte
	held    *Packet // to be given next, after Seek
}

// page is the header of a page without its lacing.
type page struct {
	flags   byte
	granule int64
	serial  uint32
}

const (
	pageHeader    = 27
	pageContinued = 1
)

func openOgg(r io.ReadSeeker) (*ogg, error) {
	o := &ogg{file: r, in: bufio.NewReaderSize(r, 32<<10)}
	if err := o.rewind(); err != nil {
		return nil, err
	}
	o.duration = o.measure()
	return o, o.rewind()
}

// rewind goes to the first packet of sound.
func (o *ogg) rewind() error {
	if _, err := o.file.Seek(0, io.SeekStart); err != nil {
		return refuse("it cannot be read")
	}
	o.in.Reset(o.file)
	o.lacing, o.samples, o.held = nil, 0, nil
	p, err := o.page()
	if err != nil {
		return refuse("its first page cannot be read")
	}
	o.serial = p.serial
	head, err := o.read()
	if err != nil || len(head) < 19 || string(head[:8]) != "OpusHead" || head[8]>>4 != 0 {
		return refuse("its sound is no Opus")
	}
	if head[18] != 0 {
		return refuse("it has more than two channels")
	}
	o.skip = int(binary.LittleEndian.Uint16(head[10:]))
	tags, err := o.read()
	if err != nil || !bytes.HasPrefix(tags, []byte("OpusTags")) {
		return refuse("its second packet is none of Opus")
	}
	return nil
}

// page reads a page's header and lacing.
func (o *ogg) page() (page, error) {
	h, err := o.in.Peek(pageHeader)
	if err != nil {
		return page{}, io.EOF
	}
	if string(h[:4]) != "OggS" || h[4] != 0 {
		return page{}, refuse("it is no Ogg from some page on")
	}
	p := page{flags: h[5], granule: int64(binary.LittleEndian.Uint64(h[6:])), serial: binary.LittleEndian.Uint32(h[14:])}
	n := int(h[26])
	_, _ = o.in.Discard(pageHeader)
	o.lacing = make([]byte, n)
	if _, err := io.ReadFull(o.in, o.lacing); err != nil {
		return page{}, io.EOF
	}
	return p, nil
}

// read returns the next packet of the stream, which may span pages.
func (o *ogg) read() ([]byte, error) {
	o.packet = o.packet[:0]
	for {
		for len(o.lacing) == 0 {
			p, err := o.page()
			if err != nil {
				return nil, err
			}
			if p.serial != o.serial { // another stream's
				if err := o.pass(); err != nil {
					return nil, err
				}
			} else if p.flags&pageContinued == 0 {
				o.packet = o.packet[:0] // what was begun is lost
			}
		}
		n := int(o.lacing[0])
		o.lacing = o.lacing[1:]
		at := len(o.packet)
		if at+n > maxPacket {
			return nil, refuse("a packet in it is too long")
		}
		o.packet = append(o.packet, make([]byte, n)...)
		if _, err := io.ReadFull(o.in, o.packet[at:]); err != nil {
			return nil, broken(err)
		}
		if n < 255 {
			return o.packet, nil
		}
	}
}

// pass goes on behind a page.
func (o *ogg) pass() error {
	n := 0
	for _, l := range o.lacing {
		n += int(l)
	}
	o.lacing = nil
	if _, err := o.in.Discard(n); err != nil {
		return broken(err)
	}
	return nil
}

// measure finds the end of the last page.
func (o *ogg) measure() time.Duration {
	size, err := o.file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0
	}
	tail := min(size, 128<<10)
	if _, err := o.file.Seek(-tail, io.SeekEnd); err != nil {
		return 0
	}
	b := make([]byte, tail)
	if _, err := io.ReadFull(o.file, b); err != nil {
		return 0
	}
	for at := bytes.LastIndex(b, []byte("OggS")); at >= 0; at = bytes.LastIndex(b[:at], []byte("OggS")) {
		if len(b)-at < pageHeader || binary.LittleEndian.Uint32(b[at+14:]) != o.serial {
			continue
		}
		if n := int64(binary.LittleEndian.Uint64(b[at+6:])) - int64(o.skip); n > 0 && n < 1<<44 {
			return samplesTime(n)
		}
	}
	return 0
}

func samplesTime(n int64) time.Duration { return time.Duration(n) * 1e6 / (opus.Rate / 1000) }

// Streams implements [Reader].
func (o *ogg) Streams() []Stream { return []Stream{{media.Audio, "opus"}} }

// Duration implements [Reader].
func (o *ogg) Duration() time.Duration { return o.duration }

// Next implements [Reader].
func (o *ogg) Next() (Packet, error) {
	if o.held != nil {
		p := *o.held
		o.held = nil
		return p, nil
	}
	for {
		b, err := o.read()
		if err != nil {
			return Packet{}, broken(err)
		}
		n := opus.Samples(b)
		if n == 0 { // no Opus
			continue
		}
		at := samplesTime(o.samples)
		o.samples += int64(n)
		return Packet{At: at, Data: b, Key: true}, nil
	}
}

// Seek implements [Reader].
func (o *ogg) Seek(to time.Duration) error {
	p, err := skip(o, to, false)
	if err == nil {
		o.held = &p
	}
	return ended(err)
}

// ended makes the end no error: what comes next is the end.
func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
