package omikron

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"switchboard/internal/dialect"
)

// server is the id of the Omikron itself (dossier 2.3).
const server = "22222222-2222-2222-2222-222222222222"

// message is an envelope that was read: names are canonical, values as they
// stand.
type message struct {
	kind     string
	id       string // a UUID, or "" when nobody waits for a reply
	sender   string // a UUID, or ""
	receiver string // a UUID, or ""; never the Omikron
	log      json.RawMessage
	data     []member
	rest     []member // keys of the envelope that nobody knows
}

// read reads an envelope; false for what is no JSON object with a type.
func read(b []byte) (*message, bool) {
	all, ok := members(b)
	if !ok {
		return nil, false
	}
	m := &message{}
	for _, f := range all {
		switch canon(f.key) {
		case "id":
			m.id = id(f.value)
		case "type":
			m.kind = canon(text(f.value))
		case "sender", "sender_id":
			m.sender = firstOf(id(f.value), m.sender)
		case "receiver", "receiver_id":
			m.receiver = firstOf(id(f.value), m.receiver)
		case "log":
			m.log = f.value
		case "data":
			if !m.read(f.value) {
				return nil, false
			}
		default:
			m.rest = append(m.rest, f)
		}
	}
	if m.receiver == server {
		m.receiver = ""
	}
	return m, m.kind != ""
}

// read takes the data; false if there is too much to look into. What is no
// object counts as an empty one.
func (m *message) read(data json.RawMessage) bool {
	all, ok := split(data)
	if !ok && data[0] == '{' {
		return false
	}
	m.data = make([]member, 0, len(all)+2)
	for _, f := range all {
		m.data = set(m.data, canon(f.key), f.value)
	}
	return true
}

func isText(raw []byte) bool { return len(raw) > 0 && raw[0] == '"' }

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// id returns a UUID in its canonical form, or "".
func id(raw []byte) string { return parseID(text(raw)) }

func parseID(s string) string {
	if len(s) != 36 {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return ""
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F'):
			return ""
		}
	}
	return strings.ToLower(s)
}

// newID makes an id as clients do: a UUID of version 7 (RFC 9562 section 5.7).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails (crypto/rand)
	binary.BigEndian.PutUint16(b[:], uint16(time.Now().UnixMilli()>>32))
	binary.BigEndian.PutUint32(b[2:], uint32(time.Now().UnixMilli()))
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// text returns what a member of data says, "" unless it is a string.
func (m *message) text(key string) string { return text(get(m.data, key)) }

// user returns a member of data that is a UUID, or "".
func (m *message) user(key string) string { return id(get(m.data, key)) }

// encode writes an envelope with every key that peers of any time read
// (dossier 2.2): both spellings of sender and receiver, always log and data.
func (m *message) encode() []byte {
	n := 256 + len(m.log)
	for _, f := range m.data {
		n += len(f.key) + len(f.value) + 4
	}
	b := make([]byte, 0, n)
	b = append(b, `{"id":`...)
	b = appendText(b, firstOf(m.id, newID()))
	b = append(b, `,"type":`...)
	b = appendText(b, m.kind)
	b = pair(b, "sender", m.sender)
	b = pair(b, "receiver", m.receiver)
	b = append(b, `,"log":`...)
	if l, ok := split(m.log); ok && isText(get(l, "message")) {
		b = append(b, m.log...)
	} else {
		b = append(b, `{"message":"","log_level":0}`...)
	}
	for _, f := range m.rest {
		b = append(append(appendText(append(b, ','), f.key), ':'), f.value...)
	}
	b = append(b, `,"data":`...)
	return append(appendObject(b, m.data), '}')
}

func pair(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), key...), `":"`...)
	b = append(append(b, value...), `","`...)
	return append(append(append(append(b, key...), `_id":"`...), value...), '"')
}

// logged makes a log object (dossier 2.2).
func logged(text string, level int64) json.RawMessage {
	b := appendText([]byte(`{"message":`), text)
	b = append(b, `,"log_level":`...)
	return append(append(b, number(level)...), '}')
}

// reply makes the server's own message in answer to a request; data may be nil.
func reply(to *message, kind, log string, level int64, data ...member) dialect.Frame {
	return dialect.Text((&message{id: to.id, kind: kind, sender: server, log: logged(log, level), data: data}).encode())
}

// event makes the server's own message, which answers nothing.
func event(kind string, data ...member) []byte {
	return (&message{kind: kind, sender: server, log: logged("", 0), data: data}).encode()
}

// wrong says that a request failed, so that clients of any time notice
// (dossier 6): the type is just error and the specific one is in the data.
func wrong(to *message, kind, text string) dialect.Frame {
	return reply(to, "error", text, 2, member{"error_type", quote(kind)})
}
