package calling_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/calling"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// person is a client in memory, inside a synctest bubble.
type person struct {
	*talk.Client
	t  testing.TB
	id string
}

// stanza is as much of a message as these tests look at.
type stanza struct {
	Type     string          `json:"type"`
	ID       string          `json:"id"`
	TID      int             `json:"tid"`
	Room     string          `json:"room"`
	User     string          `json:"user"`
	Error    string          `json:"error"`
	Handle   int             `json:"handle"`
	Accepted bool            `json:"accepted"`
	Data     json.RawMessage `json:"data"`
}

// String shows what was sent, shortly.
func (s stanza) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Type, s.Error, map[bool]string{true: "yes"}[s.Accepted]))
}

func connect(t testing.TB, s talk.Server) *person {
	t.Helper()
	c, err := s.Connect(s.Dialects[0], map[string][]string{"names": {"client"}})
	if err != nil {
		t.Fatal(err)
	}
	p := &person{Client: c, t: t}
	p.id = p.told()[0].ID
	return p
}

// told returns everything sent since the last call, when nothing more comes by
// itself.
func (p *person) told() []stanza {
	p.t.Helper()
	synctest.Wait()
	var all []stanza
	for _, s := range p.Take() {
		var st stanza
		if s.Close != nil {
			st.Type = "close"
		} else if err := json.Unmarshal(s.Text, &st); err != nil {
			p.t.Fatalf("sent what is not JSON: %s", s.Text)
		}
		all = append(all, st)
	}
	return all
}

func (p *person) says(format string, args ...any) { p.Send(fmt.Appendf(nil, format, args...)) }

// inBubble runs a test on a server of its own and looks for what is left over.
func inBubble(t *testing.T, settings map[string]string, test func(*testing.T, talk.Server)) {
	synctest.Test(t, func(t *testing.T) {
		e := &mediatest.Engine{}
		s := build(t, settings, e)
		e.Delay(10 * time.Millisecond)
		test(t, s)
		passes(time.Second) // until answers under way have been made
		talk.LeftOver(t, s, e)
		if err := s.Hub.Close(); err != nil {
			t.Error(err)
		}
	})
}

// passes lets virtual time pass.
func passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (p *person) hangs() { p.Hang(dialect.Closure{Clean: true, Code: 1000}) }

func shown(all []stanza) string { return fmt.Sprint(all) }

// TestAcceptAgainstCancel lets both happen at once, a thousand times: one of
// them wins, and everybody sees the same one.
func TestAcceptAgainstCancel(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s talk.Server) {
		ada, bob := connect(t, s), connect(t, s)
		ada.says(`{"type":"room_join","room":"r","tid":0}`)
		ada.told()
		won := map[string]int{}
		for i := range 1000 {
			ada.says(`{"type":"invite_send","room":"r","user":"%s","data":{},"tid":1}`, bob.id)
			if got := shown(ada.told()); got != "[answer room_peer_add]" {
				t.Fatalf("round %d: invite: %s", i, got)
			}
			bob.told()
			acts := []func(){
				func() { bob.says(`{"type":"invite_accept","handle":%d,"status":{},"tid":2}`, i) },
				func() { ada.says(`{"type":"invite_cancel","handle":%d,"tid":2}`, i) },
			}
			var both sync.WaitGroup
			both.Go(acts[i%2])
			both.Go(acts[1-i%2])
			both.Wait()
			toAda, toBob := shown(ada.told()), shown(bob.told())
			won[toAda+toBob]++
			inside := false
			switch toAda + toBob {
			case "[answer Invalid invitation handle invite_response  yes room_peer_update room_peer_update][answer]",
				"[invite_response  yes room_peer_update room_peer_update answer Invalid invitation handle][answer]",
				"[invite_response  yes answer Invalid invitation handle room_peer_update room_peer_update][answer]",
				"[answer Invalid invitation handle][answer]":
				inside = true
			case "[answer room_peer_rm][invite_cancelled answer Invalid invitation handle]",
				"[answer room_peer_rm][answer Invalid invitation handle invite_cancelled]":
			default:
				t.Fatalf("round %d: ada was told %s, bob %s", i, toAda, toBob)
			}
			bob.says(`{"type":"room_leave","room":"r","tid":3}`)
			if got := bob.told()[0].Error == ""; got != inside {
				t.Fatalf("round %d: ada was told %s, bob %s, but bob is in the room: %t", i, toAda, toBob, got)
			}
			ada.told()
		}
		t.Logf("outcomes: %v", won)
		ada.hangs()
		bob.hangs()
	})
}

