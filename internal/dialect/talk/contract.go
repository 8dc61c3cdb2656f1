package talk

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"switchboard/internal/dialect"
	"switchboard/internal/media/mediatest"
)

// Contract is what every dialect of requests and replies holds to, whatever its
// clients do: a request with an id gets exactly one reply; messages that are
// none, half ones, huge ones and mutilated ones do no harm; and when everybody
// has gone nothing is left.
type Contract struct {
	Build Build
	// Requests are one of each kind, in an order that makes sense, with $id where
	// a request's id goes and $who for a name of the sender's own. The offers of
	// transcripts can be used.
	Requests []string
	// Probe is a request that succeeds on every connection.
	Probe string
	// Reply tells to which request a message replies; false for events.
	Reply func(message []byte) (id string, ok bool)
}

// Run checks the contract, each part as a subtest in virtual time.
func (c Contract) Run(t *testing.T) {
	parts := map[string]func(*trial){
		"one reply to each request": (*trial).order,
		"requests in any order":     (*trial).disorder,
		"messages that are none":    (*trial).nonsense,
		"mutilated requests":        (*trial).mutilated,
		"connections cut anywhere":  (*trial).cut,
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &mediatest.Engine{}
				tr := &trial{Contract: c, t: t, srv: c.Build(t, nil, e), engine: e, random: rand.New(rand.NewPCG(1, 2))}
				t.Cleanup(tr.finish)
				part(tr)
			})
		})
	}
}

// Fuzz sends each line of a text as a message, on a connection that has sent
// the first requests properly, and checks that the connection and another one
// still work, and that nothing is left. It is the body of a fuzz target, and
// runs in real time.
func (c Contract) Fuzz(t *testing.T, text string) {
	e := &mediatest.Engine{}
	tr := &trial{Contract: c, t: t, srv: c.Build(t, nil, e), engine: e}
	p, witness := tr.connect("ada"), tr.connect("witness")
	for _, request := range c.Requests[:min(2, len(c.Requests))] {
		p.ask(request)
		witness.ask(request)
	}
	for line := range strings.Lines(text) {
		p.Send([]byte(strings.TrimSuffix(line, "\n")))
	}
	tr.replies(p)
	tr.replies(witness)
	p.Hang(dialect.Closure{Clean: true, Code: 1000})
	witness.Hang(dialect.Closure{Clean: true, Code: 1000})
	if err := tr.srv.Hub.Close(); err != nil {
		t.Errorf("close the hub: %v", err)
	}
	LeftOver(t, tr.srv, e)
}

// replies waits until the connection has replied to a probe, or was closed.
func (tr *trial) replies(p *peer) {
	tr.t.Helper()
	p.next = max(p.next, firstProbe)
	id := strconv.Itoa(p.next)
	p.ask(tr.Probe)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for p.read(tr.t, tr.Reply); p.replies[id] == 0 && p.closed == nil; p.read(tr.t, tr.Reply) {
		select {
		case <-p.arrived:
		case <-timer.C:
			tr.t.Fatalf("%s got no reply to %s", p.name, tr.Probe)
		}
	}
}

// Corpus returns what the clients of each transcript send, a message a line:
// what to begin a fuzz target with.
func Corpus(t testing.TB, pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcript matches %s: %v", pattern, err)
	}
	var corpus []string
	for _, path := range paths {
		s, err := read(path)
		if err != nil {
			t.Fatal(err)
		}
		var messages strings.Builder
		for _, st := range s.statements {
			if st.verb != says {
				continue
			}
			if text, err := offers().fill(st.text, true); err == nil { // else it names what is bound later
				messages.WriteString(text + "\n")
			}
		}
		corpus = append(corpus, messages.String())
	}
	return corpus
}

// trial is one part of the contract being checked. Its goroutine is the test's.
type trial struct {
	Contract
	t       *testing.T
	srv     Server
	engine  *mediatest.Engine
	random  *rand.Rand
	clients []*peer
}

// peer is a client that counts what it asked and what came back.
type peer struct {
	*Client
	name    string
	next    int // the next request's id
	asked   map[string]bool
	replies map[string]int
	closed  *dialect.Close
}

