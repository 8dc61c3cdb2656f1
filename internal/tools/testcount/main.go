// Command testcount turns what test programs print into counts that can be
// trusted, and fails when a test failed.
//
//	go test -json ./... | testcount -name unit -file .test/counts
//	node --test --test-reporter=tap … | testcount -name ui -format tap -file .test/counts
//	testcount -sum .test/counts
//
// The first two read one run from standard input, show what failed as it comes,
// and add a line for the run to the file. The last adds the lines up. All exit
// with 1 when something failed, or when nothing was run at all.
//
// It runs in the Makefile only and knows nothing of the server.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	name := flag.String("name", "tests", "what is run, for the summary")
	format := flag.String("format", "go", "what is read: go (go test -json) or tap")
	file := flag.String("file", "", "file to add the counts of this run to")
	sum := flag.String("sum", "", "add up the counts in this file, and read nothing")
	flag.Parse()
	ok, err := run(os.Stdin, os.Stdout, *name, *format, *file, *sum)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, name, format, file, sum string) (ok bool, err error) {
	if sum != "" {
		return addUp(out, sum)
	}
	var t tally
	switch format {
	case "go":
		t, err = readGo(in, out)
	case "tap":
		t, err = readTAP(in, out)
	default:
		err = fmt.Errorf("format %q is not known", format)
	}
	if err != nil {
		return false, err
	}
	line := fmt.Sprintf("%s: %s\n", name, t)
	fmt.Fprint(out, line)
	if file != "" {
		if err := appendLine(file, line); err != nil {
			return false, err
		}
	}
	return t.ok(), nil
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
