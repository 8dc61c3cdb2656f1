package kurento

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"switchboard/internal/core"
)

// message is anything a client sends: requests, notifications and stray
// responses (JSON-RPC 2.0; dossier 1.2). The member "jsonrpc" is not looked at.
type message struct {
	ID         json.RawMessage `json:"id"`
	Method     json.RawMessage `json:"method"`
	Params     json.RawMessage `json:"params"`
	DoLoopback json.RawMessage `json:"doLoopback"` // seed 3 has it here
	Result     json.RawMessage `json:"result"`
	Error      json.RawMessage `json:"error"`
}

// request is one request that a client made.
type request struct {
	id       json.RawMessage // to echo; nil when no reply is wanted
	method   string
	params   params
	loopback json.RawMessage // doLoopback beside the parameters
	size     int             // bytes of the message
}

const longestID = 256 // bytes of a request's id

// parse reads a message. It returns nil and no fault for one that needs no
// reply, and a request with no method when only its id is known.
func parse(text []byte) (*request, *fault) {
	text = bytes.TrimSpace(text)
	if !utf8.Valid(text) { // RFC 6455 section 8.1; ids are echoed as they came
		return nil, faultf(codeParseError, "Parse error")
	}
	if len(text) == 0 || text[0] != '{' {
		if json.Valid(text) {
			return nil, faultf(codeInvalidRequest, "A request must be an object; batches are not supported")
		}
		return nil, faultf(codeParseError, "Parse error")
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, faultf(codeParseError, "Parse error")
	}
	id, ok := echoID(m.ID)
	if !ok {
		return nil, faultf(codeInvalidRequest, "The id must be a number or a string of at most %d bytes", longestID)
	}
	r := &request{id: id, loopback: m.DoLoopback, size: len(text)}
	if absent(m.Method) && (m.Result != nil || m.Error != nil) {
		return nil, nil // a response to an event: some clients answer unknown events with an error
	}
	if json.Unmarshal(m.Method, &r.method) != nil || r.method == "" {
		return r, faultf(codeInvalidRequest, "The method must be a string")
	}
	if !absent(m.Params) && m.Params[0] == '{' {
		r.params = make(params, 4)
		if err := json.Unmarshal(m.Params, &r.params); err != nil {
			return r, faultf(codeInvalidParams, "The parameters must be an object")
		}
	} else if !absent(m.Params) && m.Params[0] != '[' {
		return r, faultf(codeInvalidParams, "The parameters must be an object")
	}
	return r, nil
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// echoID returns the id as replies carry it: numeric strings become numbers
// (dossier 1.2), other scalars stay as they are. It tells false for what cannot
// be an id.
func echoID(raw json.RawMessage) (json.RawMessage, bool) {
	switch {
	case absent(raw):
		return nil, true
	case len(raw) > longestID || raw[0] == '{' || raw[0] == '[':
		return nil, false
	case raw[0] != '"':
		return raw, true
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, false
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
		return strconv.AppendInt(nil, n, 10), true
	}
	return raw, true
}

// params are a request's parameters. Clients send numbers and truth values as
// strings too (dossier 0.15), and the other way round does no harm.
type params map[string]json.RawMessage

// text returns a required parameter. An empty string is a value.
func (p params) text(name string) (string, *fault) {
	raw, present := p[name]
	if !present || string(raw) == "null" {
		return "", faultf(codeInvalidParams, "Request element '%s' is missing", name)
	}
	if s, ok := scalar(raw); ok {
		return s, nil
	}
	return "", faultf(codeInvalidParams, "Request element '%s' must be a string", name)
}

// optional returns a parameter or what stands for it when it is missing.
func (p params) optional(name, otherwise string) (string, *fault) {
	if absent(p[name]) {
		return otherwise, nil
	}
	return p.text(name)
}

// scalar returns a string's contents, or a number or truth value as it is
// written.
func scalar(raw json.RawMessage) (string, bool) {
	switch raw[0] {
	case '{', '[':
		return "", false
	case '"':
		if bytes.IndexByte(raw, '\\') < 0 { // nearly always; the message was valid UTF-8
			return string(raw[1 : len(raw)-1]), true
		}
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	}
	return string(raw), true
}

// flag returns an optional truth value, false when it is missing.
func flag(raw json.RawMessage, name string) (bool, *fault) {
	if absent(raw) {
		return false, nil
	}
	s, ok := scalar(raw)
	if ok {
		if s == "" {
			return false, nil
		}
		if v, err := strconv.ParseBool(strings.ToLower(s)); err == nil {
			return v, nil
		}
	}
	return false, faultf(codeInvalidParams, "Request element '%s' must be a boolean", name)
}

// number returns an optional integer.
func (p params) number(name string, otherwise int) (int, *fault) {
	if absent(p[name]) {
		return otherwise, nil
	}
	if s, ok := scalar(p[name]); ok {
		if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil && f >= -1e9 && f <= 1e9 {
			return int(f), nil
		}
	}
	return 0, faultf(codeInvalidParams, "Request element '%s' must be a number", name)
}

// response is a reply; it has either a result or an error (dossier 0.2).
type response struct {
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *wireError      `json:"error,omitempty"`
	JSONRPC string          `json:"jsonrpc"`
}

// wireError is an error as clients read it (dossier 1.5). Errors about rooms
// carry the session id, as upstream's do; others do not.
type wireError struct {
	Code      int             `json:"code"`
	Message   string          `json:"message"`
	Data      string          `json:"data,omitempty"`
	SessionID core.SessionKey `json:"sessionId,omitempty"`
}

// The results. Each is an object that ends with the session's id (dossier 0.3).
type (
	plainResult struct {
		SessionID core.SessionKey `json:"sessionId"`
	}
	valueResult struct {
		Value     string          `json:"value"`
		SessionID core.SessionKey `json:"sessionId,omitempty"`
	}
	joinResult struct {
		Value      []member        `json:"value"`
		ICEServers []ICEServer     `json:"iceServers,omitempty"`
		SessionID  core.SessionKey `json:"sessionId"`
	}
	answerResult struct {
		SDPAnswer string          `json:"sdpAnswer"`
		SessionID core.SessionKey `json:"sessionId"`
	}
	resumeResult struct {
		Value string `json:"value"`
		// Where the session is, for clients that want to be sure: what was sent to
		// a connection that broke may not have arrived.
		Room         string          `json:"room"`
		User         string          `json:"user"`
		Participants []member        `json:"participants"`
		SessionID    core.SessionKey `json:"sessionId"`
	}
)

// member is somebody in the room; streams is left out while they send nothing
// (dossier 0.9).
type member struct {
	ID      string   `json:"id"`
	Streams []stream `json:"streams,omitempty"`
}

type stream struct {
	ID string `json:"id"`
}

// event is a message of the server's own accord. It has no id and no session
// id.
type event struct {
	Method  string `json:"method"`
	Params  any    `json:"params"`
	JSONRPC string `json:"jsonrpc"`
}

// The parameters of events. Names are said both ways where the seed and the
// clients, or two of its sections, differ.
type (
	joinedParams struct {
		ID string `json:"id"`
	}
	publishedParams struct {
		ID      string   `json:"id"`
		Streams []stream `json:"streams"`
	}
	unpublishedParams struct {
		Name    string   `json:"name"`
		ID      string   `json:"id"`
		Streams []stream `json:"streams,omitempty"` // what remains; absent: nothing
	}
	leftParams struct {
		Name string `json:"name"`
	}
	chatParams struct {
		Room    string `json:"room"`
		User    string `json:"user"`
		Name    string `json:"name"`
		Message string `json:"message"`
	}
	candidateParams struct {
		EndpointName  string `json:"endpointName"`
		Candidate     string `json:"candidate"`
		SDPMid        string `json:"sdpMid"`
		SDPMLineIndex int    `json:"sdpMLineIndex"`
	}
	roomParams struct {
		Room string `json:"room"`
	}
	mediaErrorParams struct {
		Error string `json:"error"`
	}
	markerParams struct {
		State int `json:"MarkerFilterState"`
	}
)

// encode writes a value as one line of JSON; letters such as < stay as they
// are.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings, numbers and slices of them only
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func notification(method string, params any) []byte {
	return encode(event{Method: method, Params: params, JSONRPC: "2.0"})
}

func streamsOf(p core.ParticipantInfo) []stream {
	var s []stream
	for _, pub := range p.Publications {
		s = append(s, stream{pub.Name})
	}
	return s
}

// membersOf lists who is in a room and is to be shown: of those who came.
func membersOf(room core.RoomInfo, shown func(core.ParticipantInfo) bool) []member {
	all := make([]member, 0, len(room.Participants))
	for _, p := range room.Participants {
		if shown(p) && p.Mode != core.ModeInvited {
			all = append(all, member{ID: p.Name, Streams: streamsOf(p)})
		}
	}
	return all
}
