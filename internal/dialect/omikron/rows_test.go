package omikron_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// plays lists what the transcripts play: "client> ping" for what is sent on a
// client's socket, "iota< pong" for what comes on an Iota's. Each has the texts
// that were played.
func plays(t *testing.T) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.talk")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	all := map[string][]string{}
	kind := regexp.MustCompile(`"type":"([A-Za-z_]+)"`)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sockets := map[string]string{}
		text := strings.NewReplacer("\n ", " ", "\n\t", " ").Replace(string(b)) // continued lines
		for line := range strings.Lines(text) {
			name, rest, _ := strings.Cut(line, " ")
			if who, opens := strings.CutSuffix(name, ":"); opens {
				if p, ok := strings.CutPrefix(strings.TrimSpace(rest), "open /ws/"); ok {
					sockets[who] = strings.Trim(p, "/")
				}
				continue
			}
			if len(name) < 2 || !strings.ContainsAny(name[len(name)-1:], "<>") {
				continue
			}
			if found := kind.FindStringSubmatch(rest); found != nil {
				what := sockets[name[:len(name)-1]] + name[len(name)-1:] + " " + plainName(found[1])
				all[what] = append(all[what], rest)
			}
		}
	}
	return all
}

func plainName(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

// TestEveryRowIsPlayed looks in the transcripts for every row of the message
// table of dossier 8, in the directions that it has.
func TestEveryRowIsPlayed(t *testing.T) {
	all := plays(t)
	for row, wanted := range map[string]string{
		"identification (Iota)":            "iota> identification",
		"identification_response (Iota)":   "iota< identification_response",
		"identification (client)":          "client> identification",
		"identification_response (client)": "client< identification_response",
		"identification (call)":            "call> identification",
		"identification_response (call)":   "call< identification_response",
		"ping / pong (client)":             "client> ping, client< pong",
		"ping / pong (Iota)":               "iota> ping, iota< pong",
		"ping / pong (call)":               "call> ping, call< pong",
		"client_connected (call)":          "call< client_connected",
		"client_connected":                 "iota< client_connected",
		"client_changed (call)":            "call> client_changed, call< client_changed",
		"client_changed (presence)":        "client> client_changed, client< client_changed, client< success",
		"get_states":                       "client< get_states",
		"client_closed":                    "call< client_closed",
		"client_disconnected":              "call< client_disconnected",
		"webrtc_sdp, webrtc_ice":           "call> webrtc_sdp, call< webrtc_sdp, call> webrtc_ice, call< webrtc_ice",
		"watch_stream":                     "call> watch_stream, call< watch_stream",
		"start_stream, end_stream":         "call> start_stream, call< start_stream, call> end_stream, call< end_stream",
		"call_invite":                      "client> call_invite, client< call_invite",
		"new_call":                         "client< new_call",
		"get_call":                         "client> get_call, client< get_call",
		"get_chats":                        "client> get_chats, iota< get_chats, iota> get_chats, client< get_chats",
		"message_other_iota, send_chat":    "iota> message_other_iota, iota< message_other_iota, iota> send_chat, iota< send_chat",
		"message_live":                     "iota> message_live, client< message_live",
		"error, error_*": "client< error, iota< error, call< error, client< error_no_iota, client< error_invalid_user_id, " +
			"client< error_invalid_private_key, call< error_invalid_secret, iota< error_no_iota, iota< error_invalid_user_id, iota< error_invalid_secret",
		"message / message_send / … (to the Iota and back)": "client> message, client> message_send, client> message_get, client> messages_get, client> add_chat, " +
			"client> get_communities, client> add_community, client> remove_community, client> settings_save, client> settings_load, client> settings_list, " +
			"client> shared_secret_set, client> shared_secret_get, iota< message, iota< message_send, iota< message_get, iota< messages_get, iota< add_chat, " +
			"iota< get_communities, iota< add_community, iota< remove_community, iota< settings_save, iota< settings_load, iota< settings_list, " +
			"iota< shared_secret_set, iota< shared_secret_get, client< message, client< message_chunk, client< messages_get, client< add_chat, " +
			"client< get_communities, client< add_community, client< remove_community, client< settings_save, client< settings_load, client< settings_list, " +
			"client< shared_secret_return",
	} {
		for play := range strings.SplitSeq(wanted, ", ") {
			side, kind, _ := strings.Cut(play, " ")
			if len(all[side+" "+plainName(kind)]) == 0 {
				t.Errorf("row %q: %s is in no transcript", row, play)
			}
		}
	}
}

// TestEverySlipIsPlayed looks for every row of the table of slips (dossier 6) and
// of the tables of ping, states, failures and the directory (3.3, 4.3 to 5.3).
func TestEverySlipIsPlayed(t *testing.T) {
	all := plays(t)
	const server = `"sender":"22222222-2222-2222-2222-222222222222","sender_id":"22222222-2222-2222-2222-222222222222"`
	for row, want := range map[string][2]string{
		"acceppted":                             {"client< identification_response", `"accepted":true,"acceppted":true`},
		"accepted_profiles with trailing comma": {"iota< identification_response", `000001,1b000000-0000-4000-8000-000000000002,"`},
		"accepted_ids with leading comma":       {"iota< identification_response", `"accepted_ids":",1a`},
		"denid_profiles":                        {"iota< identification_response", `"denied_profiles":"2c000000-0000-4000-8000-000000000003,","denid_profiles":"2c`},
		"hex-sha265 in upper case":              {"call> identification", `"private_key_hash":"BBBB`},
		"deafed":                                {"call< client_changed", `"call_state":"deafed"`},
		"deafened":                              {"call> client_changed", `"call_state":"deafened"`},
		"Pong to Client":                        {"client< pong", `"Pong to Client"`},
		"last_ping and ping_iota":               {"client< pong", `"last_ping":17,"ping_iota":17`},
		"the time of day in last_ping":          {"client> ping", `"last_ping":1756400000000`},
		"user_ping, user_pings, ping_clients":   {"iota< pong", `"ping_clients":{"1a000000-0000-4000-8000-000000000001":"42"}`},
		"roster of the seed":                    {"call< identification_response", `"user_ids":{"1a`},
		"roster of era 0":                       {"call< identification_response", `"user_states":{"1a000000-0000-4000-8000-000000000001":{"state":"streaming","streaming":true}`},
		"roster of era 1":                       {"call< identification_response", `"about":{"1a000000-0000-4000-8000-000000000001":{"state":"streaming","streaming":true}`},
		"client with iota_id":                   {"client> identification", `"iota_id":"10da`},
		"client without iota_id":                {"client> identification", `"data":{"user_id":`},
		"call with a secret":                    {"call> identification", `"call_secret_sha"`},
		"an invitation in the identification":   {"call> identification", `"receiver_id":"1b000000-0000-4000-8000-000000000002","call_secret"`},
		"client_changed carries both names":     {"call< client_changed", `"user_id":"1b000000-0000-4000-8000-000000000002","sender_id":"1b`},
		"sender and sender_id":                  {"client< message", server},
		"an id that is none":                    {"client> x", `"id":17`},
		"no id":                                 {"client> getcommunities", `{"type"`},
		"silence before identification":         {"iota> ping", `"LastPing":"-1"`},
		"the specific name in error_type":       {"client< error", `"error_type":"error_no_iota"`},
		"bad user_id":                           {"client< error_invalid_user_id", `"log":{"message":"`},
		"bad hash":                              {"client< error_invalid_private_key", `"log":{"message":"`},
		"no Iota":                               {"client< error_no_iota", `"log":{"message":"`},
		"wrong secret of a call":                {"call< error_invalid_secret", `"log":{"message":"`},
		"malformed ids":                         {"call< error", `call_id is missing or no UUID`},
		"ONLINE":                                {"client< client_changed", `"user_state":"ONLINE"`},
		"DND for do_not_disturb":                {"client< client_changed", `"user_state":"DND"`},
		"USER_OFFLINE":                          {"client< client_changed", `"user_state":"USER_OFFLINE"`},
		"IOTA_OFFLINE":                          {"client< client_changed", `"user_state":"IOTA_OFFLINE"`},
		"chats with calls":                      {"client< get_chats", `"call_active":true,"call_id":"ca110000-0000-7000-8000-000000000007","call_secret":"for bob","calls":["ca`},
		"get_call of none":                      {"client< get_call", `DESTROYED`},
		"an Iota of September":                  {"iota> identification", `"IotaId":"10da0000-0000-4000-8000-000000000000","UserIds":",`},
		"an Iota of October":                    {"iota> identification", `"sender":"8d`},
		"user_ids as an array":                  {"iota> identification", `"user_ids":["2c`},
		"the answer of an old Iota":             {"iota> message", `"receiver":"8d000000-0000-4000-8000-000000000004"`},
	} {
		side, kind, _ := strings.Cut(want[0], " ")
		played := false
		for _, text := range all[side+" "+plainName(kind)] {
			played = played || strings.Contains(strings.Join(strings.Fields(text), ""), strings.Join(strings.Fields(want[1]), ""))
		}
		if !played {
			t.Errorf("row %q: %s with %s is in no transcript", row, want[0], want[1])
		}
	}
	b, err := os.ReadFile("testdata/directory.talk")
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("testdata/passkeys.talk")
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range strings.Split(`GET /api/get/uuid/
GET /api/get/1a
POST /api/change/status/
POST /api/change/1a
POST /api/change/iota-id/
POST /api/change/keys/
GET /api/register/init
POST /api/register/complete
POST /api/delete/
GET /api/get/private-key-hash/
GET /api/get/iota-id/
POST /api/register/options/
POST /api/register/verify/
GET /api/login/options/
POST /api/login/verify/
GET /api/find_omikron/
OPTIONS /api/`, "\n") {
		if !strings.Contains(string(b)+string(more), "http> "+request) {
			t.Errorf("%s is in no transcript", request)
		}
	}
}

// TestSeedIsPlayed compares every message of the seed, with its keys and
// spellings as they are printed and made valid JSON, with seed.talk. The words
// long, boolean and states are as they are printed there.
func TestSeedIsPlayed(t *testing.T) {
	all := plays(t)
	for _, printed := range []struct{ play, log, keys string }{
		{"iota> identification", "Iota identifying", "iota_id user_ids"},
		{"iota< identification_response", "Iota identified", "accepted_profiles denid_profiles"},
		{"client> identification", "Client identifying", "iota_id user_id private_key_hash"},
		{"client< identification_response", "Client identified", "acceppted"},
		{"iota> ping", "Ping from Iota", "last_ping"},
		{"iota< pong", "Pong to Iota", "user_ping"},
		{"client> ping", "Ping from Client", "last_ping"},
		{"client< pong", "", "last_ping"}, // "Pong to Iota" there is a slip
		{"call> identification", "Client identifying", "call_id user_id private_key_hash"},
		{"call< identification_response", "Client identified", "acceppted user_ids"},
		{"call< client_connected", "", "user_id call_state user_state"},
		{"call> client_changed", "", "call_state user_state"},
		{"call< client_changed", "", "user_id call_state user_state"},
	} {
		found := false
		side, kind, _ := strings.Cut(printed.play, " ")
		for _, text := range all[side+" "+plainName(kind)] {
			var m struct {
				ID   string
				Log  struct{ Message string }
				Data map[string]any
			}
			if json.Unmarshal([]byte(text), &m) != nil || m.ID == "" || printed.log != "" && m.Log.Message != printed.log {
				continue
			}
			has := true
			for key := range strings.FieldsSeq(printed.keys) {
				_, there := m.Data[key]
				has = has && there
			}
			found = found || has
		}
		if !found {
			t.Errorf("%s with log %q and %s is in no transcript", printed.play, printed.log, printed.keys)
		}
	}
}
