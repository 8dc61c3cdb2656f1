package jsep

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Description is what a peer offers or answers.
type Description struct {
	// Ufrag and Pwd are the peer's ICE credentials (RFC 8839 section 5.4).
	Ufrag, Pwd string
	// Lite tells that the peer is an ICE-lite agent.
	Lite bool
	// Fingerprints of the peer's certificate; at least one is of a kind we can
	// check: sha-256, sha-384 or sha-512.
	Fingerprints []Fingerprint
	// Active tells that the peer insists on being the server of the DTLS
	// handshake, so that we must begin it (RFC 8842 section 5).
	Active bool
	// Candidates of the peer, and whether there will be no more.
	Candidates      []Candidate
	EndOfCandidates bool

	allowMixed bool
	setup      string // as it stands there
	lines      []line
}

// line is a media line of a description.
type line struct {
	kind       string // "audio", "video", "application" or what else it says
	mid        string
	protos     []string
	formats    []string
	usable     bool // not rejected by the peer, and on the one transport
	direction  Direction
	mux, rsize bool
	codecs     []Codec
	extensions []Extension
	ssrc, rtx  uint32
	data       *Data
	oldData    bool // sctpmap instead of sctp-port
}

// ParseOffer reads an offer. Its errors wrap media.ErrDescription.
func ParseOffer(text string) (*Description, error) { return parse(text) }

// parse reads a description of a peer.
func parse(text string) (*Description, error) {
	if len(text) > MaxBytes {
		return nil, refuse("it is %d bytes long, at most %d are read", len(text), MaxBytes)
	}
	if n := strings.Count(text, "\nm="); n > MaxLines {
		return nil, refuse("it has %d media lines, at most %d are answered", n, MaxLines)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, refuse("it is no session description")
	}
	switch n := len(d.MediaDescriptions); {
	case n == 0:
		return nil, refuse("it has no media lines")
	case n > MaxLines:
		return nil, refuse("it has %d media lines, at most %d are answered", n, MaxLines)
	}
	o := &Description{}
	for i, m := range d.MediaDescriptions {
		l := readLine(&d, m)
		if !token(l.mid) {
			return nil, refuse("the mid of a media line is no token")
		}
		for _, other := range o.lines {
			if l.mid != "" && l.mid == other.mid {
				return nil, refuse("two media lines have the same mid")
			}
		}
		o.lines = append(o.lines, l)
		o.readCandidates(m, l.mid, i)
	}
	_, o.allowMixed = d.Attribute("extmap-allow-mixed")
	_, o.Lite = d.Attribute("ice-lite")
	tag := o.bundle(&d)
	return o, o.readTransport(&d, d.MediaDescriptions[tag])
}

// bundle finds out which lines share the one transport we answer with, and
// returns the line that speaks for it: the first of the BUNDLE group, or, in an
// offer without one, the first line there is (RFC 8843 section 7.3).
func (o *Description) bundle(d *sdp.SessionDescription) int {
	var group []string
	for _, a := range d.Attributes {
		if f := strings.Fields(a.Value); a.Key == "group" && len(f) > 1 && f[0] == "BUNDLE" {
			group = f[1:]
			break
		}
	}
	tag := -1
	if len(group) > 0 {
		tag = slices.IndexFunc(o.lines, func(l line) bool { return l.usable && l.mid == group[0] })
	}
	if tag < 0 {
		tag = max(0, slices.IndexFunc(o.lines, func(l line) bool { return l.usable }))
	}
	for i := range o.lines {
		l := &o.lines[i]
		l.usable = l.usable && (i == tag || l.mid != "" && slices.Contains(group, l.mid))
	}
	return tag
}

// readTransport reads what concerns the transport from the line m, or from the
// session where the line does not say.
func (o *Description) readTransport(d *sdp.SessionDescription, m *sdp.MediaDescription) error {
	say := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return v
		}
		v, _ := d.Attribute(key)
		return v
	}
	o.Ufrag, o.Pwd = say("ice-ufrag"), say("ice-pwd")
	switch {
	case o.Ufrag == "" || o.Pwd == "":
		return refuse("it has no ICE credentials (ice-ufrag and ice-pwd)")
	case len(o.Ufrag) > 256 || len(o.Pwd) > 256: // RFC 8839 section 5.4
		return refuse("its ICE credentials are too long")
	}
	attributes := m.Attributes
	if _, ok := m.Attribute("fingerprint"); !ok {
		attributes = d.Attributes
	}
	for _, a := range attributes {
		algorithm, value, ok := strings.Cut(a.Value, " ")
		if a.Key == "fingerprint" && ok && len(o.Fingerprints) < 8 {
			o.Fingerprints = append(o.Fingerprints, Fingerprint{strings.ToLower(algorithm), strings.ToUpper(strings.TrimSpace(value))})
		}
	}
	if !slices.ContainsFunc(o.Fingerprints, Fingerprint.checkable) {
		return refuse("it has no certificate fingerprint of sha-256 or better")
	}
	switch o.setup = say("setup"); o.setup {
	case "passive":
		o.Active = true
	case "", "active", "actpass":
	default:
		return refuse("its setup role is neither actpass, active nor passive")
	}
	return nil
}

