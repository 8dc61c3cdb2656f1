package rtc_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	codec "switchboard/internal/media/opus"
	"switchboard/internal/media/rtc"
)

// ear keeps the sound that a peer receives.
type ear struct {
	mu      sync.Mutex
	packets []*rtp.Packet // the last of them; guarded by mu
	at      []time.Time   // when they came; guarded by mu
	count   int           // guarded by mu
	breaks  []string      // of the sequence; guarded by mu
}

// take keeps a packet, and notes where the stream is not continuous.
func (e *ear) take(p *rtp.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.packets); n > 0 {
		last := e.packets[n-1]
		// A busy machine loses packets on loopback too: some may be missing, but none
		// comes twice or late, and time goes on with them.
		step, passed := int16(p.SequenceNumber-last.SequenceNumber), int32(p.Timestamp-last.Timestamp)
		if p.SSRC != last.SSRC || step < 1 || passed < int32(step) {
			e.breaks = append(e.breaks, fmt.Sprintf("%d: %v after %v", e.count, p.Header, last.Header))
		}
	}
	e.count++
	e.packets, e.at = append(e.packets, p.Clone()), append(e.at, time.Now())
	if len(e.packets) > 50 {
		e.packets, e.at = e.packets[1:], e.at[1:]
	}
}

// since tells how many packets came.
func (e *ear) since() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

// listen returns the sound of what came in the last 600 ms, while which at least
// one frame of comfort noise comes.
func (e *ear) listen(t testing.TB) []float32 {
	e.mu.Lock()
	packets := slices.Clone(e.packets)
	for i, at := range e.at {
		if time.Since(at) > 600*time.Millisecond {
			packets = slices.Clone(e.packets[i+1:])
		}
	}
	e.mu.Unlock()
	d, err := codec.New().NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var all []float32
	pcm := make([]float32, codec.MaxSamples)
	for i, p := range packets {
		n, err := d.Decode(p.Payload, pcm)
		if err != nil {
			t.Errorf("decode: %v", err)
		}
		if i >= 3 || len(packets) < 3 {
			all = append(all, pcm[:n]...)
		}
	}
	return all
}

// level is how loud a tone is in what came lately, in dB of full scale; -200 if
// that is nothing.
func (e *ear) level(t testing.TB, hz float64) float64 {
	return levelOf(e.listen(t), hz)
}

func levelOf(pcm []float32, hz float64) float64 {
	if len(pcm) == 0 {
		return -200
	}
	var re, im float64
	for i, v := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / codec.Rate)
		re += float64(v) * cos
		im += float64(v) * sin
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(pcm))+1e-10)
}

// hears waits until the tones heard are these, each at -20 dB, and of all no
// others.
func (p *peer) hears(all []float64, want ...float64) {
	p.t.Helper()
	p.hearsAt(-20, all, want...)
}

func (p *peer) hearsAt(db float64, all []float64, want ...float64) {
	p.t.Helper()
	var got []string
	end := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		got = nil
		ok := true
		for _, hz := range all {
			level := p.ear.level(p.t, hz)
			got = append(got, fmt.Sprintf("%.0f Hz %.1f dB", hz, level))
			if slices.Contains(want, hz) {
				ok = ok && math.Abs(level-db) < 2
			} else {
				ok = ok && level < -45 && level > -200
			}
		}
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			p.t.Fatalf("heard %v, want %v at %.0f dB", got, want, db)
		}
	}
}

// tone is a loop of packets of 20 ms.
func tone(t testing.TB, hz float64) [][]byte {
	t.Helper()
	e, err := codec.New().NewEncoder(codec.Settings{Bitrate: 48000, Complexity: 3})
	if err != nil {
		t.Fatal(err)
	}
	var loop [][]byte
	for i := range 50 {
		pcm := make([]float32, codec.Rate/50)
		for j := range pcm {
			pcm[j] = float32(0.1 * math.Sin(2*math.Pi*hz*float64(i*len(pcm)+j)/codec.Rate))
		}
		b := make([]byte, codec.MaxBytes)
		n, err := e.Encode(pcm, b)
		if err != nil {
			t.Fatal(err)
		}
		loop = append(loop, b[:n])
	}
	return loop
}

// mouth sends packets on a track, one every 20 ms, while it is open.
type mouth struct {
	mu   sync.Mutex
	loop [][]byte // nil: nothing is sent; guarded by mu
	each int      // packets every 20 ms; guarded by mu
}

// hurry makes the mouth send so many packets every 20 ms.
func (m *mouth) hurry(each int, loop [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.each, m.loop = each, loop
}

func (m *mouth) say(loop [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loop = loop
}

// sings makes a mouth of a track until the test ends.
func sings(t testing.TB, track *webrtc.TrackLocalStaticRTP, loop [][]byte) *mouth {
	m := &mouth{loop: loop, each: 1}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		p := &rtp.Packet{Header: rtp.Header{Version: 2}}
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			p.Timestamp += 960
			m.mu.Lock()
			loop, each := m.loop, m.each
			m.mu.Unlock()
			if loop == nil {
				continue
			}
			for range each {
				p.SequenceNumber++
				p.Payload = loop[i%len(loop)]
				if track.WriteRTP(p) != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return m
}

// stage is an engine with peers who sing.
type stage struct {
	testing.TB
	*rtc.Engine
	*events
	people   map[string]*person
	revision uint64
}

// person is somebody on the stage, with one line of sound both ways.
type person struct {
	*peer
	media.Transport
	id    media.TransportID
	track media.TrackID
	mouth *mouth
	hz    float64
}

func newStage(t testing.TB, o rtc.Options) *stage {
	e, sink := start(t, o)
	return &stage{TB: t, Engine: e, events: sink, people: map[string]*person{}}
}

// enter brings people in who sing tones, to whom we offer.
func (s *stage) enter(o media.TransportOptions, names ...string) []*person {
	s.Helper()
	var all []*person
	for _, name := range names {
		p := &person{peer: newPeer(s, ours), id: media.TransportID(name), hz: float64(400 + 300*len(s.people))}
		track := p.gives(voice)
		p.Transport = open(s, s.Engine, p.id, o)
		a := p.answers(p.Transport, duplex)
		p.track = a.Tracks[0].ID
		await[media.Connected](s, s.events, p.id)
		p.mouth = sings(s, track, tone(s, p.hz))
		s.people[name] = p
		all = append(all, p)
	}
	return all
}

// apply applies routes of a room with the next revision.
func (s *stage) apply(room media.RoomID, receptions []media.Reception, voices ...media.Voice) {
	s.revision++
	s.Engine.Apply(media.Routes{Room: room, Revision: s.revision, Receptions: receptions, Voices: voices})
}

func (p *person) voice(gate media.Gate) media.Voice {
	return media.Voice{Track: p.track, From: p.id, In: true, Gate: gate}
}

func (p *person) hearing(percent int) media.Reception {
	return media.Reception{To: p.id, Mix: percent}
}

var mixed = media.TransportOptions{Receive: true, Send: true, Mix: true}
