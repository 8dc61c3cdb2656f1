package nkmedia

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// message is anything a client sends (dossier 1.2).
type message struct {
	Class    json.RawMessage `json:"class"`
	Subclass json.RawMessage `json:"subclass"`
	Cmd      json.RawMessage `json:"cmd"`
	Data     json.RawMessage `json:"data"`
	TID      json.RawMessage `json:"tid"`
	Result   json.RawMessage `json:"result"`
	Ack      json.RawMessage `json:"ack"`
}

// request is one command.
type request struct {
	class, sub, cmd string
	data            json.RawMessage // nil: none
	tid             json.RawMessage // to be echoed
	origin          *origin         // who sent it by way of another connection; nil: the client
	over            bool            // it was replied to, or wants no reply
	later           bool            // it is replied to when something is known
	ignored         []string        // members that the command does not know
}

// reply is what a client says to a request of the server's.
type reply struct {
	tid    json.RawMessage
	result string // ok or error
	data   json.RawMessage
}

func (a *reply) ok() bool { return a.result == "ok" }

const longestTID = 4096 // bytes; it may be any value

// kind says what a message is.
type kind uint8

const (
	isNothing kind = iota // ends the connection
	isBroken              // a request that cannot be executed; only its tid is known
	isRequest
	isReply
	isAck
	isEvent // told without wanting a reply
)

// read recognises a message in the order of dossier 1.2.
func read(text []byte) (k kind, q *request, a *reply) {
	var m message
	text = bytes.TrimSpace(text)
	if !utf8.Valid(text) || len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &m) != nil || len(m.TID) > longestTID {
		return isNothing, nil, nil
	}
	switch {
	case !absent(m.Class) && !absent(m.Cmd) && !absent(m.TID):
		return readRequest(&m)
	case !absent(m.Result) && !absent(m.TID):
		result, _ := asText(m.Result)
		return isReply, nil, &reply{m.TID, result, m.Data}
	case !absent(m.Ack):
		return isAck, nil, &reply{tid: m.Ack}
	case string(m.Class) == `"event"`:
		return isEvent, &request{class: "event", data: m.Data, over: true}, nil
	case !absent(m.TID): // kinder than upstream, which closes
		return isBroken, &request{tid: m.TID}, nil
	}
	return isNothing, nil, nil
}

func readRequest(m *message) (kind, *request, *reply) {
	q := &request{tid: m.TID, sub: coreClass, data: m.Data}
	if absent(m.Data) {
		q.data = nil
	}
	if json.Unmarshal(m.Class, &q.class) != nil || json.Unmarshal(m.Cmd, &q.cmd) != nil ||
		!absent(m.Subclass) && json.Unmarshal(m.Subclass, &q.sub) != nil {
		return isBroken, q, nil
	}
	if q.sub == "" { // as the last generation writes it
		q.sub = coreClass
	}
	return isRequest, q, nil
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// What the server says. Members stand in the order of the published samples.
type (
	okReply struct {
		Result string          `json:"result"`
		Data   any             `json:"data,omitempty"`
		TID    json.RawMessage `json:"tid"`
	}
	errorReply struct {
		Result string          `json:"result"`
		Data   wireError       `json:"data"`
		TID    json.RawMessage `json:"tid"`
	}
	// wireError is an error as clients read it. Name is beside the number
	// because numbers tell little in the first generation.
	wireError struct {
		Code  any    `json:"code"`
		Error string `json:"error"`
		Name  string `json:"name"`
	}
	ackMessage struct {
		Ack json.RawMessage `json:"ack"`
	}
	serverRequest struct {
		Class    string `json:"class"`
		Subclass string `json:"subclass,omitempty"` // none: core (dossier 1.2)
		Cmd      string `json:"cmd"`
		Data     any    `json:"data,omitempty"`
		TID      int    `json:"tid"`
	}
	// event is what happened to an object, in both framings.
	event struct {
		Class    string          `json:"class"`
		Subclass string          `json:"subclass,omitempty"`
		Type     string          `json:"type,omitempty"`
		ObjID    string          `json:"obj_id,omitempty"`
		Body     json.RawMessage `json:"body,omitempty"`
	}
)

// object is a JSON object whose values have been checked or encoded.
type object map[string]any

// encode writes a value as one line of JSON; letters such as < stay as they
// are.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // texts, numbers, objects of them, and JSON that was read
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
