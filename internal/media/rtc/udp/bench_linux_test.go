//go:build linux

package udp

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"

	"switchboard/internal/media/rtc/srtp"
)

// BenchmarkFrame writes a video frame of four packets, or a frame of voice, to
// 150 destinations. Read ns/packet; loopback includes the delivery into the
// receivers' buffers, where it stays: nobody reads, so that only the sender's
// cost is counted.
func BenchmarkFrame(b *testing.B) {
	const destinations = 150
	var addrs []*Addr
	for range destinations {
		addrs = append(addrs, NewAddr(listen(b, loopback, Options{ReceiveBuffer: 1}).LocalAddr()))
	}
	keys := srtp.Keys{Key: make([]byte, 16), Salt: make([]byte, 12)}
	var sealers []*srtp.Sealer
	for range destinations {
		s, err := srtp.NewSealer(srtp.AEADAES128GCM, keys)
		if err != nil {
			b.Fatal(err)
		}
		sealers = append(sealers, s)
	}
	header, media := make([]byte, 12), make([]byte, 1500)
	header[0] = 2 << 6
	burst := func(w *Writer, packets, size int, seal bool) {
		payload := media[:size-12-16]
		seq := binary.BigEndian.Uint16(header[2:])
		for i, a := range addrs {
			w.Begin(a)
			for j := range packets {
				buf := w.Space(size)
				if seal {
					binary.BigEndian.PutUint16(header[2:], seq+uint16(j))
					buf = sealers[i].SealRTP(buf, header, payload, 0)
				} else {
					buf = append(append(buf, header...), payload...)[:size]
				}
				w.Commit(len(buf))
			}
		}
		binary.BigEndian.PutUint16(header[2:], seq+uint16(packets))
	}
	for _, frame := range []struct{ packets, size int }{{1, 160}, {4, 1100}} {
		for _, way := range []string{"sendto", "sendmmsg", "gso", "sendmmsg+seal", "gso+seal"} {
			b.Run(fmt.Sprintf("%dx%d/%s", frame.packets, frame.size, way), func(b *testing.B) {
				s := listen(b, loopback, Options{})
				w := s.NewWriter(0)
				switch way {
				case "sendto":
					w.sendmmsg = func(fd uintptr, m []mmsghdr) (int, syscall.Errno) { return sendmmsg(fd, m[:1]) }
					s.segment.Store(false)
				case "sendmmsg", "sendmmsg+seal":
					s.segment.Store(false)
				default:
					needSegmentation(b, s)
				}
				seal := way == "gso+seal" || way == "sendmmsg+seal"
				b.ReportAllocs()
				for b.Loop() {
					burst(w, frame.packets, frame.size, seal)
					flush(b, w)
				}
				if st := s.Stats(); st.Dropped+st.Failed > 0 {
					b.Errorf("counted %+v", st)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*destinations*frame.packets), "ns/packet")
			})
		}
	}
}

// BenchmarkReadBatch reads what was written in bursts of 32, and counts both.
func BenchmarkReadBatch(b *testing.B) {
	from, to := listen(b, loopback, Options{}), listen(b, loopback, Options{})
	w, dst, payload := from.NewWriter(0), NewAddr(to.LocalAddr()), packet(1, 1100)
	for _, size := range []int{1, 32} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			batch := NewBatch(size, 1500)
			b.ReportAllocs()
			for b.Loop() {
				for range 32 {
					put(w, dst, payload)
				}
				flush(b, w)
				for n := 0; n < 32; {
					datagrams, err := to.ReadBatch(batch)
					if err != nil {
						b.Fatal(err)
					}
					n += len(datagrams)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*32), "ns/packet")
		})
	}
}
