package core

import "time"

// Limits bound what clients can make the core hold. Zero is no allowance at
// all, so start from [DefaultLimits]. A request beyond a limit fails with kind
// Unavailable (counts) or Invalid (sizes) and changes nothing.
type Limits struct {
	Rooms                      int
	ParticipantsPerRoom        int
	RoomsPerSession            int // entered
	RoomsOpenedPerSession      int // made by it and still there, lingering ones included
	RoomsWatchedPerSession     int
	TransportsPerSession       int
	PublicationsPerParticipant int
	SubscriptionsPerSession    int
	NameBytes                  int // names of rooms, participants, streams, directories, keys
	StatusBytes                int // one participant's or identity's status
	StatusBytesPerSession      int // of all its places and announcements
	RoomDataBytes              int // all keys and values of one room
	MessageBytes               int // one opaque message body
	MailboxBytes               int // events waiting for one session
	OfferBytes                 int // one session description
	CandidatesPerTransport     int
	Directories                int // all directories there are
	DirectoriesPerSession      int // watched or announced in
	ListingsPerRoom            int // directories a room is listed in
	ClaimsPerSession           int // things that others can find by name
	TopicsPerSession           int // followed
	CallsPerSession            int // as caller and callee, ringing or answered
	LegsPerCall                int
	NegotiationsAtOnce         int           // session descriptions being answered at the same time
	DetachedFor                time.Duration // longest grace a dialect can ask for
}

// DefaultLimits suit a server of some thousand clients.
func DefaultLimits() Limits {
	return Limits{
		Rooms:                      10_000,
		ParticipantsPerRoom:        1_000,
		RoomsPerSession:            200,
		RoomsOpenedPerSession:      400,
		RoomsWatchedPerSession:     2_000,
		TransportsPerSession:       1_000,
		PublicationsPerParticipant: 8,
		SubscriptionsPerSession:    2_000,
		NameBytes:                  256,
		StatusBytes:                64 << 10,
		StatusBytesPerSession:      1 << 20,
		RoomDataBytes:              256 << 10,
		MessageBytes:               256 << 10,
		MailboxBytes:               4 << 20,
		OfferBytes:                 256 << 10,
		CandidatesPerTransport:     128,
		Directories:                10_000,
		DirectoriesPerSession:      200,
		ListingsPerRoom:            32,
		ClaimsPerSession:           2_000,
		TopicsPerSession:           4_000,
		CallsPerSession:            100,
		LegsPerCall:                32,
		NegotiationsAtOnce:         64,
		DetachedFor:                5 * time.Minute,
	}
}
