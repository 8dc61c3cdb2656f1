package srtp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Any flipped bit is noticed, and leaves no trace in the stream.
func TestDamageIsRefused(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			r := newRig(t, p)
			good := r.sealer.SealRTP(nil, rtpHeader(7, 100, 2, 1), []byte("hello, world"), 0)
			goodRTCP, err := r.sealer.SealRTCP(nil, []byte{0x80, 201, 0, 2, 0, 0, 0, 7, 1, 2, 3, 4})
			if err != nil {
				t.Fatal(err)
			}
			var s Stream
			for bit := range len(good) * 8 {
				bad := bytes.Clone(good)
				bad[bit/8] ^= 1 << (bit % 8)
				if _, _, err := r.opener.OpenRTP(bad, &s); err == nil {
					t.Errorf("RTP with bit %d flipped was accepted", bit)
				}
				if s != (Stream{}) {
					t.Fatalf("bit %d: the stream changed to %+v", bit, s)
				}
			}
			for bit := range len(goodRTCP) * 8 {
				bad := bytes.Clone(goodRTCP)
				bad[bit/8] ^= 1 << (bit % 8)
				if _, err := r.opener.OpenRTCP(bad); err == nil {
					t.Errorf("RTCP with bit %d flipped was accepted", bit)
				}
			}
			if len(r.opener.reports) != 0 {
				t.Errorf("forged RTCP left %d sources", len(r.opener.reports))
			}
			if _, _, err := r.opener.OpenRTP(good, &s); err != nil {
				t.Errorf("the undamaged packet: %v", err)
			}
			if _, err := r.opener.OpenRTCP(goodRTCP); err != nil {
				t.Errorf("the undamaged report: %v", err)
			}
		})
	}
}

func TestMalformedIsRefused(t *testing.T) {
	tag := make([]byte, 16)
	for _, row := range []struct {
		name   string
		packet []byte
	}{
		{"empty", nil},
		{"short", make([]byte, 11)},
		{"version 1", append(append([]byte{1 << 6}, make([]byte, 11)...), tag...)},
		{"no room for the tag", rtpHeader(1, 1, 0, -1)},
		{"CSRCs beyond the end", append([]byte{2<<6 | 15}, make([]byte, 30)...)},
		{"extension header beyond the end", append([]byte{2<<6 | 1<<4}, make([]byte, 12)...)},
		{"extension beyond the end", append(append([]byte{2<<6 | 1<<4}, make([]byte, 11)...), 0xbe, 0xde, 0xff, 0xff, 0, 0, 0, 0)},
		{"tag overlapping the extension", rtpHeader(1, 1, 0, 3)},
	} {
		for _, p := range profiles {
			r := newRig(t, p)
			if _, _, err := r.opener.OpenRTP(bytes.Clone(row.packet), new(Stream)); !errors.Is(err, ErrMalformed) {
				t.Errorf("%v, %s: %v, want %v", p, row.name, err, ErrMalformed)
			}
		}
	}
	r := newRig(t, AEADAES128GCM)
	for _, packet := range [][]byte{nil, make([]byte, 27), make([]byte, 28)} {
		if _, err := r.opener.OpenRTCP(packet); !errors.Is(err, ErrMalformed) {
			t.Errorf("RTCP of %d zero bytes: %v, want %v", len(packet), err, ErrMalformed)
		}
	}
	if _, err := r.sealer.SealRTCP(nil, make([]byte, 7)); !errors.Is(err, ErrMalformed) {
		t.Errorf("sealing 7 bytes of RTCP: %v, want %v", err, ErrMalformed)
	}
}

func TestReplay(t *testing.T) {
	r := newRig(t, AEADAES128GCM)
	seal := func(index int) []byte {
		return r.sealer.SealRTP(nil, rtpHeader(7, uint16(index), 0, -1), nil, uint32(index>>16))
	}
	var s Stream
	for _, row := range []struct {
		index int
		want  error
	}{
		{5, nil},
		{5, ErrReplay},
		{65535, ErrReplay}, // before the beginning
		{5 + replayWindow, nil},
		{5, ErrReplay},
		{6, nil},
		{6, ErrReplay},
		{6 + replayWindow, nil},
		{7, nil},
		{6, ErrReplay},
		{30000, nil},
		{30000 - replayWindow + 1, nil},
		{30000 - replayWindow, ErrReplay},
		{60000, nil},
		{66000, nil}, // wrapped
		{65535, nil},
		{65535, ErrReplay},
	} {
		if _, _, err := r.opener.OpenRTP(seal(row.index), &s); !errors.Is(err, row.want) {
			t.Errorf("packet %d: %v, want %v", row.index, err, row.want)
		}
	}
}

