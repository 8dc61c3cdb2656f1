package core

import (
	"sync"

	"switchboard/internal/media"
)

// Fact is what an event tells, one of the types below: plain data that
// survives JSON. Fields are not changed after posting.
type Fact interface {
	// weight is about how many bytes the fact holds.
	weight() int
}

// Event is a fact on its way to everybody who is told. Receivers share it.
type Event struct {
	Fact Fact

	size    int  // set once in newEvent
	message bool // from another client; set once in newEvent

	mu    sync.Mutex
	forms []form // guarded by mu
}

// form is an event's encoding for one kind of receiver.
type form struct {
	variant string
	bytes   []byte
}

const eventOverhead = 96 // bytes an event costs beside its fact

func newEvent(f Fact) *Event {
	message := false
	switch f.(type) {
	case MessageSent, UserMessageSent, SessionMessageSent, Delivered:
		message = true
	}
	return &Event{Fact: f, size: f.weight() + eventOverhead, message: message}
}

// Encoded returns the event's encoding for a variant, such as a dialect's name,
// calling encode for the first receiver only; the others share the bytes.
// Nobody may change them. What encode returns must be right for every receiver:
// it depends on the fact, the variant and what everybody may know of the room. It
// is called under the event's lock, which comes before any other. Safe for
// concurrent use.
func (e *Event) Encoded(variant string, encode func(Fact) []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.forms {
		if f.variant == variant {
			return f.bytes
		}
	}
	b := encode(e.Fact)
	e.forms = append(e.forms, form{variant, b})
	return b
}

// ParticipantInfo is a participant as others in the room see them.
type ParticipantInfo struct {
	ID           ParticipantID     `json:"id"`
	Name         string            `json:"name"` // unique in the room, safe as an address
	Display      string            `json:"display,omitempty"`
	User         string            `json:"user,omitempty"` // whom they speak for; empty: a guest
	Role         string            `json:"role,omitempty"` // in which they act
	Via          string            `json:"via,omitempty"`  // how they came in, for showing only
	Mode         Mode              `json:"mode"`
	Talking      bool              `json:"talking,omitempty"`      // can be heard speaking
	PushToTalk   bool              `json:"push_to_talk,omitempty"` // is pressed
	Status       []byte            `json:"status,omitempty"`       // opaque
	Publications []PublicationInfo `json:"publications,omitempty"`
}

// PublicationInfo is a stream that a participant offers in a room.
type PublicationInfo struct {
	ID     PublicationID `json:"id"`
	Name   string        `json:"name"` // unique among the participant's
	Audio  bool          `json:"audio"`
	Video  bool          `json:"video"`
	Source string        `json:"source,omitempty"` // what it shows, opaque to the core
}

// RoomInfo is what a room looks like at one moment.
type RoomInfo struct {
	ID           RoomID            `json:"id"`
	Policy       Policy            `json:"policy"`
	Participants []ParticipantInfo `json:"participants"` // in the order of joining
	Data         map[string][]byte `json:"data,omitempty"`
}

// Reason says why something ended.
type Reason string

// Why sessions, rooms and participations end.
const (
	ReasonLeft         Reason = "left"         // they asked to
	ReasonDisconnected Reason = "disconnected" // the connection is gone
	ReasonEvicted      Reason = "evicted"      // an administrator removed them
	ReasonReplaced     Reason = "replaced"     // somebody took over the place or session
	ReasonClosed       Reason = "closed"       // the room was closed
	ReasonSlow         Reason = "slow"         // the reader does not read
	ReasonShutdown     Reason = "shutdown"     // the server stops
	ReasonHomeGone     Reason = "home gone"    // the home that served the user is gone
)

