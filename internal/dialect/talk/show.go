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
	return shorten(bytes.TrimSpace(b.Bytes()), mostShown)
}

func shorten(text []byte, most int) string {
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
