package nkmedia_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/nkmedia"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media"
	"switchboard/internal/media/mediatest"
)

// house is a server with clients, in virtual time.
type house struct {
	t      *testing.T
	srv    talk.Server
	engine *mediatest.Engine
	all    []*client
}

// client is somebody who is logged in. It keeps what it was sent.
type client struct {
	*talk.Client
	t    *testing.T
	sent []map[string]any
}

// inHouse runs a test and looks for leaks afterwards.
func inHouse(t *testing.T, test func(*house)) {
	synctest.Test(t, func(t *testing.T) {
		e := &mediatest.Engine{}
		h := &house{t: t, srv: build(t, map[string]string{"generation": "g2"}, e), engine: e}
		t.Cleanup(func() {
			for _, c := range h.all {
				c.Hang(dialect.Closure{Clean: true, Code: 1000})
			}
			time.Sleep(10 * time.Minute) // until empty rooms are given up
			synctest.Wait()
			talk.LeftOver(t, h.srv, e)
			if err := h.srv.Hub.Close(); err != nil {
				t.Error(err)
			}
		})
		test(h)
	})
}

func (h *house) login(user string) *client {
	h.t.Helper()
	return h.loginAs(user, "g2")
}

func (h *house) loginAs(user, generation string) *client {
	h.t.Helper()
	link, err := h.srv.Connect(h.srv.Dialects[0], nil)
	if err != nil {
		h.t.Fatal(err)
	}
	c := &client{Client: link, t: h.t}
	h.all = append(h.all, c)
	c.say(`{"class":"core","subclass":"user","cmd":"login","data":{"user":"%s","pass":"secret","generation":"%s"},"tid":0}`, user, generation)
	synctest.Wait()
	c.read()
	c.sent = nil
	return c
}

func (c *client) say(format string, args ...any) { c.Send(fmt.Appendf(nil, format, args...)) }

// media sends a command of class media.
func (c *client) media(tid int, sub, cmd string, data map[string]any) {
	text, err := json.Marshal(map[string]any{"class": "media", "subclass": sub, "cmd": cmd, "data": data, "tid": tid})
	if err != nil {
		c.t.Error(err)
	}
	c.Send(text)
}

func (c *client) read() {
	c.t.Helper()
	for _, s := range c.Take() {
		var m map[string]any
		if s.Text == nil {
			continue
		}
		if err := json.Unmarshal(s.Text, &m); err != nil {
			c.t.Fatal(err)
		}
		c.sent = append(c.sent, m)
	}
}

// reply returns the reply to a request; nil if there is none yet.
func (c *client) reply(tid int) map[string]any {
	c.read()
	for _, m := range c.sent {
		if m["result"] != nil && m["tid"] == float64(tid) {
			return m
		}
	}
	return nil
}

// events lists what happened, as "session stop" or "call hangup No answer".
func (c *client) events() (all []string) {
	c.read()
	for _, m := range c.sent {
		if m["cmd"] != "event" {
			continue
		}
		data, _ := m["data"].(map[string]any)
		body, _ := data["body"].(map[string]any)
		text := fmt.Sprint(data["subclass"], " ", data["type"])
		if reason, ok := body["reason"]; ok {
			text += fmt.Sprint(" ", reason)
		}
		all = append(all, text)
	}
	return all
}

func count(all []string, prefix string) (n int) {
	for _, one := range all {
		if strings.HasPrefix(one, prefix) {
			n++
		}
	}
	return n
}

// TestACallIsAnsweredOnce lets three devices of a user accept at once, and the
// caller hang up in the middle of it in every second round.
func TestACallIsAnsweredOnce(t *testing.T) {
	answeredOnce(t, "g2", "start", "v=0")
}

// TestAServedCallIsAnsweredOnce does so where each device has media of its own.
func TestAServedCallIsAnsweredOnce(t *testing.T) {
	answeredOnce(t, "g3", "create", talk.Offer("sendrecv", "audio", "video"))
}

