package desk

import (
	"time"

	"switchboard/internal/media/g711"
	"switchboard/internal/media/mix"
	"switchboard/internal/media/opus"
	"switchboard/internal/media/rtc/forward"
)

// Telephones speak G.711, which the mixer does not: what they say is made Opus
// before it gets there, and what they hear is made of the Opus that comes out.

// phoneMouth encodes what somebody says.
type phoneMouth struct {
	sound   forward.Sound
	decoder *g711.Decoder
	encoder opus.Encoder
	packet  [opus.MaxBytes]byte
}

// phoneEar decodes what somebody hears.
type phoneEar struct {
	sound   forward.Sound
	decoder opus.Decoder
	encoder *g711.Encoder
	last    uint32 // timestamp of the mixer
	stamp   uint32 // the same at 8 kHz
}

func lawOf(s forward.Sound) g711.Law {
	if s == forward.PCMA {
		return g711.A
	}
	return g711.Mu
}

// Frames of the mixer's input, in bytes of G.711: 10 and 20 ms.
const (
	shortFrame = 80
	longFrame  = 160
)

// hearPhone takes a packet of G.711. Those that are longer than 20 ms become
// several, and all of a track's in the same way, so that their numbers fit.
func (d *Desk) hearPhone(t *talker, h forward.Heard) {
	if t.mouth == nil || t.mouth.sound != h.Sound {
		e, err := d.codec.NewEncoder(opus.Settings{Bitrate: 32000, Complexity: 5})
		if err != nil {
			return
		}
		t.mouth = &phoneMouth{sound: h.Sound, decoder: g711.NewDecoder(lawOf(h.Sound)), encoder: e}
	}
	n := shortFrame
	if len(h.Payload)%longFrame == 0 {
		n = longFrame
	}
	if len(h.Payload) == 0 || len(h.Payload)%n != 0 || len(h.Payload) > 6*longFrame {
		return
	}
	parts := uint16(len(h.Payload) / n)
	for i := range parts {
		d.pcm = t.mouth.decoder.Decode(d.pcm[:0], h.Payload[:n])
		h.Payload = h.Payload[n:]
		size, err := t.mouth.encoder.Encode(d.pcm, t.mouth.packet[:])
		if err != nil {
			return
		}
		d.mixer.Push(t.voice, mix.Packet{Sequence: h.Sequence*parts + i, Payload: t.mouth.packet[:size]}, time.Duration(h.At))
	}
}

// speakPhone sends a frame as G.711.
func (d *Desk) speakPhone(t *transport, sound forward.Sound, payload []byte, l *mix.Listener) {
	if t.ear == nil || t.ear.sound != sound {
		decoder, err := d.codec.NewDecoder()
		if err != nil {
			return
		}
		t.ear = &phoneEar{sound: sound, decoder: decoder, encoder: g711.NewEncoder(lawOf(sound)), last: l.Timestamp()}
	}
	t.ear.stamp += (l.Timestamp() - t.ear.last) / g711.Ratio
	t.ear.last = l.Timestamp()
	if cap(d.pcm) < opus.MaxSamples {
		d.pcm = make([]float32, opus.MaxSamples)
	}
	n, err := t.ear.decoder.Decode(payload, d.pcm[:opus.MaxSamples])
	if err != nil {
		return
	}
	d.bytes = t.ear.encoder.Encode(d.bytes[:0], d.pcm[:n])
	d.plane.SendMixed(forward.Mixed{Sound: sound, Payload: d.bytes, To: []forward.MixedTo{
		{Transport: t.out, Timestamp: t.ear.stamp, Marker: l.Marker()},
	}})
}
