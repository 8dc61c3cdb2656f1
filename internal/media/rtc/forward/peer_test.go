package forward

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pionsrtp "github.com/pion/srtp/v3"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/srtp"
)

// peer is the other end of a transport, with an SRTP stack that is not ours.
type peer struct {
	testing.TB
	*Transport
	plane         *Plane
	protect, open *pionsrtp.Context
	remote        srtp.Keys
	datagrams     chan []byte // what the plane wrote
	count         uint64      // of those read
	media         []*rtp.Packet
	reports       []rtcp.Packet
}

const profile = srtp.AEADAES128GCM

func keys(t testing.TB, p srtp.Profile) srtp.Keys {
	t.Helper()
	k := srtp.Keys{Key: make([]byte, p.KeyLen()), Salt: make([]byte, p.SaltLen())}
	rand.Read(k.Key)
	rand.Read(k.Salt)
	return k
}

// newPeer makes a transport without keys and path.
func newPeer(t testing.TB, plane *Plane, o TransportOptions, lines ...Line) *peer {
	t.Helper()
	p := &peer{TB: t, plane: plane, Transport: plane.NewTransport(o), datagrams: make(chan []byte, 10000)}
	p.SetLines(lines)
	return p
}

// connect starts it with the path given, or one into the peer's channel.
func (p *peer) connect(path Path) *peer {
	p.Helper()
	local, remote := keys(p, profile), keys(p, profile)
	p.remote = remote
	var err error
	if p.protect, err = pionsrtp.CreateContext(remote.Key, remote.Salt, pionsrtp.ProtectionProfileAeadAes128Gcm); err != nil {
		p.Fatal(err)
	}
	if p.open, err = pionsrtp.CreateContext(local.Key, local.Salt, pionsrtp.ProtectionProfileAeadAes128Gcm, pionsrtp.SRTPReplayProtection(1024)); err != nil {
		p.Fatal(err)
	}
	if err := p.Start(profile, local, remote); err != nil {
		p.Fatal(err)
	}
	if path.Socket == nil && path.Write == nil {
		path.Write = func(b []byte) error {
			p.datagrams <- append([]byte(nil), b...)
			return nil
		}
	}
	p.SetPath(path)
	return p
}

func (p *peer) String() string { return fmt.Sprint("peer ", p.o.ID) }

// send gives the plane a packet from this peer, and kicks.
func (p *peer) send(packets ...*rtp.Packet) {
	p.Helper()
	for _, packet := range packets {
		p.Receive(p.sealed(packet), p.plane.Now())
	}
	p.plane.Kick()
}

func (p *peer) sealed(packet *rtp.Packet) []byte {
	p.Helper()
	plain, err := packet.Marshal()
	if err != nil {
		p.Fatal(err)
	}
	b, err := p.protect.EncryptRTP(nil, plain, nil)
	if err != nil {
		p.Fatal(err)
	}
	return b
}

// report gives the plane RTCP from this peer.
func (p *peer) tell(packets ...rtcp.Packet) {
	p.Helper()
	plain, err := rtcp.Marshal(packets)
	if err != nil {
		p.Fatal(err)
	}
	b, err := p.protect.EncryptRTCP(nil, plain, nil)
	if err != nil {
		p.Fatal(err)
	}
	p.Receive(b, p.plane.Now())
	p.plane.Kick()
}

// settle waits until the workers have done what they were left.
func settle(plane *Plane) {
	for _, w := range plane.workers {
		busy := make(chan bool)
		for w.post(func() { busy <- w.busy() }) && <-busy {
		}
	}
}

// busy tells, from an order, whether there is anything behind the orders.
func (w *worker) busy() bool { return len(w.audio)+len(w.video)-w.next+len(w.rest) > 0 }

// raw returns what was sent since the last call, waiting for it.
func (p *peer) raw() [][]byte {
	settle(p.plane)
	var all [][]byte
	for sent := p.Stats().PacketsSent; p.count < sent; p.count++ {
		all = append(all, <-p.datagrams)
	}
	return all
}

// read opens what was sent since the last call, and fails if it is less than n
// packets of media.
func (p *peer) read(n int) []*rtp.Packet {
	p.Helper()
	var got []*rtp.Packet
	for _, b := range p.raw() {
		if b[1] >= 192 && b[1] <= 223 {
			p.readReport(b)
			continue
		}
		got = append(got, p.opened(b))
	}
	if len(got) < n {
		p.Fatalf("%v got %d packets, want %d", p, len(got), n)
	}
	p.media = append(p.media, got...)
	return got
}

