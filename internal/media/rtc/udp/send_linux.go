package udp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// patience is how long all that is sent up to one Flush may wait for room in the
// kernel's send buffer. A gigabit drains 250 kB meanwhile.
const patience = 2 * time.Millisecond

// rawAddr is a destination as the kernel reads it.
type rawAddr struct {
	name   rawName
	length uint32
}

func newRawAddr(to netip.AddrPort) (r rawAddr) {
	ip := to.Addr()
	binary.BigEndian.PutUint16(r.name[2:], to.Port())
	if ip.Is4() {
		binary.NativeEndian.PutUint16(r.name[:], unix.AF_INET)
		*(*[4]byte)(r.name[4:]) = ip.As4()
		r.length = unix.SizeofSockaddrInet4
		return r
	}
	binary.NativeEndian.PutUint16(r.name[:], unix.AF_INET6)
	*(*[16]byte)(r.name[8:]) = ip.As16()
	binary.NativeEndian.PutUint32(r.name[24:], scopeOf(ip.Zone()))
	r.length = unix.SizeofSockaddrInet6
	return r
}

// scopeOf returns the number of an IPv6 zone, which may be one already.
func scopeOf(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// sender holds what sendmmsg needs, made once.
type sender struct {
	headers  []mmsghdr
	vectors  []unix.Iovec
	controls []control
	call     func(fd uintptr) // transmit, as a value: made anew it would be garbage
	sendmmsg func(fd uintptr, messages []mmsghdr) (int, syscall.Errno)
}

// control is the control message UDP_SEGMENT: cut the payload into pieces of
// size bytes (udp(7)). The compiler pads it as CMSG_SPACE would.
type control struct {
	header unix.Cmsghdr
	size   uint16
}

func (w *Writer) prepare() {
	n := cap(w.messages)
	w.headers, w.vectors, w.controls = make([]mmsghdr, n), make([]unix.Iovec, n), make([]control, n)
	for i := range w.headers {
		h, c := &w.headers[i].header, &w.controls[i].header
		h.Iov = &w.vectors[i]
		h.SetIovlen(1)
		c.Level, c.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
	}
	w.call, w.sendmmsg = w.transmit, sendmmsg
}

// deliver sends the messages. RawConn.Control keeps the descriptor open
// meanwhile but, unlike RawConn.Write, takes no lock that other writers would
// have to wait for.
func (w *Writer) deliver() error {
	for i := range w.messages {
		w.fill(i, &w.messages[i])
	}
	return w.socket.raw.Control(w.call)
}

// fill points the i-th header to m.
func (w *Writer) fill(i int, m *message) {
	h := &w.headers[i].header
	h.Name, h.Namelen = &m.dst.raw.name[0], m.dst.raw.length
	w.vectors[i].Base = &m.data[0]
	w.vectors[i].SetLen(len(m.data))
	if m.n == 1 {
		h.Control = nil
		h.SetControllen(0)
		return
	}
	c := &w.controls[i]
	c.size = uint16(m.size)
	h.Control = (*byte)(unsafe.Pointer(c))
	h.SetControllen(int(unsafe.Sizeof(*c)))
}

// transmit sends all messages, past those that cannot be sent. sendmmsg stops
// at the first such message and tells why only when called with it first.
func (w *Writer) transmit(fd uintptr) {
	for i := 0; i < len(w.messages); {
		n, errno := w.sendmmsg(fd, w.headers[i:len(w.messages)])
		w.tally.calls++
		switch errno {
		case 0:
			i += n
		case unix.EINTR:
		case unix.EAGAIN:
			if !w.drained(fd) {
				for ; i < len(w.messages); i++ {
					w.tally.lose(&w.tally.dropped, &w.messages[i])
				}
			}
		default:
			w.refuse(fd, &w.messages[i], errno)
			i++
		}
	}
}

// refuse deals with a message the kernel does not take. If it was one to be cut
// up, that may be the reason: EINVAL or EMSGSIZE when a datagram does not fit
// the path's MTU, EIO when the way there cannot compute checksums, the others
// when the kernel does not know the feature after all. Then its datagrams go
// one by one, as will all later ones to this destination.
func (w *Writer) refuse(fd uintptr, m *message, errno syscall.Errno) {
	if m.n == 1 {
		w.tally.lose(&w.tally.refused, m)
		return
	}
	switch errno {
	case unix.ENOPROTOOPT, unix.EOPNOTSUPP:
		w.socket.segment.Store(false)
	case unix.EINVAL, unix.EMSGSIZE, unix.EIO:
		m.dst.plain.Store(true)
	default:
		w.tally.lose(&w.tally.refused, m)
		return
	}
	for rest := m.data; len(rest) > 0; {
		size := min(m.size, len(rest))
		one := message{dst: m.dst, data: rest[:size], size: size, n: 1}
		rest = rest[size:]
		w.single(fd, &one)
	}
}

// single sends one datagram; it is the slow way and there is no waiting on it.
func (w *Writer) single(fd uintptr, m *message) {
	var header [1]mmsghdr
	var vector unix.Iovec
	vector.Base = &m.data[0]
	vector.SetLen(len(m.data))
	h := &header[0].header
	h.Name, h.Namelen, h.Iov = &m.dst.raw.name[0], m.dst.raw.length, &vector
	h.SetIovlen(1)
	for {
		_, errno := w.sendmmsg(fd, header[:])
		w.tally.calls++
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			w.tally.lose(&w.tally.dropped, m)
		default:
			w.tally.lose(&w.tally.refused, m)
		}
		return
	}
}

// drained waits until the socket takes datagrams again. It returns false when
// patience is at an end.
func (w *Writer) drained(fd uintptr) bool {
	if w.waited >= patience {
		return false
	}
	timeout := unix.NsecToTimespec(int64(patience - w.waited))
	start := time.Now()
	_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, &timeout, nil)
	w.waited += time.Since(start)
	return err == nil || err == unix.EINTR // a timeout is seen the next time
}

// sendmmsg sends messages in order and returns how many it sent, or why it did
// not send the first.
func sendmmsg(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(messages))), uintptr(len(messages)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
