package config

import "time"

// Dialects holds one section for each protocol.
type Dialects struct {
	// JSON-RPC video rooms at `/room`, as clients of Kurento Room speak it.
	Kurento Kurento `yaml:"kurento"`
	// Presence, rooms and invitations for browsers that talk to each other
	// directly, at `/signaling`, as clients of calling-signaling (rtc-lib) speak it.
	Calling Calling `yaml:"calling"`
	// Clients and their home servers (Iotas), presence and call groups, at
	// `/ws/client/`, `/ws/iota/` and `/ws/call/`, as those of Tensamin speak it,
	// with the directory that they ask at `/api/`.
	Omikron Omikron `yaml:"omikron"`
	// Media sessions, rooms and calls driven by an application, at `/nkmedia` and
	// `/nkapi/ws`, as clients of NkMEDIA speak it.
	NkMEDIA NkMEDIA `yaml:"nkmedia"`
	// Voice loops for operations rooms at `/api`, as the web client and the
	// administrators' client of openvocs speak it. Users, roles and loops are in the
	// store.
	Openvocs Openvocs `yaml:"openvocs"`
}

// Openvocs holds the options of the dialect of that name.
type Openvocs struct {
	// Who may use the dialect: `open` (whoever logs in as a user of the store or of
	// its directory), or `off`. There are no guests.
	Access string `yaml:"access"`
	// Which web pages may connect by this dialect, as in `origins`, instead of
	// that list. Empty: that list.
	Origins Origins `yaml:"origins"`
	// Directory with a copy of the web client (its `src/HTML`), to be served at
	// `/app/`, `/components/`, `/css/`, `/extensions/`, `/fonts/`, `/images/`, `/lib/`
	// and `/plugin/`, with the scripts `/config_vocs.js` and `/VERSION.js` made from
	// this configuration. Empty: it is not served.
	Static string `yaml:"static"`
	// Further servers that the web client logs in to, to go on there when this one
	// cannot be reached: addresses such as `wss://backup.example.org`.
	Servers []string `yaml:"servers"`
	// Whether the web client's button talks while it is held; otherwise it mutes
	// and unmutes.
	PushToTalk bool `yaml:"push_to_talk"`
	// Whether users of the web client may talk in several loops at once.
	MultiTalk bool `yaml:"multi_talk"`
}

// Kurento holds the options of the dialect of that name.
type Kurento struct {
	// Who may use the dialect: `open` (anybody, under any name), `token` (who
	// brings a signed token, see `tokens`), or `off`.
	Access string `yaml:"access"`
	// Which web pages may connect by this dialect, as in `origins`, instead of
	// that list. Empty: that list.
	Origins Origins `yaml:"origins"`
	// Bearer token for closing rooms and evicting by REST. Empty: those
	// requests are refused.
	AdminToken Secret `yaml:"admin_token"`
	// Regular expression that a user's whole name must match, in upper or lower
	// case, to create a room (`demo.authRegex`). Others may join rooms that
	// exist; they get error 204.
	RoomCreators string `yaml:"room_creators"`
	// Most that a publisher is asked to send as video, in kbit/s.
	MaxVideoKbps int `yaml:"max_video_kbps"`
	// Most participants with sound and no picture that a client is shown one by
	// one. Where there are more, they are one participant called `mix`, whose
	// stream is all of them together.
	MostVoices int `yaml:"most_voices"`
	// Milliseconds between two looks at who is speaking, told to the demo client
	// (`updateSpeakerInterval`).
	SpeakerInterval int `yaml:"speaker_interval"`
	// Level in dB above which somebody counts as speaking, told to the demo
	// client (`thresholdSpeaker`).
	SpeakerThreshold int `yaml:"speaker_threshold"`
	// Key that the demo client uses for its filter button: `hat` or `marker`
	// (`demo.filterType`). The filter itself is accepted and does nothing.
	FilterParam string `yaml:"filter_param"`
	// Tell the demo client to show its own picture as it comes back from the
	// server (`demo.loopback.remote`).
	LoopbackRemote bool `yaml:"loopback_remote"`
	// Tell the demo client to show both its own picture and the one that comes
	// back (`demo.loopback.andLocal`).
	LoopbackAndLocal bool `yaml:"loopback_and_local"`
}

