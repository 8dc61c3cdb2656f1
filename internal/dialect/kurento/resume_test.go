package kurento_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// by hand drives a conversation without a loop, so that events stay in the
// mailbox for as long as a test wants.
type byHand struct {
	t    *testing.T
	conn *core.Connection
	conv dialect.Conversation
}

func (c *crowd) byHand() *byHand {
	conn := c.guest()
	return &byHand{t: c.t, conn: conn, conv: c.srv.Dialects[0].Open(conn, nil)}
}

// say sends a message and returns what is written at once.
func (h *byHand) say(message string) []string {
	return texts(h.conv.Receive(context.Background(), []byte(message)))
}

func texts(frames []dialect.Frame) []string {
	var all []string
	for _, f := range frames {
		if f.Close != nil {
			all = append(all, fmt.Sprintf("closed %d %s", f.Close.Code, f.Close.Reason))
		} else {
			all = append(all, string(f.Text))
		}
	}
	return all
}

func (h *byHand) hang(how dialect.Closure) {
	h.conv.Closed(how)
	h.conn.Close()
}

func (h *byHand) key() string { return string(h.conn.Session().Key()) }

// short leaves of events what matters here.
func short(messages []string) []string {
	var all []string
	for _, m := range messages {
		var e struct {
			Method string
			Params struct {
				ID, Name, Message string
				Streams           []struct{ ID string }
			}
			Result struct{ Value string }
		}
		if json.Unmarshal([]byte(m), &e) != nil {
			all = append(all, m)
			continue
		}
		words := []string{e.Method, e.Params.ID + e.Params.Message}
		if e.Method == "participantLeft" {
			words[1] = e.Params.Name
		}
		for _, s := range e.Params.Streams {
			words = append(words, s.ID)
		}
		if e.Method == "" {
			words = []string{e.Result.Value}
		}
		all = append(all, strings.TrimSpace(strings.Join(words, " ")))
	}
	return all
}

// What waits in the mailbox when the connection breaks is told first, then what
// happened while there was none.
func TestResumeTellsWhatWaitedAndWhatHappened(t *testing.T) {
	together(t, func(c *crowd) {
		all := c.fill("kiosk", 2)
		h := c.byHand()
		h.say(`{"method":"connect","id":1}`)
		h.say(`{"method":"joinRoom","params":{"user":"zoe","room":"kiosk"},"id":2}`)
		chat := func(text string) {
			c.ask(all[0], "sendMessage", map[string]any{"message": text, "userMessage": all[0].name, "roomMessage": "kiosk"})
		}
		chat("not taken from the mailbox")
		c.publish(all[1])
		cy := c.connect("cy")
		c.join(cy, "kiosk")
		h.hang(dialect.Closure{Code: 1006})
		chat("while nobody was there")
		c.ask(all[1], "unpublishVideo", nil)
		c.ask(cy, "leaveRoom", nil)
		c.publish(all[0])

		again := c.byHand()
		got := short(again.say(fmt.Sprintf(`{"method":"connect","params":{"sessionId":%q},"id":1}`, h.key())))
		c.want("told on resuming", []string{
			"reconnection successful",
			"sendMessage not taken from the mailbox", "participantPublished u01 webcam", "participantJoined cy",
			"participantLeft cy", "participantPublished u00 webcam", "participantUnpublished u01",
		}, got)
		again.say(`{"method":"closeSession","id":2}`)
		again.hang(dialect.Closure{Clean: true, Code: 1000})
	})
}

