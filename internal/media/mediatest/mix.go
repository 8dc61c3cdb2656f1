package mediatest

import (
	"fmt"
	"slices"

	"switchboard/internal/media"
)

// voiceKey is what a revision of voices counts for.
type voiceKey struct {
	room  media.RoomID
	track media.TrackID
}

// voice is the newest that was applied for one key.
type voice struct {
	revision uint64
	media.Voice
}

// applyVoices brings the voices of a room up to what is given. Callers hold
// e.mu.
func (e *Engine) applyVoices(r media.Routes) {
	for _, v := range r.Voices {
		key := voiceKey{r.Room, v.Track}
		if e.voices[key].revision < r.Revision {
			e.voices[key] = voice{r.Revision, v}
		}
	}
}

// Voices returns what is in the mix of a room now, sorted: the tracks, with
// " open" or " closed" behind those that use push-to-talk.
func (e *Engine) Voices(room media.RoomID) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for key, v := range e.voices {
		if key.room != room || !v.In {
			continue
		}
		switch v.Gate {
		case media.GateOpen:
			all = append(all, string(v.Track)+" open")
		case media.GateClosed:
			all = append(all, string(v.Track)+" closed")
		default:
			all = append(all, string(v.Track))
		}
	}
	slices.Sort(all)
	return all
}

// Hears returns the rooms whose mix the transport hears, sorted, each with its
// volume behind it: "default/ops 50".
func (t *Transport) Hears() []string {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	var all []string
	for key, rec := range t.engine.receptions {
		if key.to == t.id && rec.Mix > 0 {
			all = append(all, fmt.Sprintf("%s %d", key.room, rec.Mix))
		}
	}
	slices.Sort(all)
	return all
}