// NkMEDIA holds the options of the dialect of that name.
type NkMEDIA struct {
	// Who may use the dialect: `open` (whoever logs in as a user of this server),
	// or `off`. There are no guests.
	Access string `yaml:"access"`
	// Which web pages may connect by this dialect, as in `origins`, instead of
	// that list. Empty: that list.
	Origins Origins `yaml:"origins"`
	// What clients that name none believe the server to be: `g1` (the published
	// page of July 2016: errors are 1000 or 2000), `g2` (a number for each error;
	// what NcClient knows), `g3` (six digits), or `g4` (names; events are no
	// requests).
	Generation string `yaml:"generation"`
	// Who may control sessions and connections of another: `user` (the same user,
	// and administrators), or `anybody` who knows the id, as in the original.
	Control string `yaml:"control"`
	// What guests of other dialects may do in rooms that this dialect makes:
	// `none`, `listen` or `talk`.
	Guests string `yaml:"guests"`
	// How long a client may take to reply to a request of the server's, be it an
	// event, a ping or an invitation to a call.
	ReplyLimit time.Duration `yaml:"reply_limit"`
	// Close the connection of a client that takes longer, as the original does.
	// Otherwise only a ping closes it; an event is given up, an invitation counts
	// as refused.
	Strict bool `yaml:"strict"`
	// Time between two pings.
	PingInterval time.Duration `yaml:"ping_interval"`
	// How long a connection may say nothing.
	IdleLimit time.Duration `yaml:"idle_limit"`
	// How long a session waits for its answer unless it names a time.
	WaitTimeout time.Duration `yaml:"wait_timeout"`
	// How long a session with an answer lasts unless it names a time.
	ReadyTimeout time.Duration `yaml:"ready_timeout"`
	// How long a call rings unless it names a time.
	RingTime time.Duration `yaml:"ring_time"`
	// How long a room stays that nobody is in unless it names a time.
	RoomTimeout time.Duration `yaml:"room_timeout"`
	// How long sessions wait for a client whose connection broke; it goes on by
	// logging in with its former `session_id`. 0: not at all, as clients expect.
	Grace time.Duration `yaml:"grace"`
	// Most that a client is asked to send as video, in kbit/s, unless it names a
	// bitrate. 0: no bound.
	VideoKbps int `yaml:"video_kbps"`
	// What clients give bitrates in: `kbps`, `bps`, or `guess` (below 10000 kbit/s,
	// else bit/s; the published page has both).
	BitrateUnit string `yaml:"bitrate_unit"`
	// File that parked sessions hear, of the folder that is played from. Empty:
	// silence.
	ParkMusic string `yaml:"park_music"`
}

// Omikron holds the options of the dialect of that name.
type Omikron struct {
	// Who may use the dialect: `open` (whoever the directory knows and proves to
	// be that by their key), or `off`. There are no guests.
	Access string `yaml:"access"`
	// Which web pages may connect by this dialect and ask its directory, as in
	// `origins`, instead of that list. Empty: that list.
	Origins Origins `yaml:"origins"`
	// Whether clients may identify by the hash of their private key, as all of
	// 2025 do, and edit their profile and make passkeys by it. Who has seen it once
	// can use it again. Otherwise they have to answer a challenge, and the directory
	// takes no hash.
	LegacyClients bool `yaml:"legacy_clients"`
	// Whether Iotas may identify by their id alone, as all of 2025 do. Otherwise
	// each needs a secret, made by `switchboard omikron iota secret`.
	LegacyIotas bool `yaml:"legacy_iotas"`
	// Whether Iotas may register users by HTTP. Otherwise users are made by
	// `switchboard omikron user add` and `import`.
	Registration bool `yaml:"registration"`
	// Domain for which people can sign in by passkey (WebAuthn): that of the pages
	// that do so or one above it, such as example.org. Those pages must be in
	// `origins`. Empty: not offered.
	PasskeyDomain string `yaml:"passkey_domain"`
	// URL of an auth server that knows users, keys and Iotas, such as
	// https://auth.example.org, or an http one of this machine, instead of the
	// directory here. Empty: the directory here.
	AuthURL string `yaml:"auth_url"`
	// What this server shows the auth server as its `Authorization`.
	AuthID Secret `yaml:"auth_id"`
	// How long an empty call group stays, with its secret. 0: not at all.
	Linger time.Duration `yaml:"linger"`
	// Whether the server takes part in call groups that have no secret: `peer`
	// (never: members send to each other only) or `server` (it is a peer in the
	// name of each member who came by another protocol, so that all hear each
	// other). What members encrypt is for them alone in any case.
	Media string `yaml:"media"`
	// How many can be in one call group; everybody sends to everybody.
	Members int `yaml:"members"`
}

// Calling holds the options of the dialect of that name.
type Calling struct {
	// Who may use the dialect: `open` (anybody), `token` (who brings a signed
	// token in the URL, `?token=…`, see `tokens`), or `off`.
	Access string `yaml:"access"`
	// Which web pages may connect by this dialect, as in `origins`, instead of
	// that list. Empty: that list.
	Origins Origins `yaml:"origins"`
	// How long a room stays, with its status, when its last peer has left
	// (`CALLING_ROOM_TIMEOUT`). 0: not at all.
	Linger time.Duration `yaml:"linger"`
	// Who may register a room in a namespace and take it off: `anybody`, as
	// clients expect, or `insiders`, those who are in the room. Of rooms that this
	// dialect opens; others get "You are not in the room".
	Listing string `yaml:"listing"`
	// Who may invite into a room: `anybody`, as clients expect, or `insiders`, as
	// above. With `anybody` one can invite oneself, and so see who is in a room.
	Inviting string `yaml:"inviting"`
	// Who carries the media of rooms that this dialect opens: `peer`, the clients
	// from one to the other, encrypted end to end; or `server`, so that people who
	// came in by other dialects are seen and heard, and see and hear. Rooms that
	// others opened are as they were opened.
	Media string `yaml:"media"`
}
