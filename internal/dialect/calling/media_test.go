package calling_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
)

// TestMediaComesAndGoes lets people in a room whose media the server carries
// call each other, leave, come back and vanish at random, while answers take
// their time. Every answer has what rtc-lib needs, and nothing is left behind.
func TestMediaComesAndGoes(t *testing.T) {
	inBubble(t, map[string]string{"media": "server"}, func(t *testing.T, s talk.Server) {
		random := rand.New(rand.NewPCG(3, 4))
		offers := make([]string, 0, 3)
		for _, kinds := range [][]string{{"audio", "video"}, {"audio", "video", "video", "application"}, {"audio"}} {
			sdp, err := json.Marshal(talk.Offer([]string{"sendrecv", "recvonly"}[len(offers)%2], kinds...))
			if err != nil {
				t.Fatal(err)
			}
			offers = append(offers, string(sdp))
		}
		people := make([]*person, 6)
		answers := 0
		for range 1500 {
			i := random.IntN(len(people))
			p, other := people[i], people[random.IntN(len(people))]
			if p == nil {
				people[i] = connect(t, s)
				people[i].says(`{"type":"room_join","room":"r","tid":0}`)
				continue
			}
			switch n := random.IntN(20); {
			case n < 12 && other != nil:
				p.says(`{"type":"room_peer_to","room":"r","user":"%s","event":"signaling","tid":1,"data":{"type":"offer","sdp":%s,"streams":{"0":["s","audio"]},"channels":{"c":{}}}}`,
					other.id, offers[random.IntN(len(offers))])
			case n < 14 && other != nil:
				p.says(`{"type":"room_peer_to","room":"r","user":"%s","event":"ice_candidate","tid":1,"data":null}`, other.id)
			case n < 16:
				p.says(`{"type":"room_leave","room":"r","tid":2}`)
			case n < 18:
				p.says(`{"type":"room_join","room":"r","tid":3}`)
			default:
				p.Hang(dialect.Closure{Code: 1006})
				people[i] = nil
			}
			if random.IntN(3) == 0 {
				passes(time.Duration(random.IntN(30)) * time.Millisecond)
				answers += readAnswers(t, people)
			}
		}
		if answers < 100 {
			t.Errorf("only %d offers were answered", answers)
		}
		for _, p := range people {
			if p != nil {
				p.hangs()
			}
		}
	})
}

func readAnswers(t *testing.T, people []*person) (answers int) {
	t.Helper()
	for _, p := range people {
		if p == nil {
			continue
		}
		for _, s := range p.told() {
			var d struct {
				Type, SDP string
				Streams   map[string][]string
				Channels  map[string]any
			}
			if s.Type != "room_peer_from" || json.Unmarshal(s.Data, &d) != nil || d.Type != "answer" {
				continue
			}
			answers++
			if d.SDP == "" || d.Channels == nil || d.Streams["0"] == nil {
				t.Errorf("an answer that breaks the client: %s", s.Data)
			}
		}
	}
	return answers
}

// TestDataLineIsAcceptedForEverybody calls somebody who has no data channels. A
// browser would offer for ever if the line for them were refused; that there is
// nobody at the other end is said in the answer's channels.
func TestDataLineIsAcceptedForEverybody(t *testing.T) {
	inBubble(t, map[string]string{"media": "server"}, func(t *testing.T, s talk.Server) {
		ada := connect(t, s)
		defer ada.hangs()
		ada.says(`{"type":"room_join","room":"r","tid":1}`)
		ada.told()
		link, err := s.Hub.Connect(core.ConnectRequest{Via: "another", Access: s.Access, Wake: func() {}, Overflow: func() {}})
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		if _, _, err := link.Session().Join(core.JoinRequest{Room: core.NewRoomID(core.DefaultRealm, "r"), Name: "mia", Mode: core.ModeTalk}); err != nil {
			t.Fatal(err)
		}
		sdp, err := json.Marshal(talk.Offer("sendrecv", "audio", "application"))
		if err != nil {
			t.Fatal(err)
		}
		ada.told()
		ada.says(`{"type":"room_peer_to","room":"r","user":"mia","event":"signaling","tid":2,"data":{"type":"offer","sdp":%s,"streams":{},"channels":{"chat":{}}}}`, sdp)
		passes(time.Second)
		all := ada.told()
		var answer struct {
			SDP      string
			Channels map[string]any
		}
		if len(all) != 2 || json.Unmarshal(all[1].Data, &answer) != nil {
			t.Fatalf("told %s", shown(all))
		}
		if !strings.Contains(answer.SDP, "m=application 9 ") || len(answer.Channels) != 0 {
			t.Errorf("want the line accepted and no channel, got %s", all[1].Data)
		}
	})
}

// TestANewConnectionReplacesTheFormer: a client that begins anew towards a peer,
// as it does when that one was away for a moment, has one connection to them.
func TestANewConnectionReplacesTheFormer(t *testing.T) {
	inBubble(t, map[string]string{"media": "server"}, func(t *testing.T, s talk.Server) {
		ada, bob := connect(t, s), connect(t, s)
		defer ada.hangs()
		defer bob.hangs()
		for _, p := range []*person{ada, bob} {
			p.says(`{"type":"room_join","room":"r","tid":1}`)
			p.told()
		}
		offer := talk.Offer("sendrecv", "audio", "video")
		anew := strings.Replace(offer, "o=- 46", "o=- 47", 1)
		seen := map[string]bool{}
		for _, sdp := range []string{offer, offer, anew} {
			text, err := json.Marshal(sdp)
			if err != nil {
				t.Fatal(err)
			}
			ada.told()
			ada.says(`{"type":"room_peer_to","room":"r","user":"%s","event":"signaling","tid":2,"data":{"type":"offer","sdp":%s,"streams":{}}}`, bob.id, text)
			passes(time.Second)
			var answer struct{ SDP string }
			if all := ada.told(); len(all) != 2 || json.Unmarshal(all[1].Data, &answer) != nil {
				t.Fatalf("told %s", shown(all))
			}
			_, name, _ := strings.Cut(answer.SDP, "\r\ns=") // the fake engine says which transport it is
			name, _, _ = strings.Cut(name, "\r\n")
			seen[name] = true
		}
		if len(seen) != 2 || s.Hub.Counts().Transports != 1 {
			t.Errorf("answered by %v, %d transports left", seen, s.Hub.Counts().Transports)
		}
	})
}

// TestNamesOfStreamsAreBounded sends more than is kept for a connection.
func TestNamesOfStreamsAreBounded(t *testing.T) {
	inBubble(t, map[string]string{"media": "server"}, func(t *testing.T, s talk.Server) {
		ada, bob := connect(t, s), connect(t, s)
		defer ada.hangs()
		defer bob.hangs()
		for _, p := range []*person{ada, bob} {
			p.says(`{"type":"room_join","room":"r","tid":1}`)
			p.told()
		}
		ada.told()
		ada.says(`{"type":"room_peer_to","room":"r","user":"%s","event":"signaling","tid":2,"data":{"type":"offer","sdp":"v=0","streams":{"0":["%s","audio"]}}}`,
			bob.id, strings.Repeat("n", 20_000))
		if got := shown(ada.told()); got != "[answer The names of streams can have at most 16384 bytes]" {
			t.Errorf("told %s", got)
		}
	})
}