// The window agrees with a set that forgets nothing.
func TestWindowIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint64]bool{}
		var newest uint64
		at := rapid.Uint64Range(0, 1<<47).Draw(t, "start")
		for range rapid.IntRange(1, 200).Draw(t, "packets") {
			step := rapid.OneOf(rapid.Int64Range(-600, 600), rapid.Int64Range(-3, 3), rapid.Int64Range(0, 1<<16)).Draw(t, "step")
			index := uint64(max(0, int64(at)+step))
			want := !seen[index] && (index > newest || newest-index < replayWindow)
			if got := w.fresh(index); got != want {
				t.Fatalf("fresh(%d) = %t with the newest at %d, want %t", index, got, newest, want)
			}
			if want {
				w.accept(index)
				seen[index] = true
				newest = max(newest, index)
			}
			at = newest
		}
	})
}

// The estimate is that of RFC 3711 appendix A, word for word.
func TestEstimate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newest := rapid.Uint64Range(0, 1<<48-1).Draw(t, "newest")
		seq := rapid.Uint16().Draw(t, "seq")
		last, roc := int64(newest&0xffff), int64(newest>>16)
		v := roc
		if last < 32768 {
			if int64(seq)-last > 32768 {
				v = roc - 1
			}
		} else if last-32768 > int64(seq) {
			v = roc + 1
		}
		s := Stream{started: true, seen: window{newest: newest}}
		got, ok := s.estimate(seq)
		if want := v >= 0 && v < 1<<32; ok != want || ok && got != uint64(v)<<16|uint64(seq) {
			t.Fatalf("estimate(%d) after %#x = %#x, %t; want ROC %d, %t", seq, newest, got, ok, v, want)
		}
	})
}

func TestSplitKeys(t *testing.T) {
	for _, p := range profiles {
		k, s := p.KeyLen(), p.SaltLen()
		material := make([]byte, p.MaterialLen())
		for i := range material {
			material[i] = byte(i)
		}
		client := Keys{material[:k], material[2*k : 2*k+s]}
		server := Keys{material[k : 2*k], material[2*k+s:]}
		local, remote, err := SplitKeys(p, material, true)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Keys{client, server}, []Keys{local, remote}); diff != "" {
			t.Errorf("%v as client (-want +got):\n%s", p, diff)
		}
		if local, remote, err = SplitKeys(p, material, false); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Keys{server, client}, []Keys{local, remote}); diff != "" {
			t.Errorf("%v as server (-want +got):\n%s", p, diff)
		}
		if _, _, err := SplitKeys(p, material[1:], true); err == nil {
			t.Errorf("%v: short material was accepted", p)
		}
	}
	if _, _, err := SplitKeys(2, make([]byte, 60), true); err == nil {
		t.Error("an unknown profile was accepted")
	}
}

func TestWrongKeysAreRefused(t *testing.T) {
	for _, row := range []struct {
		profile Profile
		keys    Keys
	}{
		{AEADAES128GCM, testKeys(AES128CMHMACSHA1_80, 1)},
		{AEADAES128GCM, testKeys(AEADAES256GCM, 1)},
		{AEADAES128GCM, Keys{}},
		{2, testKeys(AES128CMHMACSHA1_80, 1)},
	} {
		if _, err := NewSealer(row.profile, row.keys); err == nil {
			t.Errorf("a sealer with %v and %d+%d bytes was made", row.profile, len(row.keys.Key), len(row.keys.Salt))
		}
		if _, err := NewOpener(row.profile, row.keys); err == nil {
			t.Errorf("an opener with %v and %d+%d bytes was made", row.profile, len(row.keys.Key), len(row.keys.Salt))
		}
	}
}

func TestKeysStayHidden(t *testing.T) {
	k := Keys{Key: []byte("SECRETSECRET"), Salt: []byte("SALTSALT")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "keys", k)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "keys", k)
	text := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		text += fmt.Sprintf(verb, k)
	}
	secret, _ := json.Marshal(k.Key)
	for _, leak := range []string{"SECRET", "SALT", "83 69", fmt.Sprintf("%x", k.Key), string(secret)} {
		if strings.Contains(text, leak) {
			t.Errorf("%q is in %s", leak, text)
		}
	}
}

