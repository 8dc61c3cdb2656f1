package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"switchboard/internal/auth"
	"switchboard/internal/store"
	"switchboard/internal/store/sql"
)

// loopRows measure the mixer: one loop in which three talk all the time, besides
// the probe, and everybody's microphone is open; and what those cost who neither
// talk nor hear anybody, beside the pair that the tool cannot do without.
func loopRows() []row {
	floor := func(n string) row {
		return row{"floor, mixed for " + n, nil, []string{"floor", "-core", "0", "-n", n, "-mode", "mix", "-talkers", "3"}, []want{{"CPU a packet", "µs", perPacket, 0}}}
	}
	loop := func(n string, wants ...want) row {
		return row{"switchboard, openvocs: loop of " + n, (*bench).loops, openvocs("-n", n, "-talkers", "3"), wants}
	}
	pairs := func(n string) []string {
		return openvocs("-n", "2", "-rooms", n, "-talkers", "0", "-silence=false", "-warm", "15s", "-window", "20s")
	}
	delays := func(median, worst float64) []want {
		return []want{{"added delay, median", "ms", addedP50, median}, {"added delay, p99", "ms", addedP99, worst}}
	}
	return []row{
		floor("50"),
		loop("50", append([]want{{"CPU a mixed packet", "µs", perMixed, 60}, {"memory a member", "KiB", perMember, 350}}, delays(10, 18)...)...),
		floor("300"),
		loop("300", append([]want{{"CPU a mixed packet", "µs", perMixed, 25}, {"memory a member", "KiB", perMember, 350}, {"of a core", "%", ofCore, 100}, {"of the tool's core", "%", ofTool, 0}}, delays(10, 18)...)...),
		{"switchboard, openvocs: a talker, a listener", (*bench).manyLoops, pairs("1"), []want{{"of a core", "%", ofCore, 0}}},
		{"switchboard, openvocs: and 998 silent", (*bench).manyLoops, pairs("500"), []want{{"of a core", "%", ofCore, 0}, {"memory a member", "KiB", perMember, 350}}},
	}
}

func openvocs(more ...string) []string {
	return append([]string{"mix", "-system", "openvocs", "-parallel", "2", "-opt", "role=bench,password=bench"}, more...)
}

// mixed is what loadtool says of a mix.
type mixed struct {
	PerMixed     float64 `json:"cpu_s_per_1000_mixed_packets"`
	KiBPerMember float64 `json:"rss_kib_per_participant"`
	MouthToEar   struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
	} `json:"mouth_to_ear_ms"`
	Codec float64 `json:"codec_and_framing_ms"`
}

var (
	perMixed  = func(r result) float64 { return r.PerMixed * 1000 }
	perMember = func(r result) float64 { return r.KiBPerMember }
	addedP50  = func(r result) float64 { return r.MouthToEar.P50 - r.Codec }
	addedP99  = func(r result) float64 { return r.MouthToEar.P99 - r.Codec }
	ofCore    = func(r result) float64 { return 100 * r.ServerCores }
	ofTool    = func(r result) float64 { return 100 * r.ToolCores }
)

const (
	loopUsers = 1000   // that the server under test knows
	loopsMade = 10_000 // that it knows when there are to be many
	loopsUsed = 500    // in which the role bench may talk then
)

// loops starts the server with users in a role that may talk in the loop bench.
func (b *bench) loops(ctx context.Context) (*server, error) { return b.openvocs(ctx, 1, 1) }

// manyLoops starts it with loops besides: bench1, bench2 and so on, as the tool
// calls them, of which the role knows the first.
func (b *bench) manyLoops(ctx context.Context) (*server, error) {
	return b.openvocs(ctx, loopsMade, loopsUsed)
}

func (b *bench) openvocs(ctx context.Context, made, used int) (*server, error) {
	data, err := os.MkdirTemp(b.folder, "data")
	if err != nil {
		return nil, err
	}
	if err := seedLoops(ctx, "sqlite:"+filepath.Join(data, "switchboard.db"), made, used); err != nil {
		return nil, fmt.Errorf("making users: %w", err)
	}
	s, err := b.start(ctx, data, "dialects: {openvocs: {access: open}}\n")
	if s != nil {
		s.url = s.url[:len(s.url)-len("/room")] + "/api"
	}
	return s, err
}

// seedLoops makes loops and users.
func seedLoops(ctx context.Context, where string, made, used int) error {
	s, err := sql.Open(ctx, where)
	if err != nil {
		return err
	}
	defer s.Close()
	encoded, err := auth.NewHasher(auth.DefaultCost(), 1).Hash(ctx, "bench")
	if err != nil {
		return err
	}
	return s.Within(ctx, func(tx store.Records) error {
		if _, err := tx.CreateRealm(ctx, store.Realm{ID: "default", Name: "default"}); err != nil {
			return err
		}
		if _, err := tx.CreateRole(ctx, store.Role{Realm: "default", ID: "bench", Name: "bench"}); err != nil {
			return err
		}
		for n := range made {
			id := "bench"
			if n > 0 {
				id += strconv.Itoa(n)
			}
			if _, err := tx.CreateRoom(ctx, store.Room{Realm: "default", ID: id, Name: id, Media: store.MediaServer, Listening: store.ListeningMix}); err != nil {
				return err
			}
			if n >= used {
				continue
			}
			if err := tx.SetPermission(ctx, store.Permission{Realm: "default", Role: "bench", Room: id, Access: store.AccessTalk}); err != nil {
				return err
			}
		}
		for n := range loopUsers {
			id := "user" + strconv.Itoa(n)
			if _, err := tx.CreateUser(ctx, store.User{Realm: "default", ID: id, Name: id}); err != nil {
				return err
			}
			if err := tx.SetPassword(ctx, "default", id, encoded); err != nil {
				return err
			}
			if err := tx.AddMember(ctx, store.Member{Realm: "default", Role: "bench", User: id}); err != nil {
				return err
			}
		}
		return nil
	})
}
