package forward

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/pion/rtp"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/srtp"
)

// hostile is a plane between a publisher that sends anything and a subscriber
// that asks for anything. The engine's calls come in between.
type hostile struct {
	t        *testing.T
	plane    *Plane
	pub, sub *peer
	revision uint64
	lines    [][]Line

	mu   sync.Mutex
	sent map[uint64][]byte // datagrams of the subscriber by SSRC and number; guarded by mu
}

func newHostile(t *testing.T) *hostile {
	h := &hostile{t: t, plane: New(Options{Workers: 1}), sent: map[uint64][]byte{}}
	h264 := Codec{Name: "H264", PayloadType: 102, ClockRate: 90000, RTX: 103, NACK: true}
	audio, video := sendsAudio("a0"), sendsVideo("v0")
	audio.Codecs = []Codec{red, opus}
	video.Codecs = []Codec{vp8, h264, {Name: "VP9", PayloadType: 98, ClockRate: 90000}, {Name: "AV1", PayloadType: 45, ClockRate: 90000}}
	h.pub = newPeer(t, h.plane, TransportOptions{ID: "pub"}, audio, video).connect(Path{Write: func([]byte) error { return nil }})
	h.pub.SetVideoKbps(100)
	other := newPeer(t, h.plane, TransportOptions{ID: "other"}, sendsAudio("a1"), sendsVideo("v1"))
	other.connect(Path{Write: func([]byte) error { return nil }})
	a, v, plain := receivesAudio(), receivesVideo(), receivesVideo()
	v.Codecs = append([]Codec{h264}, v.Codecs...)
	plain.SendRTXSSRC, plain.Extensions = 0, []Extension{{20, uriOrientation}}
	h.lines = [][]Line{{a, v}, {a, plain}, {v}, nil}
	h.sub = newPeer(t, h.plane, TransportOptions{ID: "sub"}, h.lines[0]...)
	h.sub.connect(Path{Write: h.check})
	h.sub.SetReception("r", 0, []media.TrackID{"a0", "v0"}, false)
	settle(h.plane)
	return h
}

// check looks at a datagram on its way to the subscriber: it opens to an RTP
// packet, and no number was used for two different ones, which for the
// receiver would be a replay.
func (h *hostile) check(b []byte) error {
	if b[1] >= 192 && b[1] <= 223 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := uint64(binary.BigEndian.Uint32(b[8:]))<<16 | uint64(binary.BigEndian.Uint16(b[2:]))
	if bytes.Equal(h.sent[id], b) {
		return nil
	}
	h.sent[id] = bytes.Clone(b)
	plain, err := h.sub.open.DecryptRTP(nil, b, nil)
	if err != nil {
		h.t.Errorf("a packet does not open: %v", err)
		return nil
	}
	if err := new(rtp.Packet).Unmarshal(plain); err != nil {
		h.t.Errorf("not an RTP packet: %v", err)
	}
	return nil
}

// step does what the first bytes say, and returns the rest.
func (h *hostile) step(b []byte) []byte {
	take := func(n int) []byte {
		var part []byte
		n = min(n, len(b))
		part, b = b[:n:n], b[n:]
		return append(part, make([]byte, 40)...)
	}
	head := take(4)
	op, x := head[0], head[1]
	body := take(int(head[2]))
	body = body[:len(body)-40]
	now := h.plane.Now()
	switch op % 8 {
	case 0, 1, 2, 3: // a packet that looks right
		kinds := []byte{111, 63, 96, 97, 102, 103, 98, 45}
		packet := append([]byte{0x80, kinds[x%8], 0, head[3], 0, 0, head[3], 0, 0, 0, 0, x % 16}, body...)
		if op&0x10 != 0 {
			packet[1] |= 0x80
		}
		if op&0x20 != 0 {
			packet[0] |= 0x20
		}
		if op&0x40 != 0 {
			packet[0] |= 0x10
			ext := []byte{0xbe, 0xde, 0, 2, 0x40, '0' + x%2, 0xd0, 1, 0x10, 2, 0, 0}
			packet = append(packet[:12:12], append(ext, packet[12:]...)...)
		}
		h.media(packet, now)
	case 4:
		h.media(body, now)
	case 5:
		h.reports(h.sub, body, now)
		h.reports(h.pub, bytes.Clone(body), now)
	case 6: // a request for packets, or for a key frame
		if id := h.any(); id != 0 {
			request := []byte{0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, body0(body), x}
			binary.BigEndian.PutUint32(request[8:], uint32(id>>16))
			binary.BigEndian.PutUint16(request[12:], uint16(id)-uint16(head[3]))
			h.reports(h.sub, request, now)
		}
	case 7: // the engine
		h.revision++
		switch x % 4 {
		case 0:
			h.sub.SetLines(h.lines[int(head[3])%len(h.lines)])
		case 1:
			h.sub.SetReception("r", h.revision, []media.TrackID{"a1", "v1"}, false)
		case 2:
			h.sub.SetReception("r", h.revision, []media.TrackID{"v0", "a0"}, false)
		case 3:
			h.pub.tend(now)
		}
	}
	h.plane.Kick()
	return b
}

