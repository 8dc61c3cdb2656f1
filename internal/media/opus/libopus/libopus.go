//go:build libopus && cgo

package libopus

/*
#cgo pkg-config: opus
#include <opus.h>
static int bitrate(OpusEncoder *e, int v) { return opus_encoder_ctl(e, OPUS_SET_BITRATE(v)); }
static int complexity(OpusEncoder *e, int v) { return opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(v)); }
static int predict(OpusEncoder *e, int v) { return opus_encoder_ctl(e, OPUS_SET_PREDICTION_DISABLED(!v)); }
static int reset_encoder(OpusEncoder *e) { return opus_encoder_ctl(e, OPUS_RESET_STATE); }
static int reset_decoder(OpusDecoder *d) { return opus_decoder_ctl(d, OPUS_RESET_STATE); }
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"switchboard/internal/media/opus"
)

// New returns the codec.
func New() opus.Codec { return codec{} }

type codec struct{}

func (codec) NewDecoder() (opus.Decoder, error) {
	var code C.int
	d := &decoder{C.opus_decoder_create(opus.Rate, 1, &code)}
	if code != 0 {
		return nil, fail("make decoder", code)
	}
	runtime.AddCleanup(d, func(d *C.OpusDecoder) { C.opus_decoder_destroy(d) }, d.state)
	return d, nil
}

func (codec) NewEncoder(s opus.Settings) (opus.Encoder, error) {
	var code C.int
	e := &encoder{C.opus_encoder_create(opus.Rate, 1, C.OPUS_APPLICATION_RESTRICTED_LOWDELAY, &code)}
	if code != 0 {
		return nil, fail("make encoder", code)
	}
	runtime.AddCleanup(e, func(e *C.OpusEncoder) { C.opus_encoder_destroy(e) }, e.state)
	if code := C.bitrate(e.state, C.int(s.Bitrate)); code != 0 {
		return nil, fail("set bitrate", code)
	}
	if code := C.complexity(e.state, C.int(s.Complexity)); code != 0 {
		return nil, fail("set complexity", code)
	}
	if code := C.predict(e.state, 0); code != 0 {
		return nil, fail("disable prediction", code)
	}
	return e, nil
}

func fail(verb string, code C.int) error {
	return fmt.Errorf("%s: %s", verb, C.GoString(C.opus_strerror(code)))
}

type decoder struct{ state *C.OpusDecoder }

func (d *decoder) run(packet []byte, pcm []float32, fec C.int) (int, error) {
	n := C.opus_decode_float(d.state, (*C.uchar)(unsafe.SliceData(packet)), C.opus_int32(len(packet)),
		(*C.float)(unsafe.SliceData(pcm)), C.int(len(pcm)), fec)
	runtime.KeepAlive(d)
	if n < 0 {
		return 0, fail("decode", n)
	}
	return int(n), nil
}

func (d *decoder) Decode(packet []byte, pcm []float32) (int, error) { return d.run(packet, pcm, 0) }

func (d *decoder) Recover(next []byte, pcm []float32) error {
	_, err := d.run(next, pcm, 1)
	return err
}

func (d *decoder) Conceal(pcm []float32) error {
	_, err := d.run(nil, pcm, 0)
	return err
}

func (d *decoder) Reset() { C.reset_decoder(d.state) }

type encoder struct{ state *C.OpusEncoder }

func (e *encoder) Encode(pcm []float32, packet []byte) (int, error) {
	n := C.opus_encode_float(e.state, (*C.float)(unsafe.SliceData(pcm)), C.int(len(pcm)),
		(*C.uchar)(unsafe.SliceData(packet)), C.opus_int32(len(packet)))
	runtime.KeepAlive(e)
	if n < 0 {
		return 0, fail("encode", n)
	}
	return int(n), nil
}

func (e *encoder) Reset() { C.reset_encoder(e.state) }
