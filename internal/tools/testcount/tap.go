package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// readTAP counts a run that is told in the Test Anything Protocol, as node --test
// does, by the totals in its last comments. It shows everything but the tests that
// passed.
func readTAP(in io.Reader, out io.Writer) (tally, error) {
	var t tally
	totals := map[string]*int{"# pass ": &t.passed, "# fail ": &t.failed, "# cancelled ": new(int), "# skipped ": &t.skipped, "# todo ": new(int)}
	seen := 0
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	details := false // of a failed test; those of passed ones are left out
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		switch {
		case strings.HasPrefix(text, "ok "):
			details = false
		case strings.HasPrefix(text, "not ok "):
			details = true
		}
		for prefix, count := range totals {
			if number, found := strings.CutPrefix(lines.Text(), prefix); found {
				if _, err := fmt.Sscan(number, count); err == nil {
					seen++
				}
			}
		}
		if details {
			fmt.Fprintln(out, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		return tally{}, err
	}
	t.failed += *totals["# cancelled "] + *totals["# todo "]
	if seen < 3 {
		return tally{}, fmt.Errorf("the run ended without its totals")
	}
	return t, nil
}
