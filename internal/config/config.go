// Package config owns the one configuration structure of the server: its
// defaults, how a file, the environment and flags change it, and what is wrong
// with it.
//
// A Config is made once, before any part starts, and never changes afterwards,
// so every goroutine may read it. Parts do not see it: app gives each its own
// small options value. This package must not know any part of the server; what
// changes while the server runs (users, roles, rooms) is data in the store.
//
// The comments of the fields, here and in dialects.go, are the reference page
// docs/operate/configuration.md; `make generate` writes it.
package config

import "time"

//go:generate go run ./reference -out ../../docs/operate/configuration.md config.go dialects.go

// Config is the whole configuration. Default gives one that works on a laptop;
// Load changes it by a file, the environment and flags.
type Config struct {
	// Addresses to serve. A plain string such as `127.0.0.1:8080` is an address
	// that serves everything; the longer form adds TLS or pins one dialect.
	Listen []Listen `yaml:"listen"`
	// Directory for everything the server keeps: the SQLite file and its own
	// certificates. Made when it does not exist. A relative path counts from the
	// working directory.
	Data string `yaml:"data"`
	// Make demonstration rooms when the store is new. They are ordinary rooms
	// and can be removed.
	Demo bool `yaml:"demo"`
	// Which web pages may open a connection from a browser: `same` (the page came
	// from this server; where it listens on loopback only and `trusted_proxies` is
	// empty, under a name of this machine), `local` (pages of this machine: localhost, 127.0.0.1 and
	// ::1, any port), an origin such as `https://app.example.org`, one with
	// subdomains `https://*.example.org`, or `*` for any. Clients that are no
	// browser send no Origin and are not affected. Others are refused with HTTP 403.
	Origins Origins `yaml:"origins"`
	// Allow guests to come in from other machines. A dialect with `access: open`
	// lets anybody in under any name; unless this is true the server refuses to
	// start with such a dialect on an address that other machines can reach.
	AllowOpenGuests bool `yaml:"allow_open_guests"`
	// Addresses of reverse proxies in front of the server, as IP addresses or
	// networks (`10.0.0.0/8`). Only from them is the X-Forwarded-For header
	// believed; without it all their clients count as one address in
	// `limits.connections_per_address`.
	TrustedProxies []string `yaml:"trusted_proxies"`

	// Where realms, users, roles, rooms and permissions are stored.
	Store Store `yaml:"store"`
	// Certificates for the addresses that serve TLS.
	TLS TLS `yaml:"tls"`
	// The protocols that clients speak, and who may use each.
	Dialects Dialects `yaml:"dialects"`
	// Signed tokens, by which an application vouches for its users in dialects
	// with `access: token`.
	Tokens Tokens `yaml:"tokens"`
	// How long those who have logged in are remembered, and what they did.
	Logins Logins `yaml:"logins"`
	// LDAP directories that check the passwords of users whose passwords are not
	// kept here, one for each realm. Whom a directory lets in for the first time
	// becomes a user; roles are given here.
	LDAP []LDAP `yaml:"ldap"`
	// WebRTC: where packets arrive and what is carried.
	Media Media `yaml:"media"`
	// How much one client, one room and the whole server may take. Whoever meets
	// a limit gets the error named beside it, in the words of their protocol; each
	// refusal is counted in `switchboard_limit_refusals_total{limit="…"}`.
	Limits Limits `yaml:"limits"`
	// What the server writes about itself, to standard error.
	Log Log `yaml:"log"`
	// Prometheus metrics at `/metrics`.
	Metrics Metrics `yaml:"metrics"`
	// Profiles of the running server, for its developers.
	Pprof Pprof `yaml:"pprof"`
	// What happens at SIGTERM and SIGINT.
	Shutdown Shutdown `yaml:"shutdown"`
}

// Listen is one address to serve.
type Listen struct {
	// Host and port to bind, such as `127.0.0.1:8080`, `[::1]:8080`, or `:8080`
	// for every address of the machine.
	Address string `yaml:"address"`
	// Serve TLS here. Left out, it is on whenever `tls.mode` is not `off`.
	TLS *bool `yaml:"tls"`
	// Name of the only dialect to serve here, at any path unless its paths differ in
	// what is spoken there (`omikron`), for clients with a port of their own or a
	// path that cannot be set. Empty: all dialects, each at its own path, with the
	// pages and the API.
	Dialect string `yaml:"dialect"`
}

// Store says where the stored part of the state is.
type Store struct {
	// `sqlite` for one file `switchboard.db` in the data directory,
	// `sqlite:PATH` for a file of another name, or the URL of a PostgreSQL
	// database, `postgres://user:password@host/database`.
	URL Secret `yaml:"url"`
}

// TLS says where certificates come from.
type TLS struct {
	// `off`, `files` (certificate and key below, read again when they change),
	// `acme` (from a certificate authority such as Let's Encrypt), or
	// `self-signed` (made at first start and kept in the data directory;
	// browsers warn about it).
	Mode string `yaml:"mode"`
	// PEM file with the certificate and its chain, for mode `files`.
	CertFile string `yaml:"cert_file"`
	// PEM file with the private key, for mode `files`.
	KeyFile string `yaml:"key_file"`
	// ACME, for mode `acme`.
	ACME ACME `yaml:"acme"`
}

