package socket

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"switchboard/internal/dialect"
)

// First bytes of frames that end a message (RFC 6455 section 5.2).
const (
	frameText  = 0x81
	frameClose = 0x88
	framePing  = 0x89
	framePong  = 0x8a
)

// Close codes of our own (RFC 6455 section 7.4.1, and the registry of IANA for
// 1013).
const (
	codeNormal      = 1000
	codeGoingAway   = 1001
	codeProtocol    = 1002
	codeUnsupported = 1003
	codeNoStatus    = 1005 // never sent
	codeAbnormal    = 1006 // never sent
	codeNotUTF8     = 1007
	codePolicy      = 1008
	codeTooBig      = 1009
	codeInternal    = 1011
	codeTryLater    = 1013
)

const (
	maxControl     = 125            // bytes of a control frame's payload
	maxCloseReason = maxControl - 2 // the code comes first
)

// appendFrame appends a whole frame, unmasked as servers send it.
func appendFrame(b []byte, first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		b = append(b, first, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, first, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, first, 127), uint64(n))
	}
	return append(b, payload...)
}

// appendClose appends a close frame. A code that must not be sent makes it an
// empty one; a reason that is too long is cut.
func appendClose(b []byte, c dialect.Close) []byte {
	if c.Code == 0 || c.Code == codeNoStatus || c.Code == codeAbnormal {
		return appendFrame(b, frameClose, nil)
	}
	reason := strings.ToValidUTF8(c.Reason, "")
	for len(reason) > maxCloseReason {
		_, last := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-last]
	}
	payload := binary.BigEndian.AppendUint16(make([]byte, 0, maxControl), uint16(c.Code))
	return appendFrame(b, frameClose, append(payload, reason...))
}
