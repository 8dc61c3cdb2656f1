package udp

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// configure sets the options a socket must have before it is bound, and finds
// out what the kernel can do.
func (s *Socket) configure(raw syscall.RawConn, o Options) error {
	var err error
	if e := raw.Control(func(fd uintptr) {
		f := int(fd)
		if o.ReusePort {
			if err = unix.SetsockoptInt(f, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
				err = fmt.Errorf("share port: %w", err)
				return
			}
		}
		// The net package permits broadcasts. Where to send is partly for
		// strangers to say, so they had better not.
		if err = unix.SetsockoptInt(f, unix.SOL_SOCKET, unix.SO_BROADCAST, 0); err != nil {
			err = fmt.Errorf("forbid broadcast: %w", err)
			return
		}
		s.receive = setBuffer(f, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE, o.ReceiveBuffer)
		s.send = setBuffer(f, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE, o.SendBuffer)
		// Kernels from 4.18 on know the option; older ones would ignore the
		// control message and send one huge datagram.
		_, e := unix.GetsockoptInt(f, unix.SOL_UDP, unix.UDP_SEGMENT)
		s.segment.Store(e == nil)
	}); e != nil {
		return e
	}
	return err
}

// setBuffer asks for a buffer, beyond the system's limit if we have the right
// to, and returns what it got. To get less is no error, and reported by
// Socket.Buffers.
func setBuffer(fd, option, force, size int) int {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, size)
	}
	got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	if err != nil {
		return 0
	}
	return got
}
