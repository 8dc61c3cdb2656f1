package srtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/srtp/v3"
	"pgregory.net/rapid"
)

var profiles = []Profile{AES128CMHMACSHA1_80, AEADAES128GCM, AEADAES256GCM}

// testKeys returns keys that differ with seed.
func testKeys(p Profile, seed byte) Keys {
	k := Keys{Key: make([]byte, p.KeyLen()), Salt: make([]byte, p.SaltLen())}
	for i := range k.Key {
		k.Key[i] = seed + byte(3*i)
	}
	for i := range k.Salt {
		k.Salt[i] = seed ^ byte(7*i)
	}
	return k
}

// rig is a sealer, an opener and pion's implementation, all under one key.
type rig struct {
	sealer         *Sealer
	opener         *Opener
	encode, decode *pion.Context
}

func newRig(t interface {
	Helper()
	Fatal(...any)
}, p Profile,
) rig {
	t.Helper()
	keys := testKeys(p, 1)
	oracle := func() *pion.Context {
		c, err := pion.CreateContext(keys.Key, keys.Salt, pion.ProtectionProfile(p),
			pion.SRTPReplayProtection(replayWindow), pion.SRTCPReplayProtection(replayWindow))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	sealer, err := NewSealer(p, keys)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := NewOpener(p, keys)
	if err != nil {
		t.Fatal(err)
	}
	return rig{sealer, opener, oracle(), oracle()}
}

// rtpHeader builds a header with so many CSRCs, and an extension of so many
// words unless that is negative.
func rtpHeader(ssrc uint32, seq uint16, csrcs, words int) []byte {
	h := []byte{2<<6 | byte(csrcs), 96}
	h = binary.BigEndian.AppendUint16(h, seq)
	h = binary.BigEndian.AppendUint32(h, uint32(seq)*3000)
	h = binary.BigEndian.AppendUint32(h, ssrc)
	for i := range csrcs {
		h = binary.BigEndian.AppendUint32(h, uint32(i)+100)
	}
	if words >= 0 {
		h[0] |= 1 << 4
		h = binary.BigEndian.AppendUint16(h, 0xbede)
		h = binary.BigEndian.AppendUint16(h, uint16(words))
		for range words {
			h = append(h, 0x10, 0xaa, 0, 0)
		}
	}
	return h
}

// Whatever the header and payload, the bytes are those of another
// implementation, and each opens what the other sealed.
func TestRTPAgreesWithPion(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), rapid.MakeCheck(func(t *rapid.T) {
			r := newRig(t, p)
			ssrc := rapid.Uint32().Draw(t, "ssrc")
			roc := rapid.Uint32().Draw(t, "roc")
			header := rtpHeader(ssrc, rapid.Uint16().Draw(t, "seq"),
				rapid.IntRange(0, 15).Draw(t, "csrcs"), rapid.IntRange(-1, 8).Draw(t, "extension words"))
			payload := rapid.SliceOfN(rapid.Byte(), 0, 1500).Draw(t, "payload")
			cut := rapid.IntRange(0, len(payload)).Draw(t, "cut")

			r.encode.SetROC(ssrc, roc)
			want, err := r.encode.EncryptRTP(nil, append(bytes.Clone(header), payload...), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := r.sealer.SealRTP([]byte("before"), header, payload, roc)
			if diff := cmp.Diff(append([]byte("before"), want...), got); diff != "" {
				t.Fatalf("sealed (-pion +ours):\n%s", diff)
			}
			if split := r.sealer.SealSplit([]byte("before"), header, payload[:cut], payload[cut:], roc); !bytes.Equal(split, got) {
				t.Fatalf("in two parts at %d: %x, want %x", cut, split, got)
			}
			if len(want) != len(header)+len(payload)+p.Overhead() {
				t.Fatalf("overhead is %d, not %d", len(want)-len(header)-len(payload), p.Overhead())
			}

			_, index := identify(header, roc)
			s := streamBefore(index)
			n, plain, err := r.opener.OpenRTP(want, s)
			if err != nil || n != len(header) || !bytes.Equal(want[:n], header) || !bytes.Equal(plain, payload) {
				t.Fatalf("opened to header %d, payload %x, %v", n, plain, err)
			}
		}))
	}
}

// streamBefore is a stream whose newest packet is the one before index.
func streamBefore(index uint64) *Stream {
	if index == 0 {
		return new(Stream)
	}
	return &Stream{started: true, seen: window{newest: index - 1}}
}

// A long stream through a lossy, reordering and repeating network, over several
// wraps of the sequence number: what we accept and refuse is what pion does.
func TestStreamAgreesWithPion(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			r := newRig(t, p)
			const ssrc, total = 7, 3*65536 + 50
			var s Stream
			wraps := 0
			for i := 60000; i < 60000+total; i += 37 {
				header := rtpHeader(ssrc, uint16(i), 0, -1)
				for _, back := range []int{0, 900, 300, 0} { // in time, too late, late, again
					j := i - back
					if j < 60000 {
						continue
					}
					binary.BigEndian.PutUint16(header[2:], uint16(j))
					packet := r.sealer.SealRTP(nil, header, []byte(fmt.Sprint(j)), uint32(j>>16))
					_, wantErr := r.decode.DecryptRTP(nil, packet, nil)
					_, plain, err := r.opener.OpenRTP(packet, &s)
					if (err == nil) != (wantErr == nil) {
						t.Fatalf("packet %d at %d: we say %v, pion %v", j, i, err, wantErr)
					}
					if err == nil && string(plain) != fmt.Sprint(j) {
						t.Fatalf("packet %d opened to %q", j, plain)
					}
					if err == nil && back == 0 && s.Index() != uint64(i) {
						t.Fatalf("index %#x, want %#x", s.Index(), i)
					}
				}
				wraps = i >> 16
			}
			if wraps != 3 {
				t.Fatalf("saw %d wraps", wraps)
			}
		})
	}
}

func TestRTCPAgreesWithPion(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			r := newRig(t, p)
			ours := func(packet []byte) []byte {
				out, err := r.sealer.SealRTCP(nil, packet)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			var first []byte
			for i := range 300 {
				packet := append([]byte{0x80, 201, 0, 1, 0, 0, 0, byte(i % 3)}, make([]byte, 4*(i%50))...)
				sealed := ours(packet)
				if i == 0 {
					first = bytes.Clone(sealed)
				}
				if got := len(sealed) - len(packet); got != p.OverheadRTCP() {
					t.Fatalf("overhead is %d, want %d", got, p.OverheadRTCP())
				}
				got, err := r.decode.DecryptRTCP(nil, sealed, nil)
				if err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("pion opened ours to %x, %v", got, err)
				}
				theirs, err := r.encode.EncryptRTCP(nil, packet, nil)
				if err != nil {
					t.Fatal(err)
				}
				again := bytes.Clone(theirs)
				if got, err = r.opener.OpenRTCP(theirs); err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("opened pion's to %x, %v", got, err)
				}
				if _, err := r.opener.OpenRTCP(again); !errors.Is(err, ErrReplay) {
					t.Fatalf("a second time: %v, want %v", err, ErrReplay)
				}
			}
			if bytes.Equal(first, ours([]byte{0x80, 201, 0, 1, 0, 0, 0, 0})) {
				t.Error("the same packet sealed twice is the same twice: the index does not count")
			}
		})
	}
}
