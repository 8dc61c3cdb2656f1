package config

import "time"

// Default returns a configuration that works on a laptop without a file: one
// loopback address, plain HTTP, guests welcome, SQLite in ./data, demo rooms.
func Default() *Config {
	return &Config{
		Listen:  []Listen{{Address: "127.0.0.1:8080"}},
		Data:    "./data",
		Demo:    true,
		Origins: Origins{OriginSame, OriginLocal},
		Store:   Store{URL: NewSecret("sqlite")},
		TLS:     TLS{Mode: TLSOff},
		Dialects: Dialects{
			Kurento: Kurento{
				Access:           AccessOpen,
				RoomCreators:     ".*",
				MaxVideoKbps:     600,
				MostVoices:       12,
				SpeakerInterval:  1800,
				SpeakerThreshold: -50,
				FilterParam:      "hat",
			},
			Calling: Calling{
				Access:   AccessOpen,
				Linger:   10 * time.Minute,
				Listing:  CircleAnybody,
				Inviting: CircleAnybody,
				Media:    MediaPeer,
			},
			NkMEDIA: NkMEDIA{
				Access:       AccessOpen,
				Generation:   "g1",
				Control:      "user",
				Guests:       "talk",
				ReplyLimit:   10 * time.Second,
				PingInterval: time.Minute,
				IdleLimit:    3 * time.Minute,
				WaitTimeout:  time.Minute,
				ReadyTimeout: 24 * time.Hour,
				RingTime:     30 * time.Second,
				RoomTimeout:  5 * time.Minute,
				BitrateUnit:  "guess",
			},
			Omikron: Omikron{
				Access:        AccessOff,
				LegacyClients: true,
				LegacyIotas:   true,
				Media:         MediaPeer,
				Members:       32,
			},
			Openvocs: Openvocs{
				Access:     AccessOpen,
				PushToTalk: true,
			},
		},
		Logins: Logins{Lifetime: time.Hour},
		Media: Media{
			Address:     "127.0.0.1:7881",
			TCP:         true,
			VideoCodecs: []string{"VP8", "H264", "VP9", "AV1"},

			PlainPortMin: 40000,
			PlainPortMax: 40999,
			TURN: TURN{
				Address:      "127.0.0.1:3478",
				Realm:        "switchboard",
				Lifetime:     12 * time.Hour,
				RelayPortMin: 50000,
				RelayPortMax: 50999,
			},
		},
		Limits:   defaultLimits(),
		Log:      Log{Level: "info", Format: "text"},
		Shutdown: Shutdown{Drain: 10 * time.Second},
	}
}

func defaultLimits() Limits {
	return Limits{
		MessageBytes:               1 << 20,
		MessagesPerSecond:          100,
		MessageBurst:               400,
		Connections:                20000,
		ConnectionsPerAddress:      1000,
		Rooms:                      10000,
		ParticipantsPerRoom:        1000,
		RoomsPerSession:            200,
		RoomsOpenedPerSession:      400,
		RoomsWatchedPerSession:     2000,
		TransportsPerSession:       1000,
		PublicationsPerParticipant: 8,
		SubscriptionsPerSession:    2000,
		DirectoriesPerSession:      200,
		ListingsPerRoom:            32,
		CallsPerSession:            100,
		ClaimsPerSession:           2000,
		TopicsPerSession:           4000,
		NameBytes:                  256,
		StatusBytes:                64 << 10,
		StatusBytesPerSession:      1 << 20,
		RoomDataBytes:              256 << 10,
		MailboxBytes:               4 << 20,
	}
}