// TestDisconnectAtEachStep cuts each of three people off after each step of a
// conversation. The others can still go on, and nothing is left behind.
func TestDisconnectAtEachStep(t *testing.T) {
	steps := []struct{ who, text string }{
		{"ada", `{"type":"ns_subscribe","namespace":"n","tid":1}`},
		{"bob", `{"type":"ns_user_register","namespace":"n","tid":1}`},
		{"ada", `{"type":"room_join","room":"r","status":{"a":1},"tid":2}`},
		{"ada", `{"type":"ns_room_register","namespace":"n","room":"r","tid":3}`},
		{"ada", `{"type":"invite_send","room":"r","user":"$bob","data":{},"tid":4}`},
		{"cy", `{"type":"room_join","room":"r","tid":1}`},
		{"bob", `{"type":"status","status":{"b":1},"tid":2}`},
		{"cy", `{"type":"invite_send","room":"q","user":"$bob","data":{},"tid":2}`},
		{"bob", `{"type":"invite_accept","handle":0,"status":{},"tid":3}`},
		{"bob", `{"type":"room_peer_to","room":"r","user":"$ada","event":"e","data":null,"tid":4}`},
		{"ada", `{"type":"room_status","room":"r","key":"k","value":1,"tid":5}`},
		{"bob", `{"type":"invite_deny","handle":1,"tid":5}`},
		{"ada", `{"type":"invite_send","room":"s","user":"$cy","data":{},"tid":6}`},
		{"ada", `{"type":"invite_cancel","handle":1,"tid":7}`},
		{"bob", `{"type":"room_leave","room":"r","tid":6}`},
		{"ada", `{"type":"ns_room_unregister","namespace":"n","room":"r","tid":8}`},
	}
	for _, victim := range []string{"ada", "bob", "cy"} {
		for n := range len(steps) + 1 {
			inBubble(t, nil, func(t *testing.T, s talk.Server) {
				people := map[string]*person{}
				for _, name := range []string{"ada", "bob", "cy"} {
					people[name] = connect(t, s)
				}
				ids := strings.NewReplacer("$ada", people["ada"].id, "$bob", people["bob"].id, "$cy", people["cy"].id)
				for i, step := range steps {
					if i == n {
						people[victim].Hang(dialect.Closure{Code: 1006})
						delete(people, victim)
					}
					p := people[step.who]
					if p == nil {
						continue
					}
					p.told()
					p.says("%s", ids.Replace(step.text))
					if got := p.told(); len(got) == 0 || got[0].Type != "answer" {
						t.Errorf("%s was cut off before step %d; %s was told %v after %s", victim, n, step.who, got, step.text)
					}
				}
				for _, p := range people {
					p.hangs()
				}
			})
		}
	}
}

// TestManyNamespacesOfOneClient asks for a hundred thousand: the limit holds,
// and memory does not grow.
func TestManyNamespacesOfOneClient(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s talk.Server) {
		ada := connect(t, s)
		ada.says(`{"type":"room_join","room":"r","tid":0}`)
		ada.told()
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before, made := heap(), 0
		for i := range 100_000 {
			request := []string{"ns_subscribe", "ns_user_register", `ns_room_register","room":"r`}[i%3]
			ada.says(`{"type":"%s","namespace":"%d","tid":1}`, request, i)
			if i%1000 != 999 {
				continue
			}
			for _, s := range ada.told() {
				if s.Error == "" {
					made++
				}
			}
		}
		if got := s.Hub.Counts().Directories; got > 300 || got != made {
			t.Errorf("%d namespaces, of which the client was told %d", got, made)
		}
		if grown := int64(heap()) - int64(before); grown > 4<<20 {
			t.Errorf("memory grew by %d bytes", grown)
		}
		ada.hangs()
	})
}

