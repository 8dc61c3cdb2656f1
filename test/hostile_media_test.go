package test

import (
	"bytes"
	endian "encoding/binary"
	"math/rand/v2"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// Nothing that is sent to the media port by somebody else is taken for what the
// witnesses send, also when it seems to come from their address.
func hostileMediaPort(t *testing.T, v *victim) {
	stranger, err := net.DialUDP("udp4", nil, v.mediaPort)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	before := v.metrics(t)
	t.Run("garbage of strangers", func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 20000 {
			b := make([]byte, r.IntN(1400))
			for j := range b {
				b[j] = byte(r.Uint32())
			}
			if len(b) > 0 {
				b[0] = byte(i)
			}
			_, _ = stranger.Write(b) // it may be lost on the way
		}
		v.unaffected(t)
	})
	t.Run("forged connectivity checks", func(t *testing.T) {
		user := regexp.MustCompile(`a=ice-ufrag:(\S+)`).FindStringSubmatch(v.talks.RemoteDescription().SDP)[1]
		for range 5000 {
			m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(user+":x"),
				stun.NewShortTermIntegrity("not the password, but as long"), stun.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stranger.Write(m.Raw)
			m, err = stun.Build(stun.BindingSuccess, stun.TransactionID, stun.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stranger.Write(m.Raw)
		}
		v.unaffected(t)
	})
	t.Run("forged and repeated media from a known address", func(t *testing.T) {
		begin, heard := time.Now(), v.hears.heard.Load()
		for range 500 {
			last := v.talks.tap.packet()
			v.inject(last) // once more
			endian.BigEndian.PutUint16(last[2:], endian.BigEndian.Uint16(last[2:])+1)
			v.inject(last)                                       // the next, with the seal of the last
			v.inject(last[:13])                                  // cut off
			v.inject(append(bytes.Clone(last[:12]), 1, 2, 3))    // not sealed
			v.inject(append([]byte{0x80, 200, 0, 6}, last...))   // as if it were RTCP
			v.inject(append([]byte{0xbf, last[1]}, last[2:]...)) // with more in front than there is
		}
		v.unaffected(t)
		most := int64(time.Since(begin)/(20*time.Millisecond)) + 100
		if got := v.hears.heard.Load() - heard; got > most {
			t.Errorf("%d packets were heard, the speaker sent at most %d", got, most)
		}
	})
	t.Run("forged DTLS from a known address", func(t *testing.T) {
		for _, record := range forgedRecords() {
			v.inject(record)
		}
		v.unaffected(t)
		v.unaffected(t) // the first may be done before the forged records are looked at
	})
	after := v.metrics(t)
	for _, reason := range []string{"stranger", "check"} {
		if name := `switchboard_media_refused_total{reason="` + reason + `"}`; after[name]-before[name] < 1000 {
			t.Errorf("metrics show %v more refused as %s, want thousands", after[name]-before[name], reason)
		}
	}
}

// inject sends a packet from the speaking witness's own address.
func (v *victim) inject(packet []byte) { _, _ = v.talks.tap.PacketConn.WriteTo(packet, v.mediaPort) }

// forgedRecords are DTLS records that anybody can make, since they are not
// encrypted (RFC 6347 section 4.1).
func forgedRecords() [][]byte {
	record := func(kind byte, epoch uint16, payload ...byte) []byte {
		b := endian.BigEndian.AppendUint16([]byte{kind, 0xfe, 0xfd}, epoch)
		b = append(b, 0, 0, 0, 0, 1, 0)
		return append(endian.BigEndian.AppendUint16(b, uint16(len(payload))), payload...)
	}
	all := [][]byte{{21}, {22}, {23}, bytes.Repeat([]byte{22}, 1200)}
	for epoch := range uint16(3) {
		all = append(all,
			record(21, epoch, 1, 0),  // close_notify
			record(21, epoch, 2, 40), // handshake_failure
			record(21, epoch),
			record(20, epoch, 1), // change_cipher_spec
			record(20, epoch, 7),
			record(23, epoch, 1, 2, 3),                            // application data
			record(22, epoch, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), // hello_request
			record(22, epoch, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), // an empty client_hello
			record(63, epoch, 1))
	}
	return all
}

// Two thousand connections to the media port that say nothing.
func hostileMediaConnections(t *testing.T, v *victim) {
	var all []net.Conn
	for range 2000 {
		conn, err := net.DialTimeout("tcp", v.mediaPort.String(), time.Second)
		if err != nil {
			break // it is full, which is an answer too
		}
		all = append(all, conn)
	}
	v.unaffected(t)
	if v.metrics(t)[`switchboard_media_refused_total{reason="connection"}`] < 1000 {
		t.Errorf("of %d connections nearly all were let in", len(all))
	}
	for i, conn := range all {
		if i%2 == 0 {
			_, _ = conn.Write([]byte{0xff, 0xff, 1, 2, 3})
		}
		_ = conn.Close()
	}
}

// A receiver whose network is gone does not hold up the others, and is told of
// as gone when its socket breaks.
func hostileSubscribers(t *testing.T, v *victim) {
	carol, receives := join(t, v.room, "carol", "witness"), newSpeaker(t)
	receives.receive(carol, "ada")
	waitFor(t, "carol hears ada", func() bool { return receives.heard.Load() > 10 })
	receives.tap.dead.Store(true)
	v.unaffected(t)
	carol.cut(true)
	(&member{t, v.bob.Conn}).want(`"participantLeft","params":{"name":"carol"}`)
}
