package openvocs

import (
	"errors"

	"switchboard/internal/core"
)

// The codes of errors that reach clients (dossier 1.6). A browser that hears
// 5000 forgets who was logged in, so that is said only when it shall (dossier
// 13).
const (
	codeServer       = 1000  // it did not work out, for a reason of the server's
	codeInput        = 1001  // the request makes no sense
	codeMissing      = 1008  // a parameter is not there, or not what it must be
	codeNotFound     = 1011  // there is no such thing
	codeNoMedia      = 2002  // no media connection has been asked for
	codeCandidate    = 2005  // a candidate cannot be used
	codeLogin        = 5000  // not logged in, or not as that
	codeLoggedIn     = 5002  // logged in already
	codePermission   = 5004  // the user may not do that
	codeDirectory    = 5005  // the password is kept elsewhere
	codeRole         = 9999  // acting in a role already
	codeNoRecorder   = 10010 // nothing records
	codeNotRecording = 10020 // the loop is not recorded
)

// fault is an error in this protocol's words. Its text never repeats what a
// client sent: the login page shows it as HTML (dossier 12).
type fault struct {
	code     int
	text     string
	response any // what is said beside it; nil for nothing
}

// Error implements error.
func (f *fault) Error() string { return f.text }

func faultOf(code int, text string) error { return &fault{code: code, text: text} }

var (
	errNotObject    = faultOf(codeInput, "input error: a message is a JSON object")
	errNoEvent      = faultOf(codeInput, "input error: there is no such event")
	errTooMany      = faultOf(codeServer, "too many requests before the login is done")
	errNotLoggedIn  = faultOf(codeLogin, "authentication or authorization failed: not logged in")
	errWrong        = faultOf(codeLogin, "authentication or authorization failed")
	errExpired      = faultOf(codeServer, "the session has expired")
	errNoRole       = faultOf(codeLogin, "authentication or authorization failed: no role")
	errLoggedIn     = faultOf(codeLoggedIn, "already authenticated")
	errRoleChosen   = faultOf(codeRole, "changing a role needs a logout and a login first")
	errPermission   = faultOf(codePermission, "permission error")
	errNotSending   = faultOf(codePermission, "permission error: the loop is not in state send")
	errNoMedia      = faultOf(codeNoMedia, "session unknown: media has not been requested")
	errNoTransport  = faultOf(codeNoMedia, "session unknown: the media connection is gone")
	errCandidate    = faultOf(codeCandidate, "candidate processing")
	errDescription  = faultOf(codeInput, "input error: the session description cannot be used")
	errDomain       = faultOf(codeServer, "unknown domain")
	errThrottled    = faultOf(codeServer, "too many attempts, try again later")
	errTooLarge     = faultOf(codeServer, "a value is too large or cannot be stored")
	errDirectory    = faultOf(codeDirectory, "ldap used cannot change values")
	errNoDirectory  = faultOf(codeServer, "no directory is set up for this domain")
	errWeak         = faultOf(codeServer, "the password is too weak: it needs 8 characters")
	errNewDomain    = faultOf(codeServer, "domains are made by the operator of the server")
	errKeepID       = faultOf(codeServer, "an id cannot be changed")
	errNoGateway    = faultOf(codeServer, "no SIP gateway is connected")
	errNoRecorder   = faultOf(codeNoRecorder, "No recorder avaliable for loop") // the spelling is upstream's
	errNotRecording = faultOf(codeNotRecording, "Currently not recording")
	errUnknownThing = faultOf(codeNotFound, "not found")
	errInternal     = faultOf(codeServer, "server processing error")
)

// missing says that a parameter is not there or of the wrong kind. name is one
// of ours.
func missing(name string) error { return faultOf(codeMissing, "parameter missing: "+name) }

// say puts an error in this protocol's words: the one table of what the core's
// kinds are called where a handler knows no better.
func say(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	var e *core.Error
	if !errors.As(err, &e) {
		return say(errInternal)
	}
	switch {
	case e.Kind == core.Invalid && e.Subject == core.AboutTransport:
		return say(errDescription)
	case e.Kind == core.Invalid:
		return say(errTooLarge)
	case e.Kind == core.Denied:
		return say(errPermission)
	case e.Kind == core.NotFound && e.Subject == core.AboutTransport:
		return say(errNoTransport)
	case e.Kind == core.NotFound:
		return say(errUnknownThing)
	case e.Kind == core.Unavailable && e.Subject == core.AboutLimit:
		return say(faultOf(codeServer, "a limit of the server is reached"))
	}
	return say(errInternal)
}
