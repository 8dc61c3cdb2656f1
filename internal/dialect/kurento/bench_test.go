package kurento_test

import (
	"context"
	"fmt"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media/mediatest"
)

// BenchmarkChat is one line of chat to a room of ten: parsed, checked, encoded
// once, and told to each. The figure is for all ten.
func BenchmarkChat(b *testing.B) {
	srv := build(b, nil, &mediatest.Engine{})
	type member struct {
		conn *core.Connection
		conv dialect.Conversation
	}
	var all []member
	for i := range 10 {
		conn, err := srv.Hub.Connect(core.ConnectRequest{Via: "bench", Access: core.AccessOpen, Wake: func() {}, Overflow: func() {}})
		if err != nil {
			b.Fatal(err)
		}
		m := member{conn, srv.Dialects[0].Open(conn, nil)}
		m.conv.Receive(context.Background(), []byte(fmt.Sprintf(`{"id":1,"method":"joinRoom","params":{"user":"u%d","room":"kiosk"}}`, i)))
		all = append(all, m)
	}
	message := []byte(`{"jsonrpc":"2.0","method":"sendMessage","params":{"message":"a line of chat of a usual length","userMessage":"u0","roomMessage":"kiosk"},"id":5}`)
	var events []*core.Event
	told := 0
	b.ReportAllocs()
	for b.Loop() {
		all[0].conv.Receive(context.Background(), message)
		for _, m := range all {
			events = m.conn.Take(events[:0])
			for _, e := range events {
				told += len(m.conv.Notify(context.Background(), e))
			}
		}
	}
	b.StopTimer()
	if told < 10*b.N {
		b.Errorf("%d were told, want %d", told, 10*b.N)
	}
	if err := srv.Hub.Close(); err != nil {
		b.Fatal(err)
	}
}
