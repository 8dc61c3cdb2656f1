// Package talk plays transcripts: files in which a protocol's conversations are
// written down as they go over the wire, message by message. A file is played
// in memory, with the real core and a fake media engine, in virtual time; and
// the same file over WebSockets against a whole server.
//
// One goroutine plays a file. The package must not know any particular
// protocol, except that messages are JSON.
//
// A transcript has these lines; an indented line continues the one above it,
// and a line that begins with # is a comment:
//
//	settings: name=value …       what the server is built with; see Build
//	alice: open [/path][?query]  opens a connection; the first alice> does too
//	alice> text                  alice sends the text, $name filled in
//	alice< json                  the next thing alice is sent, see below
//	alice: skip N                takes the next N messages, whatever they are
//	alice: repeats N text        sends the text N times
//	alice: sends N bytes         sends so many letters
//	alice: close [code]          alice says goodbye
//	alice: cut                   alice's connection breaks
//	alice: closed CODE [reason]  the server has ended the connection
//	wait 3s                      time passes
//	server: close-room ROOM | evict ROOM NAME | stop
//	http> METHOD /path           with headers, and a body after "body:", on
//	                             continued lines; From: is the peer's address
//	http< STATUS [body]          body as JSON where it is JSON, with headers
//	                             on continued lines before "body:"
//	media: …                     the fake engine; transports are T1, T2, … in
//	                             the order of opening
//	  hold | release | delay 2s | fail TEXT | break TEXT
//	  T1 connected | failed REASON | goodbye | talks | silent | found MID LINE CANDIDATE
//	  T1 receives T2/0 T2/1 | receives nothing | data T2 | data nothing
//	  T1 candidates N | open | closed | kbps N
//	  opened N
//
// In an expected message the string "$name" binds a value or compares it with
// what was bound, "..." stands for any value, and a key "..." for any further
// keys; everything else must be the same. Whatever is sent and not mentioned
// fails the transcript. Bound from the start are the offers of [Offer]:
// $offer_send, $offer_recv, $offer_both, $offer_sound and $offer_data.
package talk

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/media/mediatest"
)

// Build makes the server that one transcript is played on; settings are the
// transcript's. It is called inside the transcript's synctest bubble, and the
// hub it makes takes its engine from e.Start.
type Build func(t testing.TB, settings map[string]string, e *mediatest.Engine) Server

// Play plays every transcript that the pattern names, each as a subtest on a
// server of its own, in memory and in virtual time. Afterwards every connection
// is ended, and nothing may be left in the server.
func Play(t *testing.T, pattern string, build Build) {
	each(t, pattern, func(t *testing.T, s *script) {
		synctest.Test(t, func(t *testing.T) {
			e := &mediatest.Engine{}
			srv := build(t, s.settings, e)
			p := newPlayer(t, s, newMemory(srv, e))
			t.Cleanup(func() { finish(t, p, srv, e) })
			p.play()
		})
	})
}

// finish ends what is left of a transcript and looks for leaks.
func finish(t *testing.T, p *player, srv Server, e *mediatest.Engine) {
	e.Release()
	p.hangUp()
	time.Sleep(srv.Hub.Limits().DetachedFor + time.Second) // until sessions without a connection are given up
	synctest.Wait()
	if !t.Failed() {
		LeftOver(t, srv, e)
	}
	if err := srv.Hub.Close(); err != nil {
		t.Errorf("close the hub: %v", err)
	}
}

// LeftOver fails the test if the server holds anything although every client
// has gone.
func LeftOver(t testing.TB, srv Server, e *mediatest.Engine) {
	t.Helper()
	c := srv.Hub.Counts()
	c.Overflows = 0
	persistent := 0
	for _, r := range srv.Hub.Admin().Rooms("default") {
		if r.Policy.Persistent {
			persistent++
		}
	}
	c.Rooms -= persistent
	if c != (core.Counts{}) || e.Opened() != 0 {
		t.Errorf("left over when everybody had gone: %+v, %d transports of the engine", c, e.Opened())
	}
}

// Address says where a running server is.
type Address struct {
	// Socket is the URL of the WebSocket, for example ws://127.0.0.1:8080/room.
	Socket string
	// Engine is the server's media engine if it is the fake one, else nil. Without
	// it what a transcript expects of the engine is passed over.
	Engine *mediatest.Engine
	// Ignore tells of messages that this server sends when it likes, such as
	// candidates of a real media engine; nil for none.
	Ignore func(message []byte) bool
}

// PlayOver plays the transcripts over WebSockets in real time, each on the
// server that start names. Transcripts that need virtual time, the server's own
// hand, a peer elsewhere, or a fake engine where there is none, are skipped; so
// is one for which start tells false, because it cannot serve these settings.
func PlayOver(t *testing.T, pattern string, start func(t *testing.T, settings map[string]string) (Address, bool)) {
	each(t, pattern, func(t *testing.T, s *script) {
		if s.virtual() {
			t.Skip("needs virtual time, the server's own hand, or a peer elsewhere")
		}
		address, ok := start(t, s.settings)
		if !ok || (address.Engine == nil && s.has(statement.drivesEngine)) {
			t.Skip("this server cannot play it")
		}
		p := newPlayer(t, s, &sockets{address: address})
		t.Cleanup(p.hangUp)
		p.play()
	})
}

func each(t *testing.T, pattern string, f func(*testing.T, *script)) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcript matches %s: %v", pattern, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".talk"), func(t *testing.T) {
			s, err := read(path)
			if err != nil {
				t.Fatal(err)
			}
			f(t, s)
		})
	}
}
