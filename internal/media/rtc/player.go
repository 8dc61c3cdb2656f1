package rtc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp/codecs"

	"switchboard/internal/media"
	"switchboard/internal/media/file"
	"switchboard/internal/media/rtc/forward"
)

// player is a media.Player. Its goroutine, between Play and Close, reads the file,
// puts each packet into the plane when its time has come, and owns all that is not
// guarded.
type player struct {
	engine *Engine
	id     media.TransportID
	plane  *forward.Transport
	tracks []media.Track
	file   io.Closer
	reader file.Reader
	loops  int // still to be played, this one included; 0 is for ever
	sizes  []packetizer
	wake   chan struct{} // capacity 1
	ended  chan struct{} // the goroutine has ended
	once   sync.Once     // of Close

	mu     sync.Mutex
	status media.PlayStatus // guarded by mu
	seek   time.Duration    // where to go, -1: nowhere; guarded by mu
	over   bool             // the end was told; guarded by mu
	closed bool             // guarded by mu
}

// packetizer cuts what a decoder takes at a time into payloads.
type packetizer interface {
	Payload(mtu uint16, payload []byte) [][]byte
}

// playMTU is how long the payloads of a file are at most.
const playMTU = 1150

// lateness is how far a file may be behind its time before that is given up.
const lateness = 500 * time.Millisecond

