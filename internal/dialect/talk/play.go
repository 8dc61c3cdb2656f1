package talk

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// player plays one transcript on a stage.
type player struct {
	t      testing.TB
	script *script
	stage  stage
	lines  map[string]line
	vars   variables
	answer reply // to the last HTTP request
	log    []string
}

func newPlayer(t testing.TB, s *script, on stage) *player {
	return &player{t: t, script: s, stage: on, lines: map[string]line{}, vars: offers()}
}

// fail ends the test at a statement, with the last things that happened.
func (p *player) fail(st statement, format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s\nbefore that:\n  %s", p.script.path, st.at, fmt.Sprintf(format, args...),
		strings.Join(p.log[max(0, len(p.log)-8):], "\n  "))
}

func (p *player) note(format string, args ...any) {
	p.log = append(p.log, shorten([]byte(fmt.Sprintf(format, args...)), 400))
}

// play performs every statement and checks that nothing else was sent.
func (p *player) play() {
	p.t.Helper()
	for _, st := range p.script.statements {
		p.perform(st)
	}
	p.stage.settle()
	p.silence(statement{at: p.script.statements[len(p.script.statements)-1].at})
}

func (p *player) perform(st statement) {
	p.t.Helper()
	switch st.verb {
	case hears:
		p.hear(st)
		return
	case replies:
		p.checkReply(st)
		return
	case does:
		if p.check(st) {
			return
		}
	}
	p.silence(st) // what was sent must be mentioned before the next thing happens
	var err error
	switch st.verb {
	case says:
		err = p.say(st, 1, st.text)
	case waits:
		p.note("wait %s", st.pause)
		p.stage.wait(st.pause)
	case requests:
		err = p.request(st)
	case does:
		p.note("%s: %s", st.who, st.text)
		err = p.do(st)
	}
	if err != nil {
		p.fail(st, "%v", err)
	}
	p.stage.settle()
}

// silence fails if anybody was sent something that is not mentioned.
func (p *player) silence(st statement) {
	p.t.Helper()
	for _, who := range p.names() {
		if s, ok := p.lines[who].next(false); ok {
			p.fail(st, "%s was sent something that the transcript does not mention:\n  %s", who, s)
		}
	}
}