// Clones seal at the same time, each its SSRC, and share the SRTCP index.
func TestClonesWorkAtOnce(t *testing.T) {
	for _, p := range profiles {
		r := newRig(t, p)
		var wg sync.WaitGroup
		var mu sync.Mutex
		sealed := map[uint32][][]byte{}
		var reports [][]byte
		for ssrc := range uint32(4) {
			clone, err := r.sealer.Clone()
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for seq := range uint16(100) {
					packet := clone.SealRTP(nil, rtpHeader(ssrc, seq, 0, -1), []byte("payload"), 0)
					report, err := clone.SealRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 9})
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					sealed[ssrc] = append(sealed[ssrc], packet)
					reports = append(reports, report)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for _, packets := range sealed {
			var s Stream
			for _, packet := range packets {
				if _, _, err := r.opener.OpenRTP(packet, &s); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, report := range reports {
			if _, err := r.opener.OpenRTCP(report); err != nil {
				t.Fatalf("report: %v", err)
			}
		}
	}
}

func TestRTCPEnds(t *testing.T) {
	r := newRig(t, AEADAES128GCM)
	packet := []byte{0x80, 201, 0, 1, 0, 0, 0, 9}
	r.sealer.rtcp.index = maxRTCPIndex
	if _, err := r.sealer.SealRTCP(nil, packet); err != nil {
		t.Errorf("the last index: %v", err)
	}
	if _, err := r.sealer.SealRTCP(nil, packet); !errors.Is(err, ErrExhausted) {
		t.Errorf("after the last index: %v, want %v", err, ErrExhausted)
	}
}

func TestRTCPSourcesAreBounded(t *testing.T) {
	r := newRig(t, AEADAES128GCM)
	packet := []byte{0x80, 201, 0, 1, 0, 0, 0, 0}
	for ssrc := range uint32(maxSources + 1) {
		binary.BigEndian.PutUint32(packet[4:], ssrc)
		sealed, err := r.sealer.SealRTCP(nil, packet)
		if err != nil {
			t.Fatal(err)
		}
		var want error
		if ssrc == maxSources {
			want = ErrSources
		}
		if _, err := r.opener.OpenRTCP(sealed); !errors.Is(err, want) {
			t.Fatalf("source %d: %v, want %v", ssrc, err, want)
		}
	}
}

// A packet costs no garbage, sealed or opened, and its header may be written
// where it will stand.
func TestNoAllocations(t *testing.T) {
	for _, p := range profiles {
		r := newRig(t, p)
		payload := make([]byte, 1100)
		buf := make([]byte, 0, 1500)
		var header []byte
		seq := uint16(0)
		seal := func() {
			header = buf[:12]
			copy(header, []byte{2 << 6, 96})
			binary.BigEndian.PutUint16(header[2:], seq)
			seq++
		}
		if n := testing.AllocsPerRun(100, func() { seal(); r.sealer.SealRTP(buf, header, payload, 0) }); n != 0 {
			t.Errorf("%v: SealRTP allocates %v times", p, n)
		}
		if n := testing.AllocsPerRun(100, func() { seal(); r.sealer.SealSplit(buf, header, payload[:2], payload[2:], 0) }); n != 0 {
			t.Errorf("%v: SealSplit allocates %v times", p, n)
		}
		var s Stream
		if n := testing.AllocsPerRun(100, func() {
			seal()
			if _, _, err := r.opener.OpenRTP(r.sealer.SealRTP(buf, header, payload, 0), &s); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v: OpenRTP allocates %v times", p, n)
		}
	}
}

// Nothing of what an attacker without the key sends is accepted, nothing
// panics, and nothing is remembered.
func FuzzOpen(f *testing.F) {
	r := newRig(f, AEADAES128GCM)
	f.Add(r.sealer.SealRTP(nil, rtpHeader(7, 1, 2, 2), []byte("hello"), 0))
	f.Add(rtpHeader(7, 1, 15, 8))
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 9, 0x80, 0, 0, 0})
	f.Fuzz(func(t *testing.T, packet []byte) {
		for _, p := range profiles {
			o, err := NewOpener(p, testKeys(p, 99)) // other keys than the seeds were sealed with
			if err != nil {
				t.Fatal(err)
			}
			var s Stream
			if _, _, err := o.OpenRTP(bytes.Clone(packet), &s); err == nil || s != (Stream{}) {
				t.Errorf("%v: RTP %x: %v, %+v", p, packet, err, s)
			}
			if _, err := o.OpenRTCP(bytes.Clone(packet)); err == nil || len(o.reports) != 0 {
				t.Errorf("%v: RTCP %x was accepted", p, packet)
			}
		}
	})
}

func BenchmarkSealRTP(b *testing.B) {
	for _, p := range profiles {
		for _, size := range []int{160, 1100} {
			b.Run(fmt.Sprintf("%v/%d", p, size), func(b *testing.B) {
				r := newRig(b, p)
				header, payload, buf := rtpHeader(7, 0, 0, 1), make([]byte, size), make([]byte, 0, 1500)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := uint16(0); b.Loop(); i++ {
					binary.BigEndian.PutUint16(header[2:], i)
					r.sealer.SealRTP(buf, header, payload, 0)
				}
			})
		}
	}
}

func BenchmarkOpenRTP(b *testing.B) {
	for _, p := range profiles {
		b.Run(p.String(), func(b *testing.B) {
			r := newRig(b, p)
			sealed := r.sealer.SealRTP(nil, rtpHeader(7, 5, 0, 1), make([]byte, 1100), 0)
			packet := make([]byte, len(sealed))
			b.SetBytes(1100)
			b.ReportAllocs()
			for b.Loop() {
				copy(packet, sealed)
				var s Stream
				if _, _, err := r.opener.OpenRTP(packet, &s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