// One who was removed while events waited hears of that, and of nothing after.
func TestResumeAfterRemoval(t *testing.T) {
	for name, remove := range map[string]func(core.Admin) error{
		"evicted": func(a core.Admin) error { return a.Evict("default/kiosk", "zoe") },
		"closed":  func(a core.Admin) error { return a.CloseRoom("default/kiosk") },
	} {
		for _, waited := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, told before the break: %t", name, waited), func(t *testing.T) {
				together(t, func(c *crowd) {
					h := c.byHand()
					h.say(`{"method":"connect","id":1}`)
					h.say(`{"method":"joinRoom","params":{"user":"zoe","room":"kiosk"},"id":2}`)
					if !waited {
						h.hang(dialect.Closure{Code: 1006})
					}
					if err := remove(c.srv.Hub.Admin()); err != nil {
						t.Fatal(err)
					}
					if waited {
						h.hang(dialect.Closure{Code: 1006})
					}
					again := c.byHand()
					got := short(again.say(fmt.Sprintf(`{"method":"connect","params":{"sessionId":%q},"id":1}`, h.key())))
					want := []string{"reconnection successful", "participantEvicted", "participantLeft", "closed 1000 evicted"}
					if waited && name == "closed" {
						want = []string{"reconnection successful", "roomClosed", "closed 1000 the room was closed"}
					}
					c.want("told on resuming", want, got)
					again.hang(dialect.Closure{Clean: true, Code: 1000})
				})
			})
		}
	}
}

// watcher is what a client knows of a room from what it was told, strictly: it
// complains of whatever makes no sense to it.
type watcher struct {
	members    map[string]string // streams by name
	complaints []string
}

func (w *watcher) hear(message []byte) {
	var m struct {
		Method string
		Params struct {
			ID, Name string
			Streams  []struct{ ID string }
		}
	}
	if err := json.Unmarshal(message, &m); err != nil {
		w.complaints = append(w.complaints, err.Error())
		return
	}
	name := m.Params.ID
	if m.Method == "participantLeft" {
		name = m.Params.Name
	}
	_, known := w.members[name]
	streams := fmt.Sprint(m.Params.Streams)
	switch m.Method {
	case "participantJoined":
		if known {
			w.complaints = append(w.complaints, name+" joined twice")
		}
		w.members[name] = "[]"
	case "participantLeft":
		if !known {
			w.complaints = append(w.complaints, name+" left and was not there")
		}
		delete(w.members, name)
	case "participantPublished", "participantUnpublished":
		if !known {
			w.complaints = append(w.complaints, name+" published and was not there")
		}
		w.members[name] = streams
	}
}

// Somebody's connection breaks again and again while others come, go, publish
// and stop. What they are told adds up to how the room is in the end, and makes
// sense at every step.
func TestResumingAddsUp(t *testing.T) {
	t.Run("one by one", func(t *testing.T) { resumingAddsUp(t, "12", streamsByName) })
	t.Run("voices are one", func(t *testing.T) { resumingAddsUp(t, "1", foldedByName) })
}

func resumingAddsUp(t *testing.T, voices string, expected func(*core.Hub, *watcher) map[string]string) {
	e := &mediatest.Engine{}
	c := &crowd{t: t, srv: build(t, map[string]string{"voices": voices}, e), engine: e}
	ctx, stop := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() { c.restless(ctx, fmt.Sprintf("u%02d", i), rand.New(rand.NewPCG(1, uint64(i)))) })
	}

	w := &watcher{members: map[string]string{}}
	me := c.connect("zoe")
	me.Send([]byte(`{"method":"connect","id":1}`))
	me.Send([]byte(`{"method":"joinRoom","params":{"user":"zoe","room":"kiosk"},"id":2}`))
	key := w.begin(t, me)
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	const breaks = 60
	for range breaks {
		<-pace.C // others do something meanwhile; nothing depends on how much
		me.Hang(dialect.Closure{Code: 1006})
		w.take(me)
		<-pace.C
		me = c.connect("zoe")
		me.Send([]byte(fmt.Sprintf(`{"method":"connect","params":{"sessionId":%q},"id":1}`, key)))
	}
	stop()
	busy.Wait()

	w.take(me)
	want := expected(c.srv.Hub, w)
	for ; !cmp.Equal(want, w.members); want = expected(c.srv.Hub, w) {
		select {
		case <-me.Arrived():
			w.take(me)
			continue
		case <-time.After(10 * time.Second):
		}
		break
	}
	c.want("the room as it was told", want, w.members)
	c.want("what made no sense", []string{}, w.complaints)
	if err := c.srv.Hub.Close(); err != nil {
		t.Fatal(err)
	}
	me.Hang(dialect.Closure{Clean: true, Code: 1000})
}

