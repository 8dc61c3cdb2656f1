package rtc

import (
	"context"
	"fmt"

	"switchboard/internal/media"
)

// Offer implements media.Transport.
func (t *Transport) Offer(context.Context, []media.Line) (string, error) {
	return "", fmt.Errorf("offer: %w", media.ErrState)
}

// Accept implements media.Transport.
func (t *Transport) Accept(context.Context, string) (media.Answer, error) {
	return media.Answer{}, fmt.Errorf("accept: %w", media.ErrState)
}

// SetVideoKbps implements media.Transport.
func (t *Transport) SetVideoKbps(int) {}

// Play implements media.Engine.
func (e *Engine) Play(media.TransportID, media.PlayRequest) (media.Player, error) {
	return nil, fmt.Errorf("play: %w", media.ErrFile)
}
