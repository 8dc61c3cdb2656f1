package openvocs_test

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// codeOf returns the code of a reply's error, 0 without one.
func codeOf(t *testing.T, reply []byte) int {
	t.Helper()
	var m struct{ Error struct{ Code int } }
	if err := json.Unmarshal(reply, &m); err != nil {
		t.Fatal(err)
	}
	return m.Error.Code
}

func connect(t *testing.T, s talk.Server) operator {
	t.Helper()
	c, err := s.Connect(s.Dialects[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	return operator{c, t, "c1"}
}

// TestNothingCanBeStored: while the database takes no more, people log in, hear
// and talk all the same, and whoever wants something kept is told that it is not.
func TestNothingCanBeStored(t *testing.T) {
	s := buildFrozen(t, nil, &mediatest.Engine{})
	o := connect(t, s)
	for _, row := range []struct {
		event, parameter string
		want             int
	}{
		{"login", `{"user":"ada","password":"x"}`, 0},
		{"authorize", `{"role":"flight"}`, 0},
		{"media", `{"type":"request"}`, 0},
		{"role_loops", `{}`, 0},
		{"switch_loop_state", `{"loop":"ops","state":"send"}`, 0},
		{"talking", `{"loop":"ops","state":true}`, 0},
		{"switch_loop_volume", `{"loop":"ops","volume":10}`, 0},
		{"set_user_data", `{"a":1}`, 1000},
		{"set_keyset_layout", `{"domain":"default","name":"x","layout":{}}`, 1000},
		{"update", `{"type":"domain","id":"default","data":{"name":"x"}}`, 1000},
		{"create", `{"type":"loop","id":"x","scope":{"type":"domain","id":"default"}}`, 1000},
		{"switch_loop_state", `{"loop":"ops","state":"none"}`, 0},
	} {
		if got := codeOf(t, o.ask(row.event, row.parameter)); got != row.want {
			t.Errorf("%s: got %d, want %d", row.event, got, row.want)
		}
	}
	o.Hang(dialect.Closure{Clean: true, Code: 1000})
	if err := s.Hub.Close(); err != nil {
		t.Error(err)
	}
}

// TestTwoServers: a client that is logged in to two servers does everything on
// both, and goes on with one when the other stops (dossier 3.5).
func TestTwoServers(t *testing.T) {
	prime, backup := build(t, nil, &mediatest.Engine{}), build(t, nil, &mediatest.Engine{})
	both := []operator{connect(t, prime), connect(t, backup)}
	ask := func(event, parameter string, to ...operator) {
		t.Helper()
		for _, o := range to {
			if got := codeOf(t, o.ask(event, parameter)); got != 0 {
				t.Errorf("%s: %d", event, got)
			}
		}
	}
	ask("login", `{"user":"ada","password":"ada is who I am"}`, both...)
	ask("authorize", `{"role":"flight"}`, both...)
	ask("media", `{"type":"request"}`, both...)
	ask("switch_loop_state", `{"loop":"ops","state":"send"}`, both...)
	ask("talking", `{"loop":"ops","state":true}`, both...)
	for _, s := range []talk.Server{prime, backup} {
		if n := len(s.Hub.Present("default/ops")); n != 1 {
			t.Errorf("%d participants, want 1", n)
		}
	}
	prime.Hub.EndSessions(core.ReasonShutdown)
	ask("talking", `{"loop":"ops","state":false}`, both[1])
	ask("switch_loop_volume", `{"loop":"ops","volume":90}`, both[1])
	if !strings.Contains(string(both[1].ask("role_loops", `{}`)), `"volume":90`) {
		t.Error("the backup does not remember the volume")
	}
	both[1].Hang(dialect.Closure{Clean: true, Code: 1000})
	for _, s := range []talk.Server{prime, backup} {
		if err := s.Hub.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestRightsChangeMeanwhile: whatever clients are about to do, a right can be
// gone by then. Everybody is answered, and in the end everybody is where they
// may be.
func TestRightsChangeMeanwhile(t *testing.T) {
	s := build(t, nil, &mediatest.Engine{})
	admin := connect(t, s)
	admin.ask("login", `{"user":"ada","password":"ada is who I am"}`)
	var all []operator
	for range 6 {
		o := connect(t, s)
		o.ask("login", `{"user":"bob","password":"bob is who I am"}`)
		o.ask("authorize", `{"role":"flight"}`)
		o.ask("media", `{"type":"offer","sdp":"`+strings.NewReplacer("\r\n", `\r\n`).Replace(talk.Offer("sendrecv", "audio"))+`"}`)
		all = append(all, o)
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for i, o := range all {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		busy.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				event, parameter := "switch_loop_state", []string{`"send"`, `"recv"`, `"send"`, `"none"`, `true`, `false`}[random.IntN(6)]
				if parameter == "true" || parameter == "false" {
					event = "talking"
				}
				o.Send([]byte(`{"event":"` + event + `","uuid":"` + strconv.Itoa(n) + `","parameter":{"loop":"ops","state":` + parameter + `}}`))
				o.Take()
			}
		})
	}
	for _, roles := range []string{`{}`, `{"flight":false}`, `{"flight":true}`, `{"guide":true}`, `{"flight":true}`, `{"flight":false}`, `{}`,
		`{"flight":true}`, `{}`, `{"flight":true}`, `{"flight":false}`} {
		if got := codeOf(t, admin.ask("update", `{"type":"loop","id":"ops","data":{"roles":`+roles+`}}`)); got != 0 {
			t.Errorf("update: %d", got)
		}
	}
	close(stop)
	busy.Wait()
	for _, o := range all {
		o.ask("switch_loop_state", `{"loop":"ops","state":"recv"}`)
		if got := codeOf(t, o.ask("switch_loop_state", `{"loop":"ops","state":"send"}`)); got != 5004 {
			t.Errorf("send where flight may listen: %d", got)
		}
	}
	present := s.Hub.Present("default/ops")
	if len(present) != len(all) {
		t.Errorf("%d participants, want %d", len(present), len(all))
	}
	for _, p := range present {
		if p.Mode != core.ModeListen || len(p.Publications) > 0 || p.PushToTalk {
			t.Errorf("somebody is more than a listener: %+v", p)
		}
	}
	for _, o := range append(all, admin) {
		o.Hang(dialect.Closure{Clean: true, Code: 1000})
	}
	if err := s.Hub.Close(); err != nil {
		t.Error(err)
	}
}