// Facts about rooms and who is in them. Everybody in a room is told all of
// them in the same order.
type (
	// ParticipantJoined tells the others that somebody came.
	ParticipantJoined struct {
		Room        RoomID          `json:"room"`
		Participant ParticipantInfo `json:"participant"`
	}
	// ParticipantChanged tells the others that mode or status changed.
	ParticipantChanged struct {
		Room        RoomID          `json:"room"`
		Participant ParticipantInfo `json:"participant"`
		Entered     bool            `json:"entered,omitempty"` // was only invited before
	}
	// ParticipantLeft tells the others that somebody is gone, with all their
	// publications; and the one concerned too, unless they left by themselves.
	ParticipantLeft struct {
		Room        RoomID        `json:"room"`
		Participant ParticipantID `json:"participant"`
		Name        string        `json:"name"`
		Reason      Reason        `json:"reason"`
		// PushToTalk tells that they left with it pressed.
		PushToTalk bool `json:"push_to_talk,omitempty"`
		// Who is what they were like, without publications.
		Who ParticipantInfo `json:"who"`
	}
	// TrackPublished tells the others of a new or changed publication.
	TrackPublished struct {
		Room        RoomID          `json:"room"`
		Publication PublicationInfo `json:"publication"`
		Participant ParticipantInfo `json:"participant"` // with all publications
	}
	// TrackUnpublished tells the others that a publication is gone.
	TrackUnpublished struct {
		Room        RoomID          `json:"room"`
		Publication PublicationInfo `json:"publication"`
		Participant ParticipantInfo `json:"participant"` // with the remaining publications
	}
	// RoomDataChanged tells the others of a key set or removed.
	RoomDataChanged struct {
		Room  RoomID            `json:"room"`
		By    ParticipantID     `json:"by,omitempty"` // empty: nobody in the room
		Key   string            `json:"key"`
		Value []byte            `json:"value,omitempty"` // nil: removed
		Data  map[string][]byte `json:"data"`            // all keys afterwards
	}
	// RoomClosed tells everybody that the room is no more.
	RoomClosed struct {
		Room   RoomID   `json:"room"`
		Reason Reason   `json:"reason"`
		Names  []string `json:"names,omitempty"` // who was in it
	}
	// MessageSent carries a message from one participant, opaque to the core.
	MessageSent struct {
		Room     RoomID        `json:"room"`
		From     ParticipantID `json:"from"`
		FromName string        `json:"from_name"`
		To       ParticipantID `json:"to,omitempty"` // empty: the whole room
		Type     string        `json:"type"`         // media type of Body
		Body     []byte        `json:"body"`
	}
	// TalkingChanged tells everybody in the room that somebody began or
	// stopped speaking.
	TalkingChanged struct {
		Room        RoomID        `json:"room"`
		Participant ParticipantID `json:"participant"`
		Name        string        `json:"name"`
		Talking     bool          `json:"talking"`
		// Who is what they are like.
		Who ParticipantInfo `json:"who"`
	}
	// PushToTalkChanged tells the others that somebody pressed or let go of
	// push-to-talk, whether they can be heard or not.
	PushToTalkChanged struct {
		Room        RoomID          `json:"room"`
		Participant ParticipantInfo `json:"participant"`
		On          bool            `json:"on"`
	}
)

// TextMessage is the type of messages that are plain text from person to
// person; every dialect that can show them does.
const TextMessage = "text/plain"

// Facts about a session's own transports and about itself.
type (
	// AnswerMade is the outcome of [Transport.Answer]. Err is nil or an [Error].
	AnswerMade struct {
		Transport media.TransportID `json:"transport"`
		Answer    media.Answer      `json:"answer"`
		Err       *Error            `json:"err,omitempty"`
	}
	// OfferMade is the outcome of [Transport.Offer]. Err is nil or an [Error].
	OfferMade struct {
		Transport media.TransportID `json:"transport"`
		SDP       string            `json:"sdp"`
		Err       *Error            `json:"err,omitempty"`
	}
	// AnswerAccepted is the outcome of [Transport.Accept]. Err is nil or an
	// [Error].
	AnswerAccepted struct {
		Transport media.TransportID `json:"transport"`
		Answer    media.Answer      `json:"answer"` // without SDP
		Err       *Error            `json:"err,omitempty"`
	}
	// CandidateFound is a candidate of the server's.
	CandidateFound struct {
		Transport media.TransportID `json:"transport"`
		Candidate media.Candidate   `json:"candidate"`
	}
	// TransportConnected tells that media can flow.
	TransportConnected struct {
		Transport media.TransportID `json:"transport"`
	}
	// TransportFailed tells that a connection is gone for good. What was
	// published on it stays listed until it is unpublished or closed.
	TransportFailed struct {
		Transport media.TransportID `json:"transport"`
		Reason    string            `json:"reason"`
		Goodbye   bool              `json:"goodbye,omitempty"` // the peer ended it in good order
	}
	// LoginMade is the outcome of [Connection.Login].
	LoginMade struct {
		Identity Identity `json:"identity"`
		Key      LoginKey `json:"key,omitempty"` // for the client to log in again
		Err      *Error   `json:"err,omitempty"`
	}
	// PreferenceChanged tells a user's other sessions how one of them leaves a
	// room that it acts in as a role.
	PreferenceChanged struct {
		Session SessionID  `json:"session"` // whose doing it is
		Role    string     `json:"role"`
		Room    RoomID     `json:"room"`
		Value   Preference `json:"value"`
	}
	// UsersImported is the outcome of [Administration.ImportUsers].
	UsersImported struct {
		Realm string `json:"realm"`
		Added int    `json:"added"`
		Err   *Error `json:"err,omitempty"`
	}
	// SessionEnded is the last event of a session.
	SessionEnded struct {
		Reason Reason `json:"reason"`
	}
)

