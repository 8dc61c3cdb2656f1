package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	checkTimeout = 2 * time.Second
	// checkAge is how long the outcome of the checks is told again before they
	// run anew: anybody may ask, and the checks cost.
	checkAge = time.Second
)

// Check tells whether a part can do its work; it must return soon after ctx ends.
type Check func(ctx context.Context) error

// State is what one check said.
type State struct {
	Name string // the part's
	Err  error  // nil when it can work
}

// Health knows whether the server should be sent new clients. The process is
// alive as long as it answers at all; it is ready while every check passes and
// it does not drain. Any goroutine may call its methods.
type Health struct {
	log *slog.Logger // set once in NewHealth

	mu       sync.Mutex
	checks   []namedCheck // guarded by mu
	draining bool         // guarded by mu

	running  sync.Mutex      // held while the checks run, so that they run once
	last     []State         // guarded by running
	lastTime time.Time       // guarded by running
	failing  map[string]bool // guarded by running; what has been logged
}

type namedCheck struct {
	name  string
	check Check
}

// NewHealth makes a Health without checks: ready from the start.
func NewHealth(log *slog.Logger) *Health {
	return &Health{log: log, failing: map[string]bool{}}
}

// Add registers a check under the name of its part. The server is ready only
// while all pass.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, namedCheck{name, check})
}

// Drain makes the server not ready for good, since it is about to stop.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Ready runs the checks, or tells what they said less than a second ago. A check
// that begins or ceases to fail is logged.
func (h *Health) Ready(ctx context.Context) (ready, draining bool, states []State) {
	h.mu.Lock()
	checks, draining := h.checks, h.draining
	h.mu.Unlock()

	states = h.run(ctx, checks)
	ready = !draining
	for _, state := range states {
		ready = ready && state.Err == nil
	}
	return ready, draining, states
}

func (h *Health) run(ctx context.Context, checks []namedCheck) []State {
	h.running.Lock()
	defer h.running.Unlock()
	if len(h.last) == len(checks) && time.Since(h.lastTime) < checkAge {
		return h.last
	}
	// An asker who goes away must not leave a failure behind for the next.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	states := make([]State, len(checks))
	for i, c := range checks {
		states[i] = State{c.name, c.check(ctx)}
		h.note(states[i])
	}
	h.last, h.lastTime = states, time.Now()
	return states
}

// note logs a change. The caller holds running.
func (h *Health) note(s State) {
	if failing := s.Err != nil; failing != h.failing[s.Name] {
		h.failing[s.Name] = failing
		if failing {
			h.log.Warn("check fails", "check", s.Name, "error", s.Err)
		} else {
			h.log.Info("check passes again", "check", s.Name)
		}
	}
}
