package socket

import (
	"log/slog"
	"regexp"
)

// secrets finds values in JSON whose names sound as if strangers must not see
// them, and session descriptions, which hold keys. It hides rather more than
// too little. A value may end with the text, where that is cut off.
var secrets = regexp.MustCompile(`(?i)("[a-z_-]*(?:pass|secret|token|key|credential|session|auth|sdp|offer|answer)[a-z_-]*"\s*:\s*)"(?:[^"\\]|\\.)*"?`)

// mostTraced is how many bytes of a message are logged.
const mostTraced = 2 << 10

// hide makes a message fit for the log.
func hide(msg []byte) string {
	cut := ""
	if len(msg) > mostTraced {
		msg, cut = msg[:mostTraced], "…"
	}
	return string(secrets.ReplaceAll(msg, []byte(`$1"…"`))) + cut
}

// trace logs a message at level debug.
func (c *conn) trace(what string, msg []byte) {
	if c.traced { // hiding costs
		c.debug(what, "bytes", len(msg), "text", hide(msg))
	}
}

func (c *conn) debug(what string, more ...any) {
	if !c.traced {
		return
	}
	c.server.log.Debug(what, append([]any{slog.String("dialect", c.endpoint.dialect.Name), slog.Any("session", c.link.Session().ID())}, more...)...)
}
