package kurento_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sections of the published document ("seed"), by number.
var sections = []string{1: "Join room", "Participant joined event", "Publish video", "Participant published event",
	"Unpublish video", "Participant unpublished event", "Receive video", "Unsubscribe from video", "Send ICE Candidate",
	"Receive ICE Candidate event", "Leave room", "Participant left event", "Participant evicted event", "Send message",
	"Message sent event", "Media error event", "Custom request"}

// rows of the table in dossier 8, as they look in transcripts: what a client
// sends (>) or is sent (<), or an HTTP request.
var rows = []string{`> "method":"ping"`, `> "method":"connect"`, `> "method":"closeSession"`, `> "method":"joinRoom"`,
	`< "method":"participantJoined"`, `> "method":"publishVideo"`, `< "method":"participantPublished"`, `> "method":"unpublishVideo"`,
	`< "method":"participantUnpublished"`, `> "method":"receiveVideoFrom"`, `> "method":"unsubscribeFromVideo"`,
	`> "method":"onIceCandidate"`, `< "method":"iceCandidate"`, `> "method":"leaveRoom"`, `< "method":"participantLeft"`,
	`< "method":"participantEvicted"`, `> "method":"sendMessage"`, `< "method":"sendMessage"`, `< "method":"mediaError"`,
	`> "method":"customRequest"`, `< "method":"roomClosed"`, `< "method":"custonNotification"`, `< "sessionId"`, `< "error"`,
	`> GET /getAllRooms`, `> GET /getClientConfig`, `> POST /close`, `> GET /getUpdateSpeakerInterval`, `> GET /getThresholdSpeaker`,
	`< "code":-32601`}

// codes that clients can provoke (dossier 1.5).
var codes = []int{-32700, -32600, -32601, -32602, -32000, -1, 101, 102, 104, 105, 201, 202, 204, 302, 303, 304, 999, 40007}

func TestEverySectionIsImplementedAndPlayed(t *testing.T) {
	code, transcripts := text(t, "*.go"), text(t, "testdata/*.talk")
	for n := range sections {
		if n == 0 {
			continue
		}
		if !slices.Contains(named(code), n) {
			t.Errorf("seed %d (%s): no code names it", n, sections[n])
		}
		if !slices.Contains(named(transcripts), n) {
			t.Errorf("seed %d (%s): no transcript names it", n, sections[n])
		}
	}
	for _, n := range slices.Concat(named(code), named(transcripts)) {
		if n < 1 || n >= len(sections) {
			t.Errorf("seed %d is named, but there is no such section", n)
		}
	}
}

func TestEveryRowIsPlayed(t *testing.T) {
	played := text(t, "testdata/*.talk")
	lines := strings.Split(played, "\n")
	for _, row := range rows {
		direction, what, _ := strings.Cut(row, " ")
		if !slices.ContainsFunc(lines, func(line string) bool {
			i := strings.IndexAny(line, "<>:")
			return i > 0 && line[i:i+1] == direction && strings.Contains(line[i:], what)
		}) {
			t.Errorf("no transcript has %s", row)
		}
	}
	for _, code := range codes {
		if !strings.Contains(played, `"code":`+strconv.Itoa(code)+",") {
			t.Errorf("no transcript has the error %d", code)
		}
	}
}

// text returns the contents of files, without this one and other tests.
func text(t *testing.T, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file matches %s: %v", pattern, err)
	}
	var all strings.Builder
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

var named = func() func(string) []int {
	mention := regexp.MustCompile(`\bseed ([0-9]+(?:(?:, | and )[0-9]+)*)`)
	number := regexp.MustCompile(`[0-9]+`)
	return func(text string) (all []int) {
		for _, m := range mention.FindAllStringSubmatch(text, -1) {
			for _, n := range number.FindAllString(m[1], -1) {
				i, err := strconv.Atoi(n)
				if err == nil {
					all = append(all, i)
				}
			}
		}
		return all
	}
}()

// The conversation in the README is one that is played, line by line in order.
func TestConversationOfTheReadmeIsPlayed(t *testing.T) {
	_, rest, _ := strings.Cut(text(t, "README.md"), "```\n")
	conversation, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the README has no conversation")
	}
	played := text(t, "testdata/media.talk")
	for line := range strings.Lines(conversation) {
		_, after, ok := strings.Cut(played, line)
		if !ok {
			t.Fatalf("not in testdata/media.talk, or in another order: %s", line)
		}
		played = after
	}
}
