package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/config"
)

func directory() config.LDAP {
	return config.LDAP{URL: "ldaps://directory.example.org", UserDN: "uid=%s,dc=example,dc=org"}
}

// ldap has a directory with something changed.
func ldap(change func(*config.LDAP)) func(*config.Config) {
	return func(c *config.Config) {
		d := directory()
		change(&d)
		c.LDAP = []config.LDAP{d}
	}
}

// TestWhatIsRefused holds one row for each rule: what is changed, which option
// the mistake names, and a part of what it says to do.
func TestWhatIsRefused(t *testing.T) {
	yes := true
	short := config.NewSecret("short")
	for name, row := range map[string]struct {
		change     func(*config.Config)
		path, text string
	}{
		"no address": {func(c *config.Config) { c.Listen = nil }, "listen", "write one"},
		"no port":    {func(c *config.Config) { c.Listen[0].Address = "localhost" }, "listen[0].address", "host and port"},
		"bad port":   {func(c *config.Config) { c.Listen[0].Address = "127.0.0.1:http" }, "listen[0].address", "number up to 65535"},
		"bad host": {func(c *config.Config) {
			c.Listen[0].Address = "a b:80"
			c.AllowOpenGuests = true
			c.Media.Address = ":7881"
		}, "listen[0].address", "no host"},
		"same address twice":  {func(c *config.Config) { c.Listen = append(c.Listen, c.Listen[0]) }, "listen[1].address", "twice"},
		"TLS, no certificate": {func(c *config.Config) { c.Listen[0].TLS = &yes }, "listen[0].tls", "tls.mode: self-signed"},
		"unknown dialect":     {func(c *config.Config) { c.Listen[0].Dialect = "irc" }, "listen[0].dialect", "kurento"},
		"no data directory":   {func(c *config.Config) { c.Data = "" }, "data", "./data"},
		"origin with a path":  {func(c *config.Config) { c.Origins = config.Origins{"https://a.example/x"} }, "origins[0]", "without a path"},
		"origin of a dialect": {func(c *config.Config) { c.Dialects.Kurento.Origins = config.Origins{"same", "ftp://x"} }, "dialects.kurento.origins[1]", "no origin"},
		"proxy":               {func(c *config.Config) { c.TrustedProxies = []string{"10.0.0.0/8", "proxy"} }, "trusted_proxies[1]", "10.0.0.0/8"},
		"other database":      {func(c *config.Config) { c.Store.URL = config.NewSecret("mysql://root:pw@h/d") }, "store.url", "sqlite"},
		"half a database":     {func(c *config.Config) { c.Store.URL = config.NewSecret("postgres:pw") }, "store.url", "postgres://"},
		"TLS mode":            {func(c *config.Config) { c.TLS.Mode = "on" }, "tls.mode", "self-signed"},
		"no certificate file": {func(c *config.Config) { c.TLS.Mode = "files"; c.TLS.KeyFile = "check_test.go" }, "tls.cert_file", "write its path"},
		"key file is not":     {func(c *config.Config) { c.TLS.Mode = "files"; c.TLS.CertFile = "check_test.go"; c.TLS.KeyFile = "." }, "tls.key_file", "no file"},
		"no certificate": {func(c *config.Config) {
			c.TLS = config.TLS{Mode: "files", CertFile: "check_test.go", KeyFile: "check_test.go"}
		}, "tls.cert_file", "PEM"},
		"no root":             {func(c *config.Config) { c.TLS = acme(); c.TLS.ACME.RootsFile = "check_test.go" }, "tls.acme.roots_file", "no certificate"},
		"no files to play":    {func(c *config.Config) { c.Media.Files = "check_test.go" }, "media.files", "no directory"},
		"no web client":       {func(c *config.Config) { c.Dialects.Openvocs.Static = "none" }, "dialects.openvocs.static", "no directory"},
		"ACME for nobody":     {func(c *config.Config) { c.TLS.Mode = "acme" }, "tls.acme.domains", "names"},
		"ACME for an address": {func(c *config.Config) { c.TLS.Mode = "acme"; c.TLS.ACME.Domains = []string{"192.0.2.1"} }, "tls.acme.domains[0]", "host name"},
		"ACME directory":      {func(c *config.Config) { c.TLS = acme(); c.TLS.ACME.Directory = "http://ca" }, "tls.acme.directory", "https"},
		"ACME roots":          {func(c *config.Config) { c.TLS = acme(); c.TLS.ACME.RootsFile = "none.pem" }, "tls.acme.roots_file", "none.pem"},
		"access":              {func(c *config.Config) { c.Dialects.Kurento.Access = "closed" }, "dialects.kurento.access", "open, token or off"},
		"tokens of nobody":    {func(c *config.Config) { c.Dialects.Kurento.Access = "token" }, "dialects.kurento.access", "tokens.hs256_secret"},
		"token secret":        {func(c *config.Config) { c.Tokens.HS256Secret = short }, "tokens.hs256_secret", "openssl"},
		"keys by http":        {func(c *config.Config) { c.Tokens.KeysURL = "http://keys.example.org/jwks" }, "tokens.keys_url", "https"},
		"login for ever":      {func(c *config.Config) { c.Logins.Lifetime = 0 }, "logins.lifetime", "1m"},
		"audit log":           {func(c *config.Config) { c.Logins.AuditLifetime = -1 }, "logins.audit_lifetime", "0s"},
		"directory":           {ldap(func(d *config.LDAP) { d.URL = "directory.example.org" }), "ldap[0].url", "ldaps://"},
		"two directories":     {func(c *config.Config) { c.LDAP = []config.LDAP{directory(), directory()} }, "ldap[1].realm", "one directory"},
		"passwords for all":   {ldap(func(d *config.LDAP) { d.URL = "ldap://directory.example.org" }), "ldap[0].url", "starttls"},
		"TLS twice":           {ldap(func(d *config.LDAP) { d.StartTLS = true }), "ldap[0].starttls", "remove"},
		"nobody's name":       {ldap(func(d *config.LDAP) { d.UserDN = "uid=ada" }), "ldap[0].user_dn", "%s"},
		"directory's CA":      {ldap(func(d *config.LDAP) { d.CAFile = "none.pem" }), "ldap[0].ca_file", "none.pem"},
		"directory's CA file": {ldap(func(d *config.LDAP) { d.CAFile = "check_test.go" }), "ldap[0].ca_file", "no certificate"},
		"patience":            {ldap(func(d *config.LDAP) { d.Timeout = time.Hour }), "ldap[0].timeout", "1m"},
		"connections":         {ldap(func(d *config.LDAP) { d.Connections = -1 }), "ldap[0].connections", "default"},
		"room creators":       {func(c *config.Config) { c.Dialects.Kurento.RoomCreators = "(" }, "dialects.kurento.room_creators", "regular expression"},
		"no video":            {func(c *config.Config) { c.Dialects.Kurento.MaxVideoKbps = 0 }, "dialects.kurento.max_video_kbps", "30 or more"},
		"no voices":           {func(c *config.Config) { c.Dialects.Kurento.MostVoices = 0 }, "dialects.kurento.most_voices", "1 or more"},
		"speaker interval":    {func(c *config.Config) { c.Dialects.Kurento.SpeakerInterval = 0 }, "dialects.kurento.speaker_interval", "1 or more"},
		"linger":              {func(c *config.Config) { c.Dialects.Calling.Linger = -1 }, "dialects.calling.linger", "0s to 24h"},
		"group's linger":      {func(c *config.Config) { c.Dialects.Omikron.Linger = -1 }, "dialects.omikron.linger", "0s to 1h"},
		"no token":            {func(c *config.Config) { c.Dialects.Omikron.Access = "token" }, "dialects.omikron.access", "open or off"},
		"auth server":         {func(c *config.Config) { c.Dialects.Omikron.AuthURL = "auth.example.org" }, "dialects.omikron.auth_url", "no https"},
		"an open auth server": {func(c *config.Config) { c.Dialects.Omikron.AuthURL = "http://auth.example.org" }, "dialects.omikron.auth_url", "no https"},
		"challenges elsewhere": {func(c *config.Config) {
			c.Dialects.Omikron.AuthURL, c.Dialects.Omikron.LegacyIotas = "https://auth.example.org", false
		}, "dialects.omikron.auth_url", "neither challenges"},
		"no domain":            {func(c *config.Config) { c.Dialects.Omikron.PasskeyDomain = "https://example.org" }, "dialects.omikron.passkey_domain", "no domain"},
		"nobody to talk to":    {func(c *config.Config) { c.Dialects.Omikron.Members = 1 }, "dialects.omikron.members", "2"},
		"who lists":            {func(c *config.Config) { c.Dialects.Calling.Listing = "me" }, "dialects.calling.listing", "anybody or insiders"},
		"whose media":          {func(c *config.Config) { c.Dialects.Calling.Media = "both" }, "dialects.calling.media", "peer or server"},
		"who invites":          {func(c *config.Config) { c.Dialects.Calling.Inviting = "" }, "dialects.calling.inviting", "anybody or insiders"},
		"filter":               {func(c *config.Config) { c.Dialects.Kurento.FilterParam = "" }, "dialects.kurento.filter_param", "hat or marker"},
		"media by name":        {func(c *config.Config) { c.Media.Address = "media.example:7881" }, "media.address", "IP address"},
		"media on loopback":    {func(c *config.Config) { c.Listen[0].Address = ":80"; c.AllowOpenGuests = true }, "media.address", "media.address: 0.0.0.0:7881"},
		"public address":       {func(c *config.Config) { c.Media.PublicAddresses = []string{"0.0.0.0"} }, "media.public_addresses[0]", "IP address"},
		"sockets":              {func(c *config.Config) { c.Media.Sockets = -1 }, "media.sockets", "0 for one a core"},
		"codec":                {func(c *config.Config) { c.Media.VideoCodecs = []string{"VP8", "h264"} }, "media.video_codecs[1]", "VP8, H264, VP9 or AV1"},
		"codec twice":          {func(c *config.Config) { c.Media.VideoCodecs = []string{"VP8", "VP8"} }, "media.video_codecs[1]", "twice"},
		"TURN secret":          {func(c *config.Config) { c.Media.TURN.Enabled = true; c.Media.TURN.Secret = short }, "media.turn.secret", "openssl"},
		"TURN realm":           {func(c *config.Config) { c.Media.TURN.Enabled = true; c.Media.TURN.Realm = "" }, "media.turn.realm", "name"},
		"TURN lifetime":        {func(c *config.Config) { c.Media.TURN.Enabled = true; c.Media.TURN.Lifetime = 1 }, "media.turn.lifetime", "1m or more"},
		"TURN ports":           {func(c *config.Config) { c.Media.TURN.Enabled = true; c.Media.TURN.RelayPortMax = 49999 }, "media.turn.relay_port_min", "range"},
		"no limit":             {func(c *config.Config) { c.Limits.Rooms = 0 }, "limits.rooms", "1 or more"},
		"SDP does not fit":     {func(c *config.Config) { c.Limits.MessageBytes = 1000 }, "limits.message_bytes", "64KiB"},
		"message over mailbox": {func(c *config.Config) { c.Limits.MailboxBytes = 1 << 20 }, "limits.mailbox_bytes", "2MiB or more"},
		"log level":            {func(c *config.Config) { c.Log.Level = "" }, "log.level", "debug, info, warn or error"},
		"log format":           {func(c *config.Config) { c.Log.Format = "xml" }, "log.format", "text or json"},
		"public profiles":      {func(c *config.Config) { c.Pprof.Address = ":6060" }, "pprof.address", "127.0.0.1:6060"},
		"generation":           {func(c *config.Config) { c.Dialects.NkMEDIA.Generation = "g5" }, "dialects.nkmedia.generation", "g1, g2, g3 or g4"},
		"control":              {func(c *config.Config) { c.Dialects.NkMEDIA.Control = "me" }, "dialects.nkmedia.control", "user or anybody"},
		"reply limit":          {func(c *config.Config) { c.Dialects.NkMEDIA.ReplyLimit = 0 }, "dialects.nkmedia.reply_limit", "1s to 5m"},
		"application's video":  {func(c *config.Config) { c.Dialects.NkMEDIA.VideoKbps = -1 }, "dialects.nkmedia.video_kbps", "0 for no bound"},
		"music elsewhere":      {func(c *config.Config) { c.Dialects.NkMEDIA.ParkMusic = "../x.ogg" }, "dialects.nkmedia.park_music", "name of a file"},
		"no token to drive":    {func(c *config.Config) { c.Dialects.NkMEDIA.Access = "token" }, "dialects.nkmedia.access", "open or off"},
		"drain":                {func(c *config.Config) { c.Shutdown.Drain = -1 }, "shutdown.drain", "0s"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Default()
			row.change(c)
			var got config.Mistakes
			if err := c.Check(); !errors.As(err, &got) {
				t.Fatalf("got %v, want Mistakes", err)
			}
			if len(got) != 1 || got[0].Path != row.path || !strings.Contains(got[0].Text, row.text) {
				t.Errorf("got %v, want one mistake at %s that says %q", got, row.path, row.text)
			}
			if strings.Contains(got.Error(), "pw") || strings.Contains(got.Error(), `"short"`) {
				t.Errorf("the mistake shows a secret: %v", got)
			}
		})
	}
}

