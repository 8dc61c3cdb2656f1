// Package mix adds voices. It owns what every listener hears: talkers feed rooms,
// listeners hear rooms, each at a volume, and a listener gets one stream that is
// the sum of everybody in those rooms but themself.
//
// The order of work is that of the files. Packets wait in a [Talker]'s queue
// (queue.go) and are decoded as they are due (source.go). Who is audible to whom
// is worked out only when somebody begins or ceases to be audible, or a route
// changes (regroup.go): listeners who hear the same talkers at the same volumes
// share one blend (blend.go), which is encoded once. Blends that have a talker in
// common go together in an island (island.go), which runs when the frames of its
// talkers are there. Who is silent, who hears nobody and rooms in which nobody
// speaks take part in none of this.
//
// Nothing here knows sockets, RTP headers, sessions or permissions, and nothing
// waits: time is what the caller says it is. One goroutine calls everything, calls
// [Mixer.Tick] when [Mixer.Due] says so, and sends what comes out of [Output].
package mix

import (
	"fmt"
	"slices"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/opus"
)

const (
	// FrameSamples is the length of a mixed frame, 20 ms at 48 kHz.
	FrameSamples = opus.Rate / 50
	// frameTime is the same as a duration.
	frameTime = 20 * time.Millisecond
	// Never is what [Mixer.Due] returns when there is nothing to wait for.
	Never = time.Duration(1<<63 - 1)
)

// Options of a mixer. The zero value is a good one.
type Options struct {
	Codec      opus.Codec // nil: opus.New()
	Bitrate    int        // of what listeners get, bit/s; 0: 48000
	Complexity int        // of its encoding, 1 to 10; 0: 5
	AGC        bool       // bring talkers slowly to one loudness
}

// Output takes what a mixer makes. It is called from within the mixer's methods,
// must not block or call the mixer, and may keep nothing it is given.
type Output interface {
	// Frame is to be sent to each of its listeners.
	Frame(Frame)
	// Talking says that somebody began or stopped speaking, whoever hears it.
	Talking(t *Talker, on bool)
}

// Frame is one packet's worth of sound for some listeners. Each listener's own
// timestamp and marker are read from it while the frame is handed over.
type Frame struct {
	Listeners []*Listener
	Payload   []byte // an Opus packet
	Samples   int    // its length at 48 kHz
}

// Counters say what a mixer has done since it was made.
type Counters struct {
	Decoded   uint64 // packets decoded
	Concealed uint64 // blocks of 20 ms in which something had to be concealed
	Recovered uint64 // lost packets taken from the redundancy of the next
	Encoded   uint64 // packets encoded
	Frames    uint64 // packets handed out, one for each listener
	Dropped   uint64 // incoming packets refused: malformed, late, twice, or too many
	Failed    uint64 // packets the codec could not encode or decode
}

// Mixer is the whole of it. See the package comment for who may call.
type Mixer struct {
	options   Options
	out       Output
	codecs    pool
	rooms     map[media.RoomID]*room
	listeners []*Listener
	quiet     []*Listener // who hears nobody
	live      []*Talker   // open, talking or probed: whom time concerns
	recent    []*Talker   // spoke lately; those who speak now may be among them
	numbers   []bool      // numbers of talkers in use
	blends    []*blend
	islands   []*island
	comfort   []byte        // the frame for who hears nobody
	comfortAt time.Duration // when it is due again
	dirty     bool          // regroup before the next tick
	now       time.Duration // as the caller said last
	counters  Counters
	working   workspace
}

// New makes a mixer. It fails if the codec does.
func New(o Options, out Output) (*Mixer, error) {
	if o.Codec == nil {
		o.Codec = opus.New()
	}
	if o.Bitrate == 0 {
		o.Bitrate = 48000
	}
	if o.Complexity == 0 {
		o.Complexity = 5
	}
	m := &Mixer{
		options: o, out: out, rooms: map[media.RoomID]*room{}, comfortAt: Never,
		codecs: pool{codec: o.Codec, settings: opus.Settings{Bitrate: o.Bitrate, Complexity: o.Complexity}},
	}
	m.working.start()
	var err error
	if m.comfort, err = comfortFrame(&m.codecs); err != nil {
		return nil, fmt.Errorf("make comfort noise: %w", err)
	}
	return m, nil
}

// Counters returns the counts so far.
func (m *Mixer) Counters() Counters { return m.counters }

// Due returns when Tick is to be called next, or [Never]. It may be past, and
// changes with every other call.
func (m *Mixer) Due() time.Duration {
	if m.dirty {
		return m.now
	}
	due := Never
	if len(m.quiet) > 0 {
		due = m.comfortAt
	}
	for _, s := range m.islands {
		due = min(due, s.due())
	}
	for _, t := range m.live {
		due = min(due, t.expires())
	}
	return due
}

// Tick does everything that is due at the time now.
func (m *Mixer) Tick(now time.Duration) {
	m.now = max(m.now, now)
	m.expire()
	if m.dirty {
		m.regroup()
	}
	for _, s := range m.islands {
		// Twice: a frame that came late brings the next one with it.
		for range 2 {
			if s.due() <= m.now {
				m.run(s)
			}
		}
	}
	m.comfortQuiet()
}

// expire closes whoever was quiet for long enough.
func (m *Mixer) expire() {
	m.live = slices.DeleteFunc(m.live, func(t *Talker) bool {
		if t.expires() <= m.now {
			m.settle(t)
		}
		return !t.open && !t.activity.talking && !t.probed
	})
}
