package omikron_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"switchboard/internal/dialect"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media/mediatest"
)

// town is some Iotas, their users' devices, the calls that they are in, and what
// each of them has been told.
type town struct {
	t       *testing.T
	random  *rand.Rand
	server  talk.Server
	iotas   map[int]*townIota // by the first digit of the id; the last of each
	devices []*townDevice
	callers []*townCaller

	lists   map[string][]string // whom each user is interested in
	chosen  map[string]string   // how each user wants to be seen
	invited map[string]bool     // "by to call", asked for so far
	next    int
}

// townPeer is a connection.
type townPeer struct {
	*talk.Client
	closed bool
}

type townIota struct {
	townPeer
	users []string // whom it said it serves
}

type townDevice struct {
	townPeer
	user   string
	known  bool
	states map[string]string
	asked  map[string]string // kinds of requests by id
}

type townCaller struct {
	townPeer
	user, call, secret string
	in                 bool
	state              string            // its own
	members            map[string]string // states of the others
}

// heard is what anybody can be told.
type heard struct {
	ID, Type, Sender, Receiver string

	Data struct {
		UserID     string          `json:"user_id"`
		UserState  string          `json:"user_state"`
		UserStates json.RawMessage `json:"user_states"`
		UserIDs    json.RawMessage `json:"user_ids"`
		CallState  string          `json:"call_state"`
		CallID     string          `json:"call_id"`
		SenderID   string          `json:"sender_id"`
		ReceiverID string          `json:"receiver_id"`
		Content    string          `json:"content"`
		Message    string          `json:"message"`
		Payload    string          `json:"payload"`
	}
}

var townUsers = []string{"1a000000-0000-4000-8000-000000000001", "1b000000-0000-4000-8000-000000000002",
	"2a000000-0000-4000-8000-000000000003", "2b000000-0000-4000-8000-000000000004", "3a000000-0000-4000-8000-000000000005"}

var (
	townCalls   = []string{"ca110000-0000-7000-8000-000000000001", "ca110000-0000-7000-8000-000000000002"}
	townSecrets = []string{strings.Repeat("e", 64), strings.Repeat("f", 64), ""}
)

// TestTown lets devices, Iotas and members of calls come, write, move, go and
// die in any order. In the end every device knows the truth about all whom its
// user is interested in, every member of a call who else is in it and how, and
// at no time is anybody told what is not theirs: answers to others, messages to
// others, states of strangers, or anything of a call that they are not in.
func TestTown(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { walk(t, seed) })
		})
	}
}

func walk(t *testing.T, seed uint64) {
	e := &mediatest.Engine{}
	v := &town{t: t, random: rand.New(rand.NewPCG(seed, 1)), server: build(t, nil, e), iotas: map[int]*townIota{},
		lists: map[string][]string{}, chosen: map[string]string{}, invited: map[string]bool{}}
	for n := 1; n <= 3; n++ {
		v.house(n)
	}
	for range v.between(5, 100) {
		if v.step(); v.coin() {
			v.settle()
			v.compare()
			v.compareCalls()
		}
	}
	v.end()
	if err := v.server.Hub.Close(); err != nil {
		t.Error(err)
	}
	talk.LeftOver(t, v.server, e)
}

// between draws a number, both ends included.
func (v *town) between(least, most int) int { return least + v.random.IntN(most-least+1) }

func (v *town) coin() bool { return v.random.IntN(2) == 0 }

func pick[T any](v *town, all []T) T { return all[v.random.IntN(len(all))] }

func (v *town) connect(side int, identification string) townPeer {
	c, err := v.server.Connect(v.server.Dialects[side], nil)
	if err != nil {
		v.t.Fatal(err)
	}
	c.Send([]byte(identification))
	return townPeer{Client: c}
}

func (v *town) newID() string {
	v.next++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", v.next)
}

