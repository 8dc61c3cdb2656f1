package sql

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/store"
)

// crashEnv names the store that a child process writes to until it is killed.
const crashEnv = "SWITCHBOARD_TEST_CRASH_STORE"

// writeUntilKilled creates users from several goroutines and says each on
// standard output after the store has acknowledged it. Users come in pairs, in
// one transaction, so that half a transaction would be seen.
func writeUntilKilled(path string) {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	if _, err := s.CreateRealm(ctx, store.Realm{ID: "one"}); err != nil && !errors.Is(err, store.ErrConflict) {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	var say sync.Mutex // a line at a time
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)
				err := s.Within(ctx, func(tx store.Records) error {
					for _, half := range []string{"a", "b"} {
						if _, err := tx.CreateUser(ctx, store.User{Realm: "one", ID: id + half}); err != nil {
							return err
						}
					}
					return nil
				})
				say.Lock()
				if err != nil {
					fmt.Println("error:", err)
				} else {
					fmt.Println(id)
				}
				say.Unlock()
			}
		}()
	}
	select {}
}

// What was acknowledged before a process was killed is there afterwards, and
// nothing is there by halves.
func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "switchboard.db")
	acknowledged := make(map[string]bool)
	for round := range 8 {
		for _, id := range writeAndKill(t, path, 10+round*7) {
			acknowledged[id] = true
		}

		s := openStore(t, path)
		users, err := s.Users(t.Context(), store.Filter{Realm: "one"})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		halves := make(map[string]int)
		for _, u := range users {
			halves[u.ID[:len(u.ID)-1]]++
		}
		for id := range acknowledged {
			if halves[id] != 2 {
				t.Errorf("round %d: of the acknowledged pair %s there are %d", round, id, halves[id])
			}
		}
		for id, n := range halves {
			if n != 2 {
				t.Errorf("round %d: of pair %s there are %d", round, id, n)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("round %d: close: %v", round, err)
		}
	}
}

// writeAndKill runs a writing process, kills it after so many acknowledgements,
// and returns all that it managed to say.
func writeAndKill(t *testing.T, path string, after int) (ids []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "error:") {
			t.Error("the writing process:", lines.Text())
			break
		}
		ids = append(ids, lines.Text())
		if len(ids) == after {
			_ = cmd.Process.Kill() // SIGKILL; reading goes on to the end of what it said
		}
	}
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		t.Error("the writing process ended by itself")
	}
	if len(ids) < after {
		t.Fatalf("the writing process acknowledged %d, want %d", len(ids), after)
	}
	return ids
}
