// Package iota is a home server of Tensamin for tests, written from what is
// known of real ones: it dials the server, says whom it serves, keeps their
// chats in memory, answers their clients and passes messages on to other homes.
// It comes in the three manners that real ones had, and dials again by itself
// when the connection is gone.
//
// An Iota has a goroutine that reads and one that pings; Close ends both and
// waits for them. The package must not know anything of the server's inside.
package iota

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Manner is how an Iota writes.
type Manner int

// The manners of September, October and November 2025.
const (
	Camel  Manner = iota // CamelCase, with a log, a leading comma, and texts only
	Random               // random senders and receivers where none is meant
	Plain                // snake_case, senders and receivers only where meant
)

// Again is how long an Iota waits before it dials again, and how often it pings.
const Again = 200 * time.Millisecond

// Options describe an Iota.
type Options struct {
	URL    string // of the server's socket, ws://…/ws/iota/
	ID     string
	Secret string // shown as iota_secret, if any
	Users  []string
	Manner Manner
	// Contacts are whom each user has chats with.
	Contacts map[string][]string
}

// Iota is a home server that runs.
type Iota struct {
	Options
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu         sync.Mutex
	conn       *websocket.Conn            // nil while there is none; guarded by mu
	identified chan struct{}              // closed at the first reply to an identification; guarded by mu
	times      int                        // identified so far; guarded by mu
	chats      map[[2]string][]chat       // by user and partner; guarded by mu
	settings   map[string]json.RawMessage // by user and name; guarded by mu
	refused    []string                   // what the server complained about; guarded by mu
}

type chat struct {
	At   int64
	Text string
	Own  bool
}

// message is an envelope with canonical names.
type message struct {
	ID       string         `json:"id,omitempty"`
	Type     string         `json:"type"`
	Sender   string         `json:"sender,omitempty"`
	Receiver string         `json:"receiver,omitempty"`
	Log      *logged        `json:"log,omitempty"`
	Data     map[string]any `json:"data"`
}

type logged struct {
	Message string `json:"message"`
	Level   int    `json:"log_level"`
}

// Start starts an Iota.
func Start(o Options) *Iota {
	ctx, cancel := context.WithCancel(context.Background())
	i := &Iota{Options: o, cancel: cancel, identified: make(chan struct{}), chats: map[[2]string][]chat{}, settings: map[string]json.RawMessage{}}
	i.ended.Go(func() { i.run(ctx) })
	return i
}

// Identified is closed when the server has known the Iota once.
func (i *Iota) Identified() <-chan struct{} { return i.identified }

// Times tells how often the server has known the Iota.
func (i *Iota) Times() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.times
}

// Refused lists what the server complained about.
func (i *Iota) Refused() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.refused...)
}

// Cut breaks the connection; the Iota dials again.
func (i *Iota) Cut() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conn != nil {
		_ = i.conn.NetConn().Close() // that is what is meant
	}
}

// Close ends the Iota.
func (i *Iota) Close() {
	i.cancel()
	i.Cut()
	i.ended.Wait()
}

func (i *Iota) run(ctx context.Context) {
	for ctx.Err() == nil {
		i.once(ctx)
		select {
		case <-time.After(Again):
		case <-ctx.Done():
		}
	}
}

// once is one connection.
func (i *Iota) once(ctx context.Context) {
	conn, answer, err := websocket.DefaultDialer.DialContext(ctx, i.URL, nil)
	if err != nil {
		return
	}
	_ = answer.Body.Close() // empty
	i.mu.Lock()
	i.conn = conn
	i.mu.Unlock()
	over := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() { i.ping(over) })
	i.say(i.identification())
	for {
		var m message
		if err := conn.ReadJSON(&m); err != nil {
			break
		}
		i.take(&m)
	}
	close(over)
	pinging.Wait()
	i.mu.Lock()
	i.conn = nil
	i.mu.Unlock()
	_ = conn.Close() // it is broken
}

// ping pings from the start, as real ones do: before the server knows them.
func (i *Iota) ping(over <-chan struct{}) {
	for {
		i.say(message{Type: "ping", Data: map[string]any{"last_ping": -1}})
		select {
		case <-time.After(Again):
		case <-over:
			return
		}
	}
}

func (i *Iota) identification() message {
	users := strings.Join(i.Users, ",") + ","
	if i.Manner == Camel {
		users = "," + strings.Join(i.Users, ",")
	}
	data := map[string]any{"iota_id": i.ID, "user_ids": users}
	if i.Secret != "" {
		data["iota_secret"] = i.Secret
	}
	return message{ID: NewID(), Type: "identification", Data: data}
}

