package openvocs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// operator is a client in a crowd.
type operator struct {
	*talk.Client
	t    testing.TB
	name string
}

// crowd makes a server and logs in ada, and so many tabs of bob's that there are n,
// all of whom hear what happens in the loops.
func crowd(t testing.TB, n int) []operator {
	t.Helper()
	s := build(t, nil, &mediatest.Engine{})
	all := make([]operator, n)
	for i := range all {
		user := "bob"
		if i == 0 {
			user = "ada"
		}
		c, err := s.Connect(s.Dialects[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = operator{c, t, fmt.Sprintf("c%d", i)}
		t.Cleanup(func() { c.Hang(dialect.Closure{Clean: true, Code: 1000}) })
		all[i].ask("login", fmt.Sprintf(`{"user":%q,"password":"%s is who I am"}`, user, user))
		all[i].ask("authorize", `{"role":"flight"}`)
		all[i].ask("media", `{"type":"request"}`)
		all[i].ask("role_loops", `{}`)
	}
	t.Cleanup(func() {
		if err := s.Hub.Close(); err != nil {
			t.Error(err)
		}
	})
	return all
}

// ask sends a request and waits for its reply.
func (o operator) ask(event, parameter string) []byte {
	o.t.Helper()
	id := fmt.Sprintf("%s-%d", event, time.Now().UnixNano())
	o.Send([]byte(fmt.Sprintf(`{"event":%q,"uuid":%q,"client":%q,"parameter":%s}`, event, id, o.name, parameter)))
	return o.until(func(text string) bool { return strings.Contains(text, id) && strings.Contains(text, `"response"`) })
}

// until waits for a message.
func (o operator) until(is func(text string) bool) []byte {
	o.t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for {
		for _, s := range o.Take() {
			if s.Close != nil {
				o.t.Fatalf("%s was closed: %+v", o.name, *s.Close)
			}
			if is(string(s.Text)) {
				return s.Text
			}
		}
		select {
		case <-o.Arrived():
		case <-timer.C:
			o.t.Fatalf("%s heard nothing", o.name)
		}
	}
}

// TestCrowdIsCounted: however many come and go, and however late somebody reads,
// the list in the last broadcast is as long as there are people, and in a large
// one only those who talk are spelled out.
func TestCrowdIsCounted(t *testing.T) {
	all := crowd(t, 80)
	witness := all[0]
	for i, o := range all[1:] {
		o.ask("switch_loop_state", `{"loop":"ops","state":"send"}`)
		if i == 10 {
			o.ask("talking", `{"loop":"ops","state":true}`)
		}
	}
	last := fmt.Sprintf(`"client":"%s"`, all[79].name)
	var got struct {
		Parameter struct {
			Participants []map[string]any `json:"participants"`
		} `json:"parameter"`
	}
	if err := json.Unmarshal(witness.until(func(text string) bool {
		return strings.Contains(text, last) && strings.Contains(text, `"loop_broadcast"`) && strings.Contains(text, `"state":"send"`)
	}), &got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.Parameter.Participants); n != 79 {
		t.Errorf("%d participants, want 79", n)
	}
	spelled := 0
	for _, p := range got.Parameter.Participants {
		if len(p) > 0 {
			spelled++
			if p["talking"] != true {
				t.Errorf("%v does not talk", p)
			}
		}
	}
	if spelled != 1 {
		t.Errorf("%d participants are spelled out, want the one who talks", spelled)
	}
}

// BenchmarkCrowd is what it costs that one of so many enters a loop and leaves it
// while all others look on.
func BenchmarkCrowd(b *testing.B) {
	for _, n := range []int{50, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := crowd(b, n)
			for _, o := range all[1:] {
				o.ask("switch_loop_state", `{"loop":"ops","state":"recv"}`)
			}
			b.ReportAllocs()
			bytes := 0
			for b.Loop() {
				bytes += len(all[0].ask("switch_loop_state", `{"loop":"ops","state":"recv"}`))
				bytes += len(all[0].ask("switch_loop_state", `{"loop":"ops","state":"none"}`))
				for _, o := range all[1:] {
					bytes += len(o.until(func(text string) bool {
						return strings.Contains(text, `"client":"c0"`) && strings.Contains(text, `"state":"none"`) && strings.Contains(text, `"loop_broadcast"`)
					}))
				}
			}
			b.ReportMetric(float64(bytes)/float64(b.N)/float64(n), "B/reader")
		})
	}
}

// TestRequestsWaitForTheLogin: a client that does not wait is served in order.
func TestRequestsWaitForTheLogin(t *testing.T) {
	s := build(t, nil, &mediatest.Engine{})
	c, err := s.Connect(s.Dialects[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	o := operator{c, t, "c1"}
	for i, m := range []string{`"login","parameter":{"user":"ada","password":"ada is who I am"}`, `"authorize","parameter":{"role":"flight"}`,
		`"media","parameter":{"type":"request"}`, `"switch_loop_state","parameter":{"loop":"ops","state":"recv"}`,
		`"login","parameter":{"user":"ada","password":"ada is who I am"}`} {
		o.Send([]byte(fmt.Sprintf(`{"uuid":"r%d","client":"c1","event":%s}`, i, m)))
	}
	var order []string
	offered := false // whenever it is there
	o.until(func(text string) bool {
		var m struct {
			UUID  string
			Type  string
			Error struct{ Code int }
		}
		switch {
		case json.Unmarshal([]byte(text), &m) != nil || m.Type != "unicast":
		case m.UUID == "r2":
			offered = m.Error.Code == 0
		case strings.HasPrefix(m.UUID, "r"):
			order = append(order, fmt.Sprintf("%s:%d", m.UUID, m.Error.Code))
		}
		return len(order) == 4 && offered
	})
	if got, want := strings.Join(order, " "), "r0:0 r1:0 r3:0 r4:5002"; got != want {
		t.Errorf("replies came as %s, want %s", got, want)
	}
	c.Hang(dialect.Closure{Clean: true, Code: 1000})
	if err := s.Hub.Close(); err != nil {
		t.Error(err)
	}
}
