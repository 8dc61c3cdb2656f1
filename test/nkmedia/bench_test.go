// Package nkmedia measures the dialect of that name with the real media engine, in one process and without sockets. It
// owns nothing but the benchmarks.
package nkmedia

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/nkmedia"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// anybody lets everybody in.
type anybody struct{}

func (anybody) Authenticate(_ context.Context, c core.Credentials, _ netip.Addr) (core.Identity, error) {
	return core.Identity{Realm: core.DefaultRealm, User: c.User}, nil
}

// build starts a server with the media engine that carries media.
func build(b testing.TB) talk.Server {
	b.Helper()
	limits := core.DefaultLimits()
	limits.TransportsPerSession = 100_000
	hub, err := core.NewHub(core.Options{Limits: limits, Log: slog.New(slog.DiscardHandler), Auth: anybody{}, Media: func(s media.Sink) (media.Engine, error) {
		return rtc.New(rtc.Options{Address: netip.MustParseAddrPort("127.0.0.1:0")}, s)
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := hub.Close(); err != nil {
			b.Error(err)
		}
	})
	return talk.Server{Hub: hub, Access: core.AccessOpen, Dialects: []dialect.Dialect{nkmedia.New(nkmedia.Options{Hub: hub, PingInterval: -1})}}
}

// application is a client that waits for what it is sent.
type application struct {
	*talk.Client
	b testing.TB
}

func logIn(b testing.TB, s talk.Server, user string) application {
	b.Helper()
	c, err := s.Connect(s.Dialects[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	a := application{c, b}
	b.Cleanup(func() { c.Hang(dialect.Closure{Clean: true, Code: 1000}) })
	a.Send(fmt.Appendf(nil, `{"class":"core","subclass":"user","cmd":"login","data":{"user":%q,"pass":"x"},"tid":0}`, user))
	a.await(`"result":"ok"`, 1)
	return a
}

// await waits until so many messages with a text in them were sent.
func (a application) await(text string, n int) {
	a.b.Helper()
	for {
		for _, s := range a.Take() {
			switch {
			case strings.Contains(string(s.Text), text):
				n--
			case strings.Contains(string(s.Text), `"result":"error"`):
				a.b.Fatalf("%s", s.Text)
			}
		}
		if n <= 0 {
			return
		}
		<-a.Arrived()
	}
}

func start(kind string) []byte {
	offer, _ := json.Marshal(talk.Offer("sendrecv", "audio", "video")) // a string always can
	return fmt.Appendf(nil, `{"class":"media","subclass":"session","cmd":"start","data":{"type":%q,"subscribe":false,"offer":{"sdp":%s}},"tid":1}`, kind, offer)
}

// BenchmarkEcho is one start, from the command to the answer, at 50 starts a second.
func BenchmarkEcho(b *testing.B) {
	app := logIn(b, build(b), "ana")
	command := start("echo")
	var took []time.Duration
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for b.Loop() {
		<-pace.C
		begun := time.Now()
		app.Send(command)
		app.await(`"answer"`, 1)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "ms-p50")
	b.ReportMetric(ms(took[len(took)*99/100]), "ms-p99")
}

// BenchmarkIdle holds a thousand sessions whose peers have not come yet.
func BenchmarkIdle(b *testing.B) {
	const sessions = 1000
	for b.Loop() {
		s := build(b)
		app := logIn(b, s, "ana")
		before := held()
		command := start("echo")
		for range sessions {
			app.Send(command)
			app.await(`"answer"`, 1)
		}
		b.ReportMetric(float64(held()-before)/1024/sessions, "KiB/session")
		runtime.KeepAlive(s)
	}
}

// held is how many bytes of heap and stacks are in use.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkCall is a call to a user with five devices, from the command until all are invited and the caller is told so
// and hangs up.
func BenchmarkCall(b *testing.B) {
	s := build(b)
	caller := logIn(b, s, "ana")
	var devices []application
	for range 5 {
		devices = append(devices, logIn(b, s, "bea"))
	}
	invited := []byte(`{"class":"media","subclass":"call","cmd":"start","data":{"type":"user","user":"bea","call_id":"call-00000000000000001","offer":{"sdp":"v=0"}},"tid":1}`)
	over := []byte(`{"class":"media","subclass":"call","cmd":"hangup","data":{"call_id":"call-00000000000000001"},"tid":2}`)
	for b.Loop() {
		caller.Send(invited)
		for _, d := range devices {
			d.await(`"invite"`, 1)
		}
		caller.Send(over)
		for _, d := range devices {
			d.await(`"hangup"`, 1)
		}
		caller.await(`"hangup"`, 1)
	}
}

// BenchmarkServedCall is such a call whose media the server carries: the caller's offer is answered, each device is made an
// offer of its own, and all six media connections are closed again.
func BenchmarkServedCall(b *testing.B) {
	s := build(b)
	caller := logIn(b, s, "ana")
	var devices []application
	for range 5 {
		devices = append(devices, logIn(b, s, "bea"))
	}
	offer, _ := json.Marshal(talk.Offer("sendrecv", "audio", "video")) // a string always can
	invited := fmt.Appendf(nil, `{"class":"media","subclass":"call","cmd":"create","data":{"callee":"bea","call_id":"call-00000000000000001","offer":{"sdp":%s}},"tid":1}`, offer)
	over := []byte(`{"class":"media","subclass":"call","cmd":"hangup","data":{"call_id":"call-00000000000000001"},"tid":2}`)
	for b.Loop() {
		caller.Send(invited)
		for _, d := range devices {
			d.await(`"invite"`, 1)
		}
		caller.await(`"call_id"`, 1)
		caller.Send(over)
		for _, d := range devices {
			d.await(`"hangup"`, 1)
		}
		caller.await(`"hangup"`, 1)
	}
}

// BenchmarkFanOut is one event to a thousand who subscribed to it: the figure is for all of them.
func BenchmarkFanOut(b *testing.B) {
	s := build(b)
	ctx := context.Background()
	type seat struct {
		link *core.Connection
		talk dialect.Conversation
	}
	var all []seat
	for range 1000 {
		link, err := s.Hub.Connect(core.ConnectRequest{Via: nkmedia.Name, Access: s.Access, Wake: func() {}, Overflow: func() {}})
		if err != nil {
			b.Fatal(err)
		}
		c := s.Dialects[0].Open(link, map[string][]string{"generation": {"g4"}})
		c.Receive(ctx, []byte(`{"class":"core","subclass":"user","cmd":"login","data":{"user":"ana","pass":"x"},"tid":1}`))
		all = append(all, seat{link, c})
	}
	for _, one := range all {
		for events := one.link.Take(nil); ; events = one.link.Take(nil) {
			for _, e := range events {
				one.talk.Notify(ctx, e)
			}
			if len(events) > 0 {
				break
			}
			runtime.Gosched()
		}
		one.talk.Receive(ctx, []byte(`{"class":"core","subclass":"event","cmd":"subscribe","data":{"class":"app","type":"news"},"tid":2}`))
	}
	event := []byte(`{"class":"core","subclass":"event","cmd":"send","data":{"class":"app","type":"news","body":{"text":"0123456789012345678901234567890123456789"}},"tid":3}`)
	var shared []byte
	var events []*core.Event
	b.ReportAllocs()
	for b.Loop() {
		all[0].talk.Receive(ctx, event)
		for i, one := range all {
			events = one.link.Take(events[:0])
			for _, e := range events {
				frames := one.talk.Notify(ctx, e)
				if len(frames) != 1 {
					b.Fatalf("told %d messages", len(frames))
				}
				if i > 0 && &frames[0].Text[0] != &shared[0] {
					b.Fatal("the event was encoded twice")
				}
				shared = frames[0].Text
			}
		}
	}
}
