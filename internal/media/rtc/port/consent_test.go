package port_test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"switchboard/internal/media/rtc/port"
)

// settled is an endpoint "alice" whose peer "peer" has been found at a client.
func settled(t *testing.T, p *port.Port, controlled bool) (*port.Endpoint, *client) {
	t.Helper()
	e, _ := endpoint(t, p, "alice", "secret")
	c := newClient(t, p)
	c.send(check("alice", "secret"))
	if b, _ := readSTUN(t, e, patience); b == nil {
		t.Fatal("the first check did not arrive")
	}
	if _, ok := e.Select(c.addr()); !ok {
		t.Fatal("no path")
	}
	e.Settle(port.Peer{Name: "peer", Password: "hers", Controlled: controlled})
	return e, c
}

// receive reads the next message that a client gets, nil if there is none for a
// moment.
func (c *client) receive(wait time.Duration) *stun.Message {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 2048)
	n, _, err := c.ReadFrom(b)
	if err != nil {
		return nil
	}
	m := &stun.Message{Raw: b[:n]}
	if err := m.Decode(); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// TestSettledAnswers: when ICE has chosen, a check from there is answered at
// once, and the agent need not wake up.
func TestSettledAnswers(t *testing.T) {
	e, c := settled(t, listen(t, port.Options{}), false)
	request := check("alice", "secret")
	c.send(request)
	m := c.receive(patience)
	if m == nil || m.Type != stun.BindingSuccess || !bytes.Equal(m.TransactionID[:], request[8:20]) {
		t.Fatalf("answered %v", m)
	}
	if err := stun.MessageIntegrity("secret").Check(m); err != nil {
		t.Error(err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		t.Error(err)
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil || netip.MustParseAddrPort(mapped.String()) != c.addr() {
		t.Errorf("she is at %v (%v), want %v", mapped, err, c.addr())
	}
	if b, _ := readSTUN(t, e, 50*time.Millisecond); b != nil {
		t.Error("the agent was woken")
	}
}

// TestSettledRefuses: a check that is not signed is not answered, and does not
// reach the agent.
func TestSettledRefuses(t *testing.T) {
	p := listen(t, port.Options{})
	e, c := settled(t, p, false)
	before := p.Stats().Refused
	c.send(check("alice", "guess"))
	if b, _ := readSTUN(t, e, 50*time.Millisecond); b != nil || c.receive(time.Millisecond) != nil {
		t.Error("it was answered")
	}
	if got := p.Stats().Refused - before; got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
}

// TestAgentDecides: what may change the choice is the agent's to decide: a check
// from elsewhere, by other names, by one who claims our role, and all when ICE
// begins anew.
func TestAgentDecides(t *testing.T) {
	claims := func(role stun.AttrType) []byte {
		return stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername("alice:peer"), stun.RawAttribute{Type: role, Value: make([]byte, 8)},
			stun.NewShortTermIntegrity("secret"), stun.Fingerprint).Raw
	}
	for name, test := range map[string]struct {
		controlled bool
		check      []byte
		prepare    func(*port.Port, *port.Endpoint, *client) *client
	}{
		"from elsewhere": {false, check("alice", "secret"), func(p *port.Port, _ *port.Endpoint, c *client) *client { return newClient(c.t, p) }},
		"other name": {false, stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername("alice:other"),
			stun.NewShortTermIntegrity("secret"), stun.Fingerprint).Raw, nil},
		"both controlled":  {false, claims(stun.AttrICEControlled), nil},
		"both controlling": {true, claims(stun.AttrICEControlling), nil},
		"anew": {false, check("bob", "new"), func(_ *port.Port, e *port.Endpoint, c *client) *client {
			if err := e.Rename("bob", "new"); err != nil {
				c.t.Fatal(err)
			}
			return c
		}},
		"chosen again": {false, check("alice", "secret"), func(_ *port.Port, e *port.Endpoint, c *client) *client {
			if _, ok := e.Select(c.addr()); !ok {
				c.t.Fatal("no path")
			}
			return c
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := listen(t, port.Options{})
			e, c := settled(t, p, test.controlled)
			if test.prepare != nil {
				c = test.prepare(p, e, c)
			}
			c.send(test.check)
			if b, _ := readSTUN(t, e, patience); !bytes.Equal(b, test.check) {
				t.Errorf("the agent got %x", b)
			}
		})
	}
}

