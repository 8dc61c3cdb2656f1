package rtc

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/forward"
	"switchboard/internal/media/rtc/jsep"
)

// leg is the way of a transport that speaks plain RTP: a pair of ports of its own.
// RTP goes to where the peer's description says until packets come from elsewhere,
// and from then on there (RFC 4961): the peer may be behind NAT. Whose packets come
// is believed again only when the one before has been silent for a while.
type leg struct {
	transport *Transport
	media     *net.UDPConn
	reports   *net.UDPConn // on the next port

	mu   sync.Mutex
	to   [2]netip.AddrPort // of RTP and of RTCP; guarded by mu
	mux  bool              // both go to the first; guarded by mu
	from netip.AddrPort    // whom we believe, not valid: nobody yet; guarded by mu
	at   int64             // when it was heard last; guarded by mu
}

const (
	// silence is how long a peer is silent before another address is believed.
	silence = 3 * time.Second
	// maxLegTries is how many pairs of ports are tried.
	maxLegTries = 256
)

var errNoPorts = errors.New("no port is free for plain RTP")

// newLeg opens the ports, an even one and the next (RFC 3550 section 11).
func newLeg(t *Transport) (*leg, error) {
	e := t.engine
	low, high := int(e.plainPorts[0]), int(e.plainPorts[1])
	if low == 0 {
		low, high = 10000, 59999
	}
	low += low % 2
	pairs := (high - low + 1) / 2
	if pairs < 1 {
		return nil, errNoPorts
	}
	address := e.port.LocalAddr().Addr()
	first := int(random64() % uint64(pairs))
	for i := range min(pairs, maxLegTries) {
		number := low + 2*((first+i)%pairs)
		media, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, uint16(number))))
		if err != nil {
			continue
		}
		reports, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, uint16(number+1))))
		if err != nil {
			_ = media.Close()
			continue
		}
		return &leg{transport: t, media: media, reports: reports}, nil
	}
	return nil, errNoPorts
}

// port is that of RTP.
func (l *leg) port() uint16 { return uint16(l.media.LocalAddr().(*net.UDPAddr).Port) }

// close makes reads and writes fail.
func (l *leg) close() {
	_ = l.media.Close()
	_ = l.reports.Close()
}

// meet says where the peer wants to receive. What it sends from may be elsewhere.
func (l *leg) meet(p *jsep.PlainPeer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if to := [2]netip.AddrPort{p.Media, p.Reports}; to != l.to || p.Mux != l.mux {
		l.to, l.mux, l.from = to, p.Mux, netip.AddrPort{}
	}
}

// read is the goroutine of one of the ports.
func (l *leg) read(conn *net.UDPConn, which int) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 12 || buf[0]>>6 != 2 {
			continue
		}
		now := l.transport.engine.plane.Now()
		if l.believe(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), which, now) {
			l.transport.plane.Receive(buf[:n], now)
			l.transport.engine.plane.Kick()
		}
	}
}

// believe tells whether a datagram is taken to be the peer's, and learns where it
// is.
func (l *leg) believe(from netip.AddrPort, which int, now int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if which == 1 { // reports say nothing of where media goes
		ok := l.from.Addr() == from.Addr() || !l.from.IsValid() && l.to[0].Addr() == from.Addr()
		if ok {
			l.to[1] = from
		}
		return ok
	}
	if from != l.from {
		if l.from.IsValid() && time.Duration(now-l.at) < silence || !l.transport.engine.hosts.checkable(from.Addr()) {
			return false
		}
		l.from, l.to[0] = from, from
	}
	l.at = now
	return true
}

// write is the plane's way to the peer.
func (l *leg) write(b []byte) error {
	which := 0
	if len(b) > 1 && b[1] >= 192 && b[1] <= 223 { // RFC 5761 section 4
		which = 1
	}
	l.mu.Lock()
	conn, to := l.media, l.to[which]
	if which == 1 && l.mux {
		to = l.to[0]
	} else if which == 1 {
		conn = l.reports
	}
	l.mu.Unlock()
	if !to.IsValid() || !l.transport.engine.hosts.checkable(to.Addr()) {
		return nil
	}
	_, err := conn.WriteToUDPAddrPort(b, to)
	return err
}

// plainLocal is our side of the next description; it opens the ports.
func (t *Transport) plainLocal() (jsep.PlainLocal, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == "closed" {
		return jsep.PlainLocal{}, errGone
	}
	if t.leg == nil {
		l, err := newLeg(t)
		if err != nil {
			return jsep.PlainLocal{}, err
		}
		t.leg = l
		t.wg.Go(func() { l.read(l.media, 0) })
		t.wg.Go(func() { l.read(l.reports, 1) })
	}
	session := t.session
	if session == 0 {
		session = newSession()
	}
	return jsep.PlainLocal{
		Session: session, Version: t.version + 1, Address: t.engine.hosts.addresses()[0], Port: t.leg.port(),
		CNAME: t.cname, Source: t.source,
	}, nil
}

// answerPlain is Answer for plain RTP. t.answer is held.
func (t *Transport) answerPlain(offer string) (media.Answer, error) {
	local, err := t.plainLocal()
	if err != nil {
		return media.Answer{}, err
	}
	peer, err := jsep.AnswerPlain(offer, local, t.options.Send, t.options.Receive)
	if err != nil {
		return media.Answer{}, err
	}
	t.session, t.version = local.Session, local.Version
	a, err := t.agreePlain(peer)
	a.SDP = peer.SDP
	return a, err
}

// agreePlain does what was agreed on.
func (t *Transport) agreePlain(peer *jsep.PlainPeer) (media.Answer, error) {
	t.leg.meet(peer)
	t.plane.SetLines(t.planeLines(peer.Agreed))
	t.mu.Lock()
	first := t.state == "new"
	if first {
		t.state = "connecting"
	}
	t.mu.Unlock()
	if first {
		if err := t.plane.StartPlain(); err != nil {
			return media.Answer{}, err
		}
		t.plane.SetPath(forward.Path{Write: t.leg.write})
		t.connected()
	}
	return t.result(peer.Agreed), nil
}

// offerPlain is Offer for plain RTP. t.answer is held.
func (t *Transport) offerPlain(lines []media.Line) (string, error) {
	local, err := t.plainLocal()
	if err != nil {
		return "", err
	}
	t.offers, t.session, t.version = true, local.Session, local.Version
	t.proposal = jsep.ProposePlain(local, lines)
	return t.proposal.SDP, nil
}

// acceptPlain is Accept for plain RTP. t.answer is held.
func (t *Transport) acceptPlain(answer string) (media.Answer, error) {
	peer, err := t.proposal.AcceptPlain(answer)
	if err != nil {
		return media.Answer{}, err
	}
	t.kinds, t.proposal = t.proposal.Kinds(), nil
	return t.agreePlain(peer)
}
