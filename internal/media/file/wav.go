package file

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/opus"
)

// frame is how much sound is in a packet of a WAV file: 20 ms.
const frame = opus.Rate / 50

// wav reads PCM and encodes it.
type wav struct {
	file     io.ReadSeeker
	in       *bufio.Reader
	start    int64 // of the samples in the file
	size     int64 // of the samples, bytes
	read     int64 // of them
	rate     int
	channels int
	bytes    int // a sample
	float    bool

	encoder opus.Encoder
	before  [4]float32 // samples of the file around the place
	place   float64    // between before[1] and before[2], in samples of the file
	frames  int64
	pcm     [frame]float32
	packet  [opus.MaxBytes]byte
	raw     []byte
	ended   int // samples behind the end
}

func openWAV(r io.ReadSeeker) (*wav, error) {
	w := &wav{file: r, in: bufio.NewReaderSize(r, 32<<10), start: 12}
	if _, err := w.in.Discard(12); err != nil {
		return nil, refuse("it is too short")
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			return nil, refuse("it has no sound")
		}
		w.start += 8
		n := int64(binary.LittleEndian.Uint32(head[4:]))
		switch string(head[:4]) {
		case "data":
			if w.rate == 0 {
				return nil, refuse("its format is not said")
			}
			return w.begin(n)
		case "fmt ":
			if err := w.format(n); err != nil {
				return nil, err
			}
		default:
			if _, err := io.CopyN(io.Discard, w.in, n+n&1); err != nil {
				return nil, refuse("it has no sound")
			}
		}
		w.start += n + n&1
	}
}

// format reads how samples are written.
func (w *wav) format(n int64) error {
	if n < 16 || n > 1<<10 {
		return refuse("its format cannot be read")
	}
	b := make([]byte, n+n&1)
	if _, err := io.ReadFull(w.in, b); err != nil {
		return refuse("its format cannot be read")
	}
	kind := binary.LittleEndian.Uint16(b)
	if kind == 0xfffe && len(b) >= 26 { // said further behind
		kind = binary.LittleEndian.Uint16(b[24:])
	}
	channels, rate, bits := int(binary.LittleEndian.Uint16(b[2:])), binary.LittleEndian.Uint32(b[4:]), int(binary.LittleEndian.Uint16(b[14:]))
	w.float = kind == 3
	switch {
	case kind != 1 && kind != 3:
		return refuse("its sound is no PCM")
	case w.float && bits != 32, bits%8 != 0, bits < 8, bits > 32:
		return refuse("its samples have %d bits, which is not read", bits)
	case channels < 1 || channels > 8:
		return refuse("it has %d channels", channels)
	case rate < 4000 || rate > 192000:
		return refuse("its sample rate is %d Hz", rate)
	}
	w.rate, w.channels, w.bytes = int(rate), channels, bits/8
	return nil
}

// begin finds out how long the sound is and goes to its beginning.
func (w *wav) begin(size int64) (*wav, error) {
	end, err := w.file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, refuse("it cannot be read")
	}
	// A file that is still written, or was cut off, says too much.
	w.size = min(size, end-w.start)
	w.size -= w.size % int64(w.channels*w.bytes)
	w.raw = make([]byte, w.channels*w.bytes)
	if w.encoder, err = opus.New().NewEncoder(opus.Settings{Bitrate: 48000, Complexity: 5}); err != nil {
		return nil, refuse("its sound cannot be encoded")
	}
	return w, w.Seek(0)
}

// Streams implements [Reader].
func (w *wav) Streams() []Stream { return []Stream{{media.Audio, "opus"}} }

// Duration implements [Reader].
func (w *wav) Duration() time.Duration {
	return time.Duration(float64(w.size/int64(w.channels*w.bytes)) / float64(w.rate) * float64(time.Second))
}

// Seek implements [Reader].
func (w *wav) Seek(to time.Duration) error {
	w.frames = int64(max(to, 0) / (20 * time.Millisecond))
	sample := w.frames * int64(w.rate) / 50
	w.read = min(sample*int64(w.channels*w.bytes), w.size)
	if _, err := w.file.Seek(w.start+w.read, io.SeekStart); err != nil {
		return refuse("it cannot be read")
	}
	w.in.Reset(w.file)
	w.encoder.Reset()
	w.before, w.place, w.ended = [4]float32{}, 1, 0
	for range 2 { // the first sample comes to before[1]
		w.shift()
	}
	return nil
}

// Next implements [Reader].
func (w *wav) Next() (Packet, error) {
	if w.ended > 2 {
		return Packet{}, io.EOF
	}
	step := float64(w.rate) / opus.Rate
	for i := range w.pcm {
		for w.place >= 1 {
			w.place--
			w.shift()
		}
		w.pcm[i] = cubic(&w.before, float32(w.place))
		w.place += step
	}
	n, err := w.encoder.Encode(w.pcm[:], w.packet[:])
	if err != nil {
		return Packet{}, refuse("its sound cannot be encoded")
	}
	at := time.Duration(w.frames) * 20 * time.Millisecond
	w.frames++
	return Packet{At: at, Data: w.packet[:n], Key: true}, nil
}

// cubic is what lies between the second and the third of four samples.
func cubic(s *[4]float32, x float32) float32 {
	a := (3*(s[1]-s[2]) - s[0] + s[3]) / 2
	b := s[0] + 2*s[2] - (5*s[1]+s[3])/2
	c := (s[2] - s[0]) / 2
	return ((a*x+b)*x+c)*x + s[1]
}

// shift takes the next sample of the file, all channels as one.
func (w *wav) shift() {
	copy(w.before[:], w.before[1:])
	w.before[3] = 0
	if w.read+int64(len(w.raw)) > w.size {
		w.ended++
		return
	}
	if _, err := io.ReadFull(w.in, w.raw); err != nil {
		w.ended++
		w.read = w.size
		return
	}
	w.read += int64(len(w.raw))
	sum := float32(0)
	for b := w.raw; len(b) > 0; b = b[w.bytes:] {
		sum += w.sample(b)
	}
	w.before[3] = min(max(sum/float32(w.channels), -1), 1)
}

// sample reads one sample.
func (w *wav) sample(b []byte) float32 {
	switch {
	case w.float:
		v := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if v != v {
			return 0
		}
		return v
	case w.bytes == 1: // unsigned
		return (float32(b[0]) - 128) / 128
	}
	var v uint32 // the high bits of it
	for i := range w.bytes {
		v |= uint32(b[i]) << (8 * (4 - w.bytes + i))
	}
	return float32(int32(v)) / (1 << 31)
}