// Facts about directories, for those who watch them.
type (
	// SessionAnnounced tells of somebody new in a directory, or of a new status.
	SessionAnnounced struct {
		Directory DirectoryID `json:"directory"`
		Session   SessionID   `json:"session"`
		Status    []byte      `json:"status,omitempty"`
		Changed   bool        `json:"changed"` // only the status is new
	}
	// SessionWithdrawn tells that somebody is no longer in a directory.
	SessionWithdrawn struct {
		Directory DirectoryID `json:"directory"`
		Session   SessionID   `json:"session"`
	}
	// RoomAnnounced tells of a room new in a directory.
	RoomAnnounced struct {
		Directory DirectoryID `json:"directory"`
		Room      RoomInfo    `json:"room"`
	}
	// RoomWithdrawn tells that a room is no longer in a directory.
	RoomWithdrawn struct {
		Directory DirectoryID `json:"directory"`
		Room      RoomID      `json:"room"`
	}
	// Observed tells a watcher what happened in a room of a directory:
	// ParticipantJoined, ParticipantChanged, ParticipantLeft or
	// RoomDataChanged.
	Observed struct {
		Directory DirectoryID `json:"directory"`
		What      Fact        `json:"what"`
	}
)

// Facts of an [Exchange].
type (
	// Delivered carries a message of another session, opaque to the core.
	Delivered struct {
		Body []byte `json:"body"`
	}
	// RequestLost tells who asked that no answer will come.
	RequestLost struct {
		ID   string `json:"id"`
		Kind string `json:"kind"`
	}
	// DeviceEntered tells a home that one of its users is here with another
	// device.
	DeviceEntered struct {
		User string `json:"user"`
	}
	// DeviceLeft tells a home that a device of one of its users is gone.
	DeviceLeft struct {
		User string `json:"user"`
	}
	// PresenceChanged tells those who are interested how a user is seen now.
	PresenceChanged struct {
		User     string   `json:"user"`
		Presence Presence `json:"presence"`
	}
	// PresencesKnown tells the presence of all whom a user is interested in.
	PresencesKnown struct {
		Presences map[string]Presence `json:"presences"`
	}
	// InvitationMade tells a user's devices that somebody asks them to a room.
	InvitationMade struct {
		User       string     `json:"user"`
		Invitation Invitation `json:"invitation"`
	}
)

func (i ParticipantInfo) weight() int {
	n := 64 + len(i.Name) + len(i.Display) + len(i.User) + len(i.Status)
	for _, p := range i.Publications {
		n += 64 + len(p.Name) + len(p.Source)
	}
	return n
}

func (i RoomInfo) weight() int {
	n := len(i.ID) + dataWeight(i.Data)
	for _, p := range i.Participants {
		n += p.weight()
	}
	return n
}

func dataWeight(data map[string][]byte) int {
	n := 0
	for k, v := range data {
		n += len(k) + len(v)
	}
	return n
}

func (f ParticipantJoined) weight() int  { return len(f.Room) + f.Participant.weight() }
func (f ParticipantChanged) weight() int { return len(f.Room) + f.Participant.weight() }
func (f ParticipantLeft) weight() int    { return len(f.Room) + len(f.Name) + f.Who.weight() + 32 }
func (f TrackPublished) weight() int     { return len(f.Room) + f.Participant.weight() }
func (f TrackUnpublished) weight() int   { return len(f.Room) + f.Participant.weight() }
func (f RoomDataChanged) weight() int    { return len(f.Room) + dataWeight(f.Data) }
func (f RoomClosed) weight() int         { return len(f.Room) + 32*len(f.Names) }
func (f MessageSent) weight() int        { return len(f.Room) + len(f.FromName) + len(f.Type) + len(f.Body) }
func (f TalkingChanged) weight() int     { return len(f.Room) + len(f.Name) + f.Who.weight() + 32 }
func (f PushToTalkChanged) weight() int  { return len(f.Room) + f.Participant.weight() }
func (f AnswerMade) weight() int         { return len(f.Answer.SDP) }
func (f OfferMade) weight() int          { return len(f.SDP) }
func (f AnswerAccepted) weight() int     { return 64 * len(f.Answer.Tracks) }
func (f CandidateFound) weight() int     { return len(f.Candidate.Candidate) }
func (f TransportConnected) weight() int { return 32 }
func (f TransportFailed) weight() int    { return len(f.Reason) }
func (f LoginMade) weight() int          { return 64 }
func (f PreferenceChanged) weight() int  { return len(f.Role) + len(f.Room) + 64 }
func (f UsersImported) weight() int      { return len(f.Realm) + 64 }
func (f SessionEnded) weight() int       { return 0 }
func (f SessionAnnounced) weight() int   { return len(f.Directory) + len(f.Status) + 32 }
func (f SessionWithdrawn) weight() int   { return len(f.Directory) + 32 }
func (f RoomAnnounced) weight() int      { return len(f.Directory) + f.Room.weight() }
func (f RoomWithdrawn) weight() int      { return len(f.Directory) + len(f.Room) }
func (f Observed) weight() int           { return len(f.Directory) + f.What.weight() }
func (f Delivered) weight() int          { return len(f.Body) }
func (f RequestLost) weight() int        { return len(f.ID) + len(f.Kind) }
func (f DeviceEntered) weight() int      { return len(f.User) }
func (f DeviceLeft) weight() int         { return len(f.User) }
func (f PresenceChanged) weight() int    { return len(f.User) + 32 }
func (f PresencesKnown) weight() int     { return 96 * len(f.Presences) }
func (f InvitationMade) weight() int     { return len(f.Invitation.Secret) + 128 }
