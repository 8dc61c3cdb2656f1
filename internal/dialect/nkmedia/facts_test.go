package nkmedia_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// transcripts is the text of all of them.
func transcripts(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.talk")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// TestEveryCaseIsPlayed looks for the conformance cases of dossier 7.3 in the
// comments of transcripts, beside what plays them.
func TestEveryCaseIsPlayed(t *testing.T) {
	const cases = 49
	played := map[int]bool{}
	for _, found := range regexp.MustCompile(`(?m)^#.*\bcase (\d+):`).FindAllStringSubmatch(transcripts(t), -1) {
		for _, one := range regexp.MustCompile(`\bcase (\d+):`).FindAllStringSubmatch(found[0], -1) {
			n, err := strconv.Atoi(one[1])
			if err != nil || n < 1 || n > cases {
				t.Errorf("there is no case %s", one[1])
			}
			played[n] = true
		}
	}
	for n := 1; n <= cases; n++ {
		if !played[n] {
			t.Errorf("case %d is in no transcript", n)
		}
	}
}

// TestEveryCommandIsPlayed looks for each command, under each of its names.
func TestEveryCommandIsPlayed(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := transcripts(t)
	found := 0
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			all += string(text)
			continue
		}
		for _, key := range regexp.MustCompile(`"(core|media)/(\w+)/([\w-]+)":`).FindAllStringSubmatch(string(text), -1) {
			found++
			class, sub, cmd := key[1], key[2], key[3]
			asked := regexp.MustCompile(`"class":"` + class + `",("subclass":"` + sub + `",)?"cmd":"` + cmd + `"`)
			called := regexp.MustCompile(class + `\("` + sub + `", "` + cmd + `"`)
			internal := cmd == "link" || cmd == "part" || cmd == "set_master_answer" // see bridge.talk and links.talk
			if !internal && !asked.MatchString(all) && !called.MatchString(all) {
				t.Errorf("%s/%s/%s is in no transcript", class, sub, cmd)
			}
		}
	}
	if found < 70 {
		t.Errorf("only %d commands found", found)
	}
}

// TestEveryErrorIsPlayed looks for each error by its name, or by its text where
// it is a reason for an end.
func TestEveryErrorIsPlayed(t *testing.T) {
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	// What cannot be caused by a transcript, and why.
	elsewhere := map[string]string{
		"internal_error": "the server's own failure",
	}
	all := transcripts(t)
	found := regexp.MustCompile(`(?m)^\t"(\w+)": +\{"([^"]*)"`).FindAllStringSubmatch(string(source), -1)
	if len(found) < 50 {
		t.Fatalf("only %d errors found", len(found))
	}
	for _, e := range found {
		text, _, _ := strings.Cut(e[2], "%s")
		if elsewhere[e[1]] == "" && !strings.Contains(all, `"name":"`+e[1]+`"`) && !strings.Contains(all, `"reason":"`+text) {
			t.Errorf("%s (%s) is in no transcript", e[1], e[2])
		}
	}
}
