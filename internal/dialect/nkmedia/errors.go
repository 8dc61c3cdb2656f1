package nkmedia

import (
	"errors"
	"strings"

	"switchboard/internal/core"
)

// fault is an error, or the reason why something ended, by its name in the table
// of dossier 5. A name that is not there is told as it is.
type fault struct {
	name   string
	detail string // what the text says more: a field, a command, an action
	// code, when own is set, is a number that a client gave with a text of its
	// own.
	code int
	own  bool
}

func faultOf(name string, detail ...string) *fault {
	f := &fault{name: name}
	if len(detail) > 0 {
		f.detail = detail[0]
	}
	return f
}

// said is an error in the words of a client.
func said(code int, text string) *fault { return &fault{name: text, code: code, own: true} }

// words are what the table says of an error: the text, in which %s stands for
// the detail, and the number in the first three generations; 0 is the catch-all.
type words struct {
	text       string
	g1, g2, g3 int
}

// catchAll is the number of everything that has none.
func catchAll(g Generation) int {
	if g == G3 || g == G4 {
		return 999999
	}
	return 9999
}

// table holds dossier 5.2 and 5.3, as far as there are such errors here.
var table = map[string]words{
	"internal_error":        {"Internal error", 1000, 1001, 100002},
	"invalid_state":         {"Invalid state", 1000, 1004, 100004},
	"timeout":               {"Timeout", 1000, 1005, 100005},
	"not_implemented":       {"Not implemented", 1000, 1006, 100006},
	"registered_down":       {"Registered process stopped", 1000, 1012, 100010},
	"user_stop":             {"User stop", 1000, 1013, 100011},
	"unauthorized":          {"Unauthorized", 1000, 1030, 100030},
	"not_authenticated":     {"Not authenticated", 1000, 1031, 100031},
	"already_authenticated": {"Already authenticated", 1000, 1032, 100032},
	"user_not_found":        {"User not found", 1000, 1033, 100033},
	"duplicated_session_id": {"Duplicated session id", 1000, 1034, 100034},
	"unknown_command":       {"Unknown command", 1000, 1041, 100042},
	"invalid_operation":     {"Invalid operation", 1000, 1045, 100040},
	"syntax_error":          {"Syntax error: %s", 1000, 1046, 100044},
	"missing_field":         {"Missing field: %s", 1000, 1047, 100045},
	"invalid_parameters":    {"Invalid parameters", 1000, 1048, 100041},
	"missing_parameters":    {"Missing parameters", 1000, 1049, 0},
	"invalid_action":        {"Invalid action '%s'", 1000, 0, 100043},
	"invalid_reply":         {"Invalid reply", 1000, 0, 100047},
	"no_event_listener":     {"No event listener", 1000, 0, 0},
	"session_timeout":       {"Session timeout", 1000, 1060, 100060},
	"session_stop":          {"Session stop", 1000, 1061, 100061},
	"session_not_found":     {"Session not found", 1000, 1062, 100062},
	"invalid_uri":           {"Invalid Uri", 0, 0, 100070},
	"unknown_peer":          {"Unknown peer", 0, 0, 100071},

	"no_mediaserver":         {"No mediaserver available", 2000, 2001, 300001},
	"session_failed":         {"Session has failed", 0, 0, 300004},
	"incompatible_session":   {"Incompatible session", 0, 0, 300005},
	"unknown_session_type":   {"Unknown session type", 2000, 2002, 0},
	"missing_offer":          {"Missing offer", 2000, 2010, 0},
	"answer_not_set":         {"Answer not set", 2000, 2015, 300012},
	"answer_already_set":     {"Answer already set", 2000, 2016, 300013},
	"bridge_stop":            {"Bridge stop", 0, 0, 300020},
	"peer_stopped":           {"Peer session stopped", 0, 2026, 300021},
	"no_active_recorder":     {"No active recorder", 0, 0, 300030},
	"no_active_player":       {"No active player", 0, 0, 300031},
	"no_active_room":         {"No active room", 0, 0, 300032},
	"call_not_found":         {"Call not found", 2000, 2020, 305002},
	"no_destination":         {"No destination", 2000, 2022, 305005},
	"no_answer":              {"No answer", 2000, 2023, 305006},
	"already_answered":       {"Already answered", 2000, 2024, 305007},
	"originator_cancel":      {"Originator cancel", 2000, 2025, 305008},
	"callee_stop":            {"Callee stopped", 0, 0, 305010},
	"user_hangup":            {"User hangup", 0, 0, 0},
	"reg_monitor_stop":       {"Register monitor stop", 2000, 0, 0},
	"unknown_linked_session": {"Unknown linked session", 2000, 0, 0},
	"room_not_found":         {"Room not found", 2000, 2030, 304001},
	"room_already_exists":    {"Room already exists", 2000, 2031, 304002},
	"room_destroyed":         {"Room destroyed", 200, 2032, 304003},
	"unknown_publisher":      {"Unknown publisher", 0, 2034, 0},
	"invalid_publisher":      {"Invalid publisher", 200, 2035, 304005},
	"publisher_stopped":      {"Publisher stopped", 200, 2036, 304006},
	"not_available":          {"Not available: %s", 0, 0, 0},
	"invalid_layout":         {"Layout '%s' needs a video mixer, which this server does not have", 0, 0, 0},
	"unknown_layout":         {"Unknown layout '%s'", 0, 0, 0},
	"limit_reached":          {"Limit reached: %s", 0, 0, 0},
	"invalid_sdp":            {"Invalid SDP: %s", 0, 0, 0},
}

