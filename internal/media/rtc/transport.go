package rtc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/forward"
	"switchboard/internal/media/rtc/jsep"
	"switchboard/internal/media/rtc/port"
)

// Transport is a media.Transport.
type Transport struct {
	engine  *Engine
	id      media.TransportID
	options media.TransportOptions
	cname   string
	plane   *forward.Transport

	videoKbps atomic.Int64 // as in media.TransportOptions

	answer sync.Mutex // held while a description is made or taken; guards described
	described
	selected chan struct{} // closed when ICE has selected a pair first
	chosen   sync.Once     // of selected

	ctx    context.Context // ends with the transport
	cancel context.CancelFunc
	wg     sync.WaitGroup // run
	once   sync.Once      // of Close

	mu       sync.Mutex
	leg      *leg            // of plain RTP, set with the first description; guarded by mu, read under answer
	endpoint *port.Endpoint  // set with the first answer; guarded by mu
	agent    *ice.Agent      // set with the first answer; guarded by mu
	peer     *identity       // from the latest offer answered; guarded by mu
	waiting  []ice.Candidate // until the first offer; guarded by mu
	taken    int             // candidates since the latest description; guarded by mu
	controls bool            // our side of ICE, set with the first answer; guarded by mu
	since    time.Time       // when ICE last began; guarded by mu
	secure   *dtls.Conn      // while there is one; guarded by mu
	state    string          // as in media.Stats; guarded by mu
	data     channels
}

// described is what the descriptions of a transport agree on and must keep.
type described struct {
	session, version uint64
	name, password   string // ours, of ICE
	lines            map[lineKey]*agreedLine

	offers   bool           // it is us who offer
	proposal *jsep.Proposal // of ours, not answered yet
	kinds    []media.Kind   // of the lines of our offers that were answered
}

// identity is who the peer is, as its descriptions say. It is replaced whole.
type identity struct {
	ufrag, password string // of ICE
	fingerprints    []jsep.Fingerprint
	server          bool // the peer waits for us to begin the handshake
}

// identify takes the identity out of a description, without keeping that.
func identify(o *jsep.Description) *identity {
	p := &identity{ufrag: strings.Clone(o.Ufrag), password: strings.Clone(o.Pwd), server: o.Active}
	for _, f := range o.Fingerprints {
		p.fingerprints = append(p.fingerprints, jsep.Fingerprint{Algorithm: strings.Clone(f.Algorithm), Value: strings.Clone(f.Value)})
	}
	return p
}

// Errors of transports, besides those of package media.
var (
	errBusy        = fmt.Errorf("%w: another description is being made or taken", media.ErrState)
	errFailed      = fmt.Errorf("%w: the connection has failed", media.ErrState)
	errCertificate = fmt.Errorf("%w: the peer's certificate has changed", media.ErrState)
	errGone        = fmt.Errorf("%w", media.ErrClosed)
)

func newTransport(e *Engine, id media.TransportID, o media.TransportOptions) *Transport {
	t := &Transport{
		engine: e, id: id, options: o, cname: randomText(16),
		selected: make(chan struct{}), state: "new",
	}
	if t.options.StreamName == "" {
		t.options.StreamName = randomText(16)
	}
	t.lines = map[lineKey]*agreedLine{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.plane = e.plane.NewTransport(forward.TransportOptions{ID: id, CNAME: t.cname, Mix: o.Mix})
	t.SetVideoKbps(o.VideoKbps)
	t.data.transport = t
	return t
}

// Answer implements media.Transport.
func (t *Transport) Answer(ctx context.Context, offer string) (media.Answer, error) {
	if err := t.describe(ctx); err != nil {
		return media.Answer{}, fmt.Errorf("answer: %w", err)
	}
	defer t.answer.Unlock()
	if t.offers {
		return media.Answer{}, fmt.Errorf("answer: %w", errOffering)
	}
	if t.options.Plain {
		a, err := t.answerPlain(offer)
		if err != nil {
			err = fmt.Errorf("answer: %w", err)
		}
		return a, err
	}
	o, err := jsep.ParseOffer(offer)
	if err != nil {
		return media.Answer{}, fmt.Errorf("answer: %w", err)
	}
	before, err := t.continues(o)
	if err != nil {
		return media.Answer{}, fmt.Errorf("answer: %w", err)
	}
	agreed, err := t.agree(o, before)
	if err != nil {
		return media.Answer{}, fmt.Errorf("answer: %w", err)
	}
	if err := t.connect(o, before); err != nil {
		return media.Answer{}, fmt.Errorf("answer: %w", err)
	}
	t.plane.SetLines(t.planeLines(agreed))
	if agreed.Data != nil {
		t.data.allow()
	}
	if restarts(o, before) {
		first := jsep.Line{}
		if len(agreed.Lines) > 0 {
			first = agreed.Lines[0]
		}
		t.announceCandidates(first.Mid, first.Index)
	}
	return t.result(agreed), nil
}

// describe locks answer, unless no description can be made or taken now.
func (t *Transport) describe(ctx context.Context) error {
	if !t.answer.TryLock() {
		return errBusy
	}
	err := ctx.Err()
	if err == nil {
		err = t.usable()
	}
	if err != nil {
		t.answer.Unlock()
	}
	return err
}

// continues checks that a description goes on from the one before, which it
// returns, nil if there is none.
func (t *Transport) continues(o *jsep.Description) (*identity, error) {
	t.mu.Lock()
	before := t.peer
	t.mu.Unlock()
	if before == nil {
		return nil, nil
	}
	if !slices.Equal(o.Fingerprints, before.fingerprints) {
		return nil, errCertificate
	}
	o.Active = before.server // RFC 8842 section 5.5: roles stay
	return before, nil
}

// restarts tells whether an offer begins ICE, or begins it anew.
func restarts(o *jsep.Description, before *identity) bool {
	return before == nil || o.Ufrag != before.ufrag || o.Pwd != before.password
}

// usable tells why the transport cannot negotiate now, nil if it can.
func (t *Transport) usable() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.state {
	case "closed":
		return errGone
	case "failed":
		return errFailed
	}
	return nil
}

