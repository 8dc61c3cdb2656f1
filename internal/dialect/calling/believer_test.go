package calling_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// This file has a client that believes what it is told. It knows a room or a
// namespace from an answer (or an invitation) and changes its view by events
// alone; an event about what it does not know has come before its answer, or
// after the end, and is a fault.

type (
	// status is any status; peerView, roomView and namespaceView are what a client
	// knows.
	status   map[string]any
	peerView struct {
		Status  status `json:"status"`
		Pending bool   `json:"pending"`
	}
	roomView struct {
		Status status              `json:"status"`
		Peers  map[string]peerView `json:"peers"`
	}
	namespaceView struct {
		Users map[string]status   `json:"users"`
		Rooms map[string]roomView `json:"rooms"`
	}
)

// believer is a client that believes what it is told. One goroutine asks,
// another reads; what they share is guarded by mu.
type believer struct {
	t      *testing.T
	c      *websocket.Conn
	id     string
	random *rand.Rand

	mu         sync.Mutex
	asked      map[int]ask              // guarded by mu
	next       int                      // guarded by mu
	rooms      map[string]roomView      // guarded by mu
	namespaces map[string]namespaceView // guarded by mu
	sent       map[int]bool             // handles of invitations sent; guarded by mu
	received   map[int]string           // and received, with their rooms; guarded by mu
	heard      map[string]int           // last number of a message, by sender; guarded by mu
	faults     int                      // guarded by mu
	ended      bool                     // nothing more is read; guarded by mu
	idle       *sync.Cond               // told when nothing is asked any more
}

// ask is a request under way.
type ask struct {
	kind, room, namespace string
	handle                int
}

// event is everything a client can be told.
type event struct {
	Type      string              `json:"type"`
	ID        string              `json:"id"`
	TID       int                 `json:"tid"`
	Error     string              `json:"error"`
	Data      json.RawMessage     `json:"data"`
	Namespace string              `json:"namespace"`
	Room      string              `json:"room"`
	User      string              `json:"user"`
	Status    status              `json:"status"`
	Pending   *bool               `json:"pending"`
	Peers     map[string]peerView `json:"peers"`
	Handle    *int                `json:"handle"`
	Event     string              `json:"event"`
}

func newBeliever(t *testing.T, url string, seed uint64) *believer {
	b := &believer{t: t, c: dial(t, url+"?names=client"), random: rand.New(rand.NewPCG(seed, 1)), asked: map[int]ask{},
		rooms: map[string]roomView{}, namespaces: map[string]namespaceView{}, sent: map[int]bool{}, received: map[int]string{},
		heard: map[string]int{}}
	b.idle = sync.NewCond(&b.mu)
	var hello event
	if err := json.Unmarshal([]byte(read(t, b.c)), &hello); err != nil {
		t.Fatal(err)
	}
	b.id = hello.ID
	return b
}

// wrong notes a fault. Callers hold b.mu.
func (b *believer) wrong(format string, args ...any) {
	b.faults++
	if b.faults < 4 {
		b.t.Errorf("%s: %s", b.id, fmt.Sprintf(format, args...))
	}
}

// readAll reads until the connection ends.
func (b *believer) readAll() {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ended = true
		b.idle.Broadcast()
	}()
	for {
		_ = b.c.SetReadDeadline(time.Now().Add(2 * time.Minute))
		_, text, err := b.c.ReadMessage()
		if err != nil {
			return
		}
		var e event
		if err := json.Unmarshal(text, &e); err != nil {
			b.t.Errorf("not JSON: %s", text)
			return
		}
		b.mu.Lock()
		b.believe(e, text)
		b.mu.Unlock()
	}
}

// believe changes the view by what was told. Callers hold b.mu.
func (b *believer) believe(e event, text []byte) {
	switch {
	case e.Type == "answer":
		b.answered(e)
	case e.Handle != nil:
		b.invitation(e)
	case e.Namespace != "":
		b.inNamespace(e, text)
	case e.Type == "room_peer_from":
		b.message(e)
	default:
		r, known := b.rooms[e.Room]
		if !known {
			b.wrong("told of a room that it is not in: %s", text)
			return
		}
		b.rooms[e.Room] = b.inRoom(r, e, text)
	}
}

func (b *believer) answered(e event) {
	a, expected := b.asked[e.TID]
	if !expected {
		b.wrong("an answer to nothing: %d", e.TID)
		return
	}
	delete(b.asked, e.TID)
	if len(b.asked) == 0 {
		b.idle.Broadcast()
	}
	if e.Error != "" {
		return
	}
	switch a.kind {
	case "room_join":
		var r roomView
		_ = json.Unmarshal(e.Data, &r)
		b.rooms[a.room] = r
	case "room_leave":
		delete(b.rooms, a.room)
	case "room_status":
		b.rooms[a.room].Status[b.id] = float64(e.TID) // as rtc-lib does after the answer
	case "ns_subscribe":
		var n namespaceView
		_ = json.Unmarshal(e.Data, &n)
		b.namespaces[a.namespace] = n
	case "ns_unsubscribe":
		delete(b.namespaces, a.namespace)
	case "invite_send":
		var d struct{ Handle int }
		_ = json.Unmarshal(e.Data, &d)
		b.sent[d.Handle] = true
	case "invite_cancel":
		delete(b.sent, a.handle)
	case "invite_accept":
		delete(b.received, a.handle)
	case "invite_deny":
		delete(b.rooms, b.received[a.handle])
		delete(b.received, a.handle)
	}
}

