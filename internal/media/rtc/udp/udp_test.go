package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func listen(t testing.TB, addr netip.AddrPort, o Options) *Socket {
	t.Helper()
	s, err := Listen(addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// read reads n datagrams, or fewer if no more come for a while.
func read(t testing.TB, s *Socket, n int) []string {
	t.Helper()
	b := NewBatch(32, 2000)
	var got []string
	for len(got) < n {
		if err := s.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		datagrams, err := s.ReadBatch(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range datagrams {
			got = append(got, string(d.Data))
		}
	}
	return got
}

// put queues one datagram.
func put(w *Writer, dst *Addr, p []byte) {
	w.Begin(dst)
	w.Commit(len(append(w.Space(len(p)), p...)))
}

func flush(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// packet makes n bytes that tell which packet they are, to the last byte.
func packet(id, n int) []byte {
	p := bytes.Repeat([]byte{byte(id)}, n)
	if n >= 4 {
		binary.BigEndian.PutUint32(p, uint32(id))
	}
	return p
}

func TestReadBatch(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		s, peer := listen(t, netip.MustParseAddrPort(addr), Options{}), listen(t, netip.MustParseAddrPort(addr), Options{})
		want := []string{"one", "", "three"}
		for _, p := range want {
			if err := peer.WriteTo([]byte(p), s.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for b := NewBatch(8, 100); len(got) < len(want); {
			datagrams, err := s.ReadBatch(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range datagrams {
				got = append(got, string(d.Data))
				if d.From != peer.LocalAddr() {
					t.Errorf("from %v, want %v", d.From, peer.LocalAddr())
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", addr, diff)
		}
	}
}

// A datagram longer than the buffer is not handed out in part.
func TestTooLongIsEmpty(t *testing.T) {
	s := listen(t, loopback, Options{})
	for _, n := range []int{10, 11, 9} {
		if err := s.WriteTo(packet(1, n), s.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	var got []int
	for b := NewBatch(4, 10); len(got) < 3; {
		datagrams, err := s.ReadBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range datagrams {
			got = append(got, len(d.Data))
		}
	}
	if diff := cmp.Diff([]int{10, 0, 9}, got); diff != "" {
		t.Errorf("lengths (-want +got):\n%s", diff)
	}
	if st := s.Stats(); st.Received != 3 || st.Truncated != 1 {
		t.Errorf("counted %+v", st)
	}
}

func TestCloseEndsReading(t *testing.T) {
	s := listen(t, loopback, Options{})
	started, ended := make(chan struct{}), make(chan error)
	go func() {
		close(started)
		_, err := s.ReadBatch(NewBatch(4, 100))
		ended <- err
	}()
	<-started
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the read ended with %v", err)
	}
	if _, err := s.ReadBatch(NewBatch(4, 100)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read after it: %v", err)
	}
	w := s.NewWriter(0)
	put(w, NewAddr(s.LocalAddr()), []byte("late"))
	if err := w.Flush(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a flush after it: %v", err)
	}
	if err := w.Flush(); err != nil {
		t.Errorf("an empty flush: %v", err)
	}
	if st := s.Stats(); st.Failed != 1 || st.Sent != 0 || st.SentBytes != 0 {
		t.Errorf("counted %+v", st)
	}
}

func TestDeadlineEndsReading(t *testing.T) {
	s := listen(t, loopback, Options{})
	if err := s.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadBatch(NewBatch(4, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	s := listen(t, loopback, Options{})
	if other, err := Listen(s.LocalAddr(), Options{}); err == nil {
		_ = other.Close()
		t.Error("an address in use was given again")
	}
	if other, err := Listen(netip.AddrPort{}, Options{}); err == nil {
		_ = other.Close()
		t.Error("no address was accepted")
	}
}

// A wildcard IPv4 socket does not take the port from IPv6.
func TestFamiliesAreApart(t *testing.T) {
	four := listen(t, netip.MustParseAddrPort("0.0.0.0:0"), Options{})
	if !four.LocalAddr().Addr().Is4() {
		t.Errorf("bound to %v", four.LocalAddr())
	}
	six := listen(t, netip.AddrPortFrom(netip.IPv6Unspecified(), four.LocalAddr().Port()), Options{})
	if got := six.LocalAddr().Addr(); !got.Is6() {
		t.Errorf("bound to %v", got)
	}
	mapped := netip.MustParseAddrPort("[::ffff:127.0.0.1]:0")
	if s := listen(t, mapped, Options{}); !s.LocalAddr().Addr().Is4() {
		t.Errorf("%v bound to %v", mapped, s.LocalAddr())
	}
}

// Whatever sizes are written to whomever, each gets its datagrams whole and in
// order.
func TestWriterDelivers(t *testing.T) {
	from := listen(t, loopback, Options{})
	type peer struct {
		socket *Socket
		addr   *Addr
	}
	var peers []peer
	for range 3 {
		s := listen(t, loopback, Options{})
		peers = append(peers, peer{s, NewAddr(s.LocalAddr())})
	}
	w := from.NewWriter(0)
	rapid.Check(t, func(rt *rapid.T) {
		want := make([][]string, len(peers))
		for id := range rapid.IntRange(1, 150).Draw(rt, "packets") {
			to := rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(rt, "to")
			p := packet(id, rapid.SampledFrom([]int{1150, 1150, 1150, 1151, 700, 1}).Draw(rt, "size"))
			put(w, peers[to].addr, p)
			want[to] = append(want[to], string(p))
			if rapid.IntRange(0, 20).Draw(rt, "flush") == 0 {
				flush(t, w)
			}
		}
		flush(t, w)
		for i, p := range peers {
			if diff := cmp.Diff(want[i], read(t, p.socket, len(want[i]))); diff != "" {
				rt.Fatalf("peer %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

// The writer flushes itself when the arena or the table is full.
func TestManyDestinations(t *testing.T) {
	const peers, packets = 500, 7
	from := listen(t, loopback, Options{})
	w := from.NewWriter(1) // as small as it gets
	var sockets []*Socket
	var addrs []*Addr
	for range peers {
		s := listen(t, loopback, Options{ReceiveBuffer: 64 << 10})
		sockets, addrs = append(sockets, s), append(addrs, NewAddr(s.LocalAddr()))
	}
	for round := range packets { // a destination a time, so that no runs form
		for _, a := range addrs {
			put(w, a, packet(round, 300))
		}
	}
	flush(t, w)
	for i, s := range sockets {
		got := read(t, s, packets)
		if len(got) != packets {
			t.Fatalf("peer %d got %d packets, want %d", i, len(got), packets)
		}
		for round, p := range got {
			if p != string(packet(round, 300)) {
				t.Fatalf("peer %d: packet %d is %q…", i, round, p[:4])
			}
		}
	}
	if st := from.Stats(); st.Sent != peers*packets || st.SentBytes != peers*packets*300 || st.Dropped+st.Failed != 0 {
		t.Errorf("counted %+v", st)
	}
}

// A destination that cannot be reached costs nobody else a packet.
func TestFailuresAreApart(t *testing.T) {
	from, to := listen(t, loopback, Options{}), listen(t, loopback, Options{})
	w, good := from.NewWriter(0), NewAddr(to.LocalAddr())
	bad := []*Addr{
		NewAddr(netip.MustParseAddrPort("127.0.0.1:0")),         // no port
		NewAddr(netip.MustParseAddrPort("[::1]:9")),             // another family
		NewAddr(netip.MustParseAddrPort("[fe80::1%nowhere]:9")), // no such zone
	}
	var want []string
	for round := range 5 {
		for i, b := range bad {
			for range 3 {
				put(w, b, packet(99, 500)) // a run
			}
			p := packet(10*round+i, 200)
			put(w, good, p)
			want = append(want, string(p))
		}
	}
	put(w, bad[0], []byte("the end"))
	flush(t, w)
	if diff := cmp.Diff(want, read(t, to, len(want))); diff != "" {
		t.Errorf("the good one got (-want +got):\n%s", diff)
	}
	if st := from.Stats(); st.Sent != 15 || st.SentBytes != 15*200 || st.Failed != 5*3*3+1 || st.Dropped != 0 {
		t.Errorf("counted %+v", st)
	}
}

// Writers of several goroutines share a socket, next to WriteTo.
func TestWritersShareASocket(t *testing.T) {
	from := listen(t, loopback, Options{})
	var wg sync.WaitGroup
	for i := range 4 {
		to := listen(t, loopback, Options{})
		wg.Go(func() {
			w, dst := from.NewWriter(0), NewAddr(to.LocalAddr())
			for round := range 20 {
				for j := range 4 {
					put(w, dst, packet(4*round+j, 1100+i))
				}
				if err := w.Flush(); err != nil {
					t.Error(err)
				}
			}
			if err := from.WriteTo([]byte("bye"), to.LocalAddr()); err != nil {
				t.Error(err)
			}
			got := read(t, to, 81)
			for j, p := range got[:len(got)-1] {
				if p != string(packet(j, 1100+i)) {
					t.Errorf("writer %d: packet %d is another", i, j)
				}
			}
			if len(got) != 81 || got[80] != "bye" {
				t.Errorf("writer %d: %d packets came", i, len(got))
			}
		})
	}
	wg.Wait()
}

func TestSpaceIsGuarded(t *testing.T) {
	s := listen(t, loopback, Options{})
	panics := func(f func(*Writer)) (text string) {
		w := s.NewWriter(0)
		w.Begin(NewAddr(s.LocalAddr()))
		defer func() { text = fmt.Sprint(recover()) }()
		f(w)
		return
	}
	if got := panics(func(w *Writer) { w.Commit(len(append(w.Space(3), "four"...))) }); got == "<nil>" {
		t.Error("more was committed than there was room for")
	}
	if got := panics(func(w *Writer) { w.Space(3); w.Commit(3); w.Commit(3) }); got == "<nil>" {
		t.Error("room was committed twice")
	}
	if got := panics(func(w *Writer) { w.Space(maxMessage + 1) }); got == "<nil>" {
		t.Error("a datagram that no packet can hold was accepted")
	}
	if got := panics(func(w *Writer) { w.Space(100); w.Commit(0); _ = w.Flush() }); got != "<nil>" {
		t.Errorf("giving room back: %s", got)
	}
}

func TestAddr(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"192.0.2.1:5000", "192.0.2.1:5000"},
		{"[::ffff:192.0.2.1]:5000", "192.0.2.1:5000"},
		{"[2001:db8::1]:5000", "[2001:db8::1]:5000"},
	} {
		if got := NewAddr(netip.MustParseAddrPort(row.in)).String(); got != row.want {
			t.Errorf("%s became %s, want %s", row.in, got, row.want)
		}
	}
}
