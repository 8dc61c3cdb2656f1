package app

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"switchboard/internal/config"
	"switchboard/internal/dialect"
)

// TestAnnounceAddressesOfOneDialect: an address says "any path" only where all
// paths are alike.
func TestAnnounceAddressesOfOneDialect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)
	c := config.Default()
	c.TrustedProxies = []string{"192.0.2.1"} // so nobody is named to sign in as
	spoken := []spoken{{dialect: dialect.Dialect{Name: "one", Paths: []string{"/one"}}},
		{dialect: dialect.Dialect{Name: "two", Paths: []string{"/two/a/"}}}, {dialect: dialect.Dialect{Name: "two", Paths: []string{"/two/b/"}}}}
	for name, want := range map[string]string{
		"one": "  one        ws://" + at + "/ (any path)\n",
		"two": "  two        ws://" + at + "/two/a/\n  two        ws://" + at + "/two/b/\n",
	} {
		var out strings.Builder
		s := &server{Options: Options{Config: c, Log: slog.New(slog.DiscardHandler), Out: &out}, spoken: spoken,
			webs: []*web{{Listen: config.Listen{Dialect: name}, listener: l}}}
		s.announce()
		if !strings.Contains(out.String(), ".\n"+want+"  media") {
			t.Errorf("an address of %s is announced as\n%s\nwant\n%s", name, out.String(), want)
		}
	}
}