func answeredOnce(t *testing.T, generation, start, sdp string) {
	inHouse(t, func(h *house) {
		caller := h.loginAs("ana", generation)
		devices := []*client{h.login("bea"), h.login("bea"), h.login("bea")}
		for round := range 100 {
			id := fmt.Sprintf("call-%020d", round)
			caller.sent = nil
			caller.media(1, "call", start, map[string]any{"type": "user", "user": "bea", "call_id": id, "offer": map[string]any{"sdp": sdp}})
			synctest.Wait()
			for _, d := range devices {
				d.read()
				d.sent = nil
			}
			var all sync.WaitGroup
			for _, d := range devices {
				all.Go(func() {
					d.media(2, "call", "accepted", map[string]any{"call_id": id, "answer": map[string]any{"sdp": sdp}})
				})
			}
			if round%2 == 1 {
				all.Go(func() { caller.media(2, "call", "hangup", map[string]any{"call_id": id}) })
			}
			all.Wait()
			synctest.Wait()
			won, lost := 0, 0
			for _, d := range devices {
				if d.reply(2)["result"] == "ok" {
					won++
				} else {
					lost++
				}
			}
			if round%2 == 0 && won != 1 || won > 1 {
				t.Fatalf("round %d: %d devices won, %d lost", round, won, lost)
			}
			if round%2 == 0 {
				caller.media(3, "call", "hangup", map[string]any{"call_id": id})
				synctest.Wait()
			}
			if got := count(caller.events(), "call hangup"); got != 1 {
				t.Fatalf("round %d: the caller was told %d hangups: %v", round, got, caller.events())
			}
			for i, d := range devices {
				if got := count(d.events(), "call hangup"); got != 1 {
					t.Fatalf("round %d: device %d was told %d hangups: %v", round, i, got, d.events())
				}
			}
			if n := h.engine.Opened(); n != 0 {
				t.Fatalf("round %d: %d transports are left", round, n)
			}
		}
	})
}

// TestListenersOfADyingPublisher begin to listen in the moment in which the
// publisher is gone, in all manners: none stays, and each is told once.
func TestListenersOfADyingPublisher(t *testing.T) {
	inHouse(t, func(h *house) {
		listeners := []*client{h.login("bea"), h.login("cy"), h.login("dan")}
		for round := range 60 {
			publisher := h.login("ana")
			pub, ear := fmt.Sprintf("pub-%d", round), fmt.Sprintf("ear-%d", round)
			publisher.media(1, "session", "start", map[string]any{"type": "publish", "offer": map[string]any{"sdp": talk.Offer("sendonly", "audio", "video")}, "session_id": pub})
			synctest.Wait()
			if publisher.reply(1)["result"] != "ok" {
				t.Fatal(publisher.sent)
			}
			for _, l := range listeners {
				l.read()
				l.sent = nil
			}
			var all sync.WaitGroup
			for i, l := range listeners {
				all.Go(func() {
					data := map[string]any{"type": "listen", "publisher": pub, "session_id": fmt.Sprint(ear, i)}
					l.media(1, "session", "start", data)
					l.media(2, "session", "set_answer", map[string]any{"session_id": fmt.Sprint(ear, i), "answer": map[string]any{"sdp": talk.Offer("recvonly", "audio", "video")}})
				})
			}
			all.Go(func() {
				switch round % 3 {
				case 0:
					publisher.Hang(dialect.Closure{Code: 1006})
				case 1:
					publisher.media(2, "session", "stop", map[string]any{"session_id": pub})
				default:
					if room, ok := publisher.reply(1)["data"].(map[string]any); ok {
						publisher.media(2, "room", "destroy", map[string]any{"room_id": room["room_id"]})
					}
				}
			})
			all.Wait()
			synctest.Wait()
			for i, l := range listeners {
				started, told := l.reply(1)["result"] == "ok", count(l.events(), "session stop")
				if started && told != 1 || !started && told != 0 {
					t.Fatalf("round %d, listener %d: started %v, told %v", round, i, started, l.sent)
				}
			}
			if h.engine.Opened() != 0 {
				t.Fatalf("round %d: %d transports are left", round, h.engine.Opened())
			}
			publisher.Hang(dialect.Closure{Clean: true, Code: 1000})
		}
	})
}

