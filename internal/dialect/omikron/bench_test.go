package omikron_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media/mediatest"
)

// hand drives a conversation by hand, without a loop.
type hand struct {
	conn *core.Connection
	conv dialect.Conversation
}

func grab(b *testing.B, hub *core.Hub, d dialect.Dialect, identification string) *hand {
	b.Helper()
	woken := make(chan struct{}, 1)
	conn, err := hub.Connect(core.ConnectRequest{Via: d.Name, Access: core.AccessOpen, Wake: func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}, Overflow: func() { b.Error("a mailbox is full") }})
	if err != nil {
		b.Fatal(err)
	}
	h := &hand{conn, d.Open(conn, nil)}
	h.conv.Receive(b.Context(), []byte(identification))
	<-woken
	h.notified()
	b.Cleanup(func() { h.conv.Closed(dialect.Closure{Clean: true, Code: 1000}); conn.Close() })
	return h
}

// notified takes what waits and returns how many messages that makes.
func (h *hand) notified() (n int) {
	for _, e := range h.conn.Take(nil) {
		n += len(h.conv.Notify(context.Background(), e))
	}
	return n
}

// BenchmarkRelay is one request from a client to its Iota and the answer back:
// two messages, without sockets.
func BenchmarkRelay(b *testing.B) {
	for _, others := range []int{0, 1000, 5000} {
		b.Run(fmt.Sprint(others+1, " clients"), func(b *testing.B) {
			e := &mediatest.Engine{}
			s := build(b, nil, e)
			b.Cleanup(func() { _ = s.Hub.Close() })
			users := make([]string, others+1)
			for i := range users {
				users[i] = fmt.Sprintf("1a000000-0000-4000-8000-%012d", i)
			}
			iota := grab(b, s.Hub, s.Dialects[1], `{"type":"identification","data":{"iota_id":"`+house(users[0])+`","user_ids":"`+strings.Join(users, ",")+`"}}`)
			var ada *hand
			for _, u := range users {
				ada = grab(b, s.Hub, s.Dialects[0], `{"type":"identification","data":{"user_id":"`+u+`","private_key_hash":"`+strings.Repeat("a", 64)+`"}}`)
				iota.notified()
			}
			content := strings.Repeat("x", 200)
			request := []byte(`{"id":"00000000-0000-7000-8000-000000000001","type":"message_send","data":{"receiver_id":"` + users[0] + `","content":"` + content + `"}}`)
			answer := []byte(`{"id":"00000000-0000-7000-8000-000000000001","type":"message","receiver":"` + users[others] + `","data":{"content":"` + content + `"}}`)
			b.ReportAllocs()
			for b.Loop() {
				ada.conv.Receive(b.Context(), request)
				if n := iota.notified(); n != 1 {
					b.Fatalf("the Iota was sent %d messages", n)
				}
				iota.conv.Receive(b.Context(), answer)
				if n := ada.notified(); n != 1 {
					b.Fatalf("the client was sent %d messages", n)
				}
			}
		})
	}
}

// BenchmarkPresence is one change of a user whom 1000 others watch: it is
// encoded once.
func BenchmarkPresence(b *testing.B) {
	e := &mediatest.Engine{}
	s := build(b, nil, e)
	b.Cleanup(func() { _ = s.Hub.Close() })
	users := make([]string, 1001)
	for i := range users {
		users[i] = fmt.Sprintf("1a000000-0000-4000-8000-%012d", i)
	}
	iota := grab(b, s.Hub, s.Dialects[1], `{"type":"identification","data":{"iota_id":"`+house(users[0])+`","user_ids":"`+strings.Join(users, ",")+`"}}`)
	var watchers []*hand
	for _, u := range users {
		w := grab(b, s.Hub, s.Dialects[0], `{"type":"identification","data":{"user_id":"`+u+`","private_key_hash":"`+strings.Repeat("a", 64)+`"}}`)
		w.conv.Receive(b.Context(), []byte(`{"id":"00000000-0000-7000-8000-000000000001","type":"get_chats"}`))
		iota.conv.Receive(b.Context(), []byte(`{"id":"00000000-0000-7000-8000-000000000001","type":"get_chats","data":{"user_ids":["`+users[0]+`"]}}`))
		iota.notified()
		w.notified()
		watchers = append(watchers, w)
	}
	change := []byte(`{"type":"client_changed","data":{"user_state":"DND"}}`)
	b.ReportAllocs()
	for b.Loop() {
		watchers[0].conv.Receive(b.Context(), change)
		told := 0
		for _, w := range watchers {
			told += w.notified()
		}
		if told != len(watchers) {
			b.Fatalf("%d were told, want %d", told, len(watchers))
		}
	}
}