func acme() config.TLS {
	return config.TLS{Mode: "acme", ACME: config.ACME{Domains: []string{"talk.example.org"}}}
}

func TestOpenGuestsStayOnThisMachine(t *testing.T) {
	for name, row := range map[string]struct {
		text    string
		refused bool
	}{
		"loopback IPv4":        {"listen: 127.0.0.1:8080", false},
		"loopback IPv6":        {"listen: '[::1]:8080'", false},
		"loopback net":         {"listen: 127.9.9.9:8080", false},
		"localhost":            {"listen: localhost:8080", false},
		"all addresses":        {"listen: :8080", true},
		"all of IPv4":          {"listen: 0.0.0.0:8080", true},
		"all of IPv6":          {"listen: '[::]:8080'", true},
		"a name":               {"listen: talk.example.org:80", true},
		"one of two":           {"listen: [127.0.0.1:8080, 192.0.2.1:8080]", true},
		"pinned elsewhere":     {"listen: [127.0.0.1:8080, {address: ':81', dialect: kurento}]", true},
		"said in words":        {"listen: :8080\nallow_open_guests: true", false},
		"the dialects are off": {"listen: :8080\ndialects: {kurento: {access: off}, calling: {access: off}}", false},
		"without guests":       {"listen: :8080\ndialects: {kurento: {access: off}, calling: {access: off}, omikron: {access: open}}", false},
		"one is not off":       {"listen: :8080\ndialects: {kurento: {access: off}}", true},
		"tokens": {"listen: :8080\ntokens: {hs256_secret: 0123456789abcdef0123456789abcdef}\n" +
			"dialects: {kurento: {access: token}, calling: {access: token}}", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, row.text+"\nmedia: {address: '0.0.0.0:7881'}\n", nil, nil)
			if (err != nil) != row.refused {
				t.Fatalf("got error %v, want one: %t", err, row.refused)
			}
			if err != nil && !strings.Contains(err.Error(), "allow_open_guests: true") {
				t.Errorf("the error does not say what to write: %v", err)
			}
		})
	}
}

