package rtc

import "encoding/binary"

// Records of DTLS 1.2 (RFC 6347 section 4.1).
const (
	recordHeader    = 13 // kind, version, epoch, sequence number, length
	recordHandshake = 22
)

// sealed keeps, of the records of a datagram, those that may come after the
// handshake: encrypted ones, and parts of the peer's last flight that it sends
// again. All others anybody can forge who can send from the peer's address, and
// one unencrypted alert would end the connection. It works in place and returns
// how many bytes remain.
func sealed(datagram []byte) int {
	kept := 0
	for rest := datagram; len(rest) >= recordHeader; {
		end := recordHeader + int(binary.BigEndian.Uint16(rest[recordHeader-2:]))
		if end > len(rest) {
			break
		}
		if epoch := binary.BigEndian.Uint16(rest[3:]); epoch > 0 || rest[0] == recordHandshake {
			kept += copy(datagram[kept:], rest[:end])
		}
		rest = rest[end:]
	}
	return kept
}
