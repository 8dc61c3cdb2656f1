package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of go test -json; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string // of a package that was built
	FailedBuild                   string
	Elapsed                       float64
}

// goRun follows one run of go test.
type goRun struct {
	out    io.Writer
	tally  tally
	output map[string]*strings.Builder // what a test or package has printed
	failed map[string]int              // failed tests of a package
	open   map[string]bool             // packages begun and not ended
}

// readGo counts a run of go test -json. It prints what failing tests printed, the
// reasons of skipped ones, and a line for each package. A package that fails
// without a failing test (it does not build, or it panics, or runs out of time)
// counts as one failure, as does one whose end is missing.
func readGo(in io.Reader, out io.Writer) (tally, error) {
	r := &goRun{out: out, output: map[string]*strings.Builder{}, failed: map[string]int{}, open: map[string]bool{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
				r.take(e)
			} else {
				fmt.Fprint(out, line) // the go command's own words
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return tally{}, err
		}
	}
	for name := range r.open {
		r.tally.failed++
		fmt.Fprintf(out, "FAIL %s: the run ended before the package did\n", name)
	}
	return r.tally, nil
}

func (r *goRun) take(e event) {
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "start":
		r.open[e.Package] = true
	case "output":
		if r.output[key] == nil {
			r.output[key] = &strings.Builder{}
		}
		r.output[key].WriteString(e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test != "" {
			r.test(e, key)
		} else {
			r.ended(e, key)
		}
		delete(r.output, key)
	}
}

func (r *goRun) said(key string) string {
	if text := r.output[key]; text != nil {
		return text.String()
	}
	return ""
}

func (r *goRun) test(e event, key string) {
	switch e.Action {
	case "pass":
		r.tally.passed++
	case "skip":
		r.tally.skipped++
		fmt.Fprintf(r.out, "skip %s %s: %s\n", e.Package, e.Test, reason(r.said(key)))
	case "fail":
		r.tally.failed++
		r.failed[e.Package]++
		fmt.Fprintf(r.out, "FAIL %s %s\n%s", e.Package, e.Test, r.said(key))
	}
}

// reason finds in the output of a skipped test why it was.
func reason(output string) string {
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}

func (r *goRun) ended(e event, key string) {
	delete(r.open, e.Package)
	switch {
	case e.Action == "skip":
		return // no test files
	case e.Action == "fail" && r.failed[e.Package] == 0:
		r.tally.failed++
		fmt.Fprintf(r.out, "FAIL %s\n%s", e.Package, r.said(key))
		r.unfinished(e.Package)
	case e.Action == "fail":
		fmt.Fprintf(r.out, "FAIL %s (%.1fs)\n", e.Package, e.Elapsed)
	default:
		fmt.Fprintf(r.out, "ok   %s (%.1fs)\n", e.Package, e.Elapsed)
	}
}

// unfinished prints what tests said that were running when their package ended:
// the panic is among it.
func (r *goRun) unfinished(name string) {
	for key, text := range r.output {
		if pkg, test, _ := strings.Cut(key, "\x00"); pkg == name && test != "" {
			fmt.Fprintf(r.out, "unfinished %s\n%s", test, text)
		}
	}
}
