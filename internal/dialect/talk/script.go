package talk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// verb says what a statement does.
type verb uint8

const (
	says     verb = iota + 1 // alice> text: the client sends a message
	hears                    // alice< json: the client is sent a message
	does                     // alice: …: something happens to the connection
	waits                    // wait 3s
	requests                 // http> GET /path, with headers on indented lines
	replies                  // http< 200 body
)

// statement is one line of a transcript, with the indented lines below it.
type statement struct {
	at    int // line, from 1
	verb  verb
	who   string
	text  string        // the rest of the line, continued lines joined by line ends
	want  any           // parsed text of hears; numbers are json.Number
	pause time.Duration // of waits
}

// script is a transcript that was read.
type script struct {
	path       string
	settings   map[string]string // of the line "settings: name=value …"
	statements []statement
}

func (s *script) has(which func(statement) bool) bool {
	return slices.ContainsFunc(s.statements, which)
}

// virtual tells whether the script can be played in memory only.
func (s *script) virtual() bool {
	return s.has(func(st statement) bool {
		switch st.who {
		case "server":
			return true
		case "media": // what happens before the answer is known to have happened only in virtual time
			return strings.HasPrefix(st.text, "hold") || strings.HasPrefix(st.text, "delay")
		}
		return st.verb == waits || (st.verb == requests && strings.Contains(st.text, "\nFrom:"))
	})
}

var (
	spoken = regexp.MustCompile(`^([a-z][a-z0-9_-]*)([<>:])[ \t]*(.*)$`)
	pause  = regexp.MustCompile(`^wait[ \t]+(\S+)$`)
)

// read reads a transcript file. Every error names file and line.
func read(path string) (*script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, string(text))
}

func parse(path, text string) (*script, error) {
	s := &script{path: path, settings: map[string]string{}}
	var open *statement // may be continued
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "":
			open = nil
		case strings.TrimLeft(line, " \t")[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if open == nil {
				return nil, fmt.Errorf("%s:%d: an indented line continues nothing", path, n)
			}
			open.text += "\n" + strings.TrimSpace(line)
		default:
			st, err := parseLine(line)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, n, err)
			}
			st.at = n
			s.statements = append(s.statements, st)
			open = &s.statements[len(s.statements)-1]
		}
	}
	return s, s.finish()
}

func parseLine(line string) (statement, error) {
	if m := pause.FindStringSubmatch(line); m != nil {
		d, err := time.ParseDuration(m[1])
		return statement{verb: waits, pause: d}, err
	}
	m := spoken.FindStringSubmatch(line)
	if m == nil {
		return statement{}, fmt.Errorf("%q is no statement", line)
	}
	st := statement{who: m[1], text: m[3]}
	switch {
	case m[1] == "http" && m[2] == ">":
		st.verb = requests
	case m[1] == "http" && m[2] == "<":
		st.verb = replies
	case m[2] == ">":
		st.verb = says
	case m[2] == "<":
		st.verb = hears
	default:
		st.verb = does
	}
	return st, nil
}

// finish parses what is expected and takes the settings out.
func (s *script) finish() error {
	rest := s.statements[:0]
	for _, st := range s.statements {
		if st.verb == does && st.who == "settings" {
			for field := range strings.FieldsSeq(st.text) {
				name, value, _ := strings.Cut(field, "=")
				s.settings[name] = value
			}
			continue
		}
		if st.verb == hears {
			var err error
			if st.want, err = decode([]byte(st.text)); err != nil {
				return fmt.Errorf("%s:%d: expected message: %w", s.path, st.at, err)
			}
		}
		rest = append(rest, st)
	}
	s.statements = rest
	return nil
}

// decode parses exactly one JSON value and keeps numbers as they are written.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}
