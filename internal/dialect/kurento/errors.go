package kurento

import (
	"errors"
	"fmt"

	"switchboard/internal/core"
)

// The codes of errors (dossier 1.5). The first group is JSON-RPC's.
const (
	codeParseError     = -32700 // not JSON
	codeInvalidRequest = -32600 // JSON, but no request; batches too
	codeUnknownMethod  = -32601
	codeInvalidParams  = -32602 // a parameter is missing or of the wrong kind
	codeInternal       = -32603 // the server's own failure
	codeBusy           = -32000 // too many requests wait behind a slow one

	codeUser           = 101 // USER_GENERIC: the user may not do that
	codeUserNotFound   = 102 // USER_NOT_FOUND
	codeUserExists     = 104 // EXISTING_USER_IN_ROOM
	codeNotStreaming   = 105 // USER_NOT_STREAMING
	codeRoom           = 201 // ROOM_GENERIC: the room is full or too busy
	codeRoomNotFound   = 202 // ROOM_NOT_FOUND
	codeRoomClosed     = 203 // ROOM_CLOSED
	codeRoomNotCreated = 204 // ROOM_CANNOT_BE_CREATED
	codeSDP            = 302 // MEDIA_SDP
	codeEndpoint       = 303 // MEDIA_ENDPOINT
	codeWebRTC         = 304 // MEDIA_WEBRTC_ENDPOINT
	codeGeneric        = 999 // GENERIC: a name or a message that cannot be taken
	codeReconnection   = 40007
)

// fault is an error as it is told to the client.
type fault struct {
	code    int
	message string
	detail  string // says more about it; told as data
}

func faultf(code int, format string, args ...any) *fault {
	return &fault{code: code, message: fmt.Sprintf(format, args...)}
}

// aboutRooms tells whether upstream raises the error in its rooms; those carry
// the session id.
func (f *fault) aboutRooms() bool { return f.code > 0 && f.code < 1000 }

// faultOf says an error of the core where no more is known about it than its
// kind: the one table of that. Handlers put their own words for the errors
// that the dossier words.
func faultOf(err error) *fault {
	var e *core.Error
	if !errors.As(err, &e) {
		return faultf(codeInternal, "Internal error")
	}
	return &fault{code: codeOf(e), message: sentence(e.Text)}
}

func codeOf(e *core.Error) int {
	switch e.Kind {
	case core.Denied:
		return codeUser
	case core.NotFound:
		switch e.Subject {
		case core.AboutRoom:
			return codeRoomNotFound
		case core.AboutPublication:
			return codeNotStreaming
		case core.AboutTransport:
			return codeWebRTC
		}
		return codeUserNotFound
	case core.Conflict:
		if e.Subject == core.AboutName {
			return codeUserExists
		}
		return codeEndpoint
	case core.Unavailable:
		switch e.Subject {
		case core.AboutRoom:
			return codeRoomNotCreated
		case core.AboutLimit:
			return codeRoom
		}
		return codeRoomClosed
	}
	if e.Subject == core.AboutTransport {
		return codeSDP
	}
	return codeGeneric
}

// sentence begins a text of the core's with a capital, as upstream's do.
func sentence(text string) string {
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		return string(text[0]-'a'+'A') + text[1:]
	}
	return text
}

// joinFault says why a room could not be entered (dossier 2.1).
func joinFault(err error, user, room string, mayCreate bool) *fault {
	var e *core.Error
	if !errors.As(err, &e) {
		return faultOf(err)
	}
	switch {
	case e.Kind == core.Conflict && e.Subject == core.AboutName:
		return alreadyThere(user, room)
	case e.Kind == core.NotFound && e.Subject == core.AboutRoom && !mayCreate:
		return faultf(codeRoomNotCreated, "User cannot create a new room")
	case e.Kind == core.Unavailable && e.Subject == core.AboutRoom:
		return faultf(codeRoomNotCreated, "No resources left to create new room")
	case e.Kind == core.Unavailable && e.Subject == core.AboutRequest:
		return faultf(codeRoomClosed, "'%s' is trying to join room '%s' but it is closing", user, room)
	}
	return faultOf(err)
}

func alreadyThere(user, room string) *fault {
	return faultf(codeUserExists, "User '%s' already exists in room '%s'", user, room)
}

func notInRoom(key core.SessionKey) *fault {
	return faultf(codeUserNotFound, "No participant with id '%s' was found", string(key))
}

// The missing quotes of these two are upstream's (dossier 1.5).
func noSender(user, room string) *fault {
	return faultf(codeUserNotFound, "User '%s not found in room '%s'", user, room)
}

func notStreaming(user, room string) *fault {
	return faultf(codeNotStreaming, "User '%s not streaming media in room '%s'", user, room)
}
