//go:build unix

package sql

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lockDirectory waits until this process alone holds the directory. The lock is
// on the directory, because a lock file would be litter and the database file
// must not be opened beside SQLite. It ends with the process, however that ends.
func lockDirectory(ctx context.Context, dir string) (unlock func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(os.NewSyscallError("flock", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