func (tr *trial) connect(name string) *peer {
	c, err := tr.srv.Connect(tr.srv.Dialects[0], nil)
	if err != nil {
		tr.t.Fatal(err)
	}
	p := &peer{Client: c, name: name, next: 1, asked: map[string]bool{}, replies: map[string]int{}}
	tr.clients = append(tr.clients, p)
	return p
}

// fill completes a request with an id of its own.
func (p *peer) fill(request string) string {
	id := strconv.Itoa(p.next)
	p.next++
	vars := offers()
	vars["id"], vars["who"] = id, p.name
	text, err := vars.fill(request, true)
	if err != nil {
		panic(err) // a mistake in the contract's own requests
	}
	p.asked[id] = true
	return text
}

// ask sends a request; false when the connection has ended.
func (p *peer) ask(request string) bool {
	before := p.next
	if p.Send([]byte(p.fill(request))) {
		return true
	}
	delete(p.asked, strconv.Itoa(before))
	return false
}

// read takes what was sent, checks that it can be read, and counts replies.
func (p *peer) read(t *testing.T, reply func([]byte) (string, bool)) {
	t.Helper()
	for _, s := range p.Take() {
		if s.Close != nil {
			p.closed = s.Close
			if len(s.Close.Reason) > 123 || !utf8.ValidString(s.Close.Reason) {
				t.Errorf("%s: closed with a reason that cannot be sent: %q", p.name, s.Close.Reason)
			}
			continue
		}
		if !json.Valid(s.Text) || !utf8.Valid(s.Text) {
			t.Fatalf("%s was sent what is not JSON: %s", p.name, s)
		}
		if id, ok := reply(s.Text); ok {
			p.replies[id]++
		}
	}
}

// settle lets everything happen and reads it.
func (tr *trial) settle() {
	tr.t.Helper()
	synctest.Wait()
	for _, p := range tr.clients {
		p.read(tr.t, tr.Reply)
	}
}

// answered fails unless every request was replied to once.
func (tr *trial) answered(p *peer) {
	tr.t.Helper()
	for id := range p.asked {
		if got := p.replies[id]; got != 1 {
			tr.t.Errorf("%s: request %s got %d replies, want 1", p.name, id, got)
		}
	}
}

// firstProbe is an id that no damaged request has by chance.
const firstProbe = 1_900_000_000

// usable fails unless the connection still works, or was closed with a reason.
func (tr *trial) usable(p *peer, after string) {
	tr.t.Helper()
	tr.settle()
	if p.closed != nil {
		if p.closed.Code == 0 || p.closed.Reason == "" {
			tr.t.Errorf("after %s %s was closed without a reason: %+v", after, p.name, *p.closed)
		}
		return
	}
	p.next = max(p.next, firstProbe)
	id := strconv.Itoa(p.next)
	before := p.replies[id]
	p.ask(tr.Probe)
	tr.settle()
	if got := p.replies[id] - before; got != 1 {
		tr.t.Fatalf("after %s the connection of %s does not work: %d replies to %s", after, p.name, got, tr.Probe)
	}
}

func (tr *trial) order() {
	for _, name := range []string{"ada", "bob", "cy"} {
		p := tr.connect(name)
		for _, request := range tr.Requests {
			p.ask(request)
			tr.settle()
		}
		tr.answered(p)
	}
}

// disorder sends everything in any order, with answers that take their time.
func (tr *trial) disorder() {
	tr.engine.Delay(20 * time.Millisecond)
	for round := range 40 {
		var peers []*peer
		for i := range 3 {
			peers = append(peers, tr.connect(fmt.Sprintf("p%d-%d", round, i)))
		}
		for range 60 {
			peers[tr.random.IntN(len(peers))].ask(tr.Requests[tr.random.IntN(len(tr.Requests))])
			if tr.random.IntN(4) == 0 {
				time.Sleep(time.Duration(tr.random.IntN(30)) * time.Millisecond)
			}
		}
		time.Sleep(5 * time.Second)
		tr.settle()
		for _, p := range peers {
			tr.answered(p)
			p.Hang(dialect.Closure{Clean: true, Code: 1000})
		}
		tr.clients = nil
	}
}