// text returns what people read.
func (f *fault) text(g Generation) string {
	w, known := table[f.name]
	switch {
	case f.own:
		return f.name
	case !known && g == G1:
		return "Unknown Error: " + f.name
	case !known:
		return f.name
	case f.name == "unknown_command" && f.detail != "" && (g == G3 || g == G4):
		return w.text + " '" + f.detail + "'"
	}
	detail := f.detail
	if g == G4 && (f.name == "syntax_error" || f.name == "missing_field") {
		detail = "'" + detail + "'"
	}
	return strings.Replace(w.text, "%s", detail, 1)
}

// number returns the code of events, and of replies but in the last generation.
func (f *fault) number(g Generation) int {
	w := table[f.name]
	n := w.g1
	switch g {
	case G2:
		n = w.g2
	case G3, G4:
		n = w.g3
	}
	switch {
	case f.own:
		return f.code
	case n == 0:
		return catchAll(g)
	}
	return n
}

// wire is how a reply says it.
func (f *fault) wire(g Generation) wireError {
	if g == G4 && !f.own {
		return wireError{f.name, f.text(g), f.name}
	}
	name := f.name
	if f.own {
		name = "user_error"
	}
	return wireError{f.number(g), f.text(g), name}
}

// coreFault says an error of the core: the one table of that.
func coreFault(err error) *fault {
	var e *core.Error
	if !errors.As(err, &e) {
		return faultOf("internal_error")
	}
	switch e.Kind {
	case core.Denied:
		return faultOf("unauthorized")
	case core.NotFound:
		switch e.Subject {
		case core.AboutRoom:
			return faultOf("room_not_found")
		case core.AboutPublication, core.AboutParticipant:
			return faultOf("unknown_publisher")
		case core.AboutValue:
			return faultOf("invalid_uri")
		}
		return faultOf("session_not_found")
	case core.Conflict:
		switch e.Subject {
		case core.AboutRoom:
			return faultOf("room_already_exists")
		case core.AboutName:
			return faultOf("duplicated_session_id")
		}
		return faultOf("invalid_state")
	case core.Unavailable:
		if e.Subject == core.AboutLimit {
			return faultOf("limit_reached", e.Text)
		}
		return faultOf("no_mediaserver")
	}
	if e.Subject == core.AboutTransport {
		return faultOf("invalid_sdp", e.Text)
	}
	return faultOf("invalid_parameters")
}
