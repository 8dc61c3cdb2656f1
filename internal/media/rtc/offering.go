package rtc

import (
	"context"
	"fmt"
	"slices"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/jsep"
)

// Errors of offers of ours.
var (
	errOffering  = fmt.Errorf("%w: on this transport it is us who offer", media.ErrState)
	errAnswering = fmt.Errorf("%w: on this transport it is the peer who offers", media.ErrState)
	errNoOffer   = fmt.Errorf("%w: there is no offer to be answered", media.ErrState)
	errNoLines   = fmt.Errorf("%w: an offer has from 1 to %d lines", media.ErrState, jsep.MaxLines)
	errOtherLine = fmt.Errorf("%w: a line cannot become one of another kind", media.ErrState)
	errOtherPeer = fmt.Errorf("%w: it is another connection than the one offered", media.ErrDescription)
)

// Offer implements media.Transport. Lines that there were and that are not named
// again are offered idle. ICE is not begun before the answer, so that an offer
// nobody answers costs nothing.
func (t *Transport) Offer(ctx context.Context, lines []media.Line) (string, error) {
	if err := t.describe(ctx); err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	defer t.answer.Unlock()
	if t.session != 0 && !t.offers {
		return "", fmt.Errorf("offer: %w", errAnswering)
	}
	lines = slices.Clone(lines)
	for i, kind := range t.kinds {
		if i == len(lines) {
			lines = append(lines, media.Line{Kind: kind})
		} else if lines[i].Kind != kind {
			return "", fmt.Errorf("offer: %w", errOtherLine)
		}
	}
	if len(lines) == 0 || len(lines) > jsep.MaxLines {
		return "", fmt.Errorf("offer: %w", errNoLines)
	}
	if t.options.Plain {
		sdp, err := t.offerPlain(lines)
		if err != nil {
			err = fmt.Errorf("offer: %w", err)
		}
		return sdp, err
	}
	first := t.session == 0
	if first {
		t.offers, t.session = true, newSession()
		t.name, t.password = newCredentials()
	}
	t.proposal = jsep.Propose(t.local(t.name, t.password, t.session), lines)
	t.version++
	if first {
		t.announceCandidates("0", 0)
	}
	return t.proposal.SDP, nil
}

// Accept implements media.Transport.
func (t *Transport) Accept(ctx context.Context, answer string) (media.Answer, error) {
	if err := t.describe(ctx); err != nil {
		return media.Answer{}, fmt.Errorf("accept: %w", err)
	}
	defer t.answer.Unlock()
	if t.proposal == nil {
		return media.Answer{}, fmt.Errorf("accept: %w", errNoOffer)
	}
	if t.options.Plain {
		a, err := t.acceptPlain(answer)
		if err != nil {
			err = fmt.Errorf("accept: %w", err)
		}
		return a, err
	}
	d, agreed, err := t.proposal.Accept(answer)
	if err != nil {
		return media.Answer{}, fmt.Errorf("accept: %w", err)
	}
	before, err := t.continues(d)
	if err == nil && before != nil && restarts(d, before) {
		err = errOtherPeer
	}
	if err != nil {
		return media.Answer{}, fmt.Errorf("accept: %w", err)
	}
	if err := t.connect(d, before); err != nil {
		return media.Answer{}, fmt.Errorf("accept: %w", err)
	}
	t.kinds = t.proposal.Kinds()
	t.proposal = nil
	t.plane.SetLines(t.planeLines(agreed))
	return t.result(agreed), nil
}
