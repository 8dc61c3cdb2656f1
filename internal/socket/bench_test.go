package socket

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// raw is a client that costs next to nothing: it only counts what arrives.
type raw struct{ net.Conn }

func dialRaw(b *testing.B, url string) raw {
	b.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "ws://"), "/")
	c, err := net.Dial("tcp", host)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, host)
	response, err := http.ReadResponse(bufio.NewReaderSize(oneByOne{c}, 16), nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		b.Fatalf("not let in: %v, %v", response, err)
	}
	return raw{c}
}

// oneByOne reads no further than asked for, so that nothing stays in a buffer.
type oneByOne struct{ net.Conn }

func (o oneByOne) Read(p []byte) (int, error) { return o.Conn.Read(p[:1]) }

// say sends a short text with a mask of zeros.
func (r raw) say(b *testing.B, text string) {
	frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	if _, err := r.Write(frame); err != nil {
		b.Error(err)
	}
}

// BenchmarkRelay sends messages through a room of ten. One operation is one
// message delivered; the clients' reading is in it.
func BenchmarkRelay(b *testing.B) {
	const size, ahead = 10, 20 * 10
	r := newRig(b, roomy, Timing{})
	heard := make(chan int, 1000)
	members := make([]raw, size)
	for i := range members {
		members[i] = dialRaw(b, r.url)
		members[i].say(b, fmt.Sprintf("join u%d lab", i))
		go func() {
			buffer := make([]byte, 4096)
			for {
				n, err := members[i].Read(buffer)
				if err != nil {
					return
				}
				heard <- bytes.Count(buffer[:n], []byte{'#'})
			}
		}()
	}
	waitFor(b, "all have joined", func() bool { return r.hub.Counts().Participants == size })
	under, next := 0, 0
	b.ResetTimer()
	for range b.N {
		if next++; next%size == 0 {
			members[next/size%size].say(b, "say #"+strings.Repeat("x", 100))
			under += size
		}
		for under > ahead {
			under -= <-heard
		}
	}
	for under > 0 {
		under -= <-heard
	}
}

// BenchmarkIdle reports what a connection holds that says nothing, the client's
// end of it included.
func BenchmarkIdle(b *testing.B) {
	const connections = 5000
	for b.Loop() {
		r := newRig(b, roomy, Timing{}, func(*core.Limits, *dialect.Dialect, *Terms) {})
		before := held()
		for range connections {
			dialRaw(b, r.url)
		}
		waitFor(b, "all are in", func() bool { return r.Counts()[0].MessagesOut == connections })
		b.ReportMetric(float64(held()-before)/connections, "B/connection")
	}
}

// held is how much memory is in use for heap and stacks.
func held() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
