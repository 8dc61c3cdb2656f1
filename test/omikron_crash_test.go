package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// omikronAsk asks the directory and returns the type of the answer and its data.
func omikronAsk(page, method, path, body string) (kind string, data map[string]any, err error) {
	r, err := http.NewRequest(method, page+path, strings.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", nil, err
	}
	b, err := io.ReadAll(answer.Body)
	var m struct {
		Type string
		Data map[string]any
	}
	return m.Type, m.Data, errors.Join(err, answer.Body.Close(), json.Unmarshal(b, &m))
}

// omikronLedger is what the server has acknowledged: of each user registered the
// number in their status.
type omikronLedger struct {
	mu    sync.Mutex
	users map[string]int // by id; guarded by mu
}

func (l *omikronLedger) note(user string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users[user] = n
}

// work registers users and changes their profiles, one after the other, until
// the server does not answer any more.
func (l *omikronLedger) work(t *testing.T, page, name string) {
	for n := 0; ; n++ {
		kind, data, err := omikronAsk(page, "GET", "/api/register/init", "")
		if err != nil {
			return
		}
		user, _ := data["user_id"].(string)
		if kind != "success" || user == "" {
			t.Errorf("reserving an id was answered with %s", kind)
			return
		}
		hash := strings.Repeat("a", 64)
		kind, _, err = omikronAsk(page, "POST", "/api/register/complete", fmt.Sprintf(`{"uuid":%q,"username":"%s_%d","public_key":"","private_key_hash":%q,"iota_id":%q,"reset_token":"t"}`,
			user, name, n, hash, omikronHome(1)))
		if err != nil {
			return
		}
		if kind != "success" {
			t.Errorf("registering was answered with %s", kind)
			return
		}
		l.note(user, 0)
		for status := 1; status <= 3; status++ {
			kind, _, err := omikronAsk(page, "POST", "/api/change/"+user, fmt.Sprintf(`{"private_key_hash":%q,"status":"%d"}`, hash, status))
			if err != nil {
				return
			}
			if kind != "success" {
				t.Errorf("changing was answered with %s", kind)
				return
			}
			l.note(user, status)
		}
	}
}

// TestOmikronIsKilled kills the server while users register and change their
// profiles, again and again: whatever it has acknowledged is there when it is
// back, as it was or as the next request had it, and nothing is half there.
func TestOmikronIsKilled(t *testing.T) {
	data, ledger := t.TempDir(), &omikronLedger{users: map[string]int{}}
	flags := omikronFlags(data, "127.0.0.1:0", "dialects.omikron.registration=true")
	for round := range 3 {
		p := start(t, flags...)
		var workers sync.WaitGroup
		before := len(ledger.users)
		for n := range 4 {
			workers.Go(func() { ledger.work(t, p.page, fmt.Sprintf("u%d_%d", round, n)) })
		}
		enough := before + 8 + rand.IntN(16)
		eventually(t, "users to be registered", func() bool {
			ledger.mu.Lock()
			defer ledger.mu.Unlock()
			return len(ledger.users) >= enough || t.Failed()
		})
		if err := p.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.ended
		workers.Wait()

		p = start(t, flags...)
		for user, acknowledged := range maps.Clone(ledger.users) {
			kind, profile, err := omikronAsk(p.page, "GET", "/api/get/"+user, "")
			status, _ := profile["status"].(string)
			if status == "" {
				status = "0"
			}
			if next := fmt.Sprint(acknowledged + 1); err != nil || kind != "success" || status != fmt.Sprint(acknowledged) && status != next {
				t.Errorf("round %d: %s has status %q (%s, %v), and %d was acknowledged", round, user, status, kind, err, acknowledged)
			}
			name, _ := profile["username"].(string)
			if _, found, err := omikronAsk(p.page, "GET", "/api/get/uuid/"+name, ""); err != nil || found["user_id"] != user {
				t.Errorf("round %d: the name %q leads to %v, %v", round, name, found, err)
			}
		}
		if err := p.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.ended
	}
}