// besides returns those in the room but zoe.
func besides(hub *core.Hub) (all []core.ParticipantInfo) {
	for _, room := range hub.Admin().Rooms(core.DefaultRealm) {
		for _, p := range room.Participants {
			if p.Name != "zoe" {
				all = append(all, p)
			}
		}
	}
	return all
}

func streamsOf(p core.ParticipantInfo) string {
	var streams []struct{ ID string }
	for _, pub := range p.Publications {
		streams = append(streams, struct{ ID string }{pub.Name})
	}
	return fmt.Sprint(streams)
}

// streamsByName is what the server says of the room.
func streamsByName(hub *core.Hub, _ *watcher) map[string]string {
	all := map[string]string{}
	for _, p := range besides(hub) {
		all[p.Name] = streamsOf(p)
	}
	return all
}

// foldedByName is what the server says of the room to one who has been told that
// its voices are one: who films is there, who speaks only is not, and who does
// neither may be.
func foldedByName(hub *core.Hub, w *watcher) map[string]string {
	all := map[string]string{"mix": fmt.Sprint([]struct{ ID string }{{"webcam"}})}
	for _, p := range besides(hub) {
		films := slices.ContainsFunc(p.Publications, func(pub core.PublicationInfo) bool { return pub.Video })
		_, shown := w.members[p.Name]
		if films || len(p.Publications) == 0 && shown {
			all[p.Name] = streamsOf(p)
		}
	}
	return all
}

// begin takes the result of joining, and returns the session's key.
func (w *watcher) begin(t *testing.T, p *person) string {
	t.Helper()
	for {
		select {
		case <-p.Arrived():
		case <-time.After(10 * time.Second):
			t.Fatal("the room cannot be joined")
		}
		sent := p.Take()
		for i, s := range sent {
			var m struct {
				ID     int
				Result struct {
					SessionID string
					Value     json.RawMessage
				}
			}
			if json.Unmarshal(s.Text, &m) != nil || m.ID != 2 {
				continue
			}
			var members []struct {
				ID      string
				Streams []struct{ ID string }
			}
			if err := json.Unmarshal(m.Result.Value, &members); err != nil {
				t.Fatal(err)
			}
			for _, one := range members {
				w.members[one.ID] = fmt.Sprint(one.Streams)
			}
			for _, later := range sent[i+1:] {
				w.hear(later.Text)
			}
			return m.Result.SessionID
		}
	}
}

func (w *watcher) take(p *person) {
	for _, s := range p.Take() {
		if s.Close == nil {
			w.hear(s.Text)
		}
	}
}

// restless comes and goes, publishes and stops, until the context ends.
func (c *crowd) restless(ctx context.Context, name string, random *rand.Rand) {
	for ctx.Err() == nil {
		client, err := c.srv.Connect(c.srv.Dialects[0], nil)
		if err != nil {
			return
		}
		p := &person{Client: client, name: name}
		p.send("joinRoom", map[string]any{"user": name, "room": "kiosk"})
		for range 1 + random.IntN(6) {
			stream := []string{"webcam", "screen"}[random.IntN(2)]
			if random.IntN(3) > 0 {
				offer := talk.Offer("sendonly", "audio")
				if random.IntN(3) == 0 {
					offer = talk.Offer("sendonly", "audio", "video")
				}
				p.send("publishVideo", map[string]any{"sdpOffer": offer, "stream": stream})
			} else {
				p.send("unpublishVideo", map[string]any{"stream": stream})
			}
			select {
			case <-time.After(time.Duration(random.IntN(1000)) * time.Microsecond):
			case <-ctx.Done():
			}
		}
		if random.IntN(2) == 0 {
			p.send("leaveRoom", nil)
		}
		p.Hang(dialect.Closure{Clean: true, Code: 1000})
	}
}