// TestHandlesAreNeverUsedAgain makes and ends many invitations.
func TestHandlesAreNeverUsedAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s talk.Server) {
		ada, bob := connect(t, s), connect(t, s)
		seen := map[string]map[int]bool{"ada": {}, "bob": {}}
		use := func(who string, handle int) {
			if seen[who][handle] {
				t.Fatalf("%s was given handle %d again", who, handle)
			}
			seen[who][handle] = true
		}
		for i := range 300 {
			from, to, fromName, toName := ada, bob, "ada", "bob"
			if i%3 == 0 {
				from, to, fromName, toName = bob, ada, "bob", "ada"
			}
			from.says(`{"type":"invite_send","room":"r%d","user":"%s","data":{},"tid":1}`, i, to.id)
			var answer struct {
				Handle int `json:"handle"`
			}
			if err := json.Unmarshal(from.told()[0].Data, &answer); err != nil {
				t.Fatal(err)
			}
			incoming := to.told()[0]
			use(fromName, answer.Handle)
			use(toName, incoming.Handle)
			if i%2 == 0 {
				to.says(`{"type":"invite_deny","handle":%d,"tid":2}`, incoming.Handle)
			} else {
				from.says(`{"type":"invite_cancel","handle":%d,"tid":2}`, answer.Handle)
			}
			from.told()
			to.told()
		}
		ada.hangs()
		bob.hangs()
	})
}

// TestOneWhoDoesNotRead fills a mailbox: messages of others are refused at the
// half, and their sender told; what is told of the room ends the reader at last,
// and nobody else.
func TestOneWhoDoesNotRead(t *testing.T) {
	inBubble(t, map[string]string{"mailbox": "65536"}, func(t *testing.T, s talk.Server) {
		ada := connect(t, s)
		var overflows atomic.Int64
		slow, err := s.Hub.Connect(core.ConnectRequest{Via: calling.Name, Access: s.Access, Wake: func() {}, Overflow: func() { overflows.Add(1) }})
		if err != nil {
			t.Fatal(err)
		}
		s.Dialects[0].Open(slow, nil).Receive(t.Context(), []byte(`{"type":"room_join","room":"r"}`))
		ada.says(`{"type":"room_join","room":"r","tid":0}`)
		ada.told()

		body, refused := strings.Repeat("x", 1000), 0
		for range 100 {
			ada.says(`{"type":"room_peer_to","room":"r","user":"%s","event":"e","data":{"x":"%s"},"tid":1}`, slow.Session().ID(), body)
			if got := ada.told(); len(got) != 1 {
				t.Fatalf("ada was told %v", got)
			} else if strings.Contains(got[0].Error, "behind with reading") {
				refused++
			}
		}
		if refused < 20 || refused > 80 || overflows.Load() != 0 {
			t.Errorf("%d of 100 messages refused, %d ended", refused, overflows.Load())
		}
		for range 100 {
			ada.says(`{"type":"room_peer_status","room":"r","status":{"x":"%s"},"tid":1}`, body)
			if got := ada.told(); got[0].Error != "" {
				t.Fatalf("the sender suffers: %v", got)
			}
		}
		if overflows.Load() != 1 {
			t.Errorf("ended %d times, want once", overflows.Load())
		}
		slow.Close() // as the socket does then
		if got := shown(ada.told()); got != "[room_peer_rm]" {
			t.Errorf("ada was told %s", got)
		}
		ada.hangs()
	})
}