// endings are the ways in which a call k ends, by who has made it and who was called.
func endings() map[string]func(a, b *client) {
	hangup := func(c *client) { c.media(90, "call", "hangup", map[string]any{"call_id": "k"}) }
	gone := func(c *client) { c.Hang(dialect.Closure{Code: 1006}) }
	return map[string]func(a, b *client){
		"the caller hangs up": func(a, _ *client) { hangup(a) },
		"the callee hangs up": func(_, b *client) { hangup(b) },
		"the caller is gone":  func(a, _ *client) { gone(a) },
		"the callee is gone":  func(_, b *client) { gone(b) },
		"both hang up at once": func(a, b *client) {
			var both sync.WaitGroup
			both.Go(func() { hangup(a) })
			both.Go(func() { hangup(b) })
			both.Wait()
		},
	}
}

// perform takes the first of the steps of a call. With held the engine does not
// answer in the very last of them.
func (h *house) perform(a, b *client, steps []func(a, b *client), first int, held bool) {
	for i, step := range steps[:first] {
		if held && i == len(steps)-1 {
			h.engine.Hold()
		}
		step(a, b)
		synctest.Wait()
	}
}

// settle lets everything come to an end, of which nobody is told twice.
func (h *house) settle(caller, callee *client) {
	h.t.Helper()
	synctest.Wait()
	h.engine.Release()
	synctest.Wait()
	for who, c := range map[string]*client{"caller": caller, "callee": callee} {
		if got := count(c.events(), "call hangup"); got > 1 {
			h.t.Errorf("the %s was told %d hangups: %v", who, got, c.events())
		}
	}
}

// TestHangupInEveryState ends a call with a session at every point of its life,
// from either side and in every manner. Both are told once, nothing is left.
func TestHangupInEveryState(t *testing.T) {
	ends := endings()
	ends["the session stops"] = func(a, _ *client) { a.media(90, "session", "stop", map[string]any{"session_id": "s"}) }
	sdp := talk.Offer("sendrecv", "audio", "video")
	steps := []func(a, b *client){
		func(a, _ *client) {
			a.media(1, "session", "start", map[string]any{"type": "proxy", "session_id": "s", "offer": map[string]any{"sdp": sdp}})
		},
		func(a, _ *client) {
			a.media(2, "call", "start", map[string]any{"type": "user", "user": "bea", "call_id": "k", "session_id": "s"})
		},
		func(_, b *client) { b.say(`{"result":"ok","tid":1}`) },
		func(_, b *client) { b.media(3, "call", "ringing", map[string]any{"call_id": "k"}) },
		func(_, b *client) {
			b.media(4, "call", "accepted", map[string]any{"call_id": "k", "answer": map[string]any{"sdp": sdp}})
		},
	}
	for name, end := range ends {
		for last := 2; last <= len(steps); last++ {
			for _, held := range []bool{false, true} { // the engine has not answered yet
				t.Run(fmt.Sprintf("%s after %d steps, held %v", name, last, held), func(t *testing.T) {
					inHouse(t, func(h *house) {
						a, b := h.login("ana"), h.login("bea")
						h.perform(a, b, steps, last, held)
						end(a, b)
						h.settle(a, b)
						if got := count(a.events(), "session stop"); got > 1 {
							t.Errorf("the session stopped %d times: %v", got, a.events())
						}
						alone := strings.Contains(name, "callee hangs up") && last < 3 || name == "the callee is gone" && last < 3
						if gone := name == "the caller is gone"; !gone && !alone && count(a.events(), "session stop") != 1 {
							t.Errorf("the caller's session did not stop: %v", a.events())
						}
						if h.engine.Opened() != 0 && !alone {
							t.Errorf("%d transports are left", h.engine.Opened())
						}
					})
				})
			}
		}
	}
}