func (p *peer) opened(b []byte) *rtp.Packet {
	p.Helper()
	plain, err := p.open.DecryptRTP(nil, b, nil)
	if err != nil {
		p.Fatalf("%v cannot open a packet: %v", p, err)
	}
	packet := new(rtp.Packet)
	if err := packet.Unmarshal(plain); err != nil {
		p.Fatal(err)
	}
	return packet
}

func (p *peer) readReport(b []byte) {
	p.Helper()
	plain, err := p.open.DecryptRTCP(nil, b, nil)
	if err != nil {
		p.Fatalf("%v cannot open a report: %v", p, err)
	}
	packets, err := rtcp.Unmarshal(plain)
	if err != nil {
		p.Fatal(err)
	}
	p.reports = append(p.reports, packets...)
}

// reported returns the RTCP packets of a type that came so far.
func reported[T rtcp.Packet](p *peer) []T {
	p.Helper()
	p.read(0)
	var all []T
	for _, r := range p.reports {
		if r, is := r.(T); is {
			all = append(all, r)
		}
	}
	return all
}

// The lines that tests negotiate. Publisher and subscriber number things
// differently.
var (
	opus    = Codec{Name: "opus", PayloadType: 111, ClockRate: 48000, Channels: 2}
	red     = Codec{Name: "red", PayloadType: 63, ClockRate: 48000, Channels: 2, Fmtp: "111/111"}
	vp8     = Codec{Name: "VP8", PayloadType: 96, ClockRate: 90000, RTX: 97, NACK: true, PLI: true, REMB: true}
	opusOut = Codec{Name: "OPUS", PayloadType: 109, ClockRate: 48000, Channels: 2}
	vp8Out  = Codec{Name: "VP8", PayloadType: 120, ClockRate: 90000, RTX: 121, NACK: true, PLI: true}
)

func sendsAudio(id media.TrackID) Line {
	return Line{Mid: "0", Kind: media.Audio, Codecs: []Codec{opus}, Track: id, Extensions: []Extension{{4, uriMid}, {1, uriLevel}}}
}

func sendsVideo(id media.TrackID) Line {
	return Line{Index: 1, Mid: "1", Kind: media.Video, Codecs: []Codec{vp8}, Track: id, Extensions: []Extension{{4, uriMid}, {3, uriTransportCC}, {13, uriOrientation}}}
}

const uriOrientation = "urn:3gpp:video-orientation"

func receivesAudio() Line {
	return Line{Mid: "a", Kind: media.Audio, Codecs: []Codec{opusOut}, Sends: true, SendSSRC: 1001, Extensions: []Extension{{7, uriLevel}}}
}

func receivesVideo() Line {
	return Line{Index: 1, Mid: "v", Kind: media.Video, Codecs: []Codec{vp8Out}, Sends: true, SendSSRC: 2001, SendRTXSSRC: 2002, Extensions: []Extension{{5, uriOrientation}}}
}

// source makes the packets of one stream.
type source struct {
	ssrc      uint32
	kind      uint8
	sequence  uint16
	timestamp uint32
}

func (s *source) packet(payload []byte, marker bool) *rtp.Packet {
	p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: s.kind, SSRC: s.ssrc, SequenceNumber: s.sequence, Timestamp: s.timestamp, Marker: marker}, Payload: payload}
	s.sequence++
	return p
}

// voice is one packet of Opus.
func (s *source) voice() *rtp.Packet {
	p := s.packet([]byte{0xf8, byte(s.sequence), byte(s.sequence >> 8), 3, 4, 5, 6, 7}, false)
	s.timestamp += 960
	return p
}

// frame is a frame of VP8 in so many packets.
func (s *source) frame(key bool, packets int) []*rtp.Packet {
	var all []*rtp.Packet
	for i := range packets {
		b := make([]byte, 1100)
		rand.Read(b[5:])
		b[0], b[1] = 0x80, 0x00
		if i == 0 {
			b[0] |= 0x10
			if !key {
				b[2] = 1
			}
		}
		all = append(all, s.packet(b, i == packets-1))
	}
	s.timestamp += 3000
	return all
}