// connect brings ICE up to what the peer says: it starts it, starts it again
// where the peer does, and takes the peer's candidates.
func (t *Transport) connect(o *jsep.Description, before *identity) error {
	var err error
	switch {
	case before == nil:
		err = t.start(o)
	case restarts(o, before):
		err = t.restart(o)
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.peer = identify(o)
	t.mu.Unlock()
	for _, c := range o.Candidates {
		// What is wrong with a candidate in the description concerns only it.
		_ = t.AddCandidate(media.Candidate{Candidate: c.Text, Mid: c.Mid, Line: c.Line})
	}
	return nil
}

// start makes the agent and lets it look for the peer.
func (t *Transport) start(o *jsep.Description) error {
	endpoint, err := t.engine.port.NewEndpoint(t.name, t.password, t.plane)
	if err != nil {
		return err
	}
	agent, err := newAgent(t.engine, newAgentMux(t.engine, endpoint), t.name, t.password)
	if err != nil {
		endpoint.Close()
		return err
	}
	t.mu.Lock()
	if t.state == "closed" {
		t.mu.Unlock()
		_ = agent.GracefulClose()
		endpoint.Close()
		return errGone
	}
	t.endpoint, t.agent, t.peer, t.state = endpoint, agent, identify(o), "connecting"
	waiting := t.waiting
	t.waiting = nil
	// Under the lock: Close must find all of it or nothing, and waits for run.
	err = t.begin(agent, o)
	t.mu.Unlock()
	if err != nil {
		return fmt.Errorf("start ice: %w", err)
	}
	for _, c := range waiting {
		_ = agent.AddRemoteCandidate(c)
	}
	return nil
}

// begin sets an agent going. The caller holds mu; the agent's callbacks come on
// goroutines of its own.
func (t *Transport) begin(agent *ice.Agent, o *jsep.Description) error {
	if err := errors.Join(
		agent.OnCandidate(func(ice.Candidate) {}), // ours are written by hosts
		agent.OnSelectedCandidatePairChange(t.pairSelected),
	); err != nil {
		return err
	}
	if err := agent.GatherCandidates(); err != nil {
		return err
	}
	if o.Lite { // RFC 8445 section 6.1.1: then the full agent controls
		if err := agent.SetRemoteICELite(true); err != nil {
			return err
		}
	}
	t.controls, t.since = o.Lite || t.offers, time.Now()
	if t.controls {
		if _, err := agent.StartDial(o.Ufrag, o.Pwd); err != nil {
			return err
		}
	} else if _, err := agent.StartAccept(o.Ufrag, o.Pwd); err != nil {
		return err
	}
	t.wg.Go(t.run)
	t.engine.watch.add(t, askAgain)
	return nil
}

// restart begins ICE anew under other credentials (RFC 8445 section 9). Media
// goes on where it went until a pair is selected.
func (t *Transport) restart(o *jsep.Description) error {
	t.mu.Lock()
	endpoint, agent := t.endpoint, t.agent
	t.taken, t.since = 0, time.Now()
	t.mu.Unlock()
	if err := endpoint.Rename(t.name, t.password); err != nil {
		return err
	}
	if err := errors.Join(
		agent.Restart(t.name, t.password),
		agent.SetRemoteCredentials(o.Ufrag, o.Pwd),
		agent.GatherCandidates(),
	); err != nil {
		return fmt.Errorf("restart ice: %w", err)
	}
	return nil
}

// announceCandidates posts our candidates, which stand in the description as
// well, for clients that wait for them.
func (t *Transport) announceCandidates(mid string, line int) {
	for _, c := range t.engine.hosts.candidates() {
		t.engine.sink.Post(media.CandidateFound{
			Transport: t.id,
			Candidate: media.Candidate{Candidate: "candidate:" + c, Mid: mid, Line: line},
		})
	}
}

// AddCandidate implements media.Transport.
func (t *Transport) AddCandidate(c media.Candidate) error {
	text := strings.TrimPrefix(strings.TrimSpace(c.Candidate), "a=")
	text = strings.TrimPrefix(text, "candidate:")
	if text == "" || t.options.Plain {
		return t.open() // the end of candidates: ICE finds out by itself
	}
	parsed, err := ice.UnmarshalCandidate(text)
	hidden := strings.Contains(text, ".local ")
	if err != nil && !hidden {
		return errors.Join(t.open(), fmt.Errorf("add candidate: %w", media.ErrCandidate))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.state == "closed":
		return fmt.Errorf("add candidate: %w", errGone)
	case hidden || parsed.NetworkType().IsTCP() || !t.reachable(parsed):
		// A name nobody can resolve: its owner's checks arrive all the same. Or
		// TCP, for which the peer comes to us. Or no address of a peer.
		return nil
	case t.taken >= maxCandidates:
		return fmt.Errorf("add candidate: %w: at most %d are taken", media.ErrCandidate, maxCandidates)
	}
	t.taken++
	if t.agent == nil {
		t.waiting = append(t.waiting, parsed)
		return nil
	}
	// Pion hands it to the agent's own goroutine.
	if err := t.agent.AddRemoteCandidate(parsed); err != nil {
		return fmt.Errorf("add candidate: %w", media.ErrCandidate)
	}
	return nil
}

// reachable tells whether checks may be sent to a candidate.
func (t *Transport) reachable(c ice.Candidate) bool {
	a, err := netip.ParseAddr(c.Address())
	return err == nil && t.engine.hosts.checkable(a)
}

// open returns the error of a closed transport, nil otherwise.
func (t *Transport) open() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == "closed" {
		return fmt.Errorf("add candidate: %w", errGone)
	}
	return nil
}

