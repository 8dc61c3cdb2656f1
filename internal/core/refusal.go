package core

import "sync/atomic"

// refusals counts, for each limit, how often something was refused because of
// it. The map is made once and never changes.
type refusals map[string]*atomic.Int64

func newRefusals() refusals {
	r := refusals{}
	for _, limit := range []string{"calls_per_session", "candidates_per_transport", "claims_per_session", "directories", "directories_per_session",
		"legs_per_call", "listings_per_room", "mailbox_bytes", "message_bytes", "name_bytes", "offer_bytes", "offers_per_transport",
		"participants_per_room", "publications_per_participant", "room_data_bytes", "rooms", "rooms_opened_per_session", "rooms_per_session",
		"rooms_watched_per_session", "status_bytes", "status_bytes_per_session", "subscriptions_per_session", "topics_per_session", "transports_per_session"} {
		r[limit] = new(atomic.Int64)
	}
	return r
}

// beyond counts a refusal because of a limit and returns the error for it.
func (h *Hub) beyond(limit string, k ErrorKind, format string, args ...any) *Error {
	return h.beyondAbout(limit, k, AboutLimit, format, args...)
}

func (h *Hub) beyondAbout(limit string, k ErrorKind, about Subject, format string, args ...any) *Error {
	h.refused[limit].Add(1)
	return failure(k, about, format, args...)
}

// Refusals returns how often something was refused because of each limit, by
// the limit's name in the configuration or, for those that cannot be
// configured, in the same style.
func (h *Hub) Refusals() map[string]int64 {
	all := make(map[string]int64, len(h.refused))
	for limit, n := range h.refused {
		all[limit] = n.Load()
	}
	return all
}
