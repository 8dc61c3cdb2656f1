package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stream makes lines of go test -json from "action package test output".
func stream(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		f := strings.SplitN(line+"   ", " ", 4)
		fmt.Fprintf(&b, "{%q:%q,%q:%q,%q:%q,%q:%q}\n", "Action", f[0], "Package", f[1], "Test", f[2], "Output", strings.TrimSpace(f[3]))
	}
	return b.String()
}

func TestCountsOfGoTest(t *testing.T) {
	for name, row := range map[string]struct {
		in    string
		want  tally
		ok    bool
		shown string // must be printed
	}{
		"all pass": {stream("start a", "pass a T1", "pass a T1/sub", "pass a"), tally{2, 0, 0}, true, "ok   a"},
		"one fails": {stream("start a", "pass a T1", "output a T2 got_1", "fail a T2", "fail a"),
			tally{1, 1, 0}, false, "FAIL a T2\ngot_1"},
		"skipped with a reason": {stream("start a", "pass a T1", "output a T2 x_test.go:1:_gap", "skip a T2", "pass a"),
			tally{1, 0, 1}, true, "skip a T2: x_test.go:1:_gap"},
		"no test files":  {stream("start b", "skip b", "start a", "pass a T", "pass a"), tally{1, 0, 0}, true, ""},
		"nothing is run": {stream("start a", "pass a"), tally{0, 0, 0}, false, ""},
		"does not build": {`{"ImportPath":"a","Action":"build-output","Output":"a.go:1: undefined"}` + "\n" + stream("start a", "fail a"),
			tally{0, 1, 0}, false, "undefined"},
		"panics": {stream("start a", "pass a T1", "output a T2 panic:_boom", "output a  exit_status_2", "fail a"),
			tally{1, 1, 0}, false, "panic:_boom"},
		"killed":          {stream("start a", "pass a T1"), tally{1, 1, 0}, false, "ended before"},
		"the go command":  {"go: no such module\n", tally{0, 0, 0}, false, "go: no such module"},
		"last line alone": {strings.TrimSpace(stream("start a", "pass a T", "pass a")), tally{1, 0, 0}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			got, err := readGo(strings.NewReader(row.in), &out)
			if err != nil || got != row.want || got.ok() != row.ok {
				t.Errorf("got %v, ok %t, error %v; want %v, %t", got, got.ok(), err, row.want, row.ok)
			}
			if !strings.Contains(out.String(), row.shown) {
				t.Errorf("%q is not shown in:\n%s", row.shown, out.String())
			}
		})
	}
}

func TestCountsOfTAP(t *testing.T) {
	totals := "# tests 3\n# pass %d\n# fail %d\n# cancelled %d\n# skipped 1\n# todo 0\n"
	for name, row := range map[string]struct {
		in   string
		want tally
		ok   bool
	}{
		"pass":      {"ok 1 - a\n" + fmt.Sprintf(totals, 3, 0, 0), tally{3, 0, 1}, true},
		"fail":      {"not ok 1 - a\n" + fmt.Sprintf(totals, 2, 1, 0), tally{2, 1, 1}, false},
		"cancelled": {fmt.Sprintf(totals, 2, 0, 1), tally{2, 1, 1}, false},
	} {
		got, err := readTAP(strings.NewReader(row.in), &strings.Builder{})
		if err != nil || got != row.want || got.ok() != row.ok {
			t.Errorf("%s: got %v, ok %t, error %v; want %v", name, got, got.ok(), err, row.want)
		}
	}
	if _, err := readTAP(strings.NewReader("ok 1 - a\n"), &strings.Builder{}); err == nil {
		t.Error("a run that was cut off is accepted")
	}
}

func TestSum(t *testing.T) {
	file := filepath.Join(t.TempDir(), "counts")
	steps := []struct {
		name, in string
		ok       bool
	}{
		{"unit", stream("start a", "pass a T1", "pass a T2", "skip a T3", "pass a"), true},
		{"store", stream("start a", "pass a T1", "pass a"), true},
	}
	for _, step := range steps {
		if ok, err := run(strings.NewReader(step.in), &strings.Builder{}, step.name, "go", file, ""); err != nil || ok != step.ok {
			t.Fatalf("%s: ok %t, error %v", step.name, ok, err)
		}
	}
	var out strings.Builder
	ok, err := run(nil, &out, "", "", "", file)
	want := "unit         2 passed, 0 failed, 1 skipped\nstore        1 passed, 0 failed\nall: 3 passed, 0 failed\n"
	if diff := cmp.Diff(want, out.String()); !ok || err != nil || diff != "" {
		t.Errorf("ok %t, error %v, (-want +got):\n%s", ok, err, diff)
	}

	if _, err := run(strings.NewReader(stream("start a", "pass a")), &strings.Builder{}, "empty", "go", file, ""); err != nil {
		t.Fatal(err)
	}
	if ok, _ := run(nil, &strings.Builder{}, "", "", "", file); ok {
		t.Error("the sum is fine though one run ran nothing")
	}
	for name, text := range map[string]string{"no counts": "unit: none\n", "": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if ok, _ := run(nil, &strings.Builder{}, "", "", "", file); ok {
			t.Errorf("%q is fine", name)
		}
	}
}
