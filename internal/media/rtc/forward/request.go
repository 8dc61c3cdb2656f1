package forward

import (
	"sync"

	"github.com/pion/rtcp"
)

// Bounds on asking a publisher for a key frame; nanoseconds.
const (
	keyframeInterval = 1_000_000_000
	keyframeTries    = 8
)

// keyframeRequest throttles the requests for a key frame of one track: at most
// one a second, the first at once. As long as none came the request is repeated
// a few times, since either may get lost. Its lock is a leaf.
type keyframeRequest struct {
	mu     sync.Mutex
	wanted bool  // by somebody, since the last key frame; guarded by mu
	sent   bool  // ever; guarded by mu
	at     int64 // when last; guarded by mu
	tries  int   // since the last key frame; guarded by mu
}

// want notes that a key frame is needed, without asking for it now.
func (r *keyframeRequest) want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted, r.tries = true, 0
}

// satisfied notes that a key frame came.
func (r *keyframeRequest) satisfied() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted, r.tries = false, 0
}

// due reports whether to ask now, and if so counts on its being done. idle says
// that nobody needs it anew, so that it is only about what was put off.
func (r *keyframeRequest) due(now int64, idle bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !idle {
		r.wanted, r.tries = true, 0
	}
	if !r.wanted || r.sent && now-r.at < keyframeInterval {
		return false
	}
	if r.tries >= keyframeTries {
		r.wanted = false
		return false
	}
	r.tries++
	r.sent, r.at = true, now
	return true
}

// askKeyframe asks the publisher for a key frame, or notes that one is wanted.
// Any goroutine may call it; it does not wait.
func (tr *track) askKeyframe(now int64) {
	tr.askIf(now, false)
	tr.owner.rests.Store(0) // it may have to be repeated
}

// repeatKeyframe asks for the key frame that is still wanted.
func (tr *track) repeatKeyframe(now int64) { tr.askIf(now, true) }

func (tr *track) askIf(now int64, idle bool) {
	ssrc := tr.ssrc.Load()
	if ssrc == 0 { // nothing came yet, and the first frame is a key frame
		return
	}
	if tr.request.due(now, idle) {
		from := tr.owner.reporter.Load()
		tr.owner.report(&rtcp.PictureLossIndication{SenderSSRC: from, MediaSSRC: ssrc})
	}
}
