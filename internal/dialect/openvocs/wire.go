package openvocs

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// request is what a client asks (dossier 1.3).
type request struct {
	event   string
	uuid    json.RawMessage // as it came, to be echoed; nil without one
	client  string
	version json.RawMessage // as it came; nil without one
	param   params
	size    int // bytes of the message
}

// params are the members of a request's parameter. Clients of the seed spell
// some names differently, so those who ask for one give every spelling.
type params map[string]json.RawMessage

const (
	longestID = 256     // bytes of a uuid or a client id
	mostEcho  = 2 << 10 // bytes of a request that is repeated in its reply
)

// parse reads a message. It tells false for what is no JSON object, which has no
// event to be answered under.
func parse(text []byte) (*request, bool) {
	text = bytes.TrimSpace(text)
	var m map[string]json.RawMessage
	if !utf8.Valid(text) || len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &m) != nil {
		return nil, false
	}
	r := &request{event: textOf(m["event"]), client: textOf(m["client"]), param: params{}, size: len(text)}
	if len(r.event) > longestID {
		r.event = ""
	}
	if len(r.client) > longestID {
		r.client = ""
	}
	if id := m["uuid"]; len(id) > 0 && len(id) <= longestID && isScalar(id) {
		r.uuid = id
	}
	if v := m["version"]; len(v) > 0 && len(v) <= longestID && isScalar(v) {
		r.version = v
	}
	_ = json.Unmarshal(m["parameter"], &r.param) // what is no object has no members
	return r, true
}

func isScalar(raw json.RawMessage) bool { return raw[0] != '{' && raw[0] != '[' && raw[0] != 'n' }

// textOf returns a JSON string's contents, "" for anything else.
func textOf(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// value returns the first parameter there is of some names, nil for none. Null
// counts as none.
func (p params) value(names ...string) json.RawMessage {
	for _, name := range names {
		if raw := p[name]; len(raw) > 0 && string(raw) != "null" {
			return raw
		}
	}
	return nil
}

// text returns a parameter that must be a string with something in it.
func (p params) text(names ...string) (string, error) {
	if s := textOf(p.value(names...)); s != "" {
		return s, nil
	}
	return "", missing(names[0])
}

// optional returns a parameter that may be left out.
func (p params) optional(names ...string) string { return textOf(p.value(names...)) }

// flag returns a parameter that must be a truth value.
func (p params) flag(names ...string) (bool, error) {
	switch string(p.value(names...)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, missing(names[0])
}

// number returns a parameter that must be a number from 0 to most; parts of whole
// ones are rounded.
func (p params) number(most int64, names ...string) (int64, error) {
	var f float64
	if raw := p.value(names...); raw == nil || json.Unmarshal(raw, &f) != nil || f < 0 || f > float64(most) {
		return 0, missing(names[0])
	}
	return int64(math.Round(f)), nil
}

// object returns a parameter that must be an object.
func (p params) object(names ...string) (json.RawMessage, error) {
	if raw := p.value(names...); len(raw) > 0 && raw[0] == '{' {
		return raw, nil
	}
	return nil, missing(names[0])
}

// reply is what a request is answered with (dossier 1.4). Its type, uuid and
// client make it match one request only (dossier 1.5).
type reply struct {
	Event    string          `json:"event"`
	UUID     json.RawMessage `json:"uuid,omitempty"`
	Client   string          `json:"client,omitempty"`
	Type     string          `json:"type"`
	Version  json.RawMessage `json:"version,omitempty"`
	Request  *echo           `json:"request,omitempty"`
	Response any             `json:"response"`
	Error    *wireError      `json:"error,omitempty"`
}

type wireError struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

// echo is a request as its reply repeats it: without secrets, and without what
// is long.
type echo struct {
	Event     string          `json:"event"`
	UUID      json.RawMessage `json:"uuid,omitempty"`
	Client    string          `json:"client,omitempty"`
	Type      string          `json:"type"`
	Version   json.RawMessage `json:"version,omitempty"`
	Parameter params          `json:"parameter"`
}

// secret tells whether a parameter never comes back (dossier 12), however it is
// spelled: what is none by its spelling was meant as one.
func secret(name string) bool {
	return slices.Contains([]string{"password", "session", "sdp", "data"}, strings.ToLower(name))
}

func (r *request) echo() *echo {
	e := &echo{Event: r.event, UUID: r.uuid, Client: r.client, Type: unicast, Version: r.version, Parameter: params{}}
	if r.size <= mostEcho {
		e.Parameter = maps.Clone(r.param)
		maps.DeleteFunc(e.Parameter, func(name string, _ json.RawMessage) bool { return secret(name) })
	}
	if e.Parameter == nil {
		e.Parameter = params{}
	}
	return e
}

// The types of messages (dossier 1.7).
const (
	unicast         = "unicast"
	loopBroadcast   = "loop_broadcast"
	userBroadcast   = "user_broadcast"
	systemBroadcast = "system_broadcast"
)

// push is a message that nobody asked for. Pushes to one client have no client
// at the top, or it would take them for replies (dossier 1.5).
type push struct {
	Event     string `json:"event"`
	UUID      string `json:"uuid"`
	Type      string `json:"type"`
	Parameter any    `json:"parameter"`
}

func encodePush(event, kind string, parameter any) []byte {
	return encode(push{event, newUUID(), kind, parameter})
}

// encode writes a message. All parts are ours or were JSON already.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("openvocs: a message of ours cannot be written: %v", err))
	}
	return b
}

// newUUID returns a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
