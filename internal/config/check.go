package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values of Kurento.Access and of every other dialect's.
const (
	AccessOpen  = "open"
	AccessToken = "token"
	AccessOff   = "off"
)

// Values of Calling.Listing and Calling.Inviting.
const (
	CircleAnybody  = "anybody"
	CircleInsiders = "insiders"
)

// Values of Calling.Media.
const (
	MediaPeer   = "peer"
	MediaServer = "server"
)

// Values of TLS.Mode.
const (
	TLSOff        = "off"
	TLSFiles      = "files"
	TLSACME       = "acme"
	TLSSelfSigned = "self-signed"
)

const (
	minTokenSecret  = 32       // bytes: a key as long as the hash, RFC 7518 section 3.2
	minTURNSecret   = 16       // bytes
	minMessageBytes = 64 << 10 // an offer with simulcast is some ten KiB
)

// Check says everything that is wrong with the configuration, as a Mistakes, or
// nil. It looks at files that are named, but opens no port.
func (c *Config) Check() error {
	if problems := c.problems(); len(problems) > 0 {
		return problems
	}
	return nil
}

// Secure tells whether the address l serves TLS.
func (c *Config) Secure(l Listen) bool {
	if l.TLS != nil {
		return *l.TLS
	}
	return c.TLS.Mode != TLSOff
}

// Loopback tells whether only this machine can reach the address.
func (l Listen) Loopback() bool {
	host, _, err := net.SplitHostPort(l.Address)
	return err == nil && isLoopbackHost(host)
}

// public tells whether other machines can reach the address; one that is no
// address is a mistake of its own.
func (l Listen) public() bool {
	_, _, err := net.SplitHostPort(l.Address)
	return err == nil && !l.Loopback()
}

// Where is the URL with the default file put in, given the data directory. It
// may hold a password.
func (s Store) Where(data string) string {
	if s.URL.Reveal() == "sqlite" {
		return "sqlite:" + filepath.Join(data, "switchboard.db")
	}
	return s.URL.Reveal()
}

func (s Store) known() bool {
	scheme, rest, _ := strings.Cut(s.URL.Reveal(), ":")
	switch scheme {
	case "sqlite":
		return rest != "" || s.URL.Reveal() == "sqlite"
	case "postgres", "postgresql":
		u, err := url.Parse(s.URL.Reveal())
		return err == nil && strings.HasPrefix(rest, "//") && u.Path != ""
	}
	return false
}

// checker collects problems.
type checker struct{ found Mistakes }

func (c *checker) wrong(path, format string, args ...any) {
	c.found = append(c.found, Mistake{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) oneOf(path, got string, allowed ...string) {
	if !slices.Contains(allowed, got) {
		c.wrong(path, "%q is not known; write %s", got, orList(allowed))
	}
}

func (c *checker) atLeast(path string, got, least int64) {
	if got < least {
		c.wrong(path, "is %d; write %d or more", got, least)
	}
}

func (c *checker) address(path, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		c.wrong(path, "%q is no address; write host and port, such as 127.0.0.1:8080 or :8080", address)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		c.wrong(path, "%q is no port; write a number up to 65535", port)
	}
	if strings.ContainsAny(host, "/ ") {
		c.wrong(path, "%q is no host; write a name or an IP address", host)
	}
}

func (c *checker) ipAddress(path, address string) {
	c.address(path, address)
	host, _, err := net.SplitHostPort(address)
	if err == nil && host != "" && net.ParseIP(host) == nil {
		c.wrong(path, "%q is no IP address; write one, or 0.0.0.0 for all of this machine", host)
	}
}

// file tells whether there is such a file.
func (c *checker) file(path, name string) bool {
	if name == "" {
		c.wrong(path, "names no file; write its path")
		return false
	}
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		c.wrong(path, "there is no file %s", name)
		return false
	}
	return true
}

