package calling

import (
	"errors"

	"switchboard/internal/core"
)

// wrong is an error in the words of this protocol.
type wrong string

// Error implements error.
func (w wrong) Error() string { return string(w) }

// What clients are told, to the letter (dossier 2.1, 2.2).
const (
	noTID          wrong = "Missing tid in message"
	noType         wrong = "Missing type in message"
	unknownCommand wrong = "Unknown command"
	errMissing     wrong = "Missing element in message"
	errMismatch    wrong = "Type mismatch in message"
	errUnexpected  wrong = "Unexpected field in message"

	errSubscribed     wrong = "User was already subscribed to that namespace"
	errNotSubscribed  wrong = "User was not subscribed to namespace"
	errNoNamespace    wrong = "Namespace does not exist"
	errRegistered     wrong = "User was already registered to that namespace"
	errNotRegistered  wrong = "User was not registered to namespace"
	errRoomRegistered wrong = "Room was already registered to that namespace"
	errRoomNotListed  wrong = "Room was not registered to namespace"

	errNoRoom       wrong = "Room does not exist"
	errNotInRoom    wrong = "You are not in the room"
	errOnlyInvited  wrong = "You are only invited to the room"
	errAlreadyIn    wrong = "User is already in room"
	errState        wrong = "Status not in expected state"
	errNoRecipient  wrong = "Unknown recipient"
	errPendingPeer  wrong = "Recipient is pending"
	errNoInvitation wrong = "Invalid invitation handle"

	errNamespaces wrong = "Too many namespaces"
	errInternal   wrong = "Internal error"
)

// What the core's errors mean, by kind and subject, where the request says it
// in its own words; what is not in the table is said as the core says it.
type meaning map[about]wrong

type about struct {
	kind    core.ErrorKind
	subject core.Subject
}

var (
	inSubscribe = meaning{{core.Conflict, core.AboutRequest}: errSubscribed, {core.Unavailable, core.AboutLimit}: errNamespaces}
	inUnsubs    = meaning{{core.Conflict, core.AboutRequest}: errNotSubscribed, {core.NotFound, core.AboutRequest}: errNoNamespace}
	inRegister  = meaning{{core.Conflict, core.AboutRequest}: errRegistered, {core.Unavailable, core.AboutLimit}: errNamespaces}
	inUnreg     = meaning{{core.Conflict, core.AboutRequest}: errNotRegistered, {core.NotFound, core.AboutRequest}: errNoNamespace}
	inList      = meaning{{core.NotFound, core.AboutRoom}: errNoRoom, {core.Conflict, core.AboutRoom}: errRoomRegistered,
		{core.Denied, core.AboutParticipant}: errNotInRoom}
	inUnlist = meaning{{core.NotFound, core.AboutRequest}: errNoNamespace, {core.NotFound, core.AboutRoom}: errNoRoom,
		{core.Conflict, core.AboutRoom}: errRoomNotListed, {core.Denied, core.AboutParticipant}: errNotInRoom}
	inJoin = meaning{{core.Conflict, core.AboutName}: errAlreadyIn}
	// inRoom is of what a participant does.
	inRoom = meaning{{core.NotFound, core.AboutParticipant}: errNotInRoom, {core.Denied, core.AboutParticipant}: errOnlyInvited,
		{core.Conflict, core.AboutValue}: errState}
	inSend = meaning{{core.NotFound, core.AboutParticipant}: errNoRecipient, {core.Denied, core.AboutParticipant}: errOnlyInvited,
		{core.Conflict, core.AboutParticipant}: errPendingPeer}
	inInvite = meaning{{core.NotFound, core.AboutParticipant}: errNoRecipient, {core.Conflict, core.AboutParticipant}: errAlreadyIn,
		{core.Conflict, core.AboutName}: errAlreadyIn, {core.Denied, core.AboutParticipant}: errNotInRoom}
	inInvitation = meaning{{core.NotFound, core.AboutRequest}: errNoInvitation, {core.NotFound, core.AboutParticipant}: errNoInvitation}
)

// of says an error of the core in a request's words.
func (m meaning) of(err error) error {
	var e *core.Error
	if !errors.As(err, &e) {
		return err
	}
	if w, ok := m[about{e.Kind, e.Subject}]; ok {
		return w
	}
	return err
}

// sentence is what the client is told of an error.
func sentence(err error) string {
	var w wrong
	if errors.As(err, &w) {
		return string(w)
	}
	var e *core.Error
	if !errors.As(err, &e) || e.Text == "" {
		return string(errInternal)
	}
	b := []byte(e.Text)
	if b[0] >= 'a' && b[0] <= 'z' {
		b[0] -= 'a' - 'A'
	}
	return string(b)
}
