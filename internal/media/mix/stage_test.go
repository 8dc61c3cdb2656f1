package mix

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/opus"
)

// tape is a codec that loses nothing: packets name sound that is kept here, so
// that tests can compare samples.
type tape struct {
	kept               map[uint32][]float32
	encoders, decoders int  // made
	forget             bool // what is encoded, in long tests
}

func newTape() *tape { return &tape{kept: map[uint32][]float32{}} }

// toc20 begins packets of one CELT frame of 20 ms.
const toc20 = 31 << 3

// packet keeps pcm, whose length is that of the TOC byte, and returns its packet.
func (c *tape) packet(toc byte, pcm []float32) []byte {
	id := uint32(len(c.kept) + 1)
	c.kept[id] = slices.Clone(pcm)
	return binary.BigEndian.AppendUint32([]byte{toc, 1, 2}, id)
}

func (c *tape) play(packet []byte) []float32 {
	if len(packet) != 7 {
		return nil
	}
	return c.kept[binary.BigEndian.Uint32(packet[3:])]
}

func (c *tape) NewDecoder() (opus.Decoder, error) { c.decoders++; return &tapeDecoder{tape: c}, nil }
func (c *tape) NewEncoder(opus.Settings) (opus.Encoder, error) {
	c.encoders++
	return &tapeEncoder{c}, nil
}

type tapeDecoder struct {
	*tape
	last []float32
}

func (d *tapeDecoder) Decode(packet []byte, pcm []float32) (int, error) {
	d.last = d.play(packet)
	if d.last == nil {
		return 0, errNotKept
	}
	return copy(pcm, d.last), nil
}
func (d *tapeDecoder) Recover(_ []byte, pcm []float32) error { return d.Conceal(pcm) }
func (d *tapeDecoder) Conceal(pcm []float32) error {
	clear(pcm)
	for n := 0; n < len(pcm) && len(d.last) > 0; {
		n += copy(pcm[n:], d.last)
	}
	return nil
}
func (d *tapeDecoder) Reset() { d.last = nil }

type tapeEncoder struct{ *tape }

func (e *tapeEncoder) Encode(pcm []float32, packet []byte) (int, error) {
	if e.forget {
		return copy(packet, []byte{toc20, 1, 2, 0, 0, 0, 0}), nil
	}
	return copy(packet, e.packet(toc20, pcm)), nil
}
func (e *tapeEncoder) Reset() {}

type notKept struct{}

func (notKept) Error() string { return "not on the tape" }

var errNotKept = notKept{}

// stage is a mixer in virtual time with everybody around it.
type stage struct {
	testing.TB
	*Mixer
	clock  time.Duration
	acts   []act
	frames map[*Listener][]heard
	told   []told
	keep   bool // frames; else only counted
	count  int
}

// heard is a frame that a listener got.
type heard struct {
	at        time.Duration
	timestamp uint32
	marker    bool
	payload   []byte
}

type told struct {
	at     time.Duration
	talker *Talker
	on     bool
}

// act is something that happens at a time.
type act struct {
	at time.Duration
	do func()
}

func newStage(t testing.TB, o Options) *stage {
	t.Helper()
	s := &stage{TB: t, frames: map[*Listener][]heard{}, keep: true}
	m, err := New(o, s)
	if err != nil {
		t.Fatal(err)
	}
	s.Mixer = m
	return s
}

func (s *stage) Frame(f Frame) {
	s.count += len(f.Listeners)
	if !s.keep {
		return
	}
	payload := slices.Clone(f.Payload)
	for _, l := range f.Listeners {
		s.frames[l] = append(s.frames[l], heard{s.clock, l.Timestamp(), l.Marker(), payload})
	}
}

func (s *stage) Talking(t *Talker, on bool) { s.told = append(s.told, told{s.clock, t, on}) }

// at plans something; what is planned for one time happens in the order of
// planning.
func (s *stage) at(when time.Duration, do func()) { s.acts = append(s.acts, act{when, do}) }

// play lets time pass until a time, with the mixer called when it wants to be.
func (s *stage) play(until time.Duration) {
	s.Helper()
	slices.SortStableFunc(s.acts, func(a, b act) int { return int(a.at - b.at) })
	ticks := 0
	for {
		next := until
		if len(s.acts) > 0 {
			next = min(next, s.acts[0].at)
		}
		if due := s.Due(); due <= next {
			if due <= s.clock {
				if ticks++; ticks > 100 {
					s.Fatalf("the mixer is due again and again at %v", s.clock)
				}
			} else {
				ticks = 0
			}
			s.clock = max(s.clock, due)
			s.Tick(s.clock)
			continue
		}
		s.clock, ticks = next, 0
		if len(s.acts) == 0 || s.acts[0].at > until {
			return
		}
		a := s.acts[0]
		s.acts = s.acts[1:]
		a.do()
	}
}

// talker adds one whose track and transport have a name.
func (s *stage) talker(name string, rooms ...media.RoomID) *Talker {
	t := s.AddTalker(media.TrackID(name+"-mic"), media.TransportID(name))
	var feeds []Feed
	for _, r := range rooms {
		feeds = append(feeds, Feed{Room: r})
	}
	s.Feed(t, feeds)
	return t
}

// listener adds one who hears rooms at unity.
func (s *stage) listener(name string, rooms ...media.RoomID) *Listener {
	l := s.AddListener(media.TransportID(name), s.clock)
	var hears []Hearing
	for _, r := range rooms {
		hears = append(hears, Hearing{Room: r})
	}
	s.Hear(l, hears)
	return l
}

// speech is what somebody sends: packets at regular times.
type speech struct {
	from, to time.Duration
	every    time.Duration // 0: 20 ms
	payload  func(i int) []byte
	level    uint8 // 0: not sent
	lose     func(i int) bool
	delay    func(i int) time.Duration
	drift    float64 // of the sender's clock
	first    uint16
}

// speak plans a speech.
func (s *stage) speak(t *Talker, x speech) {
	if x.every == 0 {
		x.every = frameTime
	}
	step := time.Duration(float64(x.every) / (1 + x.drift))
	for i := 0; x.from+time.Duration(i)*step < x.to; i++ {
		if x.lose != nil && x.lose(i) {
			continue
		}
		when := x.from + time.Duration(i)*step
		if x.delay != nil {
			when += x.delay(i)
		}
		s.at(when, func() {
			s.Push(t, Packet{Sequence: x.first + uint16(i), Payload: x.payload(i), Level: x.level, HasLevel: x.level != 0}, s.clock)
		})
	}
}

// sine is a tone as a function of the packet's number.
func (c *tape) sine(hz, amplitude float64) func(int) []byte {
	return func(i int) []byte { return c.packet(toc20, sine(hz, amplitude, i*FrameSamples, FrameSamples)) }
}

// sine returns samples of a tone from a sample on.
func sine(hz, amplitude float64, from, n int) []float32 {
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(from+i)/opus.Rate))
	}
	return pcm
}

// listen returns all that a listener heard, without comfort noise.
func (c *tape) listen(s *stage, l *Listener) []float32 {
	var pcm []float32
	for _, f := range s.frames[l] {
		if string(f.payload) != string(s.comfort) {
			pcm = append(pcm, c.play(f.payload)...)
		}
	}
	return pcm
}

// amplitude measures how much of a tone is in pcm.
func amplitude(pcm []float32, hz float64) float64 {
	var re, im float64
	for i, v := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / opus.Rate)
		re += float64(v) * cos
		im += float64(v) * sin
	}
	return 2 * math.Hypot(re, im) / float64(max(len(pcm), 1))
}
