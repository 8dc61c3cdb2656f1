package calling_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// This file lets many clients do random things at once and compares what each
// believes with what the server says.

const namespaces = 10

// roomsOf is how many rooms there are for so many clients.
func roomsOf(clients int) int { return clients/8 + 1 }

// act does one random thing, with a few others under way.
func (b *believer) act(n int, ids []string) {
	room := fmt.Sprintf("r%d", b.random.IntN(roomsOf(len(ids))))
	namespace := fmt.Sprintf("n%d", b.random.IntN(namespaces))
	other := ids[b.random.IntN(len(ids))]
	b.mu.Lock()
	handles := make([]int, 0, 4)
	for h := range b.sent {
		handles = append(handles, h)
	}
	for h := range b.received {
		handles = append(handles, h)
	}
	b.mu.Unlock()
	handle := 0
	if len(handles) > 0 {
		handle = handles[b.random.IntN(len(handles))]
	}
	in := fmt.Sprintf(`,"room":"%s"`, room)
	of := fmt.Sprintf(`,"namespace":"%s"`, namespace)
	say := fmt.Sprintf(`,"status":{"n":%d}`, n)
	by := fmt.Sprintf(`,"handle":%d`, handle)
	switch kind := b.random.IntN(20); kind {
	case 0, 1, 2, 3:
		b.request(ask{kind: "room_join", room: room}, in+say)
	case 4, 5:
		b.request(ask{kind: "room_leave", room: room}, in)
	case 6:
		b.request(ask{kind: "room_peer_status", room: room}, in+say)
	case 7:
		b.request(ask{kind: "status"}, fmt.Sprintf(`,"status":{"g":%d}`, n))
	case 8:
		// Each its own key, and its number for a value, so that each knows
		// what it set whatever others do at the time.
		b.mu.Lock()
		value := b.next + 1
		b.mu.Unlock()
		b.request(ask{kind: "room_status", room: room}, fmt.Sprintf(`%s,"key":"%s","value":%d`, in, b.id, value))
	case 9, 10:
		b.request(ask{kind: "invite_send", room: room}, fmt.Sprintf(`%s,"user":"%s","data":{}`, in, other))
	case 11:
		b.request(ask{kind: "invite_accept", handle: handle}, by+say)
	case 12:
		b.request(ask{kind: "invite_deny", handle: handle}, by)
	case 13:
		b.request(ask{kind: "invite_cancel", handle: handle}, by)
	case 14:
		b.request(ask{kind: []string{"ns_subscribe", "ns_unsubscribe"}[b.random.IntN(2)], namespace: namespace}, of)
	case 15:
		b.request(ask{kind: []string{"ns_user_register", "ns_user_unregister"}[b.random.IntN(2)]}, of)
	case 16, 17:
		b.request(ask{kind: []string{"ns_room_register", "ns_room_register", "ns_room_unregister"}[b.random.IntN(3)]}, of+in)
	default:
		b.request(ask{kind: "room_peer_to"}, fmt.Sprintf(`%s,"user":"%s","event":"e","data":{"n":%d}`, in, other, n))
	}
	if b.random.IntN(3) == 0 {
		b.settled()
	}
}

// TestEveryoneSeesTheSame is the order property under load.
func TestEveryoneSeesTheSame(t *testing.T) {
	const clients, acts = 200, 25
	_, url := serve(t, map[string]string{"linger": "10ms"})
	all, ids := make([]*believer, clients), make([]string, clients)
	var reading, acting sync.WaitGroup
	for i := range all {
		all[i] = newBeliever(t, url, uint64(i))
		ids[i] = all[i].id
		reading.Go(all[i].readAll)
	}
	everyone := func(f func(*believer)) {
		for _, b := range all {
			acting.Go(func() { f(b); b.settled() })
		}
		acting.Wait()
	}
	everyone(func(b *believer) {
		for n := range acts {
			b.act(n+1, ids)
		}
	})
	everyone(func(b *believer) { b.request(ask{kind: "ping"}, "") }) // afterwards everything caused has arrived

	for _, b := range all {
		b.mu.Lock() // what the newcomer causes changes no view
	}
	listed := newcomer(t, url, func(b *believer) {
		for i := range namespaces {
			b.request(ask{kind: "ns_subscribe", namespace: fmt.Sprintf("n%d", i)}, fmt.Sprintf(`,"namespace":"n%d"`, i))
		}
	}).namespaces
	rooms := newcomer(t, url, func(b *believer) {
		for i := range roomsOf(clients) {
			b.request(ask{kind: "room_join", room: fmt.Sprintf("r%d", i)}, fmt.Sprintf(`,"room":"r%d"`, i))
		}
	}).rooms
	compared := 0
	for _, b := range all {
		compared += compare(t, b, rooms, listed)
	}
	for name, r := range rooms {
		for id := range r.Peers {
			if _, known := all[slices.Index(ids, id)].rooms[name]; !known {
				t.Errorf("%s does not know that it is in room %s", id, name)
			}
		}
	}
	if compared < 2*clients {
		t.Errorf("only %d views were compared", compared)
	}
	for _, b := range all {
		b.mu.Unlock()
	}
	for _, b := range all {
		_ = b.c.Close()
	}
	reading.Wait()
}

// newcomer is somebody who asks for everything, and so is told the truth.
func newcomer(t *testing.T, url string, asks func(*believer)) *believer {
	t.Helper()
	b := newBeliever(t, url, 0)
	var reading sync.WaitGroup
	reading.Go(b.readAll)
	asks(b)
	b.settled()
	_ = b.c.Close()
	reading.Wait()
	return b
}

// compare tells how many rooms and namespaces it compared. Callers hold b.mu.
func compare(t *testing.T, b *believer, rooms map[string]roomView, listed map[string]namespaceView) (compared int) {
	t.Helper()
	for name, n := range b.namespaces {
		compared++
		if diff := cmp.Diff(listed[name], n); diff != "" {
			t.Errorf("%s sees namespace %s otherwise than the server (-server +client):\n%.2000s", b.id, name, diff)
		}
	}
	for name, r := range b.rooms {
		compared++
		want := roomView{Status: rooms[name].Status, Peers: map[string]peerView{}}
		for id, p := range rooms[name].Peers {
			if id != b.id {
				want.Peers[id] = p
			}
		}
		if len(want.Peers) == len(rooms[name].Peers) {
			t.Errorf("%s believes to be in room %s", b.id, name)
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("%s sees room %s otherwise than the server (-server +client):\n%.2000s", b.id, name, diff)
		}
	}
	return compared
}
