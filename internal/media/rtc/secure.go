package rtc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/port"
	"switchboard/internal/media/rtc/srtp"
)

// Times of DTLS.
const (
	handshakeLimit = 30 * time.Second
	// resendAfter is when a flight is first sent again. RFC 6347 section 4.2.4.1
	// suggests a second, for want of knowledge; ICE has just seen the path work.
	resendAfter = 250 * time.Millisecond
)

// dtlsMTU keeps handshake messages below every path's MTU.
const dtlsMTU = 1200

// run is the life of a transport's own goroutine: it waits for ICE, shakes
// hands, hands the keys over, and then reads what DTLS carries besides: data
// channels, and the peer's goodbye.
func (t *Transport) run() {
	select {
	case <-t.selected:
	case <-t.ctx.Done():
		return
	}
	conn, err := t.handshake()
	if err == nil {
		err = t.useKeys(conn)
	}
	if err != nil {
		if t.ctx.Err() == nil {
			t.engine.log.Debug("handshake failed", "transport", string(t.id), "error", err)
			t.fail(handshakeReason(err))
		}
		return
	}
	t.connected()
	t.listen(conn)
}

// handshakeReason words what a handshake failed with.
func handshakeReason(err error) string {
	switch {
	case errors.Is(err, errFingerprint):
		return "the peer's certificate does not match its description"
	case errors.Is(err, context.DeadlineExceeded):
		return "the peer did not complete the handshake in time"
	}
	return "the handshake with the peer failed"
}

// handshake runs DTLS to its end.
func (t *Transport) handshake() (*dtls.Conn, error) {
	t.mu.Lock()
	endpoint, peer := t.endpoint, t.peer
	t.mu.Unlock()
	options := []dtls.Option{
		dtls.WithCertificates(t.engine.certificate.tls),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // in favour of the fingerprint
		dtls.WithVerifyPeerCertificate(func(chain [][]byte, _ [][]*x509.Certificate) error {
			return verify(peer.fingerprints, chain)
		}),
		dtls.WithLoggerFactory(t.engine.pion),
		dtls.WithFlightInterval(resendAfter),
		dtls.WithMTU(dtlsMTU),
	}
	under := &dtlsConn{endpoint: endpoint}
	conn, err := newDTLS(under, peer.server, options)
	if err != nil {
		return nil, fmt.Errorf("prepare handshake: %w", err)
	}
	if !t.keep(conn) {
		_ = conn.Close()
		return nil, errEnded
	}
	ctx, cancel := context.WithTimeout(t.ctx, handshakeLimit)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	under.agreed.Store(true)
	return conn, nil
}

// newDTLS makes the client's side of a handshake or the server's.
func newDTLS(under *dtlsConn, client bool, options []dtls.Option) (*dtls.Conn, error) {
	if client {
		all := make([]dtls.ClientOption, 0, len(options))
		for _, o := range options {
			all = append(all, o)
		}
		return dtls.ClientWithOptions(under, nowhere, all...)
	}
	all := make([]dtls.ServerOption, 0, len(options)+2)
	for _, o := range options {
		all = append(all, o)
	}
	all = append(all,
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has verified the address
	)
	return dtls.ServerWithOptions(under, nowhere, all...)
}

// keep makes Close find the connection; false if it is too late.
func (t *Transport) keep(conn *dtls.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == "closed" {
		return false
	}
	t.secure = conn
	return true
}

// useKeys gives the packet plane the keys that the handshake agreed on (RFC
// 5764 section 4.2).
func (t *Transport) useKeys(conn *dtls.Conn) error {
	agreed, ok := conn.SelectedSRTPProtectionProfile()
	profile := srtp.Profile(agreed)
	if !ok || !profile.Valid() {
		return errors.New("no srtp profile in common")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("handshake has no state")
	}
	material, err := state.ExportKeyingMaterial(srtp.ExporterLabel, nil, profile.MaterialLen())
	if err != nil {
		return fmt.Errorf("export keys: %w", err)
	}
	t.mu.Lock()
	client := t.peer.server
	agent := t.agent
	t.mu.Unlock()
	local, remote, err := srtp.SplitKeys(profile, material, client)
	if err != nil {
		return fmt.Errorf("split keys: %w", err)
	}
	t.plane.SetRoundTrip(roundTrip(agent))
	if err := t.plane.Start(profile, local, remote); err != nil {
		return fmt.Errorf("use keys: %w", err)
	}
	return nil
}

// connected says that media can flow.
func (t *Transport) connected() {
	t.mu.Lock()
	if t.state != "connecting" {
		t.mu.Unlock()
		return
	}
	t.state = "connected"
	t.mu.Unlock()
	t.engine.sink.Post(media.Connected{Transport: t.id})
}

// maxRecord is the longest DTLS record read: SCTP keeps to the path's MTU.
const maxRecord = 2048

// listen reads what comes over DTLS. The first data after channels were agreed
// on begins an SCTP association, which reads from then on.
func (t *Transport) listen(conn *dtls.Conn) {
	buf := make([]byte, maxRecord)
	for failures := 0; failures < 100; {
		n, err := conn.Read(buf)
		switch {
		case t.ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, dtls.ErrConnClosed):
			t.goodbye()
			return
		case err != nil:
			failures++
		case t.data.allowed():
			t.data.serve(&firstRead{Conn: conn, first: buf[:n]})
			if t.ctx.Err() == nil {
				t.goodbye()
			}
			return
		}
	}
	t.fail("the peer sends what cannot be read")
}

// dtlsConn is what DTLS reads from and writes to: the endpoint. To DTLS the peer
// has no address; ICE knows it and changes it.
type dtlsConn struct {
	endpoint *port.Endpoint
	agreed   atomic.Bool // the handshake is over: what is not encrypted is not the peer's
}

// nowhere is the address DTLS gives the peer.
var nowhere = &net.UDPAddr{IP: net.IPv4zero}

func (c *dtlsConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, _, err := c.endpoint.ReadDTLS(b)
		if err == nil && c.agreed.Load() {
			if n = sealed(b[:n]); n == 0 {
				continue
			}
		}
		return n, nowhere, err
	}
}

func (c *dtlsConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	if err := c.endpoint.WriteDTLS(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close makes reads fail.
func (c *dtlsConn) Close() error {
	c.endpoint.CloseDTLS()
	return nil
}

func (c *dtlsConn) LocalAddr() net.Addr              { return nowhere }
func (c *dtlsConn) SetWriteDeadline(time.Time) error { return nil }
func (c *dtlsConn) SetReadDeadline(t time.Time) error {
	c.endpoint.SetDTLSDeadline(t)
	return nil
}
func (c *dtlsConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// firstRead is a connection of which the first record has been read already.
type firstRead struct {
	*dtls.Conn
	first []byte
}

func (c *firstRead) Read(b []byte) (int, error) {
	if c.first != nil {
		n := copy(b, c.first)
		c.first = nil
		return n, nil
	}
	return c.Conn.Read(b)
}
