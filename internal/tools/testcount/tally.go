package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// tally counts tests, subtests among them.
type tally struct{ passed, failed, skipped int }

// ok tells whether something was run and nothing failed.
func (t tally) ok() bool { return t.failed == 0 && t.passed > 0 }

func (t tally) String() string {
	text := fmt.Sprintf("%d passed, %d failed", t.passed, t.failed)
	if t.skipped > 0 {
		text += fmt.Sprintf(", %d skipped", t.skipped)
	}
	return text
}

// addUp prints the lines of a file of counts and, last, their sum without the
// skipped: "all: 12 passed, 0 failed".
func addUp(out io.Writer, file string) (ok bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	var sum tally
	ok = true
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, counts, found := strings.Cut(lines.Text(), ": ")
		var t tally
		if _, err := fmt.Sscanf(counts, "%d passed, %d failed", &t.passed, &t.failed); err != nil || !found {
			return false, fmt.Errorf("%s holds a line without counts: %q", file, lines.Text())
		}
		fmt.Fprintf(out, "%-12s %s\n", name, counts)
		sum.passed += t.passed
		sum.failed += t.failed
		ok = ok && t.ok()
	}
	fmt.Fprintf(out, "all: %s\n", sum)
	return ok && sum.ok(), lines.Err()
}
