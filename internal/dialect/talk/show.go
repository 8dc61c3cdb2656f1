package talk

import (
	"bytes"
	"encoding/json"
)

const mostShown = 1500 // bytes of a value in a failure

// show writes a value as JSON, shortened.
func show(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return shorten(bytes.TrimSpace(b.Bytes()))
}

func shorten(text []byte) string {
	if len(text) > mostShown {
		return string(text[:mostShown]) + "…"
	}
	return string(text)
}
