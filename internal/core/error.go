package core

import (
	"errors"
	"fmt"
)

// ErrorKind is the kind of a caller's error; each dialect says a kind in one
// table of its own.
type ErrorKind uint8

// The kinds of errors a caller can make or meet.
const (
	// Invalid: the request makes no sense, whoever asks and whenever.
	Invalid ErrorKind = iota + 1
	// Denied: the asker may not do that.
	Denied
	// NotFound: what the request names does not exist, or not for the asker.
	NotFound
	// Conflict: the present state does not allow it: a name is taken, a value
	// is not the expected one, something exists already.
	Conflict
	// Unavailable: not now: a limit is reached, a reader is behind, the server
	// is stopping. The same request may succeed later.
	Unavailable
)

// String returns the kind in lower case.
func (k ErrorKind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case Denied:
		return "denied"
	case NotFound:
		return "not found"
	case Conflict:
		return "conflict"
	case Unavailable:
		return "unavailable"
	}
	return "unknown"
}

// Error is an error that the caller made or can do something about. Everything
// else that a verb returns is the server's own failure.
type Error struct {
	Kind ErrorKind
	// Text is a sentence without a capital or a full stop, safe to show to the
	// client.
	Text string
	// Subject says what the error is about, for dialects that must tell two
	// errors of one kind apart.
	Subject Subject
	// ID is the id at fault, where a request names several; else empty.
	ID string
}

// Subject names what an [Error] is about.
type Subject uint8

// What errors are about.
const (
	AboutRequest     Subject = iota // the request itself
	AboutRoom                       // the room, or there being none
	AboutParticipant                // a participant, or there being none
	AboutName                       // a participant's name
	AboutPublication                // a publication, or there being none
	AboutTransport                  // a transport, its SDP or its candidates
	AboutPermission                 // what the asker may do, or who they are
	AboutLimit                      // a configured limit
	AboutValue                      // a value that was compared
)

// Error implements error.
func (e *Error) Error() string { return e.Text }

func failure(k ErrorKind, about Subject, format string, args ...any) *Error {
	return &Error{Kind: k, Text: fmt.Sprintf(format, args...), Subject: about}
}

// KindOf returns the kind of the [Error] in err's chain, or 0 when there is
// none: then the failure is the server's own.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}