// ACME says for which names to obtain certificates, and from whom.
type ACME struct {
	// Host names to obtain certificates for. The authority must reach this
	// server under each of them on port 443.
	Domains []string `yaml:"domains"`
	// Address that the authority may write to. May be empty.
	Email string `yaml:"email"`
	// Directory URL of the authority. Empty: Let's Encrypt.
	Directory string `yaml:"directory"`
	// PEM file with root certificates to trust when talking to the authority,
	// for an authority inside the house. Empty: those of the system.
	RootsFile string `yaml:"roots_file"`
}

// Tokens says which signed tokens are believed.
type Tokens struct {
	// Shared secret of tokens signed with HS256, at least 32 bytes. Empty: no such
	// token is believed.
	HS256Secret Secret `yaml:"hs256_secret"`
	// URL at which the signer publishes public keys as a JSON Web Key Set: https, or
	// http on this machine. Keys are fetched again when a token names a new one.
	// Empty: no token signed with a private key is believed.
	KeysURL string `yaml:"keys_url"`
	// What the claim `iss` must be. Empty: not looked at.
	Issuer string `yaml:"issuer"`
	// What the claim `aud` must contain. Empty: not looked at.
	Audience string `yaml:"audience"`
}

// Believed tells whether any token is.
func (t Tokens) Believed() bool { return t.HS256Secret.IsSet() || t.KeysURL != "" }

// Logins says for how long people are remembered.
type Logins struct {
	// How long a client may log in again without the password (by what it was
	// given at the last login) since then or since it last asked for more time.
	Lifetime time.Duration `yaml:"lifetime"`
	// How long the audit log is kept: logins, and every change that an
	// administrator makes. 0: for ever.
	AuditLifetime time.Duration `yaml:"audit_lifetime"`
}

// LDAP is one directory.
type LDAP struct {
	// Realm whose users it knows. Empty: the one that every server has.
	Realm string `yaml:"realm"`
	// `ldaps://host[:port]` or `ldap://host[:port]`.
	URL string `yaml:"url"`
	// Encrypt a connection to `ldap://` before anything is said on it.
	StartTLS bool `yaml:"starttls"`
	// Allow `ldap://` to another machine without encryption, so that whoever reads
	// the network reads passwords.
	AllowPlain bool `yaml:"allow_plain"`
	// PEM file with the certificates that sign the directory's. Empty: those of
	// the system.
	CAFile string `yaml:"ca_file"`
	// Name under which a user logs in to the directory, with `%s` where the user's
	// id goes: `uid=%s,ou=people,dc=example,dc=org`.
	UserDN string `yaml:"user_dn"`
	// How long a login may wait for the directory; then the user is told that it is
	// not possible now. 0: 5s.
	Timeout time.Duration `yaml:"timeout"`
	// Connections to the directory at one time. 0: 16.
	Connections int `yaml:"connections"`
}

// Media says where WebRTC packets arrive and what is carried.
type Media struct {
	// Address and port for all WebRTC packets, UDP and TCP on the same number.
	// On a server: `0.0.0.0:7881`, and let the firewall pass that port.
	Address string `yaml:"address"`
	// IP addresses that clients are told to send to, when they differ from those
	// of this machine (behind NAT, in a container). Empty: the machine's own.
	PublicAddresses []string `yaml:"public_addresses"`
	// Accept packets over TCP also, for clients whose network blocks UDP.
	TCP bool `yaml:"tcp"`
	// Sockets that share the UDP port. 0: one for each core.
	Sockets int `yaml:"sockets"`
	// Video codecs to offer and accept, the preferred first: `VP8`, `H264`,
	// `VP9`, `AV1`. Sound is Opus.
	VideoCodecs []string `yaml:"video_codecs"`
	// Folder of files that clients may have played: Ogg with Opus, WebM with Opus,
	// VP8 or VP9, WAV with PCM. Empty: none.
	Files string `yaml:"files"`
	// Bring everybody who is mixed slowly to one loudness.
	AGC bool `yaml:"agc"`
	// First UDP port of plain RTP, for gateways: two for each connection, without
	// encryption, so let only the gateways' network reach them.
	PlainPortMin int `yaml:"plain_port_min"`
	// Last UDP port of plain RTP.
	PlainPortMax int `yaml:"plain_port_max"`
	// Built-in relay for clients that reach the server only through one.
	TURN TURN `yaml:"turn"`
}

// TURN configures the built-in relay.
type TURN struct {
	// Run the relay and offer it to clients.
	Enabled bool `yaml:"enabled"`
	// Address and port of the relay, UDP and TCP on the same number.
	Address string `yaml:"address"`
	// Shared secret from which the time-limited passwords of clients are made.
	// Empty: a new one at each start, enough for one server.
	Secret Secret `yaml:"secret"`
	// Realm that the relay names when it asks for a password.
	Realm string `yaml:"realm"`
	// How long a password given to a client is good for.
	Lifetime time.Duration `yaml:"lifetime"`
	// First UDP port on which relayed packets leave.
	RelayPortMin int `yaml:"relay_port_min"`
	// Last UDP port on which relayed packets leave.
	RelayPortMax int `yaml:"relay_port_max"`
}