// TestConsent: the peer is asked in the words of ICE, and only a signed success
// from where she is counts.
func TestConsent(t *testing.T) {
	p := listen(t, port.Options{})
	e, c := settled(t, p, false)
	stranger := newClient(t, p)
	ask := func() *stun.Message {
		t.Helper()
		if err := e.Ask(); err != nil {
			t.Fatal(err)
		}
		m := c.receive(patience)
		if m == nil || m.Type != stun.BindingRequest {
			t.Fatalf("asked %v", m)
		}
		return m
	}
	m := ask()
	var user stun.Username
	if err := user.GetFrom(m); err != nil || user.String() != "peer:alice" {
		t.Errorf("user %s (%v)", user, err)
	}
	if err := stun.MessageIntegrity("hers").Check(m); err != nil {
		t.Error(err)
	}
	for _, kind := range []stun.AttrType{stun.AttrPriority, stun.AttrICEControlled, stun.AttrFingerprint} {
		if !m.Contains(kind) {
			t.Errorf("no %v", kind)
		}
	}
	if m.Contains(stun.AttrICEControlling) || m.Contains(stun.AttrUseCandidate) {
		t.Error("it nominates, or controls")
	}
	given := func() time.Time { c, _ := e.Consent(); return c.Given }
	first := given()
	says := func(from *client, password string, setters ...stun.Setter) {
		t.Helper()
		m := ask()
		setters = append([]stun.Setter{stun.NewTransactionIDSetter(m.TransactionID)}, setters...)
		from.send(stun.MustBuild(append(setters, stun.NewShortTermIntegrity(password), stun.Fingerprint)...).Raw)
		if b, _ := readSTUN(t, e, 50*time.Millisecond); b != nil {
			t.Error("the agent was woken")
		}
	}
	says(c, "guess", stun.BindingSuccess)
	says(stranger, "hers", stun.BindingSuccess)
	says(c, "hers", stun.BindingError, stun.CodeForbidden)
	if given() != first {
		t.Error("taken for consent")
	}
	says(c, "hers", stun.BindingSuccess)
	if consent, _ := e.Consent(); !consent.Given.After(first) || consent.RoundTrip <= 0 || consent.Given.Before(consent.Asked) {
		t.Errorf("consent %+v", consent)
	}
	says(c, "hers", stun.BindingError, stun.CodeRoleConflict)
	if m := ask(); !m.Contains(stun.AttrICEControlling) {
		t.Error("insists on its role")
	}
	e.Close()
	if err := e.Ask(); err == nil {
		t.Error("asks when it is closed")
	}
	if _, ok := e.Consent(); ok {
		t.Error("is settled when it is closed")
	}
}

// TestConsentOverTCP: one who does not read holds up nobody who asks.
func TestConsentOverTCP(t *testing.T) {
	p := listen(t, port.Options{TCP: true})
	e, _ := endpoint(t, p, "alice", "secret")
	c, err := net.Dial("tcp", p.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := check("alice", "secret")
	if _, err := c.Write(append([]byte{0, byte(len(b))}, b...)); err != nil {
		t.Fatal(err)
	}
	_, from := readSTUN(t, e, patience)
	if _, ok := e.Select(from); !ok {
		t.Fatal("no path")
	}
	e.Settle(port.Peer{Name: "peer", Password: "hers"})
	for range 1000 {
		if err := e.Ask(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConsentIsSlow: on a long way an answer may come when she has been asked
// again already, and counts all the same.
func TestConsentIsSlow(t *testing.T) {
	e, c := settled(t, listen(t, port.Options{}), false)
	var asked []*stun.Message
	for range 3 {
		if err := e.Ask(); err != nil {
			t.Fatal(err)
		}
		m := c.receive(patience)
		if m == nil {
			t.Fatal("not asked")
		}
		asked = append(asked, m)
	}
	before, _ := e.Consent()
	consents := func(m *stun.Message) bool {
		c.send(stun.MustBuild(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess, stun.NewShortTermIntegrity("hers"), stun.Fingerprint).Raw)
		if b, _ := readSTUN(t, e, 50*time.Millisecond); b != nil {
			t.Error("the agent was woken")
		}
		now, _ := e.Consent()
		given := now.Given.After(before.Given)
		before = now
		return given
	}
	if !consents(asked[0]) || !consents(asked[2]) {
		t.Error("not taken for consent")
	}
	if consents(asked[2]) {
		t.Error("taken for consent twice")
	}
}