// hang ends a connection in one of the ways in which they end.
func (v *town) hang(p *townPeer) {
	p.Hang(pick(v, []dialect.Closure{{Code: 1006}, {Clean: true, Code: 1001}, {Clean: true, Code: 1005}}))
	p.closed = true
}

func (v *town) step() {
	switch what := v.between(0, 19); {
	case what < 1:
		v.house(v.between(1, 3))
	case what < 4:
		u := pick(v, townUsers)
		v.devices = append(v.devices, &townDevice{townPeer: v.connect(0, asUser(u, "")), user: u, states: map[string]string{}, asked: map[string]string{}})
	case what < 5 && v.coin():
		v.hang(&v.iotas[v.between(1, 3)].townPeer)
	case what < 8:
		v.join()
	case what < 12 && len(v.callers) > 0:
		v.move(pick(v, v.callers[max(0, len(v.callers)-4):]))
	case len(v.devices) > 0:
		v.use(pick(v, v.devices[max(0, len(v.devices)-6):]))
	}
}

// house lets an Iota come, or come again while the old one is there still.
func (v *town) house(n int) {
	var users []string
	for _, u := range townUsers {
		if v.between(0, 9) > 0 {
			users = append(users, u)
		}
	}
	if old := v.iotas[n]; old != nil && v.coin() {
		v.hang(&old.townPeer)
	}
	v.iotas[n] = &townIota{v.connect(1, fmt.Sprintf(`{"type":"identification","data":{"iota_id":"%d0da0000-0000-4000-8000-000000000000","user_ids":"%s"}}`,
		n, strings.Join(users, ","))), users}
	synctest.Wait()
}

// use lets a device do something.
func (v *town) use(d *townDevice) {
	ask := func(kind, data string) {
		id := v.newID()
		d.asked[id] = kind
		d.Send([]byte(`{"id":"` + id + `","type":"` + kind + `","sender":"` + pick(v, townUsers) + `","data":` + data + `}`))
	}
	switch v.between(0, 8) {
	case 0:
		v.hang(&d.townPeer)
	case 1:
		state := pick(v, []string{"ONLINE", "IDLE", "DND"})
		v.settle() // others of this user's devices may have said something else
		ask("client_changed", `{"user_state":"`+state+`"}`)
		v.settle()
		if !slices.Contains(slices.Collect(maps.Values(d.asked)), "client_changed") {
			v.chosen[d.user] = state
		}
		maps.DeleteFunc(d.asked, func(_, kind string) bool { return kind == "client_changed" })
	case 2, 3:
		to := pick(v, townUsers)
		ask("message_send", `{"receiver_id":"`+to+`","content":"for `+to+`"}`)
	case 4:
		to, call := pick(v, townUsers), pick(v, townCalls)
		v.invited[d.user+" "+to+" "+call] = true
		ask("call_invite", `{"receiver_id":"`+to+`","call_id":"`+call+`","call_secret":"s","call_secret_sha":"`+pick(v, townSecrets)+`"}`)
	default:
		ask("get_chats", `{}`)
	}
}

// join lets somebody come to a call, perhaps with another's secret.
func (v *town) join() {
	c := &townCaller{user: pick(v, townUsers), call: pick(v, townCalls), secret: pick(v, townSecrets), state: "active", members: map[string]string{}}
	c.townPeer = v.connect(2, asUser(c.user, `,"call_id":"`+c.call+`","call_secret_sha":"`+c.secret+`"`))
	v.callers = append(v.callers, c)
	synctest.Wait()
	v.look()
}

