package app

import (
	"reflect"
	"slices"
	"testing"

	"switchboard/internal/config"
)

// TestLimitsReachTheCore: every limit of the configuration is the core's limit
// of the same name, but those of connections.
func TestLimitsReachTheCore(t *testing.T) {
	var c config.Limits
	from := reflect.ValueOf(&c).Elem()
	for i := range from.NumField() {
		from.Field(i).SetInt(int64(1000 + i))
	}
	to := reflect.ValueOf(limits(&c))
	ofConnections := []string{"MessagesPerSecond", "MessageBurst", "Connections", "ConnectionsPerAddress"}
	for i := range from.NumField() {
		name := from.Type().Field(i).Name
		if slices.Contains(ofConnections, name) {
			continue
		}
		if f := to.FieldByName(name); !f.IsValid() || f.Int() != int64(1000+i) {
			t.Errorf("%s of the configuration does not reach the core: %v", name, f)
		}
	}
}
