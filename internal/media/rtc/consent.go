package rtc

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"switchboard/internal/media/rtc/port"
)

// Times of connections. Consent is asked for as RFC 7675 section 5.1 says, and
// again sooner when there is no answer.
const (
	// foundWithin is how long a way to the peer is looked for.
	foundWithin = 20 * time.Second
	// lostAfter is how long a peer may be silent that was there.
	lostAfter = 20 * time.Second
	// askEvery is the mean time between two that were answered.
	askEvery = 5 * time.Second
	// askAgain is when one is repeated that was not, and how often those are
	// looked at that have no way yet.
	askAgain = time.Second
)

// watch looks after every connection from time to time, for all of them on one
// goroutine with one timer: a peer who neither speaks nor hears costs little.
type watch struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	wheel [64][]*Transport // by when they are due; guarded by mu
	now   int              // place in the wheel; guarded by mu
}

// watchTick is the time of one place in the wheel.
const watchTick = 100 * time.Millisecond

func newWatch() *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{cancel: cancel}
	w.wg.Go(func() { w.run(ctx) })
	return w
}

// close stops it and returns when it has.
func (w *watch) close() {
	w.cancel()
	w.wg.Wait()
}

// add has a transport looked after in a while, at most 6.3 s.
func (w *watch) add(t *Transport, in time.Duration) {
	ticks := min(max(1, int(in/watchTick)), len(w.wheel)-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	at := (w.now + ticks) % len(w.wheel)
	w.wheel[at] = append(w.wheel[at], t)
}

func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, t := range w.due() {
			if in := t.attend(time.Now()); in > 0 {
				w.add(t, in)
			}
		}
	}
}

// due turns the wheel and returns who is there.
func (w *watch) due() []*Transport {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = (w.now + 1) % len(w.wheel)
	due := w.wheel[w.now]
	w.wheel[w.now] = nil
	return due
}

// attend asks the peer for its consent, or ends the connection if there is none
// any more. It returns when to do so next, 0 for never.
func (t *Transport) attend(now time.Time) time.Duration {
	t.mu.Lock()
	endpoint, state, since := t.endpoint, t.state, t.since
	t.mu.Unlock()
	if state == "closed" || state == "failed" {
		return 0
	}
	consent, settled := endpoint.Consent()
	switch {
	case !settled && now.Sub(since) > foundWithin:
		t.fail(t.missing())
		return 0
	case !settled:
		return askAgain
	case now.Sub(consent.Given) > lostAfter:
		t.fail(t.missing())
		return 0
	}
	_ = endpoint.Ask() // what cannot be sent will be missed
	if consent.Asked.After(consent.Given) {
		return askAgain
	}
	return askEvery*4/5 + rand.N(askEvery*2/5)
}

// missing words what is wrong when ICE finds no peer.
func (t *Transport) missing() string {
	select {
	case <-t.selected:
		return "the connection to the peer was lost"
	default:
		return "no way to the peer was found"
	}
}

// settle hands the checks over from the agent, which has done its work until
// ICE begins anew, to the endpoint.
func (t *Transport) settle(endpoint *port.Endpoint) {
	t.mu.Lock()
	agent, controls := t.agent, t.controls
	t.mu.Unlock()
	name, password, err := agent.GetRemoteUserCredentials()
	if err == nil && name != "" {
		endpoint.Settle(port.Peer{Name: name, Password: password, Controlled: controls})
	}
}
