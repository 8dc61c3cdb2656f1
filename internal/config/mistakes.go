package config

import (
	"fmt"
	"strings"
)

// Mistake is one thing wrong with a configuration.
type Mistake struct {
	// Path names the option, such as "media.turn.realm"; empty if the whole file
	// is wrong.
	Path string
	// Text says what is wrong and what to write instead. It never holds a secret.
	Text string
	// Where names the place the value came from ("switchboard.yaml:12",
	// "SWITCHBOARD_DATA", "--set data"); empty for a default.
	Where string
	// Excerpt is the line of the file with a caret under the place, or empty.
	Excerpt string
}

// Mistakes is the error of Load and Check: everything that is wrong, at once.
type Mistakes []Mistake

// Error lists all mistakes, one paragraph each.
func (m Mistakes) Error() string {
	var b strings.Builder
	if len(m) == 1 {
		b.WriteString("1 mistake in the configuration:")
	} else {
		fmt.Fprintf(&b, "%d mistakes in the configuration:", len(m))
	}
	for _, mistake := range m {
		b.WriteString("\n\n")
		b.WriteString(mistake.String())
	}
	return b.String()
}

// String gives the mistake as "where: path: text", and the excerpt below it.
func (m Mistake) String() string {
	var parts []string
	for _, part := range []string{m.Where, m.Path, m.Text} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := strings.Join(parts, ": ")
	if m.Excerpt != "" {
		text += "\n" + m.Excerpt
	}
	return text
}

// place is where a value was written.
type place struct{ where, excerpt string }

// document is one YAML text, kept to show its lines in mistakes.
type document struct {
	name  string
	lines []string
}

func newDocument(name string, text []byte) document {
	return document{name, strings.Split(string(text), "\n")}
}

// at makes the place of a line and column, both from 1. The value on the line is
// left out when hide is set or the line sounds like a secret's.
func (d document) at(line, column int, hide bool) place {
	p := place{where: fmt.Sprintf("%s:%d", d.name, line)}
	if line < 1 || line > len(d.lines) {
		return p
	}
	text := strings.TrimRight(d.lines[line-1], "\r")
	key, _, isPair := strings.Cut(text, ":")
	if isPair && (hide || soundsSecret(text)) {
		text = key + ": …"
	} else if !isPair && hide {
		text = "…"
	}
	margin := fmt.Sprintf("%5d | ", line)
	column = min(max(column, 1), len([]rune(text))+1)
	p.excerpt = margin + text + "\n" + strings.Repeat(" ", len(margin)+column-1) + "^"
	return p
}

func soundsSecret(line string) bool {
	line = strings.ToLower(line)
	for _, word := range []string{"secret", "token", "password", "url", "key"} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}