func (b *believer) invitation(e event) {
	switch h := *e.Handle; e.Type {
	case "invite_incoming":
		if _, known := b.rooms[e.Room]; known {
			b.wrong("invited to %s, where it is", e.Room)
		}
		b.rooms[e.Room] = roomView{Status: e.Status, Peers: e.Peers}
		b.received[h] = e.Room
	case "invite_cancelled":
		if _, known := b.received[h]; !known {
			b.wrong("an unknown invitation %d was cancelled", h)
		}
		delete(b.rooms, b.received[h])
		delete(b.received, h)
	case "invite_response":
		if !b.sent[h] {
			b.wrong("an unknown invitation %d was answered", h)
		}
		delete(b.sent, h)
	}
}

// message checks that what one sends arrives in order.
func (b *believer) message(e event) {
	var d struct{ N int }
	_ = json.Unmarshal(e.Data, &d)
	if key := e.Room + e.User; d.N <= b.heard[key] {
		b.wrong("message %d of %s after %d", d.N, e.User, b.heard[key])
	} else {
		b.heard[key] = d.N
	}
	if _, known := b.rooms[e.Room]; !known {
		b.wrong("a message from a room that it is not in")
	}
}

func (b *believer) inRoom(r roomView, e event, text []byte) roomView {
	p, known := r.Peers[e.User]
	switch e.Type {
	case "room_peer_add":
		if known || e.User == b.id {
			b.wrong("added twice: %s", text)
		}
		r.Peers[e.User] = peerView{e.Status, *e.Pending}
		return r
	case "room_update":
		r.Status = e.Status
		return r
	}
	if !known {
		b.wrong("an unknown peer: %s", text)
		return r
	}
	switch e.Type {
	case "room_peer_update":
		r.Peers[e.User] = p.changed(e)
	case "room_peer_rm":
		delete(r.Peers, e.User)
	default:
		b.wrong("what is this? %s", text)
	}
	return r
}

func (p peerView) changed(e event) peerView {
	if e.Status != nil {
		p.Status = e.Status
	}
	if e.Pending != nil {
		p.Pending = *e.Pending
	}
	return p
}

func (b *believer) inNamespace(e event, text []byte) {
	n, subscribed := b.namespaces[e.Namespace]
	if !subscribed {
		b.wrong("told of a namespace that it does not watch: %s", text)
		return
	}
	_, user := n.Users[e.User]
	r, room := n.Rooms[e.Room]
	p, peer := r.Peers[e.User]
	expected := true
	switch e.Type {
	case "ns_user_add":
		expected = !user
		n.Users[e.User] = e.Status
	case "ns_user_update":
		expected = user
		n.Users[e.User] = e.Status
	case "ns_user_rm":
		expected = user
		delete(n.Users, e.User)
	case "ns_room_add":
		expected = !room
		n.Rooms[e.Room] = roomView{e.Status, e.Peers}
	case "ns_room_update":
		expected = room
		n.Rooms[e.Room] = roomView{e.Status, r.Peers}
	case "ns_room_rm":
		expected = room
		delete(n.Rooms, e.Room)
	case "ns_room_peer_add":
		if expected = room && !peer; expected {
			r.Peers[e.User] = peerView{e.Status, *e.Pending}
		}
	case "ns_room_peer_update":
		if expected = room && peer; expected {
			r.Peers[e.User] = p.changed(e)
		}
	case "ns_room_peer_rm":
		expected = room && peer
		delete(r.Peers, e.User)
	default:
		expected = false
	}
	if !expected {
		b.wrong("not expected in a namespace: %s", text)
	}
}

// request sends one request and notes it before.
func (b *believer) request(a ask, fields string) {
	b.mu.Lock()
	b.next++
	tid := b.next
	b.asked[tid] = a
	b.mu.Unlock()
	text := fmt.Sprintf(`{"type":"%s","tid":%d%s}`, a.kind, tid, fields)
	if err := b.c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		b.t.Errorf("write: %v", err)
	}
}

// settled waits until everything asked is answered.
func (b *believer) settled() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.asked) > 0 && !b.ended {
		b.idle.Wait()
	}
	if len(b.asked) > 0 {
		b.wrong("%d requests are not answered", len(b.asked))
		b.asked = map[int]ask{}
	}
}
