package udp

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32 // of what was received or sent
}

// receiver holds what recvmmsg needs, made once: the kernel finds its way from
// headers through vectors to the buffers, and writes the senders into names.
type receiver struct {
	headers []mmsghdr
	vectors []unix.Iovec
	names   []rawName
	zones   zone

	call  func(fd uintptr) bool // receive, as a value: made anew it would be garbage
	n     int                   // result of call
	errno syscall.Errno         // result of call
}

// zone remembers the name of the last scope of a link-local address.
type zone struct {
	scope uint32
	name  string
}

func (b *Batch) prepare() {
	n := len(b.buffers)
	b.headers, b.vectors, b.names = make([]mmsghdr, n), make([]unix.Iovec, n), make([]rawName, n)
	for i, buf := range b.buffers {
		b.vectors[i].Base = unsafe.SliceData(buf)
		b.vectors[i].SetLen(len(buf))
		h := &b.headers[i].header
		h.Name, h.Iov = &b.names[i][0], &b.vectors[i]
		h.SetIovlen(1)
	}
	b.call = b.receive
}

// receive is called by the runtime's poller when the socket may be readable,
// and returns false to be called again.
func (b *Batch) receive(fd uintptr) bool {
	for i := range b.headers {
		b.headers[i].header.Namelen = uint32(len(rawName{})) // the kernel writes what it used
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b.headers))), uintptr(len(b.headers)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		}
		b.n, b.errno = int(n), errno
		return true
	}
}

func (b *Batch) read(s *Socket) (n, truncated int, err error) {
	if err := s.raw.Read(b.call); err != nil {
		return 0, 0, err
	}
	if b.errno != 0 {
		return 0, 0, os.NewSyscallError("recvmmsg", b.errno)
	}
	for i := range b.n {
		d, h := &b.datagrams[i], &b.headers[i]
		d.Data, d.From = b.buffers[i][:h.length], b.names[i].addrPort(&b.zones)
		if h.header.Flags&unix.MSG_TRUNC != 0 {
			d.Data = nil
			truncated++
		}
	}
	return b.n, truncated, nil
}

// rawName is a struct sockaddr_in6, or a sockaddr_in at its beginning.
type rawName [unix.SizeofSockaddrInet6]byte

// addrPort reads a sender's address.
func (r *rawName) addrPort(z *zone) netip.AddrPort {
	port := binary.BigEndian.Uint16(r[2:])
	if binary.NativeEndian.Uint16(r[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(r[4:8])), port)
	}
	ip := netip.AddrFrom16([16]byte(r[8:24]))
	if scope := binary.NativeEndian.Uint32(r[24:]); scope != 0 {
		if z.scope != scope {
			*z = zone{scope, strconv.FormatUint(uint64(scope), 10)}
		}
		ip = ip.WithZone(z.name)
	}
	return netip.AddrPortFrom(ip, port)
}
