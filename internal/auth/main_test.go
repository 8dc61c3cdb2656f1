package auth

import (
	"testing"

	"go.uber.org/goleak"

	"switchboard/internal/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cheap is a cost that tests can afford.
func cheap() Cost { return Cost{MemoryKiB: 8, Passes: 1, Lanes: 1} }

func wantKind(t *testing.T, what string, err error, want core.ErrorKind) {
	t.Helper()
	if got := core.KindOf(err); got != want {
		t.Errorf("%s: error %v is of kind %v, want %v", what, err, got, want)
	}
}
