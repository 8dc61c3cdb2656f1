// Package file reads what is to be played out of files: Ogg with Opus (RFC 7845),
// WebM with Opus, VP8 or VP9, and WAV with PCM, which it encodes.
//
// It owns the containers and nothing of time or networks: a [Reader] gives packet
// after packet with the time each belongs to, as fast as it is asked. A reader is
// used by one goroutine. Files are hostile input: everything is bounded, and what
// cannot be read fails with a sentence that is safe to show, wrapping
// [media.ErrFile].
package file

import (
	"errors"
	"fmt"
	"io"
	"time"

	"switchboard/internal/media"
)

// maxPacket is the longest packet that is read, in bytes: a key frame of a large
// picture.
const maxPacket = 4 << 20

// Stream is one kind of media in a file.
type Stream struct {
	Kind  media.Kind
	Codec string // encoding name: "opus", "VP8" or "VP9"
}

// Packet is what a decoder takes at a time: 20 ms of sound, one picture.
type Packet struct {
	Stream int           // index in Streams
	At     time.Duration // when it is played, from the beginning
	Data   []byte        // valid until the next call
	Key    bool          // a picture that needs no other; sound always is
}

// Reader reads a file.
type Reader interface {
	// Streams are what the file has, the first of each kind.
	Streams() []Stream
	// Duration is how long it plays, 0 if the file does not say.
	Duration() time.Duration
	// Next returns the next packet, or io.EOF behind the last.
	Next() (Packet, error)
	// Seek goes to the first packets that begin at a time or later, with a key
	// frame.
	Seek(to time.Duration) error
}

// Open reads the beginning of a file and finds out what it is.
func Open(r io.ReadSeeker) (Reader, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, refuse("it is too short")
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, refuse("it cannot be read")
	}
	switch {
	case string(head[:4]) == "OggS":
		return reader(openOgg(r))
	case string(head[:4]) == "\x1a\x45\xdf\xa3":
		return reader(openWebM(r))
	case string(head[:4]) == "RIFF" && string(head[8:]) == "WAVE":
		return reader(openWAV(r))
	}
	return nil, refuse("it is neither Ogg, WebM nor WAV")
}

// reader is r, or nil where there is an error.
func reader(r Reader, err error) (Reader, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

func refuse(format string, arguments ...any) error {
	return fmt.Errorf("%w: %s", media.ErrFile, fmt.Sprintf(format, arguments...))
}

// broken is what reading in the middle of a file fails with; the end stays the
// end.
func broken(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, media.ErrFile):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.EOF // cut off: what there is was played
	}
	return refuse("it cannot be read any further")
}

// again is a reader that can begin anew.
type again interface {
	Next() (Packet, error)
	rewind() error
}

// skip goes to a time by reading up to it. Pictures begin with a key frame. It
// returns the packet it stopped at, which is the next.
func skip(r again, to time.Duration, video bool) (Packet, error) {
	if err := r.rewind(); err != nil {
		return Packet{}, err
	}
	for {
		p, err := r.Next()
		if err != nil || p.At >= to && (p.Key || !video) {
			return p, err
		}
	}
}
