package rtc

import (
	"time"

	"switchboard/internal/media/rtc/port"
)

// Attend looks after a transport as the engine's watch does at a time.
func Attend(t *Transport, now time.Time) time.Duration { return t.attend(now) }

// ConsentOf tells how it stands with a transport's peer.
func ConsentOf(t *Transport) (port.Consent, bool) {
	t.mu.Lock()
	e := t.endpoint
	t.mu.Unlock()
	return e.Consent()
}