// certificates looks for at least one in a PEM file.
func (c *checker) certificates(path, name string) {
	if !c.file(path, name) {
		return
	}
	if pem, err := os.ReadFile(name); err != nil {
		c.wrong(path, "cannot be read: %s", err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		c.wrong(path, "%s holds no certificate in PEM", name)
	}
}

func (c *checker) directory(path, name string) {
	if _, err := os.ReadDir(name); err != nil {
		c.wrong(path, "%q is no directory that can be read", name)
	}
}

func (c *checker) origins(path string, origins Origins) {
	for i, word := range origins {
		if err := checkOrigin(word); err != nil {
			c.wrong(fmt.Sprintf("%s[%d]", path, i), "%s", err)
		}
	}
}

func (c *Config) problems() Mistakes {
	check := &checker{}
	c.checkListen(check)
	c.checkGuests(check)
	if c.Data == "" {
		check.wrong("data", "names no directory; write one, such as ./data")
	}
	check.origins("origins", c.Origins)
	c.checkProxies(check)
	if !c.Store.known() {
		check.wrong("store.url", "is not known; write sqlite, sqlite:PATH or postgres://user:password@host/database")
	}
	c.checkTLS(check)
	c.checkAccess(check)
	c.Dialects.Kurento.check(check)
	c.Dialects.Calling.check(check)
	c.Dialects.Omikron.check(check)
	c.Dialects.NkMEDIA.check(check)
	c.Dialects.Openvocs.check(check)
	c.Tokens.check(check)
	c.checkLogins(check)
	c.checkMedia(check)
	c.checkTURN(check)
	c.checkLimits(check)
	check.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	check.oneOf("log.format", c.Log.Format, "text", "json")
	c.checkPprof(check)
	if c.Shutdown.Drain < 0 {
		check.wrong("shutdown.drain", "is negative; write 0s to wait for nobody")
	}
	return check.found
}

func (c *Config) checkListen(check *checker) {
	if len(c.Listen) == 0 {
		check.wrong("listen", "names no address; write one, such as 127.0.0.1:8080")
	}
	for i, l := range c.Listen {
		path := fmt.Sprintf("listen[%d]", i)
		check.address(path+".address", l.Address)
		for _, earlier := range c.Listen[:i] {
			if earlier.Address == l.Address && !strings.HasSuffix(l.Address, ":0") {
				check.wrong(path+".address", "%s is listed twice; remove one", l.Address)
			}
		}
		if l.TLS != nil && *l.TLS && c.TLS.Mode == TLSOff {
			check.wrong(path+".tls", "there is no certificate while tls.mode is off; write tls.mode: self-signed, files or acme")
		}
		if l.Dialect != "" {
			check.oneOf(path+".dialect", l.Dialect, c.Dialects.names()...)
		}
	}
}

// checkGuests holds that nobody opens the server to strangers without saying so.
func (c *Config) checkGuests(check *checker) {
	if c.AllowOpenGuests {
		return
	}
	for _, name := range c.Dialects.names() {
		if c.Dialects.access(name) != AccessOpen || !hasGuests(name) {
			continue
		}
		for _, l := range c.Listen {
			if !l.public() || l.Dialect != "" && l.Dialect != name {
				continue
			}
			check.wrong("dialects."+name+".access",
				"is open: anybody may enter under any name, and other machines can reach %s. Write one of\n"+
					"    allow_open_guests: true            if everybody who reaches it may enter\n"+
					"    dialects.%s.access: token     to let in who brings a signed token (see tokens)\n"+
					"    listen: 127.0.0.1:8080             to serve this machine only", l.Address, name)
			break
		}
	}
}

func (c *Config) checkProxies(check *checker) {
	for i, text := range c.TrustedProxies {
		if _, err := ParseNetwork(text); err != nil {
			check.wrong(fmt.Sprintf("trusted_proxies[%d]", i), "%q is no network; write an IP address or a network such as 10.0.0.0/8", text)
		}
	}
}

// ParseNetwork reads an entry of TrustedProxies: a network, or one address.
func ParseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix.Masked(), err
}

func (c *Config) checkTLS(check *checker) {
	check.oneOf("tls.mode", c.TLS.Mode, TLSOff, TLSFiles, TLSACME, TLSSelfSigned)
	switch c.TLS.Mode {
	case TLSFiles:
		certificate, key := check.file("tls.cert_file", c.TLS.CertFile), check.file("tls.key_file", c.TLS.KeyFile)
		if certificate && key {
			if _, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
				check.wrong("tls.cert_file", "does not serve together with tls.key_file: %s", err)
			}
		}
	case TLSACME:
		c.TLS.ACME.check(check)
	}
}

