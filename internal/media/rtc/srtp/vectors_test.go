package srtp

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 3711 appendix B.3.
func TestKeyDerivation(t *testing.T) {
	master, err := aes.NewCipher(unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139"))
	if err != nil {
		t.Fatal(err)
	}
	salt := unhex(t, "0EC675AD498AFEEBB6960B3AABE6")
	for _, row := range []struct {
		name  string
		label byte
		want  string
	}{
		{"cipher key", labelRTPKey, "C61E7A93744F39EE10734AFE3FF7A087"},
		{"cipher salt", labelRTPSalt, "30CBBC08863D8C85D49DB34A9AE1"},
		{"auth key", labelRTPAuth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
	} {
		want := unhex(t, row.want)
		if got := derive(master, salt, row.label, len(want)); !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", row.name, got, want)
		}
	}
}

// RFC 3711 appendix B.2: the key stream for SSRC 0 and index 0.
func TestCounterModeKeyStream(t *testing.T) {
	tr, err := newTransform(AES128CMHMACSHA1_80, unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"),
		make([]byte, sha1KeyLen), unhex(t, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
	if err != nil {
		t.Fatal(err)
	}
	stream := make([]byte, 0xff02*aes.BlockSize)
	tr.cm.encrypt(stream, 0, 0)
	for _, row := range []struct {
		block int
		want  string
	}{
		{0, "E03EAD0935C95E80E166B16DD92B4EB4"},
		{1, "D23513162B02D0F72A43A2FE4A5F97AB"},
		{2, "41E95B3BB0A2E8DD477901E4FCA894C0"},
		{0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"},
		{0xff00, "362B7C3C6773516318A077D7FC5073AE"},
		{0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"},
	} {
		if got, want := stream[row.block*aes.BlockSize:][:aes.BlockSize], unhex(t, row.want); !bytes.Equal(got, want) {
			t.Errorf("block %#x: got %x, want %x", row.block, got, want)
		}
	}
}

// rtpVector is the packet of RFC 7714 section 16.
const rtpVector = `8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973
	20646976 69736120 696e2070 61727465 73207472 6573`

// rtcpVector is the packet of RFC 7714 section 17.
const rtcpVector = `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
	deadbeef deadbeef deadbeef deadbeef deadbeef`

// gcmWith returns a transform under session keys, which the vectors give.
func gcmWith(t *testing.T, p Profile) transform {
	t.Helper()
	key := make([]byte, p.KeyLen())
	for i := range key {
		key[i] = byte(i)
	}
	tr, err := newTransform(p, key, nil, []byte("Quid pro quo"))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// RFC 7714 sections 16.1.1 and 16.2.1.
func TestGCMVectorsRTP(t *testing.T) {
	plain := unhex(t, rtpVector)
	for _, row := range []struct {
		profile Profile
		want    string
	}{
		{AEADAES128GCM, `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
			0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`},
		{AEADAES256GCM, `8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
			9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`},
	} {
		s := &Sealer{rtp: gcmWith(t, row.profile)}
		got := s.SealRTP(nil, plain[:12], plain[12:], 0)
		if want := unhex(t, row.want); !bytes.Equal(got, want) {
			t.Errorf("%v:\n got %x\nwant %x", row.profile, got, want)
		}
		o := &Opener{rtp: gcmWith(t, row.profile), overhead: gcmTagLen}
		n, payload, err := o.OpenRTP(got, new(Stream))
		if err != nil || n != 12 || !bytes.Equal(payload, plain[12:]) {
			t.Errorf("%v: opened to %d, %x, %v", row.profile, n, payload, err)
		}
	}
}

// RFC 7714 sections 17.1 and 17.2.
func TestGCMVectorsRTCP(t *testing.T) {
	plain := unhex(t, rtcpVector)
	for _, row := range []struct {
		profile Profile
		want    string
	}{
		{AEADAES128GCM, `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
			c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`},
		{AEADAES256GCM, `81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
			a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4`},
	} {
		got := gcmWith(t, row.profile).sealRTCP(nil, plain, 0x5d4)
		if want := unhex(t, row.want); !bytes.Equal(got, want) {
			t.Errorf("%v:\n got %x\nwant %x", row.profile, got, want)
		}
		back, index, err := gcmWith(t, row.profile).openRTCP(got, 0x4d617273, new(window))
		if err != nil || index != 0x5d4 || !bytes.Equal(back, plain) {
			t.Errorf("%v: opened to %x, index %#x, %v", row.profile, back, index, err)
		}
	}
}

// RFC 7714 section 17.3: authenticated but not encrypted.
func TestGCMUnencryptedRTCP(t *testing.T) {
	plain := unhex(t, rtcpVector)
	g := gcmWith(t, AEADAES128GCM).gcm
	word := unhex(t, "000005d4")
	tag := g.aead.Seal(nil, g.prepare(0x4d617273, 0x5d4), nil, append(bytes.Clone(plain), word...))
	packet := append(append(bytes.Clone(plain), tag...), word...)
	got, _, err := gcmWith(t, AEADAES128GCM).openRTCP(bytes.Clone(packet), 0x4d617273, new(window))
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened to %x, %v", got, err)
	}
	packet[20] ^= 1
	if _, _, err := gcmWith(t, AEADAES128GCM).openRTCP(packet, 0x4d617273, new(window)); err != ErrAuth {
		t.Errorf("damaged: %v, want %v", err, ErrAuth)
	}
}
