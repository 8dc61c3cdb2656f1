package omikron_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// TestContract sends one of each request, in and out of order, whole and
// mutilated, by a client whose Iota answers.
func TestContract(t *testing.T) { contract().Run(t) }

const padding = "00000000-0000-4000-8000-"

func padded(id string) string { return padding + strings.Repeat("0", max(0, 12-len(id))) + id }

func contract() talk.Contract {
	request := func(kind, data string) string { return `{"id":"#$id","type":"` + kind + `","data":` + data + `}` }
	return talk.Contract{
		Build: func(t testing.TB, settings map[string]string, e *mediatest.Engine) talk.Server {
			s := build(t, settings, e)
			return talk.Server{Hub: s.Hub, Access: s.Access, Dialects: []dialect.Dialect{{Name: "omikron", Open: (&fullHouse{server: s}).open}}}
		},
		Requests: []string{
			request("ping", `{"last_ping":3}`),
			request("client_changed", `{"user_state":"DND"}`),
			request("client_changed", `{"user_state":7}`),
			request("get_chats", `{}`),
			request("MessageGet", `{"ChatPartnerId":"$who","loaded_messages":0,"message_amount":50}`),
			request("call_invite", `{"receiver_id":"1a000000-0000-4000-8000-000000000001","call_id":"ca110000-0000-7000-8000-000000000007"}`),
			request("call_invite", `{"receiver_id":7}`),
			request("get_call", `{"call_id":"ca110000-0000-7000-8000-000000000007"}`),
			request("get_call", `{}`),
			request("dance", `{"a":[{"b":null}]}`),
		},
		Probe: request("ping", `{"last_ping":3}`),
		Reply: func(message []byte) (string, bool) {
			var m struct{ ID string }
			if json.Unmarshal(message, &m) != nil || !strings.HasPrefix(m.ID, padding) {
				return "", false
			}
			n, err := strconv.Atoi(m.ID[len(padding):])
			return strconv.Itoa(n), err == nil
		},
	}
}

// fullHouse gives every client an Iota of its own, which answers everything.
type fullHouse struct {
	server talk.Server
	next   int
}

func (f *fullHouse) open(c *core.Connection, query map[string][]string) dialect.Conversation {
	f.next++
	return newResident(c, f.server, fmt.Sprintf("1a000000-0000-4000-8000-1%011d", f.next), query)
}

// resident is a client's conversation that identifies by itself, with an Iota
// that lives and ends with it.
type resident struct {
	dialect.Conversation
	iota *talk.Client
	user string
}

var shortID = regexp.MustCompile(`"#(\d+)"`)

func newResident(c *core.Connection, s talk.Server, user string, query map[string][]string) *resident {
	all := s.Dialects
	answering := all[1]
	answering.Open = func(c *core.Connection, query map[string][]string) dialect.Conversation {
		return &answerer{Conversation: all[1].Open(c, query), user: user}
	}
	h, err := s.Connect(answering, nil)
	if err != nil {
		panic(err) // the hub is new
	}
	<-h.Arrived() // it is identified
	return &resident{Conversation: all[0].Open(c, query), iota: h, user: user}
}

func (r *resident) Greet(ctx context.Context) []dialect.Frame {
	return r.Conversation.Receive(ctx, []byte(`{"type":"identification","data":{"user_id":"`+r.user+`","private_key_hash":"`+strings.Repeat("a", 64)+`"}}`))
}

func (r *resident) Receive(ctx context.Context, b []byte) []dialect.Frame {
	return r.Conversation.Receive(ctx, shortID.ReplaceAllFunc(b, func(m []byte) []byte {
		return []byte(`"` + padded(string(m[2:len(m)-1])) + `"`)
	}))
}

func (r *resident) Closed(how dialect.Closure) {
	r.Conversation.Closed(how)
	r.iota.Hang(dialect.Closure{Clean: true, Code: 1000})
}

// answerer is an Iota's conversation that identifies by itself and answers each
// request with what it was asked.
type answerer struct {
	dialect.Conversation
	user string
}

func (a *answerer) Greet(ctx context.Context) []dialect.Frame {
	return a.Conversation.Receive(ctx, []byte(`{"type":"identification","data":{"iota_id":"`+house(a.user)+`","user_ids":"`+a.user+`"}}`))
}

func (a *answerer) Notify(ctx context.Context, e *core.Event) []dialect.Frame {
	out := a.Conversation.Notify(ctx, e)
	if _, asked := e.Fact.(core.Delivered); asked {
		for _, f := range out {
			a.Conversation.Receive(ctx, f.Text)
		}
	}
	return out
}

// FuzzReceive sends any lines as messages of a client whose Iota answers. The
// corpus is what the transcripts send.
func FuzzReceive(f *testing.F) {
	for _, messages := range talk.Corpus(f, "testdata/*.talk") {
		f.Add(messages)
	}
	c := contract()
	f.Fuzz(func(t *testing.T, text string) { c.Fuzz(t, text) })
}

// FuzzIota sends any lines as messages of an Iota that serves two users, one of
// whom is here.
func FuzzIota(f *testing.F) {
	for _, messages := range talk.Corpus(f, "testdata/*.talk") {
		f.Add(messages)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := &mediatest.Engine{}
		s := build(t, nil, e)
		answering := s.Dialects[1]
		const user = "1a000000-0000-4000-8000-000000000001"
		answering.Open = func(c *core.Connection, query map[string][]string) dialect.Conversation {
			return &answerer{Conversation: s.Dialects[1].Open(c, query), user: user}
		}
		iota, err := s.Connect(answering, nil)
		if err != nil {
			t.Fatal(err)
		}
		<-iota.Arrived()
		for line := range strings.Lines(text) {
			iota.Send([]byte(line))
		}
		iota.Hang(dialect.Closure{Clean: true, Code: 1000})
		for _, sent := range iota.Take() {
			if sent.Text != nil && !json.Valid(sent.Text) {
				t.Errorf("the Iota was sent what is not JSON: %s", sent.Text)
			}
		}
		if err := s.Hub.Close(); err != nil {
			t.Error(err)
		}
		talk.LeftOver(t, s, e)
	})
}