func (a ACME) check(check *checker) {
	if len(a.Domains) == 0 {
		check.wrong("tls.acme.domains", "names no host; write the names that clients use, such as [talk.example.org]")
	}
	for i, domain := range a.Domains {
		if domain == "" || net.ParseIP(domain) != nil || strings.ContainsAny(domain, ":/ *") {
			check.wrong(fmt.Sprintf("tls.acme.domains[%d]", i), "%q is no host name; write one such as talk.example.org", domain)
		}
	}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		check.wrong("tls.acme.directory", "%q is no https URL", a.Directory)
	}
	if a.RootsFile != "" {
		check.certificates("tls.acme.roots_file", a.RootsFile)
	}
}

func (d Dialects) names() []string { return keysOf(reflect.TypeOf(d)) }

func (d Dialects) access(name string) string {
	section, _ := fieldOf(reflect.ValueOf(d), name)
	return section.FieldByName("Access").String()
}

// hasGuests tells whether a dialect lets in whom nobody knows.
func hasGuests(name string) bool { return name != "omikron" && name != "openvocs" && name != "nkmedia" }

func (c *Config) checkAccess(check *checker) {
	for _, name := range c.Dialects.names() {
		path, access := "dialects."+name+".access", c.Dialects.access(name)
		if !hasGuests(name) { // everybody shows who they are, in the protocol's own way
			check.oneOf(path, access, AccessOpen, AccessOff)
			continue
		}
		check.oneOf(path, access, AccessOpen, AccessToken, AccessOff)
		if access == AccessToken && !c.Tokens.Believed() {
			check.wrong(path, "is token, but no token is believed; set tokens.hs256_secret or tokens.keys_url")
		}
	}
}

func (k Kurento) check(check *checker) {
	const path = "dialects.kurento."
	check.origins(path+"origins", k.Origins)
	if _, err := regexp.Compile(k.RoomCreators); err != nil {
		check.wrong(path+"room_creators", "is no regular expression: %s", err)
	}
	if k.MaxVideoKbps < 30 {
		check.wrong(path+"max_video_kbps", "is %d; write 30 or more", k.MaxVideoKbps)
	}
	check.atLeast(path+"most_voices", int64(k.MostVoices), 1)
	check.atLeast(path+"speaker_interval", int64(k.SpeakerInterval), 1)
	check.oneOf(path+"filter_param", k.FilterParam, "hat", "marker")
}

func (d Openvocs) check(check *checker) {
	const path = "dialects.openvocs."
	check.origins(path+"origins", d.Origins)
	if d.Static != "" {
		check.directory(path+"static", d.Static)
	}
	for i, server := range d.Servers {
		if u, err := url.Parse(server); err != nil || u.Scheme != "wss" && u.Scheme != "ws" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			check.wrong(fmt.Sprintf("%sservers[%d]", path, i), "%q is no address such as wss://backup.example.org", server)
		}
	}
}

var domain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

func (d Omikron) check(check *checker) {
	const path = "dialects.omikron."
	check.origins(path+"origins", d.Origins)
	if d.Linger < 0 || d.Linger > time.Hour {
		check.wrong(path+"linger", "is %v; write 0s to 1h", d.Linger)
	}
	if d.AuthURL != "" && !isSafeURL(d.AuthURL) {
		check.wrong(path+"auth_url", "%q is no https URL, nor an http one of this machine; hashes that let people in are sent there", d.AuthURL)
	}
	if d.AuthURL != "" && !(d.LegacyClients && d.LegacyIotas) {
		check.wrong(path+"auth_url", "an auth server elsewhere knows neither challenges nor secrets of Iotas; leave legacy_clients and legacy_iotas true, or use the directory here")
	}
	if d.PasskeyDomain != "" && !domain.MatchString(d.PasskeyDomain) {
		check.wrong(path+"passkey_domain", "%q is no domain such as example.org", d.PasskeyDomain)
	}
	check.oneOf(path+"media", d.Media, MediaPeer, MediaServer)
	check.atLeast(path+"members", int64(d.Members), 2)
}

func (d Calling) check(check *checker) {
	const path = "dialects.calling."
	check.origins(path+"origins", d.Origins)
	if d.Linger < 0 || d.Linger > 24*time.Hour {
		check.wrong(path+"linger", "is %v; write 0s to 24h", d.Linger)
	}
	check.oneOf(path+"listing", d.Listing, CircleAnybody, CircleInsiders)
	check.oneOf(path+"inviting", d.Inviting, CircleAnybody, CircleInsiders)
	check.oneOf(path+"media", d.Media, MediaPeer, MediaServer)
}

