package mix

import "switchboard/internal/media/opus"

// spares is how many encoders, and decoders, are kept for who comes next.
const spares = 8

// pool lends encoders and decoders, which are large, to who is heard and who
// hears something.
type pool struct {
	codec    opus.Codec
	settings opus.Settings
	encoders []opus.Encoder
	decoders []opus.Decoder
	lent     int // of both
}

func (p *pool) takeEncoder() (opus.Encoder, error) {
	if n := len(p.encoders); n > 0 {
		e := p.encoders[n-1]
		p.encoders = p.encoders[:n-1]
		p.lent++
		return e, nil
	}
	e, err := p.codec.NewEncoder(p.settings)
	if err == nil {
		p.lent++
	}
	return e, err
}

func (p *pool) giveEncoder(e opus.Encoder) {
	if e == nil {
		return
	}
	p.lent--
	if len(p.encoders) < spares {
		e.Reset()
		p.encoders = append(p.encoders, e)
	}
}

func (p *pool) takeDecoder() (opus.Decoder, error) {
	if n := len(p.decoders); n > 0 {
		d := p.decoders[n-1]
		p.decoders = p.decoders[:n-1]
		p.lent++
		return d, nil
	}
	d, err := p.codec.NewDecoder()
	if err == nil {
		p.lent++
	}
	return d, err
}

func (p *pool) giveDecoder(d opus.Decoder) {
	if d == nil {
		return
	}
	p.lent--
	if len(p.decoders) < spares {
		d.Reset()
		p.decoders = append(p.decoders, d)
	}
}
