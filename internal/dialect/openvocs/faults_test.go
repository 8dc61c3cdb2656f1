package openvocs_test

import (
	"encoding/json"
	"strings"
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