// readCandidates takes the candidates of a line.
func (o *Description) readCandidates(m *sdp.MediaDescription, mid string, index int) {
	for _, a := range m.Attributes {
		switch a.Key {
		case "candidate":
			if len(o.Candidates) < MaxCandidates {
				o.Candidates = append(o.Candidates, Candidate{Text: a.Value, Mid: mid, Line: index})
			}
		case "end-of-candidates":
			o.EndOfCandidates = true
		}
	}
}

// readLine reads a media line.
func readLine(d *sdp.SessionDescription, m *sdp.MediaDescription) line {
	l := line{
		kind: m.MediaName.Media, protos: m.MediaName.Protos, formats: m.MediaName.Formats,
		direction: SendRecv,
	}
	for _, a := range d.Attributes {
		l.readDirection(a.Key)
	}
	bundleOnly := false
	for _, a := range m.Attributes {
		l.readDirection(a.Key)
		switch a.Key {
		case "mid":
			if l.mid == "" {
				l.mid = strings.Clone(a.Value) // kept; the offer is not
			}
		case "bundle-only":
			bundleOnly = true
		case "rtcp-mux":
			l.mux = true
		case "rtcp-rsize":
			l.rsize = true
		case "extmap":
			l.readExtension(a.Value)
		}
	}
	l.usable = m.MediaName.Port.Value != 0 || bundleOnly
	if l.kind == "application" {
		l.readData(m)
		return l
	}
	l.codecs = readCodecs(m)
	if l.direction.Sends() {
		l.readSources(m)
	}
	return l
}

func (l *line) readDirection(key string) {
	switch key {
	case "sendrecv":
		l.direction = SendRecv
	case "sendonly":
		l.direction = SendOnly
	case "recvonly":
		l.direction = RecvOnly
	case "inactive":
		l.direction = Inactive
	}
}

// readExtension reads a=extmap. One that is meant for one direction only is
// left out, since what we agree on holds for both.
func (l *line) readExtension(value string) {
	f := strings.Fields(value)
	if len(f) < 2 || len(l.extensions) >= 32 {
		return
	}
	number, direction, _ := strings.Cut(f[0], "/")
	id, err := strconv.ParseUint(number, 10, 8)
	if err != nil || id == 0 || id == 15 || direction != "" && direction != "sendrecv" {
		return
	}
	l.extensions = append(l.extensions, Extension{ID: uint8(id), URI: f[1]})
}

// readSources reads which SSRC the peer sends with: the first of the first
// group of original and retransmissions (RFC 5576 section 4.2), or the first.
func (l *line) readSources(m *sdp.MediaDescription) {
	for _, a := range m.Attributes {
		f := strings.Fields(a.Value)
		switch {
		case a.Key == "ssrc-group" && len(f) >= 3 && f[0] == "FID":
			l.ssrc, l.rtx = number32(f[1]), number32(f[2])
			return
		case a.Key == "ssrc" && l.ssrc == 0 && len(f) > 0:
			l.ssrc = number32(f[0])
		}
	}
}

// token tells whether s may be a mid (RFC 5888 section 4), or is empty.
func token(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]`, r)
	})
}

func number32(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// readData reads an SCTP line, also in the form used before RFC 8841, in which
// the format is the port.
func (l *line) readData(m *sdp.MediaDescription) {
	if !slices.Contains(l.protos, "SCTP") || len(l.formats) == 0 {
		return
	}
	port, ok := m.Attribute("sctp-port")
	if !ok {
		port = l.formats[0]
		l.oldData = true
	}
	n, err := strconv.ParseUint(strings.TrimSpace(port), 10, 16)
	if err != nil || n == 0 {
		return
	}
	l.data = &Data{Port: uint16(n), MaxMessageSize: 65536}
	if size, ok := m.Attribute("max-message-size"); ok {
		if n, err := strconv.ParseUint(strings.TrimSpace(size), 10, 32); err == nil {
			l.data.MaxMessageSize = uint32(n)
		}
	}
}
