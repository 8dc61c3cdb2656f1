// Package mediatest holds a media engine for tests that moves no packet: it
// records transports and routes, answers offers with small descriptions, and
// posts the events it is told to.
//
// Everything is deterministic: transports are numbered T1, T2, … in the order
// of opening, and a transport's tracks are named after it and the line they
// came on, T1/0, T1/1. All methods may be called from any goroutine. The
// package must not know who uses the transports.
package mediatest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"switchboard/internal/media"
)

// Engine implements [media.Engine] without a network. The zero value is ready
// for [Engine.Start].
type Engine struct {
	mu         sync.Mutex
	sink       media.Sink                       // guarded by mu
	transports []*Transport                     // in the order of opening, closed ones too; guarded by mu
	open       map[media.TransportID]*Transport // guarded by mu
	receptions map[receptionKey]reception       // guarded by mu
	voices     map[voiceKey]voice               // guarded by mu
	players    []*Player                        // in the order of opening; guarded by mu
	held       chan struct{}                    // closed to let answers go on; nil while nothing is held; guarded by mu
	delay      time.Duration                    // before each answer; guarded by mu
	failures   []error                          // for the next answers; guarded by mu
	closed     bool                             // guarded by mu
}

// receptionKey is what a revision of routes counts for.
type receptionKey struct {
	room media.RoomID
	to   media.TransportID
}

// reception is the newest that was applied for one key.
type reception struct {
	revision uint64
	media.Reception
}

// Start gives the engine its sink. It has the form that core.Options.Media
// wants.
func (e *Engine) Start(sink media.Sink) (media.Engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sink = sink
	e.open = map[media.TransportID]*Transport{}
	e.receptions = map[receptionKey]reception{}
	e.voices = map[voiceKey]voice{}
	return e, nil
}

// Open implements [media.Engine].
func (e *Engine) Open(id media.TransportID, o media.TransportOptions) (media.Transport, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, media.ErrClosed
	}
	t := &Transport{engine: e, id: id, number: len(e.transports) + 1, options: o, done: make(chan struct{})}
	e.transports = append(e.transports, t)
	e.open[id] = t
	return t, nil
}

// Apply implements [media.Engine]: a revision older than one already applied
// for the same room and transport changes nothing, and neither do unknown
// transports.
func (e *Engine) Apply(r media.Routes) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, rec := range r.Receptions {
		key := receptionKey{r.Room, rec.To}
		if e.open[rec.To] == nil || e.receptions[key].revision >= r.Revision {
			continue
		}
		e.receptions[key] = reception{r.Revision, rec}
	}
	e.applyVoices(r)
}

// Close implements [media.Engine].
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	open := make([]*Transport, 0, len(e.open))
	for _, t := range e.open {
		open = append(open, t)
	}
	e.mu.Unlock()
	for _, t := range open {
		_ = t.Close() // never fails
	}
	return nil
}

// Transports returns all transports in the order of opening, the closed ones
// too, so that T1 is the first.
func (e *Engine) Transports() []*Transport {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.transports)
}

// Transport returns the transport of a number, counted from 1, or nil.
func (e *Engine) Transport(number int) *Transport {
	e.mu.Lock()
	defer e.mu.Unlock()
	if number < 1 || number > len(e.transports) {
		return nil
	}
	return e.transports[number-1]
}

// Opened returns how many transports are open.
func (e *Engine) Opened() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open)
}

// Hold makes answers wait until Release.
func (e *Engine) Hold() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.held == nil {
		e.held = make(chan struct{})
	}
}

// Release lets the answers that wait, and all later ones, go on.
func (e *Engine) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.held != nil {
		close(e.held)
		e.held = nil
	}
}

// Delay makes every answer take this long.
func (e *Engine) Delay(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.delay = d
}

// FailAnswers makes the next answers fail with these errors, one each.
func (e *Engine) FailAnswers(errs ...error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures = append(e.failures, errs...)
}

// before waits as told and takes the failure meant for this answer.
func (e *Engine) before(ctx context.Context, t *Transport) error {
	e.mu.Lock()
	held, delay := e.held, e.delay
	e.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-t.done:
			return media.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-t.done:
			return media.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failures) == 0 {
		return nil
	}
	err := e.failures[0]
	e.failures = e.failures[1:]
	return err
}

// forget drops a closed transport and what it received.
func (e *Engine) forget(t *Transport) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, t.id)
	for key := range e.receptions {
		if key.to == t.id {
			delete(e.receptions, key)
		}
	}
}

// receives returns what a transport receives now, from all rooms.
func (e *Engine) receives(t *Transport) (tracks []media.TrackID, data []media.TransportID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, rec := range e.receptions {
		if key.to == t.id {
			tracks = append(tracks, rec.Forward...)
			data = append(data, rec.Data...)
		}
	}
	slices.Sort(tracks)
	slices.Sort(data)
	return tracks, data
}

