// Command reference writes docs/operate/configuration.md from the comments and
// defaults of package config, so that page and program cannot disagree.
//
// It runs at `make generate` only and must know nothing but package config.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	source := flag.String("source", "internal/config/config.go", "file with the configuration structure")
	out := flag.String("out", "docs/operate/configuration.md", "page to write; - for standard output")
	flag.Parse()
	if err := run(*source, *out); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(source, out string) error {
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	page, err := render(text)
	if err != nil {
		return err
	}
	if out == "-" {
		_, err = os.Stdout.Write(page)
		return err
	}
	return os.WriteFile(out, page, 0o644)
}
