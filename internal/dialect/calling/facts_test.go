package calling_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// internal are the facts of dossier 7 that say nothing about the wire, with
// what stands for them here.
var internalFacts = map[int]string{
	106: "start-up hooks: there are none; app lists what is started",
	107: "the same",
	108: "commands of several modules coexist: requestOf is one table",
}

// TestEveryFactIsPlayed compares the numbers of the facts of dossier 7 with
// those that transcripts say they play.
func TestEveryFactIsPlayed(t *testing.T) {
	const facts = 128
	played := map[int]string{}
	for path, text := range transcripts(t) {
		for line := range strings.Lines(text) {
			list, ok := strings.CutPrefix(line, "# facts:")
			if !ok {
				continue
			}
			for _, word := range strings.Fields(list) {
				n, err := strconv.Atoi(word)
				if err != nil || n < 1 || n > facts {
					t.Errorf("%s: there is no fact %s", path, word)
				}
				played[n] = path
			}
		}
	}
	for n := 1; n <= facts; n++ {
		if played[n] == "" && internalFacts[n] == "" {
			t.Errorf("fact %d is in no transcript", n)
		}
	}
}

// TestEveryMessageIsPlayed looks for every request, event and error of dossier
// 2.2 and 6 in the transcripts.
func TestEveryMessageIsPlayed(t *testing.T) {
	var all strings.Builder
	for _, text := range transcripts(t) {
		all.WriteString(text)
	}
	for _, request := range strings.Fields(`ping remote_ping remote_timeout status ns_subscribe ns_unsubscribe ns_user_register
		ns_user_unregister ns_room_register ns_room_unregister room_join room_leave room_peer_status room_peer_update room_status
		room_peer_to invite_send invite_cancel invite_accept invite_deny`) {
		asked := regexp.MustCompile(`> *\{"type":"` + request + `"`)
		if !asked.MatchString(all.String()) {
			t.Errorf("request %s is in no transcript", request)
		}
	}
	for _, event := range strings.Fields(`hello answer error ping ns_user_add ns_user_rm ns_user_update user_update ns_room_add ns_room_rm
		ns_room_update ns_room_peer_add ns_room_peer_rm ns_room_peer_update ns_room_user_add ns_room_user_rm ns_room_user_update
		room_update room_peer_add room_peer_rm room_peer_update room_peer_from invite_incoming invite_response invite_cancelled`) {
		told := regexp.MustCompile(`< *\{"type":"` + event + `"`)
		if !told.MatchString(all.String()) {
			t.Errorf("event %s is in no transcript", event)
		}
	}
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := regexp.MustCompile(` wrong = "([^"]*)"`).FindAllSubmatch(source, -1)
	if len(texts) < 20 {
		t.Fatalf("only %d errors found", len(texts))
	}
	for _, text := range texts {
		if s := string(text[1]); s != "Internal error" && !strings.Contains(all.String(), `"error":"`+s+`"`) {
			t.Errorf("error %q is in no transcript", s)
		}
	}
}

// errorsOf is dossier 2.2: what can be wrong with each request besides its
// fields.
var errorsOf = map[string][]string{
	"ping":               nil,
	"remote_ping":        nil,
	"remote_timeout":     nil,
	"status":             nil,
	"ns_subscribe":       {"User was already subscribed to that namespace"},
	"ns_unsubscribe":     {"Namespace does not exist", "User was not subscribed to namespace"},
	"ns_user_register":   {"User was already registered to that namespace"},
	"ns_user_unregister": {"Namespace does not exist", "User was not registered to namespace"},
	"ns_room_register":   {"Room does not exist", "Room was already registered to that namespace"},
	"ns_room_unregister": {"Namespace does not exist", "Room does not exist", "Room was not registered to namespace"},
	"room_join":          {"User is already in room"},
	"room_leave":         notInside,
	"room_peer_status":   notInside,
	"room_peer_update":   notInside,
	"room_status":        append([]string{"Status not in expected state"}, notInside...),
	"room_peer_to":       append([]string{"Unknown recipient", "Recipient is pending"}, notInside...),
	"invite_send":        {"Unknown recipient", "User is already in room"},
	"invite_cancel":      {"Invalid invitation handle"},
	"invite_accept":      {"Invalid invitation handle"},
	"invite_deny":        {"Invalid invitation handle"},
}

var notInside = []string{"Room does not exist", "You are not in the room", "You are only invited to the room"}

// TestEveryErrorIsPlayed looks for each error as the answer to each request that
// can have it, and for each request with each fault of its fields.
func TestEveryErrorIsPlayed(t *testing.T) {
	line := regexp.MustCompile(`^(\w+)([<>]) +\{"type":"(\w+)".*"tid":([^,}]+)(?:,"error":"([^"]*)")?`)
	played := map[string]bool{}
	for _, text := range transcripts(t) {
		asked := map[string]string{} // the last request of a client under an id
		for l := range strings.Lines(strings.ReplaceAll(text, "\n\t", "")) {
			m := line.FindStringSubmatch(l)
			switch {
			case m == nil:
			case m[2] == ">":
				asked[m[1]+m[4]] = m[3]
			default:
				played[asked[m[1]+m[4]]+": "+m[5]] = true
			}
		}
	}
	for request, texts := range errorsOf {
		texts = append([]string{"", "Unexpected field in message"}, texts...)
		if request != "ping" { // it has no fields
			texts = append(texts, "Missing element in message", "Type mismatch in message")
		}
		for _, text := range texts {
			if !played[request+": "+text] {
				t.Errorf("in no transcript: %s answered with %q", request, text)
			}
		}
	}
}

func transcripts(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.talk")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(text)
	}
	return texts
}