func (e *Engine) post(event media.Event) {
	e.mu.Lock()
	sink := e.sink
	e.mu.Unlock()
	sink.Post(event)
}

// Transport implements [media.Transport] without a network.
type Transport struct {
	engine  *Engine
	id      media.TransportID
	number  int
	options media.TransportOptions // VideoKbps is guarded by mu
	done    chan struct{}          // closed by Close

	mu         sync.Mutex
	offers     []string          // guarded by mu
	offered    []media.Line      // by us and not answered; guarded by mu
	made       int               // offers of ours; guarded by mu
	candidates []media.Candidate // guarded by mu
	tracks     []media.Track     // guarded by mu
	keyframes  int               // guarded by mu
	state      string            // guarded by mu
	closed     bool              // guarded by mu
}

// Name returns T and the transport's number.
func (t *Transport) Name() string { return fmt.Sprintf("T%d", t.number) }

// ID returns the id that the core chose.
func (t *Transport) ID() media.TransportID { return t.id }

// Options returns what the transport was opened with, and the bound of its video
// as it is now.
func (t *Transport) Options() media.TransportOptions {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.options
}

// Answer implements [media.Transport].
func (t *Transport) Answer(ctx context.Context, offer string) (media.Answer, error) {
	if err := t.engine.before(ctx, t); err != nil {
		return media.Answer{}, err
	}
	lines, err := parseOffer(offer)
	if err != nil {
		return media.Answer{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return media.Answer{}, media.ErrClosed
	}
	t.offers = append(t.offers, offer)
	answer := t.answer(lines)
	t.tracks = answer.Tracks
	return answer, nil
}

// AddCandidate implements [media.Transport]: anything that does not begin as a
// candidate does, and is not the empty end of candidates, is refused.
func (t *Transport) AddCandidate(c media.Candidate) error {
	if !candidate(c.Candidate) {
		return fmt.Errorf("%w: it does not begin with candidate", media.ErrCandidate)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return media.ErrClosed
	}
	t.candidates = append(t.candidates, c)
	return nil
}

// RequestKeyframe implements [media.Transport].
func (t *Transport) RequestKeyframe() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keyframes++
}

// Stats implements [media.Transport]; only the state is of use.
func (t *Transport) Stats() media.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == "" {
		return media.Stats{State: "new"}
	}
	return media.Stats{State: t.state}
}

// Close implements [media.Transport].
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed, t.state = true, "closed"
	close(t.done)
	t.mu.Unlock()
	t.engine.forget(t)
	return nil
}

// Closed tells whether Close was called.
func (t *Transport) Closed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// Offers returns the offers that were answered.
func (t *Transport) Offers() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.offers)
}

// Candidates returns the peer's candidates in the order they were given.
func (t *Transport) Candidates() []media.Candidate {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.candidates)
}

// Tracks returns what the peer sends.
func (t *Transport) Tracks() []media.Track {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.tracks)
}

// Receives returns the tracks that are forwarded to the transport now, sorted.
func (t *Transport) Receives() []media.TrackID {
	tracks, _ := t.engine.receives(t)
	return tracks
}

// ReceivesData returns the transports whose data channel messages are passed
// to this one now, sorted.
func (t *Transport) ReceivesData() []media.TransportID {
	_, data := t.engine.receives(t)
	return data
}

// Keyframes returns how many key frames were asked for.
func (t *Transport) Keyframes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keyframes
}

// Find posts a candidate of the server's.
func (t *Transport) Find(c media.Candidate) {
	t.engine.post(media.CandidateFound{Transport: t.id, Candidate: c})
}

// Connect posts that media can flow.
func (t *Transport) Connect() {
	t.become("connected")
	t.engine.post(media.Connected{Transport: t.id})
}

// Goodbye posts that the peer ended the connection in good order.
func (t *Transport) Goodbye() {
	t.become("failed")
	t.engine.post(media.Failed{Transport: t.id, Reason: "the peer closed the connection", Goodbye: true})
}

// Fail posts that the connection is gone, with a reason.
func (t *Transport) Fail(reason string) {
	t.become("failed")
	t.engine.post(media.Failed{Transport: t.id, Reason: reason})
}

// Talk posts that somebody began or stopped speaking on the first audio track.
func (t *Transport) Talk(on bool) {
	for _, track := range t.Tracks() {
		if track.Kind == media.Audio {
			t.engine.post(media.TalkingChanged{Transport: t.id, Track: track.ID, Talking: on})
			return
		}
	}
}

func (t *Transport) become(state string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.state = state
	}
}