// move lets a member of a call, or who would be one, do something.
func (v *town) move(c *townCaller) {
	switch v.between(0, 5) {
	case 0:
		v.hang(&c.townPeer)
	case 1:
		state := pick(v, []string{"active", "muted", "deafed", "streaming"})
		if c.Send([]byte(`{"type":"client_changed","data":{"call_state":"`+state+`"}}`)) && c.in {
			c.state = state
		}
	case 2:
		if c.Send([]byte(`{"type":"start_stream","data":{}}`)) && c.in {
			c.state = "streaming"
		}
	case 3:
		if c.Send([]byte(`{"type":"end_stream","data":{}}`)) && c.in && c.state == "streaming" {
			c.state = "active"
		}
	default:
		to := pick(v, townUsers)
		c.Send([]byte(`{"type":"webrtc_sdp","data":{"receiver_id":"` + to + `","sender_id":"` + pick(v, townUsers) + `","payload":"` +
			strings.Join([]string{c.user, to, c.call, c.secret}, " ") + `"}}`))
	}
}

// settle lets everything happen; Iotas answer what they are asked for.
func (v *town) settle() {
	for again := true; again; {
		synctest.Wait()
		v.look()
		again = false
		for n := 1; n <= 3; n++ {
			if v.serve(v.iotas[n]) {
				again = true
			}
		}
	}
}

// serve lets an Iota answer what has come, and tells whether anything has.
func (v *town) serve(i *townIota) (answered bool) {
	say := func(m *heard, kind, more string) {
		answered = i.Send([]byte(`{"id":"`+m.ID+`","type":"`+kind+`",`+more+`}`)) || answered
		synctest.Wait()
	}
	for _, s := range i.Take() {
		if s.Close != nil {
			i.closed = true
			continue
		}
		m := v.read(s)
		serves := func(u string) {
			if !slices.Contains(i.users, u) {
				v.t.Errorf("an Iota that serves %q was sent %s", i.users, s.Text)
			}
		}
		switch m.Type {
		case "get_chats":
			serves(m.Sender)
			var list, chats []string
			for _, u := range townUsers {
				if u != m.Sender && v.coin() {
					list, chats = append(list, u), append(chats, `{"user_id":"`+u+`"}`)
				}
			}
			say(m, "get_chats", `"receiver":"`+m.Sender+`","data":{"user_ids":[`+strings.Join(chats, ",")+`]}`)
			if !i.closed {
				v.lists[m.Sender] = list
			}
		case "message_send":
			serves(m.Sender)
			say(m, "message", `"receiver":"`+m.Sender+`","data":{}`)
			say(m, "message_other_iota", `"sender":"`+m.Sender+`","receiver":"`+m.Data.ReceiverID+`","data":{"content":"`+m.Data.Content+`"}`)
		case "message_other_iota":
			serves(m.Receiver)
			say(m, "message_live", `"receiver":"`+m.Receiver+`","data":{"message":"`+m.Data.Content+`"}`)
		case "client_connected", "client_closed":
			serves(m.Data.UserID)
		case "identification_response", "error_no_iota", "error_invalid_user_id":
		default:
			v.t.Errorf("an Iota was sent %s", s.Text)
		}
	}
	return answered
}

func (v *town) read(s talk.Sent) *heard {
	m := &heard{}
	if err := json.Unmarshal(s.Text, m); err != nil {
		v.t.Fatalf("%s: %v", s.Text, err)
	}
	return m
}

// look reads what everybody was told, and fails for what is not theirs.
func (v *town) look() {
	for _, d := range v.devices {
		for _, s := range d.Take() {
			if s.Close != nil {
				d.closed = true
			} else if m := v.read(s); !v.told(d, m) {
				v.t.Errorf("a device of %s was sent %s", d.user, s.Text)
			}
		}
	}
	for _, c := range v.callers {
		for _, s := range c.Take() {
			if s.Close != nil {
				c.closed, c.in = true, false
			} else if m := v.read(s); !v.toldCaller(c, m) {
				v.t.Errorf("%s in %s (%v, knows %v) was sent %s", c.user, c.call, c.in, c.members, s.Text)
			}
		}
	}
}