func (p *player) names() []string {
	names := make([]string, 0, len(p.lines))
	for name := range p.lines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// String shows what was sent as a transcript would.
func (s Sent) String() string {
	if s.Close != nil {
		return fmt.Sprintf("closed %d %s", s.Close.Code, s.Close.Reason)
	}
	return shorten(s.Text, mostShown)
}

func (p *player) hear(st statement) {
	p.t.Helper()
	l := p.lines[st.who]
	if l == nil {
		p.fail(st, "%s has no connection", st.who)
	}
	s, ok := l.next(true)
	switch {
	case !ok:
		p.fail(st, "%s was sent nothing; want\n  %s", st.who, st.text)
	case s.Close != nil:
		p.fail(st, "%s: %s; want\n  %s", st.who, s, st.text)
	}
	p.note("%s< %s", st.who, s)
	got, err := decode(s.Text)
	if err != nil {
		p.fail(st, "%s was sent what is not JSON: %v: %s", st.who, err, s)
	}
	if differences := p.vars.match(st.want, got, "message"); len(differences) > 0 {
		p.fail(st, "%s:\n  want %s\n  got  %s\n    %s", st.who, st.text, s, strings.Join(differences, "\n    "))
	}
}

func (p *player) say(st statement, times int, text string) error {
	message, err := p.vars.fill(text, true)
	if err != nil {
		return err
	}
	if p.lines[st.who] == nil {
		if err := p.open(st.who, ""); err != nil {
			return err
		}
	}
	p.note("%s> %s", st.who, message)
	for range times {
		if err := p.lines[st.who].send([]byte(message)); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) open(who, where string) error {
	where, err := p.vars.fill(where, false)
	if err != nil {
		return err
	}
	u, err := url.Parse(where)
	if err != nil {
		return err
	}
	l, err := p.stage.open(u.Path, u.Query())
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	p.lines[who] = l
	return nil
}

// check performs the statements that only look; it tells false for others.
func (p *player) check(st statement) bool {
	p.t.Helper()
	words := strings.Fields(st.text)
	if len(words) == 0 {
		p.fail(st, "what does %s do?", st.who)
	}
	switch {
	case st.who == "media":
		looked, err := p.checkMedia(words)
		for tries := 0; err != nil && p.stage.later(tries); tries++ {
			looked, err = p.checkMedia(words)
		}
		if err != nil {
			p.fail(st, "media: %v", err)
		}
		return looked
	case words[0] == "closed":
		p.checkClosed(st, words)
		return true
	case words[0] == "skip" && len(words) == 2:
		n, _ := strconv.Atoi(words[1])
		for i := range n {
			if s, ok := p.lines[st.who].next(true); !ok || s.Close != nil {
				p.fail(st, "%s was sent %d messages only", st.who, i)
			}
		}
		return true
	}
	return false
}

func (p *player) checkClosed(st statement, words []string) {
	p.t.Helper()
	s, ok := p.lines[st.who].next(true)
	if !ok || s.Close == nil {
		p.fail(st, "%s is not closed; want %s, got %s", st.who, st.text, s)
	}
	if want := strings.TrimSpace(strings.TrimPrefix(st.text, "closed")); len(words) == 2 && want != strconv.Itoa(s.Close.Code) ||
		len(words) > 2 && want != fmt.Sprintf("%d %s", s.Close.Code, s.Close.Reason) {
		p.fail(st, "%s: want closed %s, got %s", st.who, want, s)
	}
	p.note("%s: %s", st.who, s)
	delete(p.lines, st.who)
}

// do performs what happens to connections and to the server.
func (p *player) do(st statement) error {
	words := strings.Fields(st.text)
	l := p.lines[st.who]
	switch {
	case st.who == "server":
		text, err := p.vars.fill(st.text, false)
		if err != nil {
			return err
		}
		return p.stage.server(strings.Fields(text))
	case st.who == "media":
		return p.doMedia(words)
	case words[0] == "open":
		return p.open(st.who, strings.TrimSpace(strings.TrimPrefix(st.text, "open")))
	case words[0] == "repeats" && len(words) > 2:
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		return p.say(st, n, strings.Join(words[2:], " "))
	case l == nil:
		return fmt.Errorf("%s has no connection", st.who)
	case words[0] == "sends" && len(words) == 3:
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		return l.send([]byte(strings.Repeat("x", n)))
	case words[0] == "cut":
		l.cut()
	case words[0] == "close":
		code := 1000
		if len(words) > 1 {
			code, _ = strconv.Atoi(words[1])
		}
		l.close(code)
	default:
		return fmt.Errorf("%s: %s: no such thing", st.who, st.text)
	}
	delete(p.lines, st.who)
	return nil
}

// hangUp ends all connections.
func (p *player) hangUp() {
	for _, who := range p.names() {
		p.lines[who].close(1000)
		delete(p.lines, who)
	}
}

func (p *player) request(st statement) error {
	text, err := p.vars.fill(st.text, false)
	if err != nil {
		return err
	}
	p.note("http> %s", text)
	first, rest, _ := strings.Cut(text, "\n")
	method, path, _ := strings.Cut(first, " ")
	header, body := headers(rest)
	p.answer, err = p.stage.request(method, path, header, body)
	return err
}

// headers reads continued lines: headers, and everything from "body:" on as
// the body.
func headers(text string) (http.Header, string) {
	h := http.Header{}
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		name, value, _ := strings.Cut(line, ":")
		if name == "body" {
			return h, strings.TrimSpace(strings.TrimPrefix(text, "body:"))
		}
		h.Add(name, strings.TrimSpace(value))
		text = rest
	}
	return h, ""
}

func (p *player) checkReply(st statement) {
	p.t.Helper()
	first, rest, _ := strings.Cut(st.text, "\n")
	status, want, _ := strings.Cut(first, " ")
	header, more := headers(rest)
	want = strings.TrimSpace(want + more)
	if got := strconv.Itoa(p.answer.status); got != status {
		p.fail(st, "http: want status %s, got %s: %s", status, got, p.answer.body)
	}
	for name := range header {
		if got := p.answer.header.Get(name); got != header.Get(name) {
			p.fail(st, "http: want %s: %s, got %q", name, header.Get(name), got)
		}
	}
	if want == "..." {
		return
	}
	wanted, err := decode([]byte(want))
	if err != nil {
		if want != p.answer.body {
			p.fail(st, "http: want %q, got %q", want, p.answer.body)
		}
		return
	}
	got, err := decode([]byte(p.answer.body))
	if err != nil {
		p.fail(st, "http: want %s, got %q", want, p.answer.body)
	}
	if differences := p.vars.match(wanted, got, "body"); len(differences) > 0 {
		p.fail(st, "http:\n  want %s\n  got  %s\n    %s", want, p.answer.body, strings.Join(differences, "\n    "))
	}
}