// TestHangupOfServedCalls ends a call whose media the server carries, likewise.
func TestHangupOfServedCalls(t *testing.T) {
	offer := map[string]any{"sdp": talk.Offer("sendrecv", "audio", "video")}
	steps := []func(a, b *client){
		func(a, _ *client) {
			a.media(1, "call", "create", map[string]any{"callee": "bea", "call_id": "k", "offer": offer})
		},
		func(_, b *client) { b.say(`{"result":"ok","tid":1}`) },
		func(_, b *client) { b.media(2, "call", "accepted", map[string]any{"call_id": "k", "answer": offer}) },
	}
	ends := endings()
	for name, end := range ends {
		for last := 1; last <= len(steps); last++ {
			for _, held := range []bool{false, true} { // the engine has not answered yet
				if held && last < len(steps) {
					continue // nothing to be answered
				}
				t.Run(fmt.Sprintf("%s after %d steps, held %v", name, last, held), func(t *testing.T) {
					inHouse(t, func(h *house) {
						a, b := h.loginAs("ana", "g3"), h.loginAs("bea", "g3")
						h.perform(a, b, steps, last, held)
						if n := h.engine.Opened(); n != 2 {
							t.Fatalf("%d transports before the end, want 2", n)
						}
						end(a, b)
						h.settle(a, b)
						if name != "the caller is gone" && count(a.events(), "call hangup") != 1 {
							t.Errorf("the caller was not told: %v", a.events())
						}
						if n := h.engine.Opened(); n != 0 {
							t.Errorf("%d transports are left", n)
						}
					})
				})
			}
		}
	}
}

// TestAThousandSessionsAreAbandoned starts sessions of every type and goes.
func TestAThousandSessionsAreAbandoned(t *testing.T) {
	inHouse(t, func(h *house) {
		witness := h.login("ana")
		witness.say(`{"class":"core","subclass":"event","cmd":"subscribe","data":{"class":"media","subclass":"session"},"tid":1}`)
		both := map[string]any{"sdp": talk.Offer("sendrecv", "audio", "video")}
		started := 0
		for i := range 10 {
			c := h.login("ana")
			for n := range 100 {
				data := map[string]any{"type": []string{"echo", "proxy", "publish", "park", "mcu", "play", "p2p"}[n%7], "offer": both, "uri": "x.ogg", "subscribe": false}
				c.media(n+1, "session", "start", data)
			}
			if i%2 == 0 {
				synctest.Wait()
			}
			c.Hang(dialect.Closure{Clean: i%3 == 0, Code: 1006})
			for n := range 100 {
				if c.reply(n + 1)["result"] == "ok" {
					started++
				}
			}
		}
		synctest.Wait()
		if got := count(witness.events(), "session stop"); got != started {
			t.Errorf("%d sessions stopped, %d were started", got, started)
		}
		if h.engine.Opened() != 0 {
			t.Errorf("%d transports are left", h.engine.Opened())
		}
		if c := h.srv.Hub.Counts(); c.Rooms > 1000 || c.Participants != 0 || c.Subscriptions != 0 {
			t.Errorf("left over: %+v", c)
		}
	})
}

// TestInvitationsByOtherProtocols: only this dialect says where a call has its
// media. Of an invitation into a room, whose body is what some client wrote, that
// is not believed: it would lead who accepts into a room of the caller's choice.
func TestInvitationsByOtherProtocols(t *testing.T) {
	inHouse(t, func(h *house) {
		bea := h.login("bea")
		other, err := h.srv.Hub.Connect(core.ConnectRequest{Via: "other", Access: core.AccessOpen, Wake: func() {}, Overflow: func() {}})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		other.Login(core.Credentials{User: "ana", Password: "secret"})
		synctest.Wait()
		other.Take(nil)
		spying := core.NewRoomID(other.Session().Identity().Realm, "spying")
		lines, _ := json.Marshal([]media.Line{{Kind: media.Audio, Send: true, Receive: true}}) // always can
		body := fmt.Sprintf(`{"call_id":"x","served":{"room":%q,"lines":%s}}`, spying, lines)
		if _, err := other.Session().Call(core.CallRequest{ToUser: "bea", Via: nkmedia.Name, Room: spying,
			Create: &core.Policy{Media: core.MediaServer, Members: core.PermitTalk}, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		bea.read()
		if n := h.engine.Opened(); n != 0 || len(bea.sent) != 1 || bea.sent[0]["cmd"] != "invite" {
			t.Errorf("%d transports opened; bea was sent %v, want to be invited without media", n, bea.sent)
		}
	})
}