// told takes what a device is told; false if it is not its own.
func (v *town) told(d *townDevice, m *heard) bool {
	switch m.Type {
	case "identification_response":
		d.known = true
		return true
	case "error_no_iota":
		return !d.known
	case "get_states":
		d.states = map[string]string{}
		return d.known && json.Unmarshal(m.Data.UserStates, &d.states) == nil
	case "client_changed":
		_, known := d.states[m.Data.UserID]
		d.states[m.Data.UserID] = m.Data.UserState
		return known
	case "message_live":
		return m.Data.Message == "for "+d.user && m.Receiver == d.user
	case "new_call":
		return m.Data.ReceiverID == d.user && v.invited[m.Data.SenderID+" "+d.user+" "+m.Data.CallID]
	}
	kind, asked := d.asked[m.ID]
	delete(d.asked, m.ID)
	replies := map[string]string{"client_changed": "success", "message_send": "message", "call_invite": "call_invite", "get_chats": "get_chats"}
	return asked && (m.Type == replies[kind] || m.Type == "error")
}

// toldCaller takes what a member of a call is told; false if it is not their
// own.
func (v *town) toldCaller(c *townCaller, m *heard) bool {
	if !c.in {
		if m.Type == "identification_response" {
			c.in = true
			_ = json.Unmarshal(m.Data.UserIDs, &c.members) // compared in the end
			delete(c.members, c.user)
		}
		return c.in || m.Type == "error_invalid_secret"
	}
	_, known := c.members[m.Data.UserID]
	switch m.Type {
	case "client_connected":
		c.members[m.Data.UserID] = m.Data.CallState
		return !known && m.Data.UserID != c.user
	case "client_closed":
		delete(c.members, m.Data.UserID)
		return known
	case "client_disconnected":
		return !known
	case "client_changed":
		c.members[m.Data.UserID] = m.Data.CallState
		return known && m.Data.SenderID == m.Data.UserID
	case "start_stream":
		c.members[m.Data.UserID] = "streaming"
		return known
	case "end_stream":
		if c.members[m.Data.UserID] == "streaming" {
			c.members[m.Data.UserID] = "active"
		}
		return known
	case "webrtc_sdp":
		return m.Data.Payload == strings.Join([]string{m.Data.SenderID, c.user, c.call, c.secret}, " ")
	}
	return false
}

// truth is how a user is to be seen.
func (v *town) truth(user string) string {
	i := v.iotas[int(user[0]-'0')]
	if i.closed || !slices.Contains(i.users, user) {
		return "IOTA_OFFLINE"
	}
	for _, d := range v.devices {
		if d.user == user && d.known && !d.closed {
			if v.chosen[user] != "" {
				return v.chosen[user]
			}
			return "ONLINE"
		}
	}
	return "USER_OFFLINE"
}

// compare fails unless every device knows the truth.
func (v *town) compare() {
	for _, d := range v.devices {
		if d.closed || !d.known {
			continue
		}
		want := map[string]string{}
		for _, u := range v.lists[d.user] {
			want[u] = v.truth(u)
		}
		if !maps.Equal(d.states, want) {
			v.t.Errorf("a device of %s believes %v, and the truth is %v", d.user, d.states, want)
		}
	}
}

// compareCalls fails unless every member knows every other, and all have come
// with one secret.
func (v *town) compareCalls() {
	for _, c := range v.callers {
		if !c.in || c.closed {
			continue
		}
		want := map[string]string{}
		for _, o := range v.callers {
			if o == c || !o.in || o.closed || o.call != c.call {
				continue
			}
			want[o.user] = o.state
			if o.secret != c.secret || o.user == c.user {
				v.t.Errorf("%s and %s are in one call", o.user+" "+o.secret, c.user+" "+c.secret)
			}
		}
		if !maps.Equal(c.members, want) {
			v.t.Errorf("%s in %s knows %v, and the truth is %v", c.user, c.call, c.members, want)
		}
	}
}

func (v *town) end() {
	for _, d := range v.devices {
		d.Hang(goodbye)
	}
	for _, i := range v.iotas {
		i.Hang(goodbye)
	}
	for _, c := range v.callers {
		c.Hang(goodbye)
	}
}
