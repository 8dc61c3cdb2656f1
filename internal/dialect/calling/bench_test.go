package calling_test

import (
	"context"
	"fmt"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/calling"
	"switchboard/internal/media/mediatest"
)

// seat is a connection without a socket or a loop.
type seat struct {
	link *core.Connection
	talk dialect.Conversation
}

// table seats people in one room.
func table(b *testing.B, people int) ([]seat, func()) {
	b.Helper()
	s := build(b, nil, &mediatest.Engine{})
	var all []seat
	for range people {
		link, err := s.Hub.Connect(core.ConnectRequest{Via: calling.Name, Access: s.Access, Wake: func() {}, Overflow: func() {}})
		if err != nil {
			b.Fatal(err)
		}
		talk := s.Dialects[0].Open(link, map[string][]string{"names": {"client"}})
		talk.Receive(context.Background(), []byte(`{"type":"room_join","room":"bench0"}`))
		all = append(all, seat{link, talk})
	}
	for _, s := range all {
		s.link.Take(nil)
	}
	return all, func() {
		if err := s.Hub.Close(); err != nil {
			b.Error(err)
		}
	}
}

const filler = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" +
	"01234567890123456789012345678901234567890123456789012345678901234567890123456789"

func bench(b *testing.B, all []seat, message []byte) {
	b.Helper()
	ctx := context.Background()
	var events []*core.Event
	told := 0
	b.ReportAllocs()
	for b.Loop() {
		all[0].talk.Receive(ctx, message)
		for _, s := range all[1:] {
			events = s.link.Take(events[:0])
			for _, e := range events {
				told += len(s.talk.Notify(ctx, e))
			}
		}
	}
	b.StopTimer()
	if told != b.N*(len(all)-1) {
		b.Errorf("told %d messages, want %d", told, b.N*(len(all)-1))
	}
}

// BenchmarkRelay is one room_peer_to: read, checked, passed on, answered.
func BenchmarkRelay(b *testing.B) {
	all, end := table(b, 2)
	defer end()
	bench(b, all, fmt.Appendf(nil, `{"data":{"t":"1234567890123456789 %s"},"event":"m","room":"bench0","tid":123456,"type":"room_peer_to","user":"%s"}`,
		filler, all[1].link.Session().ID()))
}

// BenchmarkFanOut is one room_peer_status in a room of ten: the figure is for
// all of them.
func BenchmarkFanOut(b *testing.B) {
	all, end := table(b, 10)
	defer end()
	bench(b, all, fmt.Appendf(nil, `{"room":"bench0","status":{"t":"1234567890123456789 %s"},"tid":123456,"type":"room_peer_status"}`, filler))
}
