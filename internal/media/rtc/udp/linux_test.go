//go:build linux

package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func needSegmentation(t testing.TB, s *Socket) {
	t.Helper()
	if !s.Segmentation() {
		t.Skip("the kernel has no UDP_SEGMENT")
	}
}

// Which datagrams travel as one message: lengths of datagrams in, lengths of
// messages out.
func TestRuns(t *testing.T) {
	s := listen(t, loopback, Options{})
	needSegmentation(t, s)
	many := make([]int, 100)
	for i := range many {
		many[i] = 1
	}
	for _, row := range []struct {
		name string
		in   []int
		want []int
	}{
		{"a frame", []int{1150, 1150, 1150, 700}, []int{4150}},
		{"equal", []int{500, 500}, []int{1000}},
		{"longer behind shorter", []int{700, 1150, 1150}, []int{700, 2300}},
		{"shorter in the middle", []int{1150, 700, 1150}, []int{1850, 1150}},
		{"equal to the shorter", []int{1150, 700, 700}, []int{1850, 700}},
		{"too many", many, []int{64, 36}},
		{"too long", []int{30000, 30000, 30000}, []int{60000, 30000}},
	} {
		w := s.NewWriter(0)
		var got []int
		w.sendmmsg = func(_ uintptr, messages []mmsghdr) (int, syscall.Errno) {
			for i := range messages {
				got = append(got, int(messages[i].header.Iov.Len))
			}
			return len(messages), 0
		}
		dst := NewAddr(s.LocalAddr())
		for _, n := range row.in {
			put(w, dst, packet(1, n))
		}
		flush(t, w)
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

// A change of destination ends a run, even if the next has the same address.
func TestDestinationEndsRun(t *testing.T) {
	s := listen(t, loopback, Options{})
	w := s.NewWriter(0)
	a, b := NewAddr(s.LocalAddr()), NewAddr(s.LocalAddr())
	for _, dst := range []*Addr{a, a, b, b, a} {
		put(w, dst, packet(1, 100))
	}
	var got []int
	for _, m := range w.messages {
		got = append(got, m.n)
	}
	want := []int{2, 2, 1}
	if !s.Segmentation() {
		want = []int{1, 1, 1, 1, 1}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// When cutting up fails, the datagrams still arrive, and it is not tried again
// where it cannot work.
func TestSegmentationFallsBack(t *testing.T) {
	for _, row := range []struct {
		errno  syscall.Errno
		socket bool // fails for the socket, not only for the destination
	}{
		{unix.EIO, false},
		{unix.EINVAL, false},
		{unix.EMSGSIZE, false},
		{unix.ENOPROTOOPT, true},
	} {
		from, to, other := listen(t, loopback, Options{}), listen(t, loopback, Options{}), listen(t, loopback, Options{})
		needSegmentation(t, from)
		w, dst, good := from.NewWriter(0), NewAddr(to.LocalAddr()), NewAddr(other.LocalAddr())
		refused := 0
		w.sendmmsg = func(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
			for i := range messages {
				h := &messages[i].header
				if h.Control != nil && (row.socket || h.Name == &dst.raw.name[0]) {
					if i == 0 {
						refused++
						return 0, row.errno
					}
					return sendmmsg(fd, messages[:i])
				}
			}
			return sendmmsg(fd, messages)
		}
		var want []string
		for range 2 {
			for i, n := range []int{800, 800, 300} {
				put(w, dst, packet(i, n))
				want = append(want, string(packet(i, n)))
			}
			put(w, good, []byte("through"))
			flush(t, w)
		}
		if diff := cmp.Diff(want, read(t, to, len(want))); diff != "" {
			t.Errorf("%v: (-want +got):\n%s", row.errno, diff)
		}
		if diff := cmp.Diff([]string{"through", "through"}, read(t, other, 2)); diff != "" {
			t.Errorf("%v: the other got (-want +got):\n%s", row.errno, diff)
		}
		if refused != 1 {
			t.Errorf("%v: tried %d times, want once", row.errno, refused)
		}
		if from.Segmentation() == row.socket {
			t.Errorf("%v: segmentation is %t afterwards", row.errno, from.Segmentation())
		}
		if st := from.Stats(); st.Sent != 8 || st.Failed+st.Dropped != 0 {
			t.Errorf("%v: counted %+v", row.errno, st)
		}
	}
}

// Nobody can make us send to everybody.
func TestNoBroadcast(t *testing.T) {
	s := listen(t, loopback, Options{})
	w, everybody := s.NewWriter(0), netip.MustParseAddrPort("127.255.255.255:9")
	put(w, NewAddr(everybody), []byte("hello"))
	flush(t, w)
	if st := s.Stats(); st.Sent != 0 || st.Failed != 1 {
		t.Errorf("counted %+v", st)
	}
	if err := s.WriteTo([]byte("hello"), everybody); !errors.Is(err, unix.EACCES) {
		t.Errorf("WriteTo: %v, want %v", err, unix.EACCES)
	}
}

// A full send buffer costs the rest of the burst, and only milliseconds.
func TestFullBufferDrops(t *testing.T) {
	from, to := listen(t, loopback, Options{}), listen(t, loopback, Options{})
	w, dst := from.NewWriter(0), NewAddr(to.LocalAddr())
	room := 1 // messages
	w.sendmmsg = func(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
		if room == 0 {
			return 0, unix.EAGAIN
		}
		room--
		return sendmmsg(fd, messages[:1])
	}
	for i, n := range []int{100, 200, 200, 300} { // the second message has two
		put(w, dst, packet(i, n))
	}
	begin := time.Now()
	flush(t, w)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("waited %v", took)
	}
	if st := from.Stats(); st.Sent != 1 || st.SentBytes != 100 || st.Dropped != 3 || st.Failed != 0 {
		t.Errorf("counted %+v", st)
	}
	room = 10
	put(w, dst, []byte("next"))
	flush(t, w)
	if diff := cmp.Diff([]string{string(packet(0, 100)), "next"}, read(t, to, 2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// When there is room again in time, nothing is lost.
func TestFullBufferDrains(t *testing.T) {
	from, to := listen(t, loopback, Options{}), listen(t, loopback, Options{})
	w, dst := from.NewWriter(0), NewAddr(to.LocalAddr())
	calls := 0
	w.sendmmsg = func(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
		calls++
		switch calls {
		case 1:
			return 0, unix.EINTR
		case 2:
			return 0, unix.EAGAIN
		}
		return sendmmsg(fd, messages[:1])
	}
	put(w, dst, []byte("one"))
	put(w, dst, []byte("longer"))
	flush(t, w)
	if diff := cmp.Diff([]string{"one", "longer"}, read(t, to, 2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A group shares one port, each peer stays with one socket, and any of them
// may answer.
func TestGroup(t *testing.T) {
	group, err := ListenGroup(loopback, 3, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range group {
		defer s.Close()
		if s.LocalAddr() != group[0].LocalAddr() || s.LocalAddr().Port() == 0 {
			t.Errorf("bound to %v, the first to %v", s.LocalAddr(), group[0].LocalAddr())
		}
	}
	const peers, each = 40, 3
	var senders []*Socket
	for range peers {
		p := listen(t, loopback, Options{})
		senders = append(senders, p)
		for range each {
			if err := p.WriteTo([]byte("hello"), group[0].LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
	}
	home := map[netip.AddrPort]int{}
	total, busy := 0, 0
	for i, s := range group {
		b := NewBatch(peers*each, 100)
		// Loopback delivers before the send returns: what is not there now
		// will not come.
		if err := s.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		datagrams, err := s.ReadBatch(b)
		if err != nil {
			continue
		}
		busy++
		for _, d := range datagrams {
			if at, known := home[d.From]; known && at != i {
				t.Errorf("%v came to sockets %d and %d", d.From, at, i)
			}
			home[d.From] = i
			total++
		}
	}
	if total != peers*each || busy < 2 {
		t.Errorf("%d datagrams came, to %d sockets; want %d, to more than one", total, busy, peers*each)
	}
	if err := group[2].WriteTo([]byte("back"), senders[0].LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"back"}, read(t, senders[0], 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBuffers(t *testing.T) {
	small, big := listen(t, loopback, Options{ReceiveBuffer: 8 << 10, SendBuffer: 8 << 10}), listen(t, loopback, Options{})
	smallReceive, smallSend := small.Buffers()
	receive, send := big.Buffers()
	if smallReceive == 0 || smallSend == 0 || receive <= smallReceive || send <= smallSend {
		t.Errorf("asked for 8 KiB: %d, %d; for 4 MiB: %d, %d", smallReceive, smallSend, receive, send)
	}
	if small.Tight() {
		t.Error("8 KiB were granted, and are said not to be")
	}
	for _, of := range []struct {
		receive, send int
		want          bool
	}{{8, 8, false}, {4, 8, true}, {8, 4, true}, {0, 0, false}} { // 0 is unknown
		s := Socket{receive: of.receive, send: of.send, asked: Options{ReceiveBuffer: 8, SendBuffer: 8}}
		if s.Tight() != of.want {
			t.Errorf("granted %d and %d of 8: tight %v", of.receive, of.send, s.Tight())
		}
	}
}

// What the kernel is told and what it tells.
func TestRawAddresses(t *testing.T) {
	index := "1"
	if i, err := net.InterfaceByName("lo"); err == nil {
		index = strconv.Itoa(i.Index)
	}
	for _, row := range []struct{ in, want string }{
		{"192.0.2.1:5000", "192.0.2.1:5000"},
		{"[2001:db8::1]:5000", "[2001:db8::1]:5000"},
		{"[fe80::1%7]:5000", "[fe80::1%7]:5000"},
		{"[fe80::1%lo]:5000", "[fe80::1%" + index + "]:5000"},
	} {
		raw := NewAddr(netip.MustParseAddrPort(row.in)).raw
		var z zone
		if got := raw.name.addrPort(&z).String(); got != row.want {
			t.Errorf("%s became %s, want %s", row.in, got, row.want)
		}
		if family := binary.NativeEndian.Uint16(raw.name[:]); (family == unix.AF_INET) != (raw.length == unix.SizeofSockaddrInet4) {
			t.Errorf("%s: family %d with %d bytes", row.in, family, raw.length)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	from, to := listen(t, loopback, Options{}), listen(t, loopback, Options{})
	w, b, payload := from.NewWriter(0), NewBatch(64, 1500), packet(1, 1100)
	var addrs []*Addr
	for range 20 {
		addrs = append(addrs, NewAddr(to.LocalAddr()))
	}
	if n := testing.AllocsPerRun(50, func() {
		for _, a := range addrs {
			w.Begin(a)
			for range 3 {
				w.Commit(len(append(w.Space(1500), payload...)))
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 60; {
			datagrams, err := to.ReadBatch(b)
			if err != nil {
				t.Fatal(err)
			}
			n += len(datagrams)
		}
	}); n != 0 {
		t.Errorf("a burst written and read allocates %v times", n)
	}
}
