package core_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// engine is the least a media engine can be: it remembers the routes.
type engine struct {
	sink media.Sink

	mu     sync.Mutex
	rooms  map[reception]media.Reception // guarded by mu
	voices map[voice]media.Voice         // guarded by mu
	spoken map[voice]uint64              // newest revision; guarded by mu
	seen   map[reception]uint64          // newest revision; guarded by mu
	open   map[media.TransportID]bool    // guarded by mu
}

type reception struct {
	room media.RoomID
	to   media.TransportID
}

type voice struct {
	room  media.RoomID
	track media.TrackID
}

func (e *engine) Open(id media.TransportID, _ media.TransportOptions) (media.Transport, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[id] = true
	return &transport{engine: e, id: id}, nil
}

func (e *engine) Apply(r media.Routes) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, rec := range r.Receptions {
		key := reception{r.Room, rec.To}
		if !e.open[rec.To] || r.Revision < e.seen[key] {
			continue
		}
		e.seen[key] = r.Revision
		if len(rec.Forward)+len(rec.Data)+rec.Mix == 0 {
			delete(e.rooms, key)
		} else {
			e.rooms[key] = rec
		}
	}
	for _, v := range r.Voices {
		key := voice{r.Room, v.Track}
		if r.Revision < e.spoken[key] {
			continue
		}
		e.spoken[key] = r.Revision
		if v.In {
			e.voices[key] = v
		} else {
			delete(e.voices, key)
		}
	}
}

func (e *engine) Play(media.TransportID, media.PlayRequest) (media.Player, error) {
	return nil, fmt.Errorf("%w: this engine has no files", media.ErrFile)
}

func (e *engine) Close() error { return nil }

// receives lists what a transport receives from all rooms.
func (e *engine) receives(to media.TransportID) []media.TrackID {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []media.TrackID
	for key, rec := range e.rooms {
		if key.to == to {
			all = append(all, rec.Forward...)
		}
	}
	return all
}

func (e *engine) openTransports() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open)
}

func (e *engine) routes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.rooms) + len(e.voices)
}

type transport struct {
	engine *engine
	id     media.TransportID
}

func (t *transport) Answer(context.Context, string) (media.Answer, error) {
	return media.Answer{SDP: "answer", Tracks: tracksOf(t.id)}, nil
}
func (t *transport) Offer(context.Context, []media.Line) (string, error) { return "offer", nil }
func (t *transport) Accept(_ context.Context, answer string) (media.Answer, error) {
	if answer != "answer" {
		return media.Answer{}, media.ErrDescription
	}
	return media.Answer{Tracks: tracksOf(t.id)}, nil
}
func (t *transport) SetVideoKbps(int)                   {}
func (t *transport) AddCandidate(media.Candidate) error { return nil }
func (t *transport) RequestKeyframe()                   {}
func (t *transport) Stats() media.Stats                 { return media.Stats{} }
func (t *transport) Close() error {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	delete(t.engine.open, t.id)
	for key := range t.engine.rooms {
		if key.to == t.id {
			delete(t.engine.rooms, key)
		}
	}
	return nil
}

// tracksOf names a transport's two tracks after it.
func tracksOf(id media.TransportID) []media.Track {
	return []media.Track{
		{ID: media.TrackID(id) + ".audio", Kind: media.Audio},
		{ID: media.TrackID(id) + ".video", Kind: media.Video},
	}
}

func owner(t media.TrackID) media.TransportID {
	return media.TransportID(t[:len(t)-len(".audio")])
}

// house is a hub with its engine.
type house struct {
	*core.Hub
	engine *engine
}

func newHouse(t testing.TB, change func(*core.Options)) *house {
	t.Helper()
	e := &engine{rooms: map[reception]media.Reception{}, voices: map[voice]media.Voice{}, spoken: map[voice]uint64{}, seen: map[reception]uint64{}, open: map[media.TransportID]bool{}}
	o := core.Options{Limits: core.DefaultLimits(), Log: slog.New(slog.DiscardHandler),
		Media: func(s media.Sink) (media.Engine, error) { e.sink = s; return e, nil }}
	if change != nil {
		change(&o)
	}
	h, err := core.NewHub(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &house{h, e}
}

// client is a connection with its session; it collects what it is told.
type client struct {
	*core.Connection
	woken    chan struct{}
	overflow chan struct{}
}

func (h *house) connect(t testing.TB) *client {
	t.Helper()
	c := &client{woken: make(chan struct{}, 1), overflow: make(chan struct{}, 1)}
	conn, err := h.Connect(core.ConnectRequest{Via: "test", Remote: netip.MustParseAddr("127.0.0.1"), Access: core.AccessOpen,
		Wake: func() {
			select {
			case c.woken <- struct{}{}:
			default:
			}
		},
		Overflow: func() { c.overflow <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	c.Connection = conn
	t.Cleanup(conn.Close)
	return c
}

// facts takes everything the client was told since the last call.
func (c *client) facts() []core.Fact {
	var facts []core.Fact
	for _, e := range c.Take(nil) {
		facts = append(facts, e.Fact)
	}
	return facts
}

// talkers is the policy of a room where everybody may do everything.
var talkers = core.Policy{Media: core.MediaServer, Members: core.PermitTalk, Guests: core.PermitTalk}

func joinAs(name string) core.JoinRequest {
	policy := talkers
	return core.JoinRequest{Room: core.NewRoomID(core.DefaultRealm, "ops"), Name: name, Mode: core.ModeTalk, Create: &policy}
}

func (c *client) join(t testing.TB, r core.JoinRequest) (*core.Participant, core.RoomInfo) {
	t.Helper()
	p, info, err := c.Session().Join(r)
	if err != nil {
		t.Fatalf("join as %s: %v", r.Name, err)
	}
	return p, info
}

func (c *client) transport(t testing.TB) *core.Transport {
	t.Helper()
	tr, err := c.Session().OpenTransport(media.TransportOptions{Receive: true, Send: true})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
