package port

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/pion/stun/v4"
)

// What is read of STUN messages (RFC 8489 sections 5 and 14).
const (
	stunHeader      = 20
	stunCookie      = 0x2112A442
	bindingRequest  = 0x0001
	bindingSuccess  = 0x0101
	bindingError    = 0x0111
	usernameKind    = 0x0006
	transactionSize = 12
)

// transaction identifies a request and its response.
type transaction [transactionSize]byte

// readSTUN returns the type and transaction of a well-formed message.
func readSTUN(b []byte) (kind uint16, t transaction, ok bool) {
	if len(b) < stunHeader || binary.BigEndian.Uint32(b[4:]) != stunCookie ||
		int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader || len(b)%4 != 0 {
		return 0, t, false
	}
	return binary.BigEndian.Uint16(b), transaction(b[8:stunHeader]), true
}

// attribute returns the value of an attribute in a well-formed message, nil if
// there is none.
func attribute(b []byte, wanted uint16) []byte {
	for b = b[stunHeader:]; len(b) >= 4; {
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if 4+n > len(b) {
			return nil
		}
		if kind == wanted {
			return b[4 : 4+n]
		}
		b = b[min(len(b), 4+(n+3)&^3):]
	}
	return nil
}

// receiver returns the receiver's half of the USERNAME in a well-formed
// message, nil if there is none (RFC 8445 section 7.2.2).
func receiver(b []byte) []byte {
	name, _, _ := bytes.Cut(attribute(b, usernameKind), []byte{':'})
	return name
}

// signed tells whether a message was made by somebody who knows the password.
func signed(b []byte, password string) bool {
	m := stun.Message{Raw: bytes.Clone(b)}
	return m.Decode() == nil && stun.MessageIntegrity(password).Check(&m) == nil
}

// takeSTUN gives a message to the endpoint it is for: a request by the name in
// it, a response by the request it answers. The sender of a request becomes
// known to the endpoint if the request is signed. Once the endpoint has settled
// there is mostly nothing left for its owner to read.
func (p *Port) takeSTUN(b []byte, from remote) {
	kind, t, ok := readSTUN(b)
	if !ok {
		return
	}
	switch kind {
	case bindingRequest:
		e, password := p.named(receiver(b))
		switch {
		case e != nil && e.answer(b, t, from, password):
		case e == nil || !e.knows(from) && !(from.stream == nil && signed(b, password) && e.learn(from)):
			p.stats.refused.Add(1)
		default:
			e.stun(from.addr.Addr().Is6()).push(b, from.addr)
		}
	case bindingSuccess, bindingError:
		if e := p.checks.take(t); e != nil && !e.consents(b, kind, t, from) {
			e.stun(from.addr.Addr().Is6()).push(b, from.addr)
		}
	}
}

// endpointOf returns the endpoint that a request names and is signed for, nil
// if there is none.
func (p *Port) endpointOf(b []byte) *Endpoint {
	kind, _, ok := readSTUN(b)
	if !ok || kind != bindingRequest {
		return nil
	}
	e, password := p.named(receiver(b))
	if e == nil || !signed(b, password) {
		return nil
	}
	return e
}

// named returns the endpoint of this name and its password.
func (p *Port) named(name []byte) (*Endpoint, string) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.names[string(name)]
	if e == nil {
		return nil, ""
	}
	return e, e.password
}

// pendingChecks is how many checks of one endpoint may be without an answer.
const pendingChecks = 32

// checks remembers which endpoint made which check, so that the answer is hers
// and nobody else's, wherever it comes from.
type checks struct {
	mu sync.Mutex
	m  map[transaction]*Endpoint // guarded by mu
}

func (c *checks) prepare() { c.m = map[transaction]*Endpoint{} }

// add remembers a check of e and forgets one that e made long ago.
func (c *checks) add(t transaction, e *Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.checked == nil {
		e.checked = make([]transaction, 0, 4)
	}
	if len(e.checked) == pendingChecks {
		delete(c.m, e.checked[0])
		e.checked = append(e.checked[:0], e.checked[1:]...)
	}
	e.checked = append(e.checked, t)
	c.m[t] = e
}

// take returns who made the check, once.
func (c *checks) take(t transaction) *Endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.m[t]
	if e == nil {
		return nil
	}
	delete(c.m, t)
	for i, other := range e.checked {
		if other == t {
			e.checked = append(e.checked[:i], e.checked[i+1:]...)
			break
		}
	}
	return e
}

// forget drops the checks of an endpoint that is closed.
func (c *checks) forget(e *Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range e.checked {
		delete(c.m, t)
	}
	e.checked = nil
}