// any returns the SSRC and number of a packet that was sent, 0 if there is none.
func (h *hostile) any() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.sent {
		return id
	}
	return 0
}

func body0(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// media is Receive behind the SRTP layer, which passes on only what has the
// form of an RTP packet.
func (h *hostile) media(packet []byte, now int64) {
	if len(packet) < 12 || packet[0]>>6 != 2 {
		return
	}
	n := 12 + 4*int(packet[0]&0x0f)
	if packet[0]&0x10 != 0 {
		if len(packet) < n+4 {
			return
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(packet[n+2:]))
	}
	if n > len(packet) {
		return
	}
	h.pub.in.mu.Lock()
	defer h.pub.in.mu.Unlock()
	if s := h.pub.in.stream(binary.BigEndian.Uint32(packet[8:])); h.pub.remember(s, now) {
		h.pub.readMedia(s, packet, n, now)
	}
}

func (h *hostile) reports(p *peer, packet []byte, now int64) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.readReports(packet, now)
}

// FuzzReceive feeds a plane with opened packets and reports, and with the
// engine's calls in between. Nothing panics, what reaches the subscriber is RTP,
// and no number is used for two packets.
func FuzzReceive(f *testing.F) {
	key := []byte{0, 2, 12, 1, 0x90, 0x80, 0x81, 0x01, 0x00, 1, 2, 3, 4, 5, 6, 7}
	voice := []byte{0x40, 0, 4, 7, 1, 2, 3, 4}
	nack := []byte{6, 0xff, 1, 1, 0xff}
	f.Add(bytes.Join([][]byte{key, voice, nack, {7, 1, 0, 0}, key, {7, 2, 0, 0}, nack}, nil))
	f.Add(bytes.Join([][]byte{key, {0, 3, 4, 9, 0, 1, 2, 3}, {7, 0, 0, 1}, nack, {7, 3, 0, 0}, key}, nil))
	f.Add([]byte{0, 1, 11, 1, 0xef, 0, 0, 1, 111, 'x', 'n', 'e', 'w', 0, 0})
	f.Add([]byte{5, 0, 12, 0, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 7, 0xd1})
	f.Fuzz(func(t *testing.T, b []byte) {
		h := newHostile(t)
		for n := 0; len(b) > 0 && n < 200; n++ {
			b = h.step(b)
			if n%8 == 0 {
				settle(h.plane)
			}
		}
		settle(h.plane)
		h.plane.Close()
	})
}

// FuzzDatagram feeds Receive with bytes from strangers, who have no keys.
func FuzzDatagram(f *testing.F) {
	for _, profile := range []srtp.Profile{srtp.AEADAES128GCM, srtp.AES128CMHMACSHA1_80} {
		f.Add(uint16(profile), bytes.Repeat([]byte{0x80}, 60))
		f.Add(uint16(profile), append([]byte{0x81, 200, 0, 6}, make([]byte, 40)...))
	}
	f.Fuzz(func(t *testing.T, number uint16, b []byte) {
		profile := srtp.Profile(number)
		if !profile.Valid() {
			return
		}
		plane := New(Options{Workers: 1})
		defer plane.Close()
		p := newPeer(t, plane, TransportOptions{}, sendsAudio("a"))
		if err := p.Start(profile, keys(t, profile), keys(t, profile)); err != nil {
			t.Fatal(err)
		}
		p.Receive(b, plane.Now())
		if n := len(p.in.streams); n != 0 {
			t.Error("a stranger made " + fmt.Sprint(n) + " streams")
		}
	})
}
