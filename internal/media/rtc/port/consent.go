package port

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/pion/stun/v4"
)

// Peer is whom ICE has found: what it takes to go on checking that she is there
// (RFC 8445 section 7.2.2).
type Peer struct {
	Name, Password string // her half of the credentials
	Controlled     bool   // she is; the endpoint's side controls
}

// Consent is how it stands with the peer's consent to being sent to (RFC 7675).
type Consent struct {
	Given     time.Time     // when she last gave it
	Asked     time.Time     // when she was last asked; zero: not yet
	RoundTrip time.Duration // from asking to having it; 0: not measured yet
}

// settled is what an endpoint knows once ICE has chosen. The first line is set
// once, the rest is guarded by Endpoint.mu.
type settled struct {
	theirs, ours, password string        // user names in her checks and in ours, and hers
	role                   stun.AttrType // our side's
	tie                    [8]byte
	open                   []question // that were not answered, the oldest first
	Consent
}

// question is one asking for consent.
type question struct {
	transaction
	at time.Time
}

// mostOpen is how many questions wait for an answer: more than are asked until
// a peer counts as lost.
const mostOpen = 24

// checkPriority is that of a peer reflexive candidate (RFC 8445 section 7.1.1),
// should one come of a check.
const checkPriority = 110<<24 | 65535<<8 | 255

// Settle says that ICE has chosen where the peer is, and that the choice holds
// until the next Select or Rename. From now on the endpoint answers the checks
// that come from there and asks for consent when [Endpoint.Ask] is called;
// neither reaches ReadSTUN. What comes from elsewhere, is of other credentials
// or claims our role, does.
func (e *Endpoint) Settle(p Peer) {
	e.port.mu.RLock()
	ours := e.name
	e.port.mu.RUnlock()
	s := &settled{theirs: ours + ":" + p.Name, ours: p.Name + ":" + ours, password: p.Password, role: stun.AttrICEControlled, Consent: Consent{Given: time.Now()}}
	if p.Controlled {
		s.role = stun.AttrICEControlling
	}
	_, _ = rand.Read(s.tie[:]) // never fails
	e.mu.Lock()
	e.settled = s
	e.mu.Unlock()
}

// Consent tells how it stands; false before [Endpoint.Settle].
func (e *Endpoint) Consent() (Consent, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.settled == nil {
		return Consent{}, false
	}
	return e.settled.Consent, true
}

// Ask asks the peer for consent. It fails with net.ErrClosed before
// [Endpoint.Settle] and when she is nowhere any more.
func (e *Endpoint) Ask() error {
	e.mu.Lock()
	s, to := e.settled, e.chosen
	if s == nil || !to.addr.IsValid() {
		e.mu.Unlock()
		return fmt.Errorf("ask for consent: %w", net.ErrClosed)
	}
	role := stun.RawAttribute{Type: s.role, Value: s.tie[:]}
	e.mu.Unlock()
	priority := stun.RawAttribute{Type: stun.AttrPriority, Value: binary.BigEndian.AppendUint32(nil, checkPriority)}
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(s.ours), role, priority,
		stun.NewShortTermIntegrity(s.password), stun.Fingerprint)
	if err != nil {
		return fmt.Errorf("ask for consent: %w", err)
	}
	e.mu.Lock()
	s.Asked = time.Now()
	if len(s.open) == mostOpen {
		s.open = slices.Delete(s.open, 0, 1)
	}
	s.open = append(s.open, question{m.TransactionID, s.Asked})
	e.mu.Unlock()
	e.port.checks.add(m.TransactionID, e)
	if to.stream == nil {
		return to.send(m.Raw)
	}
	return e.port.aside(func() { _ = to.send(m.Raw) }) // one who does not read must not hold up others
}

// aside runs what may wait, but not for ever. It fails with net.ErrClosed.
func (p *Port) aside(f func()) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return fmt.Errorf("write aside: %w", net.ErrClosed)
	}
	p.wg.Go(f)
	return nil
}

// answer answers a check of the peer that has settled, if it is one, and tells
// whether that was all there is to do.
func (e *Endpoint) answer(b []byte, t transaction, from remote, password string) bool {
	e.mu.Lock()
	s := e.settled
	hers := s != nil && e.chosen.is(from) && string(attribute(b, usernameKind)) == s.theirs && attribute(b, uint16(s.role)) == nil
	e.mu.Unlock()
	if !hers {
		return false
	}
	if !signed(b, password) {
		e.port.stats.refused.Add(1)
		return true
	}
	m, err := stun.Build(stun.NewTransactionIDSetter(t), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.addr.Addr().AsSlice(), Port: int(from.addr.Port())},
		stun.NewShortTermIntegrity(password), stun.Fingerprint)
	if err == nil {
		_ = from.send(m.Raw) // she asks again
	}
	return true
}

// consents takes a response if Ask waits for it, and tells whether it did. Only
// a success that is signed and comes from where she was asked is consent. One
// who has our role makes us take the other (RFC 8445 section 7.2.5.1).
func (e *Endpoint) consents(b []byte, kind uint16, t transaction, from remote) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.settled
	if s == nil {
		return false
	}
	i := slices.IndexFunc(s.open, func(q question) bool { return q.transaction == t })
	if i < 0 {
		return false
	}
	if !e.chosen.is(from) || !signed(b, s.password) {
		return true
	}
	asked := s.open[i].at
	s.open = slices.Delete(s.open, i, i+1)
	switch {
	case kind == bindingSuccess:
		s.Given = time.Now()
		s.RoundTrip = s.Given.Sub(asked)
	case !conflicts(b):
	case s.role == stun.AttrICEControlling:
		s.role = stun.AttrICEControlled
	default:
		s.role = stun.AttrICEControlling
	}
	return true
}

// conflicts tells whether a response refuses our role.
func conflicts(b []byte) bool {
	code := attribute(b, uint16(stun.AttrErrorCode))
	return len(code) >= 4 && int(code[2])*100+int(code[3]) == int(stun.CodeRoleConflict)
}

// is tells whether two remotes are the same place. Sockets that share the port
// lead to the same places.
func (r remote) is(other remote) bool { return r.addr == other.addr && r.stream == other.stream }
