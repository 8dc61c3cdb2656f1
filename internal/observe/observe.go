// Package observe owns what the server tells about itself: the form of its log,
// the registry of its metrics, its health, and its profiles.
//
// app makes one of each and passes them on; nothing here is global, and slog's
// and Prometheus' own defaults are not touched. Loggers, registries and Health
// may be used by any goroutine. The package must not know any part that it
// observes: parts register their own metrics and checks.
package observe

import (
	"fmt"
	"io"
	"log/slog"
)

// LogOptions says how much is logged and in which form.
type LogOptions struct {
	Level  string // "debug", "info", "warn" or "error"
	Format string // "text" or "json"
}

// NewLogger makes a logger that writes to w, one line a record.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.Level)); err != nil {
		return nil, fmt.Errorf("log level %q: %w", o.Level, err)
	}
	options := &slog.HandlerOptions{Level: level}
	switch o.Format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q is not known", o.Format)
}