func TestAddressesServeTLSWhenThereIsACertificate(t *testing.T) {
	c := mustLoad(t, "tls: {mode: self-signed}\nlisten: ['127.0.0.1:1', {address: '127.0.0.1:2', tls: false}]", nil, nil)
	if !c.Secure(c.Listen[0]) || c.Secure(c.Listen[1]) {
		t.Errorf("secure: %t, %t; want true, false", c.Secure(c.Listen[0]), c.Secure(c.Listen[1]))
	}
	c.TLS.Mode = config.TLSOff
	if c.Secure(c.Listen[0]) {
		t.Error("an address serves TLS without a certificate")
	}
}

func TestStoreWhere(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite":        "sqlite:" + filepath.Join("d", "switchboard.db"),
		"sqlite:/x.db":  "sqlite:/x.db",
		"postgres://h/": "postgres://h/",
	} {
		c := config.Default()
		c.Store.URL = config.NewSecret(url)
		if err := c.Check(); err != nil {
			t.Errorf("%s is refused: %v", url, err)
		}
		if got := c.Store.Where("d"); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

func TestSecretFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, "metrics: {token: '${file:"+path+"}'}", nil, nil)
	if got := c.Metrics.Token.Reveal(); got != "from the file" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{"${file:" + path, "${file:" + path + ".none}", "${file:/dev/null}"} {
		if _, err := load(t, "", []string{"SWITCHBOARD_METRICS_TOKEN=" + text}, nil); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
