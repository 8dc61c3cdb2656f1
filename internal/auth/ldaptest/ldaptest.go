// Package ldaptest is an LDAP directory for tests: as much of RFC 4511 as
// logging in, searching and StartTLS need. It owns one listener and the
// goroutines of its connections, which Close waits for. It knows nothing of who
// asks it.
package ldaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Entry is something in the directory.
type Entry struct {
	DN         string
	Password   string // empty: nobody can log in as this
	Attributes map[string][]string
}

// Server is a directory that listens on the loopback address.
type Server struct {
	// Address is where it listens, host and port.
	Address string
	// Roots trusts its certificate, which is for 127.0.0.1, and PEM is that.
	Roots *x509.CertPool
	PEM   []byte

	entries  []Entry
	listener net.Listener
	tls      *tls.Config
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu
	binds []string          // names that somebody tried to log in as; guarded by mu
	mute  bool              // guarded by mu
	code  uint16            // guarded by mu
}

// Start starts a directory with these entries, which ends with the test. With
// secure, it speaks TLS from the start (LDAPS).
func Start(t testing.TB, secure bool, entries ...Entry) *Server {
	t.Helper()
	s := &Server{entries: entries, conns: make(map[net.Conn]bool)}
	s.tls, s.Roots = certificate(t)
	s.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.tls.Certificates[0].Certificate[0]})
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.Address = s.listener.Addr().String()
	if secure {
		s.listener = tls.NewListener(s.listener, s.tls)
	}
	s.wg.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

// Close ends the directory and waits for its goroutines.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Mute makes the directory take requests and never answer.
func (s *Server) Mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = true
}

// Answer makes it answer every login with this result code.
func (s *Server) Answer(code uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = code
}

// Binds returns the names that somebody has tried to log in as, in order.
func (s *Server) Binds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.binds...)
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(c)
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
			_ = c.Close()
		})
	}
}

func (s *Server) serve(c net.Conn) {
	for {
		message, err := ber.ReadPacket(c)
		if err != nil || len(message.Children) < 2 {
			return
		}
		id, request := message.Children[0], message.Children[1]
		s.mu.Lock()
		mute := s.mute
		s.mu.Unlock()
		if mute {
			continue
		}
		reply := func(p *ber.Packet) {
			answer := ber.NewSequence("")
			answer.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id.Value, ""))
			answer.AppendChild(p)
			_, _ = c.Write(answer.Bytes())
		}
		switch request.Tag {
		case ldap.ApplicationBindRequest:
			reply(result(ldap.ApplicationBindResponse, s.bind(request)))
		case ldap.ApplicationSearchRequest:
			s.search(request, reply)
		case ldap.ApplicationExtendedRequest:
			reply(result(ldap.ApplicationExtendedResponse, ldap.LDAPResultSuccess))
			secure := tls.Server(c, s.tls) // the only one we are asked for is StartTLS
			if secure.Handshake() != nil {
				return
			}
			c = secure
		default: // unbind
			return
		}
	}
}

// result is an LDAPResult without text (RFC 4511 section 4.1.9).
func result(tag ber.Tag, code uint16) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	p.AppendChild(text(""))
	p.AppendChild(text(""))
	return p
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

// bind is a simple bind (RFC 4511 section 4.2). Like a real directory, it lets in
// whoever names somebody and gives no password.
func (s *Server) bind(request *ber.Packet) (code uint16) {
	if len(request.Children) != 3 {
		return ldap.LDAPResultProtocolError
	}
	name, _ := request.Children[1].Value.(string)
	password := request.Children[2].Data.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.binds = append(s.binds, name)
	if s.code != 0 {
		return s.code
	}
	dn, err := ldap.ParseDN(name)
	if err != nil {
		return ldap.LDAPResultInvalidDNSyntax
	}
	if password == "" {
		return ldap.LDAPResultSuccess
	}
	for _, e := range s.entries {
		// Case does not matter in the names of a directory.
		if own, err := ldap.ParseDN(e.DN); err == nil && own.EqualFold(dn) && e.Password != "" && e.Password == password {
			return ldap.LDAPResultSuccess
		}
	}
	return ldap.LDAPResultInvalidCredentials
}

// search returns what is below the base and has the object class of an equality
// filter (RFC 4511 section 4.5); other filters let everything through.
func (s *Server) search(request *ber.Packet, reply func(*ber.Packet)) {
	base, _ := request.Children[0].Value.(string)
	class := ""
	if filter := request.Children[6]; filter.Tag == ldap.FilterEqualityMatch && len(filter.Children) == 2 {
		class = filter.Children[1].Data.String()
	}
	found := false
	for _, e := range s.entries {
		if !strings.HasSuffix(strings.ToLower(e.DN), strings.ToLower(base)) {
			continue
		}
		found = true
		if class != "" && !contains(e.Attributes["objectClass"], class) {
			continue
		}
		reply(entry(e))
	}
	if !found {
		reply(result(ldap.ApplicationSearchResultDone, ldap.LDAPResultNoSuchObject))
		return
	}
	reply(result(ldap.ApplicationSearchResultDone, ldap.LDAPResultSuccess))
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if strings.EqualFold(one, s) {
			return true
		}
	}
	return false
}

func entry(e Entry) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	p.AppendChild(text(e.DN))
	attributes := ber.NewSequence("")
	for name, values := range e.Attributes {
		attribute := ber.NewSequence("")
		attribute.AppendChild(text(name))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range values {
			set.AppendChild(text(v))
		}
		attribute.AppendChild(set)
		attributes.AppendChild(attribute)
	}
	p.AppendChild(attributes)
	return p
}

// certificate makes a certificate for 127.0.0.1 and a pool that trusts it.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ldaptest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, roots
}
