package omikron_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// town is some Iotas, their users' devices and what each device has been told.
type town struct {
	t       *testing.T
	random  *rand.Rand
	server  talk.Server
	iotas   map[int]*townPeer // by the first digit of the id
	devices []*townPeer
	lists   map[string][]string // whom each user is interested in
	next    int
}

type townPeer struct {
	*talk.Client
	user   string
	states map[string]string
	closed bool
}

var townUsers = []string{"1a000000-0000-4000-8000-000000000001", "1b000000-0000-4000-8000-000000000002",
	"2a000000-0000-4000-8000-000000000003", "2b000000-0000-4000-8000-000000000004", "3a000000-0000-4000-8000-000000000005"}

// TestPresenceConverges lets devices and Iotas come, go, change and die in any
// order: in the end every device that is there knows the truth about all whom
// its user is interested in, and nobody was told about anybody else.
func TestPresenceConverges(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { walk(t, seed) })
		})
	}
}

func walk(t *testing.T, seed uint64) {
	e := &mediatest.Engine{}
	v := &town{t: t, random: rand.New(rand.NewPCG(seed, 1)), server: build(t, nil, e), iotas: map[int]*townPeer{},
		lists: map[string][]string{}}
	for range v.between(5, 80) {
		v.step()
	}
	v.settle()
	v.compare()
	v.end()
	if err := v.server.Hub.Close(); err != nil {
		t.Error(err)
	}
	talk.LeftOver(t, v.server, e)
}

// between draws a number, both ends included.
func (v *town) between(least, most int) int { return least + v.random.IntN(most-least+1) }

func (v *town) coin() bool { return v.random.IntN(2) == 0 }

func (v *town) connect(side int, identification string) *townPeer {
	c, err := v.server.Connect(v.server.Dialects[side], nil)
	if err != nil {
		v.t.Fatal(err)
	}
	c.Send([]byte(identification))
	return &townPeer{Client: c, states: map[string]string{}}
}

func (v *town) user() string { return townUsers[v.random.IntN(len(townUsers))] }

func (v *town) step() {
	switch what := v.between(0, 9); {
	case what < 2: // an Iota comes, or comes again
		n := v.between(1, 3)
		var users []string
		for _, u := range townUsers {
			if v.between(0, 5) > 0 {
				users = append(users, u)
			}
		}
		if old := v.iotas[n]; old != nil && v.coin() {
			old.Hang(dialect.Closure{Code: 1006})
		}
		v.iotas[n] = v.connect(1, fmt.Sprintf(`{"type":"identification","data":{"iota_id":"%d0da0000-0000-4000-8000-000000000000","user_ids":"%s"}}`, n, strings.Join(users, ",")))
	case what < 5:
		u := v.user()
		d := v.connect(0, `{"type":"identification","data":{"user_id":"`+u+`","private_key_hash":"`+strings.Repeat(u[1:2], 64)+`"}}`)
		d.user = u
		v.devices = append(v.devices, d)
	case what == 5 && len(v.iotas) > 0:
		if i := v.iotas[v.between(1, 3)]; i != nil {
			i.Hang(dialect.Closure{Code: 1006})
		}
	case len(v.devices) == 0:
	case what == 6:
		d := v.device()
		d.Hang(dialect.Closure{Clean: true, Code: 1001})
		d.closed = true
	case what == 7:
		v.device().Send([]byte(`{"type":"client_changed","data":{"user_state":"` + []string{"ONLINE", "IDLE", "DND"}[v.random.IntN(3)] + `"}}`))
	default:
		v.device().Send([]byte(`{"id":"` + v.newID() + `","type":"get_chats","data":{}}`))
	}
	if v.coin() {
		v.settle()
	}
}

func (v *town) newID() string {
	v.next++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", v.next)
}

func (v *town) device() *townPeer { return v.devices[v.random.IntN(len(v.devices))] }

// settle lets everything happen; Iotas answer what they are asked for.
func (v *town) settle() {
	for again := true; again; {
		synctest.Wait()
		again = false
		for n := 1; n <= 3; n++ {
			if i := v.iotas[n]; i != nil && v.serve(i) {
				again = true
			}
		}
	}
	for _, d := range v.devices {
		v.look(d)
	}
}

func (v *town) serve(i *townPeer) (answered bool) {
	for _, s := range i.Take() {
		var m struct {
			ID, Type, Sender string
		}
		if s.Close != nil || json.Unmarshal(s.Text, &m) != nil || m.Type != "get_chats" {
			continue
		}
		var list []string
		var chats []string
		for _, u := range townUsers {
			if u != m.Sender && v.coin() {
				list = append(list, u)
				chats = append(chats, `{"user_id":"`+u+`"}`)
			}
		}
		if i.Send([]byte(`{"id":"` + m.ID + `","type":"get_chats","receiver":"` + m.Sender + `","data":{"user_ids":[` + strings.Join(chats, ",") + `]}}`)) {
			answered = true
			synctest.Wait()
			if v.has(m.Sender) {
				v.lists[m.Sender] = list
			}
		}
	}
	return answered
}

// has tells whether a device of the user is connected and identified still.
func (v *town) has(user string) bool {
	for _, d := range v.devices {
		if v.look(d); d.user == user && !d.closed && d.states["self"] != "" {
			return true
		}
	}
	return false
}

// look reads what a device was told.
func (v *town) look(d *townPeer) {
	for _, s := range d.Take() {
		var m struct {
			Type string
			Data struct {
				UserID     string            `json:"user_id"`
				UserState  string            `json:"user_state"`
				UserStates map[string]string `json:"user_states"`
			}
		}
		if s.Close != nil {
			d.closed = true
			continue
		}
		if err := json.Unmarshal(s.Text, &m); err != nil {
			v.t.Fatalf("%s: %v", s.Text, err)
		}
		switch m.Type {
		case "identification_response":
			d.states["self"] = "here"
		case "get_states":
			d.states = m.Data.UserStates
			d.states["self"] = "here"
		case "client_changed":
			if _, known := d.states[m.Data.UserID]; !known {
				v.t.Errorf("%s was told about %s, who is no contact", d.user, m.Data.UserID)
			}
			d.states[m.Data.UserID] = m.Data.UserState
		}
	}
}

// compare fails unless every device knows what a fresh one would be told.
func (v *town) compare() {
	for _, d := range v.devices {
		if d.closed || d.states["self"] == "" || len(v.lists[d.user]) == 0 {
			continue
		}
		fresh := v.connect(0, `{"type":"identification","data":{"user_id":"`+d.user+`","private_key_hash":"`+strings.Repeat(d.user[1:2], 64)+`"}}`)
		fresh.user = d.user
		synctest.Wait()
		v.look(fresh)
		v.look(d)
		got, want := fmt.Sprint(d.states), fmt.Sprint(fresh.states)
		fresh.Hang(dialect.Closure{Clean: true, Code: 1000})
		synctest.Wait()
		for _, other := range v.devices { // who sees this user is told that a device came and went
			v.look(other)
		}
		if got != want {
			v.t.Errorf("a device of %s believes %s, and the truth is %s", d.user, got, want)
		}
	}
}

func (v *town) end() {
	for _, d := range v.devices {
		d.Hang(dialect.Closure{Clean: true, Code: 1000})
	}
	for _, i := range v.iotas {
		i.Hang(dialect.Closure{Clean: true, Code: 1000})
	}
}