// pairSelected is called by the agent, in order, when media is to go elsewhere.
func (t *Transport) pairSelected(_, peer ice.Candidate) {
	address, err := netip.ParseAddr(peer.Address())
	if err != nil {
		return
	}
	t.mu.Lock()
	endpoint := t.endpoint
	t.mu.Unlock()
	path, ok := endpoint.Select(netip.AddrPortFrom(address, uint16(peer.Port())))
	if !ok {
		return
	}
	t.plane.SetPath(path)
	t.settle(endpoint)
	t.chosen.Do(func() { close(t.selected) })
}

// fail ends the connection, but not yet the transport, and says so once.
func (t *Transport) fail(reason string) {
	t.end(media.Failed{Transport: t.id, Reason: reason})
}

// goodbye is the end that the peer wanted.
func (t *Transport) goodbye() {
	t.end(media.Failed{Transport: t.id, Reason: "the peer closed the connection", Goodbye: true})
}

func (t *Transport) end(how media.Failed) {
	t.mu.Lock()
	over := t.state == "failed" || t.state == "closed"
	if !over {
		t.state = "failed"
	}
	t.mu.Unlock()
	if over {
		return
	}
	t.engine.log.Debug("transport failed", "transport", string(t.id), "reason", how.Reason)
	t.engine.sink.Post(how)
	t.plane.SetPath(forward.Path{})
	t.cancel()
}

// SetVideoKbps implements media.Transport.
func (t *Transport) SetVideoKbps(kbps int) {
	t.videoKbps.Store(int64(kbps))
	t.plane.SetVideoKbps(kbps)
}

// RequestKeyframe implements media.Transport.
func (t *Transport) RequestKeyframe() { t.plane.RequestKeyframe() }

// Stats implements media.Transport.
func (t *Transport) Stats() media.Stats {
	s := t.plane.Stats()
	t.mu.Lock()
	agent, endpoint := t.agent, t.endpoint
	s.State = t.state
	t.mu.Unlock()
	if agent == nil || s.RoundTrip > 0 {
		return s
	}
	consent, _ := endpoint.Consent()
	if s.RoundTrip = consent.RoundTrip; s.RoundTrip == 0 {
		s.RoundTrip = roundTrip(agent)
	}
	return s
}

// roundTrip returns what ICE measured before it chose, 0 if nothing.
func roundTrip(agent *ice.Agent) time.Duration {
	pair, ok := agent.GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
}

// Close implements media.Transport.
func (t *Transport) Close() error {
	t.once.Do(t.close)
	t.wg.Wait() // for a second caller
	return nil
}

// close ends everything from the top: channels and handshake while they can
// still tell the peer, then the way to it.
func (t *Transport) close() {
	t.mu.Lock()
	t.state = "closed"
	agent, endpoint, secure, leg := t.agent, t.endpoint, t.secure, t.leg
	t.waiting = nil
	t.mu.Unlock()
	t.engine.forget(t)
	t.cancel()
	if secure != nil {
		_ = secure.Close() // says goodbye (RFC 8446 section 6.1)
	}
	t.plane.Close()
	if leg != nil {
		leg.close()
	}
	if endpoint != nil {
		endpoint.Close()
	}
	if agent != nil {
		_ = agent.GracefulClose()
	}
	t.wg.Wait()
}
