// Package filetest writes small files to play in tests: Ogg, WebM and WAV. It owns
// nothing and knows no more of the formats than what the files need.
package filetest

import (
	"encoding/binary"
	"math"
)

// Ogg makes an Ogg file of packets of Opus of 20 ms, some to a page.
func Ogg(packets [][]byte) []byte {
	var out []byte
	sequence := uint32(0)
	page := func(flags byte, granule int64, packets ...[]byte) {
		var lacing, body []byte
		for _, p := range packets {
			for n := len(p); ; n -= 255 {
				lacing = append(lacing, byte(min(n, 255)))
				if n < 255 {
					break
				}
			}
			body = append(body, p...)
		}
		h := append([]byte("OggS\x00"), flags)
		h = binary.LittleEndian.AppendUint64(h, uint64(granule))
		h = binary.LittleEndian.AppendUint32(h, 7)
		h = binary.LittleEndian.AppendUint32(h, sequence)
		h = append(h, 0, 0, 0, 0, byte(len(lacing))) // nobody here looks at the checksum
		sequence++
		out = append(append(append(out, h...), lacing...), body...)
	}
	head := append([]byte("OpusHead\x01\x01"), 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0)
	page(2, 0, head)
	page(0, 0, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))
	for i := 0; i < len(packets); i += 10 {
		end := min(i+10, len(packets))
		page(0, int64(end)*960, packets[i:end]...)
	}
	return out
}

// WAV makes a WAV file of mono samples of 16 bits.
func WAV(rate int, pcm []float32) []byte {
	out := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	out = binary.LittleEndian.AppendUint32(out, uint32(rate))
	out = binary.LittleEndian.AppendUint32(out, uint32(rate*2))
	out = append(out, 2, 0, 16, 0)
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(2*len(pcm)))
	for _, v := range pcm {
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(v*32767)))
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

// Tone is a tone at -20 dB.
func Tone(rate int, hz float64, seconds float64) []float32 {
	pcm := make([]float32, int(float64(rate)*seconds))
	for i := range pcm {
		pcm[i] = float32(0.1 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return pcm
}

// Block is a packet in a WebM file.
type Block struct {
	Track  byte // 1 is sound, 2 is pictures
	Millis int
	Key    bool
	Data   []byte
}

// WebM makes a WebM file with Opus and VP8, a cluster a second.
func WebM(millis int, blocks []Block) []byte {
	header := element(0x1a45dfa3, element(0x4282, []byte("webm")))
	duration := make([]byte, 8)
	binary.BigEndian.PutUint64(duration, math.Float64bits(float64(millis)))
	track := func(number, kind byte, codec string) []byte {
		return element(0xae, element(0xd7, []byte{number}), element(0x83, []byte{kind}), element(0x86, []byte(codec)))
	}
	segment := [][]byte{
		element(0x1549a966, element(0x2ad7b1, []byte{0x0f, 0x42, 0x40}), element(0x4489, duration)),
		element(0x1654ae6b, track(1, 2, "A_OPUS"), track(2, 1, "V_VP8")),
	}
	var cluster [][]byte
	begin := 0
	flush := func() {
		if len(cluster) > 0 {
			segment = append(segment, element(0x1f43b675, append([][]byte{element(0xe7, []byte{byte(begin >> 16), byte(begin >> 8), byte(begin)})}, cluster...)...))
		}
		cluster = nil
	}
	for _, b := range blocks {
		if b.Millis-begin >= 1000 || len(cluster) == 0 {
			flush()
			begin = b.Millis
		}
		flags := byte(0)
		if b.Key {
			flags = 0x80
		}
		at := b.Millis - begin
		cluster = append(cluster, element(0xa3, []byte{0x80 | b.Track, byte(at >> 8), byte(at), flags}, b.Data))
	}
	flush()
	return append(header, element(0x18538067, segment...)...)
}

// element writes an EBML element with a size of four bytes.
func element(id uint32, contents ...[]byte) []byte {
	n := 0
	for _, c := range contents {
		n += len(c)
	}
	var out []byte
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(id >> shift); b != 0 || len(out) > 0 {
			out = append(out, b)
		}
	}
	out = binary.BigEndian.AppendUint32(out, uint32(n)|0x10000000)
	for _, c := range contents {
		out = append(out, c...)
	}
	return out
}