// Play implements media.Engine.
func (e *Engine) Play(id media.TransportID, r media.PlayRequest) (media.Player, error) {
	f, reader, err := e.openFile(r.Name)
	if err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	p := &player{
		engine: e, id: id, file: f, reader: reader, loops: r.Loops, seek: -1,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
		status: media.PlayStatus{Duration: reader.Duration(), Seekable: true, Paused: r.Paused},
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.transports[id] != nil || e.players[id] != nil {
		err = media.ErrClosed
		if !e.closed {
			err = fmt.Errorf("%w: its id is in use", media.ErrState)
		}
		return nil, errors.Join(fmt.Errorf("play: %w", err), f.Close())
	}
	e.players[id] = p
	p.plane = e.plane.NewTransport(forward.TransportOptions{ID: id})
	p.plane.SetLines(p.lines())
	e.desk.Open(id, nil, false)
	go p.run()
	return p, nil
}

// openFile opens a file of the folder, and no other, whatever the name.
func (e *Engine) openFile(name string) (*os.File, file.Reader, error) {
	switch {
	case e.files == nil:
		return nil, nil, fmt.Errorf("%w: no files are played here", media.ErrFile)
	case name == "" || len(name) > 255 || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\\:\x00"):
		return nil, nil, fmt.Errorf("%w: '%.64s' is no name of a file", media.ErrFile, name)
	}
	f, err := e.files.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: there is no '%s'", media.ErrFile, name)
	}
	var reader file.Reader
	var info fs.FileInfo
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: '%s' is no file", media.ErrFile, name)
	}
	if err == nil {
		reader, err = file.Open(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, reader, nil
}

// lines makes the tracks and says how they look in the plane.
func (p *player) lines() []forward.Line {
	var lines []forward.Line
	for i, s := range p.reader.Streams() {
		t := media.Track{ID: p.engine.newTrack(), Kind: s.Kind, Codec: s.Kind.String() + "/" + s.Codec}
		c := forward.Codec{Name: s.Codec, PayloadType: uint8(100 + i), ClockRate: 90000}
		var cut packetizer
		switch s.Codec {
		case "VP8":
			cut = &codecs.VP8Payloader{EnablePictureID: true}
		case "VP9":
			cut = &codecs.VP9Payloader{}
		default:
			c.ClockRate, c.Channels = 48000, 2
			cut = &codecs.OpusPayloader{}
		}
		p.tracks, p.sizes = append(p.tracks, t), append(p.sizes, cut)
		lines = append(lines, forward.Line{Index: i, Kind: s.Kind, Codecs: []forward.Codec{c}, Track: t.ID, SSRC: uint32(random64()) | 1})
	}
	return lines
}

// run is the goroutine.
func (p *player) run() {
	defer close(p.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	base := p.engine.plane.Now() // when the beginning of the file is played
	next, err := p.reader.Next()
	held := int64(0) // since when it is paused, 0: it is not
	for {
		paused, seek, closed := p.orders()
		now := p.engine.plane.Now()
		switch {
		case closed:
			return
		case seek >= 0:
			if err = p.reader.Seek(seek); err == nil {
				next, err = p.reader.Next()
			}
			base = now - int64(seek)
			if err == nil {
				base = now - int64(next.At)
			}
			if held > 0 {
				held = now
			}
		case paused && held == 0:
			held = now
		case !paused && held > 0:
			base, held = base+now-held, 0
		}
		if err != nil && !p.again(&next, &err, &base) {
			p.finish(err)
			return
		}
		due := base + int64(next.At)
		switch wait := time.Duration(due - now); {
		case paused:
			timer.Stop()
		case wait > 0:
			timer.Reset(wait)
		default:
			if -wait > lateness {
				base -= int64(wait)
			}
			p.put(next, due)
			next, err = p.reader.Next()
			continue
		}
		select {
		case <-p.wake:
		case <-timer.C:
		}
	}
}

// orders returns what was asked for since the last time.
func (p *player) orders() (paused bool, seek time.Duration, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seek, p.seek = p.seek, -1
	return p.status.Paused, seek, p.closed
}

// again begins the file anew if it is to be played once more.
func (p *player) again(next *file.Packet, err *error, base *int64) bool {
	if !errors.Is(*err, io.EOF) || p.loops == 1 {
		return false
	}
	if p.loops > 0 {
		p.loops--
	}
	// It goes on without a gap: behind the last packet, which is 20 ms of sound.
	length := p.Status().Position + 20*time.Millisecond
	if d := p.reader.Duration(); d > length {
		length = d
	}
	if *err = p.reader.Seek(0); *err == nil {
		*next, *err = p.reader.Next()
	}
	*base += int64(length)
	return *err == nil
}

// put sends a packet of the file.
func (p *player) put(x file.Packet, due int64) {
	p.mu.Lock()
	p.status.Position = x.At
	p.mu.Unlock()
	t := p.tracks[x.Stream]
	rate := int64(90000)
	if t.Kind == media.Audio {
		rate = 48000
	}
	stamp := uint32(due / 1e3 * rate / 1e6)
	parts := p.sizes[x.Stream].Payload(playMTU, x.Data)
	for i, part := range parts {
		p.plane.Put(forward.Made{
			Track: t.ID, Codec: t.Codec[len("audio/"):], Timestamp: stamp, At: due, Payload: part,
			Marker: t.Kind == media.Video && i == len(parts)-1,
		})
	}
	p.engine.plane.Kick()
}

// finish tells that the end is reached.
func (p *player) finish(err error) {
	ended := media.PlayEnded{Player: p.id}
	if !errors.Is(err, io.EOF) {
		ended.Reason = err.Error()
	}
	p.mu.Lock()
	p.over = true
	closed := p.closed
	p.mu.Unlock()
	if !closed {
		p.engine.sink.Post(ended)
	}
}

// Tracks implements media.Player.
func (p *player) Tracks() []media.Track { return append([]media.Track(nil), p.tracks...) }

// Pause implements media.Player.
func (p *player) Pause(paused bool) error {
	return p.change("pause", func() { p.status.Paused = paused })
}

// Seek implements media.Player.
func (p *player) Seek(to time.Duration) error {
	return p.change("seek", func() {
		p.seek = max(to, 0)
		p.status.Position = p.seek
	})
}

// change gives the goroutine something to do.
func (p *player) change(what string, do func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fmt.Errorf("%s: %w", what, media.ErrClosed)
	case p.over:
		return fmt.Errorf("%s: %w: the file has come to its end", what, media.ErrState)
	}
	do()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// Status implements media.Player.
func (p *player) Status() media.PlayStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Close implements media.Player.
func (p *player) Close() error {
	var err error
	p.once.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		select {
		case p.wake <- struct{}{}:
		default:
		}
		<-p.ended
		p.engine.forgetPlayer(p)
		p.plane.Close()
		err = p.file.Close()
	})
	<-p.ended
	return err
}

// forgetPlayer takes a player out of the engine.
func (e *Engine) forgetPlayer(p *player) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.players, p.id)
	e.desk.Forget(p.id)
}
