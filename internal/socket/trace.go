package socket

import (
	"bytes"
	"log/slog"
	"regexp"
)

// secrets finds values in JSON whose names sound as if strangers must not see
// them, and session descriptions, which hold keys. It hides rather more than
// too little. A value may end with the text, where that is cut off.
var secrets = regexp.MustCompile(`(?i)("[a-z_-]*(?:pass|secret|token|key|credential|session|auth|sdp|offer|answer)[a-z_-]*"\s*:\s*)"(?:[^"\\]|\\.)*"?`)

// mostTraced is how many bytes of a message are logged.
const mostTraced = 2 << 10

// hide makes a message fit for the log. key is the session's own, which dialects
// also say within sentences.
func hide(msg []byte, key string) string {
	if key != "" { // before the cut, which could leave half of it
		msg = bytes.ReplaceAll(msg, []byte(key), []byte("…"))
	}
	cut := ""
	if len(msg) > mostTraced {
		msg, cut = msg[:mostTraced], "…"
	}
	return string(secrets.ReplaceAll(msg, []byte(`$1"…"`))) + cut
}

// trace logs a message at level debug.
func (c *conn) trace(what string, msg []byte) {
	if c.traced { // hiding costs
		c.debug(what, "bytes", len(msg), "text", hide(msg, string(c.link.Session().Key())))
	}
}

func (c *conn) debug(what string, more ...any) {
	if !c.traced {
		return
	}
	c.server.log.Debug(what, append([]any{slog.String("dialect", c.endpoint.dialect.Name), slog.Any("session", c.link.Session().ID())}, more...)...)
}
