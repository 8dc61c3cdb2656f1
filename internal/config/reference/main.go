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
	out := flag.String("out", "docs/operate/configuration.md", "page to write; - for standard output")
	flag.Parse() // then the files with the configuration structure
	if err := run(flag.Args(), *out); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(sources []string, out string) error {
	var texts [][]byte
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	page, err := render(texts...)
	if err != nil {
		return err
	}
	if out == "-" {
		_, err = os.Stdout.Write(page)
		return err
	}
	return os.WriteFile(out, page, 0o644)
}
