package calling

import "unicode/utf8"

// This file is the only one that writes JSON, by hand: every message is built
// once, in a buffer of about its size.

const hexDigits = "0123456789abcdef"

// appendByte appends a letter below 128 as it stands inside a text.
func appendByte(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	if c < ' ' {
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, c)
}

// appendString appends a text with its quotes. What is not UTF-8 becomes
// U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			b = appendByte(b, s[i])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b = utf8.AppendRune(b, r)
		i += n
	}
	return append(b, '"')
}

// answer is the reply to a request: nothing, or data, or an error (seed,
// "Basics"). tid is as the client wrote it.
func answer(tid, data []byte) []byte {
	b := make([]byte, 0, len(`{"type":"answer","tid":,"data":}`)+len(tid)+len(data))
	b = append(append(b, `{"type":"answer","tid":`...), tid...)
	if data != nil {
		b = append(append(b, `,"data":`...), data...)
	}
	return append(b, '}')
}

func refusal(tid []byte, why string) []byte {
	b := make([]byte, 0, len(`{"type":"answer","tid":,"error":""}`)+len(tid)+len(why))
	b = append(append(b, `{"type":"answer","tid":`...), tid...)
	b = appendString(append(b, `,"error":`...), why)
	return append(b, '}')
}

// complaint is what is said about something that is no request (dossier 1.6).
func complaint(why string) []byte {
	return append(appendString([]byte(`{"type":"error","error":`), why), '}')
}

func hello(id, server string) []byte {
	b := appendString([]byte(`{"type":"hello","id":`), id)
	return append(appendString(append(b, `,"server":`...), server), '}')
}

// pingStanza asks a client for nothing; it shows that the server is there
// (dossier 1.4).
var pingStanza = []byte(`{"type":"ping"}`)
