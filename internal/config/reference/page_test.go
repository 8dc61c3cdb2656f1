package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/internal/config"

	"github.com/google/go-cmp/cmp"
)

func TestPageIsCurrent(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page")
	if err := run([]string{"../config.go", "../dialects.go"}, page); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/operate/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/operate/configuration.md is old; run make generate (-want +got):\n%s", diff)
	}
	for _, option := range config.Options() {
		if !strings.Contains(string(got), "| `"+option+"` |") {
			t.Errorf("the page does not name %s", option)
		}
	}
}

func TestExampleOfThePageIsAccepted(t *testing.T) {
	_, rest, _ := strings.Cut(intro, "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	path := filepath.Join(t.TempDir(), "example.yaml")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, nil, nil); err != nil {
		t.Error(err)
	}
}

func TestFieldWithoutCommentIsAnError(t *testing.T) {
	if _, err := render([]byte("package config\ntype Config struct { Data string }")); err == nil {
		t.Error("accepted")
	}
}