func (c *Config) checkMedia(check *checker) {
	check.ipAddress("media.address", c.Media.Address)
	c.checkReach(check, "media.address", c.Media.Address)
	for i, address := range c.Media.PublicAddresses {
		if ip := net.ParseIP(address); ip == nil || ip.IsUnspecified() {
			check.wrong(fmt.Sprintf("media.public_addresses[%d]", i), "%q is no IP address that a client could send to", address)
		}
	}
	if c.Media.Sockets < 0 || c.Media.Sockets > 256 {
		check.wrong("media.sockets", "is %d; write 0 for one a core, or a number up to 256", c.Media.Sockets)
	}
	if m := c.Media; m.PlainPortMin < 1024 || m.PlainPortMin >= m.PlainPortMax || m.PlainPortMax > 65535 {
		check.wrong("media.plain_port_min", "%d to %d is no range of ports; write two numbers from 1024 to 65535, the lower one here", m.PlainPortMin, m.PlainPortMax)
	}
	if c.Media.Files != "" {
		check.directory("media.files", c.Media.Files)
	}
	for i, codec := range c.Media.VideoCodecs {
		path := fmt.Sprintf("media.video_codecs[%d]", i)
		check.oneOf(path, codec, "VP8", "H264", "VP9", "AV1")
		if slices.Contains(c.Media.VideoCodecs[:i], codec) {
			check.wrong(path, "%s is listed twice; remove one", codec)
		}
	}
}

// checkReach finds the media port left on loopback while clients come from
// elsewhere: they would join and see nothing.
func (c *Config) checkReach(check *checker, path, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isLoopbackHost(host) {
		return
	}
	for _, l := range c.Listen {
		if l.public() {
			check.wrong(path, "only this machine can reach %s, but clients come in at %s; write %s: 0.0.0.0:%s", address, l.Address, path, port)
			return
		}
	}
}

func (c *Config) checkTURN(check *checker) {
	turn := c.Media.TURN
	if !turn.Enabled {
		return
	}
	check.ipAddress("media.turn.address", turn.Address)
	c.checkReach(check, "media.turn.address", turn.Address)
	if turn.Secret.IsSet() && len(turn.Secret.Reveal()) < minTURNSecret {
		check.wrong("media.turn.secret", "is shorter than %d bytes; make one by: openssl rand -hex 32", minTURNSecret)
	}
	if turn.Realm == "" {
		check.wrong("media.turn.realm", "is empty; write a name, such as switchboard")
	}
	if turn.Lifetime < time.Minute {
		check.wrong("media.turn.lifetime", "is %s; write 1m or more", turn.Lifetime)
	}
	if turn.RelayPortMin < 1024 || turn.RelayPortMin > turn.RelayPortMax || turn.RelayPortMax > 65535 {
		check.wrong("media.turn.relay_port_min", "%d to %d is no range of ports; write two numbers from 1024 to 65535, the lower one here",
			turn.RelayPortMin, turn.RelayPortMax)
	}
}

func (c *Config) checkLimits(check *checker) {
	v := reflect.ValueOf(c.Limits)
	for i := range v.NumField() {
		check.atLeast("limits."+key(v.Type().Field(i)), v.Field(i).Int(), 1)
	}
	if size := c.Limits.MessageBytes; size >= 1 && size < minMessageBytes {
		check.wrong("limits.message_bytes", "is %s; write 64KiB or more, since the description of a media connection is long", size)
	}
	if c.Limits.MailboxBytes < 2*c.Limits.MessageBytes {
		check.wrong("limits.mailbox_bytes", "is %s, too small for one message of limits.message_bytes; write %s or more",
			c.Limits.MailboxBytes, 2*c.Limits.MessageBytes)
	}
}

func (c *Config) checkPprof(check *checker) {
	if c.Pprof.Address == "" {
		return
	}
	check.address("pprof.address", c.Pprof.Address)
	if l := (Listen{Address: c.Pprof.Address}); !l.Loopback() {
		check.wrong("pprof.address", "%s can be reached from other machines; write 127.0.0.1:6060 and use a tunnel", c.Pprof.Address)
	}
}

// orList writes words as "a, b or c".
func orList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