// Limits bounds what others can make the server spend. Every limit is at
// least 1; none can be switched off.
type Limits struct {
	// Largest message a client may send, to others too. Larger: the socket is
	// closed with code 1009. In `kurento` it is 1 MB whatever stands here, in
	// `openvocs` 8 MB for who has logged in.
	MessageBytes Size `yaml:"message_bytes"`
	// Messages a second that one connection may send over time. Faster: the
	// connection is read no faster than this, so the client's own sending slows.
	MessagesPerSecond int `yaml:"messages_per_second"`
	// Messages that one connection may send at once, above the rate.
	MessageBurst int `yaml:"message_burst"`
	// Connections the server holds. More: HTTP 503 at the upgrade.
	Connections int `yaml:"connections"`
	// Connections from one IP address. More: HTTP 429 at the upgrade.
	ConnectionsPerAddress int `yaml:"connections_per_address"`
	// Rooms at one time. More: `Unavailable`, "no more rooms can be made".
	Rooms int `yaml:"rooms"`
	// Participants in one room; a room may have a lower limit of its own. More:
	// `Unavailable`, "room … is full".
	ParticipantsPerRoom int `yaml:"participants_per_room"`
	// Rooms one session may be in. More: `Unavailable`, "too many rooms entered".
	RoomsPerSession int `yaml:"rooms_per_session"`
	// Rooms that one session has opened and that are still there, also empty ones
	// that linger. More: `Unavailable`, "too many rooms opened".
	RoomsOpenedPerSession int `yaml:"rooms_opened_per_session"`
	// Rooms that one session may watch without being in them. More:
	// `Unavailable`, "too many rooms watched".
	RoomsWatchedPerSession int `yaml:"rooms_watched_per_session"`
	// Media connections of one session. More: `Unavailable`, "too many media
	// connections".
	TransportsPerSession int `yaml:"transports_per_session"`
	// Streams that one participant may publish. More: `Unavailable`, "too many
	// streams".
	PublicationsPerParticipant int `yaml:"publications_per_participant"`
	// Streams that one session may receive. More: `Unavailable`, "too many
	// subscriptions".
	SubscriptionsPerSession int `yaml:"subscriptions_per_session"`
	// Directories that one session may watch or be announced in. More:
	// `Unavailable`, "too many directories".
	DirectoriesPerSession int `yaml:"directories_per_session"`
	// Directories that one room may be listed in. More: `Unavailable`, "listed too
	// often".
	ListingsPerRoom int `yaml:"listings_per_room"`
	// Calls and invitations of one session that are open, made and received. More:
	// `Unavailable`, "too many calls at once".
	CallsPerSession int `yaml:"calls_per_session"`
	// Names by which others find what one session has, such as its media sessions
	// in `nkmedia`. More: `Unavailable`, "too many names claimed".
	ClaimsPerSession int `yaml:"claims_per_session"`
	// Topics that one session may follow, such as subscriptions in `nkmedia`. More:
	// `Unavailable`, "too many topics followed".
	TopicsPerSession int `yaml:"topics_per_session"`
	// Length of a name of a user, a room or a stream, in bytes of UTF-8. Longer:
	// `Invalid`, "names can have at most … bytes".
	NameBytes Size `yaml:"name_bytes"`
	// Opaque status that a participant or user may set. Larger: `Invalid`, "a
	// status can have at most … bytes".
	StatusBytes Size `yaml:"status_bytes"`
	// Statuses of one session, in all its rooms and directories together. More:
	// `Unavailable`, "too much status".
	StatusBytesPerSession Size `yaml:"status_bytes_per_session"`
	// Opaque data of one room, all keys and values together. More: `Invalid`, "a
	// room's data can have at most … bytes".
	RoomDataBytes Size `yaml:"room_data_bytes"`
	// Events waiting for one session that its client has not read yet. Messages
	// from other users may fill half of it, then their sender gets `Unavailable`;
	// when it is full the session ends with the reason `slow`.
	MailboxBytes Size `yaml:"mailbox_bytes"`
}

// Log says what is written about the server's own doings.
type Log struct {
	// `debug` (wire messages too), `info`, `warn` or `error`.
	Level string `yaml:"level"`
	// `text` for people or `json` for collectors.
	Format string `yaml:"format"`
}

// Metrics says who may read the metrics.
type Metrics struct {
	// Bearer token that a reader from another machine must send. Empty: only
	// this machine may read them; others get HTTP 403.
	Token Secret `yaml:"token"`
}

// Pprof says where profiles are served.
type Pprof struct {
	// Address on this machine to serve profiles on, such as `127.0.0.1:6060`.
	// Empty: nowhere. Profiles show the memory of the server, so other addresses
	// are refused.
	Address string `yaml:"address"`
}

// Shutdown says how the server stops.
type Shutdown struct {
	// How long calls and media in progress may go on after new clients are
	// refused. A second signal ends the wait.
	Drain time.Duration `yaml:"drain"`
}