// nonsense sends what is no request to one while another looks on.
func (tr *trial) nonsense() {
	witness := tr.connect("witness")
	for name, message := range nonsense(tr.Requests) {
		p := tr.connect("ada")
		p.Send([]byte(message))
		tr.usable(p, name)
		p.ask(tr.Requests[0])
		p.Send([]byte(message))
		tr.usable(p, name+" later")
		tr.usable(witness, name+" of somebody else")
		p.Hang(dialect.Closure{Clean: true, Code: 1000})
		tr.clients = []*peer{witness}
	}
}

func nonsense(requests []string) map[string]string {
	deep := strings.Repeat("[", 200_000)
	return map[string]string{
		"nothing":                    "",
		"blanks":                     " \r\n\t",
		"words":                      "good morning",
		"half a request":             requests[0][:len(requests[0])/2],
		"two requests":               requests[0] + requests[0],
		"null":                       "null",
		"a number":                   "17",
		"a string":                   `"ping"`,
		"an empty array":             "[]",
		"an array of requests":       "[" + requests[0] + "," + requests[0] + "]",
		"an empty object":            "{}",
		"an object of nothing known": `{"a":{"b":[{"c":null}]}}`,
		"deep nesting":               deep,
		"deep nesting within":        strings.TrimSuffix(requests[0], "}") + `,"extra":` + deep + strings.Repeat("]", 200_000) + "}",
		"ten megabytes of letters":   strings.Repeat("x", 10<<20),
		"ten megabytes of JSON":      `{"a":"` + strings.Repeat("x", 10<<20) + `"}`,
		"many members":               "{" + strings.Repeat(`"k":1,`, 100_000) + `"k":1}`,
		"zero bytes":                 "\x00\x00\x00",
		"invalid UTF-8":              "{\"id\":\"\xff\xfe\",\"method\":\"\xc0\"}",
		"a byte order mark":          "\ufeff" + requests[0],
		"lone surrogates":            `{"id":"\ud800","method":"\udc00"}`,
		"numbers beyond all bounds":  `{"id":1e999,"method":1e999,"params":{"a":-1e999}}`,
	}
}

// mutilated sends damaged requests.
func (tr *trial) mutilated() {
	p, witness := tr.connect("ada"), tr.connect("witness")
	for i := range 4000 {
		if !p.Send(tr.mutilate([]byte(p.fill(tr.Requests[tr.random.IntN(len(tr.Requests))])))) {
			p.read(tr.t, tr.Reply)
			p = tr.connect("ada")
		}
		if i%200 == 0 {
			tr.usable(p, "mutilated requests")
			tr.usable(witness, "mutilated requests of somebody else")
			tr.clients = []*peer{p, witness}
		}
	}
}

func (tr *trial) mutilate(m []byte) []byte {
	for range 1 + tr.random.IntN(3) {
		if len(m) == 0 {
			return m
		}
		at := tr.random.IntN(len(m))
		switch tr.random.IntN(6) {
		case 0:
			m[at] = byte(tr.random.IntN(256))
		case 1:
			m = m[:at]
		case 2:
			m = m[at:]
		case 3:
			m = append(m[:at:at], m[min(len(m), at+1+tr.random.IntN(8)):]...)
		case 4:
			m = append(m[:at:at], append([]byte(`{}[]":,\0e-`)[:tr.random.IntN(11)], m[at:]...)...)
		default:
			m = append(m[:at:at], append([]byte(m[at:min(len(m), at+20)]), m[at:]...)...)
		}
	}
	return m
}

// cut breaks connections after every number of requests.
func (tr *trial) cut() {
	for _, clean := range []bool{true, false} {
		for n := range len(tr.Requests) + 1 {
			p := tr.connect("ada" + strconv.Itoa(n))
			for _, request := range tr.Requests[:n] {
				p.ask(request)
			}
			p.Hang(dialect.Closure{Clean: clean, Code: 1006})
		}
	}
}

// finish ends what is left and looks for leaks.
func (tr *trial) finish() {
	for _, p := range tr.clients {
		p.Hang(dialect.Closure{Clean: true, Code: 1000})
	}
	time.Sleep(tr.srv.Hub.Limits().DetachedFor + time.Second)
	synctest.Wait()
	if !tr.t.Failed() {
		LeftOver(tr.t, tr.srv, tr.engine)
	}
	if err := tr.srv.Hub.Close(); err != nil {
		tr.t.Errorf("close the hub: %v", err)
	}
}
