package rtc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog passes Pion's messages on at level debug: what matters of them to an
// operator is said by the engine. Where debug is off they cost a comparison.
type pionLog struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (l *pionLog) NewLogger(scope string) logging.LeveledLogger { return scopedLog{l.log, scope} }

type scopedLog struct {
	log   *slog.Logger
	scope string
}

func (l scopedLog) on() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }

func (l scopedLog) say(level, message string) {
	if l.on() {
		l.log.Debug("pion", "scope", l.scope, "level", level, "message", message)
	}
}

func (l scopedLog) sayf(level, format string, arguments []any) {
	if l.on() {
		l.log.Debug("pion", "scope", l.scope, "level", level, "message", fmt.Sprintf(format, arguments...))
	}
}

func (l scopedLog) Trace(string)                      {}
func (l scopedLog) Tracef(string, ...any)             {}
func (l scopedLog) Debug(m string)                    { l.say("debug", m) }
func (l scopedLog) Debugf(f string, arguments ...any) { l.sayf("debug", f, arguments) }
func (l scopedLog) Info(m string)                     { l.say("info", m) }
func (l scopedLog) Infof(f string, arguments ...any)  { l.sayf("info", f, arguments) }
func (l scopedLog) Warn(m string)                     { l.say("warn", m) }
func (l scopedLog) Warnf(f string, arguments ...any)  { l.sayf("warn", f, arguments) }
func (l scopedLog) Error(m string)                    { l.say("error", m) }
func (l scopedLog) Errorf(f string, arguments ...any) { l.sayf("error", f, arguments) }
