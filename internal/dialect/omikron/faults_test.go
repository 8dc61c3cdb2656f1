package omikron_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

const (
	faultAda = "1a000000-0000-4000-8000-000000000001"
	faultBob = "1b000000-0000-4000-8000-000000000002"
)

var (
	gone    = dialect.Closure{Code: 1006}
	goodbye = dialect.Closure{Clean: true, Code: 1000}
)

// inBubble plays on a server of its own in virtual time, and looks for leaks.
func inBubble(t *testing.T, play func(t *testing.T, connect func(side int, identification string) *talk.Client)) {
	t.Helper()
	inBubbleWith(t, func(*talk.Server) {}, play)
}

// inBubbleWith is inBubble on a server that is changed first.
func inBubbleWith(t *testing.T, change func(*talk.Server), play func(t *testing.T, connect func(side int, identification string) *talk.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := &mediatest.Engine{}
		s := build(t, nil, e)
		change(&s)
		var all []*talk.Client
		play(t, func(side int, identification string) *talk.Client {
			c, err := s.Connect(s.Dialects[side], nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Send([]byte(identification))
			synctest.Wait()
			all = append(all, c)
			return c
		})
		for _, c := range all {
			c.Hang(goodbye)
		}
		synctest.Wait()
		if err := s.Hub.Close(); err != nil {
			t.Error(err)
		}
		talk.LeftOver(t, s, e)
	})
}

func asIota(users ...string) string {
	return `{"type":"identification","data":{"iota_id":"` + house(users[0]) + `","user_ids":"` + strings.Join(users, ",") + `"}}`
}

func asUser(user, more string) string {
	return `{"type":"identification","data":{"user_id":"` + user + `","private_key_hash":"` + strings.Repeat(user[1:2], 64) + `"` + more + `}}`
}

// TestIotaDiesWithRequestsOutstanding: the clients are closed at once, and a
// new Iota serves them as if nothing had been.
func TestIotaDiesWithRequestsOutstanding(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		iota, ada := connect(1, asIota(faultAda)), connect(0, asUser(faultAda, ""))
		for i := range 1000 {
			ada.Send(fmt.Appendf(nil, `{"id":"00000000-0000-7000-8000-%012d","type":"get_chats"}`, i))
		}
		synctest.Wait()
		if got := len(iota.Take()); got != 1002 {
			t.Errorf("the Iota was sent %d messages, want the two before and 1000 requests", got)
		}
		iota.Hang(gone)
		synctest.Wait()
		sent := ada.Take()
		if last := sent[len(sent)-1]; last.Close == nil || last.Close.Code != 1001 {
			t.Errorf("the client was left with %v", last)
		}
		connect(1, asIota(faultAda))
		if again := connect(0, asUser(faultAda, "")).Take(); len(again) != 1 || !strings.Contains(string(again[0].Text), "identification_response") {
			t.Errorf("a client that comes back is told %v", again)
		}
	})
}

// TestIotaReplacedWithRequestsOutstanding: each request fails once, and nothing
// is left of it.
func TestIotaReplacedWithRequestsOutstanding(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		connect(1, asIota(faultAda))
		ada := connect(0, asUser(faultAda, ""))
		for i := range 1000 {
			ada.Send(fmt.Appendf(nil, `{"id":"00000000-0000-7000-8000-%012d","type":"get_chats"}`, i))
		}
		synctest.Wait()
		ada.Take()
		connect(1, asIota(faultAda))
		failed := map[string]bool{}
		for _, s := range ada.Take() {
			failed[string(s.Text[:44])] = true
		}
		if len(failed) != 1000 {
			t.Errorf("%d requests failed, want 1000", len(failed))
		}
	})
}

// TestFlapping: a client that comes and goes ten times a second for a minute is
// seen as it is afterwards.
func TestFlapping(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		iota, ada := connect(1, asIota(faultAda, faultBob)), connect(0, asUser(faultAda, ""))
		ada.Send([]byte(`{"id":"00000000-0000-7000-8000-000000000001","type":"get_chats"}`))
		synctest.Wait()
		iota.Send([]byte(`{"id":"00000000-0000-7000-8000-000000000001","type":"get_chats","data":{"user_ids":["` + faultBob + `"]}}`))
		synctest.Wait()
		for range 600 {
			bob := connect(0, asUser(faultBob, ""))
			time.Sleep(50 * time.Millisecond)
			bob.Hang(gone)
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		sent := ada.Take()
		if last := string(sent[len(sent)-1].Text); !strings.Contains(last, "USER_OFFLINE") || len(sent) != 3+1200 {
			t.Errorf("ada was told %d times, last %s", len(sent), last)
		}
	})
}

// TestCallMembersLeaveTogether: whoever hears what, the group is gone with them.
func TestCallMembersLeaveTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		const call = `,"call_id":"ca110000-0000-7000-8000-000000000007"`
		var all []*talk.Client
		for i := range 8 {
			all = append(all, connect(2, asUser(fmt.Sprintf("1a000000-0000-4000-8000-%012d", i), call)))
		}
		done := make(chan struct{})
		for _, c := range all {
			go func() {
				c.Hang(gone)
				done <- struct{}{}
			}()
		}
		for range all {
			<-done
		}
		if first := connect(2, asUser(faultBob, call+`,"call_secret_sha":"`+strings.Repeat("f", 64)+`"`)).Take(); len(first) != 1 ||
			!strings.Contains(string(first[0].Text), `"user_ids":{"`+faultBob+`":"active"}`) {
			t.Errorf("the first of a new group with another secret is told %v", first)
		}
	})
}

// TestCallIsFull: the member beyond the limit is refused in words.
func TestCallIsFull(t *testing.T) {
	inBubble(t, func(t *testing.T, connect func(int, string) *talk.Client) {
		for i := range 33 {
			c := connect(2, asUser(fmt.Sprintf("1a000000-0000-4000-8000-%012d", i), `,"call_id":"ca110000-0000-7000-8000-000000000007"`))
			full := strings.Contains(string(c.Take()[0].Text), "is full")
			if full != (i == 32) {
				t.Errorf("member %d: full is %v", i+1, full)
			}
		}
	})
}