// say writes a message in the Iota's manner.
func (i *Iota) say(m message) {
	var v any = m
	switch i.Manner {
	case Camel:
		m.Type = camel(m.Type)
		data := map[string]any{}
		for k, value := range m.Data {
			data[camel(k)] = value
		}
		m.Data, m.Log = data, &logged{"", -1}
		v = struct {
			message
			Sender   string `json:"sender"`
			Receiver string `json:"receiver"`
		}{m, m.Sender, m.Receiver}
	case Random:
		if m.Sender == "" {
			m.Sender = NewID()
		}
		if m.Receiver == "" {
			m.Receiver = NewID()
		}
		v = m
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conn != nil {
		_ = i.conn.WriteJSON(v) // the reader notices what is wrong
	}
}

func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// NewID makes a UUID of version 4.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (m *message) text(key string) string {
	s, _ := m.Data[key].(string)
	return s
}

// take takes a message of the server's or of a client's.
func (i *Iota) take(m *message) {
	reply := message{ID: m.ID, Type: m.Type, Receiver: m.Sender, Data: map[string]any{}}
	switch m.Type {
	case "identification_response":
		i.mu.Lock()
		if i.times++; i.times == 1 {
			close(i.identified)
		}
		i.mu.Unlock()
		return
	case "pong", "client_connected", "client_closed":
		return
	case "get_chats":
		var all []map[string]any
		for n, user := range i.Contacts[m.Sender] {
			all = append(all, map[string]any{"user_id": user, "last_message_at": fmt.Sprint(1756400000000 + n)})
		}
		reply.Data["user_ids"] = all
	case "message", "message_send":
		i.send(m)
		return
	case "message_other_iota":
		i.received(m)
		return
	case "message_get", "messages_get":
		reply = i.history(m, reply)
	case "get_communities":
		reply.Data["communities"] = []any{}
	case "settings_save":
		b, _ := json.Marshal(m.Data["payload"])
		i.mu.Lock()
		i.settings[m.Sender+" "+m.text("settings_name")] = b
		i.mu.Unlock()
	case "settings_load":
		i.mu.Lock()
		reply.Data["payload"], reply.Data["settings_name"] = i.settings[m.Sender+" "+m.text("settings_name")], m.text("settings_name")
		i.mu.Unlock()
	case "add_chat", "add_community", "remove_community":
	default:
		if strings.HasPrefix(m.Type, "error") {
			i.mu.Lock()
			i.refused = append(i.refused, m.Type)
			i.mu.Unlock()
		}
		return
	}
	i.say(reply)
}

// send keeps what a client says, acknowledges it, and passes it on.
func (i *Iota) send(m *message) {
	content := m.text("content") + m.text("message_content")
	to, now := m.text("receiver_id"), time.Now().UnixMilli()
	i.keep(m.Sender, to, chat{now, content, true})
	i.say(message{ID: m.ID, Type: "message", Receiver: m.Sender, Data: map[string]any{}})
	i.say(message{ID: m.ID, Type: "message_other_iota", Sender: m.Sender, Receiver: to,
		Data: map[string]any{"sender_id": m.Sender, "receiver_id": to, "send_time": fmt.Sprint(now), "content": content}})
}

// received keeps what a user of another Iota says and tells the clients.
func (i *Iota) received(m *message) {
	content := m.text("content")
	i.keep(m.Receiver, m.Sender, chat{time.Now().UnixMilli(), content, false})
	i.say(message{ID: m.ID, Type: "message_live", Receiver: m.Receiver,
		Data: map[string]any{"sender_id": m.Sender, "send_time": m.text("send_time"), "message": content}})
}

func (i *Iota) keep(user, partner string, c chat) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.chats[[2]string{user, partner}] = append(i.chats[[2]string{user, partner}], c)
}

// history answers how far two have talked, as clients of each time ask.
func (i *Iota) history(m *message, reply message) message {
	partner := m.text("chat_partner_id") + m.text("user_id")
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []map[string]any
	for _, c := range i.chats[[2]string{m.Sender, partner}] {
		if m.Type == "message_get" {
			all = append(all, map[string]any{"message_time": c.At, "message_content": c.Text, "sender_is_me": c.Own, "message_state": "read"})
		} else {
			all = append([]map[string]any{{"timestamp": c.At, "content": c.Text, "sent_by_self": c.Own, "message_state": "read"}}, all...)
		}
	}
	switch {
	case m.Type == "messages_get":
		reply.Data["messages"] = all
	case len(all) > 0:
		reply.Data["message_chunk"] = all
		fallthrough
	default:
		reply.Type = "message_chunk"
	}
	return reply
}
