package core

import (
	"container/list"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"switchboard/internal/media"
)

// Options are what a hub needs. Limits, Log and Media must be given.
type Options struct {
	Limits Limits
	Log    *slog.Logger
	// Auth checks proofs of identity; without it every login is refused.
	Auth Authenticator
	// Keys lets people log in again; without it nobody is remembered.
	Keys LoginKeys
	// Accounts changes what people prove themselves with; without it nobody can.
	Accounts Accounts
	// Store keeps people and places; without it there are none but live ones.
	Store Store
	// Media makes the engine; the hub is its sink and closes it.
	Media func(media.Sink) (media.Engine, error)
}

// Hub holds everything that lives: sessions, rooms, transports and
// directories. There is one in a server. Its maps are guarded by its own lock,
// which is let go before any other lock is taken.
type Hub struct {
	limits   Limits
	log      *slog.Logger
	auth     Authenticator
	keys     LoginKeys
	accounts Accounts
	store    Store
	engine   media.Engine

	overflows atomic.Int64
	refused   refusals // set once in NewHub, as is what follows
	topics    *topics
	register  *register

	slots  chan struct{}   // bounds negotiations at once
	proofs chan struct{}   // bounds proofs of identity at once, of which slow ones must not stop negotiations
	ctx    context.Context // ends when the hub closes
	cancel context.CancelFunc
	work   sync.WaitGroup // slow verbs under way

	preferences together

	changes atomic.Int64  // of stored people and places, counted
	turn    chan struct{} // whose holder brings live rooms and people in line with stored ones

	mu          sync.RWMutex
	sessions    map[SessionID]*Session           // guarded by mu
	resumable   map[SessionKey]*Session          // guarded by mu
	rooms       map[RoomID]*Room                 // guarded by mu
	resting     list.List                        // of *Room: empty ones that linger, the longest first; guarded by mu
	users       map[userKey][]*Session           // those logged in; guarded by mu
	transports  map[media.TransportID]*Transport // guarded by mu
	directories map[DirectoryID]*directory       // guarded by mu
	draining    bool                             // no new sessions; guarded by mu
	closed      bool                             // guarded by mu
}

// NewHub makes a hub and its media engine.
func NewHub(o Options) (*Hub, error) {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Hub{limits: o.Limits, refused: newRefusals(), log: o.Log, auth: o.Auth, topics: newTopics(), register: newRegister(), keys: o.Keys, accounts: o.Accounts, store: o.Store,
		slots: make(chan struct{}, max(1, o.Limits.NegotiationsAtOnce)), proofs: make(chan struct{}, proofsAtOnce),
		ctx: ctx, cancel: cancel, turn: make(chan struct{}, 1),
		sessions: map[SessionID]*Session{}, resumable: map[SessionKey]*Session{}, users: map[userKey][]*Session{}, rooms: map[RoomID]*Room{},
		transports: map[media.TransportID]*Transport{}, directories: map[DirectoryID]*directory{}}
	if h.auth == nil {
		h.auth = nobody{}
	}
	if h.keys == nil {
		h.keys = noKeys{}
	}
	if h.accounts == nil {
		h.accounts = noAccounts{}
	}
	if h.store == nil {
		h.store = noStore{}
	}
	h.preferences.store = h.store
	engine, err := o.Media(h)
	if err != nil {
		cancel()
		return nil, err
	}
	h.engine = engine
	return h, nil
}

// Limits returns the limits the hub was made with.
func (h *Hub) Limits() Limits { return h.limits }

// proofsAtOnce bounds the proofs of identity under way. Whoever checks them has
// closer bounds for what is costly.
const proofsAtOnce = 1024

// run does slow work on a goroutine of its own, so many at a time as there are
// slots, and Close waits for it.
func (h *Hub) run(slots chan struct{}, f func(context.Context)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return
	}
	h.work.Go(func() {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			f(h.ctx)
		case <-h.ctx.Done():
		}
	})
}

func (h *Hub) addSession(s *Session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return failure(Unavailable, AboutRequest, "the server is stopping")
	}
	h.sessions[s.id], h.resumable[s.key] = s, s
	return nil
}

func (h *Hub) removeSession(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s.id)
	delete(h.resumable, s.key)
	h.leaveUser(s)
}

func (h *Hub) session(id SessionID) *Session {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.sessions[id]
}

func (h *Hub) sessionByKey(key SessionKey) *Session {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.resumable[key]
}

// Post implements [media.Sink]: it passes an engine's event to the session that
// owns the transport.
func (h *Hub) Post(e media.Event) {
	h.mu.RLock()
	t := h.transports[e.About()]
	h.mu.RUnlock()
	if t == nil {
		return
	}
	switch e := e.(type) {
	case media.CandidateFound:
		t.session.post(newEvent(CandidateFound{t.id, e.Candidate}))
	case media.Connected:
		t.session.post(newEvent(TransportConnected{t.id}))
	case media.Failed:
		t.session.post(newEvent(TransportFailed{t.id, e.Reason, e.Goodbye}))
	case media.PlayEnded:
		t.session.post(newEvent(PlayEnded{t.id, e.Reason}))
	case media.TalkingChanged:
		t.talking(e.Track, e.Talking)
	}
}

// Drain refuses new sessions from now on; those that exist go on.
func (h *Hub) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Sessions returns how many sessions there are, waiting ones included.
func (h *Hub) Sessions() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.sessions)
}

// EndSessions ends every session with a reason, which each dialect says in its
// own words, and returns when all have ended.
func (h *Hub) EndSessions(why Reason) {
	h.mu.RLock()
	all := make([]*Session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.RUnlock()
	var ending sync.WaitGroup
	slots := make(chan struct{}, 64) // transports take a while to close
	for _, s := range all {
		slots <- struct{}{}
		ending.Go(func() {
			s.End(why)
			<-slots
		})
	}
	ending.Wait()
}

// Close ends what is left, waits for slow verbs and room timers, and closes the
// media engine.
func (h *Hub) Close() error {
	h.Drain()
	h.EndSessions(ReasonShutdown)
	h.mu.Lock()
	h.closed = true
	rooms := make([]*Room, 0, len(h.rooms))
	for _, r := range h.rooms {
		rooms = append(rooms, r)
	}
	h.mu.Unlock()
	for _, r := range rooms {
		r.close(ReasonShutdown)
	}
	h.cancel()
	h.work.Wait()
	return h.engine.Close()
}

// Counts are what a hub holds at one moment, for metrics.
type Counts struct {
	Sessions, Detached, Rooms, Participants, Publications, Subscriptions, Transports, Directories int
	Overflows                                                                                     int64 // sessions ended as slow, ever
}

// Counts returns what the hub holds now.
func (h *Hub) Counts() Counts {
	h.mu.RLock()
	c := Counts{Sessions: len(h.sessions), Rooms: len(h.rooms), Transports: len(h.transports),
		Directories: len(h.directories), Overflows: h.overflows.Load()}
	for _, s := range h.sessions {
		if s.Detached() {
			c.Detached++
		}
	}
	rooms := make([]*Room, 0, len(h.rooms))
	for _, r := range h.rooms {
		rooms = append(rooms, r)
	}
	h.mu.RUnlock()
	for _, r := range rooms {
		r.mu.Lock()
		c.Participants += len(r.participants)
		for _, p := range r.participants {
			c.Publications += len(p.publications)
			c.Subscriptions += len(p.subscriptions)
		}
		r.mu.Unlock()
	}
	return c
}
