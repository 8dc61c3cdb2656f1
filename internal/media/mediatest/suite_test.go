package mediatest_test

import (
	"testing"

	"switchboard/internal/media"
	"switchboard/internal/media/mediatest"
)

// TestContract: the fake keeps the contract too, or tests with it would prove
// nothing.
func TestContract(t *testing.T) {
	mediatest.Contract(t, func(t *testing.T, sink media.Sink) media.Engine {
		e, err := new(mediatest.Engine).Start(sink)
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}
